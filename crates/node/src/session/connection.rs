//! One connection: everything that runs on it runs until the first part ends.

use std::sync::Arc;

use sealpost_client::{Backoff, Connection, connect};
use sealpost_domain::message::Priority;
use sealpost_proto::v1::hub_client::HubClient;
use tonic::Status;
use tonic::transport::Channel;

use super::{Ended, Lanes, Session, control, directory, receive, submit};

/// The largest answer: a delivered batch of one large envelope.
const MESSAGE_BYTES_MAX: usize = 4 << 20;

/// A connection with the generated client on it.
pub(super) struct Wire {
    connection: Connection,
}

impl Wire {
    pub(super) fn client(&self) -> HubClient<Channel> {
        HubClient::new(self.connection.channel())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// What a failed call means.
    pub(super) fn failed(&self, status: Status) -> Ended {
        Ended::Connection(self.connection.explain(status))
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
        let connection = match connect(address, &self.endpoint, self.settings.connect_timeout).await {
            Ok(connection) => connection,
            Err(error) => return error.into(),
        };
        let hub = connection.peer().map_or_else(|| address.to_owned(), |peer| format!("{peer} at {address}"));
        self.state.connected(lanes, &hub);
        backoff.reset();
        let wire = Wire { connection };
        let ended = tokio::select! {
            ended = self.serve(lanes, &wire) => ended,
            ended = self.refused_later(&wire.connection) => Err(ended),
        };
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

    /// Waits until roots, revocation lists or the time say that this hub would be refused now.
    async fn refused_later(&self, connection: &Connection) -> Ended {
        // The first time is at once: there may have been a change during the handshake.
        let refused = self.roots.judging().until_refused(|| connection.judge_again(&self.endpoint));
        refused.await.map_or(Ended::Stopping, Ended::from)
    }

    /// Everything that may not have arrived is said again.
    fn begin(&self) {
        let now = self.shared.now();
        self.shared.core_mut().connected(now);
    }
}
