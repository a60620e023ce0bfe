//! Reads records below the durable mark, from any thread, while the log is written to.
//!
//! Every record is checked before it is handed out. Reading blocks; the disk's cache usually answers. A record is found
//! without an index and without reading its segment: frames say which record they hold, so that a segment can be halved.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use crate::disk::File;
use crate::frame::{self, Fault, HEADER_BYTES, Header};
use crate::frames::{Frame, Frames, Problem, Whole};
use crate::locate::{self, Place};
use crate::record::{Damage, Entry, Listed, Location, Record};
use crate::segments::{Known, Segments};

/// Reads a log. Clones are cheap.
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
    /// The record is damaged, and listed as such: this is what lies there. A scan goes on behind it.
    #[error("record {} is damaged, and listed as such", .0.index)]
    Listed(Box<Listed>),
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

    /// Reads one record. In a segment of 64 MiB it is found by some 50 KiB of reads, in the last few segments by less.
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
        let first = location.segment;
        let Some(known) = self.segments.starting_at(first) else {
            return Err(Error::Removed { index: first, first: self.first() });
        };
        let path = self.segments.path(first);
        let file = self.file(&known)?;
        let length = (location.length as usize).min(HEADER_BYTES + frame::RECORD_BYTES_MAX);
        let mut bytes = vec![0; length];
        let read = file.read_at(&mut bytes, location.offset).map_err(io_error(&path))?;
        bytes.truncate(read);
        match checked(&bytes, location, known.seed) {
            Ok(header) => Ok(frame::record(&header, Bytes::from(bytes).slice(HEADER_BYTES..))),
            Err(fault) => {
                let named = locate::name(&known, file.as_ref(), location.offset, fault);
                let (index, offset, fault) = named.map_err(io_error(&path))?;
                Err(Damage { index, file: path, offset, fault }.into())
            }
        }
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
        let found = locate::record(&known, file.as_ref(), index).map_err(io_error(&path))?;
        let offset = match found {
            Place::At(offset) => offset,
            // A header on the way makes no sense; the frames before it tell which record is damaged.
            Place::Behind(near, near_offset) => {
                let mut frames = Frames::new(Arc::clone(&file), Arc::clone(&known), near, near_offset);
                while frames.index() < index {
                    match self.take(&mut frames) {
                        Ok(_) | Err(Error::Listed(_)) => {}
                        Err(error) => return Err(error),
                    }
                }
                frames.offset()
            }
        };
        Ok(Frames::new(file, known, index, offset))
    }

    /// The next record of `frames`, which is known to be durable.
    fn take(&self, frames: &mut Frames) -> Result<Entry, Error> {
        let (index, offset) = (frames.index(), frames.offset());
        let segment = self.segments.holding(index).map_or(index, |known| known.first);
        let damage = |fault| Damage { index, file: self.segments.path(segment), offset, fault };
        match frames.next() {
            Ok(Some(Frame::Whole(Whole { header, payload, .. }))) => {
                let length = u32::try_from(header.frame_bytes()).unwrap_or(u32::MAX);
                let location = Location { segment, offset, length, crc: header.crc };
                let record = frame::record(&header, Bytes::copy_from_slice(payload));
                Ok(Entry { index, location, record })
            }
            Ok(Some(Frame::Listed(hole, payload))) => {
                let mut leaf = Bytes::copy_from_slice(payload);
                let leaf_bytes = hole.leaf_bytes.map_or(0, |bytes| bytes as usize);
                let body = leaf.split_off(leaf_bytes.min(leaf.len()));
                Err(Error::Listed(Box::new(Listed { index, leaf, body, note: hole.note })))
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

/// The header of the one frame in `bytes`, if it is whole and the one that was written there.
fn checked(bytes: &[u8], location: &Location, seed: u32) -> Result<Header, Fault> {
    let Some((chunk, payload)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(Fault::Short { missing: (HEADER_BYTES - bytes.len()) as u64 });
    };
    let header = Header::parse(chunk)?;
    if header.crc != location.crc {
        return Err(Fault::Checksum { found: header.crc, expected: location.crc });
    }
    if header.frame_bytes() != bytes.len() {
        return Err(Fault::Short { missing: header.frame_bytes().abs_diff(bytes.len()) as u64 });
    }
    frame::verify(seed, chunk, payload)?;
    Ok(header)
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
        let taken = self.reader.take(&mut frames);
        if let Ok(_) | Err(Error::Listed(_)) = taken {
            self.next += 1;
            self.frames = Some(frames);
        }
        taken
    }
}

impl Iterator for Scan {
    type Item = Result<Entry, Error>;

    /// After an error the scan stays where it is, but for a record that is listed as damaged.
    fn next(&mut self) -> Option<Self::Item> {
        (self.next < self.reader.durable()).then(|| self.read())
    }
}

fn io_error(file: &Path) -> impl FnOnce(io::Error) -> Error {
    let file = file.to_owned();
    move |source| Error::Io { file, source }
}
