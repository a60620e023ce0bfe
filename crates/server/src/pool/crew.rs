//! Threads for ordinary work alone. The system gives them the processor after everything else of the program: on a machine
//! that is busy with them, what serves connections, writes or does express work need not wait until one has had its turn.
//!
//! That a thread can be nicer than its program is Linux's own: POSIX has niceness for whole processes.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::GivenUp;

/// By how much they stand behind other threads: beside one that is always busy, one of them has about a tenth of a core.
pub(super) const NICE: i32 = 10;

/// Some threads, which end with the last of those who hand them work.
#[derive(Debug)]
pub(super) struct Crew(Arc<Queue>);

#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    work: VecDeque<Box<dyn FnOnce() + Send>>,
    is_over: bool,
}

impl Crew {
    pub(super) fn new(threads: usize) -> io::Result<Self> {
        let crew = Self(Arc::default());
        for number in 1..=threads {
            let queue = Arc::clone(&crew.0);
            thread::Builder::new().name(format!("worker-{number}")).spawn(move || queue.work_off())?;
        }
        Ok(crew)
    }

    /// What lives as long as a thread does.
    #[cfg(test)]
    pub(super) fn threads(&self) -> std::sync::Weak<Queue> {
        Arc::downgrade(&self.0)
    }

    /// Waits for the work. It is for the caller to have no more of it done at a time than there are threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GivenUp> {
        let (done, outcome) = oneshot::channel();
        let work = move || {
            // Whoever asked may be gone.
            let _ = done.send(work());
        };
        self.0.lock().work.push_back(Box::new(work));
        self.0.changed.notify_one();
        outcome.await.map_err(|_| GivenUp)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.0.lock().is_over = true;
        self.0.changed.notify_all();
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work_off(&self) {
        // This thread alone. A sandbox may forbid it: then they stand beside the others.
        let _ = rustix::process::nice(NICE);
        while let Some(work) = self.next() {
            // The answer that does not come tells whoever waits for it.
            let _ = catch_unwind(AssertUnwindSafe(work));
        }
    }

    /// The next piece of work; `None` when there will be none.
    fn next(&self) -> Option<Box<dyn FnOnce() + Send>> {
        let mut waiting = self.lock();
        loop {
            if let Some(work) = waiting.work.pop_front() {
                return Some(work);
            }
            if waiting.is_over {
                return None;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Queue").field("waiting", &self.lock().work.len()).finish_non_exhaustive()
    }
}
