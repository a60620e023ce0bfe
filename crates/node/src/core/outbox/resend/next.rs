//! Which numbers of a link go again next, and how many in a round.

use std::collections::BTreeSet;

use sealpost_domain::link::Range;

/// How many numbers one request may name.
pub(super) const ANSWERED_MAX: usize = 1024;
/// How many numbers of all links are looked at in one round, and how many bytes are read for that.
const LOOKED_AT_MAX: usize = 64;
const READ_BYTES_MAX: usize = 4 << 20;

/// Numbers of a link that go again.
#[derive(Default)]
pub(super) struct Next {
    /// Lost by a recipient that had settled them.
    pub(super) lost: Option<Range>,
    /// Asked for one by one.
    pub(super) asked: BTreeSet<u64>,
}

impl Next {
    pub(super) fn ask(&mut self, numbers: Vec<u64>) {
        let room = ANSWERED_MAX.saturating_sub(self.asked.len());
        self.asked.extend(numbers.into_iter().take(room));
    }

    pub(super) fn take(&mut self) -> Option<u64> {
        if let Some(number) = self.asked.pop_first() {
            return Some(number);
        }
        let Range { first, last } = self.lost?;
        self.lost = (first < last).then_some(Range { first: first + 1, last });
        Some(first)
    }
}

/// What may still be read in a round.
pub(super) struct Budget {
    pub(super) numbers: usize,
    pub(super) bytes: usize,
}

impl Budget {
    pub(super) fn of_a_round() -> Self {
        Self { numbers: LOOKED_AT_MAX, bytes: READ_BYTES_MAX }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.numbers == 0 || self.bytes == 0
    }
}
