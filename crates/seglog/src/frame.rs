//! The frame of one record, byte by byte. Final: a frame written once is read for as long as its ledger lives.
//!
//! All numbers are little-endian.
//!
//! | offset | bytes | field |
//! |-------:|------:|-------|
//! |  0 | 4 | magic `93 53 50 46` (`\x93SPF`) |
//! |  4 | 4 | version, 1 |
//! |  8 | 8 | index of the record; contiguous within the log |
//! | 16 | 8 | durable mark: every record below it was known synced when this frame was written; at most the index |
//! | 24 | 4 | leaf length in bytes |
//! | 28 | 4 | body length in bytes |
//! | 32 | 4 | CRC-32C over bytes 0 to 32, the leaf and the body, started from the CRC of the segment's header |
//! | 36 |   | leaf, then body |
//!
//! The checksum starts from the segment's own (see [`crate::segment`]), which covers its incarnation, its first
//! index and a salt that never leaves the disk. So a frame counts only in the segment that it was written to, and a
//! sender cannot put a frame of his own making into a body, to be mistaken for a record when a tail is torn.
//!
//! Never here: what leaf and body mean.

use bytes::Bytes;

use crate::Record;

/// First bytes of every frame. The first is no ASCII and no UTF-8 start, so that text never looks like a frame.
pub(crate) const MAGIC: [u8; 4] = *b"\x93SPF";
/// The only version there is.
const VERSION: u32 = 1;
/// Bytes before the leaf.
pub(crate) const HEADER_BYTES: usize = 36;
/// Bytes of the header that the checksum covers: all before the checksum itself.
const COVERED_BYTES: usize = 32;
/// Leaf and body of one record together hold at most this. A longer length on disk is damage, not a reason to
/// allocate memory.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// What is wrong with the bytes where a frame should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The file ends inside the frame, or before it.
    #[error("the file ends {missing} bytes too early")]
    Short {
        /// How many bytes there should be at the least.
        missing: u64,
    },
    /// No frame starts here.
    #[error("no frame starts here")]
    Magic,
    /// Written by a later version of the program.
    #[error("frame version {found}, expected 1")]
    Version {
        /// The version that stands there.
        found: u32,
    },
    /// A frame of another record.
    #[error("the frame holds record {found}")]
    Index {
        /// The index that stands there.
        found: u64,
    },
    /// A frame that claims more to be synced than was written before it.
    #[error("durable mark {found} is above the record's own index")]
    Mark {
        /// The mark that stands there.
        found: u64,
    },
    /// Lengths beyond [`RECORD_BYTES_MAX`].
    #[error("length of {found} bytes is beyond the limit of {RECORD_BYTES_MAX}")]
    Length {
        /// Leaf and body together, as they stand there.
        found: u64,
    },
    /// Something in header, leaf or body was changed.
    #[error("checksum {found:08x}, expected {expected:08x}")]
    Checksum {
        /// Computed from the bytes that are there.
        found: u32,
        /// As it stands in the frame, or in the location that was asked for.
        expected: u32,
    },
    /// The header of the segment file itself is damaged, and with it everything in the file.
    #[error("the header of the segment is damaged")]
    Segment,
}

/// The fixed part of a frame, taken apart but not yet checked against its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) index: u64,
    pub(crate) durable_mark: u64,
    pub(crate) leaf_bytes: usize,
    pub(crate) body_bytes: usize,
    pub(crate) crc: u32,
}

impl Header {
    /// Takes the header apart; the checksum is [`verify`]'s part, since it needs the payload.
    pub(crate) fn parse(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Fault> {
        if bytes[..4] != MAGIC {
            return Err(Fault::Magic);
        }
        let version = u32_at(bytes, 4);
        if version != VERSION {
            return Err(Fault::Version { found: version });
        }
        let (index, durable_mark) = (u64_at(bytes, 8), u64_at(bytes, 16));
        if durable_mark > index {
            return Err(Fault::Mark { found: durable_mark });
        }
        let (leaf_bytes, body_bytes) = (u32_at(bytes, 24) as usize, u32_at(bytes, 28) as usize);
        if leaf_bytes + body_bytes > RECORD_BYTES_MAX {
            return Err(Fault::Length { found: (leaf_bytes + body_bytes) as u64 });
        }
        Ok(Self { index, durable_mark, leaf_bytes, body_bytes, crc: u32_at(bytes, 32) })
    }

    /// Lengths of leaf and body as they stand there, whatever else the header says.
    pub(crate) fn lengths(bytes: &[u8; HEADER_BYTES]) -> (usize, usize) {
        (u32_at(bytes, 24) as usize, u32_at(bytes, 28) as usize)
    }

    /// Leaf and body.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.leaf_bytes + self.body_bytes
    }

    /// The whole frame.
    pub(crate) fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.payload_bytes()
    }
}

