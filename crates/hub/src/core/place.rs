//! Where an envelope stands in the journal.

use std::fmt;

/// Bits of a place that count envelopes within one journal entry.
const POSITION_BITS: u32 = 16;
/// The most envelopes that one journal entry may hold.
pub const ENVELOPES_MAX: usize = 1 << POSITION_BITS;

/// The place of one envelope: the index of its journal entry times 65,536, plus its position in that entry.
///
/// This is the index that deliveries, cursors and acknowledgements carry. No two envelopes share one, so that a
/// cursor means one envelope even where a batch brought many for the same recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

impl Place {
    /// Joins the index of an entry and a position in it.
    pub const fn new(entry: u64, position: u16) -> Self {
        // An index that does not fit would take a million entries a second for nine years.
        Self(entry << POSITION_BITS | position as u64)
    }

    /// Reads what a cursor or an acknowledgement names.
    pub const fn from_index(index: u64) -> Self {
        Self(index)
    }

    /// As deliveries and cursors carry it.
    pub const fn index(self) -> u64 {
        self.0
    }

    /// The index of the journal entry.
    pub const fn entry(self) -> u64 {
        self.0 >> POSITION_BITS
    }

    /// The position of the envelope in that entry.
    pub fn position(self) -> usize {
        let [.., high, low] = self.0.to_be_bytes();
        usize::from(u16::from_be_bytes([high, low]))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.entry(), self.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_ascend_through_an_entry_and_into_the_next() {
        let last = Place::new(7, u16::MAX);
        assert_eq!((last.entry(), last.position()), (7, 65_535));
        assert!(Place::new(7, 0) < last && last < Place::new(8, 0));
        assert_eq!(Place::from_index(last.index()), last);
    }
}
