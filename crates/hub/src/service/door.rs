//! The door of the services: who calls is asked before anything of a message is read, what comes is weighed, and no message
//! is decoded that would take a multiple of its bytes in memory.
//!
//! The generated server reads a message of a call with one request before it asks the service, and decodes whatever has a
//! length that is allowed. So a stranger to a call is answered here, and every call has a length of its own: only batches
//! and directories are long, and the former are counted first. What nodes call is read by a codec that says how much came,
//! whatever of it is kept; what operators call is read by the generated one.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures::Stream;
use futures::future::BoxFuture;
use prost::Message;
use sealpost_proto::v1::hub_server::{Hub as _, HubServer};
use sealpost_wire::status::Failure;
use tonic::body::Body;
use tonic::codegen::{Service as Serves, http};
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};

use super::messages::{Incoming, Unpaid, Weighing};
use super::{Service, operator};

/// The largest message: a batch of one large envelope, or a directory.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// The largest of all other calls: a statement of 48 KiB with four of the longest signatures.
const SHORT_BYTES_MAX: usize = 128 << 10;

const SUBMIT: &str = "/sealpost.v1.Hub/Submit";
const RECEIVE: &str = "/sealpost.v1.Hub/Receive";
const CONTROL: &str = "/sealpost.v1.Hub/Control";
const WATCH_DIRECTORY: &str = "/sealpost.v1.Hub/WatchDirectory";
const PUBLISH_DIRECTORY: &str = "/sealpost.v1.Hub/PublishDirectory";

/// The services, as they are served.
#[derive(Clone)]
pub struct Door {
    service: Service,
    generated: HubServer<Service>,
}

impl Door {
    /// Puts the services behind their door.
    pub fn new(service: Service) -> Self {
        let generated = HubServer::new(service.clone()).max_decoding_message_size(MESSAGE_BYTES_MAX);
        Self { service, generated }
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

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if let Err(refused) = self.admits(&request) {
            return Box::pin(async move { Ok(refused.into_http()) });
        }
        let service = self.service.clone();
        match request.uri().path() {
            SUBMIT => {
                let submit = |request| async move { service.submit(request).await };
                stream(request, MESSAGE_BYTES_MAX, submit)
            }
            RECEIVE => {
                let receive = |request| async move { service.receive(request).await };
                stream(request, SHORT_BYTES_MAX, receive)
            }
            CONTROL => {
                let control = |request| async move { service.control(request).await };
                stream(request, SHORT_BYTES_MAX, control)
            }
            WATCH_DIRECTORY => {
                let watch = |request| async move { service.watch(request).await };
                stream(request, SHORT_BYTES_MAX, watch)
            }
            _ => self.generated.call(request),
        }
    }
}

/// Answers a call, whose messages may have so many bytes.
fn stream<Asked, Told, Serve, Answer, Answers>(
    mut request: http::Request<Body>,
    bytes_max: usize,
    serve: Serve,
) -> BoxFuture<'static, Result<http::Response<Body>, Infallible>>
where
    Asked: Incoming,
    Told: Message + 'static,
    Serve: FnOnce(Request<Streaming<Asked>>) -> Answer + Send + 'static,
    Answer: Future<Output = Result<Response<Answers>, Status>> + Send + 'static,
    Answers: Stream<Item = Result<Told, Status>> + Send + 'static,
{
    let unpaid = Unpaid::default();
    request.extensions_mut().insert(unpaid.clone());
    let mut grpc = Grpc::new(Weighing::<Asked, Told>::new(unpaid)).max_decoding_message_size(bytes_max);
    Box::pin(async move { Ok(grpc.streaming(Once(Some(serve)), request).await) })
}

/// What serves one call, as the transport wants it.
struct Once<Serve>(Option<Serve>);

impl<Asked, Told, Serve, Answer, Answers> StreamingService<Asked> for Once<Serve>
where
    Serve: FnOnce(Request<Streaming<Asked>>) -> Answer,
    Answer: Future<Output = Result<Response<Answers>, Status>> + Send + 'static,
    Answers: Stream<Item = Result<Told, Status>> + Send + 'static,
{
    type Response = Told;
    type ResponseStream = Answers;
    type Future = BoxFuture<'static, Result<Response<Answers>, Status>>;

    fn call(&mut self, request: Request<Streaming<Asked>>) -> Self::Future {
        match self.0.take() {
            Some(serve) => Box::pin(serve(request)),
            None => Box::pin(async { Err(Failure::Internal.status("this call was served before")) }),
        }
    }
}
