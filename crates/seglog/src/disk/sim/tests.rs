use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::disk::{Access, Disk, File};

fn path() -> PathBuf {
    PathBuf::from("dir/file")
}

#[test]
fn what_was_synced_survives_every_loss_of_power() {
    for seed in 0..200 {
        let disk = Sim::new();
        let file = disk.create(&path()).unwrap();
        file.write_at(&[1; 5000], 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_dir(Path::new("dir")).unwrap();
        file.write_at(&[2; 9000], 5000).unwrap();
        disk.lose_power(seed);
        assert_eq!(disk.contents(&path()).unwrap()[..5000], [1; 5000], "seed {seed}");
    }
}

#[test]
fn what_was_not_synced_is_lost_kept_and_torn_in_turn() {
    let lengths: BTreeSet<_> = (0..200)
        .map(|seed| {
            let disk = Sim::new();
            disk.put(&path(), b"");
            disk.open(&path(), Access::Write).unwrap().write_at(&[2; 9000], 0).unwrap();
            disk.lose_power(seed);
            disk.contents(&path()).unwrap().len()
        })
        .collect();
    assert!(lengths.contains(&0) && lengths.contains(&9000) && lengths.len() > 20, "{lengths:?}");
}

#[test]
fn a_failed_sync_loses_the_data_even_if_a_later_one_succeeds() {
    let disk = Sim::new();
    disk.put(&path(), b"");
    let file = disk.open(&path(), Access::Write).unwrap();
    file.write_at(b"lost", 0).unwrap();
    disk.fail(disk.operations(), Failure::Refused);
    assert!(file.sync_data().is_err());
    assert_eq!(disk.contents(&path()).unwrap(), b"lost");
    file.sync_data().unwrap();
    disk.lose_power(1);
    assert_eq!(disk.contents(&path()).unwrap(), b"");
}

#[test]
fn a_program_that_ended_can_neither_write_nor_hold_a_lock() {
    let disk = Sim::new();
    let file = disk.create(&path()).unwrap();
    let lock = disk.lock(Path::new("dir/lock")).unwrap();
    assert!(lock.is_some() && disk.lock(Path::new("dir/lock")).unwrap().is_none());
    disk.kill();
    assert!(file.write_at(b"late", 0).is_err());
    let next = disk.lock(Path::new("dir/lock")).unwrap();
    assert!(next.is_some());
    drop(lock);
    assert!(disk.lock(Path::new("dir/lock")).unwrap().is_none(), "an old lock must not free the new one");
}

/// A durable empty file, open for writing.
fn durable_file(disk: &Sim) -> Arc<dyn File> {
    disk.put(&path(), b"");
    disk.open(&path(), Access::Write).unwrap()
}

#[test]
fn of_the_unsynced_pages_every_subset_can_be_kept() {
    for subset in 0..8 {
        let disk = Sim::new();
        durable_file(&disk).write_at(&[1; 3 * 4096], 0).unwrap();
        assert_eq!(disk.unsynced(), 3);
        disk.lose_power_keeping(subset);
        let left = disk.contents(&path()).unwrap();
        let found =
            (0..3).filter(|page| left.get(page * 4096) == Some(&1)).map(|page| 1 << page).sum::<u64>();
        assert_eq!(found, subset);
        assert_eq!(disk.unsynced(), 0);
    }
}

#[test]
fn names_and_truncations_are_lost_and_kept_like_pages() {
    for subset in 0..4 {
        let disk = Sim::new();
        disk.put(&path(), b"before");
        disk.create(Path::new("dir/new")).unwrap();
        disk.open(&path(), Access::Write).unwrap().truncate(2).unwrap();
        assert_eq!(disk.unsynced(), 2);
        disk.lose_power_keeping(subset);
        assert_eq!(disk.contents(Path::new("dir/new")).is_some(), subset & 1 == 1);
        assert_eq!(disk.contents(&path()).unwrap().len(), if subset & 2 == 2 { 2 } else { 6 });
    }
}

#[test]
fn each_failure_leaves_on_the_platter_what_it_says() {
    // Planned for the write, then for the sync of 5000 bytes; what a loss of everything unsynced leaves.
    let cases = [
        (Failure::Refused, 0, 0),
        (Failure::AfterEffect, 0, 5000),
        (Failure::Persisted, 5000, 5000),
        (Failure::Torn(4500), 0, 4500),
        (Failure::Full(30), 0, 30),
    ];
    for (failure, after_write, after_sync) in cases {
        for (operation, expected) in [(0, after_write), (1, after_sync)] {
            let disk = Sim::new();
            let file = durable_file(&disk);
            disk.fail(operation, failure);
            let outcomes =
                [file.write_at(&[1; 5000], 0), if operation == 1 { file.sync_data() } else { Ok(()) }];
            let failed = usize::try_from(operation).unwrap();
            let error = outcomes[failed].as_ref().unwrap_err();
            assert_eq!(error.kind() == std::io::ErrorKind::StorageFull, failure == Failure::Full(30));
            assert_eq!(disk.planned(), 0);
            disk.lose_power_keeping(0);
            assert_eq!(
                disk.contents(&path()).unwrap().len(),
                expected,
                "{failure:?} of operation {operation}"
            );
        }
    }
}

#[test]
fn a_scattered_sync_persists_any_of_the_pages() {
    let kept: BTreeSet<_> = (0..200)
        .map(|seed| {
            let disk = Sim::new();
            let file = durable_file(&disk);
            file.write_at(&[1; 3 * 4096], 0).unwrap();
            disk.fail(1, Failure::Scattered(seed));
            assert!(file.sync_data().is_err());
            disk.lose_power_keeping(0);
            let left = disk.contents(&path()).unwrap();
            [0, 1, 2].map(|page| left.get(page * 4096 + 4095) == Some(&1))
        })
        .collect();
    assert_eq!(kept.len(), 8, "{kept:?}");
}

#[test]
fn a_planned_read_error_comes_once() {
    let disk = Sim::new();
    let file = durable_file(&disk);
    disk.fail_read(disk.reads() + 1);
    assert!(file.read_at(&mut [0; 4], 0).is_ok());
    assert!(file.read_at(&mut [0; 4], 0).is_err());
    assert!(file.read_at(&mut [0; 4], 0).is_ok());
}

#[test]
fn a_full_disk_takes_what_fits_and_more_when_there_is_room() {
    let disk = Sim::new();
    let file = durable_file(&disk);
    disk.set_capacity(Some(10));
    assert!(file.write_at(&[1; 8], 0).is_ok());
    assert_eq!(file.write_at(&[2; 8], 8).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    assert_eq!((file.bytes().unwrap(), disk.used()), (10, 10));
    disk.set_capacity(None);
    assert!(file.write_at(&[2; 8], 8).is_ok());
}
