//! Both kinds of projections behave alike.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use sealpost_store::{Basis, Batch, Error, Keyspace, Memory, Order, Pair, Projections, Range, Store};

const INBOX: Keyspace = Keyspace::new("inbox");
const INBOX_TIME: Keyspace = Keyspace::new("inbox-time");

fn basis() -> Basis<'static> {
    Basis { boot_id: "boot", incarnation: [1; 16], ledger_next: u64::MAX, schema: 1 }
}

/// Runs the check on each kind, fresh.
fn on_both(check: impl Fn(&dyn Projections)) {
    check(&Memory::new());
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(dir.path(), &basis()).unwrap();
    check(&store);
}

fn pair(key: &[u8], value: &str) -> Pair {
    (key.to_vec(), value.as_bytes().to_vec())
}

#[test]
fn a_batch_is_visible_whole_with_its_index() {
    on_both(|projections| {
        assert_eq!(projections.applied(), 0);
        let mut batch = Batch::new(3);
        batch.put(INBOX, "a", "1").put(INBOX, "b", "2").put(INBOX_TIME, "a", "other").delete(INBOX, "none");
        projections.apply(batch).unwrap();
        assert_eq!(projections.applied(), 3);
        assert_eq!(projections.get(INBOX, b"a").unwrap(), Some(b"1".to_vec()));
        assert_eq!(projections.get(INBOX_TIME, b"a").unwrap(), Some(b"other".to_vec()));
        let mut batch = Batch::new(4);
        batch.put(INBOX, "a", "3").delete(INBOX, "a").put(INBOX, "c", "4").put(INBOX, "c", "5");
        projections.apply(batch).unwrap();
        assert_eq!(projections.get(INBOX, b"a").unwrap(), None);
        assert_eq!(projections.get(INBOX, b"c").unwrap(), Some(b"5".to_vec()));
    });
}

#[test]
fn a_batch_that_goes_back_is_refused_whole() {
    on_both(|projections| {
        projections.apply(Batch::new(5)).unwrap();
        let mut batch = Batch::new(4);
        batch.put(INBOX, "a", "1");
        let refused = projections.apply(batch).unwrap_err();
        assert!(matches!(refused, Error::Backwards { applied: 5, asked: 4 }), "{refused}");
        assert_eq!(projections.get(INBOX, b"a").unwrap(), None);
        projections.apply(Batch::new(5)).unwrap();
    });
}

#[test]
fn ranges_keep_to_their_keyspace_and_prefix_and_page_both_ways() {
    on_both(|projections| {
        let mut batch = Batch::new(1);
        for key in [&b"a"[..], b"a\x00", b"a\xff", b"a\xff\xff", b"b", b""] {
            batch.put(INBOX, key, "v").put(INBOX_TIME, key, "other");
        }
        projections.apply(batch).unwrap();
        let scan = |range| projections.scan(INBOX, &range).unwrap();
        let all = scan(Range::prefix(b"a", 10));
        assert_eq!(all, [pair(b"a", "v"), pair(b"a\x00", "v"), pair(b"a\xff", "v"), pair(b"a\xff\xff", "v")]);
        assert_eq!(scan(Range::prefix(b"a\xff", 10)), all[2..]);
        assert_eq!(scan(Range::prefix(b"", 10)).len(), 6);
        assert_eq!(scan(Range::prefix(b"a", 2)), all[..2]);
        assert_eq!(scan(Range::prefix(b"a", 2).after(b"a\x00")), all[2..]);
        let back = |range: Range<'static>| scan(range.ordered(Order::Descending));
        assert_eq!(back(Range::prefix(b"a", 1)), all[3..]);
        assert_eq!(back(Range::prefix(b"a", 9).after(b"a\xff")), [all[1].clone(), all[0].clone()]);
        assert_eq!(scan(Range::prefix(b"a", 9).after(b"b")), []);
        assert_eq!(back(Range::prefix(b"a", 9).after(b"a")), []);
        assert_eq!(scan(Range::prefix(b"b", 9).after(b"a")), [pair(b"b", "v")]);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn both_hold_what_a_sorted_map_holds(
        batches in prop::collection::vec(
            prop::collection::vec((prop::collection::vec(0..4_u8, 0..3), prop::option::of(0..9_u8)), 0..12),
            0..12,
        ),
        prefix in prop::collection::vec(0..4_u8, 0..2),
    ) {
        let mut model = BTreeMap::new();
        let memory = Memory::new();
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path(), &basis()).unwrap();
        for (index, changes) in (1..).zip(batches) {
            let mut batch = Batch::new(index);
            for (key, value) in changes {
                if let Some(value) = value {
                    batch.put(INBOX, key.clone(), [value]);
                    model.insert(key, vec![value]);
                } else {
                    batch.delete(INBOX, key.clone());
                    model.remove(&key);
                }
            }
            memory.apply(batch.clone()).unwrap();
            store.apply(batch).unwrap();
        }
        let expected: Vec<Pair> = model.into_iter().filter(|(key, _)| key.starts_with(&prefix)).collect();
        let range = Range::prefix(&prefix, 1000);
        prop_assert_eq!(&memory.scan(INBOX, &range).unwrap(), &expected);
        prop_assert_eq!(&store.scan(INBOX, &range).unwrap(), &expected);
    }
}
