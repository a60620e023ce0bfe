//! Takes a damaged log apart: which records cannot be read as they were written, and what lies in their place.
//!
//! Works below the durable mark alone; a torn tail is no damage, and the next [`crate::Log::open`] cuts it. A damaged
//! frame ends where the next whole one begins, of a later record: a checksum that no sender can forge says so. What
//! lies between is divided by the frames' own headers as far as they make sense. Nothing that is found here is
//! checked: whoever knows more than the log decides what it is, and lists it ([`crate::damaged`]).
//!
//! Never here: changing a segment. What is listed is all that is written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;

use crate::damaged::{self, Hole};
use crate::disk::{Access, Disk, File, Lock};
use crate::frame::{self, Fault, HEADER_BYTES, Header, RECORD_BYTES_MAX};
use crate::frames::{Frame, Frames, Problem, Whole};
use crate::marks::{self, Search};
use crate::open::{self, Headers, LOCK, headers, io_error};
use crate::segment;
use crate::segments::{Known, Segments};

/// More than so many damaged records are no matter of single frames.
const DAMAGED_MAX: usize = 1 << 16;
/// How much is searched for the next frame at once.
const BLOCK_BYTES: usize = 64 << 10;

/// A log that nobody else may open meanwhile.
pub struct Salvage {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segments: Segments,
    known_durable: u64,
    _lock: Box<dyn Lock>,
}

/// A damaged record.
#[derive(Clone, PartialEq, Eq)]
pub struct Damaged {
    /// Where it lies; with its note, if it is listed already.
    pub hole: Hole,
    /// What is wrong with it; `None` for one that is listed already.
    pub fault: Option<Fault>,
    /// All that lies behind its header: leaf and body, unchecked.
    pub payload: Bytes,
    /// How many bytes of that may be the leaf, the likeliest first. Empty where nothing is known.
    pub leaf_bytes: Vec<u32>,
}

/// A record that is met.
pub enum Met<'a> {
    /// As it was written.
    Whole {
        /// The record.
        index: u64,
        /// Its leaf.
        leaf: &'a [u8],
    },
    /// Not so.
    Damaged(Damaged),
}

/// Why a log cannot be taken apart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is in use, or its files do not even say which records they hold.
    #[error(transparent)]
    Open(#[from] open::Error),
    /// Its end is gone, which is no damage of single records.
    #[error(
        "the log ends at record {next}, but everything below {mark} was durable: restore the file from a backup"
    )]
    Ended {
        /// The first record that is missing.
        next: u64,
        /// Every record below was durable.
        mark: u64,
    },
    /// There is too much.
    #[error("more than {DAMAGED_MAX} records are damaged: restore the files from a backup")]
    TooMany,
    /// The disk did not do what was asked.
    #[error("cannot {operation} {}", file.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file.
        file: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
}

