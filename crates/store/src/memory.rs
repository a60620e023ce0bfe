//! Projections in memory: for simulations, tests, and programs that rebuild at every start.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::batch::{Batch, Keyspace, Order, Range};
use crate::{Error, Pair, Projections};

/// A sorted map behind a lock.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    applied: u64,
    failed: bool,
    pairs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Memory {
    /// Nothing applied.
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn believed(&self) -> Result<MutexGuard<'_, State>, Error> {
        let state = self.state();
        if state.failed { Err(Error::Failed) } else { Ok(state) }
    }
}

impl Projections for Memory {
    fn applied(&self) -> u64 {
        self.state().applied
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.believed()?.pairs.get(&keyspace.full_key(key)).cloned())
    }

    fn scan(&self, keyspace: Keyspace, range: &Range<'_>) -> Result<Vec<Pair>, Error> {
        let state = self.believed()?;
        let bounds = bounds(keyspace, range);
        let prefix = keyspace.full_key(range.prefix);
        let skipped = prefix.len() - range.prefix.len();
        let Some(bounds) = bounds else {
            return Ok(Vec::new());
        };
        let pairs = state.pairs.range(bounds).map(|(key, value)| (key[skipped..].to_vec(), value.clone()));
        Ok(match range.order {
            Order::Ascending => pairs.take(range.limit).collect(),
            Order::Descending => pairs.rev().take(range.limit).collect(),
        })
    }

    fn apply(&self, batch: Batch) -> Result<(), Error> {
        let mut state = self.believed()?;
        if batch.applied < state.applied {
            return Err(Error::Backwards { applied: state.applied, asked: batch.applied });
        }
        for change in batch.changes {
            let key = change.keyspace.full_key(&change.key);
            match change.value {
                Some(value) => state.pairs.insert(key, value),
                None => state.pairs.remove(&key),
            };
        }
        state.applied = batch.applied;
        Ok(())
    }

    fn distrust_lacking(&self, keyspace: Keyspace) -> Error {
        self.state().failed = true;
        Error::Lacking { keyspace: keyspace.name() }
    }

    fn has_failed(&self) -> bool {
        self.state().failed
    }
}

/// Where the full keys of a range start and end.
pub(crate) type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The full keys that the range spans; `None` when there can be none.
pub(crate) fn bounds(keyspace: Keyspace, range: &Range<'_>) -> Option<Bounds> {
    let prefix = keyspace.full_key(range.prefix);
    // The smallest key above all with this prefix. A name never consists of 0xff alone, so that there is one.
    let mut above = prefix.clone();
    while above.pop_if(|last| *last == u8::MAX).is_some() {}
    *above.last_mut()? += 1;
    let (mut low, mut high) = (Bound::Included(prefix.clone()), Bound::Excluded(above.clone()));
    if let Some(after) = range.after.map(|key| keyspace.full_key(key)) {
        match range.order {
            Order::Ascending if after >= above => return None,
            Order::Descending if after <= prefix => return None,
            Order::Ascending if after >= prefix => low = Bound::Excluded(after),
            Order::Descending if after < above => high = Bound::Excluded(after),
            _ => {}
        }
    }
    Some((low, high))
}
