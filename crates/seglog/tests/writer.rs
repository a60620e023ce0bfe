//! The writer in front of the log: order, acknowledgement after the sync, a full queue, a full disk, the end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::watched::Watched;
use common::{DIR, options};
use sealpost_seglog::disk::sim::{Failure, Sim};
use sealpost_seglog::disk::{Disk, Real};
use sealpost_seglog::{Capacity, Location, Log, Options, Record, Writer, append, open, read};

/// After so long what is waited for will not come.
const PATIENCE: Duration = Duration::from_secs(20);

fn open_on(disk: impl Disk, dir: &Path, options: Options) -> Log {
    Log::open(Arc::new(disk), dir, options).unwrap().0
}

fn sim_log(disk: &Sim) -> Log {
    open_on(disk.clone(), Path::new(DIR), options())
}

fn record(number: usize) -> Record {
    Record::new(format!("leaf {number}"), format!("body {number}"))
}

#[tokio::test]
async fn appends_are_committed_in_the_order_of_the_calls_even_if_nobody_waits() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options { segment_bytes_max: 4096, ..options() };
    let writer = Writer::spawn(open_on(Real, dir.path(), small), Capacity::default()).unwrap();
    let pending: Vec<_> = (0..500).map(|number| writer.enqueue(vec![record(number)]).unwrap()).collect();
    let mut locations: Vec<Location> = Vec::new();
    for (number, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.first(), number as u64);
        let appended = pending.await.unwrap();
        assert_eq!((appended.first, appended.next), (number as u64, number as u64 + 1));
        assert!(writer.durable() >= appended.next, "acknowledged before it was durable");
        locations.extend(appended.locations);
    }
    writer.close().await.unwrap();
    assert!(matches!(writer.append(vec![record(0)]).await, Err(append::Error::Closed)));

    // Closed means unlocked: the next one opens it at once and finds everything.
    let log = open_on(Real, dir.path(), options());
    let reader = log.reader();
    for (number, entry) in reader.scan(0).enumerate() {
        let entry = entry.unwrap();
        assert_eq!((entry.index, &entry.record), (number as u64, &record(number)));
        assert_eq!(entry.location, locations[number]);
        assert_eq!(reader.read_at(&locations[number]).unwrap(), record(number));
        assert_eq!(reader.get(number as u64).unwrap(), entry);
    }
    assert_eq!(log.next(), 500);
    let wrong = Location { crc: locations[3].crc ^ 1, ..locations[3] };
    assert!(matches!(reader.read_at(&wrong), Err(read::Error::Damaged(damage)) if damage.index == 3));
}

#[tokio::test]
async fn a_reader_follows_the_writer_record_by_record() {
    let dir = tempfile::tempdir().unwrap();
    let small = Options { segment_bytes_max: 2000, ..options() };
    let writer = Writer::spawn(open_on(Real, dir.path(), small), Capacity::default()).unwrap();
    let mut scan = writer.reader().scan(0);
    let mut mark = writer.watch();
    let appends = tokio::spawn({
        let writer = writer.clone();
        async move {
            for number in 0..300 {
                writer
                    .append((0..number % 4).map(|part| record(number * 10 + part)).collect())
                    .await
                    .unwrap();
            }
        }
    });
    let total: u64 = (0..300).map(|number| number % 4).sum();
    while scan.position() < total {
        let rises = mark.wait_for(|durable| *durable > scan.position());
        tokio::time::timeout(PATIENCE, rises).await.expect("the mark rises").unwrap();
        for entry in scan.by_ref() {
            entry.unwrap();
        }
    }
    appends.await.unwrap();
    assert!(matches!(writer.reader().get(total), Err(read::Error::Ahead { .. })));
}

#[tokio::test]
async fn a_full_queue_refuses_and_a_waiting_append_gets_through() {
    let disk = Sim::new();
    let one = Record::new("", vec![0; 800]);
    let capacity = Capacity { queue_bytes: 1000, group_bytes: 1000 };
    let writer = Writer::spawn(sim_log(&disk), capacity).unwrap();
    let too_large = writer.enqueue(vec![one.clone(), one.clone()]).unwrap_err();
    assert!(matches!(too_large, append::Error::TooLarge { limit: 1000, .. }), "{too_large}");
    let mut refused = 0;
    let mut accepted = 0;
    while refused == 0 {
        match writer.enqueue(vec![one.clone()]) {
            Ok(_) => accepted += 1,
            Err(append::Error::Full { .. }) => refused += 1,
            Err(other) => panic!("{other}"),
        }
    }
    let appended = writer.append(vec![one]).await.unwrap();
    assert_eq!(appended.first, accepted);
}

#[tokio::test]
async fn a_full_disk_refuses_all_that_is_queued_and_goes_on_when_there_is_space() {
    let disk = Sim::new();
    let writer = Writer::spawn(sim_log(&disk), Capacity::default()).unwrap();
    writer.append(vec![record(0)]).await.unwrap();
    disk.set_capacity(Some(0));
    let first = writer.enqueue(vec![record(1)]).unwrap();
    let behind = writer.enqueue(vec![record(2)]).unwrap();
    assert!(matches!(first.await, Err(append::Error::NoSpace { .. })));
    assert!(matches!(behind.await, Err(append::Error::NoSpace { .. })));
    assert_eq!(writer.reader().get(0).unwrap().record, record(0), "reading stops with the space");
    disk.set_capacity(None);
    let moved = writer.enqueue_at(3, vec![record(3)]).unwrap_err();
    assert!(matches!(moved, append::Error::Moved { expected: 3, next: 1 }), "{moved}");
    let appended = writer.enqueue_at(1, vec![record(1)]).unwrap().await.unwrap();
    assert_eq!(appended.first, 1);
    disk.lose_power(1);
    let found: Vec<_> = sim_log(&disk).reader().scan(0).map(|entry| entry.unwrap().record).collect();
    assert_eq!(found, [record(0), record(1)]);
}

