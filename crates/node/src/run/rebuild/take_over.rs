//! The records of a ledger, taken over in their order: by the core, and where it lacks them by the index.
//!
//! What the core learns and does not keep is let go with each change of the index, as in a running node; so that what is held
//! while a long ledger is read does not grow with it.

use std::sync::Arc;

use bytes::Bytes;
use sealpost_domain::digest::Digest;
use sealpost_domain::record::Record;
use sealpost_ledger::{Entry, ReadError};
use sealpost_store::Projections;
use tracing::warn;

use super::Opened;
use crate::erase;
use crate::projection::Changes;
use crate::run::Error;

/// How many records one change of the index covers.
const BATCH: u64 = 1024;

impl<S: Projections> Opened<S> {
    /// Applies the records from an index on, to the core and where it lacks them to the index.
    pub(super) fn take_over(&mut self, first: u64) -> Result<(), Error> {
        let store = Arc::clone(&self.store);
        let (applied, end) = (store.applied(), self.ledger.durable());
        let mut changes: Option<(u64, Changes<'_>)> = None;
        for entry in self.ledger.scan(first) {
            let (index, record) = match entry {
                Ok(entry) => (entry.index, Some(self.apply(entry)?)),
                Err(ReadError::Lost { index, leaf_hash }) => {
                    self.core.apply_lost(index)?;
                    self.untold.insert(index, Digest::new(*leaf_hash.as_bytes()));
                    (index, None)
                }
                Err(error) => return Err(error.into()),
            };
            if index < applied {
                // The index has it; what it says is let go from time to time.
                if index + 1 == applied || (index + 1).is_multiple_of(BATCH) {
                    drop(self.core.take_facts());
                    self.core.indexed();
                }
                continue;
            }
            let (last, mut noted) = changes.take().unwrap_or_else(|| {
                let next = end.min(index + BATCH);
                (next - 1, Changes::new(store.as_ref(), next))
            });
            if let Some(record) = record {
                noted.note(index, &record)?;
            }
            if index == last {
                noted.note_facts(self.core.take_facts());
                noted.apply()?;
                self.core.indexed();
            } else {
                changes = Some((last, noted));
            }
        }
        Ok(())
    }

    fn apply(&mut self, entry: Entry) -> Result<Record, Error> {
        if let Some(body) = erase::body_in(&entry) {
            match self.buckets.get_mut(&body.bucket) {
                Some(last) => *last = entry.index,
                // A copy: the body would be kept in memory with it.
                None => drop(self.buckets.insert(Bytes::copy_from_slice(&body.bucket), entry.index)),
            }
        }
        let Entry { index, leaf, leaf_bytes: _, body, body_lost, body_differs: _ } = entry;
        if body_lost && matches!(leaf.record, Record::Directory(_)) {
            return Err(crate::core::Error::DirectoryLost { index }.into());
        }
        self.core.apply(index, leaf.recorded_at, &leaf.record, &body)?;
        if body_lost {
            warn!(record = index, "its body was damaged and is lost here");
            self.core.body_lost(index, leaf.recorded_at, &leaf.record);
        }
        if let Record::Loss { index, .. } = &leaf.record {
            self.untold.remove(index);
        }
        Ok(leaf.record)
    }
}