/// How many bytes the record takes in its segment.
pub(crate) fn bytes_of(record: &Record) -> usize {
    HEADER_BYTES + record.leaf.len() + record.body.len()
}

/// Appends the frame of `record` to `out` and returns its checksum. The caller has checked the record's length.
pub(crate) fn encode(seed: u32, index: u64, durable_mark: u64, record: &Record, out: &mut Vec<u8>) -> u32 {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&MAGIC);
    header[4..8].copy_from_slice(&VERSION.to_le_bytes());
    header[8..16].copy_from_slice(&index.to_le_bytes());
    header[16..24].copy_from_slice(&durable_mark.to_le_bytes());
    header[24..28].copy_from_slice(&length(&record.leaf).to_le_bytes());
    header[28..32].copy_from_slice(&length(&record.body).to_le_bytes());
    let crc = crc32c::crc32c_append(seed, &header[..COVERED_BYTES]);
    let crc = crc32c::crc32c_append(crc, &record.leaf);
    let crc = crc32c::crc32c_append(crc, &record.body);
    header[COVERED_BYTES..].copy_from_slice(&crc.to_le_bytes());
    out.reserve(bytes_of(record));
    out.extend_from_slice(&header);
    out.extend_from_slice(&record.leaf);
    out.extend_from_slice(&record.body);
    crc
}

/// Whether the frame's checksum is that of its bytes. `payload` is leaf and body.
pub(crate) fn verify(seed: u32, bytes: &[u8; HEADER_BYTES], payload: &[u8]) -> Result<(), Fault> {
    let expected = u32_at(bytes, COVERED_BYTES);
    let found = crc32c::crc32c_append(covered(seed, bytes), payload);
    if found == expected { Ok(()) } else { Err(Fault::Checksum { found, expected }) }
}

/// The checksum over what it covers of the header: the payload comes next.
pub(crate) fn covered(seed: u32, bytes: &[u8; HEADER_BYTES]) -> u32 {
    crc32c::crc32c_append(seed, &bytes[..COVERED_BYTES])
}

/// The header of the frame at the start of `bytes`, if all of it is there and its checksum is right.
pub(crate) fn whole(seed: u32, bytes: &[u8]) -> Option<Header> {
    let (chunk, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let header = Header::parse(chunk).ok()?;
    let payload = rest.get(..header.payload_bytes())?;
    verify(seed, chunk, payload).is_ok().then_some(header)
}

/// Where in `bytes` a frame may start, ascending: its first bytes are right, and there is room for its header.
pub(crate) fn starts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let room = &bytes[..(bytes.len() + 1).saturating_sub(HEADER_BYTES)];
    let firsts = room.iter().enumerate().filter(|(_, byte)| **byte == MAGIC[0]);
    firsts.map(|(at, _)| at).filter(|at| bytes[*at..].starts_with(&MAGIC))
}

/// The record in a verified payload: one allocation that leaf and body share.
pub(crate) fn record(header: &Header, payload: Bytes) -> Record {
    let mut leaf = payload;
    let body = leaf.split_off(header.leaf_bytes.min(leaf.len()));
    Record { leaf, body }
}

fn length(part: &Bytes) -> u32 {
    u32::try_from(part.len()).expect("a record holds at most RECORD_BYTES_MAX, checked before it is encoded")
}

fn u32_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout_is_the_documented_one() {
        let mut out = Vec::new();
        let record = Record::new(&b"leaf"[..], &b"the body"[..]);
        let crc = encode(0, 7, 5, &record, &mut out);
        let mut expected =
            b"\x93SPF\x01\0\0\0\x07\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x04\0\0\0\x08\0\0\0".to_vec();
        let mut covered = expected.clone();
        covered.extend_from_slice(b"leafthe body");
        assert_eq!(crc, crc32c::crc32c(&covered));
        expected.extend_from_slice(&crc.to_le_bytes());
        expected.extend_from_slice(b"leafthe body");
        assert_eq!(out, expected);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let mut out = Vec::new();
        encode(99, 7, 5, &Record::new(&b"leaf"[..], &b"body"[..]), &mut out);
        for bit in 0..out.len() * 8 {
            let mut damaged = out.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let (header, payload) = damaged.split_first_chunk::<HEADER_BYTES>().unwrap();
            let outcome = Header::parse(header).and_then(|_| verify(99, header, payload));
            assert!(outcome.is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_counts_only_in_its_own_segment() {
        let mut out = Vec::new();
        encode(1, 0, 0, &Record::new(&b"leaf"[..], &b""[..]), &mut out);
        let (header, payload) = out.split_first_chunk::<HEADER_BYTES>().unwrap();
        assert_eq!(verify(1, header, payload), Ok(()));
        assert!(matches!(verify(2, header, payload), Err(Fault::Checksum { .. })));
    }
}
