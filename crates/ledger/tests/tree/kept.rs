//! Growing: what a checkpoint covers, and when it is signed.

use super::*;

#[test]
fn a_checkpoint_covers_what_is_durable_and_is_signed_once() {
    let (_, ledger, folder, signed) = kept(700);
    let mut tree = Tree::new();
    ledger.history().leaves(0).for_each(|leaf| drop(tree.append(leaf_hash(&leaf.unwrap()))));
    assert_eq!((signed.checkpoint.size(), signed.checkpoint.root()), (700, tree.root()));
    assert!(signed.is_signed_by(key().verifying_key()));
    let origin = tree::origin(&network(), &agency(), ledger.incarnation());
    assert_eq!(signed.checkpoint.origin(), origin.as_str());
    let stored = fs::read(folder.path().join("checkpoint")).unwrap();
    assert_eq!(Signed::parse(&stored).unwrap(), signed);

    let mut keeper = keeper(&ledger, folder.path()).unwrap();
    assert!(!keeper.advance().unwrap(), "nothing is new");
    append(&ledger, 1);
    assert!(keeper.advance().unwrap());
    assert_eq!(latest(&keeper).checkpoint.size(), 701);
}

#[test]
fn a_record_that_is_not_durable_is_in_no_checkpoint() {
    let (disk, ledger, folder, _) = kept(10);
    let mut keeper = keeper(&ledger, folder.path()).unwrap();
    // The write goes through, the sync does not.
    disk.fail(disk.operations() + 1, sealpost_seglog::disk::sim::Failure::Refused);
    append(&ledger, 1);
    assert_eq!(ledger.durable(), 10);
    assert!(!keeper.advance().unwrap());
    assert_eq!(latest(&keeper).checkpoint.size(), 10);
}

#[test]
fn a_full_tile_that_the_disk_refused_is_written_by_the_next_attempt() {
    let (_, ledger, folder, _) = kept(200);
    let mut keeper = keeper(&ledger, folder.path()).unwrap();
    append(&ledger, 100);
    // A folder in the place of the file keeps it from being written.
    let in_the_way = folder.path().join("tile/0/000.new");
    fs::create_dir(&in_the_way).unwrap();
    assert!(matches!(keeper.advance(), Err(Error::Io { .. })));
    assert_eq!(latest(&keeper).checkpoint.size(), 200);
    fs::remove_dir(&in_the_way).unwrap();
    assert!(keeper.advance().unwrap());
    let signed = latest(&keeper);
    assert_eq!(signed.checkpoint.size(), 300);
    let files = Files::at(folder.path());
    Prover::new(ledger.history(), &files, signed).inclusion(100).unwrap();
}

#[test]
fn a_new_incarnation_continues_the_tree_under_its_own_name() {
    let (disk, ledger, folder, old) = kept(300);
    drop(ledger);
    let ledger = self::ledger(&disk, Start::Anew { checkpoint: old.to_bytes(), unsent_from: None });
    let mut keeper = keeper(&ledger, folder.path()).unwrap();
    assert!(keeper.watch().borrow().is_none(), "a checkpoint of the old life speaks for the new one no more");
    assert!(keeper.advance().unwrap());
    let new = latest(&keeper);
    assert_ne!(new.checkpoint.origin(), old.checkpoint.origin());
    let files = Files::at(folder.path());
    let (root, proof) = Prover::new(ledger.history(), &files, new.clone()).consistency(300).unwrap();
    assert_eq!(root, old.checkpoint.root());
    verify_consistency(300, &root, 301, &new.checkpoint.root(), &proof).unwrap();
}

#[test]
fn a_step_ends_after_so_many_bytes() {
    let (_, ledger, folder, _) = kept(10);
    let mut keeper = keeper(&ledger, folder.path()).unwrap();
    for index in 0..25 {
        drop(ledger.enqueue(vec![draft(format!("large.{index}"), vec![7; 7 << 20].into())]).unwrap());
    }
    let mut sizes = Vec::new();
    while keeper.is_behind() {
        assert!(keeper.advance().unwrap());
        sizes.push(latest(&keeper).checkpoint.size());
    }
    assert_eq!(sizes, [20, 30, 35], "each ends once it has read 64 MiB");
}

#[test]
fn no_file_is_written_through_a_link_that_lies_in_its_place() {
    let (_, ledger, folder, _) = kept(10);
    let victim = folder.path().join("victim");
    fs::write(&victim, b"untouched").unwrap();
    for name in ["checkpoint.new", "tile/0/000.p/11.new"] {
        std::os::unix::fs::symlink(&victim, folder.path().join(name)).unwrap();
    }
    append(&ledger, 1);
    let mut keeper = keeper(&ledger, folder.path()).unwrap();
    assert!(keeper.advance().unwrap());
    assert_eq!(fs::read(&victim).unwrap(), b"untouched");
    assert_eq!(fs::read(folder.path().join("checkpoint")).unwrap(), latest(&keeper).to_bytes());
    assert!(!fs::symlink_metadata(folder.path().join("checkpoint")).unwrap().is_symlink());
}
