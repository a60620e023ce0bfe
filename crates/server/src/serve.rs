//! gRPC, REST, health and reflection behind one door, until the shutdown.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::IntoResponse;
use http::Request;
use tokio::task::JoinSet;
use tokio::time;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic::transport;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;
use tower::Service;
use tracing::{info, warn};

use crate::acceptor::{Acceptor, Protocols};
use crate::shutdown::Shutdown;

/// What a stream may have in flight before the receiver asks for more: several batches of 64 KiB.
const STREAM_WINDOW: u32 = 1 << 20;
/// The same for all streams of a connection together.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Streams of one connection, where a server does not say otherwise.
const STREAMS_MAX: u32 = 256;
const HEADER_LIST_MAX: u32 = 16 << 10;
/// The largest frame, as HTTP/2 has it by default: what a connection buffers of one frame before it is a stream's.
const FRAME_MAX: u32 = 16 << 10;
/// Streams that a peer opened and reset before they were looked at (CVE-2023-44487), and streams that were reset here for what
/// the peer did (CVE-2025-8671): one more ends the connection.
const RESETS_PENDING_MAX: usize = 20;
const RESETS_PROVOKED_MAX: usize = 256;
/// What is asked of health and reflection is short.
const QUESTION_BYTES_MAX: usize = 4 << 10;
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// After the grace connections are cut; then this is enough for their tasks to notice.
const CUT_TIMEOUT: Duration = Duration::from_secs(2);

/// Services that share a door.
#[derive(Debug)]
pub struct Server {
    acceptor: Acceptor,
    routes: RoutesBuilder,
    health: Health,
    streams_max: u32,
}

/// Whether the program as a whole is able to serve, as `grpc.health.v1.Health` tells for the empty service name.
#[derive(Clone, Debug)]
pub struct Health(HealthReporter);

impl Health {
    /// Tells that work is taken.
    pub async fn serving(&self) {
        self.0.set_service_status("", ServingStatus::Serving).await;
    }

    /// Tells that no work is taken now: starting, full, or about to end.
    pub async fn not_serving(&self) {
        self.0.set_service_status("", ServingStatus::NotServing).await;
    }
}

impl Server {
    /// A server with the health service. It reports serving once [`Server::serve`] runs.
    pub fn new(acceptor: Acceptor) -> Self {
        Self::with_rest(acceptor, axum::Router::new())
    }

    /// The same, with REST handlers besides.
    pub fn with_rest(acceptor: Acceptor, rest: axum::Router) -> Self {
        let (reporter, service) = tonic_health::server::health_reporter();
        let mut routes = RoutesBuilder::from(rest);
        routes.add_service(service.max_decoding_message_size(QUESTION_BYTES_MAX));
        Self { acceptor, routes, health: Health(reporter), streams_max: STREAMS_MAX }
    }

    /// Takes so many streams on one connection at one time; more wait at the client.
    #[must_use]
    pub fn streams(self, streams_max: u32) -> Self {
        Self { streams_max, ..self }
    }

    /// Adds a gRPC service.
    #[must_use]
    pub fn add_service<S>(mut self, service: S) -> Self
    where
        S: Service<Request<Body>, Error = Infallible> + NamedService + Clone + Send + Sync + 'static,
        S::Response: IntoResponse,
        S::Future: Send + 'static,
    {
        self.routes.add_service(service);
        self
    }

    /// Adds reflection over an encoded descriptor set, so that tools like `grpcurl` can be used.
    pub fn reflect(mut self, descriptors: &[u8]) -> Result<Self, Error> {
        let builder = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(descriptors)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        self.routes.add_service(builder().build_v1()?.max_decoding_message_size(QUESTION_BYTES_MAX));
        self.routes.add_service(builder().build_v1alpha()?.max_decoding_message_size(QUESTION_BYTES_MAX));
        Ok(self)
    }

    /// To tell that there are reasons not to serve.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Serves until the shutdown begins; then stops accepting, lets streams end for the grace, and cuts the rest.
    /// When this returns, no request is being handled any more.
    pub async fn serve(self, shutdown: &Shutdown) -> Result<(), Error> {
        let Self { acceptor, routes, health, streams_max } = self;
        let connections = acceptor.connections();
        let protocols = acceptor.protocols();
        let mut tasks = JoinSet::new();
        let incoming = acceptor.start(shutdown.token(), &mut tasks);
        let serving = builder(protocols, streams_max)
            .add_routes(Routes::from(routes.routes().prepare().into_axum_router()));
        let serving = serving.serve_with_incoming_shutdown(incoming, shutdown.token().cancelled_owned());

        health.serving().await;
        let end = async {
            shutdown.begun().await;
            health.not_serving().await;
            time::sleep(shutdown.grace()).await;
            let cut = connections.close_where(|_| true);
            warn!(cut, grace = ?shutdown.grace(), "streams did not end within the grace");
            time::sleep(CUT_TIMEOUT).await;
        };
        let served = tokio::select! {
            served = serving => served.map_err(Error::Transport),
            () = end => Err(Error::Stuck { connections: connections.count() }),
        };
        tasks.shutdown().await;
        info!("no connection is left");
        served
    }
}

fn builder(protocols: Protocols, streams_max: u32) -> transport::Server {
    transport::Server::builder()
        .accept_http1(protocols == Protocols::Http2AndHttp1)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(streams_max)
        .max_frame_size(FRAME_MAX)
        .http2_max_pending_accept_reset_streams(Some(RESETS_PENDING_MAX))
        .http2_max_local_error_reset_streams(Some(RESETS_PROVOKED_MAX))
        .http2_max_header_list_size(HEADER_LIST_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
}

/// Why serving ended otherwise than in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The transport gave up.
    #[error("the transport failed")]
    Transport(#[source] transport::Error),
    /// The descriptors are not readable.
    #[error("the descriptors for reflection cannot be read")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// Even cut connections stayed.
    #[error("{connections} connections did not end after they were cut")]
    Stuck {
        /// How many.
        connections: usize,
    },
}
