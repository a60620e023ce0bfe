//! Tiles that are missing, wrong or unread, and records that are not those that were signed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;

#[test]
fn a_tree_that_was_deleted_or_damaged_is_made_anew_and_is_the_same() {
    let (_, ledger, folder, signed) = kept(70_000);
    let tile = |path: &str| folder.path().join(path);
    let genuine = fs::read(tile("tile/1/001.p/17")).unwrap();
    for damage in [
        &|| fs::remove_dir_all(tile("tile")).unwrap() as _,
        &|| fs::write(tile("tile/1/001.p/17"), [0; 17 * 32]).unwrap(),
        &|| fs::write(tile("tile/0/273.p/112"), b"").unwrap(),
        &|| fs::remove_file(tile("tile/2/000.p/1")).unwrap(),
        // Far from the right edge.
        &|| fs::remove_file(tile("tile/0/100")).unwrap(),
        &|| fs::write(tile("tile/0/100"), b"short").unwrap(),
    ] as [&dyn Fn(); 6]
    {
        damage();
        let (keeper, remade) = opened(&ledger, folder.path(), key()).unwrap();
        assert!(remade.is_some());
        assert!(opened(&ledger, folder.path(), key()).unwrap().1.is_none(), "it is whole again");
        assert_eq!(latest(&keeper), signed);
        assert_eq!(fs::read(tile("tile/1/001.p/17")).unwrap(), genuine);
        let prover_files = Files::at(folder.path());
        Prover::new(ledger.history(), &prover_files, signed.clone()).inclusion(66_000).unwrap();
    }
}

#[test]
fn a_tile_that_is_wrong_inside_is_made_anew_once_that_was_found() {
    let (_, ledger, folder, signed) = kept(70_000);
    let mut keeper = keeper(&ledger, folder.path()).unwrap();
    let tile = folder.path().join("tile/0/100");
    let genuine = fs::read(&tile).unwrap();
    fs::write(&tile, vec![7; genuine.len()]).unwrap();
    let files = Files::at(folder.path());
    let prover = Prover::new(ledger.history(), &files, signed.clone());
    assert!(matches!(prover.inclusion(100 * 256), Err(ProofError::Tree(_))));
    keeper.distrust();
    catch_up(&mut keeper).unwrap();
    assert_eq!(fs::read(&tile).unwrap(), genuine);
    prover.inclusion(100 * 256).unwrap();
    assert_eq!(latest(&keeper), signed);
}

#[test]
fn a_full_tile_that_a_crash_left_beyond_the_checkpoint_does_not_stand_in_the_way() {
    for torn in [vec![], vec![7; 31], vec![7; 256 * 32]] {
        let (_, ledger, folder, signed) = kept(300);
        fs::write(folder.path().join("tile/0/001"), &torn).unwrap();
        let (mut keeper, remade) = opened(&ledger, folder.path(), key()).unwrap();
        assert!(remade.is_some());
        let files = Files::at(folder.path());
        Prover::new(ledger.history(), &files, signed).inclusion(299).unwrap();
        append(&ledger, 300);
        assert!(keeper.advance().unwrap());
        Prover::new(ledger.history(), &files, latest(&keeper)).inclusion(299).unwrap();
    }
}

#[test]
fn a_ledger_that_is_shorter_or_other_than_its_checkpoint_is_refused() {
    let (_, ledger, folder, signed) = kept(600);
    let short = self::ledger(&Sim::new(), Start::Continue);
    assert_eq!(short.incarnation(), ledger.incarnation(), "an older copy of the same ledger");
    let shorter = keeper(&short, folder.path()).err().unwrap();
    assert!(matches!(shorter, Error::Shorter { size: 600, records: 1 }), "{shorter}");
    let another = seeded(&Sim::new(), Start::Continue, 99);
    let foreign = keeper(&another, folder.path()).err().unwrap();
    assert!(matches!(foreign, Error::Foreign { .. }), "{foreign}");

    let other = of_another_tree(&signed);
    fs::write(folder.path().join("checkpoint"), other.to_bytes()).unwrap();
    let rewritten = keeper(&ledger, folder.path()).err().unwrap();
    assert!(matches!(rewritten, Error::Rewritten { size: 600, .. }), "{rewritten}");

    fs::write(folder.path().join("checkpoint"), b"garbage").unwrap();
    assert!(matches!(keeper(&ledger, folder.path()), Err(Error::Checkpoint { .. })));
}

