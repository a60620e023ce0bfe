//! The latest envelopes in memory, so that what goes to sixteen recipients is not read sixteen times.
//!
//! A bounded cache, nothing more: whatever is not in it lies in the journal and in the body log.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use sealpost_domain::envelope::Signature;
use sealpost_wire::hub::Payload;

use crate::core::Place;

/// An envelope as it was taken over.
pub struct Envelope {
    /// The exact bytes of the header.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: Vec<Signature>,
    /// The rest.
    pub payload: Payload,
}

/// About what an envelope takes beside its bytes: signatures, names, and its part in the order.
const OVERHEAD: usize = 500;

/// The envelopes of the latest journal entries.
pub struct Hot {
    budget_bytes: usize,
    entries: Mutex<Entries>,
}

#[derive(Default)]
struct Entries {
    by_index: HashMap<u64, Arc<[Envelope]>>,
    /// Index and size, the oldest first.
    order: VecDeque<(u64, usize)>,
    bytes: usize,
}

impl Hot {
    /// A cache that holds so many bytes.
    pub fn new(budget_bytes: usize) -> Self {
        Self { budget_bytes, entries: Mutex::default() }
    }

    /// Takes the envelopes of an entry over, and forgets the oldest for them. An entry without any takes no place: there can
    /// be any number of those.
    pub fn insert(&self, index: u64, envelopes: Arc<[Envelope]>) {
        if envelopes.is_empty() {
            return;
        }
        let size = |envelope: &Envelope| {
            let wraps = envelope.payload.wraps.iter();
            let wraps: usize = wraps.map(|wrap| wrap.encapsulated_key.len() + wrap.ciphertext.len()).sum();
            OVERHEAD + envelope.header.len() + envelope.payload.sealed.len() + wraps
        };
        let bytes = envelopes.iter().map(size).sum();
        let mut entries = self.lock();
        entries.by_index.insert(index, envelopes);
        entries.order.push_back((index, bytes));
        entries.bytes += bytes;
        while entries.bytes > self.budget_bytes {
            let Some((oldest, bytes)) = entries.order.pop_front() else { break };
            entries.by_index.remove(&oldest);
            entries.bytes -= bytes;
        }
    }

    /// The envelopes of an entry, if they are still here. [`Place::position`] says which one is meant.
    pub fn get(&self, place: Place) -> Option<Arc<[Envelope]>> {
        self.lock().by_index.get(&place.entry()).cloned()
    }

    /// Forgets everything.
    pub fn clear(&self) {
        *self.lock() = Entries::default();
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope(bytes: usize) -> Arc<[Envelope]> {
        let payload = Payload { sealed: Bytes::from(vec![0; bytes]), wraps: Vec::new() };
        [Envelope { header: Bytes::new(), signatures: Vec::new(), payload }].into()
    }

    #[test]
    fn the_oldest_make_room_for_the_newest() {
        let hot = Hot::new(2 * (OVERHEAD + 50));
        for index in 1..=3 {
            hot.insert(index, envelope(40));
        }
        let held = |index| hot.get(Place::new(index, 0)).is_some();
        assert_eq!([held(1), held(2), held(3)], [false, true, true]);
        hot.insert(4, envelope(2 * (OVERHEAD + 50)));
        assert_eq!([held(2), held(3), held(4)], [false; 3], "larger than the whole budget");
        hot.insert(5, envelope(1));
        assert!(held(5));
        hot.clear();
        assert!(!held(5));
    }

    #[test]
    fn entries_without_envelopes_take_no_memory() {
        let hot = Hot::new(1000);
        for index in 0..100 {
            hot.insert(index, [].into());
        }
        let entries = hot.lock();
        assert_eq!((entries.by_index.len(), entries.order.len()), (0, 0));
    }
}
