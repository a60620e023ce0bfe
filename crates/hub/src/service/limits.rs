//! How much may wait for one recipient and of one sender, and who still finds room. Decided purely.
//!
//! FLASH has a queue of its own for each recipient, of an eighth of the limit, beside that of all other mail: neither is counted
//! with the other. The first half of each is for whoever comes, and of the other half every agency has the same share. So no
//! mail of others, of whatever lane, takes anybody's share away.

use sealpost_server::pool::Lane;

/// How much the services take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Deliveries that may wait for one recipient, and an eighth as many of FLASH beside them.
    pub backlog: usize,
    /// Bytes of bodies that may wait of one sender, each once for every recipient; of FLASH an eighth more.
    pub sender_bytes: u64,
}

impl Limits {
    /// Whether the queue of a lane in which so many deliveries wait, so many of them of the sender, takes one more of it.
    pub(super) fn queue_takes(self, lane: Lane, agencies: usize, all: usize, own: usize) -> bool {
        let most = match lane {
            Lane::Express => self.backlog / 8,
            Lane::Ordinary => self.backlog,
        };
        let half = most / 2;
        let own_deliveries = (half / agencies.max(1)).max(1);
        all < most && (all < half || own < own_deliveries)
    }

    /// Whether a sender of whom so many bytes wait, so many of them for the recipient, may have more wait for it. Of little
    /// that waits for one recipient none is refused: one who fetches nothing bars nobody else's mail.
    pub(super) fn sender_may(self, lane: Lane, held: u64, for_recipient: u64) -> bool {
        let Self { sender_bytes, .. } = self;
        let most = match lane {
            Lane::Express => sender_bytes.saturating_add(sender_bytes / 8),
            Lane::Ordinary => sender_bytes,
        };
        held < most || for_recipient < (sender_bytes / 64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    proptest! {
        /// Agencies submit and recipients settle, at will; whoever comes then finds its share.
        #[test]
        fn whatever_others_did_every_agency_finds_its_share(
            backlog in 8_usize..400,
            agencies in 1_usize..12,
            flash: bool,
            acts in vec((any::<Index>(), any::<bool>(), 1_usize..60), 0..200),
        ) {
            let limits = Limits { backlog, sender_bytes: u64::MAX };
            let (lane, most) = if flash { (Lane::Express, backlog / 8) } else { (Lane::Ordinary, backlog) };
            let mut own = vec![0_usize; agencies];
            let submit = |own: &mut [usize], at: usize| {
                own[at] += usize::from(limits.queue_takes(lane, agencies, own.iter().sum(), own[at]));
            };
            for (agency, settles, count) in &acts {
                let at = agency.index(agencies);
                if *settles {
                    own[at] = own[at].saturating_sub(*count);
                } else {
                    (0..*count).for_each(|_| submit(&mut own, at));
                }
                prop_assert!(own.iter().sum::<usize>() <= most);
            }
            let share = most / 2 / agencies;
            for at in 0..agencies {
                (0..share).for_each(|_| submit(&mut own, at));
                prop_assert!(own[at] >= share, "{own:?}");
            }
        }
    }
}
