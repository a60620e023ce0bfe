//! What opening a log and finding a record in it reads from the disk.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use common::watched::Watched;
use common::{HEADER_BYTES, options};
use sealpost_seglog::disk::{Disk, Real};
use sealpost_seglog::{Log, Options, Reader, Record};

/// Records of 1 KiB with their frame.
const BODY_BYTES: usize = 980;

fn record(index: u64) -> Record {
    let mut body = vec![0x93; BODY_BYTES];
    body[..8].copy_from_slice(&index.to_le_bytes());
    Record::new(index.to_le_bytes().to_vec(), body)
}

fn open(disk: &(impl Disk + Clone), dir: &Path, segment_bytes_max: u64) -> Log {
    let options = Options { segment_bytes_max, ..options() };
    Log::open(Arc::new(disk.clone()), dir, options).unwrap().0
}

/// Appends records in groups of 256 KiB.
fn fill(log: &mut Log, records: u64) {
    for first in (0..records).step_by(256) {
        let group: Vec<_> = (first..records.min(first + 256)).map(record).collect();
        log.append(&group).unwrap();
    }
    log.sync().unwrap();
}

/// Reads records here and there, and returns the most that one of them took of the disk.
fn most_read(reader: &Reader, disk: &Watched<Real>, records: u64) -> u64 {
    // Steps without a common factor come by everywhere.
    let chosen = (0..300_u64).map(|at| at * 7919 % records).chain([0, records - 1]);
    let costs = chosen.map(|index| {
        disk.trace.take();
        assert_eq!(reader.get(index).unwrap().record, record(index));
        disk.trace.bytes_read()
    });
    costs.max().unwrap()
}

#[test]
fn a_clean_log_is_opened_by_its_headers_and_its_last_segment() {
    const SEGMENT_BYTES_MAX: u64 = 256 << 10;
    let dir = tempfile::tempdir().unwrap();
    fill(&mut open(&Real, dir.path(), SEGMENT_BYTES_MAX), 5000);
    let files =
        || fs::read_dir(dir.path()).unwrap().map(Result::unwrap).filter(|file| file.file_name() != "lock");
    let segments = files().count() as u64;
    let last = files().max_by_key(fs::DirEntry::file_name).unwrap().metadata().unwrap().len();
    let total: u64 = files().map(|file| file.metadata().unwrap().len()).sum();

    let disk = Watched::new(Real);
    let log = open(&disk, dir.path(), SEGMENT_BYTES_MAX);
    assert_eq!(log.next(), 5000);
    let read = disk.trace.bytes_read();
    println!("{read} bytes read to open {segments} segments of {total} bytes, the last of {last}");
    // The last segment is read to its end, and what stands above the mark once more to be written again.
    assert!(
        read <= segments * HEADER_BYTES as u64 + 2 * last,
        "{read} of {total} bytes read, the last has {last}"
    );
    assert!(segments > 15 && total > 15 * last, "{segments} segments, {total} bytes, the last has {last}");
}

#[test]
fn a_record_of_a_large_segment_is_found_by_a_few_small_reads() {
    const RECORDS: u64 = 70_000;
    const LIMIT: u64 = 128 << 10;
    let dir = tempfile::tempdir().unwrap();
    let mut log = open(&Real, dir.path(), 64 << 20);
    fill(&mut log, RECORDS);
    drop(log);
    let first = fs::metadata(dir.path().join("00000000000000000000.seg")).unwrap().len();
    assert!(first > 60 << 20, "{first} bytes");

    let disk = Watched::new(Real);
    let log = open(&disk, dir.path(), 64 << 20);
    let most = most_read(&log.reader(), &disk, RECORDS);
    println!("at most {most} bytes read for one record of a segment of {first} bytes");
    assert!(most <= LIMIT, "{most} bytes read for one record");
}

#[test]
fn bodies_full_of_false_frames_do_not_hide_a_record() {
    const RECORDS: u64 = 3000;
    let dir = tempfile::tempdir().unwrap();
    // The start of a frame, again and again, with lengths that make sense; as a sender could write it.
    let mut start = b"\x93SPF\x01\0\0\0".to_vec();
    start.extend_from_slice(&(RECORDS / 2).to_le_bytes());
    start.extend_from_slice(&0_u64.to_le_bytes());
    start.extend_from_slice(&[0, 1, 0, 0, 0, 2, 0, 0, 7, 7, 7, 7]);
    let forged = |index: u64| Record::new(index.to_le_bytes().to_vec(), start.repeat(60));
    let mut log = open(&Real, dir.path(), 64 << 20);
    log.append(&(0..RECORDS).map(forged).collect::<Vec<_>>()).unwrap();
    log.sync().unwrap();
    log.begin_incarnation([9; 16]).unwrap();
    drop(log);
    let disk = Watched::new(Real);
    let reader = open(&disk, dir.path(), 64 << 20).reader();
    for index in (0..RECORDS).step_by(97) {
        disk.trace.take();
        assert_eq!(reader.get(index).unwrap().record, forged(index));
        let read = disk.trace.bytes_read();
        assert!(read < 1 << 20, "{read} bytes read for record {index}");
    }
}
