//! Names, contents and plans of the simulated disk, and what a crash makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::Failure;
use super::fate::Fate;
use super::inode::Inode;

#[derive(Clone, Default)]
pub(super) struct State {
    /// What a running program sees.
    pub(super) names: BTreeMap<PathBuf, u64>,
    /// What is on the platter.
    pub(super) synced_names: BTreeMap<PathBuf, u64>,
    pub(super) inodes: BTreeMap<u64, Inode>,
    inodes_made: u64,
    pub(super) locks: BTreeSet<PathBuf>,
    /// Counted up by every crash; a handle of an earlier life is dead.
    pub(super) life: u64,
    pub(super) operations: u64,
    pub(super) failures: BTreeMap<u64, Failure>,
    pub(super) reads: u64,
    pub(super) read_failures: BTreeSet<u64>,
    pub(super) capacity_bytes: Option<u64>,
    pub(super) syncs: u64,
}

impl State {
    pub(super) fn inode(&mut self, path: &Path) -> io::Result<&mut Inode> {
        let id = self.names.get(path).copied().ok_or(ErrorKind::NotFound)?;
        self.inodes.get_mut(&id).ok_or_else(|| ErrorKind::NotFound.into())
    }

    pub(super) fn insert(&mut self, path: &Path) -> u64 {
        self.inodes_made += 1;
        self.names.insert(path.to_owned(), self.inodes_made);
        self.inodes.insert(self.inodes_made, Inode::default());
        self.inodes_made
    }

    /// Counts an operation that changes the disk and says what was planned for it.
    pub(super) fn plan(&mut self) -> Option<Failure> {
        let failure = self.failures.remove(&self.operations);
        self.operations += 1;
        failure
    }

    /// Counts an operation that only looks, and fails it if that was planned.
    pub(super) fn look(&mut self) -> io::Result<()> {
        let fails = self.read_failures.remove(&self.reads);
        self.reads += 1;
        if fails { Err(broken()) } else { Ok(()) }
    }

    /// Runs an operation on a name, which happens in full or not at all.
    pub(super) fn attempt<T>(
        &mut self,
        path: &Path,
        effect: impl FnOnce(&mut Self) -> io::Result<T>,
    ) -> io::Result<T> {
        let failure = self.plan();
        if !Fate::of(failure).happens() {
            return Err(failure.map_or_else(broken, error_of));
        }
        let value = effect(self)?;
        if failure == Some(Failure::Persisted) {
            self.sync_name(path);
        }
        failure.map_or(Ok(value), |failure| Err(error_of(failure)))
    }

    /// Brings to the platter what `fate` leaves of the unsynced names, in `dir` or everywhere.
    pub(super) fn sync_names(&mut self, dir: Option<&Path>, fate: &mut Fate) {
        let all: BTreeSet<PathBuf> = self.names.keys().chain(self.synced_names.keys()).cloned().collect();
        for path in all {
            let inside = dir.is_none() || path.parent() == dir;
            if inside && self.names.get(&path) != self.synced_names.get(&path) && fate.happens() {
                self.sync_name(&path);
            }
        }
    }

    fn sync_name(&mut self, path: &Path) {
        match self.names.get(path) {
            Some(id) => self.synced_names.insert(path.to_owned(), *id),
            None => self.synced_names.remove(path),
        };
    }

    pub(super) fn end_program(&mut self) {
        self.life += 1;
        self.locks.clear();
        self.failures.clear();
        self.read_failures.clear();
    }

    pub(super) fn lose_power(&mut self, fate: &mut Fate) {
        self.end_program();
        let named = |names: &BTreeMap<PathBuf, u64>, id: u64| names.values().any(|named| *named == id);
        let (now, synced) = (&self.names, &self.synced_names);
        self.inodes.retain(|id, _| named(now, *id) || named(synced, *id));
        self.sync_names(None, fate);
        // All of them, so that the same bit means the same page whatever became of the names.
        for inode in self.inodes.values_mut() {
            inode.lose_power(fate);
        }
        let synced = &self.synced_names;
        self.inodes.retain(|id, _| named(synced, *id));
        self.names.clone_from(&self.synced_names);
    }

    pub(super) fn used_bytes(&self) -> u64 {
        self.names.values().filter_map(|id| self.inodes.get(id)).map(|inode| inode.now.len() as u64).sum()
    }

    pub(super) fn room_bytes(&self) -> u64 {
        self.capacity_bytes.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used_bytes()))
    }
}

/// What a program is told of it.
pub(super) fn error_of(failure: Failure) -> io::Error {
    if let Failure::Full(_) = failure { full() } else { broken() }
}

pub(super) fn broken() -> io::Error {
    io::Error::other("input/output error")
}

pub(super) fn full() -> io::Error {
    ErrorKind::StorageFull.into()
}
