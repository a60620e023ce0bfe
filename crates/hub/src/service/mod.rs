//! The gRPC services in front of the hub: who may call, what is well formed, in what order and how fast.
//!
//! The agency is always the one that the caller's certificate names, never one from a message. Every stream has its
//! own bounds, and none waits for another. To be served behind a [`Door`].

mod calls;
mod control;
mod directory;
mod door;
mod limits;
mod messages;
mod pace;
mod quotas;
mod receive;
mod room;
mod seats;
mod served;
mod submit;
mod taking_part;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use sealpost_crypto::dsse::Signer;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::{Role, Subject};
use sealpost_domain::link::Incarnation;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::hub_server::Hub;
use sealpost_server::connection::{Connections, Peer};
use sealpost_server::pool::{GivenUp, Pool};
use sealpost_server::program::with_causes;
use sealpost_server::roots::Roots;
use sealpost_server::shutdown::Shutdown;
use sealpost_wire::status::{self, Failure};
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status, Streaming};

use crate::dispatch::{Dispatch, NotNow};
use crate::rates::Flow;
use crate::relay::Relay;
use crate::view::View;
use crate::writer::{Refused, Writer};
use calls::{Calls, Method};
pub use door::Door;
pub use limits::Limits;
use messages::Unpaid;
pub use pace::Pace;
use quotas::Quotas;
use sealpost_server::clock::Clock;
use seats::Seats;
use served::{Answers, Caller, forward};

/// When nodes are asked to come back after a planned stop: a hub that is started again at once is there by then, and from
/// another one they back off.
const RECONNECT_AFTER: Duration = Duration::from_millis(250);

/// When nodes are asked to try again while the hub's disk is full.
const FULL_RETRY_AFTER: Duration = Duration::from_secs(5);

/// What opening a stream costs of an agency's budget for what nodes say.
const OPENING_BYTES: usize = 16 << 10;

/// What a node is told whose hub cannot take or give anything.
const UNREACHABLE: &str = "the hub cannot reach its journal; another one may";

/// How long nodes may go on after they were told that the hub stops: they end their streams themselves.
const FAREWELL: Duration = Duration::from_secs(1);

/// What the services stand in front of.
pub struct Parts {
    /// What the hub knows.
    pub view: Arc<View>,
    /// Where everything new goes.
    pub writer: Writer,
    /// Where deliveries come from.
    pub dispatch: Dispatch,
    /// Where control frames pass.
    pub relay: Arc<Relay>,
    /// Whose certificates are believed.
    pub roots: Arc<Roots>,
    /// Where verification and signing run.
    pub pool: Pool,
    /// What acceptances are signed with.
    pub signer: Arc<dyn Signer>,
    /// By which keys and agreements are judged.
    pub clock: Clock,
    /// Which life of the hub this is.
    pub incarnation: Incarnation,
    /// When the hub ends.
    pub shutdown: Shutdown,
    /// The tasks of the streams.
    pub tasks: TaskTracker,
    /// How much is taken.
    pub limits: Limits,
    /// How fast it is taken.
    pub pace: Pace,
    /// Those that live.
    pub connections: Connections,
}

impl Parts {
    /// How a call ends in which something came that cannot be read, of so many bytes: they are paid for all the same. Whether
    /// there was room in the budget is of no interest to a call that ends.
    async fn ended(&self, agency: &AgencyId, flow: Flow, bytes: usize, status: Status) -> Status {
        if bytes > 0 {
            let _ = self.pace.keep(agency, flow, 1, bytes, &self.shutdown).await;
        }
        status
    }
}

/// The services.
#[derive(Clone)]
pub struct Service {
    parts: Arc<Parts>,
    seats: Seats,
    calls: Calls,
    quotas: Quotas,
}

impl Service {
    /// Puts the services in front of a hub.
    pub fn new(parts: Parts) -> Self {
        let (seats, calls, quotas) = (Seats::default(), Calls::default(), Quotas::default());
        Self { parts: Arc::new(parts), seats, calls, quotas }
    }

    /// The agency whose node calls, if it takes part.
    fn node<T>(&self, request: &Request<T>) -> Result<AgencyId, Status> {
        let identity = Peer::of(request)?.identity();
        let (Some(agency), Some(Role::Node)) = (identity.agency(), identity.role()) else {
            return Err(Failure::Forbidden.status(format!("{identity} is not an agency's node")));
        };
        taking_part::judge(self.parts.view.directory().as_deref(), agency)?;
        Ok(agency.clone())
    }

    /// The same, for a call that is to be answered with a stream: opening one costs as much as its headers may be long, and
    /// what came with it.
    async fn caller<T>(&self, request: &Request<T>) -> Result<(Caller, Unpaid), Status> {
        let (agency, unpaid) = (self.node(request)?, Unpaid::of(request)?);
        let bytes = OPENING_BYTES + unpaid.take();
        self.parts.pace.keep(&agency, Flow::Control, 1, bytes, &self.parts.shutdown).await?;
        Ok((Caller { agency, address: Peer::of(request)?.address() }, unpaid))
    }

