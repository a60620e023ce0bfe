//! What the log needs of a disk, and no more; [`Real`] is the one of the machine, [`sim::Sim`] its twin in memory
//! that loses, tears and refuses on demand.
//!
//! The contract: a write is durable after [`File::sync_data`] of its file returned without an error, a name after
//! [`Disk::sync_dir`] of its directory did. Nothing else is promised: without them any part of a write may be there
//! after a crash, in any order.

mod real;
pub mod sim;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use real::Real;

/// A place for files.
pub trait Disk: Send + Sync + 'static {
    /// Makes the directory and its parents, for the owner alone, durably. One that exists is left as it is.
    fn create_dir(&self, dir: &Path) -> io::Result<()>;
    /// Names of the files in `dir`, in no particular order.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;
    /// Makes a new file, for the owner alone; fails when it exists.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>>;
    /// Opens an existing file.
    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>>;
    /// Removes a file; durable after [`Disk::sync_dir`].
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Bytes that can still be written to the file system of `dir`.
    fn free(&self, dir: &Path) -> io::Result<u64>;
    /// Takes the lock at `path` until the value is dropped or the process ends; `None` when another holds it.
    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>>;
}

/// An open file. Usable from several threads: every call names its offset.
pub trait File: Send + Sync {
    /// Bytes in the file.
    fn bytes(&self) -> io::Result<u64>;
    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes`; after an error any part of them may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes everything written so far durable, the length included. After an error nothing is known about any
    /// earlier write, and a second call may lie: never repeat it.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts the file to `bytes`.
    fn truncate(&self, bytes: u64) -> io::Result<()>;
}

/// A lock that is held. Dropping it gives it back.
pub trait Lock: Send + Sync {}

/// What an existing file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading alone.
    Read,
    /// Reading and writing.
    Write,
}

/// Whether the error says that the disk, or the owner's share of it, is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
