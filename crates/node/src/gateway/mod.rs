//! The gateway: the door for the agency's own systems and officers (`gateway.proto`).
//!
//! Who calls is who the client's certificate names, and what that role may do is decided here, for every call. What
//! may be sent to whom is not: that is decided behind the [`Handle`]. Nothing is buffered without bound: a caller that
//! is slow to take answers is slowed down, and one that hands in faster than the disk syncs waits.

mod audit;
mod caller;
mod list;
mod publish;
mod stats;
mod subscribe;

use futures::StreamExt as _;
use futures::stream::BoxStream;
use sealpost_domain::agency::AgencyId;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::gateway_server::GatewayServer;
use sealpost_wire::gateway as wire;
use sealpost_wire::status::Failure;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use tracing::error;

pub use self::audit::Audit;
use self::caller::{Action, Caller};
use crate::handle::{AcknowledgeError, Handle, ViewError};

/// The largest request: a body of 1 MiB, and room for what goes round it.
const REQUEST_BYTES_MAX: usize = (1 << 20) + (128 << 10);
/// The largest answer. Lists are cut before they reach it.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// The service on one node.
#[derive(Clone)]
pub struct Gateway {
    handle: Handle,
    agency: AgencyId,
    stop: CancellationToken,
}

impl Gateway {
    /// Serves the own people and systems of `agency` until `stop`: then streams end, and what was taken is answered.
    pub fn new(handle: Handle, agency: AgencyId, stop: CancellationToken) -> Self {
        Self { handle, agency, stop }
    }

    /// The service, to be added to a server.
    pub fn into_service(self) -> GatewayServer<Self> {
        GatewayServer::new(self)
            .max_decoding_message_size(REQUEST_BYTES_MAX)
            .max_encoding_message_size(ANSWER_BYTES_MAX)
    }

    fn admit<T>(&self, request: &Request<T>, action: Action) -> Result<Caller, Status> {
        Caller::admit(request, &self.agency, action)
    }
}

#[tonic::async_trait]
impl pb::gateway_server::Gateway for Gateway {
    type PublishStream = BoxStream<'static, Result<pb::PublishResponse, Status>>;
    type SubscribeStream = BoxStream<'static, Result<pb::SubscribeResponse, Status>>;

    async fn publish(
        &self,
        request: Request<Streaming<pb::PublishRequest>>,
    ) -> Result<Response<Self::PublishStream>, Status> {
        let caller = self.admit(&request, Action::Publish)?;
        let answers =
            publish::answers(self.handle.clone(), caller.key, request.into_inner(), self.stop.clone());
        Ok(Response::new(answers.boxed()))
    }

    async fn subscribe(
        &self,
        request: Request<pb::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        self.admit(&request, Action::Read)?;
        let (place, filter) = wire::subscribe_request(request.into_inner())?;
        let ledger = self.handle.ledger();
        let from = subscribe::admit(place, ledger)?;
        let events = subscribe::events(self.handle.clone(), from, filter, self.stop.clone());
        let told = move |event: Result<_, Status>| event.map(|event| wire::event_message(&event, ledger));
        Ok(Response::new(events.map(told).boxed()))
    }

    async fn get(&self, request: Request<pb::GetRequest>) -> Result<Response<pb::Message>, Status> {
        self.admit(&request, Action::Read)?;
        let (id, sender, form) = wire::get_request(request.get_ref())?;
        let shown = self.handle.message(id, sender, form).await.map_err(view_failed)?;
        let shown = shown.ok_or_else(|| Failure::NotFound.status(format!("message {id} is not here")))?;
        Ok(Response::new(wire::shown_message(&shown)))
    }

    async fn list(&self, request: Request<pb::ListRequest>) -> Result<Response<pb::ListResponse>, Status> {
        self.admit(&request, Action::Read)?;
        let query = wire::query(request.into_inner())?;
        list::page(&self.handle, query).await.map(Response::new).map_err(view_failed)
    }

    async fn track(&self, request: Request<pb::TrackRequest>) -> Result<Response<pb::TrackResponse>, Status> {
        self.admit(&request, Action::Read)?;
        let id = wire::track_request(request.get_ref())?;
        let tracked = self.handle.track(id).await.map_err(view_failed)?;
        let absent = || {
            Failure::NotFound
                .status(format!("message {id} was not sent by {}; only its sender tracks it", self.agency))
        };
        Ok(Response::new(wire::tracked_message(&tracked.ok_or_else(absent)?)))
    }

    async fn acknowledge(
        &self,
        request: Request<pb::AcknowledgeRequest>,
    ) -> Result<Response<pb::AcknowledgeResponse>, Status> {
        let caller = self.admit(&request, Action::Read)?;
        let (ids, sender) = wire::acknowledge_request(request.get_ref())?;
        let acknowledged = self.handle.acknowledge(ids, sender, caller.key).await;
        let acknowledged = acknowledged.map_err(|error| match error {
            AcknowledgeError::Ambiguous(_) => Failure::Malformed.status(error.to_string()),
            AcknowledgeError::Silenced(silenced) => Failure::Conflict.status(silenced.to_string()),
            AcknowledgeError::Full => Failure::Full.status(error.to_string()),
            AcknowledgeError::Stopping | AcknowledgeError::Fatal => {
                Failure::Unavailable.status(error.to_string())
            }
        })?;
        Ok(Response::new(pb::AcknowledgeResponse { acknowledged }))
    }

    async fn stats(&self, request: Request<pb::StatsRequest>) -> Result<Response<pb::StatsResponse>, Status> {
        self.admit(&request, Action::Stats)?;
        let period = wire::period(request.get_ref())?;
        let statistics = stats::statistics(&self.handle, period).await.map_err(view_failed)?;
        Ok(Response::new(wire::statistics_message(&statistics)))
    }

    async fn status(
        &self,
        request: Request<pb::StatusRequest>,
    ) -> Result<Response<pb::StatusResponse>, Status> {
        self.admit(&request, Action::Status)?;
        Ok(Response::new(wire::status_message(&self.handle.status())))
    }
}

/// A ledger that cannot be read is this node's fault: the log says so too.
#[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` takes")]
fn view_failed(failed: ViewError) -> Status {
    match failed {
        ViewError::Ambiguous(_) => Failure::Malformed.status(failed.to_string()),
        ViewError::Stopping => Failure::Unavailable.status(failed.to_string()),
        ViewError::Record { .. } | ViewError::Index { .. } => {
            error!(error = %failed, "the ledger cannot be shown");
            Failure::Internal.status(failed.to_string())
        }
    }
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
