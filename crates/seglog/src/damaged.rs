//! The file `damaged` beside the segments: frames that are known to be damaged, so that they are passed over.
//!
//! A frame below the durable mark whose checksum fails stops every reader. Whoever knows better than the log what the
//! frame held ([`crate::salvage`]) lists it here; from then on it is told as [`crate::read::Error::Listed`] and the log
//! goes on behind it. The segment itself stays as it is. A frame that is whole after all, since a backup was put in
//! place, is read as ever.
//!
//! The file is only ever appended to. All numbers are little-endian. It begins with the magic `93 53 50 44`
//! (`\x93SPD`) and the version, 1, in 4 bytes; entries follow:
//!
//! | offset | bytes | field |
//! |-------:|------:|-------|
//! |  0 | 4 | CRC-32C over all that follows in the entry |
//! |  4 | 4 | bytes of the note |
//! |  8 | 8 | index of the record |
//! | 16 | 8 | first index of the segment |
//! | 24 | 8 | offset of the frame in it |
//! | 32 | 8 | bytes from there to the next frame |
//! | 40 | 4 | bytes of the leaf behind the frame's header; `ff ff ff ff` where that is not known |
//! | 44 |   | the note: what the one who listed it has to say of it |
//!
//! A later entry takes the place of an earlier one for the same record. Entries count up to the first that is torn or
//! damaged: what is not listed any more stops the readers again, and can be listed again.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bytes::Bytes;

use crate::disk::{Access, Disk, File};

/// The file beside the segments.
pub(crate) const NAME: &str = "damaged";
const MAGIC: [u8; 4] = *b"\x93SPD";
const VERSION: u32 = 1;
/// Magic and version.
const BEGINNING_BYTES: usize = 8;
/// An entry before its note.
const ENTRY_BYTES: usize = 44;
/// A longer file is none of ours.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// A leaf of unknown length.
const UNKNOWN: u32 = u32::MAX;

/// The place of a damaged frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hole {
    /// The record.
    pub index: u64,
    /// First index of the segment.
    pub segment: u64,
    /// Where in it the frame starts, or should start.
    pub offset: u64,
    /// Bytes up to the next frame; 0 where nothing is left of this one.
    pub length: u64,
    /// Bytes of the leaf, where it can still be told from the body.
    pub leaf_bytes: Option<u32>,
    /// What the one who listed it says of it.
    pub note: Bytes,
}

impl Hole {
    fn encode(&self) -> Vec<u8> {
        let note_bytes = u32::try_from(self.note.len()).expect("a note is at most a leaf and a few bytes");
        let mut entry = vec![0; 4];
        entry.extend_from_slice(&note_bytes.to_le_bytes());
        for number in [self.index, self.segment, self.offset, self.length] {
            entry.extend_from_slice(&number.to_le_bytes());
        }
        entry.extend_from_slice(&self.leaf_bytes.unwrap_or(UNKNOWN).to_le_bytes());
        entry.extend_from_slice(&self.note);
        let crc = crc32c::crc32c(&entry[4..]);
        entry[..4].copy_from_slice(&crc.to_le_bytes());
        entry
    }

    /// The entry at the start of `bytes`, and what follows it; `None` where it is torn or damaged.
    fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let note_bytes = usize::try_from(u32_at(bytes, 4)?).ok()?;
        let (entry, rest) = bytes.split_at_checked(ENTRY_BYTES.checked_add(note_bytes)?)?;
        if crc32c::crc32c(&entry[4..]) != u32_at(entry, 0)? {
            return None;
        }
        let leaf_bytes = u32_at(entry, 40)?;
        let hole = Self {
            index: u64_at(entry, 8)?,
            segment: u64_at(entry, 16)?,
            offset: u64_at(entry, 24)?,
            length: u64_at(entry, 32)?,
            leaf_bytes: (leaf_bytes != UNKNOWN).then_some(leaf_bytes),
            note: Bytes::copy_from_slice(&entry[ENTRY_BYTES..]),
        };
        Some((hole, rest))
    }
}

