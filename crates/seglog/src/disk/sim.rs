//! A disk in memory that behaves as badly as a real one may, and repeats exactly.
//!
//! What was not synced is kept apart from what was. [`Sim::lose_power`] then decides with the given seed, page by
//! page, which unsynced writes reached the platter: none, all, or up to any byte, in any order; likewise for names
//! of files and for truncations. [`Sim::kill`] ends the process alone: the page cache survives. After either every
//! open file answers with an error and every lock is free, as for a program that is gone.
//!
//! Errors are planned by the number of the operation ([`Sim::fail`]); a failed sync drops what it should have made
//! durable, as Linux does: the data can still be read, and a later sync does not bring it to the disk.
//!
//! For tests and simulations; no program uses it.

#![allow(
    clippy::cast_possible_truncation,
    reason = "files of the simulation fit into memory, and so into usize"
)]

mod inode;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Access, Disk, File, Lock};
use inode::{Change, Dice, Inode};

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct Sim {
    state: Arc<Mutex<State>>,
}

/// How a planned operation goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing happens, and an input/output error is returned.
    Refused,
    /// It happens in full, and an input/output error is returned all the same.
    AfterEffect,
    /// A write stops after so many bytes with an input/output error; every other operation is refused.
    Torn(usize),
    /// A write stops after so many bytes since the disk is full; every other operation is refused as full.
    Full(usize),
}

#[derive(Default)]
struct State {
    /// What a running program sees.
    names: BTreeMap<PathBuf, u64>,
    /// What is on the platter.
    synced_names: BTreeMap<PathBuf, u64>,
    inodes: BTreeMap<u64, Inode>,
    inodes_made: u64,
    locks: BTreeSet<PathBuf>,
    /// Counted up by every crash; a handle of an earlier life is dead.
    life: u64,
    operations: u64,
    failures: BTreeMap<u64, Failure>,
    capacity_bytes: Option<u64>,
    syncs: u64,
}

impl Sim {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets operation number `operation` (counted from 0 over everything that changes the disk) go wrong.
    pub fn fail(&self, operation: u64, failure: Failure) {
        self.state().failures.insert(operation, failure);
    }

    /// How many operations that change the disk were asked for.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How many syncs of file contents succeeded.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Limits what all files together may hold; `None` lifts the limit.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state().capacity_bytes = bytes;
    }

    /// Flips one bit, on the platter and in the cache; false when the file is shorter.
    pub fn flip(&self, path: &Path, offset: u64, bit: u32) -> bool {
        let mut state = self.state();
        let Ok(inode) = state.inode(path) else {
            return false;
        };
        let at = offset as usize;
        let mask = 1 << (bit % 8);
        if let Some(byte) = inode.synced.get_mut(at) {
            *byte ^= mask;
        }
        inode.now.get_mut(at).map(|byte| *byte ^= mask).is_some()
    }

    /// The file as a program sees it.
    pub fn contents(&self, path: &Path) -> Option<Vec<u8>> {
        self.state().inode(path).ok().map(|inode| inode.now.clone())
    }

    /// Replaces a file, durably: the way for a test to put any damage there.
    pub fn put(&self, path: &Path, bytes: &[u8]) {
        let mut state = self.state();
        let id = state.insert(path);
        state.synced_names.insert(path.to_owned(), id);
        state.inodes.insert(id, Inode { now: bytes.to_vec(), synced: bytes.to_vec(), pending: Vec::new() });
    }

    /// Ends the program: open files and locks are gone, everything written stays.
    pub fn kill(&self) {
        let mut state = self.state();
        state.life += 1;
        state.locks.clear();
    }

    /// Ends the program and the power: of what was not synced, `seed` decides what stays. Planned failures are
    /// forgotten.
    pub fn lose_power(&self, seed: u64) {
        let mut dice = Dice(seed);
        let mut state = self.state();
        state.life += 1;
        state.locks.clear();
        state.failures.clear();
        let mut names = state.synced_names.clone();
        for (path, id) in &state.names {
            if names.get(path) != Some(id) && dice.one_in(2) {
                names.insert(path.clone(), *id);
            }
        }
        for path in state.synced_names.keys() {
            if !state.names.contains_key(path) && dice.one_in(2) {
                names.remove(path);
            }
        }
        state.inodes.retain(|id, _| names.values().any(|kept| kept == id));
        for inode in state.inodes.values_mut() {
            inode.lose_power(&mut dice);
        }
        state.names.clone_from(&names);
        state.synced_names = names;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, id: u64, life: u64) -> Arc<dyn File> {
        Arc::new(Handle { disk: self.clone(), id, life })
    }
}

