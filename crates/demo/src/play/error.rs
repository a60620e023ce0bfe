//! Why a play stops before its end.

use std::time::Duration;

use sealpost_client::gateway;
use sealpost_domain::agency::AgencyId;

use crate::operation::ReplayError;

/// Why a play stops before its end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A gateway gave no answer.
    #[error("the gateway of {agency} failed")]
    Gateway {
        /// Whose.
        agency: AgencyId,
        /// Why.
        source: Box<gateway::Error>,
    },
    /// A node refused a message.
    #[error("{agency} refused {name}: {reasons}")]
    Refused {
        /// The sender.
        agency: AgencyId,
        /// The message.
        name: String,
        /// Every reason.
        reasons: String,
    },
    /// A message cannot be sent now.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// A reference that cannot serve as idempotency key.
    #[error("{name} cannot be an idempotency key")]
    Key {
        /// The message.
        name: String,
        /// Why not.
        source: sealpost_domain::view::IdempotencyKeyError,
    },
    /// Nothing happens any more.
    #[error(
        "nothing was published and nothing arrived for {duration:?}; the logs of the programs may say why"
    )]
    Silence {
        /// How long.
        duration: Duration,
    },
    /// A part of the play failed by itself.
    #[error("a speaker or listener failed")]
    Task(#[source] tokio::task::JoinError),
}
