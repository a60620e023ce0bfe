//! How long to wait before the next attempt: doubling up to a bound, with jitter, so that a hub that comes back is
//! not met by all nodes in the same instant.

use std::time::Duration;

use rand::{Rng, RngExt as _};

/// The delays between attempts.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    ceiling: Duration,
}

impl Backoff {
    /// Delays from `first` on, never above `max`.
    pub fn new(first: Duration, max: Duration) -> Self {
        Self { first, max, ceiling: first.min(max) }
    }

    /// The next delay: between half and all of a ceiling that doubles each time.
    pub fn next(&mut self, rng: &mut dyn Rng) -> Duration {
        let ceiling = self.ceiling;
        self.ceiling = ceiling.saturating_mul(2).min(self.max);
        ceiling.mul_f64(rng.random_range(0.5..=1.0))
    }

    /// The next delay, but at least what the peer asked for, and up to half as much more: all who were told the same are not
    /// to come back in the same instant. A peer cannot ask for more than the bound.
    pub fn next_after(&mut self, hint: Duration, rng: &mut dyn Rng) -> Duration {
        let spread = hint.min(self.max).mul_f64(rng.random_range(1.0..=1.5));
        self.next(rng).max(spread)
    }

    /// Starts again: the attempt succeeded.
    pub fn reset(&mut self) {
        self.ceiling = self.first.min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn delays_double_within_their_jitter_up_to_the_bound() {
        let (first, max) = (Duration::from_millis(100), Duration::from_secs(1));
        for seed in 0..100 {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            let mut backoff = Backoff::new(first, max);
            for ceiling in [100, 200, 400, 800, 1000, 1000] {
                let delay = backoff.next(&mut rng).as_millis();
                assert!((ceiling / 2..=ceiling).contains(&delay), "seed {seed}: {delay} of {ceiling}");
            }
            backoff.reset();
            assert!(backoff.next(&mut rng) <= first, "seed {seed}");
        }
    }

    #[test]
    fn a_hint_is_obeyed_within_the_bound_and_not_by_all_in_the_same_instant() {
        let (first, max) = (Duration::from_millis(1), Duration::from_secs(1));
        let after = |hint: Duration, seed| {
            let mut rng = ChaCha20Rng::seed_from_u64(seed);
            Backoff::new(first, max).next_after(hint, &mut rng).as_millis()
        };
        let (mut delays, mut bounded) = (BTreeSet::new(), BTreeSet::new());
        for seed in 0..100 {
            delays.insert(after(Duration::from_millis(500), seed));
            bounded.insert(after(Duration::MAX, seed));
        }
        assert!(delays.iter().all(|delay| (500..=750).contains(delay)), "{delays:?}");
        assert!(bounded.iter().all(|delay| (1000..=1500).contains(delay)), "{bounded:?}");
        assert!(delays.len() > 50 && bounded.len() > 50, "{delays:?} {bounded:?}");
    }
}
