//! The sample operation: an invented joint operation of 17 agencies from October to December 2023, whose outcomes sum
//! to the figures of the real one behind this project.
//!
//! `file` reads and writes it as lines of JSON, `generate` makes it from a seed, `replay` sends it anew. Nothing in it
//! names a real person or case.

mod figures;
mod file;
pub mod generate;
mod replay;
#[cfg(test)]
mod tests;

pub use figures::Figures;
pub use file::Error;
pub use replay::Error as ReplayError;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Draft;
use sealpost_domain::message::MessageId;
use sealpost_domain::time::OffsetTime;

/// An operation: its messages in the order in which they were sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// From what it was made.
    pub seed: u64,
    /// What its outcomes add up to.
    pub figures: Figures,
    /// Every message; one that answers another stands after it.
    pub messages: Vec<Message>,
}

/// A message of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in its case, such as `case-012/alert`.
    pub reference: String,
    /// Stands for the id that a node gives it: later messages name it where they answer.
    pub id: MessageId,
    /// Who sends it.
    pub from: AgencyId,
    /// When it was sent, by the clock there.
    pub at: OffsetTime,
    /// As it is handed in.
    pub draft: Draft,
}

impl Message {
    /// To whom it goes, where `members` are those of the operation: the agencies that it names, or all members, never
    /// its sender.
    pub fn recipients<'a>(&'a self, members: &'a [AgencyId]) -> impl Iterator<Item = &'a AgencyId> {
        let named = self.draft.parts().recipients.as_slice();
        let addressed = if named.is_empty() { members } else { named };
        addressed.iter().filter(|agency| **agency != self.from)
    }
}
