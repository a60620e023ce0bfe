//! The gateway of one's own node: the Rust SDK for an agency's systems.
//!
//! A [`Gateway`] is cheap to clone and shares one connection, which is made again when it was lost. What was published
//! is durable when its answer is here; what is received is resumed from the ledger index at which it broke off.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use futures::{StreamExt as _, stream};
//! use sealpost_client::gateway::{Gateway, Outgoing, Pace};
//! use sealpost_client::profile::Profile;
//!
//! let gateway = Gateway::connect(&Profile::read("sealpost.toml".as_ref())?).await?;
//! let draft = sealpost_wire::json::parse_draft(std::fs::read("alert.json")?)?;
//! let message = Outgoing { key: Some("case-117".parse()?), draft };
//! let mut answers = std::pin::pin!(gateway.publish(stream::iter([message]), Pace::default()));
//! while let Some(answer) = answers.next().await {
//!     match answer?.result {
//!         Ok(published) => println!("{} is on its way", published.id),
//!         Err(refusals) => refusals.iter().for_each(|refusal| eprintln!("{refusal}")),
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod error;
mod publish;
mod subscribe;

use std::sync::Arc;
use std::time::Duration;

use rustls::time_provider::DefaultTimeProvider;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::Identity;
use sealpost_domain::message::MessageId;
use sealpost_domain::stats::Period;
use sealpost_domain::view::{Filter, Form, Page, Place, Query, Shown, Statistics, Status, Tracked};
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::gateway_client::GatewayClient;
use sealpost_wire::gateway as wire;
use tokio::time;
use tonic::transport::Channel;

pub use self::error::Error;
pub use self::publish::{Answer, Outgoing, Pace};
pub use self::subscribe::Subscription;
use crate::connection::{Connection, connect};
use crate::profile::Profile;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an answer may take that does not depend on the size of the ledger.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the figures of a whole ledger may take.
const STATS_TIMEOUT: Duration = Duration::from_mins(5);
/// The largest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// The gateway of one's own node.
#[derive(Clone, Debug)]
pub struct Gateway {
    connection: Connection,
}

impl Gateway {
    /// Connects as the profile says, judging certificates by this machine's clock. When this returns, the node has
    /// admitted us and takes work.
    pub async fn connect(profile: &Profile) -> Result<Self, Error> {
        let endpoint = profile.endpoint(Arc::new(DefaultTimeProvider))?;
        Ok(Self::over(connect(&profile.gateway, &endpoint, CONNECT_TIMEOUT).await?))
    }

    /// Uses a connection that was made before.
    pub fn over(connection: Connection) -> Self {
        Self { connection }
    }

    /// Host and port of the gateway.
    pub fn address(&self) -> &str {
        self.connection.address()
    }

    /// Who the node has proven to be.
    pub fn node(&self) -> Option<Identity> {
        self.connection.peer()
    }

    /// One message with its content. Without a sender it is found only while no other agency used its id too.
    pub async fn get(&self, id: MessageId, sender: Option<&AgencyId>) -> Result<Shown, Error> {
        self.get_as(id, sender, Form::Shown).await
    }

    /// The same, with [`Shown::enclosed`]: the message as it can be shown to others, to be forwarded.
    pub async fn get_enclosed(&self, id: MessageId, sender: Option<&AgencyId>) -> Result<Shown, Error> {
        self.get_as(id, sender, Form::Enclosed).await
    }

    async fn get_as(&self, id: MessageId, sender: Option<&AgencyId>, form: Form) -> Result<Shown, Error> {
        let request = wire::get_request_message(id, sender, form);
        let message = self.call(ANSWER_TIMEOUT, self.client().get(request)).await?;
        Ok(wire::shown(message)?)
    }

    /// Messages in the ledger, the newest first. A page may hold fewer messages than were asked for, and says whether
    /// there are more: go on with `before` at the index of its last one.
    pub async fn list(&self, query: &Query) -> Result<Page, Error> {
        let request = wire::query_message(query);
        let message = self.call(ANSWER_TIMEOUT, self.client().list(request)).await?;
        Ok(wire::page(message)?)
    }

    /// Where a message of one's own agency stands.
    pub async fn track(&self, id: MessageId) -> Result<Tracked, Error> {
        let request = wire::track_request_message(id);
        let message = self.call(ANSWER_TIMEOUT, self.client().track(request)).await?;
        Ok(wire::tracked(message)?)
    }

    /// Says that messages were read, and learns how many were unread. At most [`wire::ACKNOWLEDGE_MAX`] at a time, all
    /// of one sender, or of whoever it is while no two agencies used one of the ids.
    pub async fn acknowledge(&self, ids: &[MessageId], sender: Option<&AgencyId>) -> Result<u32, Error> {
        let request = wire::acknowledge_request_message(ids, sender);
        Ok(self.call(ANSWER_TIMEOUT, self.client().acknowledge(request)).await?.acknowledged)
    }

    /// The figures of the outcome messages in the ledger.
    pub async fn stats(&self, period: Period) -> Result<Statistics, Error> {
        let request = wire::period_message(period);
        let message = self.call(STATS_TIMEOUT, self.client().stats(request)).await?;
        Ok(wire::statistics(message)?)
    }

    /// How the node is.
    pub async fn status(&self) -> Result<Status, Error> {
        let message = self.call(ANSWER_TIMEOUT, self.client().status(pb::StatusRequest {})).await?;
        Ok(wire::status(message)?)
    }

    /// Messages from a ledger index on, for as long as one listens.
    pub fn subscribe(&self, from_index: u64, filter: Filter) -> Subscription {
        self.subscribe_at(Place::at(from_index), filter)
    }

    /// Messages from where an earlier [`Subscription::place`] was. A place of another life of the ledger is refused with
    /// `FAILED_PRECONDITION`: begin again at 0, and tell by their ids which messages are known already.
    pub fn subscribe_at(&self, place: Place, filter: Filter) -> Subscription {
        Subscription::new(self.clone(), place, filter)
    }

    fn client(&self) -> GatewayClient<Channel> {
        GatewayClient::new(self.connection.channel()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    async fn call<T>(
        &self,
        timeout: Duration,
        call: impl Future<Output = Result<tonic::Response<T>, tonic::Status>>,
    ) -> Result<T, Error> {
        let slow = || crate::Error::Timeout { address: self.address().to_owned(), timeout };
        match time::timeout(timeout, call).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.connection.explain(status).into()),
            Err(_) => Err(slow().into()),
        }
    }
}