#[tokio::test]
async fn what_is_queued_behind_a_refused_append_is_refused_even_if_it_would_fit() {
    let sim = Sim::new();
    let disk = Watched::new(sim.clone());
    // Every append is a group of its own.
    let capacity = Capacity { group_bytes: 1, ..Capacity::default() };
    let writer = Writer::spawn(open_on(disk.clone(), Path::new(DIR), options()), capacity).unwrap();
    disk.trace.hold();
    let before = writer.enqueue(vec![record(0)]).unwrap();
    disk.trace.wait_until_held();
    sim.set_capacity(Some(sim.used() + 300));
    let large = writer.enqueue(vec![Record::new("", vec![0; 1000])]).unwrap();
    let behind = writer.enqueue(vec![record(2)]).unwrap();
    disk.trace.release();
    assert_eq!(before.await.unwrap().next, 1);
    assert!(matches!(large.await, Err(append::Error::NoSpace { .. })));
    assert!(matches!(behind.await, Err(append::Error::NoSpace { .. })), "it was promised the place behind");
    assert_eq!(writer.enqueue_at(1, vec![record(1)]).unwrap().await.unwrap().next, 2);
}

#[tokio::test]
async fn a_failed_write_or_sync_ends_the_writer_and_is_never_tried_again() {
    for (at, operation) in [(0, "write"), (1, "sync")] {
        let disk = Sim::new();
        let writer = Writer::spawn(sim_log(&disk), Capacity::default()).unwrap();
        writer.append(vec![record(0)]).await.unwrap();
        disk.fail(disk.operations() + at, Failure::Refused);
        let failed = writer.append(vec![record(1)]).await.unwrap_err();
        assert!(matches!(&failed, append::Error::Fatal(fatal) if fatal.operation == operation), "{failed}");
        assert_eq!(writer.failed().await.operation, operation);
        let operations = disk.operations();
        assert!(matches!(writer.append(vec![record(2)]).await, Err(append::Error::Fatal(_))));
        assert!(writer.close().await.is_err());
        assert_eq!((disk.operations(), writer.durable()), (operations, 1));
        assert_eq!(writer.reader().get(0).unwrap().record, record(0));
    }
}

#[tokio::test]
async fn settled_segments_are_removed_whole_and_the_log_starts_later() {
    let disk = Sim::new();
    let small = Options { segment_bytes_max: 300, ..options() };
    let writer = Writer::spawn(open_on(disk.clone(), Path::new(DIR), small), Capacity::default()).unwrap();
    for number in 0..50 {
        writer.append(vec![record(number)]).await.unwrap();
    }
    let first = writer.remove_segments_below(20).await.unwrap();
    assert!(first > 10 && first <= 20, "{first}");
    assert!(matches!(writer.reader().get(first - 1), Err(read::Error::Removed { .. })));
    writer.remove_segments_below(u64::MAX).await.unwrap();
    writer.close().await.unwrap();
    disk.lose_power(1);
    let (log, recovery) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap();
    assert_eq!((recovery.segments, recovery.next), (1, 50));
    assert_eq!(
        log.reader().get(recovery.first).unwrap().record,
        record(usize::try_from(recovery.first).unwrap())
    );
}

#[tokio::test]
async fn the_inline_writer_behaves_like_the_thread() {
    let disk = Sim::new();
    let writer = Writer::inline(sim_log(&disk), Capacity::default());
    let pending = writer.enqueue(vec![record(0), record(1)]).unwrap();
    assert_eq!(writer.durable(), 2);
    assert_eq!(pending.await.unwrap().next, 2);
    disk.set_capacity(Some(0));
    assert!(matches!(writer.append(vec![record(2)]).await, Err(append::Error::NoSpace { .. })));
    disk.set_capacity(None);
    assert_eq!(writer.append(vec![record(2)]).await.unwrap().first, 2);
    writer.close().await.unwrap();
    assert!(matches!(writer.enqueue(vec![record(3)]), Err(append::Error::Closed)));
    assert_eq!(sim_log(&disk).next(), 3);
}

#[test]
fn a_second_log_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = open_on(Real, dir.path(), options());
    let second = Log::open(Arc::new(Real), dir.path(), options()).err().unwrap();
    assert!(matches!(second, open::Error::Locked { .. }), "{second}");
    drop(log);
    open_on(Real, dir.path(), options());
}

#[test]
fn a_new_incarnation_starts_with_a_segment_of_its_own() {
    let disk = Sim::new();
    let mut log = sim_log(&disk);
    log.begin_incarnation([8; 16]).unwrap();
    log.append([&record(0)]).unwrap();
    log.begin_incarnation([9; 16]).unwrap();
    log.append([&record(1)]).unwrap();
    log.sync().unwrap();
    disk.lose_power(1);
    let (log, recovery) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap();
    assert_eq!((recovery.incarnation, recovery.next, recovery.segments), ([9; 16], 2, 2));
    assert_eq!(log.reader().incarnations(), [(0, [8; 16]), (1, [9; 16])]);
    assert_eq!(log.reader().get(0).unwrap().record, record(0));
}
