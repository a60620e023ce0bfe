//! The one mapping from errors to gRPC status codes.

use tonic::{Code, Status};

use crate::Error;

/// What went wrong, in the terms that a caller can act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The caller's message is wrong; repeating it does not help.
    Malformed,
    /// The caller's certificate does not allow this.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// Beyond what there is now.
    Beyond,
    /// The state does not allow this now, and only a change of state will.
    Conflict,
    /// A newer call took this one's place.
    Replaced,
    /// Full; nothing was taken, repeat later.
    Full,
    /// Stopping or not connected; repeat later.
    Unavailable,
    /// A fault of this program; the log says more.
    Internal,
}

impl Failure {
    /// The status for a caller.
    pub fn status(self, detail: impl Into<String>) -> Status {
        let code = match self {
            Self::Malformed => Code::InvalidArgument,
            Self::Forbidden => Code::PermissionDenied,
            Self::NotFound => Code::NotFound,
            Self::Beyond => Code::OutOfRange,
            Self::Conflict => Code::FailedPrecondition,
            Self::Replaced => Code::Aborted,
            Self::Full => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::Internal => Code::Internal,
        };
        Status::new(code, detail)
    }

    /// Whether the same call may succeed later.
    pub fn is_temporary(code: Code) -> bool {
        matches!(
            code,
            Code::ResourceExhausted
                | Code::Unavailable
                | Code::Aborted
                | Code::Cancelled
                | Code::DeadlineExceeded
        )
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        use std::error::Error as _;
        let detail = match error.source() {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        Failure::Malformed.status(detail)
    }
}
