//! Every operation on the disk goes wrong once, in every way, and the process goes with it, or the power too, with
//! every part of what was unsynced kept or lost. Whatever then lies on the platter, the log that is opened from it
//! holds every record that was acknowledged, in order and once, and none that was refused; and it goes on.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeMap;

use common::script::{Account, check, run, small};
use common::watched::Watched;
use common::{HEADER_BYTES, commit, open_with, read_all};
use sealpost_seglog::disk::sim::{Failure, Sim};
use sealpost_seglog::{Options, Record, append, open};

const FAILURES: [Failure; 14] = [
    Failure::Refused,
    Failure::AfterEffect,
    Failure::Persisted,
    Failure::Torn(1),
    Failure::Torn(4096),
    Failure::Torn(4500),
    Failure::Scattered(1),
    Failure::Scattered(2),
    Failure::Scattered(3),
    Failure::Scattered(4),
    Failure::Scattered(5),
    Failure::Scattered(6),
    Failure::Full(0),
    Failure::Full(700),
];
/// Up to so many unsynced parts every subset is tried; of more, those of the first so many with all or none of the rest.
const PARTS_MAX: u32 = 6;

/// How the program ends.
#[derive(Debug, Clone, Copy)]
enum Crash {
    /// The page cache survives.
    Kill,
    /// These parts of what was unsynced survive.
    Keeping(u64),
    /// The seed decides, up to any byte of a page.
    Seed(u64),
}

impl Crash {
    /// All that are tried from this state.
    fn all(disk: &Sim) -> Vec<Self> {
        let parts = disk.unsynced();
        let subsets = 1 << parts.min(PARTS_MAX);
        let others = if parts > PARTS_MAX { vec![0, u64::MAX << PARTS_MAX] } else { vec![0] };
        let keeping = (0..subsets).flat_map(|subset| others.iter().map(move |rest| subset | rest));
        let seeds = if parts > 0 { 0..8 } else { 0..0 };
        [Self::Kill].into_iter().chain(keeping.map(Self::Keeping)).chain(seeds.map(Self::Seed)).collect()
    }

    fn happen(self, disk: &Sim) {
        match self {
            Self::Kill => disk.kill(),
            Self::Keeping(subset) => disk.lose_power_keeping(subset),
            Self::Seed(seed) => disk.lose_power(seed),
        }
    }
}

/// Lets every crash happen from here, each on a disk of its own; returns how many there were.
fn crash_and_check(disk: &Sim, account: &Account, context: &str) -> u64 {
    let crashes = Crash::all(disk);
    for crash in &crashes {
        let disk = disk.fork();
        crash.happen(&disk);
        check(&disk, account, &format!("{context}, then {crash:?}"));
    }
    crashes.len() as u64
}

/// The operations of the script on a healthy disk, in order.
fn healthy() -> Vec<&'static str> {
    let disk = Watched::new(Sim::new());
    let account = run(&disk.disk, &disk);
    assert_eq!((account.acknowledged.len(), account.refused.len()), (26, 11));
    assert!(account.in_flight.is_empty());
    check(&disk.disk, &account, "healthy");
    disk.trace.operations()
}

/// What was tried of one kind of operation.
#[derive(Default)]
struct Tried {
    operations: u64,
    faults: u64,
    points: u64,
}

#[test]
fn acknowledged_records_survive_every_fault_of_every_operation() {
    let operations = healthy();
    let mut tried: BTreeMap<&str, Tried> = BTreeMap::new();
    for (operation, kind) in operations.iter().enumerate() {
        let row = tried.entry(kind).or_default();
        row.operations += 1;
        for failure in FAILURES {
            let disk = Sim::new();
            disk.fail(operation as u64, failure);
            let account = run(&disk, &disk);
            assert_eq!(disk.planned(), 0, "operation {operation} never came");
            row.faults += 1;
            row.points += crash_and_check(&disk, &account, &format!("{kind} {operation} {failure:?}"));
        }
    }
    for (kind, row) in &tried {
        println!(
            "{kind:>10}: {:4} operations, {:4} faults, {:6} points",
            row.operations, row.faults, row.points
        );
        assert_eq!(row.faults, row.operations * FAILURES.len() as u64);
        assert!(row.points >= 2 * row.faults, "{kind}");
    }
    let sum = |of: fn(&Tried) -> u64| tried.values().map(of).sum::<u64>();
    let (faults, points) = (sum(|row| row.faults), sum(|row| row.points));
    println!("{points} points exercised: {} operations, {faults} faults", operations.len());
    assert_eq!(faults, (operations.len() * FAILURES.len()) as u64);
}

#[test]
fn the_script_does_everything_that_changes_a_disk_several_times() {
    let operations = healthy();
    for kind in ["create", "write", "sync", "sync dir", "truncate", "remove"] {
        assert!(operations.iter().filter(|done| **done == kind).count() >= 3, "{kind}");
    }
}

