//! Work that takes the processor or the disk, kept off the threads that serve connections and bounded in number.
//!
//! Express work has a worker of its own: however much other work is being done or waits, it waits for express work
//! alone. Never here: what is express.

mod crew;

use std::io;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crew::Crew;

/// Workers for express work alone.
const EXPRESS_WORKERS: usize = 1;
/// How many small pieces of work are handed to a worker at most at a time: what follows waits for no more than these.
const CHUNK_MAX: usize = 8;

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

/// A bounded pool of workers.
#[derive(Clone, Debug)]
pub struct Pool {
    express: Arc<Semaphore>,
    ordinary: Arc<Semaphore>,
    /// Those for ordinary work.
    workers: usize,
    /// Their threads; `None`: all work is done within the call.
    crew: Option<Arc<Crew>>,
}

/// What one of many callers may take of a pool for ordinary work at a time: all workers but one, or the only one. Others wait
/// behind so much of each caller, however much more it has handed in.
#[derive(Clone, Debug)]
pub struct Quota(Arc<Semaphore>);

impl Quota {
    /// Whether another has it too, or work within it goes on.
    pub fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Whether more work would begin within it now, if a worker is free. For tests of who shares one.
    pub fn has_room(&self) -> bool {
        self.0.available_permits() > 0
    }
}

/// The work did not end: the program is stopping, or the work panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was given up")]
pub struct GivenUp;

impl Pool {
    /// A pool of so many workers for ordinary work, each a thread.
    pub fn new(workers: usize) -> io::Result<Self> {
        let pool = Self::within(workers);
        let crew = Some(Arc::new(Crew::new(pool.workers)?));
        Ok(Self { crew, ..pool })
    }

    /// A pool without threads, which works within the call: for deterministic simulations.
    pub fn within(workers: usize) -> Self {
        let workers = workers.max(1);
        Self {
            express: Arc::new(Semaphore::new(EXPRESS_WORKERS)),
            ordinary: Arc::new(Semaphore::new(workers)),
            workers,
            crew: None,
        }
    }

    /// Small pieces of work, in their order, parted into what one worker is given at a time: so that none is idle and little
    /// is handed over.
    pub fn chunks<T>(&self, pieces: Vec<T>) -> impl Iterator<Item = Vec<T>> + use<T> {
        let size = pieces.len().div_ceil(self.workers).clamp(1, CHUNK_MAX);
        let mut pieces = pieces.into_iter();
        std::iter::from_fn(move || {
            let chunk: Vec<T> = pieces.by_ref().take(size).collect();
            (!chunk.is_empty()).then_some(chunk)
        })
    }

    /// A pool of as many workers for ordinary work as the machine has cores.
    pub fn of_cores() -> io::Result<Self> {
        Self::new(std::thread::available_parallelism().map_or(1, usize::from))
    }

    /// A quota for one caller.
    pub fn quota(&self) -> Quota {
        Quota(Arc::new(Semaphore::new((self.workers - 1).max(1))))
    }

