//! What became of messages, held against what should have: facts in, differences out.
//!
//! Facts come from ledgers, from what nodes say about delivery, and from their figures; who collects them, and
//! whether the network was real or simulated, does not matter here. The check promises that no difference means:
//! every message is in the ledger of its sender and of every addressee, once and of nobody else; its receipts are
//! back; every ledger is whole; the figures are those of the messages. It never repairs and never guesses.

mod difference;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::MessageId;
use sealpost_domain::view::{DeliveryState, Direction, Statistics};

pub use difference::Difference;

/// What should have happened.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Every message that was published, by its id.
    pub messages: BTreeMap<MessageId, Message>,
    /// The figures of each agency whose figures are known.
    pub figures: BTreeMap<AgencyId, Statistics>,
}

/// A message that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What people call it, such as `case-012/alert`.
    pub name: String,
    /// Who published it.
    pub sender: AgencyId,
    /// To whom, each with the least that its sender must have learned.
    pub addressees: BTreeMap<AgencyId, Least>,
}

/// The least that a sender must know about a message and one addressee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Least {
    /// That it is in the addressee's ledger.
    Delivered,
    /// That it was read there.
    Read,
}

/// What was found at one agency.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The message records of its ledger, in order.
    pub records: Vec<Record>,
    /// The first thing that is wrong with the ledger, as it is told.
    pub fault: Option<String>,
    /// What its node says about its own messages: for each addressee, a state.
    pub states: BTreeMap<MessageId, BTreeMap<AgencyId, DeliveryState>>,
    /// Its figures.
    pub figures: Option<Statistics>,
}

/// A message record in a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub index: u64,
    /// The message.
    pub message: MessageId,
    /// Sent or received.
    pub direction: Direction,
    /// By which rule it was kept back; `None` when it was taken over and shown.
    pub excepted: Option<String>,
    /// The published message that it repeats under an id of its own, where that is known.
    pub copy_of: Option<MessageId>,
}

/// Everything that differs, agency by agency; nothing when all is well.
pub fn differences(expected: &Expected, found: &BTreeMap<AgencyId, Found>) -> Vec<Difference> {
    let agencies: BTreeSet<&AgencyId> = expected
        .messages
        .values()
        .flat_map(|message| message.addressees.keys().chain([&message.sender]))
        .chain(found.keys())
        .collect();
    let nothing = Found::default();
    let mut differences = Vec::new();
    for agency in agencies {
        let judge = Judge { expected, agency, found: found.get(agency).unwrap_or(&nothing) };
        judge.ledger(&mut differences);
        judge.receipts(&mut differences);
        judge.figures(&mut differences);
    }
    differences
}

/// Holds what was found at one agency against what was expected of it.
struct Judge<'a> {
    expected: &'a Expected,
    agency: &'a AgencyId,
    found: &'a Found,
}

impl Judge<'_> {
    fn ledger(&self, differences: &mut Vec<Difference>) {
        let agency = || self.agency.clone();
        if let Some(fault) = &self.found.fault {
            differences.push(Difference::Ledger { agency: agency(), fault: fault.clone() });
        }
        let mut places: BTreeMap<MessageId, Vec<u64>> = BTreeMap::new();
        for record in &self.found.records {
            let original = record.copy_of.unwrap_or(record.message);
            match self.expected.messages.get(&original) {
                Some(message) if self.concerns(message, record.direction) => {
                    places.entry(original).or_default().push(record.index);
                    if let Some(rule) = &record.excepted {
                        differences.push(Difference::KeptBack {
                            name: message.name.clone(),
                            agency: agency(),
                            rule: rule.clone(),
                        });
                    }
                }
                Some(message) => differences.push(Difference::NotAddressed {
                    name: message.name.clone(),
                    agency: agency(),
                    index: record.index,
                }),
                None => differences.push(Difference::Unknown {
                    message: record.message,
                    agency: agency(),
                    index: record.index,
                }),
            }
        }
        for (id, message) in &self.expected.messages {
            match places.get(id).map(Vec::as_slice) {
                Some([_]) => {}
                Some(indices) => differences.push(Difference::Repeated {
                    name: message.name.clone(),
                    agency: agency(),
                    indices: indices.to_vec(),
                }),
                // What lies behind a fault cannot be read: the fault is told, and not everything behind it.
                None if self.found.fault.is_some() => {}
                None if message.sender == *self.agency || message.addressees.contains_key(self.agency) => {
                    differences.push(Difference::Missing { name: message.name.clone(), agency: agency() });
                }
                None => {}
            }
        }
    }

    fn concerns(&self, message: &Message, direction: Direction) -> bool {
        match direction {
            Direction::Sent => message.sender == *self.agency,
            Direction::Received => message.addressees.contains_key(self.agency),
        }
    }

    fn receipts(&self, differences: &mut Vec<Difference>) {
        let own = self.expected.messages.iter().filter(|(_, message)| message.sender == *self.agency);
        for (id, message) in own {
            for (addressee, least) in &message.addressees {
                let state = self.found.states.get(id).and_then(|states| states.get(addressee)).copied();
                let enough = match least {
                    Least::Delivered => matches!(state, Some(DeliveryState::Delivered | DeliveryState::Read)),
                    Least::Read => state == Some(DeliveryState::Read),
                };
                if !enough {
                    differences.push(Difference::NoReceipt {
                        name: message.name.clone(),
                        sender: message.sender.clone(),
                        addressee: addressee.clone(),
                        expected: *least,
                        found: state,
                    });
                }
            }
        }
    }

    fn figures(&self, differences: &mut Vec<Difference>) {
        let Some(expected) = self.expected.figures.get(self.agency) else { return };
        if self.found.figures.as_ref() != Some(expected) {
            differences.push(Difference::Figures {
                agency: self.agency.clone(),
                expected: Box::new(expected.clone()),
                found: self.found.figures.clone().map(Box::new),
            });
        }
    }
}
