//! When projections are believed, and when they are rebuilt.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;

use sealpost_store::{Basis, Batch, Error, Keyspace, Opened, Projections, Range, Reason, Store};

const INBOX: Keyspace = Keyspace::new("inbox");
const DATA: &str = "projections.redb";

fn basis(boot_id: &str) -> Basis<'_> {
    Basis { boot_id, incarnation: [1; 16], ledger_next: 10, schema: 1 }
}

/// A store that has applied the first seven records, still open.
fn open_at_seven(dir: &Path) -> Store {
    let (store, opened) = Store::open(dir, &basis("first")).unwrap();
    assert_eq!(opened, Opened::Rebuild { reason: Reason::New });
    let mut batch = Batch::new(7);
    batch.put(INBOX, "key", "value");
    store.apply(batch).unwrap();
    store
}

/// The same, closed in order.
fn close_at_seven(dir: &Path) {
    open_at_seven(dir).close().unwrap();
}

fn reopen(dir: &Path, basis: &Basis<'_>) -> Opened {
    let (store, opened) = Store::open(dir, basis).unwrap();
    let expected = match opened {
        Opened::Reused { applied } => (applied, Some(b"value".to_vec())),
        Opened::Rebuild { .. } => (0, None),
    };
    assert_eq!((store.applied(), store.get(INBOX, b"key").unwrap()), expected);
    opened
}

#[test]
fn closed_cleanly_they_are_believed_after_a_restart_of_the_machine() {
    let dir = tempfile::tempdir().unwrap();
    close_at_seven(dir.path());
    assert_eq!(reopen(dir.path(), &basis("second")), Opened::Reused { applied: 7 });
    // Opened and not closed since: the mark of cleanness is gone.
    assert_eq!(reopen(dir.path(), &basis("third")), Opened::Rebuild { reason: Reason::Restarted });
}

#[test]
fn after_a_killed_program_they_are_believed_while_the_machine_runs() {
    let dir = tempfile::tempdir().unwrap();
    drop(open_at_seven(dir.path()));
    assert_eq!(reopen(dir.path(), &basis("first")), Opened::Reused { applied: 7 });
    assert_eq!(reopen(dir.path(), &basis("second")), Opened::Rebuild { reason: Reason::Restarted });
}

#[test]
fn a_killed_program_goes_on_from_what_is_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), &basis("first")).unwrap();
    for index in 1..=2000_u64 {
        let mut batch = Batch::new(index);
        for key in 0..5 {
            batch.put(INBOX, [index.to_be_bytes(), [key; 8]].concat(), "value");
        }
        store.apply(batch).unwrap();
    }
    // As a kill leaves it: what stands in the file, without anything that a closing does.
    let killed = tempfile::tempdir().unwrap();
    for name in [DATA, "marker.json"] {
        fs::copy(dir.path().join(name), killed.path().join(name)).unwrap();
    }
    let all = Basis { ledger_next: 2000, ..basis("first") };
    let (found, opened) = Store::open(killed.path(), &all).unwrap();
    let Opened::Reused { applied } = opened else { panic!("believed: {opened:?}") };
    assert!((1900..=2000).contains(&applied), "at most some hundred changes back: {applied}");
    let indexes: Vec<u64> = found
        .scan(INBOX, &Range::prefix(&[], usize::MAX))
        .unwrap()
        .iter()
        .map(|(key, _)| u64::from_be_bytes(key[..8].try_into().unwrap()))
        .collect();
    assert_eq!(
        indexes,
        (1..=applied).flat_map(|index| [index; 5]).collect::<Vec<_>>(),
        "whole batches alone"
    );
}

#[test]
fn one_program_at_a_time_has_them_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_at_seven(dir.path());
    let refused = Store::open(dir.path(), &basis("first")).err().unwrap();
    assert!(matches!(refused, Error::InUse { .. }), "{refused}");
    store.close().unwrap();
    assert_eq!(reopen(dir.path(), &basis("first")), Opened::Reused { applied: 7 });
}

#[test]
fn they_are_rebuilt_for_another_ledger_or_layout() {
    let other = Basis { incarnation: [2; 16], ..basis("first") };
    let layout = Basis { schema: 2, ..basis("first") };
    for (basis, reason) in [(other, Reason::Incarnation), (layout, Reason::Schema { found: 1, expected: 2 })]
    {
        let dir = tempfile::tempdir().unwrap();
        close_at_seven(dir.path());
        assert_eq!(reopen(dir.path(), &basis), Opened::Rebuild { reason });
    }
}

#[test]
fn a_ledger_that_ends_before_them_is_refused_and_they_stay_as_evidence() {
    let dir = tempfile::tempdir().unwrap();
    close_at_seven(dir.path());
    let older = Basis { ledger_next: 6, ..basis("first") };
    for _ in 0..2 {
        let refused = Store::open(dir.path(), &older).err().unwrap();
        assert!(matches!(refused, Error::Ahead { applied: 7, ledger_next: 6, .. }), "{refused}");
    }
    assert_eq!(reopen(dir.path(), &basis("first")), Opened::Reused { applied: 7 });
    // Killed, and the machine restarted: what the ledger must have is known all the same.
    drop(Store::open(dir.path(), &basis("first")).unwrap());
    let refused = Store::open(dir.path(), &Basis { ledger_next: 6, ..basis("second") }).err().unwrap();
    assert!(matches!(refused, Error::Ahead { applied: 7, ledger_next: 6, .. }), "{refused}");
}

