//! How much may wait for one recipient and of one sender, and who still finds room. Decided purely.
//!
//! The first half of a recipient's queue is for whoever comes, and of the other half every agency has the same share. Beside
//! both, FLASH has an eighth of the limit. So no mail of others, of whatever lane, takes anybody's share away.

use sealpost_server::pool::Lane;

/// How much the services take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Deliveries that may wait for one recipient; of FLASH and all other mail together an eighth more.
    pub backlog: usize,
    /// Bytes of bodies that may wait of one sender, each once for every recipient; of FLASH an eighth more.
    pub sender_bytes: u64,
}

impl Limits {
    /// Whether a queue in which so many deliveries wait, so many of them of the sender, takes one more of it.
    pub(super) fn queue_takes(self, lane: Lane, agencies: usize, all: usize, own: usize) -> bool {
        let Self { backlog, .. } = self;
        let (half, of_flash) = (backlog / 2, backlog / 8);
        let open_to_all = match lane {
            Lane::Express => half.saturating_add(of_flash),
            Lane::Ordinary => half,
        };
        let own_deliveries = (half / agencies.max(1)).max(1);
        all < backlog.saturating_add(of_flash) && (all < open_to_all || own < own_deliveries)
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
    use super::*;

    const LANES: [Lane; 2] = [Lane::Ordinary, Lane::Express];

    /// A queue into which agencies put as much as it takes, one after the other.
    struct Filling {
        limits: Limits,
        agencies: usize,
        all: usize,
    }

    impl Filling {
        fn new(backlog: usize, agencies: usize) -> Self {
            Self { limits: Limits { backlog, sender_bytes: u64::MAX }, agencies, all: 0 }
        }

        /// How much one agency gets in that has nothing there yet: of these lanes, in this order.
        fn fill(&mut self, lanes: &[Lane]) -> usize {
            let mut own = 0;
            for lane in lanes {
                while self.limits.queue_takes(*lane, self.agencies, self.all, own) {
                    (self.all, own) = (self.all + 1, own + 1);
                }
            }
            own
        }
    }

    #[test]
    fn whatever_others_did_every_agency_finds_its_share() {
        let orders = [LANES, [Lane::Express, Lane::Ordinary]];
        for (agencies, backlog) in (1..=20).flat_map(|agencies| [40, 41, 1000].map(|most| (agencies, most))) {
            for (greedy, last) in orders.iter().flat_map(|order| LANES.map(|lane| (order, lane))) {
                let mut queue = Filling::new(backlog, agencies);
                for _ in 1..agencies {
                    queue.fill(greedy);
                }
                let own = queue.fill(&[last]);
                assert!(
                    own >= backlog / 2 / agencies,
                    "{agencies} of {backlog}, {greedy:?}, {last:?}: {own}"
                );
                assert!(queue.all <= backlog + backlog / 8);
            }
        }
    }

    #[test]
    fn without_flash_a_queue_never_has_more_than_its_limit() {
        for agencies in 1..=20 {
            let mut queue = Filling::new(1000, agencies);
            for _ in 0..agencies {
                queue.fill(&[Lane::Ordinary]);
            }
            assert!(queue.all <= 1000, "{agencies}: {}", queue.all);
        }
    }
}
