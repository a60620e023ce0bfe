//! What a forward encloses, opened: proven when the forward was recorded.

use super::change::Changed;
use crate::agency::AgencyId;
use crate::alert::Alert;
use crate::handling::Handling;
use crate::instant::Instant;
use crate::message::{Category, Kind, MessageId};

/// The message in a forward, as its originator signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded {
    /// The message.
    pub id: MessageId,
    /// Its originator.
    pub sender: AgencyId,
    /// To whom its originator sent it, ascending.
    pub recipients: Vec<AgencyId>,
    /// When its originator's node took it over, by that node's clock.
    pub sent_at: Instant,
    /// What it says.
    pub kind: Kind,
    /// What it is about.
    pub category: Category,
    /// How its originator lets it be used.
    pub handling: Handling,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// Its content.
    pub alert: Alert,
    /// What its originator did to it later, as far as that came here.
    pub changed: Option<Changed>,
}
