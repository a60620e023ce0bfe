//! A log of several segments, each of its bits flipped in turn, each of its segments cut at every byte: below the
//! durable mark it is refused with the record named, above it cut and reported, and never a wrong answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{DIR, FRAME_BYTES, HEADER_BYTES, commit, open_with, options, read_all, segment};
use sealpost_seglog::disk::Real;
use sealpost_seglog::disk::sim::Sim;
use sealpost_seglog::frame::Fault;
use sealpost_seglog::{Damage, Location, Log, Options, Reader, Record, Recovery, open, read};

const SEGMENT_BYTES_MAX: u64 = 260;
const RECORDS: usize = 12;
/// The last group stands above the durable mark, the group before it is the last one below.
const GROUPS: [Range<usize>; 7] = [0..1, 1..3, 3..5, 5..7, 7..8, 8..10, 10..12];
const MARK: usize = 10;
/// First index of the last segment.
const LAST: usize = 8;

/// Of some lengths, none and one byte among them; the last group is as long as the one before.
fn record(index: usize) -> Record {
    const LENGTHS: [usize; 4] = [0, 9, 1, 4];
    let leaf = if index.is_multiple_of(3) { String::new() } else { format!("leaf {index:02}") };
    Record::new(leaf, vec![u8::try_from(index).unwrap(); LENGTHS[index % 4]])
}

fn records(range: Range<usize>) -> Vec<Record> {
    range.map(record).collect()
}

/// The log as it was written.
struct Written {
    files: BTreeMap<PathBuf, Vec<u8>>,
    places: Vec<Location>,
}

impl Written {
    /// By the disk of the machine.
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let small = Options { segment_bytes_max: SEGMENT_BYTES_MAX, ..options() };
        let (mut log, _) = Log::open(Arc::new(Real), home.path(), small).unwrap();
        let mut places = Vec::new();
        for group in GROUPS {
            places.extend(log.append(&records(group)).unwrap());
            log.sync().unwrap();
        }
        drop(log);
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(home.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "seg") {
                files.insert(Path::new(DIR).join(path.file_name().unwrap()), fs::read(&path).unwrap());
            }
        }
        let written = Self { files, places };
        assert!(written.files.len() >= 3, "{} segments", written.files.len());
        assert_eq!(written.files.keys().next_back(), Some(&segment(LAST as u64)));
        let (_, recovery) = open_with(&written.disk(None), options()).unwrap();
        assert_eq!((recovery.mark, recovery.next, recovery.torn), (MARK as u64, RECORDS as u64, None));
        written
    }

    /// A disk that holds it, but for this file.
    fn disk(&self, but: Option<(&Path, &[u8])>) -> Sim {
        let disk = Sim::new();
        for (path, bytes) in &self.files {
            let changed = but.filter(|(other, _)| path == other);
            disk.put(path, changed.map_or(bytes.as_slice(), |(_, bytes)| bytes));
        }
        disk
    }

    /// The record that this byte belongs to; `None` within the header of the segment.
    fn record_at(&self, path: &Path, byte: usize) -> Option<usize> {
        self.places.iter().position(|place| {
            let range = place.offset..place.offset + u64::from(place.length);
            segment(place.segment) == path && range.contains(&(byte as u64))
        })
    }
}

