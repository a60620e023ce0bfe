//! Opens a log: finds where it ends after whatever happened, and refuses one that lost what was durable.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::disk::{Access, Disk, File};
use crate::frame::Fault;
use crate::recover::{self, Tail};
use crate::segment::{self, Segment};
use crate::segments::{Known, Segments};
use crate::{Damage, Log, Reader, damaged};

/// The lock file beside the segments.
pub(crate) const LOCK: &str = "lock";
/// How much of a tail is written again at once.
const REWRITE_BYTES: usize = 1 << 20;

/// How a log is written.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The incarnation of new segments. A log that exists keeps its own ([`Recovery::incarnation`]), until
    /// [`Log::begin_incarnation`].
    pub incarnation: [u8; 16],
    /// Random bytes for the checksums of new segments; kept on the disk alone. A sender who knew them could have a
    /// body of his taken for records when the frame that holds it is torn.
    pub salt: [u8; 8],
    /// A segment that would grow beyond this is followed by a new one. An append is never split, so that a larger one
    /// has a larger segment. Default 64 MiB.
    pub segment_bytes_max: u64,
    /// Every record below this index is known to have been durable, from a checkpoint or another account outside the
    /// log: a log that ends earlier is damaged, not torn. Default 0.
    pub known_durable: u64,
}

impl Options {
    /// The defaults for a log of this incarnation.
    pub fn new(incarnation: [u8; 16], salt: [u8; 8]) -> Self {
        Self { incarnation, salt, segment_bytes_max: 64 << 20, known_durable: 0 }
    }
}

/// What was found when a log was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// First index that is there: above 0 once segments were removed.
    pub first: u64,
    /// The index that the next record gets.
    pub next: u64,
    /// Incarnation of the last segment.
    pub incarnation: [u8; 16],
    /// Segments in the log.
    pub segments: usize,
    /// Every record below was durable for certain. Those from here to `next` are whole; they were written last.
    pub mark: u64,
    /// What was cut, or for a reader alone: would be. At most one thing, since a segment is made only when all before it
    /// is whole.
    pub torn: Option<TornTail>,
}

/// Bytes behind the last whole record that were never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The last segment.
    pub file: PathBuf,
    /// Where it ends now; 0 if it had no whole header and was removed.
    pub offset: u64,
    /// How many bytes there were behind.
    pub bytes: u64,
    /// What was wrong with the first of them.
    pub fault: Fault,
}

/// Why a log was not opened. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process, or another part of this one, has it open.
    #[error("{} is in use by another process", dir.display())]
    Locked {
        /// The directory of the log.
        dir: PathBuf,
    },
    /// A record that was durable cannot be read.
    #[error("{0}; it was durable, so that the log does not go on without it: restore the file from a backup")]
    Damaged(Damage),
    /// There is no segment: only [`Log::open`] makes one.
    #[error("{} holds no segment", dir.display())]
    Empty {
        /// The directory of the log.
        dir: PathBuf,
    },
    /// The disk did not do what was asked.
    #[error("cannot {operation} {}", file.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file or directory.
        file: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl Log {
    /// Opens the log in `dir`, or makes a new one that starts with record 0.
    ///
    /// Every record in it is durable when this returns, and what was torn is cut. The last segment is read whole, of
    /// the others only the headers: damage there shows when they are read.
    ///
    /// Takes the time of one pass over the last segment (one more where something behind a damage is searched), and of
    /// the last group once more, which is written again. Memory: about 100 bytes for each segment, a block of 1 MiB or
    /// the largest record, 16 bytes for each 16 KiB of the last segment and for each record of the last group.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<(Self, Recovery), Error> {
        disk.create_dir(dir).map_err(io_error("create", dir))?;
        let lock_path = dir.join(LOCK);
        let lock = disk.lock(&lock_path).map_err(io_error("lock", &lock_path))?;
        let lock = lock.ok_or_else(|| Error::Locked { dir: dir.to_owned() })?;
        let found = find(disk, dir, options.known_durable, Access::Write)?;
        let last = found.settle(&options)?;
        let recovery = last.recovery(&found.segments, found.unfinished);
        found.segments.durable.send_replace(last.tail.next);
        let log = Self {
            segments: Arc::new(found.segments),
            options: Options { incarnation: last.segment.incarnation, ..options },
            active: last.known,
            file: last.file,
            end: last.tail.end,
            next: last.tail.next,
            buffer: Vec::new(),
            failed: None,
            _lock: lock,
        };
        Ok((log, recovery))
    }
}

