//! Projections in a file of redb's.
//!
//! All keyspaces share one table; a transaction changes many keys at once, and with them the applied index. Nothing is
//! synced before the closing: what the system holds outlives a killed program, and after a loss of power nothing is
//! believed but what was closed. The order at closing is: write all, close, sync, then write that it is clean.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;

use crate::backend::DataFile;
use crate::batch::{Batch, Keyspace, Range};
use crate::database::{Database, Written, caught};
use crate::marker::{self, Marker};
use crate::memory::bounds;
use crate::{Error, Pair, Projections};

/// The file, beside the marker.
const DATA: &str = "projections.redb";
/// What earlier versions had in its place.
const FORMER: &str = "sled";
/// After so many changes they are written to the file. A killed program applies what came after again, from the ledger. To
/// write eight times as many takes as much time altogether, and twice as long at a time.
const WRITE_EVERY: usize = 512;
/// A batch counts as so many changes more: each leaves redb some work of its own for the next writing.
const BATCH_WEIGHT: usize = 16;

/// What the projections are derived from, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basis<'a> {
    /// The running kernel's id: `/proc/sys/kernel/random/boot_id`.
    pub boot_id: &'a str,
    /// Incarnation of the ledger.
    pub incarnation: [u8; 16],
    /// The index that the ledger's next record gets.
    pub ledger_next: u64,
    /// Which layout of keys and values the program writes; another one than before starts anew.
    pub schema: u32,
}

/// What came of opening the projections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// What is there can be believed. Go on with the ledger record `applied`.
    Reused {
        /// The first ledger index that was not applied.
        applied: u64,
    },
    /// What was there is gone. Apply the ledger from its first record.
    Rebuild {
        /// Why.
        reason: Reason,
    },
}

/// Why projections are rebuilt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There are none, or their marker is missing.
    #[error("there are none, or the last run found that they cannot be believed")]
    New,
    /// Power may have been lost while they were open.
    #[error("the machine restarted while they were open")]
    Restarted,
    /// The marker says that more, or less, was applied when they were closed.
    #[error("they were closed at ledger index {closed} and are now at {found}")]
    Differs {
        /// As the marker has it.
        closed: u64,
        /// As the projections have it.
        found: u64,
    },
    /// They belong to another ledger.
    #[error("they belong to another incarnation of the ledger")]
    Incarnation,
    /// They were written by a program with another layout.
    #[error("their layout is {found}, this program writes {expected}")]
    Schema {
        /// As the marker has it.
        found: u32,
        /// What this program writes.
        expected: u32,
    },
    /// redb cannot read its file, or nothing is in it.
    #[error("they cannot be read")]
    Unreadable,
}

/// Projections in a directory of their own.
pub struct Store {
    dir: PathBuf,
    /// The lock lasts as long as this.
    file: DataFile,
    database: Database,
    marker: Marker,
    /// Held while a batch is applied.
    progress: Mutex<Progress>,
    /// redb failed, or lost something: it is not asked again.
    failed: AtomicBool,
}

/// How far the projections are.
struct Progress {
    applied: u64,
    /// Changes since the file was last written, and the weight of their batches.
    unwritten: usize,
}

impl Store {
    /// Opens the projections in `dir`, or starts anew when what is there cannot be believed.
    pub fn open(dir: &Path, basis: &Basis<'_>) -> Result<(Self, Opened), Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(Error::io("create", dir))?;
        let file = DataFile::open(dir, DATA)?;
        let (database, applied, opened) = match reuse(dir, &file, basis)? {
            Ok((database, applied)) => (database, applied, Opened::Reused { applied }),
            Err(reason) => (create(dir, &file)?, 0, Opened::Rebuild { reason }),
        };
        let marker = Marker {
            clean: false,
            boot_id: basis.boot_id.to_owned(),
            index: applied,
            incarnation: HEXLOWER.encode(&basis.incarnation),
            schema: basis.schema,
        };
        // Before the first change: from here on a restart of the machine means a rebuild.
        marker.write(dir)?;
        Ok((
            Self {
                dir: dir.to_owned(),
                file,
                database,
                marker,
                progress: Mutex::new(Progress { applied, unwritten: 0 }),
                failed: AtomicBool::new(false),
            },
            opened,
        ))
    }

    /// Makes everything durable and marks it clean. Without this call the projections are believed only until the
    /// machine restarts. After a failure of redb's nothing more is written.
    pub fn close(self) -> Result<(), Error> {
        if self.has_failed() {
            // That it does not end well either is no news.
            let _ = caught(&self.dir, "close", || self.database.close());
            return Ok(());
        }
        self.guard("write", || self.database.change(&[], self.applied(), Written::Now))?;
        let Self { dir, file, database, marker, progress, failed: _ } = self;
        let index = progress.into_inner().unwrap_or_else(PoisonError::into_inner).applied;
        caught(&dir, "close", || database.close())
            .and_then(|()| file.sync().map_err(Error::io("sync", dir.join(DATA))))
            .and_then(|()| marker::sync(&dir))
            // After a sync that failed nobody knows what is there.
            .inspect_err(|error| disown_spoilt(&dir, error))?;
        Marker { clean: true, index, ..marker }.write(&dir)
    }

