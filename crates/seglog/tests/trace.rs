//! What the disk saw, in order, and when callers were told: nobody before the sync that covers his records.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use common::watched::{Event, Trace, Watched};
use common::{DIR, FRAME_BYTES, HEADER_BYTES, open_with, options, segment};
use sealpost_seglog::disk::sim::Sim;
use sealpost_seglog::{Capacity, Location, Options, Pending, Record, Writer, read};

/// Rotates every few groups.
const SEGMENT_BYTES_MAX: u64 = 6000;
const ROUNDS: usize = 40;

fn record(number: usize) -> Record {
    Record::new(format!("leaf {number}"), vec![1; number * 97 % 1900])
}

/// Asks for the outcome, and leaves a waker that writes down when it comes.
fn ask(pending: &mut Pending, trace: &Arc<Trace>, number: usize) {
    let waker = trace.waker(number);
    let outcome = Pin::new(pending).poll(&mut Context::from_waker(&waker));
    assert!(outcome.is_pending(), "append {number} was acknowledged while its sync was held");
}

/// Where in the trace something was, between two places.
fn find(events: &[Event], after: usize, before: usize, wanted: impl Fn(&Event) -> bool) -> Option<usize> {
    events[..before].iter().enumerate().skip(after).find(|(_, event)| wanted(event)).map(|(at, _)| at)
}

/// Whoever was told at `told` that a record lies here was told the truth: its bytes, the header of its segment and
/// the name of the file were written and then synced before.
fn assert_durable_before(events: &[Event], told: usize, location: &Location) {
    let path = segment(location.segment);
    let name = path.display();
    let (start, end) = (location.offset, location.offset + u64::from(location.length));
    let covers = |from: u64, to: u64| {
        let path = path.clone();
        move |event: &Event| {
            matches!(event, Event::Write { file, offset, bytes }
                if *file == path && *offset <= from && offset + bytes >= to)
        }
    };
    let sync = |event: &Event| *event == Event::Sync(path.clone());
    let created = find(events, 0, told, |event| *event == Event::Create(path.clone()));
    let created =
        created.unwrap_or_else(|| panic!("{name} was not made before {location:?} was acknowledged"));
    let named = find(events, created, told, |event| *event == Event::SyncDir(DIR.into()));
    assert!(named.is_some(), "the name of {name} was not synced before {location:?} was acknowledged");
    for (what, from, to) in [("header", 0, HEADER_BYTES as u64), ("record", start, end)] {
        let written = find(events, created, told, covers(from, to));
        let written =
            written.unwrap_or_else(|| panic!("{what} of {location:?}: acknowledged before its write"));
        let synced = find(events, written, told, sync);
        assert!(synced.is_some(), "{what} of {location:?}: acknowledged before its sync");
    }
}

#[tokio::test]
async fn nobody_is_told_before_the_sync_that_covers_his_records() {
    let disk = Watched::new(Sim::new());
    let trace = Arc::clone(&disk.trace);
    let small = Options { segment_bytes_max: SEGMENT_BYTES_MAX, ..options() };
    let writer = Writer::spawn(open_with(&disk, small).unwrap().0, Capacity::default()).unwrap();
    let mut told = Vec::new();
    for round in 0..ROUNDS {
        // The group is held in its sync, so that everybody waits, whoever is quick.
        trace.hold();
        let appends = 1 + round % 4;
        let mut pending: Vec<_> = (0..appends)
            .map(|at| writer.enqueue(vec![record(round + at), record(round * 3)]).unwrap())
            .collect();
        trace.wait_until_held();
        for (at, pending) in pending.iter_mut().enumerate() {
            ask(pending, &trace, round * 10 + at);
        }
        let next = pending[0].first() + 2;
        let mut mark = writer.watch();
        let mut rises = pin!(mark.wait_for(|durable| *durable >= next));
        let waker = trace.waker(round * 10 + 9);
        assert!(matches!(rises.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
        trace.release();
        trace.wait_until_told(round * 10 + 9);
        for (at, pending) in pending.into_iter().enumerate() {
            trace.wait_until_told(round * 10 + at);
            let locations = pending.await.unwrap().locations;
            if at == 0 {
                told.push((round * 10 + 9, locations.clone()));
            }
            told.push((round * 10 + at, locations));
        }
    }
    writer.close().await.unwrap();
    let events = trace.events();
    let mut checked = 0;
    for (number, locations) in &told {
        let at = events.iter().position(|event| *event == Event::Told(*number)).unwrap();
        for location in locations {
            assert_durable_before(&events, at, location);
            checked += 1;
        }
    }
    let rotations = events.iter().filter(|event| matches!(event, Event::Create(_))).count();
    println!(
        "{checked} records acknowledged after their sync, in {rotations} segments, {} events",
        events.len()
    );
    assert!(checked >= 4 * ROUNDS && rotations > 5, "{checked} records, {rotations} segments");
}

#[tokio::test]
async fn all_that_gathers_during_a_sync_takes_one_write_and_one_sync() {
    const WAITING: usize = 200;
    let disk = Watched::new(Sim::new());
    let trace = Arc::clone(&disk.trace);
    let writer = Writer::spawn(open_with(&disk, options()).unwrap().0, Capacity::default()).unwrap();
    trace.hold();
    let first = writer.enqueue(vec![record(0)]).unwrap();
    trace.wait_until_held();
    let waiting: Vec<_> = (0..WAITING).map(|at| writer.enqueue(vec![record(at)]).unwrap()).collect();
    trace.take();
    trace.release();
    first.await.unwrap();
    for pending in waiting {
        pending.await.unwrap();
    }
    let done: Vec<_> = trace.events().iter().filter_map(Event::operation).collect();
    assert_eq!(done, ["sync", "write", "sync"], "the held sync, then the group of {WAITING}");
}

#[test]
fn a_new_log_is_named_and_its_header_synced_before_anything_is_appended() {
    let disk = Watched::new(Sim::new());
    let (_log, _) = open_with(&disk, options()).unwrap();
    let done: Vec<_> = disk.trace.events().iter().filter_map(Event::operation).collect();
    assert_eq!(done, ["create dir", "create", "write", "sync", "sync dir"]);
}

#[tokio::test]
async fn a_reader_sees_nothing_of_a_group_before_its_sync() {
    let sim = Sim::new();
    let disk = Watched::new(sim.clone());
    let writer = Writer::spawn(open_with(&disk, options()).unwrap().0, Capacity::default()).unwrap();
    writer.append(vec![record(0)]).await.unwrap();
    disk.trace.hold();
    let pending = writer.enqueue(vec![record(1), record(2)]).unwrap();
    disk.trace.wait_until_held();
    // The bytes are in the file already.
    let whole: usize = (0..3).map(|at| FRAME_BYTES + record(at).leaf.len() + record(at).body.len()).sum();
    assert_eq!(sim.contents(&segment(0)).unwrap().len(), HEADER_BYTES + whole);
    let reader = writer.reader();
    assert!(matches!(reader.get(1), Err(read::Error::Ahead { index: 1, durable: 1 })));
    assert_eq!(reader.scan(0).map(|entry| entry.unwrap().record).collect::<Vec<_>>(), [record(0)]);
    disk.trace.release();
    pending.await.unwrap();
    assert_eq!(reader.get(2).unwrap().record, record(2));
}
