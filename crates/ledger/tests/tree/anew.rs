//! Tiles that are missing, wrong or unread, and records that are not those that were signed.

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
    assert!(!keeper.advance().unwrap(), "no new checkpoint is due");
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
