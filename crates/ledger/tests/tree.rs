//! The tree over a ledger: kept up, taken up again, made anew, proved and exported; and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::dsse::{Signer, SigningKey};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::Record;
use sealpost_ledger::tree::{
    self, Error, ExportError, Files, Keeper, NoteSigner, NoteVerifier, ProofError, Prover, Signed,
};
use sealpost_ledger::{Commits, Draft, Ledger, Options, Start};
use sealpost_merkle::Tree;
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::hash::leaf_hash;
use sealpost_merkle::proof::verify_consistency;
use sealpost_seglog::disk::sim::Sim;

const NOW: Instant = Instant::from_millis(1_768_464_000_000);

fn agency() -> AgencyId {
    "HK-CED".parse().unwrap()
}

fn network() -> NetworkName {
    NetworkName::parse("test.sealpost").unwrap()
}

fn key() -> Arc<SigningKey> {
    Arc::new(SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(3)))
}

fn ledger(disk: &Sim, start: Start) -> Ledger {
    // Another incarnation, another seed.
    seeded(disk, start, disk.operations())
}

fn seeded(disk: &Sim, start: Start, seed: u64) -> Ledger {
    let options = Options { commits: Commits::Inline, start, ..Options::default() };
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    Ledger::open(Arc::new(disk.clone()), Path::new("ledger"), &agency(), NOW, &mut rng, options).unwrap().0
}

fn append(ledger: &Ledger, records: u64) {
    let draft = |index: u64| Draft {
        recorded_at: NOW,
        salt: [7; 32],
        record: Record::Security { rule: format!("rule.{index}"), peer: None, header: None },
        body: Bytes::new(),
    };
    let first = ledger.next();
    drop(ledger.enqueue((first..first + records).map(draft).collect()).unwrap());
}

fn keeper(ledger: &Ledger, folder: &Path) -> Result<Keeper, Error> {
    let signer = key() as Arc<dyn Signer>;
    Ok(opened(ledger, folder, signer)?.0)
}

/// A keeper, and why it made the tree anew.
fn opened(
    ledger: &Ledger,
    folder: &Path,
    signer: Arc<dyn Signer>,
) -> Result<(Keeper, Option<String>), Error> {
    Keeper::open(Files::at(folder), ledger.history().clone(), signer, &network(), &agency())
}

fn latest(keeper: &Keeper) -> Signed {
    keeper.watch().borrow().clone().unwrap()
}

/// A ledger of so many records with its tree kept up to the end.
fn kept(records: u64) -> (Sim, Ledger, tempfile::TempDir, Signed) {
    let (disk, folder) = (Sim::new(), tempfile::tempdir().unwrap());
    let ledger = ledger(&disk, Start::Continue);
    append(&ledger, records - 1);
    let mut keeper = keeper(&ledger, folder.path()).unwrap();
    assert!(keeper.advance().unwrap());
    let signed = latest(&keeper);
    (disk, ledger, folder, signed)
}

/// Another root, signed with the ledger's own key.
fn of_another_tree(signed: &Signed) -> Signed {
    let Signed { checkpoint, .. } = signed;
    let origin = checkpoint.origin().parse().unwrap();
    let checkpoint =
        Checkpoint::new(checkpoint.origin(), checkpoint.size(), leaf_hash(b"another tree")).unwrap();
    Signed { note: checkpoint.sign(&NoteSigner::new(&origin, key())).unwrap(), checkpoint }
}

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

#[test]
fn a_new_incarnation_continues_the_tree_under_its_own_name() {
    let (disk, ledger, folder, old) = kept(300);
    drop(ledger);
    let ledger = self::ledger(&disk, Start::Anew { checkpoint: old.to_bytes() });
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

    let other = of_another_tree(&signed);
    let refused = tree::export(ledger.history(), &other, &folder.path().join("other"), &mut |_| {});
    assert!(matches!(refused, Err(ExportError::Rewritten { .. })));
    assert!(!folder.path().join("other/checkpoint").exists(), "an export that failed has no checkpoint");
}
