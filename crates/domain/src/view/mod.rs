//! What a node shows its own agency: messages as they lie in the ledger, where they stand, and how the node is.
//!
//! Everything here was verified before it is shown, and nothing here decides anything. Systems, officers and the node
//! itself share these types; the contract's form of them is `gateway.proto`.

mod change;
mod delivery;
mod filter;
mod forwarded;
pub mod harmless;
mod publication;
mod statistics;
mod status;

pub use change::{Answered, Changed, RecipientAnswer};
pub use delivery::{DeliveryState, RecipientState, Tracked};
pub use filter::{AGENCIES_MAX, Filter};
pub use forwarded::Forwarded;
pub use publication::{IdempotencyKey, IdempotencyKeyError, Published, Refusal};
pub use statistics::{Group, Statistics};
pub use status::{Covered, HubStatus, PeerStatus, Sending, Status};

use crate::agency::AgencyId;
use crate::alert::{Alert, Enclosed};
use crate::digest::{Digest, KeyId};
use crate::handling::Handling;
use crate::instant::Instant;
use crate::link::Incarnation;
use crate::message::{Category, Kind, MessageId, OperationId, Priority, SharingMode};
use crate::names::named;

/// How many messages a list holds when the caller does not say.
pub const LIST_DEFAULT: u32 = 100;
/// How many messages a list holds at most.
pub const LIST_MAX: u32 = 1000;

named! {
    /// Which way a message went, seen from the node that shows it.
    pub enum Direction: "direction" {
        /// From a peer.
        Received = "received",
        /// To peers.
        Sent = "sent",
    }
}

/// In which form a message is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Opened, to be read.
    Shown,
    /// Also as it can be shown to others.
    Enclosed,
}

/// A message as it lies in the ledger, opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own")]
pub struct Shown {
    /// Its place in the ledger of the node that shows it.
    pub index: u64,
    /// Received or sent.
    pub direction: Direction,
    /// The message.
    pub id: MessageId,
    /// Who sent it.
    pub sender: AgencyId,
    /// To whom, ascending.
    pub recipients: Vec<AgencyId>,
    /// The joint operation to which it belongs.
    pub operation: Option<OperationId>,
    /// When its sender's node took it over, by that node's clock.
    pub sent_at: Instant,
    /// When the node that shows it recorded it.
    pub recorded_at: Instant,
    /// What it says.
    pub kind: Kind,
    /// Its lane.
    pub priority: Priority,
    /// When the window in which to act closes.
    pub act_before: Option<Instant>,
    /// What it is about.
    pub category: Category,
    /// On whose initiative it is shared.
    pub mode: SharingMode,
    /// How it may be used.
    pub handling: Handling,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// Its content; `None` once its body was erased, or where a disk lost it.
    pub alert: Option<Alert>,
    /// What the node verified.
    pub verification: Verification,
    /// Whether it was read here.
    pub read: bool,
    /// Whether it arrived after its `act_before`.
    pub late: bool,
    /// Whether a number before it on its link is still missing.
    pub gap_before: bool,
    /// Where it stands at each recipient; empty for messages that were received.
    pub states: Vec<RecipientState>,
    /// What its sender did to it later; for a message of one's own, what all its recipients were told. `None` while it
    /// stands as it is.
    pub changed: Option<Changed>,
    /// The message as it can be shown to others, where that was asked for.
    pub enclosed: Option<Enclosed>,
    /// What a forward encloses, opened; `None` for all else, and once its body was erased.
    pub forwarded: Option<Box<Forwarded>>,
    /// How its body was erased; `None` while it is there, and where a disk lost it.
    pub erased: Option<Erased>,
    /// Whether a legal hold is on its body.
    pub held: bool,
}

/// How a body was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    /// The record that says so.
    pub record: u64,
    /// When.
    pub at: Instant,
    /// Why: a rule's name.
    pub rule: String,
}

/// What a node verified before it showed a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The key that signed.
    pub signing_key: KeyId,
    /// The digest of the header.
    pub header: Digest,
    /// The directory version under which it was judged.
    pub directory_version: u64,
    /// Its number on the link from its sender; 0 for messages of one's own, which have a number for each recipient.
    pub link_number: u64,
    /// The agreement under which it was shared, by name; empty where the directory no longer lists it or, for a message
    /// of one's own, where recipients differ.
    pub agreement: String,
}

/// Where a subscriber goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The next ledger index.
    pub index: u64,
    /// The life of the ledger in which that index was told; `None` where it is not known.
    pub ledger: Option<Incarnation>,
}

impl Place {
    /// A ledger index, of whichever life the ledger has.
    pub fn at(index: u64) -> Self {
        Self { index, ledger: None }
    }

    /// Whether nothing is missed by going on here in a ledger of that life. Another life may hold other records below
    /// the index; none lies below 0.
    pub fn holds_in(self, ledger: Incarnation) -> bool {
        self.index == 0 || self.ledger.is_none_or(|told| told == ledger)
    }
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A message.
    Message(Box<Shown>),
    /// Everything that lay in the ledger when the call began was sent.
    CaughtUp {
        /// Where to begin after a break.
        next_index: u64,
    },
    /// Nothing new.
    Heartbeat {
        /// Where to begin after a break.
        next_index: u64,
    },
}

impl Event {
    /// Where to begin after a break.
    pub fn next_index(&self) -> u64 {
        match self {
            Self::Message(shown) => shown.index + 1,
            Self::CaughtUp { next_index } | Self::Heartbeat { next_index } => *next_index,
        }
    }
}

/// Which messages a caller wants listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Which ones.
    pub filter: Filter,
    /// How many: 1 to [`LIST_MAX`], 0 for [`LIST_DEFAULT`].
    pub limit: u32,
    /// Only those below this ledger index; `None` begins with the newest.
    pub before: Option<u64>,
}

impl Query {
    /// How many messages are wanted, within the bounds.
    pub fn limit(&self) -> u32 {
        match self.limit {
            0 => LIST_DEFAULT,
            limit => limit.min(LIST_MAX),
        }
    }
}

/// Messages of a list, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The messages.
    pub messages: Vec<Shown>,
    /// Whether there are more below the last one.
    pub more: bool,
}
