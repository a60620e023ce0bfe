//! The line in front of the log: who gets which place, and what becomes of those who wait.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::sync::{oneshot, watch};

use crate::append::{Error, Fatal};
use crate::record::Appended;

/// The order of appends, and whether there can be more.
pub(super) struct Line {
    pub(super) places: Mutex<Places>,
    pub(super) state: watch::Sender<State>,
}

pub(super) struct Places {
    /// The index that the next append in the queue gets.
    pub(super) next: u64,
    /// Counted up when the queue is refused: what was enqueued before is void.
    pub(super) round: u64,
    pub(super) closing: bool,
}

#[derive(Debug, Clone)]
pub(super) enum State {
    Running,
    Closed,
    Failed(Fatal),
}

impl Line {
    pub(super) fn places(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why no append is taken any more.
    pub(super) fn ended(&self) -> Option<Error> {
        match &*self.state.borrow() {
            State::Running => None,
            State::Closed => Some(Error::Closed),
            State::Failed(fatal) => Some(Error::Fatal(fatal.clone())),
        }
    }
}

/// Ends the line when the committer goes, even if it panicked: nobody waits for ever.
pub(super) struct Ending(pub(super) Arc<Line>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.state.send_if_modified(|state| {
            let running = matches!(state, State::Running);
            if running {
                *state = State::Closed;
            }
            running
        });
    }
}

/// An append in the queue. Dropping it does not take the append back.
#[derive(Debug)]
pub struct Pending {
    pub(super) first: u64,
    pub(super) line: Arc<Line>,
    pub(super) outcome: oneshot::Receiver<Result<Appended, Error>>,
}

impl std::fmt::Debug for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

impl Pending {
    /// The index that the first record gets, unless the append fails.
    pub fn first(&self) -> u64 {
        self.first
    }
}

impl Future for Pending {
    type Output = Result<Appended, Error>;

    /// Ready once the records are durable, or will never be.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(context));
        Poll::Ready(outcome.unwrap_or_else(|_| Err(self.line.ended().unwrap_or(Error::Closed))))
    }
}
