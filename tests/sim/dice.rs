//! Random numbers that a seed decides: every part of a run has dice of its own, so that more throws in one change nothing
//! in the others.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::{CryptoRng, Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::sha256;
use sealpost_node::pool::Random;

/// Dice.
#[derive(Clone)]
pub(crate) struct Dice(ChaCha20Rng);

impl Dice {
    /// The dice of one part of a run.
    pub(crate) fn of(seed: u64, part: &str) -> Self {
        let named = [&seed.to_be_bytes()[..], part.as_bytes()].concat();
        Self(ChaCha20Rng::from_seed(*sha256(&named).as_bytes()))
    }

    /// Whether something with this chance, in a hundred, happens.
    pub(crate) fn percent(&mut self, chance: u32) -> bool {
        self.0.random_range(0..100) < chance
    }

    /// Whether something with this chance, in a thousand, happens.
    pub(crate) fn permille(&mut self, chance: u32) -> bool {
        self.0.random_range(0..1000) < chance
    }

    /// A number from the first to the last.
    pub(crate) fn within(&mut self, first: u64, last: u64) -> u64 {
        self.0.random_range(first..=last)
    }

    /// A time from so many to so many milliseconds.
    pub(crate) fn millis(&mut self, first: u64, last: u64) -> Duration {
        Duration::from_millis(self.within(first, last))
    }

    /// A place in a list of so many.
    pub(crate) fn place(&mut self, count: usize) -> usize {
        self.0.random_range(0..count)
    }

    /// One of several.
    pub(crate) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.place(of.len())]
    }

    /// Any number.
    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// As cryptography takes them.
    pub(crate) fn rng(&mut self) -> &mut ChaCha20Rng {
        &mut self.0
    }

    /// A source from which whoever needs random numbers gets some of its own.
    pub(crate) fn source(&mut self) -> Random {
        let parent = Arc::new(Mutex::new(ChaCha20Rng::from_rng(&mut self.0)));
        Arc::new(move || {
            let mut parent = parent.lock().unwrap_or_else(PoisonError::into_inner);
            Box::new(ChaCha20Rng::from_rng(&mut *parent)) as Box<dyn CryptoRng + Send>
        })
    }
}