impl State {
    fn inode(&mut self, path: &Path) -> io::Result<&mut Inode> {
        let id = self.names.get(path).copied().ok_or(ErrorKind::NotFound)?;
        self.inodes.get_mut(&id).ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn insert(&mut self, path: &Path) -> u64 {
        self.inodes_made += 1;
        self.names.insert(path.to_owned(), self.inodes_made);
        self.inodes.insert(self.inodes_made, Inode::default());
        self.inodes_made
    }

    /// Counts the operation and says what was planned for it.
    fn planned(&mut self) -> Option<Failure> {
        let failure = self.failures.remove(&self.operations);
        self.operations += 1;
        failure
    }

    /// Runs an operation that happens in full or not at all.
    fn attempt<T>(&mut self, effect: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        match self.planned() {
            None => effect(self),
            Some(Failure::Full(_)) => Err(full()),
            Some(Failure::Refused | Failure::Torn(_)) => Err(broken()),
            Some(Failure::AfterEffect) => {
                effect(self)?;
                Err(broken())
            }
        }
    }

    fn room_bytes(&self) -> u64 {
        let used: usize = self.names.values().filter_map(|id| self.inodes.get(id)).map(|i| i.now.len()).sum();
        self.capacity_bytes.map_or(u64::MAX, |capacity| capacity.saturating_sub(used as u64))
    }
}

impl Disk for Sim {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        let inside = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(inside.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let mut state = self.state();
        let life = state.life;
        let id = state.attempt(|state| {
            if state.names.contains_key(path) {
                return Err(ErrorKind::AlreadyExists.into());
            }
            Ok(state.insert(path))
        })?;
        Ok(self.handle(id, life))
    }

    fn open(&self, path: &Path, _: Access) -> io::Result<Arc<dyn File>> {
        let state = self.state();
        let id = state.names.get(path).copied().ok_or(ErrorKind::NotFound)?;
        Ok(self.handle(id, state.life))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.state().attempt(|state| match state.names.remove(path) {
            Some(_) => Ok(()),
            None => Err(ErrorKind::NotFound.into()),
        })
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.state().attempt(|state| {
            state.synced_names.retain(|path, _| path.parent() != Some(dir));
            let inside = state.names.iter().filter(|(path, _)| path.parent() == Some(dir));
            state.synced_names.extend(inside.map(|(path, id)| (path.clone(), *id)));
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let mut state = self.state();
        if !state.locks.insert(path.to_owned()) {
            return Ok(None);
        }
        Ok(Some(Box::new(Held { disk: self.clone(), path: path.to_owned(), life: state.life })))
    }
}

/// An open file of one life of the program.
struct Handle {
    disk: Sim,
    id: u64,
    life: u64,
}

impl Handle {
    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.life == self.life { Ok(state) } else { Err(io::Error::other("the program has ended")) }
    }
}

impl File for Handle {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.alive()?.inodes.get(&self.id).map_or(0, |inode| inode.now.len() as u64))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.alive()?;
        let file = state.inodes.get(&self.id).map_or(&[][..], |inode| &inode.now);
        let rest = file.get(offset as usize..).unwrap_or_default();
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.alive()?;
        let (mut written, mut outcome) = match state.planned() {
            None => (bytes.len(), Ok(())),
            Some(Failure::Refused) => (0, Err(broken())),
            Some(Failure::AfterEffect) => (bytes.len(), Err(broken())),
            Some(Failure::Torn(kept)) => (kept.min(bytes.len()), Err(broken())),
            Some(Failure::Full(kept)) => (kept.min(bytes.len()), Err(full())),
        };
        let room_bytes = state.room_bytes();
        let Some(inode) = state.inodes.get_mut(&self.id) else {
            return Err(broken());
        };
        let growth = (offset + written as u64).saturating_sub(inode.now.len() as u64);
        if growth > room_bytes {
            written -= ((growth - room_bytes) as usize).min(written);
            outcome = Err(full());
        }
        if written > 0 {
            inode.change(Change::Write { offset, bytes: bytes[..written].to_vec() });
        }
        outcome
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.alive()?;
        let outcome = state.attempt(|state| {
            if let Some(inode) = state.inodes.get_mut(&self.id) {
                inode.sync();
            }
            state.syncs += 1;
            Ok(())
        });
        // The kernel reports a failed write-back once and then calls the pages clean.
        if let Some(inode) = state.inodes.get_mut(&self.id) {
            inode.pending.clear();
        }
        outcome
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.alive()?.attempt(|state| {
            if let Some(inode) = state.inodes.get_mut(&self.id) {
                inode.change(Change::Truncate { bytes });
            }
            Ok(())
        })
    }
}

