//! What the core learns from records and does not keep, since there is as much of it as there are messages: what settled
//! each number, where each message lies and since when it is delivered, which publishers' keys were used.
//!
//! It is handed to the index over the ledger ([`Core::take_facts`]), and held here until the index has it
//! ([`Core::indexed`]); from then on decisions ask for it ([`Past`](super::Past)). So there is no moment in which neither
//! knows it. What one round hands over is bounded by what it records and by what was held of it before: the messages that a
//! receipt settles were not settled until then. The index may be lost: the facts come again with the records.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Incarnation, Range};
use sealpost_domain::message::Priority;
use sealpost_domain::view::DeliveryState;

use super::Core;

/// One link with a peer, in one life of its sender's ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Who is at its other end.
    pub peer: AgencyId,
    /// The lane.
    pub priority: Priority,
    /// The life of its sender's ledger.
    pub incarnation: Incarnation,
}

/// What settled a number of a link towards this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SettledBy {
    /// The digest of the header there.
    pub digest: Digest,
    /// Where that lies in the ledger.
    pub record: u64,
}

/// How a message of this node stands at a recipient that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Where it lies in the ledger.
    pub record: u64,
    /// Delivered or read.
    pub state: DeliveryState,
    /// When that was recorded.
    pub since: Instant,
}

/// Something that a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A number of a link towards this node is settled.
    Settled {
        /// Which link.
        chain: Chain,
        /// Which number of it.
        number: u64,
        /// By what.
        by: SettledBy,
    },
    /// A recipient has a message of this node.
    Arrived {
        /// On which link.
        chain: Chain,
        /// At which number of it.
        number: u64,
        /// Where it lies in the ledger.
        record: u64,
        /// Delivered or read.
        state: DeliveryState,
        /// When that was recorded.
        since: Instant,
    },
    /// A recipient has read messages of this node of which earlier facts told that they arrived: one fact of them all,
    /// however many they are, since a peer may say so of everything at once.
    Read {
        /// On which link.
        chain: Chain,
        /// Which numbers of it; of none of them another fact tells that it was read.
        numbers: Range,
        /// When that was recorded.
        since: Instant,
    },
    /// A publisher's own name for a message is used.
    KeyUsed {
        /// Its digest in the bucket of the message.
        key: Digest,
        /// Where that message lies in the ledger.
        record: u64,
    },
}

impl Core {
    /// What the records say that were applied since this was asked last. It has to be in the index before
    /// [`Core::indexed`] is called.
    pub fn take_facts(&mut self) -> Vec<Fact> {
        let mut facts = self.inbox.take_facts();
        facts.append(&mut self.outbox.take_facts());
        facts
    }

    /// The index has all facts: they are let go here.
    pub fn indexed(&mut self) {
        self.inbox.let_go();
        self.outbox.let_go();
    }
}