/// The first index that the name of the file states.
fn first_of(path: &Path) -> usize {
    path.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

/// What a damage does to the records behind it in their segment.
#[derive(Clone, Copy, PartialEq)]
enum Behind {
    /// They are whole, and may be out of reach without their places.
    Whole,
    /// They are gone too, and one of them may be named instead.
    Gone,
}

/// Every way to read every record gives what was written, or names the damaged one. `lost` are those that lie in the
/// damaged segment from the damage on.
fn assert_never_wrong(
    reader: &Reader,
    places: &[Location],
    damaged: usize,
    (lost, behind): (&Range<usize>, Behind),
    context: &str,
) {
    for (index, place) in places.iter().enumerate() {
        let outcomes = [reader.get(index as u64).map(|entry| entry.record), reader.read_at(place)];
        for (way, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(found) => {
                    assert_eq!(found, record(index), "{context}: record {index}");
                    assert_ne!(index, damaged, "{context}: read as if nothing were wrong");
                    assert!(behind == Behind::Whole || !lost.contains(&index), "{context}: record {index}");
                }
                Err(read::Error::Damaged(damage)) => {
                    let before = (damaged as u64..=index as u64).contains(&damage.index);
                    let named = damage.index == damaged as u64 || (behind == Behind::Gone && before);
                    assert!(named, "{context}: record {index}, way {way}: {damage}");
                    let by_place = way == 1 && behind == Behind::Whole;
                    assert!(
                        !by_place || index == damaged,
                        "{context}: record {index} has its place: {damage}"
                    );
                    assert!(lost.contains(&index), "{context}: record {index} is not behind the damage");
                }
                Err(other) => panic!("{context}: record {index}: {other}"),
            }
        }
    }
    let mut scan = reader.scan(0);
    for index in 0..damaged {
        assert_eq!(scan.next().unwrap().unwrap().record, record(index), "{context}");
    }
    let named = scan.next().unwrap().unwrap_err();
    assert!(
        matches!(&named, read::Error::Damaged(damage) if damage.index == damaged as u64),
        "{context}: {named}"
    );
}

/// The log was refused, by its owner and by a reader, for this record; and nothing was changed.
fn assert_refused(disk: &Sim, path: &Path, known_durable: u64, index: usize, context: &str) {
    let before = disk.contents(path);
    let known = Options { known_durable, ..options() };
    let by_owner = open_with(disk, known).map(|_| ()).unwrap_err();
    let by_reader = Reader::open(&(Arc::new(disk.clone()) as _), Path::new(DIR), known_durable);
    for refused in [by_owner, by_reader.map(|_| ()).unwrap_err()] {
        let open::Error::Damaged(Damage { index: named, file, .. }) = &refused else {
            panic!("{context}: {refused}");
        };
        assert_eq!((*named, file.as_path()), (index as u64, path), "{context}: {refused}");
        assert!(refused.to_string().contains(&format!("record {index} is damaged")), "{context}: {refused}");
    }
    assert_eq!(disk.contents(path), before, "{context}: the file was changed");
}

/// The log ends before `next`, says what it cut, and goes on from there.
fn assert_cut(disk: &Sim, path: &Path, next: usize, offset: u64, bytes: u64, context: &str) -> Recovery {
    let read_alone = Reader::open(&(Arc::new(disk.clone()) as _), Path::new(DIR), 0);
    let (reader, seen) = read_alone.unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(read_all(&reader), records(0..next), "{context}");
    let (mut log, recovery) = open_with(disk, options()).unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(seen, recovery, "{context}: a reader sees another log");
    assert_eq!((recovery.next, log.durable()), (next as u64, next as u64), "{context}");
    assert_eq!(read_all(&log.reader()), records(0..next), "{context}");
    if bytes > 0 {
        let torn = recovery.torn.clone().unwrap_or_else(|| panic!("{context}: nothing is reported"));
        assert_eq!((torn.file.as_path(), torn.offset, torn.bytes), (path, offset, bytes), "{context}");
    }
    // What is cut is gone for good: another record of the same length gets its place.
    let other = Record::new("leaf ++", record(next).body.clone());
    commit(&mut log, std::slice::from_ref(&other));
    disk.lose_power_keeping(0);
    let (log, again) = open_with(disk, options()).unwrap();
    let mut expected = records(0..next);
    expected.push(other);
    assert_eq!((read_all(&log.reader()), again.torn), (expected, None), "{context}, then going on");
    recovery
}