    /// Works with redb, until that fails once. The next opening then starts anew, but for want of room: a program that ends
    /// by another error, and is started again, must not meet it again.
    fn guard<T>(
        &self,
        operation: &'static str,
        work: impl FnOnce() -> Result<T, redb::Error>,
    ) -> Result<T, Error> {
        if self.has_failed() {
            return Err(Error::Failed);
        }
        let done = caught(&self.dir, operation, work);
        done.inspect_err(|error| {
            self.failed.store(true, Ordering::Relaxed);
            disown_spoilt(&self.dir, error);
        })
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Projections for Store {
    fn applied(&self) -> u64 {
        self.progress().applied
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.guard("read", || self.database.get(&keyspace.full_key(key)))
    }

    fn scan(&self, keyspace: Keyspace, range: &Range<'_>) -> Result<Vec<Pair>, Error> {
        let Some(bounds) = bounds(keyspace, range) else {
            return Ok(Vec::new());
        };
        let skipped = keyspace.full_key(&[]).len();
        self.guard("read", || self.database.scan(&bounds, range.order, range.limit, skipped))
    }

    fn apply(&self, batch: Batch) -> Result<(), Error> {
        let mut progress = self.progress();
        let Batch { applied, changes } = batch;
        if applied < progress.applied {
            return Err(Error::Backwards { applied: progress.applied, asked: applied });
        }
        let unwritten = progress.unwritten + BATCH_WEIGHT + changes.len();
        let (written, unwritten) =
            if unwritten < WRITE_EVERY { (Written::Later, unwritten) } else { (Written::Now, 0) };
        self.guard("change", || self.database.change(&changes, applied, written))?;
        *progress = Progress { applied, unwritten };
        Ok(())
    }

    fn distrust_lacking(&self, keyspace: Keyspace) -> Error {
        self.failed.store(true, Ordering::Relaxed);
        disown(&self.dir);
        Error::Lacking { keyspace: keyspace.name() }
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

/// What is there, if it can be believed.
fn reuse(dir: &Path, file: &DataFile, basis: &Basis<'_>) -> Result<Result<(Database, u64), Reason>, Error> {
    let Some(marker) = Marker::read(dir)? else {
        return Ok(Err(Reason::New));
    };
    if marker.schema != basis.schema {
        return Ok(Err(Reason::Schema { found: marker.schema, expected: basis.schema }));
    }
    if marker.incarnation != HEXLOWER.encode(&basis.incarnation) {
        return Ok(Err(Reason::Incarnation));
    }
    let ahead = |applied| Error::Ahead { dir: dir.to_owned(), applied, ledger_next: basis.ledger_next };
    // The marker is synced, whatever became of the file. That stays as it is, as evidence: opened, it would change.
    if marker.index > basis.ledger_next {
        return Err(ahead(marker.index));
    }
    let restarted = marker.boot_id != basis.boot_id;
    if !marker.clean && restarted {
        return Ok(Err(Reason::Restarted));
    }
    // What a killed program left to the system may be lost without anybody having been told.
    if !marker.clean && file.sync().is_err() {
        return Ok(Err(Reason::Unreadable));
    }
    let twin = file.twin().map_err(Error::io("open", dir.join(DATA)))?;
    let found = caught(dir, "open", || {
        // Pages carry checksums, which are compared only now: once for each run of the machine.
        let database = Database::open(twin, restarted)?;
        let Some(applied) = database.applied()? else { return Ok(None) };
        if restarted {
            // As a killed program leaves it, so that it is not read whole once more.
            database.change(&[], applied, Written::Now)?;
        }
        Ok(Some((database, applied)))
    });
    let (database, applied) = match found {
        Ok(Some(found)) => found,
        Err(error) if error.spoils_nothing() => return Err(error),
        _ => return Ok(Err(Reason::Unreadable)),
    };
    if applied < marker.index || marker.clean && applied != marker.index {
        return Ok(Err(Reason::Differs { closed: marker.index, found: applied }));
    }
    if applied > basis.ledger_next {
        return Err(ahead(applied));
    }
    Ok(Ok((database, applied)))
}

/// Nothing applied, and nothing of what was there, by this program or an earlier version of it.
fn create(dir: &Path, file: &DataFile) -> Result<Database, Error> {
    let data = dir.join(DATA);
    file.clear().map_err(Error::io("clear", &data))?;
    let former = dir.join(FORMER);
    match fs::remove_dir_all(&former) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io("remove", former)(error)),
        _ => {}
    }
    let twin = file.twin().map_err(Error::io("open", data))?;
    caught(dir, "begin", || {
        let database = Database::open(twin, false)?;
        database.change(&[], 0, Written::Now)?;
        Ok(database)
    })
}

/// Nothing in `dir` is believed again, unless the error leaves it as good as it was.
fn disown_spoilt(dir: &Path, error: &Error) {
    if !error.spoils_nothing() {
        disown(dir);
    }
}

/// Nothing in `dir` is believed again.
fn disown(dir: &Path) {
    // A marker that stays is believed once more; what is wrong is met, and told, again.
    let _ = marker::remove(dir);
}

#[cfg(test)]
mod tests;
