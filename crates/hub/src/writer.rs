//! The one thread that writes: it drains its bounded queue, proposes what it found to the journal, applies what comes back to
//! the state, and answers. While the journal is busy the next group gathers by itself.
//!
//! ```text
//! batches ┐
//! settled ├─▶ queue ──▶ journal: durable, in one order ──▶ core::step ─▶ answers, bells
//! listing ┘                ▲ what other hubs proposed, where there are others
//! ```
//!
//! Nothing is applied or answered before it is durable, with one exception: what recipients settled needs no sync of
//! its own, since forgetting it costs no more than a second delivery. Where the disk has no room for it, it is tried again until
//! there is: nobody else would say it again while the lane is idle. A failed sync is final and ends the program.
//!
//! Mail leaves a reserve of the disk alone, so that there is room for what makes room: what is settled, and versions of the
//! directory. Where less than half of the reserve is free, what is settled is written together, once in a while, and none of it
//! in the last part, which is for the directory: a revocation finds room whatever nodes acknowledge.

mod gathered;
mod group;
mod publication;
mod reserve;

use std::ops::ControlFlow;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use sealpost_crypto::directory;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::Signed;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::core::{Acceptance, Fault, Place};
use crate::journal::{Failed, Journal};
use crate::verify::Sound;
use crate::view::View;
use group::Committer;
pub use reserve::Reserve;
use sealpost_server::clock::Clock;
use sealpost_server::pool::Lane;

/// Bytes of ordinary batches that wait or are being written.
const ORDINARY_BYTES: usize = 8 << 20;
/// The same for FLASH, so that it never waits for room behind anything else. One envelope must fit.
const FLASH_BYTES: usize = 4 << 20;
/// What a signature takes beside its bytes: its key's id, and the fields.
const SIGNATURE_BYTES: usize = 40;
/// What the frames of an envelope take in both logs, and where its body lies.
const FRAMES_BYTES: usize = 160;
/// When settlements that had no room on the disk are tried again, if nothing else comes before.
const OWED_AGAIN: Duration = Duration::from_secs(1);
/// How long a hub that ends waits for what it proposed.
const LANDING: Duration = Duration::from_secs(5);
/// How many settlements may wait.
const SETTLEMENTS: usize = 1024;

/// Hands work to the writer's thread. Clones are handles to the same one.
#[derive(Clone)]
pub struct Writer {
    commands: mpsc::Sender<Command>,
    room: Room,
    failure: watch::Receiver<Option<Arc<Failure>>>,
    /// Whether other hubs keep the same journal.
    is_shared: bool,
    /// Whether the journal can be reached; `None` where it always can.
    reachable: Option<watch::Receiver<bool>>,
}

#[derive(Clone)]
struct Room {
    ordinary: Arc<Semaphore>,
    flash: Arc<Semaphore>,
    settlements: Arc<Semaphore>,
}

/// What the thread is told, in order.
enum Command {
    Batch(Batch),
    Settle(Settlement),
    Publish {
        signed: Signed,
        done: oneshot::Sender<Result<Arc<Directory>, PublishError>>,
    },
    Lists {
        lists: Vec<Bytes>,
        done: oneshot::Sender<Result<(), Refused>>,
    },
    /// Something came back from the journal.
    Committed,
    Close,
}

/// Verified envelopes of one sender.
struct Batch {
    sender: AgencyId,
    lane: Lane,
    envelopes: Vec<Sound>,
    bytes: usize,
    done: oneshot::Sender<Result<Acceptance, Refused>>,
    room: OwnedSemaphorePermit,
}

/// What a recipient has durably.
struct Settlement {
    recipient: AgencyId,
    priority: Priority,
    place: Place,
    /// Held until a group takes it.
    _room: OwnedSemaphorePermit,
}

/// Why a batch was not taken. No part of it was.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refused {
    /// The journal has no room, or no more than its reserve.
    #[error("the hub's journal has no room")]
    DiskFull,
    /// The hub is stopping, or its disk failed.
    #[error("the hub is stopping")]
    Stopping,
}

