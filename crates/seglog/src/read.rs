//! Reads records below the durable mark, from any thread, while the log is written to.
//!
//! Every record is checked before it is handed out. Reading blocks; the disk's cache usually answers.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::disk::File;
use crate::frame::{self, Fault, HEADER_BYTES, Header};
use crate::frames::{Frames, Problem};
use crate::record::{Damage, Entry, Location, Record};
use crate::segments::{Known, Segments};

/// Reads a log. Clones are cheap and share what they learn of where records lie.
#[derive(Clone)]
pub struct Reader {
    segments: Arc<Segments>,
}

/// Why a record was not read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The record cannot be read as it was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// Its segment was removed.
    #[error("record {index} was removed; the log starts with {first}")]
    Removed {
        /// The record asked for.
        index: u64,
        /// The first one that is left.
        first: u64,
    },
    /// The record is not durable yet, if it exists at all.
    #[error("record {index} is not there; the log is durable up to {durable}")]
    Ahead {
        /// The record asked for.
        index: u64,
        /// Every record below this index can be read.
        durable: u64,
    },
    /// The disk did not give the bytes.
    #[error("cannot read {}", file.display())]
    Io {
        /// From which file.
        file: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl Reader {
    pub(crate) fn new(segments: Arc<Segments>) -> Self {
        Self { segments }
    }

    /// First index that is still there.
    pub fn first(&self) -> u64 {
        self.segments.first()
    }

    /// Every record below this index can be read.
    pub fn durable(&self) -> u64 {
        *self.segments.durable.borrow()
    }

    /// The incarnations under which the log was written, each with the index of its first record (or of the next one,
    /// if it has none yet), in their order.
    pub fn incarnations(&self) -> Vec<(u64, [u8; 16])> {
        let mut runs = self.segments.incarnations();
        runs.dedup_by_key(|(_, incarnation)| *incarnation);
        runs
    }

    /// Tells when more can be read. Of a reader that was opened by itself, it never changes.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.segments.durable.subscribe()
    }

    /// Reads one record.
    pub fn get(&self, index: u64) -> Result<Entry, Error> {
        let mut frames = self.frames_from(index)?;
        self.take(&mut frames)
    }

    /// Reads the records from `index` on, in order, in bounded memory.
    pub fn scan(&self, index: u64) -> Scan {
        Scan { reader: self.clone(), next: index, frames: None }
    }

    /// Reads the record whose place is known.
    pub fn read_at(&self, location: &Location) -> Result<Record, Error> {
        let (first, offset) = (location.segment, location.offset);
        let Some(known) = self.segments.starting_at(first) else {
            return Err(Error::Removed { index: first, first: self.first() });
        };
        let path = self.segments.path(first);
        let file = self.file(&known)?;
        let length = (location.length as usize).min(HEADER_BYTES + frame::RECORD_BYTES_MAX);
        let mut bytes = vec![0; length];
        let read = file.read_at(&mut bytes, offset).map_err(io_error(&path))?;
        bytes.truncate(read);
        let short = |missing: usize| Fault::Short { missing: missing as u64 };
        let (index, parsed) = match bytes.first_chunk::<HEADER_BYTES>() {
            None => (first, Err(short(HEADER_BYTES - read))),
            Some(chunk) => match Header::parse(chunk) {
                Err(fault) => (first, Err(fault)),
                Ok(header) if header.frame_bytes() != bytes.len() => {
                    (header.index, Err(short(header.frame_bytes().abs_diff(bytes.len()))))
                }
                Ok(header) if header.crc != location.crc => {
                    (header.index, Err(Fault::Checksum { found: header.crc, expected: location.crc }))
                }
                Ok(header) => {
                    let verified = frame::verify(known.seed, chunk, &bytes[HEADER_BYTES..]);
                    (header.index, verified.map(|()| header))
                }
            },
        };
        let header = parsed.map_err(|fault| Damage { index, file: path, offset, fault })?;
        Ok(frame::record(&header, Bytes::from(bytes).slice(HEADER_BYTES..)))
    }

    /// Frames that start with record `index`.
    fn frames_from(&self, index: u64) -> Result<Frames, Error> {
        let durable = self.durable();
        if index >= durable {
            return Err(Error::Ahead { index, durable });
        }
        let Some(known) = self.segments.holding(index) else {
            return Err(Error::Removed { index, first: self.first() });
        };
        let file = self.file(&known)?;
        let path = self.segments.path(known.first);
        let (near, near_offset) = known.nearest(index);
        let found = walk(&known, file.as_ref(), (near, near_offset), index).map_err(io_error(&path))?;
        let offset = if let Some(offset) = found {
            offset
        } else {
            // A header on the way makes no sense; the frames before it tell which record is damaged.
            let mut frames = Frames::new(Arc::clone(&file), known.seed, near, near_offset);
            while frames.index() < index {
                self.take(&mut frames)?;
            }
            frames.offset()
        };
        Ok(Frames::new(file, known.seed, index, offset))
    }

    /// The next record of `frames`, which is known to be durable.
    fn take(&self, frames: &mut Frames) -> Result<Entry, Error> {
        let (index, offset) = (frames.index(), frames.offset());
        let segment = self.segments.holding(index).map_or(index, |known| known.first);
        let damage = |fault| Damage { index, file: self.segments.path(segment), offset, fault };
        match frames.next() {
            Ok(Some(frame)) => {
                let length = u32::try_from(frame.header.frame_bytes()).unwrap_or(u32::MAX);
                let location = Location { segment, offset, length, crc: frame.header.crc };
                let record = frame::record(&frame.header, Bytes::copy_from_slice(frame.payload));
                Ok(Entry { index, location, record })
            }
            Ok(None) => Err(damage(Fault::Short { missing: HEADER_BYTES as u64 }).into()),
            Err(Problem::Fault(fault)) => Err(damage(fault).into()),
            Err(Problem::Io(error)) => Err(io_error(&self.segments.path(segment))(error)),
        }
    }

    fn file(&self, known: &Known) -> Result<Arc<dyn File>, Error> {
        let first = known.first;
        self.segments.file(first).map_err(|error| {
            // A reader that does not write sees a segment vanish only by its file.
            if error.kind() == io::ErrorKind::NotFound {
                return Error::Removed { index: first, first: self.first() };
            }
            io_error(&self.segments.path(first))(error)
        })
    }
}

