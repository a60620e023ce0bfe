//! An export on its way to its caller: messages of whole leaves, no more of them ahead than a few, and a last one that says
//! why it ended when it did not come to its end.

use std::time::Duration;

use bytes::Bytes;
use sealpost_ledger::ReadError;
use sealpost_ledger::tree::Signed;
use sealpost_proto::v1 as pb;
use sealpost_wire::status::Failure;
use tokio::runtime::Handle;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::mpsc::{self, OwnedPermit, Receiver, Sender};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tracing::error;

use super::{stopping, unread};

/// A caller that takes no message for so long is held to be gone: its place is for others.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
/// A message with this many bytes takes no further leaf.
const MESSAGE_BYTES: usize = (1 << 20) - (64 << 10);
/// Messages that are read ahead of the caller.
const AHEAD: usize = 2;

type Message = Result<pb::ExportResponse, Status>;

/// What is exported.
pub(super) struct Export<L> {
    leaves: L,
    next: u64,
    /// Up to where it goes.
    size: u64,
    /// For the first message.
    checkpoint: Bytes,
}

impl<L: Iterator<Item = Result<Bytes, ReadError>>> Export<L> {
    /// What a checkpoint covers, from a record on, whose leaf is the first of these.
    pub(super) fn new(leaves: L, from: u64, signed: &Signed) -> Self {
        Self { leaves, next: from, size: signed.checkpoint.size(), checkpoint: signed.to_bytes() }
    }

    /// The next leaves, at least one and what fits into one message; `None` when there are no more.
    fn message(&mut self) -> Result<Option<pb::ExportResponse>, Status> {
        if self.next >= self.size {
            return Ok(None);
        }
        let (first_index, mut leaves, mut bytes) = (self.next, Vec::new(), 0);
        while self.next < self.size && bytes < MESSAGE_BYTES {
            let Some(leaf) = self.leaves.next() else {
                error!(index = self.next, size = self.size, "the ledger ends before its checkpoint");
                return Err(
                    Failure::Internal.status(format!("the ledger cannot be read at record {}", self.next))
                );
            };
            let leaf = leaf.map_err(|source| unread(source.into()))?;
            bytes += leaf.len();
            leaves.push(leaf);
            self.next += 1;
        }
        let checkpoint = std::mem::take(&mut self.checkpoint);
        Ok(Some(pb::ExportResponse { first_index, leaves, checkpoint }))
    }
}

/// Where an export goes out.
pub(super) struct Outlet {
    messages: Sender<Message>,
    /// The place of the message that says why it ended: there is room for it also when the caller takes nothing.
    last: OwnedPermit<Message>,
    stop: CancellationToken,
    patience: Duration,
}

/// An outlet, and what comes out of it. It ends with `stop`, and when a message is not taken for as long as `patience`.
pub(super) fn outlet(stop: CancellationToken, patience: Duration) -> (Outlet, Receiver<Message>) {
    let (messages, taken) = mpsc::channel(AHEAD + 1);
    let last = messages.clone().try_reserve_owned().expect("nothing was sent yet and the receiver is here");
    (Outlet { messages, last, stop, patience }, taken)
}

impl Outlet {
    /// Sends all of it. Blocks, and waits by the timer of this runtime.
    pub(super) fn send_all<L>(self, mut export: Export<L>, runtime: &Handle)
    where
        L: Iterator<Item = Result<Bytes, ReadError>>,
    {
        loop {
            let sent = match export.message() {
                Ok(None) => return,
                Ok(Some(message)) => runtime.block_on(self.send(message)),
                Err(failed) => Err(End::Told(failed)),
            };
            match sent {
                Ok(()) => {}
                Err(End::Gone) => return,
                Err(End::Told(status)) => {
                    self.last.send(Err(status));
                    return;
                }
            }
        }
    }

    async fn send(&self, message: pb::ExportResponse) -> Result<(), End> {
        let sent = tokio::select! {
            biased;
            () = self.stop.cancelled() => return Err(End::Told(stopping())),
            sent = self.messages.send_timeout(Ok(message), self.patience) => sent,
        };
        sent.map_err(|unsent| match unsent {
            SendTimeoutError::Timeout(_) => End::Told(Failure::Unavailable.status(format!(
                "no message was taken for {} s, so that the export was ended; go on from the next index",
                self.patience.as_secs()
            ))),
            SendTimeoutError::Closed(_) => End::Gone,
        })
    }
}

/// Why an export does not go on.
enum End {
    /// The caller went away.
    Gone,
    /// The caller is told this.
    Told(Status),
}
