//! What the node's own ledger knows of messages that others name: who sent them, to whom, and whether that still holds.
//!
//! Asked where a message is prepared and where one is verified. It blocks on the disk.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Content;
use sealpost_domain::answer::Named;
use sealpost_domain::envelope::Header;
use sealpost_domain::message::{Kind, MessageId};

use crate::handle::ViewError;

/// The messages of a ledger, by author and id.
pub trait Known: Send + Sync {
    /// The messages of an id: those of these authors, and some of whoever else used it.
    fn named(&self, id: MessageId, authors: &[&AgencyId]) -> Result<Vec<Named>, ViewError>;
    /// Whether its author has withdrawn a message; one of our own, from all its recipients.
    fn is_recalled(&self, header: &Header) -> Result<bool, ViewError>;
}

/// The messages that a message of a kind may be about; none where that plays no part.
pub fn concerned(
    known: &dyn Known,
    kind: Kind,
    in_reply_to: Option<MessageId>,
    authors: &[&AgencyId],
) -> Result<Vec<Named>, ViewError> {
    match (kind, in_reply_to) {
        (Kind::Amendment | Kind::Recall | Kind::Permission | Kind::Compliance, Some(id)) => {
            known.named(id, authors)
        }
        _ => Ok(Vec::new()),
    }
}

/// The kind of what an amendment puts in the place of another message.
pub fn replacement(content: &Content) -> Option<Kind> {
    match content {
        Content::Amendment(amendment) => Some(amendment.replacement.kind()),
        _ => None,
    }
}
