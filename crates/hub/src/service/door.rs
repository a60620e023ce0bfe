//! The door of the services: who calls is asked before anything of a message is read, and no message is decoded that
//! would take a multiple of its bytes in memory.
//!
//! The generated server reads a message of a call with one request before it asks the service, and decodes whatever has a
//! length that is allowed. So a stranger to a call is answered here, and every call has a length of its own: only batches
//! and directories are long, and the former are counted first.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::hub_server::{Hub as _, HubServer};
use tonic::body::Body;
use tonic::codegen::{Service as Serves, http};
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};

use super::batches::{Batches, Received};
use super::{Service, operator};

/// The largest message: a batch of one large envelope, or a directory.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// The largest of all other calls: a statement of 48 KiB with four of the longest signatures.
const SHORT_BYTES_MAX: usize = 128 << 10;

const SUBMIT: &str = "/sealpost.v1.Hub/Submit";
const PUBLISH_DIRECTORY: &str = "/sealpost.v1.Hub/PublishDirectory";

/// The services, as they are served.
#[derive(Clone)]
pub struct Door {
    service: Service,
    short: HubServer<Service>,
    long: HubServer<Service>,
}

impl Door {
    /// Puts the services behind their door.
    pub fn new(service: Service) -> Self {
        let limited = |bytes| HubServer::new(service.clone()).max_decoding_message_size(bytes);
        Self { short: limited(SHORT_BYTES_MAX), long: limited(MESSAGE_BYTES_MAX), service }
    }

    /// Whether the caller may call this at all.
    fn admits(&self, request: &http::Request<Body>) -> Result<(), Status> {
        let asked = Request::from_parts(MetadataMap::new(), request.extensions().clone(), ());
        match request.uri().path() {
            PUBLISH_DIRECTORY => operator(&asked),
            _ => self.service.node(&asked).map(drop),
        }
    }
}

impl NamedService for Door {
    const NAME: &'static str = <HubServer<Service> as NamedService>::NAME;
}

impl Serves<http::Request<Body>> for Door {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        if let Err(refused) = self.admits(&request) {
            return Box::pin(async move { Ok(refused.into_http()) });
        }
        match request.uri().path() {
            SUBMIT => {
                let received = Received::default();
                request.extensions_mut().insert(received.clone());
                let mut grpc = Grpc::new(Batches::new(received)).max_decoding_message_size(MESSAGE_BYTES_MAX);
                let submit = Submit(self.service.clone());
                Box::pin(async move { Ok(grpc.streaming(submit, request).await) })
            }
            PUBLISH_DIRECTORY => self.long.call(request),
            _ => self.short.call(request),
        }
    }
}

/// The one call whose messages are not read by the generated code.
struct Submit(Service);

impl StreamingService<pb::SubmitRequest> for Submit {
    type Response = pb::SubmitResponse;
    type ResponseStream = <Service as pb::hub_server::Hub>::SubmitStream;
    type Future = BoxFuture<'static, Result<Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: Request<Streaming<pb::SubmitRequest>>) -> Self::Future {
        let service = self.0.clone();
        Box::pin(async move { service.submit(request).await })
    }
}