impl Reader {
    /// Reads a log without its lock, while another process may write to it: all whole records that are there now.
    /// Changes nothing.
    ///
    /// Those below [`Recovery::mark`] are durable for certain; what was written last the writer may still take back.
    pub fn open(disk: &Arc<dyn Disk>, dir: &Path, known_durable: u64) -> Result<(Self, Recovery), Error> {
        /// A writer can finish a frame, and the one that says it was synced, between two looks at them.
        const LOOKS: usize = 3;
        let mut outcome = find(Arc::clone(disk), dir, known_durable, Access::Read);
        for _ in 1..LOOKS {
            match &outcome {
                Err(Error::Damaged(_)) => {}
                // Removed since it was listed.
                Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
                _ => break,
            }
            outcome = find(Arc::clone(disk), dir, known_durable, Access::Read);
        }
        let found = outcome?;
        let last = found.last.ok_or_else(|| Error::Empty { dir: dir.to_owned() })?;
        let recovery = last.recovery(&found.segments, found.unfinished);
        found.segments.durable.send_replace(last.tail.next);
        Ok((Self::new(Arc::new(found.segments)), recovery))
    }
}

/// What lies in the directory.
struct Found {
    segments: Segments,
    last: Option<Last>,
    /// First index and bytes of a segment that a crash left without a whole header, and so without records.
    unfinished: Option<(u64, u64)>,
}

/// The segment that is written to.
#[derive(Clone)]
struct Last {
    segment: Segment,
    known: Arc<Known>,
    file: Arc<dyn File>,
    tail: Tail,
}

fn find(disk: Arc<dyn Disk>, dir: &Path, known_durable: u64, access: Access) -> Result<Found, Error> {
    let Headers { segments, last, unfinished } = headers(disk, dir, access)?;
    // A segment is made only after all before it was synced.
    let unfinished_first = unfinished.map_or(0, |(first, _)| first);
    let known_durable = known_durable.max(unfinished_first);
    let Some((segment, known, file)) = last else {
        let first = unfinished_first;
        if known_durable > first {
            return Err(Error::Damaged(missing(&segments, first)));
        }
        return Ok(Found { segments, last: None, unfinished });
    };
    let path = segments.path(known.first);
    let tail = recover::tail(&file, &known, known_durable, |index, at| {
        known.note(index, at);
    })
    .map_err(io_error("read", &path))?;
    if let Some((index, offset, fault)) = tail.damage {
        if unfinished.is_some_and(|(first, _)| first == index) {
            // All before it is whole: what is missing was in the file that has no header.
            return Err(Error::Damaged(missing(&segments, index)));
        }
        return Err(Error::Damaged(Damage { index, file: path, offset, fault }));
    }
    Ok(Found { segments, last: Some(Last { segment, known, file, tail }), unfinished })
}

/// The segments in the directory, by their headers.
pub(crate) struct Headers {
    pub(crate) segments: Segments,
    pub(crate) last: Option<(Segment, Arc<Known>, Arc<dyn File>)>,
    /// See [`Found::unfinished`].
    pub(crate) unfinished: Option<(u64, u64)>,
}

