//! The one mapping from errors to gRPC status codes.

use std::time::Duration;

use tonic::metadata::MetadataValue;
use tonic::{Code, Status};

use crate::Error;

/// The trailer that says when to try again, in milliseconds, as gRPC's retries read it (gRFC A6).
const RETRY_AFTER: &str = "grpc-retry-pushback-ms";

/// Full: nothing was taken, and after this time there may be room.
pub fn full(detail: impl Into<String>, retry_after: Duration) -> Status {
    let mut status = Failure::Full.status(detail);
    let millis = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
    status.metadata_mut().insert(RETRY_AFTER, MetadataValue::from(millis));
    status
}

/// After what time a caller who was told [`full`] is to try again; `None` for any other answer. Without a readable hint
/// that is at once, as far as the caller's own bounds allow it.
pub fn retry_after(status: &Status) -> Option<Duration> {
    if status.code() != Code::ResourceExhausted {
        return None;
    }
    let hint = status.metadata().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    Some(Duration::from_millis(hint.unwrap_or(0)))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_answer_says_when_to_try_again_and_no_other_does() {
        let hint = Duration::from_millis(1500);
        assert_eq!(retry_after(&full("no room", hint)), Some(hint));
        assert_eq!(retry_after(&Failure::Full.status("without a hint")), Some(Duration::ZERO));
        assert_eq!(retry_after(&Failure::Unavailable.status("stopping")), None);
        let mut odd = Failure::Full.status("soon");
        odd.metadata_mut().insert(RETRY_AFTER, MetadataValue::from_static("-1"));
        assert_eq!(retry_after(&odd), Some(Duration::ZERO));
    }
}