/// Why a directory was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It does not verify against the version in force.
    #[error("the directory does not verify against the version in force")]
    Directory(#[source] Box<directory::Error>),
    /// It could not be written.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Why the writer ended and the program must.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The journal failed.
    #[error("the hub's journal failed")]
    Journal(#[from] Failed),
    /// An own entry made no sense.
    #[error("the hub's own journal entry was refused")]
    Fault(#[source] Fault),
    /// The thread is gone, and did not say why.
    #[error("the writer's thread ended without a reason")]
    Gone,
}

/// A batch in the queue.
pub struct Pending(oneshot::Receiver<Result<Acceptance, Refused>>);

impl Pending {
    /// Waits until the batch is durable and judged, or refused.
    pub async fn accepted(self) -> Result<Acceptance, Refused> {
        self.0.await.unwrap_or(Err(Refused::Stopping))
    }
}

impl Writer {
    /// Gives the journal to a thread of its own.
    pub fn spawn(
        journal: Box<dyn Journal>,
        view: Arc<View>,
        clock: Clock,
        reserve: Reserve,
    ) -> std::io::Result<(Self, Ending)> {
        let (writer, turns) = Self::by_turns(journal, view, clock, reserve);
        let thread = thread::Builder::new().name("hub-writer".to_owned()).spawn(move || turns.run())?;
        let ending = Ending { commands: writer.commands.clone(), thread };
        Ok((writer, ending))
    }

    /// Leaves it to the caller when a group is committed: for deterministic simulations, in which there must be no thread.
    pub fn by_turns(
        mut journal: Box<dyn Journal>,
        view: Arc<View>,
        clock: Clock,
        reserve: Reserve,
    ) -> (Self, Turns) {
        let (commands, queue) = mpsc::channel();
        let told = commands.clone();
        // Fails only when the writer has ended.
        journal.notify(Box::new(move || drop(told.send(Command::Committed))));
        let (failed, failure) = watch::channel(None);
        let room = Room {
            ordinary: Arc::new(Semaphore::new(ORDINARY_BYTES)),
            flash: Arc::new(Semaphore::new(FLASH_BYTES)),
            settlements: Arc::new(Semaphore::new(SETTLEMENTS)),
        };
        let (is_shared, reachable) = (journal.is_shared(), journal.reachable());
        let turns = Turns { committer: Some(Committer::new(journal, view, clock, reserve)), queue, failed };
        (Self { commands, room, failure, is_shared, reachable }, turns)
    }

    /// Puts a batch into the queue, once there is room. Batches are taken over in the order of these calls' returns. Room
    /// that is handed over is used at once, also where the caller is not polled any more.
    pub async fn submit(
        &self,
        sender: AgencyId,
        lane: Lane,
        envelopes: Vec<Sound>,
    ) -> Result<Pending, Refused> {
        let (room, limit) = match lane {
            Lane::Express => (&self.room.flash, FLASH_BYTES),
            Lane::Ordinary => (&self.room.ordinary, ORDINARY_BYTES),
        };
        let bytes: usize = envelopes.iter().map(size).sum();
        let wanted = u32::try_from(bytes.clamp(1, limit)).unwrap_or(u32::MAX);
        let (room, commands) = (Arc::clone(room), self.commands.clone());
        let (done, accepted) = oneshot::channel();
        let waiting = tokio::spawn(async move {
            let room = room.acquire_many_owned(wanted).await.map_err(|_| Refused::Stopping)?;
            let batch = Batch { sender, lane, envelopes, bytes, done, room };
            commands.send(Command::Batch(batch)).map_err(|_| Refused::Stopping)
        });
        AbortOnDropHandle::new(waiting).await.map_err(|_| Refused::Stopping)??;
        Ok(Pending(accepted))
    }

    /// Notes that a recipient has everything up to a place.
    pub async fn settle(&self, recipient: AgencyId, priority: Priority, place: Place) -> Result<(), Refused> {
        let room = Arc::clone(&self.room.settlements);
        let room = room.acquire_owned().await.map_err(|_| Refused::Stopping)?;
        self.command(Command::Settle(Settlement { recipient, priority, place, _room: room }))
    }

    /// Verifies a directory against the one in force, and returns once it is in force itself.
    pub async fn publish(&self, signed: Signed) -> Result<Arc<Directory>, PublishError> {
        let (done, published) = oneshot::channel();
        self.command(Command::Publish { signed, done })?;
        published.await.unwrap_or(Err(PublishError::Refused(Refused::Stopping)))
    }

    /// Hands on revocation lists that were taken here, and returns once every hub of this journal will know them.
    pub async fn publish_lists(&self, lists: Vec<Bytes>) -> Result<(), Refused> {
        if !self.is_shared {
            return Ok(());
        }
        let (done, published) = oneshot::channel();
        self.command(Command::Lists { lists, done })?;
        published.await.unwrap_or(Err(Refused::Stopping))
    }

    /// Waits until the journal cannot be reached: then nothing can be taken or given here.
    pub async fn unreachable(&self) {
        if let Some(mut reachable) = self.reachable.clone()
            && reachable.wait_for(|is_reachable| !is_reachable).await.is_ok()
        {
            return;
        }
        // It is here, or the hub is ending, and says so itself.
        std::future::pending::<()>().await;
    }

    /// Waits until the journal can be reached.
    pub async fn reachable(&self) {
        if let Some(mut reachable) = self.reachable.clone() {
            // An error: the hub is ending, and says so itself.
            let _ = reachable.wait_for(|is_reachable| *is_reachable).await;
        }
    }

    /// Waits until the writer fails for good. Not to be asked once it is being closed.
    pub async fn failed(&self) -> Arc<Failure> {
        let mut failure = self.failure.clone();
        let failed = failure.wait_for(Option::is_some).await.ok().and_then(|failure| failure.clone());
        failed.unwrap_or_else(|| Arc::new(Failure::Gone))
    }

    fn command(&self, command: Command) -> Result<(), Refused> {
        self.commands.send(command).map_err(|_| Refused::Stopping)
    }
}

/// What an envelope takes of the disk, and of memory until it is there, in both logs.
fn size(envelope: &Sound) -> usize {
    let signatures = envelope.signatures.iter().map(|signature| signature.bytes.len() + SIGNATURE_BYTES);
    envelope.header.len() + envelope.payload.len() + signatures.sum::<usize>() + FRAMES_BYTES
}

/// Commits what is queued, one group after the other.
pub struct Turns {
    /// `None` once it was told to close, or failed.
    committer: Option<Committer>,
    queue: mpsc::Receiver<Command>,
    failed: watch::Sender<Option<Arc<Failure>>>,
}

impl Turns {
    /// Commits until it is told to close, or fails. Blocks.
    fn run(mut self) {
        while let Some(committer) = &self.committer {
            let next = if committer.owes() {
                self.queue.recv_timeout(OWED_AGAIN)
            } else {
                self.queue.recv().map_err(RecvTimeoutError::from)
            };
            match next {
                Ok(first) => self.commit(first),
                Err(RecvTimeoutError::Timeout) => self.again(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.end();
    }

    /// Lets what was proposed come back, for a while.
    fn land(&mut self) {
        let begun = std::time::Instant::now();
        while let Some(committer) = &self.committer
            && committer.is_waiting()
            && let Some(left) = LANDING.checked_sub(begun.elapsed())
        {
            match self.queue.recv_timeout(left) {
                Ok(next) => self.commit(next),
                Err(_) => break,
            }
        }
    }

    /// Commits what is queued now, as one group, or what had no room before. Blocks on the disk alone.
    pub fn take(&mut self) {
        match self.queue.try_recv() {
            Ok(first) => self.commit(first),
            Err(_) => self.again(),
        }
    }

    /// What had no room on the disk is tried once more.
    fn again(&mut self) {
        if let Some(Err(failure)) = self.committer.as_mut().map(Committer::again) {
            self.fail(failure);
        }
    }

    fn commit(&mut self, first: Command) {
        let Some(committer) = &mut self.committer else { return };
        match committer.turn(first, &self.queue) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => {
                self.land();
                self.end();
            }
            Err(failure) => self.fail(failure),
        }
    }

    fn end(&mut self) {
        if let Some(Err(failure)) = self.committer.take().map(Committer::end) {
            self.fail(failure);
        }
    }

    /// What waits in the queue is dropped with it: nobody is told anything but that the hub stops.
    fn fail(&mut self, failure: Failure) {
        self.committer = None;
        self.failed.send_replace(Some(Arc::new(failure)));
    }
}

/// Ends the writer's thread.
pub struct Ending {
    commands: mpsc::Sender<Command>,
    thread: thread::JoinHandle<()>,
}

impl Ending {
    /// Commits what is queued and closes the journal. Blocks.
    pub fn close(self) {
        // Fails only when the thread has ended already.
        let _ = self.commands.send(Command::Close);
        if self.thread.join().is_err() {
            tracing::error!("the writer's thread panicked");
        }
    }
}

#[cfg(test)]
mod tests;
