//! Whose bodies lie on the disk, and for whom they wait: so that no sender fills it with what nobody fetches.

use std::collections::BTreeMap;

use sealpost_domain::agency::AgencyId;

/// An agency by its number within this state: in the order in which the journal names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Agency(u32);

/// Bytes of bodies that wait. A body counts once for each recipient that has not settled it.
#[derive(Debug, Default)]
pub(super) struct Held {
    numbers: BTreeMap<AgencyId, Agency>,
    of_sender: BTreeMap<Agency, u64>,
    between: BTreeMap<(Agency, Agency), u64>,
}

impl Held {
    /// The number of an agency; it keeps it.
    pub(super) fn number(&mut self, agency: &AgencyId) -> Agency {
        if let Some(number) = self.numbers.get(agency) {
            return *number;
        }
        let number = Agency(u32::try_from(self.numbers.len()).unwrap_or(u32::MAX));
        self.numbers.insert(agency.clone(), number);
        number
    }

    /// A body of a sender begins to wait for a recipient.
    pub(super) fn hold(&mut self, sender: Agency, recipient: Agency, bytes: u32) {
        *self.of_sender.entry(sender).or_default() += u64::from(bytes);
        *self.between.entry((sender, recipient)).or_default() += u64::from(bytes);
    }

    /// It does not wait for that recipient any more.
    pub(super) fn release(&mut self, sender: Agency, recipient: Agency, bytes: u32) {
        subtract(&mut self.of_sender, &sender, bytes);
        subtract(&mut self.between, &(sender, recipient), bytes);
    }

    /// What waits of one sender.
    pub(super) fn of(&self, sender: &AgencyId) -> u64 {
        let bytes = self.numbers.get(sender).and_then(|sender| self.of_sender.get(sender));
        bytes.copied().unwrap_or(0)
    }

    /// What of it waits for one recipient.
    pub(super) fn between(&self, sender: &AgencyId, recipient: &AgencyId) -> u64 {
        let pair = self.numbers.get(sender).zip(self.numbers.get(recipient));
        pair.and_then(|(sender, recipient)| self.between.get(&(*sender, *recipient))).copied().unwrap_or(0)
    }
}

fn subtract<K: Ord>(counts: &mut BTreeMap<K, u64>, key: &K, bytes: u32) {
    if let Some(count) = counts.get_mut(key) {
        *count = count.saturating_sub(bytes.into());
        if *count == 0 {
            counts.remove(key);
        }
    }
}
