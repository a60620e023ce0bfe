//! How the hub is reached: over TLS, or in a simulation by whatever carries the same calls.
//!
//! Everything above it is the same in both: the session, its streams, and what it makes of a hub that goes away.

use std::sync::Arc;
use std::time::Duration;

use sealpost_client::{Connection, Error, connect};
use sealpost_crypto::tls::Endpoint;
use sealpost_server::roots::Roots;
use tonic::Status;
use tonic::body::Body;
use tower::BoxError;
use tower::util::BoxCloneSyncService;

/// What carries the calls of the generated client.
pub type Calls = BoxCloneSyncService<http::Request<Body>, http::Response<Body>, NotCarried>;

/// A call did not reach the hub.
#[derive(Debug, thiserror::Error)]
#[error("the call was not carried to the hub")]
pub struct NotCarried(#[source] pub BoxError);

/// Reaches the hub.
#[tonic::async_trait]
pub trait Dial: Send + Sync {
    /// Connects to an address within a time.
    async fn dial(&self, address: &str, timeout: Duration) -> Result<Arc<dyn Line>, Error>;
}

/// A connection whose hub has admitted us.
#[tonic::async_trait]
pub trait Line: Send + Sync {
    /// Who the hub has proven to be, and where.
    fn hub(&self) -> String;
    /// What carries calls over it.
    fn calls(&self) -> Calls;
    /// What a failed call means.
    fn explain(&self, status: Status) -> Error;
    /// Waits until the hub would not be believed any more: why.
    async fn refused(&self) -> Error;
}

/// Mutual TLS under gRPC.
pub struct Tls {
    endpoint: Endpoint,
    roots: Arc<Roots>,
}

impl Tls {
    /// Dials from `endpoint`, and judges a hub again whenever `roots` change.
    pub fn new(endpoint: Endpoint, roots: Arc<Roots>) -> Self {
        Self { endpoint, roots }
    }
}

#[tonic::async_trait]
impl Dial for Tls {
    async fn dial(&self, address: &str, timeout: Duration) -> Result<Arc<dyn Line>, Error> {
        let connection = connect(address, &self.endpoint, timeout).await?;
        let (endpoint, roots) = (self.endpoint.clone(), Arc::clone(&self.roots));
        Ok(Arc::new(Secured { connection, endpoint, roots }))
    }
}

struct Secured {
    connection: Connection,
    endpoint: Endpoint,
    roots: Arc<Roots>,
}

#[tonic::async_trait]
impl Line for Secured {
    fn hub(&self) -> String {
        let address = self.connection.address();
        self.connection.peer().map_or_else(|| address.to_owned(), |peer| format!("{peer} at {address}"))
    }

    fn calls(&self) -> Calls {
        Calls::new(tower::util::MapErr::new(self.connection.channel(), |error| NotCarried(Box::new(error))))
    }

    fn explain(&self, status: Status) -> Error {
        self.connection.explain(status)
    }

    async fn refused(&self) -> Error {
        // The first time is at once: there may have been a change during the handshake.
        self.roots.judging().until_refused(|| self.connection.judge_again(&self.endpoint)).await
    }
}
