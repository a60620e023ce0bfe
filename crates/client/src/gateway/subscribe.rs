//! Listening: every message once, in the order of the ledger, across broken connections.

use std::time::Duration;

use sealpost_domain::link::Incarnation;
use sealpost_domain::view::{Event, Filter, Place};
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
    place: Place,
    call: Option<Streaming<pb::SubscribeResponse>>,
    backoff: Backoff,
    pause: Duration,
}

impl Subscription {
    pub(super) fn new(gateway: Gateway, place: Place, filter: Filter) -> Self {
        Self {
            gateway,
            filter,
            place,
            call: None,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            pause: Duration::ZERO,
        }
    }

    /// Where to begin after everything that was given out: what to remember across restarts.
    pub fn place(&self) -> Place {
        self.place
    }

    /// The ledger index of that place.
    pub fn next_index(&self) -> u64 {
        self.place.index
    }

    /// The next event. After an error that is temporary, another call of this goes on where it broke off, once a
    /// growing pause has passed. May be cancelled without losing anything.
    pub async fn next(&mut self) -> Result<Event, Error> {
        if !self.pause.is_zero() {
            time::sleep(self.pause).await;
            self.pause = Duration::ZERO;
        }
        match self.event().await {
            Ok((event, ledger)) => {
                self.place = Place { index: event.next_index(), ledger };
                self.backoff.reset();
                Ok(event)
            }
            Err(error) => {
                self.call = None;
                self.pause = self.backoff.next(&mut rand::rng());
                Err(error)
            }
        }
    }

    async fn event(&mut self) -> Result<(Event, Option<Incarnation>), Error> {
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
        let request = wire::subscribe_request_message(self.place, &self.filter);
        self.gateway.call(SILENCE_MAX, self.gateway.client().subscribe(request)).await
    }
}
