//! Figures of the same thing, one of each round, and what they come to.

use std::time::Duration;

/// At least one figure when there is anything to say; without any, everything is `NaN` and no target is met.
#[derive(Clone, Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    /// The figure of one more round.
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The one in the middle, or between the two there.
    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        let middle = sorted.len() / 2;
        match (sorted.get(middle.wrapping_sub(1)), sorted.get(middle)) {
            (Some(below), Some(above)) if sorted.len().is_multiple_of(2) => f64::midpoint(*below, *above),
            (_, Some(middle)) => *middle,
            _ => f64::NAN,
        }
    }

    /// The lowest and the highest.
    pub(crate) fn spread(&self) -> [f64; 2] {
        let sorted = self.sorted();
        [sorted.first(), sorted.last()].map(|end| end.copied().unwrap_or(f64::NAN))
    }

    /// Below which so many of a thousand lie.
    pub(crate) fn permille(&self, permille: usize) -> f64 {
        let sorted = self.sorted();
        let place = (sorted.len() * permille / 1000).min(sorted.len().saturating_sub(1));
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        Self(values.into_iter().collect())
    }
}

/// As a figure of microseconds.
pub(crate) fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// As a figure of milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// How many in a second.
pub(crate) fn rate(count: u64, duration: Duration) -> f64 {
    figure(count) / duration.as_secs_f64()
}

/// A count, to be divided.
#[allow(clippy::cast_precision_loss, reason = "no count of ours needs more than 52 bits")]
pub(crate) fn figure(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(values: &[f64]) -> Samples {
        values.iter().copied().collect()
    }

    fn same(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
    }

    #[test]
    fn the_median_is_the_middle_or_between_the_two_there() {
        same(samples(&[3.0, 1.0, 2.0]).median(), 2.0);
        same(samples(&[4.0, 1.0, 2.0, 3.0]).median(), 2.5);
        same(samples(&[7.0]).median(), 7.0);
        assert!(Samples::default().median().is_nan());
    }

    #[test]
    fn the_spread_is_from_the_lowest_to_the_highest() {
        let [low, high] = samples(&[3.0, 1.0, 2.0]).spread();
        same(low, 1.0);
        same(high, 3.0);
    }

    #[test]
    fn of_a_hundred_the_99th_percentile_is_the_last() {
        let hundred: Samples = (0..100).map(f64::from).collect();
        same(hundred.permille(990), 99.0);
        same(hundred.permille(500), 50.0);
        same(samples(&[1.0]).permille(990), 1.0);
    }

    #[test]
    fn a_rate_is_a_count_in_a_second() {
        same(rate(10, Duration::from_millis(500)), 20.0);
        same(micros(Duration::from_millis(2)), 2000.0);
    }
}
