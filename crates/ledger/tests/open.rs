//! How a ledger begins, goes on and is read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::{LEAF_BYTES_MAX, Record};
use sealpost_ledger::{Commits, Draft, History, Ledger, Options, Start, append, open};
use sealpost_seglog::disk::Disk;
use sealpost_seglog::disk::sim::{Failure, Sim};

const DIR: &str = "ledger";

fn open(disk: &Sim, agency: &str, seed: u64, start: Start) -> Result<Ledger, open::Error> {
    let options = Options { commits: Commits::Inline, start, ..Options::default() };
    let agency: AgencyId = agency.parse().unwrap();
    let now = Instant::from_millis(1_768_464_000_000);
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let disk = Arc::new(disk.clone());
    Ledger::open(disk, Path::new(DIR), &agency, now, &mut rng, options).map(|(ledger, _)| ledger)
}

fn note(rule: &str, body: &'static str) -> Draft {
    Draft {
        recorded_at: Instant::from_millis(1),
        salt: [3; 32],
        record: Record::Security { rule: rule.to_owned(), peer: None, header: None },
        body: Bytes::from_static(body.as_bytes()),
    }
}

#[tokio::test]
async fn a_new_ledger_begins_with_its_incarnation_and_goes_on_under_it() {
    let disk = Sim::new();
    let ledger = open(&disk, "HK-CED", 1, Start::Continue).unwrap();
    let appended = ledger.append(vec![note("first", "text"), note("second", "")]).await.unwrap();
    assert_eq!((appended.first, appended.next), (1, 3));
    let incarnation = ledger.incarnation();
    ledger.close().await.unwrap();
    disk.lose_power(1);

    let ledger = open(&disk, "HK-CED", 2, Start::Continue).unwrap();
    assert_eq!((ledger.incarnation(), ledger.next()), (incarnation, 3));
    let first = ledger.get(0).unwrap();
    let agency = ledger.agency().clone();
    assert_eq!(
        first.leaf.record,
        Record::Incarnation { agency, incarnation, previous: None, unsent_from: None }
    );
    let entries: Vec<_> = ledger.scan(1).map(Result::unwrap).collect();
    assert_eq!(entries[0].leaf.record, note("first", "").record);
    assert_eq!(&entries[0].body[..], b"text");
    assert!(entries[0].leaf.body_digest.is_some() && entries[1].leaf.body_digest.is_none());
}

#[tokio::test]
async fn picked_records_are_those_that_get_reads_near_and_far_large_and_backwards() {
    let disk = Sim::new();
    let ledger = open(&disk, "HK-CED", 1, Start::Continue).unwrap();
    let large = |rule: &str| Draft { body: Bytes::from(vec![7; 80 << 10]), ..note(rule, "") };
    let records: Vec<Draft> = (1..=40)
        .map(|index| {
            let rule = format!("rule-{index}");
            if index % 5 == 0 { large(&rule) } else { note(&rule, "text") }
        })
        .collect();
    ledger.append(records).await.unwrap();
    let mut picked = ledger.history().pick();
    for index in [1, 2, 4, 5, 6, 12, 13, 40, 3, 3, 30, 31] {
        let (entry, expected) = (picked.get(index).unwrap(), ledger.get(index).unwrap());
        assert_eq!((entry.index, &entry.leaf_bytes), (index, &expected.leaf_bytes));
        assert_eq!(entry.body, expected.body);
    }
    assert!(picked.get(41).is_err());
    assert_eq!(picked.get(40).unwrap().index, 40);
}

#[test]
fn another_agencys_ledger_is_refused() {
    let disk = Sim::new();
    drop(open(&disk, "HK-CED", 1, Start::Continue).unwrap());
    let refused = open(&disk, "DE-ZKA", 2, Start::Continue).err().unwrap();
    assert_eq!(refused.to_string(), "the ledger in ledger is that of HK-CED, not of DE-ZKA");
}

#[test]
fn a_restored_ledger_goes_on_under_a_new_incarnation_that_names_the_old_one() {
    let disk = Sim::new();
    let old = open(&disk, "HK-CED", 1, Start::Continue).unwrap().incarnation();
    let checkpoint = Bytes::from_static(b"the last checkpoint");
    let anew = Start::Anew { checkpoint: checkpoint.clone(), unsent_from: None };
    let ledger = open(&disk, "HK-CED", 2, anew).unwrap();
    assert_ne!(ledger.incarnation(), old);
    let Record::Incarnation { incarnation, previous, .. } = ledger.get(1).unwrap().leaf.record else {
        panic!("the new incarnation has no first record")
    };
    assert_eq!((incarnation, previous), (ledger.incarnation(), Some((old, checkpoint))));
    assert_eq!(ledger.history().incarnations(), [(0, old), (1, ledger.incarnation())]);
}

#[test]
fn a_crash_at_any_moment_of_beginning_leaves_a_ledger_that_begins_right() {
    let healthy = Sim::new();
    drop(open(&healthy, "HK-CED", 1, Start::Continue).unwrap());
    let before = healthy.operations();
    drop(open(&healthy, "HK-CED", 2, Start::Anew { checkpoint: Bytes::new(), unsent_from: None }).unwrap());
    for operation in 0..healthy.operations() {
        for failure in [Failure::Refused, Failure::AfterEffect, Failure::Torn(20)] {
            let disk = Sim::new();
            disk.fail(operation, failure);
            let mut opened = open(&disk, "HK-CED", 1, Start::Continue).map(drop);
            if operation >= before {
                opened.unwrap();
                opened =
                    open(&disk, "HK-CED", 2, Start::Anew { checkpoint: Bytes::new(), unsent_from: None })
                        .map(drop);
            }
            assert!(opened.is_err(), "operation {operation}");
            disk.lose_power(operation);
            let ledger = open(&disk, "HK-CED", 3, Start::Continue).unwrap();
            let incarnations = ledger.history().incarnations();
            assert_eq!(incarnations.last().unwrap().1, ledger.incarnation());
            for (first, id) in incarnations {
                let record = ledger.get(first).unwrap().leaf.record;
                assert!(
                    matches!(&record, Record::Incarnation { incarnation, .. } if *incarnation == id),
                    "operation {operation}, {failure:?}: {record:?}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_leaf_beyond_the_limit_is_refused_and_nothing_is_kept() {
    let disk = Sim::new();
    let ledger = open(&disk, "HK-CED", 1, Start::Continue).unwrap();
    let large = note(&"x".repeat(LEAF_BYTES_MAX), "");
    let refused = ledger.append(vec![note("small", ""), large]).await.unwrap_err();
    assert!(matches!(refused, append::Error::LeafTooLarge { .. }), "{refused}");
    assert_eq!(ledger.next(), 1);
}

#[tokio::test]
async fn a_history_is_read_beside_the_running_ledger() {
    let disk = Sim::new();
    let ledger = open(&disk, "HK-CED", 1, Start::Continue).unwrap();
    ledger.append(vec![note("first", "text")]).await.unwrap();
    let shared: Arc<dyn Disk> = Arc::new(disk);
    let (history, recovery) = History::open(&shared, Path::new(DIR), 0).unwrap();
    assert_eq!((recovery.mark, recovery.next), (1, 2));
    assert_eq!(history.get(1).unwrap().leaf, ledger.get(1).unwrap().leaf);
}
