//! Damaged records are taken apart and listed: the log is opened again, tells them as damaged, and loses nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{DIR, FRAME_BYTES, HEADER_BYTES, commit, open_with, options, segment};
use sealpost_seglog::damaged::Hole;
use sealpost_seglog::disk::Disk;
use sealpost_seglog::disk::sim::Sim;
use sealpost_seglog::frame::Fault;
use sealpost_seglog::salvage::{Damaged, Error, Salvage};
use sealpost_seglog::{Damage, Listed, Location, Options, Reader, Record, open, read};

const RECORDS: u64 = 12;
/// The last of them stands above the mark.
const MARK: u64 = 11;

fn record(index: u64) -> Record {
    let body = vec![0x93; [0, 9, 1, 40][usize::try_from(index % 4).unwrap()]];
    Record::new(format!("leaf {index:02}"), body)
}

struct Written {
    disk: Sim,
    places: Vec<Location>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

fn written() -> Written {
    let disk = Sim::new();
    let (mut log, _) = open_with(&disk, Options { segment_bytes_max: 300, ..options() }).unwrap();
    let mut places = Vec::new();
    for index in 0..RECORDS {
        places.extend(log.append(&[record(index)]).unwrap());
        log.sync().unwrap();
    }
    drop(log);
    let firsts: Vec<u64> = places.iter().map(|place| place.segment).collect();
    let files = firsts.into_iter().map(segment);
    let files: BTreeMap<_, _> = files.map(|path| (path.clone(), disk.contents(&path).unwrap())).collect();
    assert!(files.len() > 2, "{} segments", files.len());
    Written { disk, places, files }
}

impl Written {
    /// The disk with one file changed.
    fn with(&self, path: &Path, bytes: &[u8]) -> Sim {
        let disk = self.disk.fork();
        disk.put(path, bytes);
        disk
    }

    fn place(&self, index: u64) -> (PathBuf, usize, usize) {
        let place = self.places[usize::try_from(index).unwrap()];
        (segment(place.segment), usize::try_from(place.offset).unwrap(), place.length as usize)
    }

