//! Work that costs time or waits for the disk, away from the threads that serve connections: a bounded number at once,
//! with random numbers for whoever needs them. FLASH waits for FLASH alone.

use std::sync::Arc;

use rand::CryptoRng;
use sealpost_domain::message::Priority;
use sealpost_server::pool::{GivenUp, Lane, Pool as Workers};

/// Random numbers for whoever needs them: the machine's, or those of a test.
pub type Random = Arc<dyn Fn() -> Box<dyn CryptoRng + Send> + Send + Sync>;

/// The machine's random numbers: a generator that is seeded by the kernel for every use.
pub fn system_random() -> Random {
    Arc::new(|| Box::new(rand::make_rng::<rand::rngs::StdRng>()))
}

/// A bounded pool of workers.
#[derive(Clone)]
pub struct Pool {
    workers: Workers,
    random: Random,
}

impl Pool {
    /// These workers, with random numbers.
    pub fn new(workers: Workers, random: Random) -> Self {
        Self { workers, random }
    }

    /// Runs a piece of work for mail of this priority as soon as a worker is free.
    pub async fn run<T, W>(&self, priority: Priority, work: W) -> Result<T, GivenUp>
    where
        T: Send + 'static,
        W: FnOnce(&mut dyn CryptoRng) -> T + Send + 'static,
    {
        let random = Arc::clone(&self.random);
        self.workers.run(lane(priority), move || work(random().as_mut())).await
    }

    /// Small pieces of work, in their order, parted into what one worker is given at a time.
    pub fn chunks<T>(&self, pieces: Vec<T>) -> impl Iterator<Item = Vec<T>> + use<T> {
        self.workers.chunks(pieces)
    }

    /// Random numbers of the pool's source.
    pub fn random(&self) -> Box<dyn CryptoRng + Send> {
        (self.random)()
    }
}

/// Which work for mail of a priority waits for which.
pub(crate) fn lane(priority: Priority) -> Lane {
    match priority {
        Priority::Flash => Lane::Express,
        Priority::Urgent | Priority::Routine => Lane::Ordinary,
    }
}
