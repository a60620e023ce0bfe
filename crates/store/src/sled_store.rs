//! Projections in sled.
//!
//! All keyspaces share one tree, since only within one tree sled changes many keys at once, and with them the
//! applied index. The order at closing is: flush sled, close it, sync its files ourselves, then write that it is
//! clean.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;

use crate::batch::{Batch, Keyspace, Order, Range};
use crate::marker::{self, Marker};
use crate::memory::bounds;
use crate::{Error, Pair, Projections};

/// sled's own default is a gigabyte. It takes many times what it is told: with 4 MiB it held some 22 MiB more than with
/// this, for eight percent less processor time. Keys come in about the order of the ledger, so that what is hot is little.
const CACHE_BYTES: u64 = 1 << 20;
/// How often sled writes what it holds in memory. A killed program replays what came after from the ledger.
const FLUSH_EVERY_MS: u64 = 1000;
/// The directory of sled's files, beside the marker.
const DATA: &str = "sled";
/// Where the applied index stands: no keyspace has an empty name.
const APPLIED_KEY: &[u8] = b"\0applied";

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
    #[error("there are none yet")]
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
    /// sled cannot read its files.
    #[error("they cannot be read")]
    Unreadable,
}

/// Projections in a directory of their own.
pub struct Store {
    dir: PathBuf,
    tree: sled::Db,
    marker: Marker,
    /// Held while a batch is applied.
    applied: Mutex<u64>,
    /// sled failed, or lost something: what is there is not believed again.
    failed: AtomicBool,
}

impl Store {
    /// Opens the projections in `dir`, or starts anew when what is there cannot be believed.
    pub fn open(dir: &Path, basis: &Basis<'_>) -> Result<(Self, Opened), Error> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(Error::io("create", dir))?;
        let data = dir.join(DATA);
        let (tree, opened) = match reuse(dir, basis)? {
            Ok((tree, applied)) => (tree, Opened::Reused { applied }),
            Err(reason) => {
                match fs::remove_dir_all(&data) {
                    Err(error) if error.kind() != ErrorKind::NotFound => {
                        return Err(Error::io("remove", data)(error));
                    }
                    _ => {}
                }
                (sled_open(&data)?, Opened::Rebuild { reason })
            }
        };
        let applied = applied_in(&tree).map_err(sled_error("read", dir))?;
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
                tree,
                marker,
                applied: Mutex::new(applied),
                failed: AtomicBool::new(false),
            },
            opened,
        ))
    }

    /// Makes everything durable and marks it clean. Without this call the projections are believed only until the
    /// machine restarts; after a failure of sled's they are not believed either way.
    pub fn close(self) -> Result<(), Error> {
        let Self { dir, tree, marker, applied, failed } = self;
        if failed.into_inner() {
            return Ok(());
        }
        tree.flush().map_err(sled_error("flush", &dir))?;
        drop(tree);
        sync_tree(&dir.join(DATA))?;
        let index = applied.into_inner().unwrap_or_else(PoisonError::into_inner);
        Marker { clean: true, index, ..marker }.write(&dir)
    }

    /// Works with sled. When that fails, the next opening starts anew: a program that ends by the error, and is started
    /// again, must not meet it again.
    fn guard<T>(&self, operation: &'static str, work: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
        if self.has_failed() {
            return Err(Error::Failed);
        }
        // sled panics on some files that are not as it left them.
        let done = catch_unwind(AssertUnwindSafe(work));
        let done = match done {
            Ok(done) => done.map_err(sled_error(operation, &self.dir)),
            Err(_) => Err(Error::Unreadable { dir: self.dir.clone() }),
        };
        done.inspect_err(|_| self.distrust())
    }

    /// The next opening starts anew.
    fn distrust(&self) {
        self.failed.store(true, Ordering::Relaxed);
        // What cannot be removed is found wrong again, and then told.
        let _ = marker::remove(&self.dir);
    }

    fn applied_lock(&self) -> MutexGuard<'_, u64> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Projections for Store {
    fn applied(&self) -> u64 {
        *self.applied_lock()
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        let value = self.guard("read", || self.tree.get(keyspace.full_key(key)))?;
        Ok(value.map(|value| value.to_vec()))
    }

    fn scan(&self, keyspace: Keyspace, range: &Range<'_>) -> Result<Vec<Pair>, Error> {
        let Some(bounds) = bounds(keyspace, range) else {
            return Ok(Vec::new());
        };
        let skipped = keyspace.full_key(&[]).len();
        self.guard("read", || {
            let pairs = self.tree.range(bounds).map(|pair| {
                let (key, value) = pair?;
                Ok((key.get(skipped..).unwrap_or_default().to_vec(), value.to_vec()))
            });
            match range.order {
                Order::Ascending => pairs.take(range.limit).collect(),
                Order::Descending => pairs.rev().take(range.limit).collect(),
            }
        })
    }

    fn apply(&self, batch: Batch) -> Result<(), Error> {
        let mut applied = self.applied_lock();
        if batch.applied < *applied {
            return Err(Error::Backwards { applied: *applied, asked: batch.applied });
        }
        let mut changes = sled::Batch::default();
        for change in batch.changes {
            let key = change.keyspace.full_key(&change.key);
            match change.value {
                Some(value) => changes.insert(key, value),
                None => changes.remove(key),
            }
        }
        changes.insert(APPLIED_KEY, &batch.applied.to_be_bytes());
        self.guard("change", || self.tree.apply_batch(changes))?;
        *applied = batch.applied;
        Ok(())
    }

    fn distrust_lacking(&self, keyspace: Keyspace) -> Error {
        self.distrust();
        Error::Lacking { keyspace: keyspace.name() }
    }

    fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}

