//! The ways in which a history can differ from what should have happened.

use std::fmt;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::MessageId;
use sealpost_domain::stats::Counts;
use sealpost_domain::view::{DeliveryState, Statistics};

use super::Least;
use crate::operation::Figures;

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// A message is not in a ledger in which it should be.
    Missing {
        /// The message.
        name: String,
        /// Whose ledger.
        agency: AgencyId,
    },
    /// A message is in a ledger more than once, under one id or under several.
    Repeated {
        /// The message.
        name: String,
        /// Whose ledger.
        agency: AgencyId,
        /// Where.
        indices: Vec<u64>,
    },
    /// A message is in the ledger of an agency to which it was not addressed.
    NotAddressed {
        /// The message.
        name: String,
        /// Whose ledger.
        agency: AgencyId,
        /// Where.
        index: u64,
    },
    /// A ledger holds a message that nobody published.
    Unknown {
        /// The message.
        message: MessageId,
        /// Whose ledger.
        agency: AgencyId,
        /// Where.
        index: u64,
    },
    /// A message arrived and was not shown.
    KeptBack {
        /// The message.
        name: String,
        /// Whose ledger.
        agency: AgencyId,
        /// By which rule.
        rule: String,
    },
    /// A receipt is not back at its sender.
    NoReceipt {
        /// The message.
        name: String,
        /// Who waits.
        sender: AgencyId,
        /// Whose receipt.
        addressee: AgencyId,
        /// The least that should be known.
        expected: Least,
        /// What is known; `None` when the sender's node knows of no such addressee.
        found: Option<DeliveryState>,
    },
    /// A ledger does not verify.
    Ledger {
        /// Whose.
        agency: AgencyId,
        /// The first thing that is wrong.
        fault: String,
    },
    /// Figures are not the sums of the messages.
    Figures {
        /// Whose.
        agency: AgencyId,
        /// What they should be.
        expected: Box<Statistics>,
        /// What they are; `None` when the node gave none.
        found: Option<Box<Statistics>>,
    },
}

impl Difference {
    /// The name by which scripts tell differences apart.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Repeated { .. } => "repeated",
            Self::NotAddressed { .. } => "not-addressed",
            Self::Unknown { .. } => "unknown",
            Self::KeptBack { .. } => "kept-back",
            Self::NoReceipt { .. } => "no-receipt",
            Self::Ledger { .. } => "ledger",
            Self::Figures { .. } => "figures",
        }
    }
}

impl fmt::Display for Difference {
    /// `missing: case-012/alert is not in the ledger of DE-ZKA`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Self::Missing { name, agency } => write!(f, "{name} is not in the ledger of {agency}"),
            Self::Repeated { name, agency, indices } => {
                write!(
                    f,
                    "{name} is in the ledger of {agency} {} times, as records {indices:?}",
                    indices.len()
                )
            }
            Self::NotAddressed { name, agency, index } => {
                write!(
                    f,
                    "{name} is in the ledger of {agency} as record {index}, and was not addressed to it"
                )
            }
            Self::Unknown { message, agency, index } => {
                write!(
                    f,
                    "record {index} in the ledger of {agency} is message {message}, which nobody published"
                )
            }
            Self::KeptBack { name, agency, rule } => {
                write!(f, "{name} reached {agency} and was kept back there by rule {rule}")
            }
            Self::NoReceipt { name, sender, addressee, expected, found } => {
                let expected = match expected {
                    Least::Delivered => DeliveryState::Delivered,
                    Least::Read => DeliveryState::Read,
                };
                write!(f, "{name} to {addressee} should be {expected} at its sender {sender}, ")?;
                match found {
                    Some(state) => write!(f, "and is {state}"),
                    None => f.write_str("which knows of no such addressee"),
                }
            }
            Self::Ledger { agency, fault } => write!(f, "the ledger of {agency} does not verify: {fault}"),
            Self::Figures { agency, expected, found: None } => {
                write!(f, "{agency} gave no figures, expected {}", Shown(&expected.total))
            }
            Self::Figures { agency, expected, found: Some(found) } if found.total == expected.total => {
                write!(f, "the figures of {agency} have the right total and wrong parts")
            }
            Self::Figures { agency, expected, found: Some(found) } => {
                let (found, expected) = (Shown(&found.total), Shown(&expected.total));
                write!(f, "{agency} counts {found}, expected {expected}")
            }
        }
    }
}

struct Shown<'a>(&'a Counts);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Figures::of(self.0).fmt(f)
    }
}