    /// The disk with the frames of these records changed.
    fn damaged(&self, index: u64, change: impl FnOnce(&mut [u8])) -> Sim {
        let (path, start, length) = self.place(index);
        let mut bytes = self.files[&path].clone();
        change(&mut bytes[start..start + length]);
        self.with(&path, &bytes)
    }
}

fn shared(disk: &Sim) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn salvage(disk: &Sim) -> Result<Vec<Damaged>, Error> {
    Salvage::open(shared(disk), Path::new(DIR), 0)?.damaged(&mut |_| {})
}

fn list(disk: &Sim, damaged: &[Damaged]) {
    let holes: Vec<Hole> = damaged.iter().map(|damaged| damaged.hole.clone()).collect();
    Salvage::open(shared(disk), Path::new(DIR), 0).unwrap().list(&holes).unwrap();
}

/// A record is read as it was written, or told to be listed; by itself and in a scan.
fn assert_reads(reader: &Reader, listed: &[u64], context: &str) {
    let mut scan = reader.scan(0);
    for index in 0..RECORDS {
        let outcomes = [reader.get(index), scan.next().unwrap()];
        for outcome in outcomes {
            match outcome {
                Ok(entry) => {
                    assert_eq!(entry.record, record(index), "{context}: record {index}");
                    assert!(!listed.contains(&index), "{context}: record {index} reads as if it were whole");
                }
                Err(read::Error::Listed(listed_one)) => {
                    let Listed { index: told, .. } = *listed_one;
                    assert!(told == index && listed.contains(&index), "{context}: record {index}");
                }
                Err(other) => panic!("{context}: record {index}: {other}"),
            }
        }
    }
}

#[test]
fn whatever_byte_of_a_record_is_flipped_the_others_are_read_once_it_is_listed() {
    let written = written();
    for index in 0..MARK {
        let (path, start, length) = written.place(index);
        for byte in 0..length {
            let context = format!("record {index}, byte {byte}");
            let disk = written.damaged(index, |frame| frame[byte] ^= 0x10);
            // Damage in an older segment shows when it is read.
            let refused = match open_with(&disk, options()) {
                Err(open::Error::Damaged(Damage { index, .. })) => Some(index),
                Ok((log, _)) => match log.reader().scan(0).find_map(Result::err) {
                    Some(read::Error::Damaged(Damage { index, .. })) => Some(index),
                    other => panic!("{context}: {other:?}"),
                },
                Err(other) => panic!("{context}: {other}"),
            };
            assert_eq!(refused, Some(index), "{context}");

            let found = salvage(&disk).unwrap_or_else(|error| panic!("{context}: {error}"));
            let [damaged] = &found[..] else { panic!("{context}: {} are damaged", found.len()) };
            let place = (damaged.hole.index, damaged.hole.offset, damaged.hole.length);
            assert_eq!(place, (index, start as u64, length as u64), "{context}");
            let Record { leaf, body } = record(index);
            if byte < FRAME_BYTES {
                assert_eq!(damaged.payload, [&leaf[..], &body[..]].concat(), "{context}");
                assert!(damaged.leaf_bytes.contains(&7), "{context}: {:?}", damaged.leaf_bytes);
            } else {
                assert_eq!(damaged.leaf_bytes, [7], "{context}");
                let leaf_holds = damaged.payload[..7] == leaf[..];
                assert_eq!(leaf_holds, byte >= FRAME_BYTES + 7, "{context}");
            }
            list(&disk, &found);
            disk.lose_power_keeping(0);
            assert_eq!(
                disk.contents(&path).unwrap()[start + byte],
                written.files[&path][start + byte] ^ 0x10
            );

            let (mut log, recovery) =
                open_with(&disk, options()).unwrap_or_else(|e| panic!("{context}: {e}"));
            assert_eq!((recovery.next, recovery.torn), (RECORDS, None), "{context}");
            assert_reads(&log.reader(), &[index], &context);
            commit(&mut log, &[record(RECORDS)]);
            drop(log);
            let (reader, _) = Reader::open(&shared(&disk), Path::new(DIR), 0).unwrap();
            assert_reads(&reader, &[index], &context);
            assert_eq!(reader.get(RECORDS).unwrap().record, record(RECORDS));
            assert!(salvage(&disk).unwrap()[0].fault.is_none(), "{context}");
        }
    }
}

#[test]
fn a_backup_that_is_put_in_place_is_read_as_ever() {
    let written = written();
    let disk = written.damaged(3, |frame| frame[FRAME_BYTES + 9] ^= 1);
    list(&disk, &salvage(&disk).unwrap());
    let (path, ..) = written.place(3);
    disk.put(&path, &written.files[&path]);
    let (log, _) = open_with(&disk, options()).unwrap();
    assert_reads(&log.reader(), &[], "restored");
    drop(log);
    assert!(salvage(&disk).unwrap().is_empty());
}

#[test]
fn a_sound_log_and_a_torn_tail_have_nothing_to_list() {
    let written = written();
    assert!(salvage(&written.disk).unwrap().is_empty());
    let torn = written.damaged(MARK, |frame| frame[40] ^= 1);
    assert!(salvage(&torn).unwrap().is_empty(), "the next opening cuts it");
}

#[test]
fn a_stretch_without_any_header_is_all_lost_and_what_lies_behind_is_not() {
    let written = written();
    // From the middle of record 4 to the middle of record 6, as a bad sector.
    let (path, start, _) = written.place(4);
    let (other, end, _) = written.place(6);
    assert_eq!(path, other, "they share a segment");
    let mut bytes = written.files[&path].clone();
    bytes[start + 20..end + 20].fill(0);
    let disk = written.with(&path, &bytes);
    let found = salvage(&disk).unwrap();
    let indices: Vec<u64> = found.iter().map(|damaged| damaged.hole.index).collect();
    assert_eq!(indices, [4, 5, 6]);
    list(&disk, &found);
    let (log, _) = open_with(&disk, options()).unwrap();
    assert_reads(&log.reader(), &[4, 5, 6], "a bad sector");
}

#[test]
fn the_end_of_an_older_segment_that_is_gone_is_lost_and_the_end_of_the_log_is_refused() {
    let written = written();
    let (path, start, _) = written.place(1);
    let next = written.places.iter().position(|place| place.segment > 0).unwrap() as u64;
    let disk = written.with(&path, &written.files[&path][..start + 5]);
    let found = salvage(&disk).unwrap();
    let indices: Vec<u64> = found.iter().map(|damaged| damaged.hole.index).collect();
    assert_eq!(indices, (1..next).collect::<Vec<_>>());
    list(&disk, &found);
    let (log, _) = open_with(&disk, options()).unwrap();
    assert_reads(&log.reader(), &indices, "cut");

    let (path, start, _) = written.place(MARK - 1);
    let disk = written.with(&path, &written.files[&path][..start]);
    let opened = Salvage::open(shared(&disk), Path::new(DIR), MARK).unwrap();
    let ended = opened.damaged(&mut |_| {}).map(|found| found.len()).unwrap_err();
    assert!(matches!(ended, Error::Ended { next, mark } if (next, mark) == (MARK - 1, MARK)), "{ended}");
}

#[test]
fn the_last_record_below_a_checkpoint_is_listed_too() {
    let written = written();
    let disk = written.damaged(MARK, |frame| frame[FRAME_BYTES + 8] ^= 1);
    let opened = Salvage::open(shared(&disk), Path::new(DIR), RECORDS).unwrap();
    let found = opened.damaged(&mut |_| {}).unwrap();
    assert_eq!(found.iter().map(|damaged| damaged.hole.index).collect::<Vec<_>>(), [MARK]);
    drop(opened);
    list(&disk, &found);
    let (log, recovery) = open_with(&disk, Options { known_durable: RECORDS, ..options() }).unwrap();
    assert_eq!(recovery.torn, None);
    assert_reads(&log.reader(), &[MARK], "the last one");
}

#[test]
fn a_log_in_use_and_a_segment_without_its_header_are_refused() {
    let written = written();
    let (log, _) = open_with(&written.disk, options()).unwrap();
    let locked = salvage(&written.disk).map(|found| found.len()).unwrap_err();
    assert!(matches!(locked, Error::Open(open::Error::Locked { .. })), "{locked}");
    drop(log);
    let path = segment(0);
    let mut bytes = written.files[&path].clone();
    bytes[HEADER_BYTES - 1] ^= 1;
    let refused = salvage(&written.with(&path, &bytes)).map(|found| found.len()).unwrap_err();
    let named =
        matches!(&refused, Error::Open(open::Error::Damaged(damage)) if damage.fault == Fault::Segment);
    assert!(named, "{refused}");
}
