//! Why the gateway gave no result.

use sealpost_wire::status::Failure;
use tonic::Code;

use crate::profile;

/// Why the gateway gave no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The profile, or a file that it names.
    #[error(transparent)]
    Profile(#[from] profile::Error),
    /// The connection, or the node's answer.
    #[error(transparent)]
    Connection(#[from] crate::Error),
    /// The node is of another version, or broken.
    #[error("the gateway's answer cannot be read; is the node of this program's version?")]
    Answer(#[from] sealpost_wire::Error),
    /// An answer that belongs to no question.
    #[error("the gateway answered message {found} while message {expected} was the next to be answered")]
    OutOfOrder {
        /// Which one it answered.
        found: u64,
        /// Which one was its turn.
        expected: u64,
    },
    /// The connection broke while messages without an idempotency key were on their way.
    #[error(
        "{count} messages were not answered and have no idempotency key: they may or may not be on their way, \
         look at what was sent before you send them again"
    )]
    Unanswered {
        /// How many.
        count: usize,
        /// What happened.
        source: Box<crate::Error>,
    },
}

impl Error {
    /// Whether the same may succeed later without any change on our side.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Connection(error) => is_temporary(error),
            Self::Profile(_) | Self::Answer(_) | Self::OutOfOrder { .. } | Self::Unanswered { .. } => false,
        }
    }
}

pub(super) fn is_temporary(error: &crate::Error) -> bool {
    match error {
        crate::Error::Unreachable { .. }
        | crate::Error::Timeout { .. }
        | crate::Error::NotServing { .. }
        | crate::Error::Lost { .. }
        | crate::Error::Http { .. } => true,
        crate::Error::Answer { status, .. } => Failure::is_temporary(status.code()),
        crate::Error::Address { .. }
        | crate::Error::Setup(_)
        | crate::Error::Refused { .. }
        | crate::Error::WrongPeer { .. }
        | crate::Error::Handshake { .. } => false,
    }
}

/// Whether the peer said that nothing was taken.
pub(super) fn nothing_taken(error: &crate::Error) -> bool {
    matches!(error, crate::Error::Answer { status, .. } if status.code() == Code::ResourceExhausted)
}