#[test]
fn a_file_that_is_not_the_one_that_was_closed_means_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    close_at_seven(dir.path());
    let older = fs::read(dir.path().join(DATA)).unwrap();
    let (store, _) = Store::open(dir.path(), &basis("first")).unwrap();
    store.apply(Batch::new(9)).unwrap();
    store.close().unwrap();
    fs::write(dir.path().join(DATA), older).unwrap();
    let differs = Reason::Differs { closed: 9, found: 7 };
    assert_eq!(reopen(dir.path(), &basis("first")), Opened::Rebuild { reason: differs });
}

#[test]
fn one_spoilt_byte_is_found_when_the_machine_was_restarted() {
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), &basis("first")).unwrap();
    let mut batch = Batch::new(7);
    for number in 0..5000_u32 {
        batch.put(INBOX, number.to_be_bytes(), [7; 40]);
    }
    store.apply(batch).unwrap();
    store.close().unwrap();
    let path = dir.path().join(DATA);
    let mut bytes = fs::read(&path).unwrap();
    let place = bytes.windows(40).rposition(|window| window == [7; 40]).unwrap();
    bytes[place] ^= 1;
    fs::write(path, bytes).unwrap();
    let (store, opened) = Store::open(dir.path(), &basis("second")).unwrap();
    assert_eq!(opened, Opened::Rebuild { reason: Reason::Unreadable });
    assert_eq!(store.get(INBOX, &1_u32.to_be_bytes()).unwrap(), None);
}

#[test]
fn what_another_version_left_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("sled")).unwrap();
    fs::write(dir.path().join("sled/db"), b"of an earlier version").unwrap();
    close_at_seven(dir.path());
    let mut names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["marker.json", DATA]);
}

#[test]
fn files_that_were_lost_or_spoilt_mean_a_rebuild() {
    let dir = tempfile::tempdir().unwrap();
    close_at_seven(dir.path());
    fs::remove_file(dir.path().join(DATA)).unwrap();
    assert_eq!(reopen(dir.path(), &basis("first")), Opened::Rebuild { reason: Reason::Unreadable });

    let dir = tempfile::tempdir().unwrap();
    close_at_seven(dir.path());
    fs::write(dir.path().join(DATA), b"not what it was").unwrap();
    assert_eq!(reopen(dir.path(), &basis("first")), Opened::Rebuild { reason: Reason::Unreadable });

    let dir = tempfile::tempdir().unwrap();
    close_at_seven(dir.path());
    fs::write(dir.path().join("marker.json"), b"{").unwrap();
    assert_eq!(reopen(dir.path(), &basis("first")), Opened::Rebuild { reason: Reason::New });
}

#[test]
fn what_they_lack_is_told_and_they_are_rebuilt_even_when_they_were_closed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open_at_seven(dir.path());
    assert!(!store.has_failed());
    let lacking = store.distrust_lacking(INBOX);
    assert_eq!(
        lacking.to_string(),
        "the projections lack one of `inbox`: the next start makes them anew from the ledger"
    );
    assert!(store.has_failed());
    assert!(matches!(store.get(INBOX, b"key"), Err(Error::Failed)), "nothing is believed any more");
    store.close().unwrap();
    assert_eq!(reopen(dir.path(), &basis("first")), Opened::Rebuild { reason: Reason::New });
}

#[test]
fn after_an_error_they_are_rebuilt_even_when_they_were_closed() {
    const PAIRS: u32 = 40_000;
    for close in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), &basis("first")).unwrap();
        let mut batch = Batch::new(7);
        for number in 0..PAIRS {
            batch.put(INBOX, number.to_be_bytes(), [7; 400]);
        }
        store.apply(batch).unwrap();
        store.close().unwrap();
        let (store, opened) = Store::open(dir.path(), &basis("first")).unwrap();
        assert_eq!(opened, Opened::Reused { applied: 7 });
        destroy(dir.path());
        // More than the cache holds: some of them come from the files.
        let failed = (0..PAIRS).find_map(|number| store.get(INBOX, &number.to_be_bytes()).err());
        assert!(failed.is_some(), "the damage is met");
        assert!(store.has_failed(), "whoever watches over it learns of that");
        if close {
            store.close().unwrap();
        } else {
            drop(store);
        }
        assert_eq!(reopen(dir.path(), &basis("first")), Opened::Rebuild { reason: Reason::New });
    }
}

/// Overwrites what redb has written, beneath it.
fn destroy(dir: &Path) {
    let path = dir.join(DATA);
    let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, &vec![0xa5; length]).unwrap();
}
