//! The writing side: one thread's business. What many callers share is [`crate::Writer`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::append::{Error, Fatal};
use crate::disk::{File, Lock, is_full};
use crate::frame::{self, RECORD_BYTES_MAX};
use crate::record::{Location, Record};
use crate::segment::{self, Segment};
use crate::segments::{Known, Segments, Trouble};
use crate::{Options, Reader};

/// What the buffer of one write may keep when it is not in use.
const BUFFER_KEPT_BYTES: usize = 1 << 20;

/// An open log, locked against every other process. See [`Log::open`].
pub struct Log {
    pub(crate) segments: Arc<Segments>,
    pub(crate) options: Options,
    /// The segment that is written to, and its file.
    pub(crate) active: Arc<Known>,
    pub(crate) file: Arc<dyn File>,
    /// Where in it the next frame goes.
    pub(crate) end: u64,
    /// The index that the next record gets.
    pub(crate) next: u64,
    pub(crate) buffer: Vec<u8>,
    /// Set once, by the first failure that is final.
    pub(crate) failed: Option<Fatal>,
    pub(crate) _lock: Box<dyn Lock>,
}

impl Log {
    /// The index that the next record gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Every record below this index is durable.
    pub fn durable(&self) -> u64 {
        *self.segments.durable.borrow()
    }

    /// The directory of the log.
    pub fn dir(&self) -> &Path {
        &self.segments.dir
    }

