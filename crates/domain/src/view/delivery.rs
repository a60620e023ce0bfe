//! Where a message of one's own stands at each of its recipients.

use super::change::{Changed, RecipientAnswer};
use crate::agency::AgencyId;
use crate::answer::Change;
use crate::instant::Instant;
use crate::message::{Kind, MessageId, Priority};
use crate::names::named;

named! {
    /// How far a message came on its way to one recipient.
    pub enum DeliveryState: "delivery state" {
        /// Durable in the sender's ledger.
        Published = "PUBLISHED",
        /// Durable at the hub.
        Accepted = "ACCEPTED",
        /// Durable at the recipient, by its signed receipt.
        Delivered = "DELIVERED",
        /// Shown to an officer or taken over by a system there.
        Read = "READ",
        /// Refused by the hub or by the recipient.
        Refused = "REFUSED",
        /// Kept by the recipient as evidence, and shown to nobody.
        Quarantined = "QUARANTINED",
        /// Withdrawn by the sender before it was delivered.
        Withdrawn = "WITHDRAWN",
    }
}

impl DeliveryState {
    /// Whether the recipient, or the hub for it, has decided: nothing is sent again.
    pub fn is_settled(self) -> bool {
        match self {
            Self::Published | Self::Accepted => false,
            Self::Delivered | Self::Read | Self::Refused | Self::Quarantined | Self::Withdrawn => true,
        }
    }
}

/// Where a message stands at one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientState {
    /// The recipient.
    pub agency: AgencyId,
    /// How far it came.
    pub state: DeliveryState,
    /// When the sender's node recorded that.
    pub since: Instant,
    /// Which rule refused or quarantined it, or withdrew it: that by which its body was erased before it left.
    pub rule: Option<String>,
    /// Whether `act_before` passed without delivery.
    pub overdue: bool,
    /// The amendment or recall that was sent to it and holds there; `None` where it was told of none.
    pub changed: Option<Change>,
}

/// Where a message of one's own stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tracked {
    /// The message.
    pub id: MessageId,
    /// What it says.
    pub kind: Kind,
    /// Its lane.
    pub priority: Priority,
    /// When the node took it over.
    pub sent_at: Instant,
    /// When the window in which to act closes.
    pub act_before: Option<Instant>,
    /// For each recipient, ascending.
    pub states: Vec<RecipientState>,
    /// What this agency did to it later and told all its recipients, without reason and replacement.
    pub changed: Option<Changed>,
    /// For an amendment or a recall: what each recipient answered, ascending.
    pub answers: Vec<RecipientAnswer>,
}
