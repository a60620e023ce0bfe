//! Which groups of the stream are taken: decided by their order alone, by every hub alike.
//!
//! A hub that hears no answer publishes a group again, and a message that was lost on its way must not be overtaken by those
//! behind it. So the groups of one proposer are taken by ascending serial, without a gap and each once. What the server knows of
//! duplicates is not used: it forgets after a while, and takes another body under a known id for the same.

use std::collections::BTreeMap;

use sealpost_wire::hub::snapshot::{self, Snapshot};
use sealpost_wire::hub::{Event, Group};

/// Random for every start of a hub.
pub(super) type Proposer = [u8; 16];

/// How many proposers are known: one for each start of a hub. The one that was silent longest is forgotten.
const PROPOSERS_MAX: usize = 256;

/// What the groups so far have said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// The sequence of the last group.
    last: u64,
    proposers: BTreeMap<Proposer, Known>,
    /// Bodies before this sequence are deleted.
    bodies_before: u64,
}

/// How far a proposer's groups are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known {
    serial: u64,
    /// The sequence of its last group that was taken.
    at: u64,
}

/// What becomes of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Its entries count.
    Taken,
    /// It was taken before.
    Repeated,
    /// One before it of the same proposer is missing; both will come again.
    Early,
    /// A body that it names may be deleted; it will come again, with new ones.
    BodiesGone,
}

impl Order {
    /// As a snapshot has it.
    pub(super) fn restore(snapshot: &Snapshot) -> Self {
        let known = |proposer: &snapshot::Proposer| {
            let snapshot::Proposer { id, serial, sequence: at } = *proposer;
            (id, Known { serial, at })
        };
        let Snapshot { sequence: last, bodies_before, proposers, .. } = snapshot;
        Self { last: *last, proposers: proposers.iter().map(known).collect(), bodies_before: *bodies_before }
    }

    /// For a snapshot.
    pub(super) fn proposers(&self) -> Vec<snapshot::Proposer> {
        let known = |(id, known): (&Proposer, &Known)| snapshot::Proposer {
            id: *id,
            serial: known.serial,
            sequence: known.at,
        };
        self.proposers.iter().map(known).collect()
    }

    /// The sequence of the last group; the next one must follow it.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Bodies before this sequence are deleted.
    pub(super) fn bodies_before(&self) -> u64 {
        self.bodies_before
    }

    /// The last serial of a proposer that was taken.
    pub(super) fn taken_of(&self, proposer: &Proposer) -> u64 {
        self.proposers.get(proposer).map_or(0, |known| known.serial)
    }

    /// Judges the group at the next sequence.
    pub(super) fn judge(&mut self, group: &Group) -> Verdict {
        self.last += 1;
        let before = self.taken_of(&group.proposer);
        if group.serial <= before {
            return Verdict::Repeated;
        }
        if group.serial > before + 1 {
            return Verdict::Early;
        }
        if bodies(group).any(|sequence| sequence < self.bodies_before) {
            return Verdict::BodiesGone;
        }
        self.proposers.insert(group.proposer, Known { serial: group.serial, at: self.last });
        self.bodies_before = self.bodies_before.max(group.bodies_before);
        while self.proposers.len() > PROPOSERS_MAX {
            let silent = self.proposers.iter().min_by_key(|(_, known)| known.at).map(|(id, _)| *id);
            silent.and_then(|id| self.proposers.remove(&id));
        }
        Verdict::Taken
    }
}

/// The sequences of the messages that hold a group's bodies.
pub(super) fn bodies(group: &Group) -> impl Iterator<Item = u64> {
    let envelopes = group.entries.iter().flat_map(|entry| match &entry.event {
        Event::Batch { envelopes, .. } => envelopes.as_slice(),
        Event::Directory(_) | Event::Settled { .. } | Event::Lists(_) => &[],
    });
    envelopes.map(|envelope| envelope.payload.segment)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sealpost_domain::instant::Instant;
    use sealpost_wire::hub::{BodyLocation, Entry, SubmittedEnvelope};

    use super::*;

    fn group(proposer: u8, serial: u64) -> Group {
        Group { proposer: [proposer; 16], serial, entries: Vec::new(), bodies_before: 0 }
    }

    fn with_body(serial: u64, sequence: u64) -> Group {
        let payload = BodyLocation { segment: sequence, offset: 0, length: 1, checksum: 0, index: 0 };
        let envelope =
            SubmittedEnvelope { header: Bytes::new(), signatures: Vec::new(), payload, wrapped: 1 };
        let event = Event::Batch { sender: "HK-CED".parse().unwrap(), envelopes: vec![envelope] };
        Group { entries: vec![Entry { at: Instant::from_millis(0), event }], ..group(1, serial) }
    }

    fn verdicts<const N: usize>(groups: [(u8, u64); N]) -> [Verdict; N] {
        let mut order = Order::default();
        groups.map(|(proposer, serial)| order.judge(&group(proposer, serial)))
    }

    #[test]
    fn groups_of_one_proposer_are_taken_in_their_order_and_each_once() {
        use Verdict::{Early, Repeated, Taken};
        assert_eq!(verdicts([(1, 1), (1, 1), (1, 2), (1, 1)]), [Taken, Repeated, Taken, Repeated]);
        assert_eq!(verdicts([(1, 1), (1, 3), (1, 2), (1, 3)]), [Taken, Early, Taken, Taken]);
        assert_eq!(verdicts([(1, 2), (2, 1), (1, 1)]), [Early, Taken, Taken], "each for itself");
    }

    #[test]
    fn a_group_whose_bodies_may_be_gone_is_passed_over_and_so_are_those_behind_it() {
        let mut order = Order::default();
        assert_eq!(order.judge(&Group { bodies_before: 8, ..group(2, 1) }), Verdict::Taken);
        assert_eq!(order.bodies_before(), 8);
        assert_eq!(order.judge(&with_body(1, 7)), Verdict::BodiesGone);
        assert_eq!(order.judge(&with_body(2, 9)), Verdict::Early);
        assert_eq!(order.judge(&with_body(1, 8)), Verdict::Taken);
        assert_eq!(order.judge(&Group { bodies_before: 3, ..group(2, 2) }), Verdict::Taken);
        assert_eq!((order.bodies_before(), order.last()), (8, 5), "never back");
    }

    #[test]
    fn proposers_are_bounded_and_the_silent_ones_are_forgotten() {
        let mut order = Order::default();
        for number in 0..=PROPOSERS_MAX {
            let proposer = u128::try_from(number).unwrap().to_be_bytes();
            for serial in 1..=2 {
                assert_eq!(order.judge(&Group { proposer, ..group(0, serial) }), Verdict::Taken);
            }
        }
        assert_eq!(order.proposers.len(), PROPOSERS_MAX);
        assert_eq!(order.judge(&group(0, 3)), Verdict::Early, "the first one was forgotten");
    }
}