pub(crate) fn headers(disk: Arc<dyn Disk>, dir: &Path, access: Access) -> Result<Headers, Error> {
    let names = disk.list(dir).map_err(io_error("list", dir))?;
    let mut holes = damaged::read(disk.as_ref(), dir).map_err(io_error("read", &dir.join(damaged::NAME)))?;
    let mut firsts: Vec<_> = names.iter().filter_map(|name| segment::first_of(name)).collect();
    firsts.sort_unstable();
    let segments = Segments::new(disk, dir.to_owned(), 0);
    let mut last = None;
    let mut unfinished = None;
    for (at, first) in firsts.iter().copied().enumerate() {
        let path = segments.path(first);
        let file = segments.disk.open(&path, access).map_err(io_error("open", &path))?;
        let mut header = [0; segment::HEADER_BYTES];
        file.read_at(&mut header, 0).map_err(io_error("read", &path))?;
        if let Some(segment) = Segment::parse(&header, first) {
            let of_segment = holes.extract_if(.., |_, hole| hole.segment == first).collect();
            let known = Arc::new(Known::with_holes(&segment, of_segment));
            segments.add(Arc::clone(&known));
            last = Some((segment, known, file));
            continue;
        }
        let bytes = file.bytes().map_err(io_error("read", &path))?;
        if at + 1 == firsts.len() && bytes <= segment::HEADER_BYTES as u64 {
            unfinished = Some((first, bytes));
        } else {
            return Err(Error::Damaged(Damage {
                index: first,
                file: path,
                offset: 0,
                fault: Fault::Segment,
            }));
        }
    }
    Ok(Headers { segments, last, unfinished })
}

impl Found {
    /// Makes what was found durable: cuts what is torn and writes the unacknowledged tail once more.
    fn settle(&self, options: &Options) -> Result<Last, Error> {
        let dir = &self.segments.dir;
        if let Some((first, _)) = self.unfinished {
            let path = self.segments.path(first);
            self.segments.disk.remove(&path).map_err(io_error("remove", &path))?;
        }
        let Some(last) = &self.last else {
            return self.create(options);
        };
        let path = self.segments.path(last.known.first);
        // Twice, even if nothing is torn: the process before may have cut the file and failed to sync that. Only a
        // change makes the sync that follows true; a longer file takes no space.
        last.file.truncate(last.tail.end + 1).map_err(io_error("truncate", &path))?;
        last.file.truncate(last.tail.end).map_err(io_error("truncate", &path))?;
        last.rewrite_tail().map_err(io_error("write", &path))?;
        last.file.sync_data().map_err(io_error("sync", &path))?;
        self.segments.disk.sync_dir(dir).map_err(io_error("sync", dir))?;
        Ok(last.clone())
    }

    fn create(&self, options: &Options) -> Result<Last, Error> {
        let first = self.unfinished.map_or(0, |(first, _)| first);
        let segment = Segment { incarnation: options.incarnation, first, salt: options.salt };
        let file = self.segments.create(&segment).map_err(|trouble| Error::Io {
            operation: trouble.operation,
            file: trouble.file,
            source: trouble.source,
        })?;
        let known = Arc::new(Known::new(&segment));
        self.segments.add(Arc::clone(&known));
        Ok(Last { segment, known, file, tail: Tail::empty(first) })
    }
}

impl Last {
    /// Writes what is not known to be durable once more, as it is. After a failed sync the page cache can hold, and
    /// call clean, what the disk never got: only a new write makes the sync that follows true.
    fn rewrite_tail(&self) -> io::Result<()> {
        let mut offset = self.tail.unsynced_from;
        let mut block = Vec::new();
        while offset < self.tail.end {
            let bytes = usize::try_from(self.tail.end - offset).unwrap_or(usize::MAX).min(REWRITE_BYTES);
            block.resize(bytes, 0);
            if self.file.read_at(&mut block, offset)? < bytes {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.file.write_at(&block, offset)?;
            offset += bytes as u64;
        }
        Ok(())
    }

    fn recovery(&self, segments: &Segments, unfinished: Option<(u64, u64)>) -> Recovery {
        let torn = if let Some((bytes, fault)) = self.tail.torn {
            Some(TornTail { file: segments.path(self.known.first), offset: self.tail.end, bytes, fault })
        } else {
            unfinished.map(|(first, bytes)| TornTail {
                file: segments.path(first),
                offset: 0,
                bytes,
                fault: Fault::Segment,
            })
        };
        Recovery {
            first: segments.first(),
            next: self.tail.next,
            incarnation: self.segment.incarnation,
            segments: segments.firsts().len(),
            mark: self.tail.mark.min(self.tail.next),
            torn,
        }
    }
}

fn missing(segments: &Segments, index: u64) -> Damage {
    let fault = Fault::Short { missing: segment::HEADER_BYTES as u64 };
    Damage { index, file: segments.path(index), offset: 0, fault }
}

pub(crate) fn io_error(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Error {
    let file = file.to_owned();
    move |source| Error::Io { operation, file, source }
}
