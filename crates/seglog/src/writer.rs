//! Group commit without a timer, shared by any number of callers.
//!
//! One thread owns the [`Log`]: it drains the bounded queue, writes what it found with one write, syncs once, and
//! acknowledges all of it. While it syncs the next group gathers by itself, so a lone append waits for one sync and
//! nothing else.
//!
//! **Order.** [`Writer::enqueue`] gives out the indices at once; appends are committed in the order of these calls,
//! awaited or not. When a full disk refuses one, everything queued behind it is refused too, since it may build on
//! what is missing; the next append starts over at the index where the log stands. A caller that counts on its
//! place uses [`Writer::enqueue_at`].
//!
//! In a deterministic simulation there must be no thread: [`Writer::inline`] commits within the call.

mod commit;
mod line;

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};

use crate::append::{Error, Fatal};
use crate::frame::{self, RECORD_BYTES_MAX};
use crate::record::{Appended, Record};
use crate::{Log, Reader};
use commit::{Committer, Request};
pub use line::Pending;
use line::{Line, Places, State};

/// What an append of no records takes in the queue, so that these are bounded as well.
const REQUEST_BYTES: usize = 64;

/// How much a writer takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Bytes of all frames that wait or are being written; more are refused or wait outside. Default 8 MiB.
    pub queue_bytes: usize,
    /// Bytes after which a group takes no further append. Default 4 MiB.
    pub group_bytes: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { queue_bytes: 8 << 20, group_bytes: 4 << 20 }
    }
}

/// Appends to a log. Clones are handles to the same one; when the last is dropped the log is closed.
#[derive(Clone)]
pub struct Writer {
    shared: Arc<Shared>,
}

struct Shared {
    line: Arc<Line>,
    commits: Commits,
    room: Arc<Semaphore>,
    capacity: Capacity,
    reader: Reader,
}

/// Who writes.
enum Commits {
    Thread(mpsc::Sender<Command>),
    /// `None` once closed.
    Inline(Mutex<Option<Committer>>),
}

/// What the writing thread is told, in order.
enum Command {
    Append(Request),
    Remove { below: u64, done: oneshot::Sender<Result<u64, Fatal>> },
    Close,
}