    /// Reads what is durable, from any thread.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.segments))
    }

    /// Writes the records with one write, all or none. They are durable after [`Log::sync`], and may be found after a
    /// crash before that.
    pub fn append<'a, I>(&mut self, records: I) -> Result<Vec<Location>, Error>
    where
        I: IntoIterator<Item = &'a Record>,
        I::IntoIter: Clone,
    {
        self.usable()?;
        let records = records.into_iter();
        let mut total = 0;
        for record in records.clone() {
            let bytes = record.leaf.len() + record.body.len();
            if bytes > RECORD_BYTES_MAX {
                return Err(Error::record_too_large(bytes));
            }
            total += frame::bytes_of(record) as u64;
        }
        if total == 0 {
            return Ok(Vec::new());
        }
        if self.end > segment::HEADER_BYTES as u64 && self.end + total > self.options.segment_bytes_max {
            self.rotate(self.options.incarnation, total)?;
        }
        let locations = self.encode(records);
        let written = self.file.write_at(&self.buffer, self.end);
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT_BYTES);
        match written {
            Ok(()) => {
                for (index, location) in (self.next..).zip(&locations) {
                    self.active.note(index, location.offset);
                }
                self.next += locations.len() as u64;
                self.end += total;
                Ok(locations)
            }
            Err(error) if is_full(&error) => Err(self.take_back(total)?),
            Err(error) => Err(self.fail("write", self.active_path(), error).into()),
        }
    }

    /// Makes everything appended so far durable and returns the new durable mark.
    pub fn sync(&mut self) -> Result<u64, Fatal> {
        self.usable()?;
        if self.durable() < self.next {
            self.file.sync_data().map_err(|error| self.fail("sync", self.active_path(), error))?;
            self.segments.durable.send_replace(self.next);
        }
        Ok(self.next)
    }

    /// From the next record on, everything is written under a new incarnation, in a segment of its own. For a log that
    /// was restored from an older copy.
    pub fn begin_incarnation(&mut self, incarnation: [u8; 16]) -> Result<(), Error> {
        self.usable()?;
        if self.end > segment::HEADER_BYTES as u64 {
            self.rotate(incarnation, 0)?;
            self.options.incarnation = incarnation;
            return Ok(());
        }
        // The segment is still empty: only its header changes. Should that be torn, open makes the segment anew.
        let segment = Segment { incarnation, first: self.active.first, salt: self.options.salt };
        let path = self.active_path();
        self.file.write_at(&segment.encode(), 0).map_err(|error| self.fail("write", path.clone(), error))?;
        self.file.sync_data().map_err(|error| self.fail("sync", path, error))?;
        self.options.incarnation = incarnation;
        self.active = Arc::new(Known::new(&segment));
        self.segments.add(Arc::clone(&self.active));
        Ok(())
    }

    /// Deletes every segment that holds nothing but durable records below `index`, oldest first, and returns the
    /// first index that is left. The last segment always stays.
    pub fn remove_segments_below(&mut self, index: u64) -> Result<u64, Fatal> {
        self.usable()?;
        let firsts = self.segments.firsts();
        let settled = index.min(self.durable());
        for pair in firsts.windows(2).take_while(|pair| pair[1] <= settled) {
            self.remove(pair[0])?;
        }
        Ok(self.segments.first())
    }

    /// The frames of the records, in the buffer, as they will lie in the active segment.
    fn encode<'a>(&mut self, records: impl Iterator<Item = &'a Record>) -> Vec<Location> {
        let (durable, segment) = (self.durable(), self.active.first);
        let mut locations = Vec::new();
        for (index, record) in (self.next..).zip(records) {
            let start = self.buffer.len();
            let crc = frame::encode(self.active.seed, index, durable, record, &mut self.buffer);
            let length = u32::try_from(self.buffer.len() - start).unwrap_or(u32::MAX);
            locations.push(Location { segment, offset: self.end + start as u64, length, crc });
        }
        locations
    }

    /// Cuts away what a full disk took of the last write. Synced, since otherwise a crash could bring back records
    /// whose append was refused.
    fn take_back(&mut self, bytes: u64) -> Result<Error, Fatal> {
        self.file.truncate(self.end).map_err(|error| self.fail("truncate", self.active_path(), error))?;
        self.file.sync_data().map_err(|error| self.fail("sync", self.active_path(), error))?;
        self.segments.durable.send_replace(self.next);
        Ok(self.no_space(bytes))
    }

    /// Goes on in a new segment; the old one is synced whole before the new one is made.
    fn rotate(&mut self, incarnation: [u8; 16], bytes: u64) -> Result<(), Error> {
        self.sync()?;
        self.start_segment(incarnation, bytes)
    }

    /// Goes on in a new segment that starts with the next record.
    fn start_segment(&mut self, incarnation: [u8; 16], bytes: u64) -> Result<(), Error> {
        let segment = Segment { incarnation, first: self.next, salt: self.options.salt };
        self.file = match self.segments.create(&segment) {
            Ok(file) => file,
            Err(Trouble { operation: "create", source, .. }) if is_full(&source) => {
                return Err(self.no_space(bytes));
            }
            Err(Trouble { operation: "write", source, .. }) if is_full(&source) => {
                self.remove(segment.first)?;
                return Err(self.no_space(bytes));
            }
            Err(Trouble { operation, file, source }) => {
                return Err(self.fail(operation, file, source).into());
            }
        };
        self.active = Arc::new(Known::new(&segment));
        self.segments.add(Arc::clone(&self.active));
        self.end = segment::HEADER_BYTES as u64;
        Ok(())
    }

    fn remove(&mut self, first: u64) -> Result<(), Fatal> {
        let path = self.segments.path(first);
        self.segments.disk.remove(&path).map_err(|error| self.fail("remove", path, error))?;
        self.segments.forget(first);
        self.sync_dir()
    }

    fn sync_dir(&mut self) -> Result<(), Fatal> {
        let synced = self.segments.disk.sync_dir(&self.segments.dir);
        synced.map_err(|error| self.fail("sync", self.segments.dir.clone(), error))
    }

    fn usable(&self) -> Result<(), Fatal> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn fail(&mut self, operation: &'static str, file: PathBuf, error: io::Error) -> Fatal {
        let fatal = Fatal { operation, file, source: Arc::new(error) };
        self.failed.get_or_insert(fatal).clone()
    }

    fn no_space(&self, bytes: u64) -> Error {
        Error::NoSpace { bytes, dir: self.segments.dir.clone() }
    }

    fn active_path(&self) -> PathBuf {
        self.segments.path(self.active.first)
    }
}