    /// Reads what a watcher of the directory asks, and serves it.
    async fn watch(
        &self,
        request: Request<Streaming<pb::WatchDirectoryRequest>>,
    ) -> Result<Response<<Self as Hub>::WatchDirectoryStream>, Status> {
        let (agency, unpaid) = (self.node(&request)?, Unpaid::of(&request)?);
        let (metadata, extensions, mut incoming) = request.into_parts();
        match incoming.message().await {
            Ok(Some(asked)) => self.watch_directory(Request::from_parts(metadata, extensions, asked)).await,
            Ok(None) => Err(Failure::Malformed.status("WatchDirectoryRequest: is missing")),
            Err(status) => Err(self.parts.ended(&agency, Flow::Control, unpaid.take(), status).await),
        }
    }

    /// Answers with a stream that ends when the agency takes part no more, or for newer ones of its kind.
    fn answer<T, S>(
        &self,
        caller: Caller,
        method: Method,
        serve: impl FnOnce(Answers<T>) -> S + Send + 'static,
    ) -> Response<BoxStream<'static, Result<T, Status>>>
    where
        T: Send + 'static,
        S: Future<Output = Result<(), Status>> + Send + 'static,
    {
        let call = self.calls.enter(&caller.agency, method);
        Response::new(served::apart(Arc::clone(&self.parts), caller, method, call, serve))
    }
}

/// The caller is an operator.
fn operator<T>(request: &Request<T>) -> Result<(), Status> {
    let identity = Peer::of(request)?.identity();
    match identity.subject() {
        Subject::Operator(_) => Ok(()),
        _ => Err(Failure::Forbidden.status(format!("{identity} is not an operator of the hub"))),
    }
}

/// Waits for the end of the streams that cannot say Drain: those beside them do, and nodes go by that.
async fn farewell(shutdown: &Shutdown) {
    shutdown.begun().await;
    tokio::time::sleep(FAREWELL).await;
}

fn drain() -> pb::Drain {
    pb::Drain { reconnect_after_ms: u32::try_from(RECONNECT_AFTER.as_millis()).unwrap_or(u32::MAX) }
}

fn refused(refused: &Refused) -> Status {
    match refused {
        Refused::DiskFull => status::full(refused.to_string(), FULL_RETRY_AFTER),
        Refused::Stopping => Failure::Unavailable.status(refused.to_string()),
    }
}

/// A node goes on at another hub, if there is one.
fn not_now(error: &NotNow) -> Status {
    tracing::warn!(error = with_causes(error), "a node is sent away");
    Failure::Unavailable.status(UNREACHABLE)
}

fn given_up(_: GivenUp) -> Status {
    Failure::Unavailable.status("the hub is stopping")
}

#[tonic::async_trait]
impl Hub for Service {
    type SubmitStream = BoxStream<'static, Result<pb::SubmitResponse, Status>>;
    type ReceiveStream = BoxStream<'static, Result<pb::ReceiveResponse, Status>>;
    type ControlStream = BoxStream<'static, Result<pb::ControlFrame, Status>>;
    type WatchDirectoryStream = BoxStream<'static, Result<pb::DirectoryUpdate, Status>>;

    async fn submit(
        &self,
        request: Request<Streaming<pb::SubmitRequest>>,
    ) -> Result<Response<Self::SubmitStream>, Status> {
        let (parts, (caller, unpaid)) = (Arc::clone(&self.parts), self.caller(&request).await?);
        let quota = self.quotas.of(&caller.agency, &parts.pool);
        let answers = submit::stream(parts, quota, caller.agency.clone(), unpaid, request.into_inner());
        Ok(self.answer(caller, Method::Submit, |told| forward(answers, told)))
    }

    async fn receive(
        &self,
        request: Request<Streaming<pb::ReceiveRequest>>,
    ) -> Result<Response<Self::ReceiveStream>, Status> {
        let (parts, (caller, unpaid)) = (Arc::clone(&self.parts), self.caller(&request).await?);
        let (seats, recipient) = (self.seats.clone(), caller.agency.clone());
        let serve = |told| receive::serve(parts, seats, recipient, unpaid, request.into_inner(), told);
        Ok(self.answer(caller, Method::Receive, serve))
    }

    async fn control(
        &self,
        request: Request<Streaming<pb::ControlFrame>>,
    ) -> Result<Response<Self::ControlStream>, Status> {
        let (parts, (caller, unpaid)) = (Arc::clone(&self.parts), self.caller(&request).await?);
        let agency = caller.agency.clone();
        let serve = |told| control::serve(parts, agency, unpaid, request.into_inner(), told);
        Ok(self.answer(caller, Method::Control, serve))
    }

    async fn watch_directory(
        &self,
        request: Request<pb::WatchDirectoryRequest>,
    ) -> Result<Response<Self::WatchDirectoryStream>, Status> {
        let (parts, (caller, _)) = (Arc::clone(&self.parts), self.caller(&request).await?);
        let versions = directory::watch(parts, request.into_inner().after_version);
        Ok(self.answer(caller, Method::WatchDirectory, |told| forward(versions, told)))
    }

    async fn publish_directory(
        &self,
        request: Request<pb::PublishDirectoryRequest>,
    ) -> Result<Response<pb::PublishDirectoryResponse>, Status> {
        operator(&request)?;
        directory::publish(&self.parts, request.into_inner()).await.map(Response::new)
    }
}