impl Writer {
    /// Gives the log to a thread of its own.
    pub fn spawn(log: Log, capacity: Capacity) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let (committer, writer) = Self::build(log, capacity, |_| Commits::Thread(sender));
        let Some(committer) = committer else {
            return Ok(writer);
        };
        thread::Builder::new().name("seglog-writer".to_owned()).spawn(move || committer.run(&receiver))?;
        Ok(writer)
    }

    /// Commits every append within the call that makes it, without a thread. For simulations: it blocks on the disk.
    pub fn inline(log: Log, capacity: Capacity) -> Self {
        Self::build(log, capacity, |committer| Commits::Inline(Mutex::new(committer.take()))).1
    }

    fn build(
        log: Log,
        capacity: Capacity,
        commits: impl FnOnce(&mut Option<Committer>) -> Commits,
    ) -> (Option<Committer>, Self) {
        let places = Mutex::new(Places { next: log.next(), round: 0, closing: false });
        let line = Arc::new(Line { places, state: watch::Sender::new(State::Running) });
        let reader = log.reader();
        let mut committer = Some(Committer::new(log, Arc::clone(&line), capacity.group_bytes));
        let commits = commits(&mut committer);
        let room = Arc::new(Semaphore::new(capacity.queue_bytes.min(Semaphore::MAX_PERMITS)));
        let shared = Arc::new(Shared { line, commits, room, capacity, reader });
        (committer, Self { shared })
    }

    /// Appends the records, waits for room in the queue if need be, and returns once they are durable.
    pub async fn append(&self, records: Vec<Record>) -> Result<Appended, Error> {
        self.enqueue_waiting(records).await?.await
    }

    /// Takes the next place in the order, or [`Error::Full`] when the queue has no room.
    pub fn enqueue(&self, records: Vec<Record>) -> Result<Pending, Error> {
        let bytes = self.bytes_of(&records)?;
        let room = self.room(bytes)?;
        self.place(records, bytes, room, None)
    }

    /// As [`Writer::enqueue`], for an append that makes sense only at this index: [`Error::Moved`] otherwise.
    pub fn enqueue_at(&self, first: u64, records: Vec<Record>) -> Result<Pending, Error> {
        let bytes = self.bytes_of(&records)?;
        let room = self.room(bytes)?;
        self.place(records, bytes, room, Some(first))
    }

    /// As [`Writer::enqueue`], but waits for room first. Waiters get it in the order in which they came.
    pub async fn enqueue_waiting(&self, records: Vec<Record>) -> Result<Pending, Error> {
        let bytes = self.bytes_of(&records)?;
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room =
            Arc::clone(&self.shared.room).acquire_many_owned(wanted).await.map_err(|_| Error::Closed)?;
        self.place(records, bytes, room, None)
    }

    /// Every record below this index is durable.
    pub fn durable(&self) -> u64 {
        self.shared.reader.durable()
    }

    /// The index that the next append in the queue gets.
    pub fn next(&self) -> u64 {
        self.shared.line.places().next
    }

    /// The durable mark, whenever it rises.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.shared.reader.watch()
    }

    /// Reads what is durable.
    pub fn reader(&self) -> Reader {
        self.shared.reader.clone()
    }

    /// Deletes every segment that holds nothing but records below `index`, after the appends before this call, and
    /// returns the first index that is left. The last segment always stays.
    pub async fn remove_segments_below(&self, index: u64) -> Result<u64, Error> {
        let (done, removed) = oneshot::channel();
        self.command(Command::Remove { below: index, done })?;
        Ok(removed.await.map_err(|_| self.ended())??)
    }

    /// Commits what is queued, then gives the log and its lock back. Appends after this call are refused.
    pub async fn close(&self) -> Result<(), Fatal> {
        let first_call = !std::mem::replace(&mut self.shared.line.places().closing, true);
        if first_call {
            // Fails only when there is nobody left to close.
            let _ = self.command(Command::Close);
        }
        let mut state = self.shared.line.state.subscribe();
        match state.wait_for(|state| !matches!(state, State::Running)).await.as_deref() {
            Ok(State::Failed(fatal)) => Err(fatal.clone()),
            _ => Ok(()),
        }
    }

    /// Waits until the disk fails for good; never returns otherwise. A program selects on this, and ends.
    pub async fn failed(&self) -> Fatal {
        let mut state = self.shared.line.state.subscribe();
        loop {
            if let State::Failed(fatal) = &*state.borrow_and_update() {
                return fatal.clone();
            }
            if state.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// What the append takes in the queue, if it can ever be taken.
    fn bytes_of(&self, records: &[Record]) -> Result<usize, Error> {
        let oversized = records.iter().map(|record| record.leaf.len() + record.body.len());
        if let Some(bytes) = oversized.max().filter(|bytes| *bytes > RECORD_BYTES_MAX) {
            return Err(Error::record_too_large(bytes));
        }
        let bytes = records.iter().map(frame::bytes_of).sum::<usize>() + REQUEST_BYTES;
        let limit = self.shared.capacity.queue_bytes;
        if bytes > limit { Err(Error::TooLarge { bytes, limit }) } else { Ok(bytes) }
    }

    fn room(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        let full = |_| Error::Full { bytes, limit: self.shared.capacity.queue_bytes };
        Arc::clone(&self.shared.room).try_acquire_many_owned(wanted).map_err(full)
    }

    fn place(
        &self,
        records: Vec<Record>,
        bytes: usize,
        room: OwnedSemaphorePermit,
        expected: Option<u64>,
    ) -> Result<Pending, Error> {
        let (done, outcome) = oneshot::channel();
        let line = Arc::clone(&self.shared.line);
        // Held while the request is sent, so that the queue has the order of the indices.
        let mut places = self.shared.line.places();
        if places.closing {
            return Err(line.ended().unwrap_or(Error::Closed));
        }
        let first = places.next;
        if let Some(expected) = expected.filter(|expected| *expected != first) {
            return Err(Error::Moved { expected, next: first });
        }
        places.next += records.len() as u64;
        let request = Request { records, bytes, round: places.round, done, room };
        match &self.shared.commits {
            Commits::Thread(queue) => {
                queue.send(Command::Append(request)).map_err(|_| self.ended())?;
            }
            Commits::Inline(_) => {
                // The commit itself takes the places when it is refused.
                drop(places);
                self.command(Command::Append(request))?;
            }
        }
        Ok(Pending { first, line, outcome })
    }

    fn command(&self, command: Command) -> Result<(), Error> {
        match &self.shared.commits {
            Commits::Thread(queue) => queue.send(command).map_err(|_| self.ended()),
            Commits::Inline(committer) => {
                let mut slot = committer.lock().unwrap_or_else(PoisonError::into_inner);
                let goes_on = slot.as_mut().ok_or_else(|| self.ended())?.obey(command);
                if !goes_on {
                    *slot = None;
                }
                Ok(())
            }
        }
    }

    fn ended(&self) -> Error {
        self.shared.line.ended().unwrap_or(Error::Closed)
    }
}
