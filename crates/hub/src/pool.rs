//! Work that takes the processor or the disk, kept off the threads that serve connections and bounded in number.

use std::sync::Arc;

use sealpost_domain::message::Priority;
use tokio::sync::Semaphore;

/// Threads for FLASH alone: however much routine mail is being worked on, one of these is free.
const FLASH_WORKERS: usize = 1;

/// Which work waits for which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Never behind anything but other FLASH.
    Flash,
    /// Everything else.
    Ordinary,
}

impl From<Priority> for Lane {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Flash => Self::Flash,
            Priority::Urgent | Priority::Routine => Self::Ordinary,
        }
    }
}

/// A bounded pool of worker threads; those of the runtime, of which it takes so many at most.
#[derive(Clone, Debug)]
pub struct Pool {
    flash: Arc<Semaphore>,
    ordinary: Arc<Semaphore>,
}

/// The work did not end: the program is stopping, or the work panicked.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the work was given up")]
pub struct GivenUp;

impl Pool {
    /// A pool of so many threads for ordinary work.
    pub fn new(workers: usize) -> Self {
        Self {
            flash: Arc::new(Semaphore::new(FLASH_WORKERS)),
            ordinary: Arc::new(Semaphore::new(workers.max(1))),
        }
    }

    /// Waits for a thread, and for the work.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GivenUp> {
        let room = match lane {
            Lane::Flash => &self.flash,
            Lane::Ordinary => &self.ordinary,
        };
        let permit = Arc::clone(room).acquire_owned().await.map_err(|_| GivenUp)?;
        let work = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        work.await.map_err(|_| GivenUp)
    }
}
