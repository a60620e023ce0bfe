//! What is given out: proofs and exports, and what is refused.

use super::*;

#[test]
fn proofs_hold_and_refuse_what_is_not_there() {
    let (_, ledger, folder, signed) = kept(600);
    let files = Files::at(folder.path());
    let prover = Prover::new(ledger.history(), &files, signed.clone());
    let key = key();
    let verifier = NoteVerifier::new(&signed.checkpoint.origin().parse().unwrap(), key.verifying_key());
    for index in [0, 255, 256, 511, 512, 599] {
        let (leaf, proof) = prover.inclusion(index).unwrap();
        assert_eq!(leaf, ledger.get(index).unwrap().leaf_bytes);
        assert_eq!(proof.verify(&leaf_hash(&leaf), &verifier).unwrap(), signed.checkpoint);
    }
    assert!(matches!(prover.inclusion(600), Err(ProofError::Beyond { index: 600, size: 600 })));
    assert!(matches!(prover.consistency(0), Err(ProofError::Nothing)));
    assert!(matches!(prover.consistency(601), Err(ProofError::Older { old: 601, size: 600 })));
    let full = folder.path().join("tile/0/001");
    let mut forged = fs::read(&full).unwrap();
    forged[0] ^= 1;
    fs::write(&full, forged).unwrap();
    assert!(matches!(prover.inclusion(300), Err(ProofError::Tree(_))));
    assert!(prover.inclusion(599).is_ok(), "what does not go through the tile is proved");
}

#[test]
fn an_export_is_complete_and_overwrites_nothing() {
    let (_, ledger, folder, signed) = kept(600);
    let target = folder.path().join("export");
    let mut told = 0;
    tree::export(ledger.history(), &signed, &target, &mut |done| told = done).unwrap();
    assert_eq!(told, 600);
    let read = |path: &str| fs::read(target.join(path)).unwrap();
    assert_eq!(read("checkpoint"), signed.to_bytes());
    assert_eq!((read("tile/0/001").len(), read("tile/0/002.p/88").len()), (256 * 32, 88 * 32));
    assert_eq!(read("tile/1/000.p/2").len(), 2 * 32);
    let mut rest =
        &[read("tile/entries/000"), read("tile/entries/001"), read("tile/entries/002.p/88")].concat()[..];
    for index in 0..600 {
        let (length, more) = rest.split_first_chunk::<2>().unwrap();
        let (leaf, more) = more.split_at(usize::from(u16::from_be_bytes(*length)));
        assert_eq!(leaf, ledger.get(index).unwrap().leaf_bytes, "record {index}");
        rest = more;
    }
    assert!(rest.is_empty());
    let again = tree::export(ledger.history(), &signed, &target, &mut |_| {});
    assert!(matches!(again, Err(ExportError::Occupied { .. })));
}

#[test]
fn an_export_that_fails_leaves_no_folder_or_says_that_one_is_incomplete() {
    let (_, ledger, folder, signed) = kept(600);
    let other = of_another_tree(&signed);
    let (new, left) = (folder.path().join("new"), folder.path().join("new.incomplete"));
    let refused = tree::export(ledger.history(), &other, &new, &mut |_| {});
    assert!(matches!(refused, Err(ExportError::Rewritten { .. })));
    assert!(!new.exists() && !left.exists());

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let incomplete = tree::export(ledger.history(), &other, &empty, &mut |_| {}).unwrap_err();
    let ExportError::Incomplete { dir, source } = &incomplete else { panic!("{incomplete}") };
    assert!(*dir == empty && matches!(**source, ExportError::Rewritten { .. }), "{source}");
    assert!(!empty.join("checkpoint").exists());

    // As a kill leaves it.
    fs::create_dir(&left).unwrap();
    let found = tree::export(ledger.history(), &signed, &new, &mut |_| {}).unwrap_err();
    assert!(matches!(&found, ExportError::Left { dir } if *dir == left), "{found}");
    fs::remove_dir(&left).unwrap();
    tree::export(ledger.history(), &signed, &new, &mut |_| {}).unwrap();
    assert!(new.join("checkpoint").exists() && !left.exists());
}