/// What is listed in a directory, by index.
pub(crate) fn read(disk: &dyn Disk, dir: &Path) -> io::Result<BTreeMap<u64, Hole>> {
    match disk.open(&dir.join(NAME), Access::Read) {
        Ok(file) => Ok(parse(file.as_ref())?.0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Lists frames; durable when this returns. Only whoever holds the log's lock may call it.
pub(crate) fn append(disk: &dyn Disk, dir: &Path, holes: &[Hole]) -> io::Result<()> {
    let path = dir.join(NAME);
    let file = match disk.open(&path, Access::Write) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => disk.create(&path)?,
        outcome => outcome?,
    };
    let mut end = parse(file.as_ref())?.1;
    let mut bytes = Vec::new();
    if end == 0 {
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
    }
    for hole in holes {
        bytes.extend_from_slice(&hole.encode());
    }
    file.truncate(end)?;
    file.write_at(&bytes, end)?;
    end += bytes.len() as u64;
    file.truncate(end)?;
    file.sync_data()?;
    disk.sync_dir(dir)
}

/// The entries that count, and where the last of them ends; 0 without a beginning.
fn parse(file: &dyn File) -> io::Result<(BTreeMap<u64, Hole>, u64)> {
    let length = file.bytes()?;
    if length > FILE_BYTES_MAX {
        return Err(invalid("it is larger than any list of damaged records"));
    }
    let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    let mut holes = BTreeMap::new();
    let Some((beginning, mut rest)) = bytes.split_at_checked(BEGINNING_BYTES) else { return Ok((holes, 0)) };
    if beginning[..4] != MAGIC {
        return Err(invalid("it is no list of damaged records: move it away and repair once more"));
    }
    if u32_at(beginning, 4) != Some(VERSION) {
        return Err(invalid("it was written by a later version of the program"));
    }
    while let Some((hole, behind)) = Hole::parse(rest) {
        holes.insert(hole.index, hole);
        rest = behind;
    }
    Ok((holes, (bytes.len() - rest.len()) as u64))
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::sim::Sim;

    const DIR: &str = "log";

    fn hole(index: u64, note: &'static [u8]) -> Hole {
        let (offset, length) = (44 + index, 99);
        Hole { index, segment: 0, offset, length, leaf_bytes: Some(7), note: Bytes::from_static(note) }
    }

    fn disk() -> Sim {
        let disk = Sim::new();
        disk.create_dir(Path::new(DIR)).unwrap();
        disk
    }

    #[test]
    fn what_is_listed_survives_the_power_and_later_entries_count() {
        let disk = disk();
        assert_eq!(read(&disk, Path::new(DIR)).unwrap(), BTreeMap::new());
        append(&disk, Path::new(DIR), &[hole(3, b"first"), hole(5, b"")]).unwrap();
        let later = Hole { leaf_bytes: None, ..hole(3, b"second") };
        append(&disk, Path::new(DIR), std::slice::from_ref(&later)).unwrap();
        disk.lose_power_keeping(0);
        let listed = read(&disk, Path::new(DIR)).unwrap();
        assert_eq!(listed.into_values().collect::<Vec<_>>(), [later, hole(5, b"")]);
    }

    #[test]
    fn every_flipped_bit_and_every_cut_lists_less_and_never_something_else() {
        let disk = disk();
        let path = Path::new(DIR).join(NAME);
        let all = [hole(3, b"first"), hole(5, b"second")];
        append(&disk, Path::new(DIR), &all).unwrap();
        let bytes = disk.contents(&path).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            disk.put(&path, &flipped);
            match read(&disk, Path::new(DIR)) {
                Ok(listed) => {
                    let listed: Vec<_> = listed.into_values().collect();
                    assert!(all.starts_with(&listed) && listed.len() < 2, "bit {bit}: {listed:?}");
                    append(&disk, Path::new(DIR), &all[listed.len()..]).unwrap();
                    assert_eq!(disk.contents(&path).unwrap(), bytes, "bit {bit}: it is listed again");
                }
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::InvalidData, "bit {bit}"),
            }
        }
        for end in 0..bytes.len() {
            disk.put(&path, &bytes[..end]);
            let listed: Vec<_> = read(&disk, Path::new(DIR)).unwrap().into_values().collect();
            assert!(all.starts_with(&listed) && listed.len() < 2, "cut at {end}");
        }
    }
}