/// A ledger of the same life with as many records, all but the first of which say something else.
fn rewritten(records: u64) -> Ledger {
    let ledger = ledger(&Sim::new(), Start::Continue);
    append_ruled(&ledger, records - 1, "another");
    ledger
}

/// Every tile in a folder, by its name.
fn tiles(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tiles(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

#[test]
fn a_rewritten_ledger_whose_tiles_were_deleted_is_found_at_every_start_and_leaves_no_tile() {
    let (_, _, folder, signed) = kept(600);
    let ledger = rewritten(600);
    fs::remove_dir_all(folder.path().join("tile")).unwrap();
    for start in 1..=3 {
        let found = keeper(&ledger, folder.path()).err().unwrap();
        assert!(matches!(found, Error::Rewritten { size: 600, .. }), "start {start}: {found}");
        assert!(!folder.path().join("tile").exists(), "start {start}");
    }
    let stored = fs::read(folder.path().join("checkpoint")).unwrap();
    assert_eq!(stored, signed.to_bytes());
}

#[test]
fn a_rewritten_ledger_that_is_found_by_a_wrong_tile_is_found_again_at_the_next_start() {
    let (_, ledger, folder, _) = kept(70_000);
    // Far from the right edge, so that a start alone does not see it.
    let tile = folder.path().join("tile/0/100");
    fs::write(&tile, [7; 256 * 32]).unwrap();
    drop(keeper(&ledger, folder.path()).unwrap());
    let before = tiles(&folder.path().join("tile"));

    let ledger = rewritten(70_000);
    let mut running = keeper(&ledger, folder.path()).unwrap();
    running.distrust();
    let found = catch_up(&mut running).err().unwrap();
    assert!(matches!(found, Error::Rewritten { .. }), "{found}");
    drop(running);
    let again = keeper(&ledger, folder.path()).err().unwrap();
    assert!(matches!(again, Error::Rewritten { .. }), "{again}");
    assert_eq!(tiles(&folder.path().join("tile")), before, "the tiles that contradict the records are kept");
}

#[test]
fn a_remaking_that_was_ended_is_begun_again_by_the_next_start() {
    let (_, ledger, folder, _) = kept(70_000);
    let tile = folder.path().join("tile/0/100");
    let genuine = fs::read(&tile).unwrap();
    fs::write(&tile, [7; 256 * 32]).unwrap();
    let mut ended = keeper(&ledger, folder.path()).unwrap();
    ended.distrust();
    ended.advance().unwrap();
    assert!(ended.is_remaking());
    drop(ended);
    assert!(opened(&ledger, folder.path(), key()).unwrap().1.is_some());
    assert_eq!(fs::read(&tile).unwrap(), genuine);
    assert!(opened(&ledger, folder.path(), key()).unwrap().1.is_none(), "it is trusted again");
}

#[test]
fn a_tile_that_cannot_be_read_is_not_taken_for_a_wrong_one() {
    let (_, ledger, folder, signed) = kept(300);
    let tile = folder.path().join("tile/0/001.p/44");
    let genuine = fs::read(&tile).unwrap();
    fs::remove_file(&tile).unwrap();
    // A link to itself: what the system answers is neither that the file is missing nor that it is too short.
    std::os::unix::fs::symlink(&tile, &tile).unwrap();
    let unread = keeper(&ledger, folder.path()).err().unwrap();
    assert!(matches!(unread, Error::Io { operation: "read", .. }), "{unread}");
    let files = Files::at(folder.path());
    let prover = Prover::new(ledger.history(), &files, signed);
    assert!(matches!(prover.inclusion(299), Err(ProofError::Unread(_))));
    fs::remove_file(&tile).unwrap();
    assert!(matches!(prover.inclusion(299), Err(ProofError::Tree(_))), "a missing one is made anew");
    fs::write(&tile, genuine).unwrap();
    assert!(opened(&ledger, folder.path(), key()).unwrap().1.is_none());
}
