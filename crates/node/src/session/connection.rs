//! One connection: everything that runs on it runs until the first part ends.

use std::sync::Arc;
use std::time::Duration;

use sealpost_client::Backoff;
use sealpost_domain::message::Priority;
use sealpost_proto::v1::hub_client::HubClient;
use sealpost_wire::status::retry_after;
use tokio::time::Instant;
use tonic::Status;

use super::dial::{Calls, Line};
use super::{Ended, Lanes, Session, control, directory, receive, submit};

/// The largest answer: a delivered batch of one large envelope.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// How long a connection has to last so that the next one is tried without a longer pause.
const OF_USE_AFTER: Duration = Duration::from_secs(1);

/// A connection with the generated client on it.
pub(super) struct Wire {
    line: Arc<dyn Line>,
}

impl Wire {
    pub(super) fn over(line: Arc<dyn Line>) -> Self {
        Self { line }
    }

    pub(super) fn client(&self) -> HubClient<Calls> {
        HubClient::new(self.line.calls())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// What a failed call means: the end of the connection, or that the hub takes no more of this stream for now.
    pub(super) fn failed(&self, status: Status) -> Ended {
        match retry_after(&status) {
            Some(retry_after) => Ended::Full { retry_after, detail: status.message().to_owned() },
            None => Ended::Connection(self.line.explain(status)),
        }
    }
}

impl Session {
    /// Connects, and serves the lanes until something ends.
    pub(super) async fn connect_and_serve(
        self: &Arc<Self>,
        lanes: Lanes,
        address: &str,
        backoff: &mut Backoff,
    ) -> Ended {
        let line = match self.dial.dial(address, self.settings.connect_timeout).await {
            Ok(line) => line,
            Err(error) => return error.into(),
        };
        self.state.connected(lanes, &line.hub());
        let (wire, begun) = (Wire::over(line), Instant::now());
        let ended = tokio::select! {
            biased;
            ended = self.serve(lanes, &wire) => ended,
            refused = wire.line.refused() => Err(refused.into()),
        };
        // A hub that can do nothing lets everybody in and sends them away at once.
        if begun.elapsed() >= OF_USE_AFTER {
            backoff.reset();
        }
        match ended {
            Ok(()) => Ended::Protocol("a stream ended without a reason".to_owned()),
            Err(ended) => ended,
        }
    }

    async fn serve(self: &Arc<Self>, lanes: Lanes, wire: &Wire) -> Result<(), Ended> {
        match lanes {
            Lanes::Flash => {
                self.begin();
                tokio::try_join!(
                    submit::run(self, wire, lanes),
                    receive::run(self, wire, Priority::Flash),
                    control::run(self, wire),
                )
                .map(drop)
            }
            Lanes::Bulk => tokio::try_join!(
                submit::run(self, wire, lanes),
                receive::run(self, wire, Priority::Urgent),
                receive::run(self, wire, Priority::Routine),
                directory::run(self, wire),
            )
            .map(drop),
        }
    }

    /// Everything that may not have arrived is said again.
    fn begin(&self) {
        let now = self.shared.now();
        self.shared.core_mut().connected(now);
    }
}
