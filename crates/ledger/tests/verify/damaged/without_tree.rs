//! Damaged records of a ledger whose tree is gone too.

use super::*;

#[test]
fn where_the_tree_is_gone_all_leaves_together_vouch_for_each_of_them() {
    for spoil in [false, true] {
        let damaged = Damaged::new();
        damaged.flip(RECEIVED, Part::Body);
        damaged.flip(FIRST_SENT, Part::Checksum);
        let tile = damaged.folder.path().join("tree/tile/0/000.p/6");
        if spoil {
            let mut hashes = fs::read(&tile).unwrap();
            hashes[70] ^= 1;
            fs::write(&tile, hashes).unwrap();
        } else {
            fs::remove_file(&tile).unwrap();
        }
        let cases = damaged.repair(&Knowledge::default()).unwrap();
        let found: Vec<_> = cases.iter().map(|case| (case.index, case.finding, case.action)).collect();
        let expected =
            [(FIRST_SENT, Finding::Whole, Action::Listed), (RECEIVED, Finding::BodyLost, Action::Listed)];
        assert_eq!(found, expected);
        let ledger = damaged.open().unwrap();
        // It makes the tree anew.
        assert!(!damaged.keeper(&ledger).is_behind());
        assert!(damaged.verify(&ledger).fault.is_none());
    }
}

#[test]
fn without_tree_and_leaf_nothing_is_said() {
    let damaged = Damaged::new();
    damaged.flip(RECEIVED, Part::Body);
    damaged.flip(FIRST_SENT, Part::Leaf);
    fs::remove_dir_all(damaged.folder.path().join("tree/tile")).unwrap();
    let refused = damaged.repair(&accepting(FIRST_SENT)).unwrap_err();
    assert!(matches!(refused, Error::Tree { index: FIRST_SENT, .. }), "{refused}");
    assert!(damaged.disk.contents(Path::new("ledger/damaged")).is_none());
}
