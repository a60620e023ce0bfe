//! Finds out where a segment ends after a crash, and whether what is damaged was ever durable. Changes nothing.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::disk::File;
use crate::frame::{self, Fault, HEADER_BYTES, Header};
use crate::frames::{Frames, Problem};
use crate::segment;

/// How much is searched at once for frames behind a damage.
const SEARCH_BYTES: usize = 1 << 20;

/// The last segment, as far as it is whole.
#[derive(Clone)]
pub(crate) struct Tail {
    /// Index after the last whole record.
    pub(crate) next: u64,
    /// Where the last whole frame ends.
    pub(crate) end: u64,
    /// The highest index that any frame says was synced.
    pub(crate) mark: u64,
    /// Where the first record at or above the mark starts.
    pub(crate) unsynced_from: Option<u64>,
    /// What lies behind the end, and what is wrong with it.
    pub(crate) torn: Option<(u64, Fault)>,
    /// The first damage below the mark: index, offset, fault.
    pub(crate) damage: Option<(u64, u64, Fault)>,
}

impl Tail {
    /// Of a segment that was just made.
    pub(crate) fn empty(first: u64) -> Self {
        let end = segment::HEADER_BYTES as u64;
        Self { next: first, end, mark: first, unsynced_from: None, torn: None, damage: None }
    }
}

/// Reads the whole segment. `known_durable` is what the caller knows to have been synced; `visit` is told the place
/// of every whole frame.
pub(crate) fn tail(
    file: &Arc<dyn File>,
    seed: u32,
    first: u64,
    known_durable: u64,
    mut visit: impl FnMut(u64, u64),
) -> io::Result<Tail> {
    // Everything before this segment was synced before it was made.
    let mut mark = known_durable.max(first);
    let mut frames = Frames::new(Arc::clone(file), seed, first, segment::HEADER_BYTES as u64);
    let mut unsynced = VecDeque::new();
    let fault = loop {
        match frames.next() {
            Ok(Some(frame)) => {
                mark = mark.max(frame.header.durable_mark);
                visit(frame.header.index, frame.offset);
                unsynced.push_back((frame.header.index, frame.offset));
                while unsynced.front().is_some_and(|(index, _)| *index < mark) {
                    unsynced.pop_front();
                }
            }
            Ok(None) => break None,
            Err(Problem::Fault(fault)) => break Some(fault),
            Err(Problem::Io(error)) => return Err(error),
        }
    };
    let (next, end) = (frames.index(), frames.offset());
    if fault.is_some() {
        // A later frame may say that the damaged one was synced.
        mark = mark.max(highest_mark(file.as_ref(), seed, end + 1)?);
    }
    let damage =
        (next < mark).then(|| (next, end, fault.unwrap_or(Fault::Short { missing: HEADER_BYTES as u64 })));
    let torn_bytes = file.bytes()?.saturating_sub(end);
    let unsynced_from = unsynced.front().map(|(_, offset)| *offset);
    Ok(Tail { next, end, mark, unsynced_from, torn: fault.map(|fault| (torn_bytes, fault)), damage })
}

/// The highest mark in any whole frame at or after `from`, wherever it starts.
fn highest_mark(file: &dyn File, seed: u32, from: u64) -> io::Result<u64> {
    let mut mark = 0;
    let mut offset = from;
    let mut block = vec![0; SEARCH_BYTES];
    loop {
        let read = file.read_at(&mut block, offset)?;
        let found = &block[..read];
        for at in 0..read.saturating_sub(HEADER_BYTES - 1) {
            if found[at..].starts_with(&frame::MAGIC) {
                mark = mark.max(mark_at(file, seed, offset + at as u64)?);
            }
        }
        if read < block.len() {
            return Ok(mark);
        }
        // A frame may start in the last bytes of this block.
        offset += (read - HEADER_BYTES + 1) as u64;
    }
}

/// The mark of the frame at `offset`; 0 when there is no whole one.
fn mark_at(file: &dyn File, seed: u32, offset: u64) -> io::Result<u64> {
    let mut bytes = [0; HEADER_BYTES];
    if file.read_at(&mut bytes, offset)? < HEADER_BYTES {
        return Ok(0);
    }
    let Ok(header) = Header::parse(&bytes) else {
        return Ok(0);
    };
    let mut payload = vec![0; header.payload_bytes()];
    let whole = file.read_at(&mut payload, offset + HEADER_BYTES as u64)? == payload.len();
    Ok(if whole && frame::verify(seed, &bytes, &payload).is_ok() { header.durable_mark } else { 0 })
}