#[test]
fn every_flipped_bit_is_refused_below_the_mark_and_cut_above() {
    let written = Written::new();
    let (mut refused, mut named, mut cut) = (0, 0, 0);
    for (path, bytes) in &written.files {
        let first = first_of(path);
        for bit in 0..bytes.len() * 8 {
            let context = format!("{} bit {bit}", path.display());
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let disk = written.disk(Some((path, &flipped)));
            match written.record_at(path, bit / 8) {
                None => {
                    assert_refused(&disk, path, 0, first, &context);
                    refused += 1;
                }
                Some(damaged) if first == LAST && damaged < MARK => {
                    assert_refused(&disk, path, 0, damaged, &context);
                    refused += 1;
                }
                Some(damaged) if first == LAST => {
                    let offset = written.places[damaged].offset;
                    assert_cut(&disk, path, damaged, offset, bytes.len() as u64 - offset, &context);
                    // A checkpoint that counts the record is another account of what is durable.
                    let disk = written.disk(Some((path, &flipped)));
                    assert_refused(&disk, path, RECORDS as u64, damaged, &context);
                    cut += 1;
                }
                Some(damaged) => {
                    let (log, recovery) = open_with(&disk, options()).unwrap();
                    assert_eq!((recovery.next, recovery.torn), (RECORDS as u64, None), "{context}");
                    let place = |index: usize| written.places[index].segment == first as u64;
                    let lost = damaged..(damaged..RECORDS).find(|index| !place(*index)).unwrap();
                    assert_never_wrong(
                        &log.reader(),
                        &written.places,
                        damaged,
                        (&lost, Behind::Whole),
                        &context,
                    );
                    named += 1;
                }
            }
        }
    }
    println!("{refused} flips refused at open, {named} named when read, {cut} cut and reported");
    let bits = written.files.values().map(|bytes| bytes.len() * 8).sum::<usize>();
    assert_eq!(refused + named + cut, bits);
    let above: u32 = written.places[MARK..].iter().map(|place| place.length * 8).sum();
    assert_eq!(cut, above as usize);
}

#[test]
fn the_last_segment_cut_at_every_byte_ends_with_its_last_whole_record() {
    let written = Written::new();
    let path = segment(LAST as u64);
    let bytes = &written.files[&path];
    for cut in 0..=bytes.len() {
        let context = format!("cut at {cut}");
        let disk = || written.disk(Some((&path, &bytes[..cut])));
        let ends = written.places[LAST..].iter().map(|place| place.offset + u64::from(place.length));
        let whole = ends.filter(|end| *end <= cut as u64).count();
        let next = LAST + whole;
        if next < MARK {
            assert_refused(&disk(), &path, MARK as u64, next, &context);
        }
        if next == RECORDS {
            let (log, recovery) = open_with(&disk(), options()).unwrap();
            assert_eq!((read_all(&log.reader()), recovery.torn), (records(0..RECORDS), None));
            continue;
        }
        // Without any account of what was durable, what is left is all there ever was.
        if cut < HEADER_BYTES {
            let recovery = assert_cut(&disk(), &path, LAST, 0, cut as u64, &context);
            let torn = recovery.torn.unwrap();
            assert_eq!((torn.bytes, torn.fault), (cut as u64, Fault::Segment), "{context}");
        } else {
            let start = if whole == 0 { HEADER_BYTES as u64 } else { written.places[next].offset };
            assert_cut(&disk(), &path, next, start, cut as u64 - start, &context);
        }
    }
    println!("{} cuts", bytes.len() + 1);
}

#[test]
fn an_earlier_segment_cut_at_any_byte_names_the_first_record_that_is_lost() {
    let written = Written::new();
    let mut cuts = 0;
    for (path, bytes) in written.files.iter().filter(|(path, _)| first_of(path) != LAST) {
        let first = first_of(path);
        for cut in 0..bytes.len() {
            let context = format!("{} cut at {cut}", path.display());
            let disk = written.disk(Some((path, &bytes[..cut])));
            if cut < HEADER_BYTES {
                assert_refused(&disk, path, 0, first, &context);
            } else {
                let of_segment = written.places.iter().filter(|place| place.segment == first as u64);
                let whole = of_segment
                    .clone()
                    .filter(|place| place.offset + u64::from(place.length) <= cut as u64)
                    .count();
                let (log, _) = open_with(&disk, options()).unwrap();
                let lost = first + whole..first + of_segment.count();
                assert_never_wrong(
                    &log.reader(),
                    &written.places,
                    first + whole,
                    (&lost, Behind::Gone),
                    &context,
                );
            }
            cuts += 1;
        }
    }
    println!("{cuts} cuts");
    assert!(cuts > 2 * (HEADER_BYTES + FRAME_BYTES));
}