#[test]
fn a_crash_between_any_two_operations_loses_nothing_that_was_acknowledged() {
    // Refused, and with it everything after: the program ended before this operation.
    let mut points = 0;
    let operations = healthy().len() as u64;
    for operation in 0..operations {
        let disk = Sim::new();
        (operation..operations + 10).for_each(|later| disk.fail(later, Failure::Refused));
        let account = run(&disk, &disk);
        points += crash_and_check(&disk, &account, &format!("ended before operation {operation}"));
    }
    println!("{points} points exercised between {operations} operations");
    assert!(points > operations);
}

/// A log whose last group was never synced, after a crash with this seed.
fn unsynced_group(seed: u64) -> (Sim, Account) {
    let disk = Sim::new();
    let mut account = run(&disk, &disk);
    let (mut log, _) = open_with(&disk, small()).unwrap();
    let group = vec![Record::new("unsynced", vec![9; 9000]), Record::new("unsynced too", vec![8; 10])];
    log.append(&group).unwrap();
    disk.lose_power(seed);
    account.in_flight = group;
    (disk, account)
}

#[test]
fn a_recovery_that_fails_halfway_is_repeated_without_loss() {
    let (mut torn, mut points) = (0, 0);
    for seed in 0..12 {
        let (start, account) = unsynced_group(seed);
        let disk = start.fork();
        let before = disk.operations();
        let (_, recovery) = open_with(&disk, small()).unwrap();
        torn += usize::from(recovery.torn.is_some());
        for operation in before..disk.operations() {
            for failure in FAILURES {
                let disk = start.fork();
                disk.fail(operation, failure);
                assert!(
                    open_with(&disk, small()).is_err(),
                    "operation {operation}, {failure:?}, seed {seed}"
                );
                let context = format!("recovery {operation}, {failure:?}, seed {seed}");
                points += crash_and_check(&disk, &account, &context);
            }
        }
    }
    println!("{points} points exercised, {torn} of 12 tails torn");
    assert!(torn > 2 && points > 1000, "{torn} of 12 tails torn, {points} points");
}

#[test]
fn a_read_error_is_never_taken_for_damage_and_changes_nothing() {
    for seed in 0..12 {
        let (start, account) = unsynced_group(seed);
        let disk = start.fork();
        let before = disk.reads();
        open_with(&disk, small()).unwrap();
        let reads = disk.reads();
        for read in before..reads {
            let disk = start.fork();
            disk.fail_read(read);
            let error = open_with(&disk, small()).err().unwrap();
            assert!(matches!(error, open::Error::Io { .. }), "read {read}, seed {seed}: {error}");
            // What was read before the error may have been acted upon, but never beyond.
            disk.kill();
            check(&disk, &account, &format!("read {read}, seed {seed}"));
        }
        assert!(reads > before + 5);
    }
}

#[test]
fn what_a_failed_sync_left_in_the_cache_is_written_again_before_it_counts() {
    let disk = Sim::new();
    let (mut log, _) = open_with(&disk, small()).unwrap();
    let record = Record::new("leaf", "body");
    log.append([&record]).unwrap();
    disk.fail(disk.operations(), Failure::Refused);
    assert!(log.sync().is_err());
    assert!(log.append([&record]).is_err(), "the log goes on after a failed sync");

    // The process ends; its successor finds the record in the cache and tells others of it.
    disk.kill();
    let (log, recovery) = open_with(&disk, small()).unwrap();
    assert_eq!((recovery.next, log.durable()), (1, 1));
    for seed in 0..20 {
        disk.lose_power(seed);
        let (log, _) = open_with(&disk, small()).unwrap();
        assert_eq!(log.reader().get(0).unwrap().record, record, "seed {seed}");
    }
}

#[test]
fn a_disk_that_is_full_at_any_byte_refuses_whole_and_goes_on_by_itself() {
    let tiny = Options { segment_bytes_max: 400, ..small() };
    // All of one length, so that what one of a refused group left behind would fit behind another.
    let group = |number: u8| (0..4).map(|at| Record::new(vec![at; 3], vec![number; 20])).collect::<Vec<_>>();
    let roomy = Sim::new();
    let (mut log, _) = open_with(&roomy, tiny).unwrap();
    (0..8).for_each(|number| commit(&mut log, &group(number)));
    let total = roomy.used();
    let mut refusals = 0;
    for capacity in HEADER_BYTES as u64..total {
        let disk = Sim::new();
        disk.set_capacity(Some(capacity));
        let (mut log, _) = open_with(&disk, tiny).unwrap();
        let mut expected = Vec::new();
        for number in 0..8 {
            let group = group(number);
            if let Err(error) = log.append(&group) {
                assert!(matches!(error, append::Error::NoSpace { .. }), "{capacity}: {error}");
                assert_eq!(read_all(&log.reader()), expected, "reading stops at {capacity} bytes");
                refusals += 1;
                disk.set_capacity(None);
                let alone = Record::new("one", vec![255; 20]);
                log.append([&alone]).unwrap();
                expected.push(alone);
            } else {
                expected.extend(group);
            }
            log.sync().unwrap();
        }
        disk.lose_power_keeping(0);
        let (log, recovery) = open_with(&disk, tiny).unwrap();
        assert_eq!(read_all(&log.reader()), expected, "{capacity} bytes");
        assert_eq!(recovery.torn, None);
    }
    assert_eq!(refusals, total - HEADER_BYTES as u64, "every capacity refuses once");
}
