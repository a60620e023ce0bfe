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

use std::collections::BTreeSet;

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

impl Operation {
    /// What goes between some agencies alone: messages from and to them, with what they answer. The figures stay those
    /// of the whole.
    #[must_use]
    pub fn among(mut self, agencies: &BTreeSet<AgencyId>) -> Self {
        let mut kept = BTreeSet::new();
        self.messages.retain(|message| {
            let parts = message.draft.parts();
            let concerned =
                agencies.contains(&message.from) && parts.recipients.iter().all(|to| agencies.contains(to));
            let begun = parts.in_reply_to.is_none_or(|answered| kept.contains(&answered));
            concerned && begun && kept.insert(message.id)
        });
        self
    }
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
