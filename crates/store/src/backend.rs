//! The file that redb works on: locked, and never synced by it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use redb::StorageBackend;

use crate::Error;

/// A file whose contents the system writes when it likes: they outlive a killed program, and no loss of power.
#[derive(Debug)]
pub(crate) struct DataFile(File);

impl DataFile {
    /// The file in `dir`, made where there is none. It is locked until this and all its twins are gone.
    pub(crate) fn open(dir: &Path, name: &str) -> Result<Self, Error> {
        let path = dir.join(name);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = file.map_err(Error::io("open", &path))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Error::InUse { dir: dir.to_owned() }),
            Err(TryLockError::Error(error)) => Err(Error::io("lock", path)(error)),
        }
    }

    /// The same file once more.
    pub(crate) fn twin(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Takes everything out of it.
    pub(crate) fn clear(&self) -> io::Result<()> {
        self.0.set_len(0)
    }

    /// Makes it durable. What the system could not write by itself before shows here, once.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.0.sync_all()
    }
}

impl StorageBackend for DataFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write_all_at(data, offset)
    }
}
