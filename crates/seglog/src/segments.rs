//! The segments of one log, as writer and readers share them: which there are, where in them records lie, which
//! files are open, and up to where everything is durable.
//!
//! Memory: about 100 bytes for a segment, and at most 64 KiB of points for each 64 MiB of the last few segments. Of
//! the others nothing is remembered, and a record is found by [`crate::locate`].

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::watch;

use crate::damaged::Hole;
use crate::disk::{Access, Disk, File};
use crate::segment::{self, Segment};

/// So many bytes after the last place that is remembered the next one is: 16 bytes for 16 KiB.
const POINT_EVERY_BYTES: u64 = 16 << 10;
/// So many segments, the last ones, have places remembered.
const POINTED_MAX: usize = 16;
/// How many files readers keep open.
const FILES_OPEN_MAX: usize = 16;

pub(crate) struct Segments {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    /// Index up to which every record is durable.
    pub(crate) durable: watch::Sender<u64>,
    /// By first index. The last one is written to.
    known: RwLock<BTreeMap<u64, Arc<Known>>>,
    /// The most recently used last.
    files: Mutex<VecDeque<(u64, Arc<dyn File>)>>,
}

/// One segment of the log.
pub(crate) struct Known {
    pub(crate) first: u64,
    pub(crate) seed: u32,
    pub(crate) incarnation: [u8; 16],
    /// Its frames that are known to be damaged, by index.
    holes: BTreeMap<u64, Hole>,
    /// Index and offset of some of its frames, ascending.
    points: Mutex<Vec<(u64, u64)>>,
}

/// What went wrong while a segment was made.
pub(crate) struct Trouble {
    pub(crate) operation: &'static str,
    pub(crate) file: PathBuf,
    pub(crate) source: io::Error,
}

impl Known {
    pub(crate) fn new(segment: &Segment) -> Self {
        Self::with_holes(segment, BTreeMap::new())
    }

    pub(crate) fn with_holes(segment: &Segment, holes: BTreeMap<u64, Hole>) -> Self {
        let Segment { first, incarnation, salt: _ } = *segment;
        Self { first, seed: segment.seed(), incarnation, holes, points: Mutex::default() }
    }

    /// The damaged frame that is listed at this very place.
    pub(crate) fn hole(&self, index: u64, offset: u64) -> Option<&Hole> {
        self.holes.get(&index).filter(|hole| hole.offset == offset)
    }

    /// Remembers where the frame of a record starts, if it is one to remember. Told in the order of the records.
    pub(crate) fn note(&self, index: u64, offset: u64) {
        let mut points = self.points();
        let last = points.last().map_or(0, |(_, offset)| *offset);
        if offset >= last + POINT_EVERY_BYTES {
            points.push((index, offset));
        }
    }

    /// The last place known at or before `index`, and the offset of the first one known behind it.
    pub(crate) fn around(&self, index: u64) -> ((u64, u64), Option<u64>) {
        let points = self.points();
        let after = points.partition_point(|(known, _)| *known <= index);
        let before = after.checked_sub(1).and_then(|at| points.get(at).copied());
        let behind = points.get(after).map(|(_, offset)| *offset);
        (before.unwrap_or((self.first, segment::HEADER_BYTES as u64)), behind)
    }

    fn points(&self) -> MutexGuard<'_, Vec<(u64, u64)>> {
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Segments {
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, durable: u64) -> Self {
        let durable = watch::Sender::new(durable);
        Self { disk, dir, durable, known: RwLock::default(), files: Mutex::default() }
    }

    /// Makes the file of a new segment. Its header and its name are durable when this returns.
    pub(crate) fn create(&self, segment: &Segment) -> Result<Arc<dyn File>, Trouble> {
        let path = self.path(segment.first);
        let trouble = |operation, file: &Path| {
            let file = file.to_owned();
            move |source| Trouble { operation, file, source }
        };
        let file = self.disk.create(&path).map_err(trouble("create", &path))?;
        file.write_at(&segment.encode(), 0).map_err(trouble("write", &path))?;
        file.sync_data().map_err(trouble("sync", &path))?;
        self.disk.sync_dir(&self.dir).map_err(trouble("sync", &self.dir))?;
        Ok(file)
    }

    /// One more segment, which from now on is the last one.
    pub(crate) fn add(&self, segment: Arc<Known>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(segment.first, segment);
        if let Some((_, old)) = known.iter().rev().nth(POINTED_MAX) {
            *old.points() = Vec::new();
        }
    }

    pub(crate) fn forget(&self, first: u64) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).remove(&first);
        self.files.lock().unwrap_or_else(PoisonError::into_inner).retain(|(open, _)| *open != first);
    }

    /// The segment that starts with exactly this record.
    pub(crate) fn starting_at(&self, first: u64) -> Option<Arc<Known>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(&first).cloned()
    }

    /// The segment that a record belongs to.
    pub(crate) fn holding(&self, index: u64) -> Option<Arc<Known>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.range(..=index).next_back().map(|(_, segment)| Arc::clone(segment))
    }

    /// First indices of all segments, ascending.
    pub(crate) fn firsts(&self) -> Vec<u64> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// First index and incarnation of all segments, ascending.
    pub(crate) fn incarnations(&self) -> Vec<(u64, [u8; 16])> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.values().map(|segment| (segment.first, segment.incarnation)).collect()
    }

    /// First index that is still there.
    pub(crate) fn first(&self) -> u64 {
        self.firsts().first().copied().unwrap_or_default()
    }

    pub(crate) fn path(&self, first: u64) -> PathBuf {
        segment::path(&self.dir, first)
    }

    /// The file of a segment, open for reading.
    pub(crate) fn file(&self, first: u64) -> io::Result<Arc<dyn File>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = files.iter().position(|(open, _)| *open == first)
            && let Some(used) = files.remove(at)
        {
            files.push_back(used);
        } else {
            let file = self.disk.open(&self.path(first), Access::Read)?;
            if files.len() == FILES_OPEN_MAX {
                files.pop_front();
            }
            files.push_back((first, file));
        }
        files.back().map(|(_, file)| Arc::clone(file)).ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}
