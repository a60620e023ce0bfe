//! The tree over a ledger: kept up, taken up again, made anew, proved and exported; and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod anew;
mod given;
mod kept;

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
    append_ruled(ledger, records, "rule");
}

/// Records that are told from others of the same index by this.
fn append_ruled(ledger: &Ledger, records: u64, rule: &str) {
    let first = ledger.next();
    let drafts = (first..first + records).map(|index| draft(format!("{rule}.{index}"), Bytes::new()));
    drop(ledger.enqueue(drafts.collect()).unwrap());
}

fn draft(rule: String, body: Bytes) -> Draft {
    Draft {
        recorded_at: NOW,
        salt: [7; 32],
        record: Record::Security { rule, peer: None, header: None },
        body,
    }
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

/// Goes on until nothing is left to do.
fn catch_up(keeper: &mut Keeper) -> Result<(), Error> {
    while keeper.is_behind() {
        keeper.advance()?;
    }
    Ok(())
}

/// Another root, signed with the ledger's own key.
fn of_another_tree(signed: &Signed) -> Signed {
    let Signed { checkpoint, .. } = signed;
    let origin = checkpoint.origin().parse().unwrap();
    let checkpoint =
        Checkpoint::new(checkpoint.origin(), checkpoint.size(), leaf_hash(b"another tree")).unwrap();
    Signed { note: checkpoint.sign(&NoteSigner::new(&origin, key())).unwrap(), checkpoint }
}
