//! The figures of a node's ledger, as a caller gets them: the total, and its parts along each dimension.

use crate::stats::{Counts, Dimension, Figures};

/// Figures, their total and their parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Everything together.
    pub total: Counts,
    /// The parts along each dimension; the rows of each add up to the total.
    pub groups: Vec<Group>,
    /// Outcome messages that are counted.
    pub counted: u64,
    /// How many of them are counted as amended.
    pub amended: u64,
    /// Outcome messages that are left out because they were recalled.
    pub recalled: u64,
}

/// The parts of the total along one dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Which one.
    pub dimension: Dimension,
    /// Each value with its counts, ordered by value.
    pub rows: Vec<(String, Counts)>,
}

impl From<&Figures> for Statistics {
    fn from(figures: &Figures) -> Self {
        let group = |dimension: &Dimension| Group {
            dimension: *dimension,
            rows: figures.by(*dimension).into_iter().collect(),
        };
        Self {
            total: figures.total(),
            groups: Dimension::ALL.iter().map(group).collect(),
            counted: figures.counted,
            amended: figures.amended,
            recalled: figures.recalled,
        }
    }
}
