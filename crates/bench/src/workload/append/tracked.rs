//! The machine's disk, with a note of how many bytes were written before each sync.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sealpost_seglog::disk::{Access, Disk, File, Lock};

/// A disk that notes what is written behind the headers of segments.
pub(super) struct Tracked {
    disk: Arc<dyn Disk>,
    batches: Batches,
}

/// The bytes of each batch, as noted so far.
#[derive(Clone, Default)]
pub(super) struct Batches(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    /// Bytes of each batch that was synced.
    synced: Vec<usize>,
    /// Bytes written since then.
    written: usize,
}

struct TrackedFile {
    file: Arc<dyn File>,
    batches: Batches,
}

impl Batches {
    /// What was noted since the last call.
    pub(super) fn take(&self) -> Vec<usize> {
        std::mem::take(&mut self.noted().synced)
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tracked {
    pub(super) fn new(disk: Arc<dyn Disk>) -> (Self, Batches) {
        let batches = Batches::default();
        (Self { disk, batches: batches.clone() }, batches)
    }

    fn file(&self, file: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(TrackedFile { file, batches: self.batches.clone() })
    }
}

impl Disk for Tracked {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        self.disk.create(path).map(|file| self.file(file))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>> {
        self.disk.open(path, access).map(|file| self.file(file))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        self.disk.lock(path)
    }
}

impl File for TrackedFile {
    fn bytes(&self) -> io::Result<u64> {
        self.file.bytes()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file.write_at(bytes, offset)?;
        if offset > 0 {
            self.batches.noted().written += bytes.len();
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()?;
        let mut noted = self.batches.noted();
        let written = std::mem::take(&mut noted.written);
        if written > 0 {
            noted.synced.push(written);
        }
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.file.truncate(bytes)
    }
}

#[cfg(test)]
mod tests {
    use sealpost_seglog::disk::sim::Sim;

    use super::*;

    #[test]
    fn a_batch_is_what_lies_between_two_syncs_without_the_header() {
        let (disk, batches) = Tracked::new(Arc::new(Sim::new()));
        disk.create_dir(Path::new("d")).unwrap();
        let file = disk.create(Path::new("d/f")).unwrap();
        file.write_at(&[0; 44], 0).unwrap();
        file.sync_data().unwrap();
        file.write_at(&[0; 10], 44).unwrap();
        file.write_at(&[0; 20], 54).unwrap();
        file.sync_data().unwrap();
        file.sync_data().unwrap();
        file.write_at(&[0; 5], 74).unwrap();
        assert_eq!(batches.take(), [30]);
        file.sync_data().unwrap();
        assert_eq!(batches.take(), [5]);
        assert!(batches.take().is_empty());
    }
}
