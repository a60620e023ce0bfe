//! Finds out where a segment ends after a crash, and whether what is damaged was ever durable. Changes nothing.
//!
//! Memory: one block, or the largest record, and 16 bytes for each record above the highest mark: those of one group,
//! as the next one carries the mark.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use crate::disk::File;
use crate::frame::{Fault, HEADER_BYTES};
use crate::frames::{Frame, Frames, Problem};
use crate::segments::Known;
use crate::{marks, segment};

/// The last segment, as far as it is whole.
#[derive(Clone)]
pub(crate) struct Tail {
    /// Index after the last whole record.
    pub(crate) next: u64,
    /// Where the last whole frame ends.
    pub(crate) end: u64,
    /// The highest index that any frame says was synced.
    pub(crate) mark: u64,
    /// Where the first byte lies that is not known to be durable: a record, or all of the file.
    pub(crate) unsynced_from: u64,
    /// What lies behind the end, and what is wrong with it.
    pub(crate) torn: Option<(u64, Fault)>,
    /// The first damage below the mark: index, offset, fault.
    pub(crate) damage: Option<(u64, u64, Fault)>,
}

impl Tail {
    /// Of a segment that was just made.
    pub(crate) fn empty(first: u64) -> Self {
        let end = segment::HEADER_BYTES as u64;
        Self { next: first, end, mark: first, unsynced_from: end, torn: None, damage: None }
    }
}

/// Reads the whole segment. `known_durable` is what the caller knows to have been synced; `visit` is told the place
/// of every whole frame.
pub(crate) fn tail(
    file: &Arc<dyn File>,
    known: &Arc<Known>,
    known_durable: u64,
    mut visit: impl FnMut(u64, u64),
) -> io::Result<Tail> {
    let (seed, first) = (known.seed, known.first);
    // Everything before this segment was synced before it was made.
    let mut mark = known_durable.max(first);
    let mut frames = Frames::new(Arc::clone(file), Arc::clone(known), first, segment::HEADER_BYTES as u64);
    let mut unsynced = VecDeque::new();
    let fault = loop {
        match frames.next() {
            Ok(Some(frame)) => {
                let (index, offset) = match frame {
                    Frame::Whole(whole) => {
                        mark = mark.max(whole.header.durable_mark);
                        (whole.header.index, whole.offset)
                    }
                    Frame::Listed(hole, _) => (hole.index, hole.offset),
                };
                visit(index, offset);
                unsynced.push_back((index, offset));
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
        mark = marks::highest(file.as_ref(), seed, end + 1, mark)?;
    }
    let damage =
        (next < mark).then(|| (next, end, fault.unwrap_or(Fault::Short { missing: HEADER_BYTES as u64 })));
    let torn_bytes = file.bytes()?.saturating_sub(end);
    // Without a record that is known to be durable the header is not either.
    let unsynced_from = if mark == first { 0 } else { unsynced.front().map_or(end, |(_, offset)| *offset) };
    Ok(Tail { next, end, mark, unsynced_from, torn: fault.map(|fault| (torn_bytes, fault)), damage })
}
