//! Work that costs time or waits for the disk, away from the threads that serve connections: a bounded number at once.

use std::sync::Arc;

use rand::CryptoRng;
use tokio::sync::Semaphore;

/// Random numbers for whoever needs them: the machine's, or those of a test.
pub type Random = Arc<dyn Fn() -> Box<dyn CryptoRng + Send> + Send + Sync>;

/// The machine's random numbers: a generator that is seeded by the kernel for every use.
pub fn system_random() -> Random {
    Arc::new(|| Box::new(rand::make_rng::<rand::rngs::StdRng>()))
}

/// A bounded pool of workers.
#[derive(Clone)]
pub struct Pool {
    permits: Arc<Semaphore>,
    random: Random,
}

/// The work panicked or the runtime ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a worker ended without a result")]
pub struct Ended;

impl Pool {
    /// As many workers as the machine has cores.
    pub fn of_cores(random: Random) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { permits: Arc::new(Semaphore::new(cores)), random }
    }

    /// Runs a piece of work as soon as a worker is free.
    pub async fn run<T, W>(&self, work: W) -> Result<T, Ended>
    where
        T: Send + 'static,
        W: FnOnce(&mut dyn CryptoRng) -> T + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| Ended)?;
        let random = Arc::clone(&self.random);
        let working = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work(random().as_mut())
        });
        working.await.map_err(|_| Ended)
    }

    /// Random numbers of the pool's source.
    pub fn random(&self) -> Box<dyn CryptoRng + Send> {
        (self.random)()
    }
}