/// A lock of one life of the program.
struct Held {
    disk: Sim,
    path: PathBuf,
    life: u64,
}

impl Lock for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.disk.state();
        if state.life == self.life {
            state.locks.remove(&self.path);
        }
    }
}

fn broken() -> io::Error {
    io::Error::other("input/output error")
}

fn full() -> io::Error {
    ErrorKind::StorageFull.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> PathBuf {
        PathBuf::from("dir/file")
    }

    #[test]
    fn what_was_synced_survives_every_loss_of_power() {
        for seed in 0..200 {
            let disk = Sim::new();
            let file = disk.create(&path()).unwrap();
            file.write_at(&[1; 5000], 0).unwrap();
            file.sync_data().unwrap();
            disk.sync_dir(Path::new("dir")).unwrap();
            file.write_at(&[2; 9000], 5000).unwrap();
            disk.lose_power(seed);
            assert_eq!(disk.contents(&path()).unwrap()[..5000], [1; 5000], "seed {seed}");
        }
    }

    #[test]
    fn what_was_not_synced_is_lost_kept_and_torn_in_turn() {
        let lengths: BTreeSet<_> = (0..200)
            .map(|seed| {
                let disk = Sim::new();
                disk.put(&path(), b"");
                disk.open(&path(), Access::Write).unwrap().write_at(&[2; 9000], 0).unwrap();
                disk.lose_power(seed);
                disk.contents(&path()).unwrap().len()
            })
            .collect();
        assert!(lengths.contains(&0) && lengths.contains(&9000) && lengths.len() > 20, "{lengths:?}");
    }

    #[test]
    fn a_failed_sync_loses_the_data_even_if_a_later_one_succeeds() {
        let disk = Sim::new();
        disk.put(&path(), b"");
        let file = disk.open(&path(), Access::Write).unwrap();
        file.write_at(b"lost", 0).unwrap();
        disk.fail(disk.operations(), Failure::Refused);
        assert!(file.sync_data().is_err());
        assert_eq!(disk.contents(&path()).unwrap(), b"lost");
        file.sync_data().unwrap();
        disk.lose_power(1);
        assert_eq!(disk.contents(&path()).unwrap(), b"");
    }

    #[test]
    fn a_program_that_ended_can_neither_write_nor_hold_a_lock() {
        let disk = Sim::new();
        let file = disk.create(&path()).unwrap();
        let lock = disk.lock(Path::new("dir/lock")).unwrap();
        assert!(lock.is_some() && disk.lock(Path::new("dir/lock")).unwrap().is_none());
        disk.kill();
        assert!(file.write_at(b"late", 0).is_err());
        let next = disk.lock(Path::new("dir/lock")).unwrap();
        assert!(next.is_some());
        drop(lock);
        assert!(disk.lock(Path::new("dir/lock")).unwrap().is_none(), "an old lock must not free the new one");
    }
}