/// Follows the headers from a known place to that of record `index`; `None` when one of them makes no sense.
fn walk(known: &Known, file: &dyn File, from: (u64, u64), index: u64) -> io::Result<Option<u64>> {
    let (mut at, mut offset) = from;
    let mut bytes = [0; HEADER_BYTES];
    loop {
        if file.read_at(&mut bytes, offset)? < HEADER_BYTES {
            return Ok(None);
        }
        let Ok(header) = Header::parse(&bytes) else {
            return Ok(None);
        };
        if header.index != at {
            return Ok(None);
        }
        known.note(at, offset);
        if at == index {
            return Ok(Some(offset));
        }
        at += 1;
        offset += header.frame_bytes() as u64;
    }
}

/// The records of a log in order, as far as they are durable. Ends there, and goes on when asked again later.
pub struct Scan {
    reader: Reader,
    next: u64,
    frames: Option<Frames>,
}

impl Scan {
    /// The index that is read next.
    pub fn position(&self) -> u64 {
        self.next
    }

    fn read(&mut self) -> Result<Entry, Error> {
        if self.reader.segments.starting_at(self.next).is_some() {
            self.frames = None;
        }
        let mut frames = match self.frames.take() {
            Some(frames) => frames,
            None => self.reader.frames_from(self.next)?,
        };
        let entry = self.reader.take(&mut frames)?;
        self.next += 1;
        self.frames = Some(frames);
        Ok(entry)
    }
}

impl Iterator for Scan {
    type Item = Result<Entry, Error>;

    /// After an error the scan stays where it is.
    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.reader.durable()).then(|| self.read())
    }
}

fn io_error(file: &Path) -> impl FnOnce(io::Error) -> Error {
    let file = file.to_owned();
    move |source| Error::Io { file, source }
}
