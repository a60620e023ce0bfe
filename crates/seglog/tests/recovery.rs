//! What a log makes of files that were cut, changed, forged or never finished, case by case. All cuts and all flips:
//! `damage.rs`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::{DIR, FRAME_BYTES, HEADER_BYTES, open_with, options, read_all};

use sealpost_seglog::disk::sim::Sim;
use sealpost_seglog::frame::Fault;
use sealpost_seglog::{Log, Options, Reader, Record, Recovery, open};

const FILE: &str = "log/00000000000000000000.seg";

fn open(disk: &Sim) -> Result<(Log, Recovery), open::Error> {
    open_with(disk, options())
}

fn record(index: usize) -> Record {
    Record::new(format!("leaf {index}"), vec![u8::try_from(index).unwrap(); 3 * index])
}

/// Records 0, then 1 and 2, then 3 and 4 in groups of their own: everything below 3 is marked durable. Returns the
/// file, and the end of each frame in it.
fn written() -> (Vec<u8>, Vec<usize>) {
    let disk = Sim::new();
    let (mut log, _) = open(&disk).unwrap();
    for group in [0..1, 1..3, 3..5] {
        log.append(&group.map(record).collect::<Vec<_>>()).unwrap();
        log.sync().unwrap();
    }
    let mut end = HEADER_BYTES;
    let ends = (0..5).map(record).map(|record| {
        end += FRAME_BYTES + record.leaf.len() + record.body.len();
        end
    });
    (disk.contents(Path::new(FILE)).unwrap(), ends.collect())
}

/// A disk with nothing but this file.
fn disk_with(file: &[u8]) -> Sim {
    let disk = Sim::new();
    disk.put(Path::new(FILE), file);
    disk
}

#[test]
fn a_log_that_ends_before_what_is_known_durable_is_refused() {
    let (file, ends) = written();
    let disk = disk_with(&file[..ends[3]]);
    let known = Options { known_durable: 5, ..options() };
    let refused = open_with(&disk, known).err().unwrap();
    assert!(matches!(&refused, open::Error::Damaged(damage) if damage.index == 4), "{refused}");
    let refused = Log::open(Arc::new(Sim::new()), Path::new(DIR), known).err().unwrap();
    assert!(matches!(&refused, open::Error::Damaged(damage) if damage.index == 0), "{refused}");
}

#[test]
fn a_whole_frame_in_the_place_of_another_is_not_taken_for_it() {
    let (file, ends) = written();
    // Record 1 is taken out, so that record 2 stands in its place; then record 3, above the mark.
    for (gone, refused) in [(1, true), (3, false)] {
        let mut without = file.clone();
        without.drain(ends[gone - 1]..ends[gone]);
        match open(&disk_with(&without)) {
            Err(open::Error::Damaged(damage)) => {
                assert!(refused, "{damage}");
                let found = Fault::Index { found: gone as u64 + 1 };
                assert_eq!((damage.index, damage.fault), (gone as u64, found), "{damage}");
            }
            Err(other) => panic!("{other}"),
            Ok((log, _)) => {
                assert!(!refused, "record {gone} is missed by nobody");
                assert_eq!(read_all(&log.reader()), (0..gone).map(record).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn a_body_that_holds_frames_is_not_taken_for_records_when_its_frame_is_torn() {
    // The frames of another log of the same incarnation: all that a sender could know.
    let other = Options { salt: *b"tlastlas", ..options() };
    let forged = Sim::new();
    let (mut log, _) = Log::open(Arc::new(forged.clone()), Path::new(DIR), other).unwrap();
    for index in 0..4 {
        log.append([&record(index)]).unwrap();
        log.sync().unwrap();
    }
    let frames = forged.contents(Path::new(FILE)).unwrap()[HEADER_BYTES..].to_vec();

    let disk = Sim::new();
    let (mut log, _) = open(&disk).unwrap();
    log.append([&Record::new("leaf", frames)]).unwrap();
    let mut file = disk.contents(Path::new(FILE)).unwrap();
    file.pop();
    let (_, recovery) = open(&disk_with(&file)).unwrap();
    assert_eq!((recovery.next, recovery.mark), (0, 0));
}

#[test]
fn a_damaged_record_of_an_earlier_segment_is_named_when_it_is_read() {
    let disk = Sim::new();
    let small = Options { segment_bytes_max: 200, ..options() };
    let (mut log, _) = Log::open(Arc::new(disk.clone()), Path::new(DIR), small).unwrap();
    for index in 0..20 {
        log.append([&record(index)]).unwrap();
        log.sync().unwrap();
    }
    drop(log);
    // The length of record 1's leaf: everything behind it in the segment is out of place.
    let offset = HEADER_BYTES + FRAME_BYTES + record(0).leaf.len() + 24;
    assert!(disk.flip(Path::new(FILE), offset as u64, 3));
    let (log, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.next, 20);
    let reader = log.reader();
    assert_eq!(reader.get(0).unwrap().record, record(0));
    for index in [1, 2] {
        let error = reader.get(index).unwrap_err();
        assert!(error.to_string().contains("record 1 is damaged"), "{index}: {error}");
    }
    let mut scan = reader.scan(0);
    assert!(scan.next().unwrap().is_ok());
    assert!(scan.next().unwrap().unwrap_err().to_string().contains("record 1 is damaged"));
    assert_eq!(reader.get(19).unwrap().record, record(19));
}

#[test]
fn a_segment_whose_header_was_never_finished_is_made_anew() {
    let (file, _) = written();
    for bytes in 0..=HEADER_BYTES {
        let disk = disk_with(&file);
        disk.put(Path::new("log/00000000000000000005.seg"), &vec![0; bytes]);
        let (mut log, recovery) = open(&disk).unwrap();
        assert_eq!((recovery.next, recovery.segments), (5, 1), "{bytes} bytes");
        let torn = recovery.torn.unwrap();
        assert_eq!((torn.offset, torn.bytes, torn.fault), (0, bytes as u64, Fault::Segment));
        log.append([&record(5)]).unwrap();
        // The segment after record 7 was made, so that records 5 and 6 had been synced.
        disk.kill();
        disk.put(Path::new("log/00000000000000000007.seg"), &vec![0; bytes]);
        let error = open(&disk).err().unwrap();
        assert!(error.to_string().contains("record 6 is damaged"), "{bytes} bytes: {error}");
    }
}

#[test]
fn a_reader_beside_a_running_writer_changes_nothing() {
    let (file, ends) = written();
    let disk = disk_with(&file[..ends[4] - 1]);
    let (reader, recovery) = Reader::open(&(Arc::new(disk.clone()) as _), Path::new(DIR), 0).unwrap();
    assert_eq!((recovery.mark, recovery.next), (3, 4));
    assert!(matches!(recovery.torn.unwrap().fault, Fault::Short { missing: 1 }));
    assert_eq!(read_all(&reader), (0..4).map(record).collect::<Vec<_>>());
    assert_eq!(disk.contents(Path::new(FILE)).unwrap().len(), ends[4] - 1);
    assert_eq!(disk.operations(), 0);
}
