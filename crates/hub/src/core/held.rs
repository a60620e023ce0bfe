//! Whose bodies lie on the disk, and for whom they wait: so that no sender fills it, or somebody's queue, with what nobody
//! fetches.

use std::collections::BTreeMap;

use sealpost_domain::agency::AgencyId;
use sealpost_server::pool::Lane;

/// An agency by its number within this state: in the order in which the journal names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Agency(u32);

impl Agency {
    /// Its position in [`Held::agencies`].
    pub(super) fn position(self) -> u32 {
        self.0
    }
}

/// The least that a delivery counts, in its sender's budget and among what waits: what it costs in memory and in the journal
/// whatever its body is. No honest body is as small, since a wrap alone is larger.
pub const DELIVERY_BYTES_MIN: u32 = 1 << 10;

/// Bodies that wait. A body counts once for each recipient that has not settled it.
#[derive(Debug, Default)]
pub(super) struct Held {
    numbers: BTreeMap<AgencyId, Agency>,
    of_sender: BTreeMap<Agency, u64>,
    between: BTreeMap<(Agency, Agency), Between>,
}

/// What waits of one sender for one recipient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Between {
    /// How many deliveries of FLASH.
    pub flash: usize,
    /// How many of all other mail.
    pub other: usize,
    /// All of how many bytes.
    pub bytes: u64,
}

impl Between {
    /// How many deliveries of a lane.
    pub fn deliveries(&mut self, lane: Lane) -> &mut usize {
        match lane {
            Lane::Express => &mut self.flash,
            Lane::Ordinary => &mut self.other,
        }
    }
}

/// What a delivery of a body counts.
pub fn weight(bytes: u32) -> u64 {
    bytes.max(DELIVERY_BYTES_MIN).into()
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

    /// The number of an agency that has one.
    pub(super) fn number_of(&self, agency: &AgencyId) -> Option<Agency> {
        self.numbers.get(agency).copied()
    }

    /// All agencies that have a number, in the order of their numbers.
    pub(super) fn agencies(&self) -> Vec<AgencyId> {
        let mut agencies: Vec<_> = self.numbers.iter().collect();
        agencies.sort_by_key(|(_, number)| **number);
        agencies.into_iter().map(|(agency, _)| agency.clone()).collect()
    }

    /// A body of a sender begins to wait for a recipient.
    pub(super) fn hold(&mut self, sender: Agency, recipient: Agency, lane: Lane, bytes: u32) {
        *self.of_sender.entry(sender).or_default() += weight(bytes);
        let between = self.between.entry((sender, recipient)).or_default();
        *between.deliveries(lane) += 1;
        between.bytes += weight(bytes);
    }

    /// It does not wait for that recipient any more.
    pub(super) fn release(&mut self, sender: Agency, recipient: Agency, lane: Lane, bytes: u32) {
        if let Some(held) = self.of_sender.get_mut(&sender) {
            *held = held.saturating_sub(weight(bytes));
            if *held == 0 {
                self.of_sender.remove(&sender);
            }
        }
        if let Some(between) = self.between.get_mut(&(sender, recipient)) {
            let deliveries = between.deliveries(lane);
            *deliveries = deliveries.saturating_sub(1);
            between.bytes = between.bytes.saturating_sub(weight(bytes));
            if between.flash + between.other == 0 {
                self.between.remove(&(sender, recipient));
            }
        }
    }

    /// What waits of one sender.
    pub(super) fn of(&self, sender: &AgencyId) -> u64 {
        let bytes = self.number_of(sender).and_then(|sender| self.of_sender.get(&sender));
        bytes.copied().unwrap_or(0)
    }

    /// What of it waits for one recipient.
    pub(super) fn between(&self, sender: &AgencyId, recipient: &AgencyId) -> Between {
        let pair = self.number_of(sender).zip(self.number_of(recipient));
        let between = pair.and_then(|pair| self.between.get(&pair));
        between.copied().unwrap_or_default()
    }
}
