//! A disk in memory that behaves as badly as a real one may, and repeats exactly.
//!
//! What was not synced is kept apart from what was. [`Sim::lose_power`] then decides with the given seed, page by
//! page, which unsynced writes reached the platter: none, all, or up to any byte, in any order; likewise for names
//! of files and for truncations. [`Sim::lose_power_keeping`] names them one by one, so that a test can go through
//! every subset. [`Sim::kill`] ends the process alone: the page cache survives. After either every open file answers
//! with an error and every lock is free, as for a program that is gone.
//!
//! Errors are planned by the number of the operation ([`Sim::fail`], [`Sim::fail_read`]); a failed sync drops what it
//! should have made durable, as Linux does: the data can still be read, and a later sync does not bring it to the
//! disk. A failed sync of a directory can be repeated: file systems that lose one stop altogether.
//!
//! For tests and simulations; no program uses it.

#![allow(
    clippy::cast_possible_truncation,
    reason = "files of the simulation fit into memory, and so into usize"
)]

mod fate;
mod handle;
mod inode;
mod state;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fate::Fate;
use inode::Inode;
use state::State;

/// The disk. Clones are the same disk.
#[derive(Clone, Default)]
pub struct Sim {
    state: Arc<Mutex<State>>,
}

/// How a planned operation goes wrong. Writes and syncs of files have parts; every other operation happens or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Nothing happens, and an input/output error is returned.
    Refused,
    /// It happens in full, and an input/output error is returned all the same.
    AfterEffect,
    /// It happens in full and is durable at once, as is all that was done to the same file or name before; an
    /// input/output error is returned all the same.
    Persisted,
    /// A write stops after so many bytes, a sync after so many bytes of what it should have made durable, with an
    /// input/output error; every other operation is refused.
    Torn(usize),
    /// Of the pages of a write, of the pages or names that a sync should have made durable, the seed decides which
    /// ones get there, whole or up to any byte; of every other operation, whether it happens. Then an input/output
    /// error is returned.
    Scattered(u64),
    /// As torn, but since the disk is full.
    Full(usize),
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

    /// Lets read number `read` (counted from 0 over everything that only looks at the disk) return an input/output
    /// error.
    pub fn fail_read(&self, read: u64) {
        self.state().read_failures.insert(read);
    }

    /// How many planned errors did not come to pass yet.
    pub fn planned(&self) -> usize {
        let state = self.state();
        state.failures.len() + state.read_failures.len()
    }

    /// How many operations that change the disk were asked for.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// How many operations that only look at the disk were asked for.
    pub fn reads(&self) -> u64 {
        self.state().reads
    }

    /// How many syncs of file contents succeeded.
    pub fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Bytes in all files together.
    pub fn used(&self) -> u64 {
        self.state().used_bytes()
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

    /// A disk of its own in the same state: many crashes can be tried from one point.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { state: Arc::new(Mutex::new(self.state().clone())) }
    }

    /// Ends the program: open files, locks and planned errors are gone, everything written stays.
    pub fn kill(&self) {
        self.state().end_program();
    }

    /// Ends the program and the power: of what was not synced, `seed` decides what stays.
    pub fn lose_power(&self, seed: u64) {
        self.state().lose_power(&mut Fate::dice(seed));
    }

    /// As [`Sim::lose_power`], but of the [`Sim::unsynced`] parts exactly those stay, whole, whose bit is set.
    pub fn lose_power_keeping(&self, subset: u64) {
        self.state().lose_power(&mut Fate::subset(subset));
    }

    /// How many parts a loss of power decides upon: names, pages of each write, truncations.
    pub fn unsynced(&self) -> u32 {
        let mut count = Fate::subset(0);
        self.state().clone().lose_power(&mut count);
        count.asked()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