impl Salvage {
    /// Takes the lock of a log. Everything below `known_durable` is known to have been durable. Changes nothing.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, known_durable: u64) -> Result<Self, Error> {
        // Where no log is none is begun, not even by a lock.
        disk.list(dir).map_err(io_error("list", dir))?;
        let path = dir.join(LOCK);
        let lock = disk.lock(&path).map_err(io_error("lock", &path))?;
        let lock = lock.ok_or_else(|| open::Error::Locked { dir: dir.to_owned() })?;
        let Headers { segments, last, unfinished } = headers(Arc::clone(&disk), dir, Access::Read)?;
        if last.is_none() {
            return Err(open::Error::Empty { dir: dir.to_owned() }.into());
        }
        let known_durable = known_durable.max(unfinished.map_or(0, |(first, _)| first));
        Ok(Self { disk, dir: dir.to_owned(), segments, known_durable, _lock: lock })
    }

    /// The first record of every incarnation, ascending; that of the last one may not be written yet.
    pub fn beginnings(&self) -> Vec<u64> {
        let mut runs = self.segments.incarnations();
        runs.dedup_by_key(|(_, incarnation)| *incarnation);
        runs.into_iter().map(|(first, _)| first).collect()
    }

    /// Every damaged record below the durable mark, in order. Reads the whole log; `progress` is told how far it is.
    pub fn damaged(&self, progress: &mut dyn FnMut(u64)) -> Result<Vec<Damaged>, Error> {
        let mut found = Vec::new();
        self.survey(&mut |met| {
            match met {
                Met::Whole { index, .. } => progress(index + 1),
                Met::Damaged(_) if found.len() == DAMAGED_MAX => return Err(Error::TooMany),
                Met::Damaged(damaged) => found.push(damaged),
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Meets every record in order: those that are whole, and those below the durable mark that are not.
    pub fn survey(&self, meet: &mut dyn FnMut(Met<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let firsts = self.segments.firsts();
        for (at, first) in firsts.iter().enumerate() {
            let Some(known) = self.segments.starting_at(*first) else { continue };
            let path = self.segments.path(*first);
            let file = self.segments.file(*first).map_err(failed("open", &path))?;
            let survey = Survey { known, file, path, end: firsts.get(at + 1).copied() };
            survey.run(self.known_durable, meet)?;
        }
        Ok(())
    }

    /// Lists damaged records, with what is known of them. Durable when this returns.
    pub fn list(&self, holes: &[Hole]) -> Result<(), Error> {
        damaged::append(self.disk.as_ref(), &self.dir, holes)
            .map_err(failed("write", &self.dir.join(damaged::NAME)))
    }
}

/// One segment that is taken apart.
struct Survey {
    known: Arc<Known>,
    file: Arc<dyn File>,
    path: PathBuf,
    /// First index of the next segment; `None` for the last one.
    end: Option<u64>,
}

impl Survey {
    fn run(
        &self,
        known_durable: u64,
        meet: &mut dyn FnMut(Met<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (mut index, mut offset) = (self.known.first, segment::HEADER_BYTES as u64);
        let mut mark = known_durable.max(self.known.first);
        loop {
            let mut frames = Frames::new(Arc::clone(&self.file), Arc::clone(&self.known), index, offset);
            let fault = loop {
                if self.end == Some(frames.index()) {
                    return Ok(());
                }
                match frames.next() {
                    Ok(Some(Frame::Whole(Whole { header, payload, .. }))) => {
                        mark = mark.max(header.durable_mark);
                        let leaf = &payload[..header.leaf_bytes.min(payload.len())];
                        meet(Met::Whole { index: header.index, leaf })?;
                    }
                    Ok(Some(Frame::Listed(hole, payload))) => {
                        let leaf_bytes = hole.leaf_bytes.into_iter().collect();
                        let payload = Bytes::copy_from_slice(payload);
                        meet(Met::Damaged(Damaged { hole, fault: None, payload, leaf_bytes }))?;
                    }
                    Ok(None) => break None,
                    Err(Problem::Fault(fault)) => break Some(fault),
                    Err(Problem::Io(error)) => return Err(failed("read", &self.path)(error)),
                }
            };
            (index, offset) = (frames.index(), frames.offset());
            let read = failed("read", &self.path);
            let Some(region) = self.region(index, offset, fault, mark).map_err(read)? else { return Ok(()) };
            if offset == region.end && self.end.is_none() {
                return Err(Error::Ended { next: index, mark: region.next });
            }
            let fault = fault.unwrap_or(Fault::Short { missing: HEADER_BYTES as u64 });
            for damaged in self.divide(index, offset, region, fault).map_err(failed("read", &self.path))? {
                meet(Met::Damaged(damaged))?;
            }
            (index, offset) = (region.next, region.end);
        }
    }

    /// What is damaged from a place on; `None` where it is the end, torn or not.
    fn region(&self, index: u64, offset: u64, fault: Option<Fault>, mark: u64) -> io::Result<Option<Region>> {
        let end = self.file.bytes()?;
        let limit = match self.end {
            Some(next) => next,
            None if fault.is_some() => marks::highest(self.file.as_ref(), self.known.seed, offset + 1, mark)?,
            None => mark,
        };
        if index >= limit {
            return Ok(None);
        }
        let whole = self.next_whole(offset + 1, index, self.end.unwrap_or(u64::MAX))?;
        Ok(Some(whole.unwrap_or(Region { next: limit, end: end.max(offset) })))
    }

    /// The first whole frame of a later record that starts at or behind a place.
    fn next_whole(&self, from: u64, after: u64, below: u64) -> io::Result<Option<Region>> {
        let mut search = Search::new(self.file.as_ref(), self.known.seed, from)?;
        let mut block = vec![0; BLOCK_BYTES];
        let mut at = from;
        loop {
            let read = self.file.read_at(&mut block, at)?;
            for start in frame::starts(&block[..read]) {
                let Some(chunk) = block[start..].first_chunk::<HEADER_BYTES>() else { break };
                let Ok(header) = Header::parse(chunk) else { continue };
                let offset = at + start as u64;
                if header.index > after && header.index < below && search.is_whole(&header, chunk, offset)? {
                    return Ok(Some(Region { next: header.index, end: offset }));
                }
            }
            if read < block.len() {
                return Ok(None);
            }
            // A frame may start in the last bytes of this block.
            at += (read - HEADER_BYTES + 1) as u64;
        }
    }

    /// The records of a region, divided by their headers as far as these make sense; what is not divided belongs to
    /// the first of them.
    fn divide(&self, index: u64, offset: u64, region: Region, fault: Fault) -> io::Result<Vec<Damaged>> {
        let (mut index, mut offset) = (index, offset);
        let mut found = Vec::new();
        while index < region.next {
            let header = self.header(offset)?;
            let length = header.and_then(|header| {
                let end = offset + header.frame_bytes() as u64;
                let fits = if index + 1 == region.next { end == region.end } else { end <= region.end };
                (header.index == index && fits).then_some(header.frame_bytes() as u64)
            });
            let whole = length.unwrap_or(region.end - offset);
            let shared = length.is_none() && index + 1 < region.next;
            found.push(self.damaged_at(index, offset, whole, !shared, fault)?);
            (index, offset) = (index + 1, offset + whole);
        }
        Ok(found)
    }

    /// One damaged record; `is_own` when all that lies there is its own.
    fn damaged_at(
        &self,
        index: u64,
        offset: u64,
        length: u64,
        is_own: bool,
        fault: Fault,
    ) -> io::Result<Damaged> {
        let segment = self.known.first;
        let mut hole = Hole { index, segment, offset, length, leaf_bytes: None, note: Bytes::new() };
        let payload_bytes = usize::try_from(length).unwrap_or(usize::MAX).checked_sub(HEADER_BYTES);
        let payload_bytes = payload_bytes.filter(|bytes| is_own && *bytes <= RECORD_BYTES_MAX);
        let Some(payload_bytes) = payload_bytes else {
            return Ok(Damaged { hole, fault: Some(fault), payload: Bytes::new(), leaf_bytes: Vec::new() });
        };
        let mut bytes = vec![0; HEADER_BYTES + payload_bytes];
        let read = self.file.read_at(&mut bytes, offset)?;
        bytes.truncate(read);
        let lengths = bytes.first_chunk().map_or((usize::MAX, usize::MAX), Header::lengths);
        let by_body = payload_bytes.checked_sub(lengths.1).unwrap_or(usize::MAX);
        let mut leaf_bytes: Vec<u32> = [lengths.0, by_body]
            .into_iter()
            .filter(|bytes| *bytes <= payload_bytes)
            .filter_map(|bytes| u32::try_from(bytes).ok())
            .collect();
        leaf_bytes.dedup();
        hole.leaf_bytes = leaf_bytes.first().copied();
        let payload = Bytes::from(bytes).slice(HEADER_BYTES.min(read)..);
        Ok(Damaged { hole, fault: Some(fault), payload, leaf_bytes })
    }

    fn header(&self, offset: u64) -> io::Result<Option<Header>> {
        let mut chunk = [0; HEADER_BYTES];
        let whole = self.file.read_at(&mut chunk, offset)? == HEADER_BYTES;
        Ok(whole.then(|| Header::parse(&chunk).ok()).flatten())
    }
}

/// Damaged bytes: up to where, and which record comes behind them.
#[derive(Clone, Copy)]
struct Region {
    next: u64,
    end: u64,
}

fn failed(operation: &'static str, file: &Path) -> impl FnOnce(io::Error) -> Error {
    let file = file.to_owned();
    move |source| Error::Io { operation, file, source }
}
