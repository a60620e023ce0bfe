//! What becomes of the parts of an operation, one after the other.

use super::Failure;

/// Decides, part by part, how much of it happens.
pub(super) enum Fate {
    /// By chance, the same for the same seed.
    Dice(Dice),
    /// Those whose bit is set; counts the parts.
    Subset { bits: u64, asked: u32 },
    /// The first so many bytes, and nothing that has no bytes.
    First(usize),
    /// All of it.
    Whole,
}

impl Fate {
    pub(super) fn dice(seed: u64) -> Self {
        Self::Dice(Dice(seed))
    }

    pub(super) fn subset(bits: u64) -> Self {
        Self::Subset { bits, asked: 0 }
    }

    /// Of an operation that goes wrong like this, or does not.
    pub(super) fn of(failure: Option<Failure>) -> Self {
        match failure {
            None | Some(Failure::AfterEffect | Failure::Persisted) => Self::Whole,
            Some(Failure::Refused) => Self::First(0),
            Some(Failure::Torn(bytes) | Failure::Full(bytes)) => Self::First(bytes),
            Some(Failure::Scattered(seed)) => Self::dice(seed),
        }
    }

    /// Whether a part that has no bytes happens.
    pub(super) fn happens(&mut self) -> bool {
        match self {
            Self::Dice(dice) => dice.below(2) == 0,
            Self::Subset { .. } => self.next_bit(),
            Self::First(_) => false,
            Self::Whole => true,
        }
    }

    /// How many bytes, from its start, of a part of so many.
    pub(super) fn kept(&mut self, bytes: usize) -> usize {
        match self {
            Self::Dice(dice) => match dice.below(4) {
                0 => 0,
                1 => dice.below(bytes as u64 + 1) as usize,
                _ => bytes,
            },
            Self::Subset { .. } => {
                if self.next_bit() {
                    bytes
                } else {
                    0
                }
            }
            Self::First(left) => {
                let kept = bytes.min(*left);
                *left -= kept;
                kept
            }
            Self::Whole => bytes,
        }
    }

    /// How many parts were decided upon, of a subset.
    pub(super) fn asked(&self) -> u32 {
        if let Self::Subset { asked, .. } = self { *asked } else { 0 }
    }

    fn next_bit(&mut self) -> bool {
        let Self::Subset { bits, asked } = self else { return false };
        let bit = bits.checked_shr(*asked).unwrap_or_default() & 1;
        *asked += 1;
        bit == 1
    }
}

/// `SplitMix64` (Steele, Lea, Flood: "Fast splittable pseudorandom number generators"): enough to decide what is lost.
pub(super) struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }
}
