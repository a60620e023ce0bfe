//! The tree over the records, and the checkpoints over that.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::dsse::{self, PayloadType, VerifyingKey};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::envelope::{DirectoryVersion, Header, Signature};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::Record;
use sealpost_domain::statement::Signed;
use sealpost_ledger::tree::{self, Files, Keeper, NoteSigner};
use sealpost_ledger::verify::{Claim, Counts, Directories, FaultKind, Judge, Refusal, Signer, verify};
use sealpost_ledger::{Draft, Ledger};
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_seglog::disk::sim::Sim;

use crate::scene::*;

/// A keeper over the ledger, its folder, and the checkpoint that it signed over `records` records.
pub(crate) fn checkpointed(scene: &Arc<Scene>, ledger: &Ledger, records: u64, folder: &Path) -> tree::Signed {
    drop(ledger.enqueue((1..records).map(|_| note("before")).collect()).unwrap());
    let signer = Arc::new(KeyOf(OWN, Arc::clone(scene)));
    let history = ledger.history().clone();
    let mut keeper = Keeper::open(Files::at(folder), history, signer, &network(), &agency(OWN)).unwrap().0;
    assert!(keeper.advance().unwrap());
    keeper.watch().borrow().clone().unwrap()
}

pub(crate) struct KeyOf(pub(crate) &'static str, pub(crate) Arc<Scene>);

impl dsse::Signer for KeyOf {
    fn verifying_key(&self) -> &VerifyingKey {
        self.1.key(self.0).verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], dsse::SignError> {
        self.1.key(self.0).sign(message)
    }
}

fn note(rule: &str) -> Draft {
    draft(Record::Security { rule: rule.into(), peer: None, header: None })
}

#[test]
fn the_tree_and_the_checkpoints_over_it_are_verified() {
    let (scene, folder) = (Scene::new(), tempfile::tempdir().unwrap());
    let ledger = ledger(&Sim::new());
    let early = checkpointed(&scene, &ledger, 300, folder.path());
    let later = checkpointed(&scene, &ledger, 400, folder.path());
    assert_eq!((early.checkpoint.size(), later.checkpoint.size()), (300, 699));
    drop(ledger.enqueue(vec![note("not covered yet")]).unwrap());
    let claim = |name: &str, signed: &tree::Signed| Claim { name: name.into(), signed: signed.clone() };
    let claims = [claim("the later one", &later), claim("the early one", &early)];
    let stored = Files::at(folder.path());
    let report = looked_at(&scene, &ledger, &claims, &stored);
    assert!(report.fault.is_none(), "{:?}", report.fault);
    let Counts { records, checkpoints, tiles, tiles_missing, .. } = report.counts;
    assert_eq!((records, checkpoints, tiles, tiles_missing), (700, 2, 2, 0));

    let faulty = |claim: Claim| looked_at(&scene, &ledger, &[claim], &stored).fault.unwrap();
    let mut other_root = early.clone();
    other_root.checkpoint = says(&early, 300, &later);
    let mut beyond = later.clone();
    beyond.checkpoint = says(&later, 701, &later);
    let found = faulty(claim("of another tree", &other_root));
    assert!(matches!((found.index, &found.kind), (299, FaultKind::Root { size: 300, .. })), "{}", found.kind);
    let found = faulty(claim("beyond the end", &beyond));
    assert!(
        matches!((found.index, &found.kind), (700, FaultKind::Shorter { size: 701, .. })),
        "{}",
        found.kind
    );

    let mut forged = early.clone();
    let stranger = Arc::new(KeyOf(PEER, Arc::clone(&scene)));
    let origin = early.checkpoint.origin().parse().unwrap();
    forged.note = early.checkpoint.sign(&NoteSigner::new(&origin, stranger)).unwrap();
    let found = faulty(claim("signed by a stranger", &forged));
    assert!(matches!((found.index, &found.kind), (299, FaultKind::Checkpoint { .. })), "{}", found.kind);

    // The second tile of leaf hashes, with one bit changed; then gone.
    let tile = folder.path().join("tile/0/001");
    let mut bytes = std::fs::read(&tile).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&tile, bytes).unwrap();
    let report = looked_at(&scene, &ledger, &[], &stored);
    assert!(report.fault.is_none(), "the records hold all the same");
    assert_eq!(report.wrong_tile.map(|tile| tile.to_string()).as_deref(), Some("tile/0/001"));
    assert_eq!((report.counts.tiles_wrong, report.counts.records), (1, 700));
    std::fs::remove_file(&tile).unwrap();
    let report = looked_at(&scene, &ledger, &[], &stored);
    assert_eq!((report.fault.is_none(), report.counts.tiles_missing), (true, 1));

    // What the disk does not give is no wrong tile: what it holds nobody knows.
    std::fs::create_dir(&tile).unwrap();
    let report = looked_at(&scene, &ledger, &[], &stored);
    let Counts { tiles_wrong, tiles_missing, tiles_unread, .. } = report.counts;
    assert_eq!((report.wrong_tile, tiles_wrong, tiles_missing, tiles_unread), (None, 0, 0, 1));
    assert_eq!(report.unread_tile.unwrap().to_string(), "tile/0/001 cannot be read");
}

/// What the ledger of one checkpoint would say with another size and the root of another.
fn says(of: &tree::Signed, size: u64, other: &tree::Signed) -> Checkpoint {
    Checkpoint::new(of.checkpoint.origin(), size, other.checkpoint.root()).unwrap()
}

/// Believes nobody before a directory is installed.
struct FromInstalled(Everywhere, bool);

struct Nobody;

impl Directories for FromInstalled {
    fn install(&mut self, _: DirectoryVersion, _: &Bytes) -> Result<(), Refusal> {
        self.1 = true;
        Ok(())
    }

    fn judge(&self) -> Arc<dyn Judge> {
        if self.1 { self.0.judge() } else { Arc::new(Nobody) }
    }
}

impl Judge for Nobody {
    fn header(&self, _: &Header, _: &Bytes, _: &[Signature], _: Instant) -> Result<(), Refusal> {
        Err("no directory".into())
    }

    fn statement(&self, _: PayloadType, _: Signer<'_>, _: &Signed, _: Instant) -> Result<(), Refusal> {
        Err("no directory".into())
    }

    fn checkpoint(&self, _: &AgencyId, _: Incarnation, _: &tree::Signed) -> Result<(), Refusal> {
        Err("no directory".into())
    }

    fn cosignature(&self, _: &AgencyId, _: &tree::Signed) -> Result<(), Refusal> {
        Err("no directory".into())
    }
}

#[test]
fn a_checkpoint_is_judged_by_the_directory_that_its_last_record_installed() {
    let (scene, folder) = (Scene::new(), tempfile::tempdir().unwrap());
    let ledger = ledger(&Sim::new());
    let before = checkpointed(&scene, &ledger, 1, folder.path());
    drop(ledger.enqueue(vec![draft(Record::Directory(DIRECTORY))]).unwrap());
    let after = checkpointed(&scene, &ledger, 1, folder.path());
    let judged = |signed: &tree::Signed| {
        let claims = [Claim { name: "it".into(), signed: signed.clone() }];
        let mut directories = FromInstalled(Everywhere(Arc::clone(&scene)), false);
        verify(ledger.history(), &mut directories, &claims, &Files::at(folder.path()), &mut |_| {}).fault
    };
    assert!(judged(&after).is_none());
    let fault = judged(&before).unwrap();
    assert!(matches!((fault.index, &fault.kind), (0, FaultKind::Checkpoint { .. })), "{}", fault.kind);
}
