//! A segment file: its name, its header, and where it lies in the log.
//!
//! `<first index, 20 digits>.seg` holds a header of 44 bytes, then frames ([`crate::frame`]) without a gap until the
//! end of the file. All numbers are little-endian.
//!
//! | offset | bytes | field |
//! |-------:|------:|-------|
//! |  0 |  4 | magic `93 53 50 53` (`\x93SPS`) |
//! |  4 |  4 | version, 1 |
//! |  8 | 16 | incarnation of the log that wrote the segment |
//! | 24 |  8 | index of the first record |
//! | 32 |  8 | salt: random, never sent anywhere; makes the checksums of this segment its own |
//! | 40 |  4 | CRC-32C over bytes 0 to 40 |
//!
//! The header is synced, and the directory with it, before the first frame is written; and a segment is synced
//! whole before the next one is made. So a damaged header is a torn one only in a file without frames, and only the
//! last segment can have a torn tail.

use std::path::{Path, PathBuf};

/// Bytes before the first frame.
pub(crate) const HEADER_BYTES: usize = 44;
const MAGIC: [u8; 4] = *b"\x93SPS";
const VERSION: u32 = 1;

/// What the header of a segment says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) incarnation: [u8; 16],
    pub(crate) first: u64,
    pub(crate) salt: [u8; 8],
}

impl Segment {
    pub(crate) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..24].copy_from_slice(&self.incarnation);
        bytes[24..32].copy_from_slice(&self.first.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.salt);
        let crc = crc32c::crc32c(&bytes[..40]);
        bytes[40..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `None` when the header is damaged, of another version, or of another file than its name says.
    pub(crate) fn parse(bytes: &[u8; HEADER_BYTES], first: u64) -> Option<Self> {
        let segment = Self {
            incarnation: std::array::from_fn(|i| bytes[8 + i]),
            first: u64::from_le_bytes(std::array::from_fn(|i| bytes[24 + i])),
            salt: std::array::from_fn(|i| bytes[32 + i]),
        };
        (segment.encode() == *bytes && segment.first == first).then_some(segment)
    }

    /// Where the checksums of this segment's frames start from.
    pub(crate) fn seed(&self) -> u32 {
        u32::from_le_bytes(std::array::from_fn(|i| self.encode()[40 + i]))
    }
}

/// The file of the segment that starts with record `first`.
pub(crate) fn path(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("{first:020}.seg"))
}

/// The first index that a file name states; `None` for every other file.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_is_read_back_and_every_flipped_bit_is_noticed() {
        let segment = Segment { incarnation: [7; 16], first: 42, salt: [3; 8] };
        let bytes = segment.encode();
        assert_eq!(Segment::parse(&bytes, 42), Some(segment));
        assert_eq!(Segment::parse(&bytes, 41), None);
        for bit in 0..HEADER_BYTES * 8 {
            let mut damaged = bytes;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Segment::parse(&damaged, 42), None, "bit {bit}");
        }
    }

    #[test]
    fn names_are_twenty_digits_and_nothing_else_is_a_segment() {
        assert_eq!(path(Path::new("d"), 7), Path::new("d/00000000000000000007.seg"));
        assert_eq!(first_of("00000000000000000007.seg"), Some(7));
        for name in
            ["7.seg", "lock", "0000000000000000000+.seg", "99999999999999999999.seg", "00000000000000000007"]
        {
            assert_eq!(first_of(name), None, "{name}");
        }
    }
}
