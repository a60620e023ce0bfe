//! Every operation on the disk goes wrong once, in every way, and the power goes with it. Whatever then lies on the
//! platter, the log that is opened from it holds every record that was acknowledged, in order and once, and none that
//! was refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use sealpost_seglog::disk::sim::{Failure, Sim};
use sealpost_seglog::{Log, Options, Record, append};

const DIR: &str = "log";
/// Small, so that the workload rotates several times.
const SEGMENT_BYTES_MAX: u64 = 12_000;
const GROUPS: [usize; 9] = [1, 3, 1, 4, 1, 2, 6, 1, 2];
/// One body spans pages, so that one write can lose its middle.
const BODY_BYTES: [usize; 3] = [10, 6000, 900];

/// What the log may hold after a crash.
#[derive(Default)]
struct Expected {
    acknowledged: Vec<Record>,
    /// The group that was being written when the disk failed: any part of it from the front may be there.
    in_flight: Vec<Record>,
    refused: usize,
}

fn options() -> Options {
    Options { segment_bytes_max: SEGMENT_BYTES_MAX, ..Options::new([7; 16], *b"saltsalt") }
}

/// Appends group after group until all are in or the disk fails; a group refused for space is not tried again.
fn workload(disk: &Sim) -> Expected {
    let mut expected = Expected::default();
    let Ok((mut log, _)) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()) else {
        return expected;
    };
    let mut number = 0;
    for records in GROUPS {
        let group: Vec<_> = (0..records)
            .map(|_| {
                number += 1;
                Record::new(
                    format!("record {number}"),
                    vec![u8::try_from(number).unwrap(); BODY_BYTES[number % 3]],
                )
            })
            .collect();
        let outcome = log.append(&group).and_then(|_| Ok(log.sync()?));
        match outcome {
            Ok(_) => expected.acknowledged.extend(group),
            Err(append::Error::NoSpace { .. }) => expected.refused += 1,
            Err(append::Error::Fatal(_)) => {
                expected.in_flight = group;
                break;
            }
            Err(other) => panic!("{other}"),
        }
    }
    expected
}

/// Opens the log, checks what it holds, and that it goes on.
fn check(disk: &Sim, expected: &Expected, context: &str) {
    let opened = Log::open(Arc::new(disk.clone()), Path::new(DIR), options());
    let (mut log, recovery) = opened.unwrap_or_else(|error| panic!("{context}: {error}"));
    let found: Vec<_> = log.reader().scan(0).map(|entry| entry.unwrap().record).collect();
    assert_eq!(found.len() as u64, recovery.next, "{context}");
    let acknowledged = &expected.acknowledged;
    assert!(found.starts_with(acknowledged), "{context}: {} of {} left", found.len(), acknowledged.len());
    assert!(
        expected.in_flight.starts_with(&found[acknowledged.len()..]),
        "{context}: a refused record came back"
    );
    let more = Record::new("one more", "");
    log.append([&more]).unwrap();
    log.sync().unwrap();
    disk.lose_power(0);
    let (log, _) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap();
    assert_eq!(log.reader().get(recovery.next).unwrap().record, more, "{context}");
}

#[test]
fn acknowledged_records_survive_every_fault_with_loss_of_power() {
    let healthy = Sim::new();
    let complete = workload(&healthy);
    assert_eq!(complete.acknowledged.len(), GROUPS.iter().sum::<usize>());
    let operations = healthy.operations();
    let failures = [
        Failure::Refused,
        Failure::AfterEffect,
        Failure::Torn(1),
        Failure::Torn(5000),
        Failure::Full(0),
        Failure::Full(7000),
    ];
    let mut points = 0;
    for operation in 0..operations {
        for failure in failures {
            for seed in 0..6 {
                let disk = Sim::new();
                disk.fail(operation, failure);
                let expected = workload(&disk);
                disk.lose_power(seed);
                check(&disk, &expected, &format!("operation {operation}, {failure:?}, seed {seed}"));
                points += 1;
            }
        }
    }
    println!("{points} points over {operations} operations");
}

#[test]
fn a_recovery_that_fails_halfway_is_repeated_without_loss() {
    let mut torn = 0;
    for seed in 0..40 {
        // The power goes before the last group is synced; what is left of it, the seed decides.
        let start = |disk: &Sim| {
            let expected = workload(disk);
            let (mut log, _) = Log::open(Arc::new(disk.clone()), Path::new("log"), options()).unwrap();
            let group =
                vec![Record::new("unsynced", vec![9; 9000]), Record::new("unsynced too", vec![8; 10])];
            log.append(&group).unwrap();
            disk.lose_power(seed);
            Expected { in_flight: group, ..expected }
        };
        let disk = Sim::new();
        start(&disk);
        let before = disk.operations();
        let (_, recovery) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap();
        torn += usize::from(recovery.torn.is_some());
        for operation in before..disk.operations() {
            for failure in [Failure::Refused, Failure::AfterEffect, Failure::Torn(4000)] {
                let disk = Sim::new();
                let expected = start(&disk);
                disk.fail(operation, failure);
                let failed = Log::open(Arc::new(disk.clone()), Path::new(DIR), options());
                assert!(failed.is_err(), "operation {operation}, {failure:?}, seed {seed}");
                disk.lose_power(seed + 1000);
                check(&disk, &expected, &format!("operation {operation}, {failure:?}, seed {seed}"));
            }
        }
    }
    assert!(torn > 5, "only {torn} of 40 tails were torn");
}

#[test]
fn what_a_failed_sync_left_in_the_cache_is_written_again_before_it_counts() {
    let disk = Sim::new();
    let (mut log, _) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap();
    let record = Record::new("leaf", "body");
    log.append([&record]).unwrap();
    disk.fail(disk.operations(), Failure::Refused);
    assert!(log.sync().is_err());
    assert!(log.append([&record]).is_err(), "the log goes on after a failed sync");

    // The process ends; its successor finds the record in the cache and tells others of it.
    disk.kill();
    let (log, recovery) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap();
    assert_eq!((recovery.next, log.durable()), (1, 1));
    for seed in 0..20 {
        disk.lose_power(seed);
        let (log, _) = Log::open(Arc::new(disk.clone()), Path::new(DIR), options()).unwrap();
        assert_eq!(log.reader().get(0).unwrap().record, record, "seed {seed}");
    }
}
