//! A stream is served by a task of its own, and ended by that: when its client goes, when newer calls of its kind took its
//! place, when its agency takes part no more, when the hub cannot reach its journal. None of that waits until the client reads, and whatever served the stream is gone
//! with it. A client that does not even read the end loses its connection.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt as _};
use sealpost_domain::agency::AgencyId;
use sealpost_wire::status::Failure;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::calls::{Call, Method};
use super::{Parts, UNREACHABLE, taking_part};

/// How long a client may take to read what was sent to it before the end, and the end.
const END_READ: Duration = Duration::from_secs(5);

/// What a stream of answers is written to, one after the other.
pub(super) type Answers<T> = mpsc::Sender<Result<T, Status>>;

/// Whose a stream is.
pub(super) struct Caller {
    pub(super) agency: AgencyId,
    /// Its end of the connection, which no other connection has.
    pub(super) address: SocketAddr,
}

/// Serves a call, and gives what its client reads.
pub(super) fn apart<T, S>(
    parts: Arc<Parts>,
    caller: Caller,
    method: Method,
    call: Call,
    serve: impl FnOnce(Answers<T>) -> S + Send + 'static,
) -> BoxStream<'static, Result<T, Status>>
where
    T: Send + 'static,
    S: Future<Output = Result<(), Status>> + Send + 'static,
{
    let (told, outgoing) = mpsc::channel(method.ahead());
    let (held, let_go) = oneshot::channel::<Infallible>();
    let tasks = parts.tasks.clone();
    tasks.spawn(async move {
        let Caller { agency, address } = caller;
        let ended = tokio::select! {
            biased;
            replaced = call.replaced() => Err(replaced),
            stopped = taking_part::no_longer(Arc::clone(&parts), agency.clone()) => Err(stopped),
            () = parts.writer.unreachable() => {
                Err(Failure::Unavailable.status(UNREACHABLE))
            }
            () = told.closed() => return,
            ended = serve(told.clone()) => ended,
        };
        let end = async {
            if let Err(status) = ended {
                // The client may have gone.
                let _ = told.send(Err(status)).await;
            }
            drop(told);
            let _ = let_go.await;
        };
        if tokio::time::timeout(END_READ, end).await.is_err() {
            tracing::warn!(%agency, %address, ?method, "connection closed: its node does not read the end of a stream");
            parts.connections.close_where(|peer| peer.address() == address);
        }
    });
    ReceiverStream::new(outgoing)
        .map(move |message| {
            let _ = &held;
            message
        })
        .boxed()
}

/// Tells what a stream gives, one after the other, until it ends or fails.
pub(super) async fn forward<T>(
    mut stream: BoxStream<'static, Result<T, Status>>,
    told: Answers<T>,
) -> Result<(), Status> {
    while let Some(message) = stream.next().await {
        if told.send(Ok(message?)).await.is_err() {
            break;
        }
    }
    Ok(())
}
