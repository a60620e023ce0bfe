//! Checkpoints of peers that were kept, and own ones that peers cosigned.

use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::dsse;
use sealpost_domain::digest::Digest;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::{Record, Witness};
use sealpost_ledger::tree::{self, Files, NoteSigner, listed};
use sealpost_ledger::verify::{Claim, FaultKind};
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::hash::leaf_hash;
use sealpost_merkle::{Hash, Tree};
use sealpost_seglog::disk::sim::Sim;

use crate::checkpoints::checkpointed;
use crate::scene::*;

/// Who signs with the key of an agency.
struct KeyOf(&'static str, Arc<Scene>);

impl dsse::Signer for KeyOf {
    fn verifying_key(&self) -> &dsse::VerifyingKey {
        self.1.key(self.0).verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], dsse::SignError> {
        self.1.key(self.0).sign(message)
    }
}

/// The root of a tree of so many equal leaves.
fn root(size: u64) -> Hash {
    let mut tree = Tree::new();
    (0..size).for_each(|_| drop(tree.append(leaf_hash(b"a leaf"))));
    tree.root()
}

/// A checkpoint of an agency's ledger, signed by it and cosigned by another.
pub(crate) fn note(
    scene: &Arc<Scene>,
    whose: &'static str,
    life: Incarnation,
    size: u64,
    by: &'static str,
) -> Bytes {
    let origin = tree::origin(&network(), &agency(whose), life);
    let checkpoint = Checkpoint::new(origin.as_str(), size, root(size)).unwrap();
    let signer = NoteSigner::new(&origin, Arc::new(KeyOf(whose, Arc::clone(scene))));
    cosigned(scene, &tree::Signed { note: checkpoint.sign(&signer).unwrap(), checkpoint }, by)
}

fn cosigned(scene: &Arc<Scene>, signed: &tree::Signed, by: &'static str) -> Bytes {
    let cosigner = KeyOf(by, Arc::clone(scene));
    listed::cosign(signed, &network(), &agency(by), &cosigner, NOW).unwrap().to_bytes()
}

pub(crate) fn witness(note: Bytes, proof: Vec<Digest>) -> Record {
    Record::Witness(Witness { peer: agency(PEER), note, proof, made_at: NOW })
}

/// The proof from two leaves to three: the third.
pub(crate) fn two_to_three() -> Vec<Digest> {
    vec![Digest::new(*leaf_hash(b"a leaf").as_bytes())]
}

#[test]
fn checkpoints_that_are_kept_and_cosigned_are_verified() {
    let scene = Scene::new();
    let report = verified(&scene, |life| {
        let other = Incarnation([6; 16]);
        vec![
            witness(note(&scene, PEER, PEER_LIFE, 2, OWN), Vec::new()),
            witness(note(&scene, PEER, PEER_LIFE, 3, OWN), two_to_three()),
            // Another life of the peer's ledger begins anew.
            witness(note(&scene, PEER, other, 1, OWN), Vec::new()),
            Record::Cosigned { peer: agency(PEER), note: note(&scene, OWN, life, 2, PEER) },
        ]
    });
    assert!(report.fault.is_none(), "{:?}", report.fault);
    assert_eq!((report.counts.witnessed, report.counts.cosigned, report.counts.signed), (3, 1, 8));
}

#[test]
fn a_kept_checkpoint_must_continue_the_one_before() {
    let scene = Scene::new();
    let first = witness(note(&scene, PEER, PEER_LIFE, 2, OWN), Vec::new());
    let again = witness(note(&scene, PEER, PEER_LIFE, 2, OWN), Vec::new());
    let kind = fault(&scene, |_| vec![first.clone(), again]);
    assert!(matches!(kind, FaultKind::WitnessSize { found: 2, kept: 2, .. }), "{kind}");
    for proof in [Vec::new(), vec![Digest::new([7; 32])]] {
        let later = witness(note(&scene, PEER, PEER_LIFE, 3, OWN), proof);
        let kind = fault(&scene, |_| vec![first.clone(), later]);
        assert!(matches!(kind, FaultKind::WitnessProof { old: 2, new: 3, .. }), "{kind}");
    }
}

#[test]
fn checkpoints_that_somebody_else_signed_or_cosigned_are_named() {
    let scene = Scene::new();
    let by_another = witness(note(&scene, PEER, PEER_LIFE, 2, THIRD), Vec::new());
    let of_another = witness(note(&scene, THIRD, PEER_LIFE, 2, OWN), Vec::new());
    for (record, expected) in [
        (by_another, "cosignature on a peer's checkpoint"),
        (of_another, "checkpoint of a peer"),
        (
            Record::Cosigned { peer: agency(PEER), note: note(&scene, OWN, PEER_LIFE, 2, THIRD) },
            "cosignature of a peer",
        ),
        (
            Record::Cosigned { peer: agency(PEER), note: note(&scene, PEER, PEER_LIFE, 2, PEER) },
            "checkpoint that a peer cosigned",
        ),
    ] {
        let kind = fault(&scene, |_| vec![record]);
        assert!(matches!(kind, FaultKind::Signature { what, .. } if what == expected), "{kind}");
    }
    let none = witness(Bytes::from_static(b"no note"), Vec::new());
    assert!(matches!(fault(&scene, |_| vec![none]), FaultKind::Note { .. }));
    let strange = Record::Cosigned { peer: agency(PEER), note: note(&scene, OWN, PEER_LIFE, 2, PEER) };
    let kind = fault(&scene, |_| vec![strange]);
    assert!(matches!(kind, FaultKind::Incarnation { found: PEER_LIFE, .. }), "{kind}");
}

#[test]
fn what_a_peer_cosigned_must_be_the_tree_of_the_records() {
    let (scene, folder) = (Scene::new(), tempfile::tempdir().unwrap());
    let ledger = ledger(&Sim::new());
    let early = checkpointed(&scene, &ledger, 300, folder.path());
    let late = checkpointed(&scene, &ledger, 300, folder.path());
    let claims = [Claim { name: "the ledger's".into(), signed: late }];
    let fault_with = |note| {
        let record = Record::Cosigned { peer: agency(PEER), note };
        drop(ledger.enqueue(vec![draft(record)]).unwrap());
        looked_at(&scene, &ledger, &claims, &Files::at(folder.path())).fault.map(|fault| fault.kind)
    };
    let found = fault_with(cosigned(&scene, &early, PEER));
    assert!(found.is_none(), "{found:?}");
    let life = ledger.incarnation();
    let found = fault_with(note(&scene, OWN, life, 299, PEER)).unwrap();
    assert!(matches!(&found, FaultKind::Root { size: 299, .. }), "{found}");
    assert_eq!(found.to_string().split(" was signed").next(), Some("the checkpoint that DE-ZKA cosigned"));
    let found = fault_with(note(&scene, OWN, life, 9999, PEER)).unwrap();
    assert!(matches!(&found, FaultKind::Shorter { size: 9999, .. }), "{found}");
}