    /// Waits for a worker, and for the work.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GivenUp> {
        self.run_after(None, lane, work).await
    }

    /// The same, within the caller's quota where it is ordinary work.
    pub async fn run_within<T: Send + 'static>(
        &self,
        quota: &Quota,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GivenUp> {
        let quota = (lane == Lane::Ordinary).then(|| Arc::clone(&quota.0));
        self.run_after(quota, lane, work).await
    }

    /// A task of its own does the waiting: a worker that was handed to a caller who is not polled, because the client at the
    /// other end of his stream does not read, would be nobody's for as long as that client likes.
    async fn run_after<T: Send + 'static>(
        &self,
        quota: Option<Arc<Semaphore>>,
        lane: Lane,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, GivenUp> {
        let room = Arc::clone(match lane {
            Lane::Express => &self.express,
            Lane::Ordinary => &self.ordinary,
        });
        let crew = self.crew.clone();
        let waiting = tokio::spawn(async move {
            let within = match quota {
                Some(quota) => Some(quota.acquire_owned().await.map_err(|_| GivenUp)?),
                None => None,
            };
            let permit = room.acquire_owned().await.map_err(|_| GivenUp)?;
            let work = move || {
                let _held = (permit, within);
                work()
            };
            match (crew, lane) {
                (None, _) => Ok(work()),
                (Some(_), Lane::Express) => Blocking::Apart.run(work).await,
                (Some(crew), Lane::Ordinary) => crew.run(work).await,
            }
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
        let pool = Pool::new(2).unwrap();
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
        let pool = Pool::new(1).unwrap();
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
        let pool = Pool::new(2).unwrap();
        let quota = pool.quota();
        let mut held = Vec::new();
        let much: Vec<_> = (0..8)
            .map(|_| {
                let (pool, quota) = (pool.clone(), quota.clone());
                let (release, released) = mpsc::channel::<()>();
                held.push(release);
                tokio::spawn(async move {
                    // Ends with the hold on it.
                    pool.run_within(&quota, Lane::Ordinary, move || released.recv().is_ok()).await
                })
            })
            .collect();
        while pool.ordinary.available_permits() > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run_within(&pool.quota(), Lane::Ordinary, || 5).await, Ok(5));
        drop(held);
        for work in much {
            assert_eq!(work.await.unwrap(), Ok(false));
        }
    }

    #[tokio::test]
    async fn express_work_is_counted_to_no_quota() {
        let pool = Pool::new(2).unwrap();
        let quota = pool.quota();
        let held = Arc::clone(&quota.0).acquire_many_owned(1).await.unwrap();
        assert_eq!(pool.run_within(&quota, Lane::Express, || 5).await, Ok(5));
        drop(held);
    }

    #[tokio::test]
    async fn with_a_single_worker_callers_take_turns() {
        let pool = Pool::new(1).unwrap();
        let (one, other) = (pool.quota(), pool.quota());
        let (hold, held) = mpsc::channel::<()>();
        let (done, order) = mpsc::channel();
        let says = |what: &'static str| {
            let done = done.clone();
            move || done.send(what).is_ok()
        };
        let (first, second, others) = (says("first"), says("second"), says("others"));
        let first = pool.run_within(&one, Lane::Ordinary, move || held.recv().is_err() && first());
        let second = pool.run_within(&one, Lane::Ordinary, second);
        let others = pool.run_within(&other, Lane::Ordinary, others);
        let (mut first, mut second, mut others) = (Box::pin(first), Box::pin(second), Box::pin(others));
        assert!(is_polled_once(&mut first) && is_polled_once(&mut second));
        // The first has the worker, and the second waits for its caller's quota.
        while pool.ordinary.available_permits() > 0 || one.has_room() {
            tokio::task::yield_now().await;
        }
        assert!(is_polled_once(&mut others));
        while other.has_room() {
            tokio::task::yield_now().await;
        }
        drop(hold);
        assert_eq!((others.await, first.await, second.await), (Ok(true), Ok(true), Ok(true)));
        assert_eq!(order.try_iter().collect::<Vec<_>>(), ["first", "others", "second"]);
    }

    #[tokio::test]
    async fn ordinary_work_stands_behind_the_rest_of_the_program() {
        let pool = Pool::new(1).unwrap();
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let here = niceness();
        assert_eq!(pool.run(Lane::Express, niceness).await, Ok(here));
        assert_eq!(pool.run(Lane::Ordinary, niceness).await, Ok((here + crew::NICE).min(19)));
        assert_eq!(niceness(), here);
    }

    #[tokio::test]
    async fn threads_end_with_the_last_pool_that_has_them() {
        let pool = Pool::new(2).unwrap();
        let threads = pool.crew.as_ref().unwrap().threads();
        assert_eq!(pool.clone().run(Lane::Ordinary, || 5).await, Ok(5));
        drop(pool);
        while threads.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_that_panics_gives_its_worker_back() {
        let pool = Pool::new(1).unwrap();
        assert_eq!(pool.run(Lane::Ordinary, || panic!("a test's")).await, Err::<(), _>(GivenUp));
        assert_eq!(pool.run(Lane::Ordinary, || 5).await, Ok(5));
    }
}