/// What is there, if it can be believed.
fn reuse(dir: &Path, basis: &Basis<'_>) -> Result<Result<(sled::Db, u64), Reason>, Error> {
    let Some(marker) = Marker::read(dir)? else {
        return Ok(Err(Reason::New));
    };
    if marker.schema != basis.schema {
        return Ok(Err(Reason::Schema { found: marker.schema, expected: basis.schema }));
    }
    if marker.incarnation != HEXLOWER.encode(&basis.incarnation) {
        return Ok(Err(Reason::Incarnation));
    }
    if !marker.clean && marker.boot_id != basis.boot_id {
        return Ok(Err(Reason::Restarted));
    }
    let Ok(tree) = sled_open(&dir.join(DATA)) else {
        return Ok(Err(Reason::Unreadable));
    };
    let Ok(applied) = applied_in(&tree) else {
        return Ok(Err(Reason::Unreadable));
    };
    if marker.clean && marker.index != applied {
        return Ok(Err(Reason::Differs { closed: marker.index, found: applied }));
    }
    if applied > basis.ledger_next {
        return Err(Error::Ahead { dir: dir.to_owned(), applied, ledger_next: basis.ledger_next });
    }
    Ok(Ok((tree, applied)))
}

fn sled_open(data: &Path) -> Result<sled::Db, Error> {
    let config = sled::Config::new()
        .path(data)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(Some(FLUSH_EVERY_MS))
        .mode(sled::Mode::LowSpace);
    // sled panics on some files that are not as it left them.
    let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
    opened.map_err(|_| Error::Unreadable { dir: data.to_owned() })?.map_err(sled_error("open", data))
}

fn applied_in(tree: &sled::Db) -> sled::Result<u64> {
    let value = tree.get(APPLIED_KEY)?;
    Ok(value.and_then(|value| value.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes))
}

/// Syncs every file below `dir`, and the directories themselves: sled's flush does not.
fn sync_tree(dir: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let entry = entry.map_err(Error::io("list", dir))?;
        if entry.file_type().map_err(Error::io("list", dir))?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            marker::sync(&entry.path())?;
        }
    }
    marker::sync(dir)
}

fn sled_error(operation: &'static str, dir: &Path) -> impl FnOnce(sled::Error) -> Error {
    let dir = dir.to_owned();
    move |source| Error::Sled { operation, dir, source }
}
