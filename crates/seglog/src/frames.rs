//! Reads the frames of one segment in order, in blocks, each checked before it is handed out.
//!
//! A writer may append while this reads. A block can then hold half a frame that is whole by the time its turn
//! comes, so what looks damaged is read once more from the file before it is called so.

use std::io;
use std::sync::Arc;

use crate::damaged::Hole;
use crate::disk::File;
use crate::frame::{self, Fault, HEADER_BYTES, Header};
use crate::segments::Known;

/// How much is read at first; each further block is twice as large. A larger frame is read whole.
const BLOCK_BYTES_MIN: usize = 4 << 10;
const BLOCK_BYTES_MAX: usize = 256 << 10;

pub(crate) struct Frames {
    file: Arc<dyn File>,
    known: Arc<Known>,
    index: u64,
    offset: u64,
    /// Never made smaller, so that it is not filled with zeros again and again.
    block: Vec<u8>,
    /// How much of the block was read.
    filled: usize,
    /// Where in the file the block starts.
    block_offset: u64,
    /// How much is read next.
    block_bytes: usize,
}

/// Why the next frame could not be had.
pub(crate) enum Problem {
    Io(io::Error),
    Fault(Fault),
}

/// A frame whose checksum is right, or one that is listed as damaged.
pub(crate) enum Frame<'a> {
    Whole(Whole<'a>),
    /// What lies there: leaf and body, as far as they can be told apart.
    Listed(Hole, &'a [u8]),
}

/// A frame whose checksum is right.
pub(crate) struct Whole<'a> {
    pub(crate) header: Header,
    pub(crate) offset: u64,
    pub(crate) payload: &'a [u8],
}

impl Frames {
    /// Starts with record `index`, whose frame is at `offset`.
    pub(crate) fn new(file: Arc<dyn File>, known: Arc<Known>, index: u64, offset: u64) -> Self {
        Self {
            file,
            known,
            index,
            offset,
            block: Vec::new(),
            filled: 0,
            block_offset: offset,
            block_bytes: BLOCK_BYTES_MIN,
        }
    }

    /// The record whose turn it is.
    pub(crate) fn index(&self) -> u64 {
        self.index
    }

    /// Where its frame starts.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next frame; `None` where the file ends after the last one. After a problem the place stays the same.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>, Problem> {
        let outcome = match self.check() {
            Err(Problem::Fault(_)) => {
                self.filled = 0;
                self.check()
            }
            outcome => outcome,
        };
        let header = match outcome {
            Ok(Some(header)) => header,
            Ok(None) | Err(Problem::Fault(_)) => {
                let listed = self.known.hole(self.index, self.offset).cloned();
                return match listed {
                    Some(hole) => self.pass(hole).map(Some),
                    None => outcome.map(|_| None),
                };
            }
            Err(problem) => return Err(problem),
        };
        let offset = self.offset;
        let start = self.in_block() + HEADER_BYTES;
        self.index += 1;
        self.offset += header.frame_bytes() as u64;
        let payload = &self.block[start..start + header.payload_bytes()];
        Ok(Some(Frame::Whole(Whole { header, offset, payload })))
    }

    /// Passes over a frame that is listed as damaged. Of one whose parts cannot be told apart nothing is read.
    fn pass(&mut self, hole: Hole) -> Result<Frame<'_>, Problem> {
        let length = usize::try_from(hole.length).unwrap_or(usize::MAX);
        let readable = hole.leaf_bytes.is_some() && length <= HEADER_BYTES + frame::RECORD_BYTES_MAX;
        let wanted = if readable { length } else { 0 };
        let available = self.fill(wanted)?;
        if available < wanted {
            return Err(Problem::Fault(Fault::Short { missing: (wanted - available) as u64 }));
        }
        let (start, end) = (self.in_block(), self.in_block() + wanted);
        self.index += 1;
        self.offset += hole.length;
        let bytes = &self.block[start..end];
        Ok(Frame::Listed(hole, bytes.get(HEADER_BYTES..).unwrap_or_default()))
    }

    /// Has the next frame in the block and checks it.
    fn check(&mut self) -> Result<Option<Header>, Problem> {
        let available = self.fill(HEADER_BYTES)?;
        let Some(bytes) = self.block[self.in_block()..self.filled].first_chunk::<HEADER_BYTES>().copied()
        else {
            let missing = (HEADER_BYTES - available) as u64;
            return if available == 0 { Ok(None) } else { Err(Problem::Fault(Fault::Short { missing })) };
        };
        let header = Header::parse(&bytes).map_err(Problem::Fault)?;
        if header.index != self.index {
            return Err(Problem::Fault(Fault::Index { found: header.index }));
        }
        let available = self.fill(header.frame_bytes())?;
        if available < header.frame_bytes() {
            let missing = (header.frame_bytes() - available) as u64;
            return Err(Problem::Fault(Fault::Short { missing }));
        }
        let start = self.in_block();
        let payload = &self.block[start + HEADER_BYTES..start + header.frame_bytes()];
        frame::verify(self.known.seed, &bytes, payload).map_err(Problem::Fault)?;
        Ok(Some(header))
    }

    /// Has at least `wanted` bytes from the current offset in the block, or all up to the end of the file; returns
    /// how many there are.
    fn fill(&mut self, wanted: usize) -> Result<usize, Problem> {
        let start = self.in_block();
        let held = self.filled - start;
        if held >= wanted {
            return Ok(held);
        }
        let bytes = wanted.max(self.block_bytes);
        self.block_bytes = (self.block_bytes * 2).min(BLOCK_BYTES_MAX);
        if self.block.len() < bytes {
            let mut larger = vec![0; bytes];
            larger[..held].copy_from_slice(&self.block[start..self.filled]);
            self.block = larger;
        } else {
            self.block.copy_within(start..self.filled, 0);
        }
        (self.block_offset, self.filled) = (self.offset, held);
        let from = self.offset + held as u64;
        self.filled += self.file.read_at(&mut self.block[held..bytes], from).map_err(Problem::Io)?;
        Ok(self.filled)
    }

    /// Where in the block the current offset is.
    fn in_block(&self) -> usize {
        usize::try_from(self.offset - self.block_offset).unwrap_or(usize::MAX).min(self.filled)
    }
}
