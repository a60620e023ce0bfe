//! Finds a record in its segment: frames say which record they hold, so that they are their own index.
//!
//! The segment is halved: whatever whole frame lies behind the middle tells on which side the record is. Where little is
//! left the headers are followed, one after the other. For a segment of 64 MiB that is about a dozen reads of 4 KiB, and
//! 16 KiB of headers; the memory is that of one window. A frame counts in the search only with the right checksum, which
//! no sender can forge (see [`crate::frame`]); a damaged one is passed over, and what it hides is found by its headers.

use std::io;

use crate::disk::File;
use crate::frame::{self, Fault, HEADER_BYTES, Header};
use crate::segment;
use crate::segments::Known;

/// Where so little is left the headers are followed.
const WALK_BYTES: u64 = 16 << 10;
/// How much of that is read at a time.
const STEP_BYTES: usize = 4 << 10;
/// How much is searched for a frame behind the middle: first a little, then more. Records too large for that are so few
/// in a segment that their headers are soon followed.
const WINDOWS_BYTES: [usize; 2] = [4 << 10, 64 << 10];
/// So many false starts are looked into in one window: a body may be full of them.
const FALSE_STARTS_MAX: usize = 64;

/// Where a record lies.
pub(crate) enum Place {
    /// Its frame starts here, if the headers on the way are right.
    At(u64),
    /// One of the headers behind this record, whose offset is given, makes no sense.
    Behind(u64, u64),
}

/// Finds the record in the segment, which holds it unless damaged.
pub(crate) fn record(known: &Known, file: &dyn File, index: u64) -> io::Result<Place> {
    let (mut low, behind) = known.around(index);
    let mut high = match behind {
        Some(offset) => offset,
        None => file.bytes()?,
    };
    while high.saturating_sub(low.1) > WALK_BYTES && low.0 < index {
        let middle = low.1 + (high - low.1) / 2;
        match whole_frame(known.seed, file, (middle, high), low.0)? {
            Some(found) if found.0 <= index => low = found,
            // Where no frame is found, the record is still behind `low`.
            _ => high = middle,
        }
    }
    walk(file, low, index)
}

/// Which record it is whose frame starts at `offset` and has this fault, by the headers of all before it; or the first of
/// these that makes no sense, with its offset and its own fault.
pub(crate) fn name(
    known: &Known,
    file: &dyn File,
    offset: u64,
    fault: Fault,
) -> io::Result<(u64, u64, Fault)> {
    let (mut index, mut reached) = (known.first, segment::HEADER_BYTES as u64);
    let mut bytes = [0; HEADER_BYTES];
    while reached < offset {
        let missing = HEADER_BYTES - file.read_at(&mut bytes, reached)?;
        let fault = match Header::parse(&bytes) {
            _ if missing > 0 => Fault::Short { missing: missing as u64 },
            Err(fault) => fault,
            Ok(header) if header.index != index => Fault::Index { found: header.index },
            Ok(header) => {
                reached += header.frame_bytes() as u64;
                index += 1;
                continue;
            }
        };
        return Ok((index, reached, fault));
    }
    Ok((index, offset, fault))
}

/// Follows the headers from a known place, as many of them as lie in what one read gives.
fn walk(file: &dyn File, from: (u64, u64), index: u64) -> io::Result<Place> {
    let (mut at, mut offset) = from;
    let mut window = [0; STEP_BYTES];
    loop {
        let read = file.read_at(&mut window, offset)?;
        let (start, mut left) = (offset, &window[..read]);
        while let Some(bytes) = left.first_chunk() {
            let Some(header) = Header::parse(bytes).ok().filter(|header| header.index == at) else {
                return Ok(Place::Behind(from.0, from.1));
            };
            if at == index {
                return Ok(Place::At(offset));
            }
            at += 1;
            offset += header.frame_bytes() as u64;
            left = left.get(header.frame_bytes()..).unwrap_or_default();
        }
        if offset == start {
            // Not even one header is there.
            return Ok(Place::Behind(from.0, from.1));
        }
    }
}

/// The first whole frame that starts in the range, of a record after `after`: its index and offset. `None` when there is
/// none in the window.
fn whole_frame(
    seed: u32,
    file: &dyn File,
    (start, end): (u64, u64),
    after: u64,
) -> io::Result<Option<(u64, u64)>> {
    let mut window = Vec::new();
    for bytes in WINDOWS_BYTES {
        window.resize(bytes, 0);
        let read = file.read_at(&mut window, start)?;
        let found = &window[..read];
        for at in frame::starts(found).take(FALSE_STARTS_MAX) {
            let offset = start + at as u64;
            if offset >= end {
                return Ok(None);
            }
            match frame::whole(seed, &found[at..]) {
                Some(header) if header.index > after => return Ok(Some((header.index, offset))),
                _ => {}
            }
        }
        if read < bytes {
            break;
        }
    }
    Ok(None)
}
