//! Listening: every message once, in the order of the ledger, across broken connections.

use std::time::Duration;

use sealpost_domain::view::{Event, Filter};
use sealpost_proto::v1 as pb;
use sealpost_wire::gateway as wire;
use tokio::time;
use tonic::Streaming;

use super::{Error, Gateway};
use crate::Backoff;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A node that has nothing new says so every few seconds; after so much silence the connection is taken to be dead.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Messages from a ledger index on.
#[derive(Debug)]
pub struct Subscription {
    gateway: Gateway,
    filter: Filter,
    next_index: u64,
    call: Option<Streaming<pb::SubscribeResponse>>,
    backoff: Backoff,
    pause: Duration,
}

impl Subscription {
    pub(super) fn new(gateway: Gateway, from_index: u64, filter: Filter) -> Self {
        Self {
            gateway,
            filter,
            next_index: from_index,
            call: None,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            pause: Duration::ZERO,
        }
    }

    /// The ledger index to begin at after everything that was given out: what to remember across restarts.
    pub fn next_index(&self) -> u64 {
        self.next_index
    }

    /// The next event. After an error that is temporary, another call of this goes on where it broke off, once a
    /// growing pause has passed. May be cancelled without losing anything.
    pub async fn next(&mut self) -> Result<Event, Error> {
        if !self.pause.is_zero() {
            time::sleep(self.pause).await;
            self.pause = Duration::ZERO;
        }
        let event = self.event().await;
        if let Ok(event) = &event {
            self.next_index = event.next_index();
            self.backoff.reset();
        } else {
            self.call = None;
            self.pause = self.backoff.next(&mut rand::rng());
        }
        event
    }

    async fn event(&mut self) -> Result<Event, Error> {
        let call = match self.call.take() {
            Some(call) => call,
            None => self.open().await?,
        };
        let call = self.call.insert(call);
        let address = self.gateway.address().to_owned();
        let message = time::timeout(SILENCE_MAX, call.message())
            .await
            .map_err(|_| crate::Error::Timeout { address, timeout: SILENCE_MAX })?;
        let ended = || tonic::Status::unavailable("the node ended the call");
        let event = message.and_then(|message| message.ok_or_else(ended));
        Ok(wire::event(event.map_err(|status| self.gateway.connection.explain(status))?)?)
    }

    async fn open(&self) -> Result<Streaming<pb::SubscribeResponse>, Error> {
        let request = wire::subscribe_request_message(self.next_index, &self.filter);
        self.gateway.call(SILENCE_MAX, self.gateway.client().subscribe(request)).await
    }
}
