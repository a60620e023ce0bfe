//! Chance from a seed: the same seed gives the same operation on every machine and with every version of the
//! libraries, because numbers are drawn from the cipher's words by rules that stand here.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A sequence of choices.
pub(super) struct Dice(ChaCha12Rng);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha12Rng::seed_from_u64(seed))
    }

    /// A number below `end`; 0 when `end` is 0. The bias of a multiplication instead of a division does not matter
    /// here.
    pub(super) fn below(&mut self, end: u32) -> u32 {
        let word = u64::from(self.0.next_u32());
        u32::try_from((word * u64::from(end)) >> 32).unwrap_or(0)
    }

    /// A number from `first` to `last`, both included.
    pub(super) fn between(&mut self, first: u32, last: u32) -> u32 {
        first + self.below(last - first + 1)
    }

    /// Whether something happens that happens so often in a hundred.
    pub(super) fn percent(&mut self, chance: u32) -> bool {
        self.below(100) < chance
    }

    /// An entry of a table that is not empty.
    pub(super) fn pick<T: Copy>(&mut self, table: &[T]) -> T {
        table[self.index(table.len())]
    }

    /// Decimal digits.
    pub(super) fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'0' + self.byte(10))).collect()
    }

    /// Capital letters.
    pub(super) fn letters(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from(b'A' + self.byte(26))).collect()
    }

    /// Ten bytes, as a message id wants them.
    pub(super) fn ten_bytes(&mut self) -> [u8; 10] {
        let mut bytes = [0; 10];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Puts a table into another order (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, table: &mut [T]) {
        for end in (1..table.len()).rev() {
            let other = self.index(end + 1);
            table.swap(end, other);
        }
    }

    fn index(&mut self, len: usize) -> usize {
        let end = u32::try_from(len).unwrap_or(u32::MAX);
        usize::try_from(self.below(end)).unwrap_or(0)
    }

    fn byte(&mut self, end: u32) -> u8 {
        u8::try_from(self.below(end)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_sequence_and_every_number_of_a_range() {
        let draw = |seed| {
            let mut dice = Dice::new(seed);
            (0..200).map(|_| dice.between(3, 7)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!((3..=7).all(|number| draw(1).contains(&number)));
        assert!(draw(1).iter().all(|number| (3..=7).contains(number)));
    }
}
