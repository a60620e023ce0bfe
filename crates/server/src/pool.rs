//! Work that takes the processor or the disk, kept off the threads that serve connections and bounded in number.
//!
//! Express work has a worker of its own: however much other work is being done or waits, it waits for express work
//! alone. Never here: what is express.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

/// Workers for express work alone.
const EXPRESS_WORKERS: usize = 1;
/// How many small pieces of work are handed to a worker at most at a time: what follows waits no longer than for these.
const SHARE_MAX: usize = 8;

/// Which work waits for which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Never behind anything but other express work.
    Express,
    /// Everything else.
    Ordinary,
}

/// Where work is done that blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocking {
    /// On threads that the runtime keeps for that.
    Apart,
    /// Within the call: for deterministic simulations, in which there must be no thread.
    Within,
}

impl Blocking {
    /// Waits for the work.
    pub async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GivenUp> {
        match self {
            Self::Apart => tokio::task::spawn_blocking(work).await.map_err(|_| GivenUp),
            Self::Within => Ok(work()),
        }
    }
}

/// A bounded pool of worker threads; those of the runtime, of which it takes so many at most.
#[derive(Clone, Debug)]
pub struct Pool {
    express: Arc<Semaphore>,
    ordinary: Arc<Semaphore>,
    /// Those for ordinary work.
    workers: usize,
    blocking: Blocking,
}

/// What one of many callers may take of a pool for ordinary work: all workers but one, so that another need not wait for all
/// that he has handed in.
#[derive(Clone, Debug)]
pub struct Part(Arc<Semaphore>);

/// The work did not end: the program is stopping, or the work panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was given up")]
pub struct GivenUp;

impl Pool {
    /// A pool of so many workers for ordinary work.
    pub fn new(workers: usize) -> Self {
        let workers = workers.max(1);
        Self {
            express: Arc::new(Semaphore::new(EXPRESS_WORKERS)),
            ordinary: Arc::new(Semaphore::new(workers)),
            workers,
            blocking: Blocking::Apart,
        }
    }

    /// How many of so many small pieces of work one worker is given at a time, so that none is idle and little is handed
    /// over: at least one.
    pub fn share(&self, count: usize) -> usize {
        count.div_ceil(self.workers).clamp(1, SHARE_MAX)
    }

    /// The same pool, with its work done elsewhere.
    #[must_use]
    pub fn working(self, blocking: Blocking) -> Self {
        Self { blocking, ..self }
    }

    /// A pool of as many workers for ordinary work as the machine has cores.
    pub fn of_cores() -> Self {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// A part of the pool for one caller.
    pub fn part(&self) -> Part {
        Part(Arc::new(Semaphore::new((self.workers - 1).max(1))))
    }

    /// Waits for a worker, and for the work.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GivenUp> {
        self.run_after(None, lane, work).await
    }

    /// The same, within the caller's part where it is ordinary work.
    pub async fn run_within<T: Send + 'static>(
        &self,
        part: &Part,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GivenUp> {
        let part = (lane == Lane::Ordinary).then(|| Arc::clone(&part.0));
        self.run_after(part, lane, work).await
    }

    /// A task of its own does the waiting: a worker that was handed to a caller who is not polled, because the client at the
    /// other end of his stream does not read, would be nobody's for as long as that client likes.
    async fn run_after<T: Send + 'static>(
        &self,
        part: Option<Arc<Semaphore>>,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GivenUp> {
        let room = Arc::clone(match lane {
            Lane::Express => &self.express,
            Lane::Ordinary => &self.ordinary,
        });
        let blocking = self.blocking;
        let waiting = tokio::spawn(async move {
            let share = match part {
                Some(part) => Some(part.acquire_owned().await.map_err(|_| GivenUp)?),
                None => None,
            };
            let permit = room.acquire_owned().await.map_err(|_| GivenUp)?;
            let work = move || {
                let _held = (permit, share);
                work()
            };
            blocking.run(work).await
        });
        AbortOnDropHandle::new(waiting).await.map_err(|_| GivenUp)?
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc;
    use std::task::{Context, Waker};

    use super::*;

    fn is_polled_once<F: Future>(future: &mut Pin<Box<F>>) -> bool {
        future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
    }

    #[tokio::test]
    async fn express_work_passes_ordinary_work_that_is_being_done_and_that_waits() {
        let pool = Pool::new(2);
        let (done, order) = mpsc::channel();
        let mut held = Vec::new();
        let ordinary: Vec<_> = (0..4)
            .map(|number| {
                let (pool, done) = (pool.clone(), done.clone());
                let (release, released) = mpsc::channel::<()>();
                held.push(release);
                tokio::spawn(async move {
                    let work = move || {
                        // Ends with the hold on it.
                        let _ = released.recv();
                        let _ = done.send(number);
                    };
                    pool.run(Lane::Ordinary, work).await
                })
            })
            .collect();
        while pool.ordinary.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        pool.run(Lane::Express, move || done.send(99)).await.unwrap().unwrap();
        drop(held);
        for work in ordinary {
            work.await.unwrap().unwrap();
        }
        let order: Vec<_> = order.iter().collect();
        assert_eq!((order.len(), order[0]), (5, 99), "{order:?}");
    }

    #[tokio::test]
    async fn a_caller_that_is_not_polled_keeps_no_worker() {
        let pool = Pool::new(1);
        let (release, released) = mpsc::channel::<()>();
        // Ends with the hold on it.
        let first = pool.run(Lane::Ordinary, move || released.recv().is_ok());
        let second = pool.run(Lane::Ordinary, || ());
        let (mut first, mut second) = (Box::pin(first), Box::pin(second));
        assert!(is_polled_once(&mut first) && is_polled_once(&mut second));
        let third = pool.run(Lane::Ordinary, || 3);
        drop(release);
        // Neither of those before is polled again.
        assert_eq!(third.await, Ok(3));
        assert_eq!((first.await, second.await), (Ok(false), Ok(())));
    }

    #[tokio::test]
    async fn whoever_hands_in_much_leaves_a_worker_to_the_others() {
        let pool = Pool::new(2);
        let part = pool.part();
        let mut held = Vec::new();
        let much: Vec<_> = (0..8)
            .map(|_| {
                let (pool, part) = (pool.clone(), part.clone());
                let (release, released) = mpsc::channel::<()>();
                held.push(release);
                tokio::spawn(async move {
                    // Ends with the hold on it.
                    pool.run_within(&part, Lane::Ordinary, move || released.recv().is_ok()).await
                })
            })
            .collect();
        while pool.ordinary.available_permits() > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run_within(&pool.part(), Lane::Ordinary, || 5).await, Ok(5));
        drop(held);
        for work in much {
            assert_eq!(work.await.unwrap(), Ok(false));
        }
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_worker_back() {
        let pool = Pool::new(1);
        assert_eq!(pool.run(Lane::Ordinary, || panic!("a test's")).await, Err::<(), _>(GivenUp));
        assert_eq!(pool.run(Lane::Ordinary, || 5).await, Ok(5));
    }
}
