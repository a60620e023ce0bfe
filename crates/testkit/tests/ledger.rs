//! A ledger that is made verifies whole, is the same for the same seed, and is kept.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use sealpost_ledger::History;
use sealpost_ledger::tree::Files;
use sealpost_ledger::verify::{ByDirectory, Counts, Report, verify};
use sealpost_seglog::disk::sim::Sim;
use sealpost_seglog::disk::{Disk, Real};
use sealpost_testkit::{Made, Plan, cache};

const PLAN: Plan = Plan { records: 2 + 10 * 32 + 5, seed: 7, body_bytes: 64 };

fn verified(disk: &Arc<dyn Disk>, made: &Made) -> Report {
    let (history, recovery) = History::open(disk, &made.dir, 0).unwrap();
    assert_eq!((recovery.next, recovery.torn), (made.plan.records, None));
    let mut directories = ByDirectory::anchored(made.directory);
    verify(&history, &mut directories, &[], &Files::at(Path::new("/absent")), &mut |_| {})
}

fn write(plan: Plan) -> (Sim, Made) {
    let disk = Sim::new();
    let made = plan.write(Arc::new(disk.clone()), Path::new("ledger"), &mut |_| {}).unwrap();
    (disk, made)
}

#[test]
fn a_ledger_that_is_made_verifies_with_all_its_records() {
    let (disk, made) = write(PLAN);
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let report = verified(&disk, &made);
    assert!(report.fault.is_none(), "{:?}", report.fault);
    let expected = Counts {
        records: PLAN.records,
        sent: 10 * 14 + 3,
        received: 10 * 14 + 2,
        accepted: 10,
        receipts: 30,
        voids: 0,
        directories: 1,
        signed: made.signed(),
        chains: report.counts.chains,
        tiles_missing: 1,
        ..Counts::default()
    };
    assert_eq!(report.counts, expected);
}

#[test]
fn a_flipped_bit_of_a_ledger_that_is_made_is_found() {
    let (disk, made) = write(PLAN);
    let file = Path::new("ledger/00000000000000000000.seg");
    let middle = disk.contents(file).unwrap().len() as u64 / 2;
    let disk: Arc<dyn Disk> = Arc::new({
        assert!(disk.flip(file, middle, 3));
        disk
    });
    let opened = History::open(&disk, &made.dir, 0);
    assert!(opened.is_err(), "the damage below the durable mark was not found");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let bytes = |seed| {
        let plan = Plan { records: 200, seed, ..PLAN };
        write(plan).0.contents(Path::new("ledger/00000000000000000000.seg")).unwrap()
    };
    assert!(bytes(1) == bytes(1));
    assert!(bytes(1) != bytes(2));
}

#[test]
fn a_kept_ledger_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { records: 100, ..PLAN };
    let mut told = 0;
    let made = cache::ledger(folder.path(), plan, &mut |records| told = records).unwrap();
    assert_eq!(told, 100);
    let again = cache::ledger(folder.path(), plan, &mut |_| panic!("made again")).unwrap();
    assert_eq!(made, again);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    let disk: Arc<dyn Disk> = Arc::new(Real);
    assert!(verified(&disk, &made).fault.is_none());
}
