//! The machine's disk, with a note of how many bytes were written before each sync, and how long the disk took.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sealpost_seglog::disk::{Access, Disk, File, Lock};

/// A disk that notes what is written behind the headers of segments.
pub(super) struct Tracked {
    disk: Arc<dyn Disk>,
    batches: Batches,
}

/// The batches as noted so far.
#[derive(Clone, Default)]
pub(super) struct Batches(Arc<Mutex<Noted>>);

/// What was asked of the disk.
#[derive(Default)]
pub(super) struct Noted {
    /// Bytes of each batch that was synced.
    pub(super) synced: Vec<usize>,
    /// Bytes written since then.
    written: usize,
    /// How long writes and syncs took.
    pub(super) busy: Duration,
}

struct TrackedFile {
    file: Arc<dyn File>,
    batches: Batches,
}

impl Batches {
    /// What was noted since the last call.
    pub(super) fn take(&self) -> Noted {
        std::mem::take(&mut self.noted())
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

    fn free(&self, dir: &Path) -> io::Result<u64> {
        self.disk.free(dir)
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
        let begun = Instant::now();
        self.file.write_at(bytes, offset)?;
        let mut noted = self.batches.noted();
        noted.busy += begun.elapsed();
        if offset > 0 {
            noted.written += bytes.len();
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let begun = Instant::now();
        self.file.sync_data()?;
        let mut noted = self.batches.noted();
        noted.busy += begun.elapsed();
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
        assert_eq!(batches.take().synced, [30]);
        file.write_at(&[0; 6], 74).unwrap();
        file.sync_data().unwrap();
        assert_eq!(batches.take().synced, [6]);
        assert!(batches.take().synced.is_empty());
    }
}
