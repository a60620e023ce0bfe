//! redb, as far as the store needs it.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Durability, ReadOnlyTable, ReadableDatabase, StorageBackend, TableDefinition};

use crate::batch::{Change, Order};
use crate::memory::Bounds;
use crate::{Error, Pair};

/// How many bytes of pages redb holds in memory at most. With a quarter or eight times of it, adding is as fast: keys come
/// in about the order of the ledger, so that what is hot is little.
const CACHE_BYTES: usize = 4 << 20;
/// All keyspaces.
const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("projections");
/// Where the applied index stands: no keyspace has an empty name.
const APPLIED_KEY: &[u8] = b"\0applied";

/// When changes are in the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Now,
    /// With others that follow, or not at all.
    Later,
}

/// One table in a file, and in it the applied index.
pub(crate) struct Database(redb::Database);

impl Database {
    /// Opens what is there, or begins where nothing is. To check it is to read it whole.
    pub(crate) fn open(file: impl StorageBackend, checked: bool) -> Result<Self, redb::Error> {
        let mut builder = redb::Database::builder();
        builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(checked);
        Ok(Self(builder.create_with_backend(file)?))
    }

    /// Makes changes, and the applied index, visible at once.
    pub(crate) fn change(
        &self,
        changes: &[Change],
        applied: u64,
        written: Written,
    ) -> Result<(), redb::Error> {
        let mut transaction = self.0.begin_write()?;
        match written {
            // What a killed program leaves is then good as it lies there, and is not read whole at the next opening.
            Written::Now => transaction.set_quick_repair(true),
            Written::Later => transaction.set_durability(Durability::None)?,
        }
        let mut table = transaction.open_table(TABLE)?;
        for Change { keyspace, key, value } in changes {
            let key = keyspace.full_key(key);
            match value {
                Some(value) => table.insert(key.as_slice(), value.as_slice())?,
                None => table.remove(key.as_slice())?,
            };
        }
        table.insert(APPLIED_KEY, [applied, !applied].map(u64::to_be_bytes).as_flattened())?;
        drop(table);
        Ok(transaction.commit()?)
    }

    pub(crate) fn get(&self, full_key: &[u8]) -> Result<Option<Vec<u8>>, redb::Error> {
        Ok(self.table()?.get(full_key)?.map(|value| value.value().to_vec()))
    }

    /// The pairs with these full keys, in this order, up to a limit; the keys without their first `skipped` bytes.
    pub(crate) fn scan(
        &self,
        (low, high): &Bounds,
        order: Order,
        limit: usize,
        skipped: usize,
    ) -> Result<Vec<Pair>, redb::Error> {
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) =
            (low.as_ref().map(Vec::as_slice), high.as_ref().map(Vec::as_slice));
        let table = self.table()?;
        let pairs = table.range::<&[u8]>(bounds)?.map(|pair| {
            let (key, value) = pair?;
            Ok((key.value().get(skipped..).unwrap_or_default().to_vec(), value.value().to_vec()))
        });
        match order {
            Order::Ascending => pairs.take(limit).collect(),
            Order::Descending => pairs.rev().take(limit).collect(),
        }
    }

    /// The applied index; `None` where none stands that makes sense.
    pub(crate) fn applied(&self) -> Result<Option<u64>, redb::Error> {
        Ok(self.get(APPLIED_KEY)?.and_then(|value| {
            let (applied, inverted) = value.split_first_chunk()?;
            let applied = u64::from_be_bytes(*applied);
            (inverted == (!applied).to_be_bytes()).then_some(applied)
        }))
    }

    pub(crate) fn close(self) -> Result<(), redb::Error> {
        Ok(self.0.close()?)
    }

    /// All that is visible now.
    fn table(&self) -> Result<ReadOnlyTable<&'static [u8], &'static [u8]>, redb::Error> {
        Ok(self.0.begin_read()?.open_table(TABLE)?)
    }
}

/// What redb does, with its errors; it panics on some files that are not as it left them.
pub(crate) fn caught<T>(
    dir: &Path,
    operation: &'static str,
    work: impl FnOnce() -> Result<T, redb::Error>,
) -> Result<T, Error> {
    let unreadable = |_| Error::Unreadable { operation, dir: dir.to_owned() };
    let done = catch_unwind(AssertUnwindSafe(work)).map_err(unreadable)?;
    done.map_err(|source| Error::Redb { operation, dir: dir.to_owned(), source: Box::new(source) })
}
