//! A ledger with damaged records: what is listed of them is read, verified, proved and exported, and nothing else is.

mod without_tree;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::dsse::PayloadType;
use sealpost_domain::digest::Digest;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::{Record, Settlement, Witness};
use sealpost_ledger::repair::{Action, Case, Entries, Error, Finding, Kind, Knowledge, repair};
use sealpost_ledger::tree::{Files, Keeper, Prover, export};
use sealpost_ledger::verify::{Claim, Excused, FaultKind};
use sealpost_ledger::{Commits, Draft, History, Ledger, Options, ReadError, Start, open};
use sealpost_merkle::hash::leaf_hash;
use sealpost_seglog::disk::sim::Sim;
use tempfile::TempDir;

use crate::checkpoints::KeyOf;
use crate::scene::*;
use crate::witness::{note, two_to_three, witness};

const SEGMENT: &str = "ledger/00000000000000000000.seg";
/// The first of the life after that of [`Damaged::new`].
const SECOND_LIFE: &str = "ledger/00000000000000000006.seg";
/// Records of the ledger.
const FIRST_SENT: u64 = 1;
const RECEIVED: u64 = 2;
pub(crate) const RECORDS: u64 = 6;

pub(crate) struct Damaged {
    scene: Arc<Scene>,
    pub(crate) disk: Sim,
    folder: TempDir,
    /// As they were written.
    pub(crate) leaves: Vec<Bytes>,
}

fn opened(disk: &Sim, known_durable: u64) -> Result<Ledger, open::Error> {
    opened_as(disk, known_durable, Start::Continue)
}

pub(crate) fn opened_as(disk: &Sim, known_durable: u64, start: Start) -> Result<Ledger, open::Error> {
    let options = Options { commits: Commits::Inline, known_durable, start, ..Options::default() };
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    Ledger::open(Arc::new(disk.clone()), Path::new("ledger"), &agency(OWN), NOW, &mut rng, options)
        .map(|(ledger, _)| ledger)
}

impl Damaged {
    /// Incarnation, sent, received, sent, security, a receipt for what was received; all covered by a checkpoint.
    pub(crate) fn new() -> Self {
        Self::holding(|scene, life| {
            let first = to_peers(life, 1, Digest::ZERO);
            let second = to_peers(life, 2, first.digest());
            vec![
                Record::Sent(first.sent(scene)),
                Record::Received(from_peer(1, Digest::ZERO).received(scene, Settlement::Delivered)),
                Record::Sent(second.sent(scene)),
                Record::Security { rule: "a.rule".into(), peer: None, header: None },
                Record::ReceiptSent(scene.statement(OWN, PayloadType::Receipt, &receipt(1))),
            ]
        })
    }

    /// An incarnation and these records, covered by a checkpoint.
    fn holding(records: impl FnOnce(&Arc<Scene>, Incarnation) -> Vec<Record>) -> Self {
        Self::drafting(|scene, life| records(scene, life).into_iter().map(draft).collect())
    }

    /// The same, of records that may have bodies.
    pub(crate) fn drafting(records: impl FnOnce(&Arc<Scene>, Incarnation) -> Vec<Draft>) -> Self {
        let (scene, disk, folder) = (Scene::new(), Sim::new(), tempfile::tempdir().unwrap());
        let written = ledger(&disk);
        let records = records(&scene, written.incarnation());
        drop(written.enqueue(records).unwrap());
        let leaves = written.history().leaves(0).map(Result::unwrap).collect();
        let damaged = Self { scene, disk, folder, leaves };
        assert!(damaged.keeper(&written).advance().unwrap());
        damaged
    }

    fn files(&self) -> Files {
        Files::at(&self.folder.path().join("tree"))
    }

    pub(crate) fn keeper(&self, ledger: &Ledger) -> Keeper {
        let signer = Arc::new(KeyOf(OWN, Arc::clone(&self.scene)));
        let history = ledger.history().clone();
        Keeper::open(self.files(), history, signer, &network(), &agency(OWN)).unwrap().0
    }

    /// Flips a bit of a record: of its leaf, or of the body behind it.
    pub(crate) fn flip(&self, index: u64, part: Part) {
        let segment = Path::new(if index < RECORDS { SEGMENT } else { SECOND_LIFE });
        let mut bytes = self.disk.contents(segment).unwrap();
        let leaf = &self.leaves[usize::try_from(index).unwrap()];
        let at = bytes.windows(leaf.len()).position(|window| window == leaf).unwrap();
        match part {
            Part::Checksum => bytes[at - 1] ^= 1,
            Part::Leaf => bytes[at + 3] ^= 1,
            Part::WholeLeaf => bytes[at..at + leaf.len()].fill(0),
            Part::Body => bytes[at + leaf.len() + 3] ^= 1,
        }
        self.disk.put(segment, &bytes);
    }

    pub(crate) fn repair(&self, knowledge: &Knowledge) -> Result<Vec<Case>, Error> {
        let disk = Arc::new(self.disk.clone());
        repair(disk, Path::new("ledger"), &self.files(), knowledge, &mut |_| {})
    }

    fn open(&self) -> Result<Ledger, open::Error> {
        opened(&self.disk, RECORDS)
    }

    fn verify(&self, ledger: &Ledger) -> sealpost_ledger::verify::Report {
        let signed = self.files().checkpoint().unwrap().unwrap();
        looked_at(&self.scene, ledger, &[Claim { name: "its own".into(), signed }], &self.files())
    }

    /// The entries of an export.
    fn exported(&self, history: &History) -> Vec<Vec<u8>> {
        let dir: PathBuf = self.folder.path().join("export");
        let signed = self.files().checkpoint().unwrap().unwrap();
        export(history, &signed, &dir, &mut |_| {}).unwrap();
        let bundle = dir.join(format!("tile/entries/000.p/{}", signed.checkpoint.size()));
        let (bytes, mut entries) = (fs::read(bundle).unwrap(), Vec::new());
        let mut rest = &bytes[..];
        while let Some((length, behind)) = rest.split_first_chunk() {
            let (entry, behind) = behind.split_at(u16::from_be_bytes(*length).into());
            entries.push(entry.to_vec());
            rest = behind;
        }
        entries
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    Checksum,
    /// A bit of it.
    Leaf,
    WholeLeaf,
    Body,
}

pub(crate) fn accepting(index: u64) -> Knowledge {
    Knowledge { accepted: vec![index], ..Knowledge::default() }
}

pub(crate) fn knowing(leaf: &Bytes) -> Knowledge {
    Knowledge { entries: vec![Entries::parse(leaf)], ..Knowledge::default() }
}

#[test]
fn a_record_whose_body_is_lost_keeps_all_that_is_proven_of_it() {
    let damaged = Damaged::new();
    damaged.flip(RECEIVED, Part::Body);
    let refused = damaged.open().err().unwrap().to_string();
    assert!(refused.contains("record 2 is damaged"), "{refused}");
    let case = |action| {
        vec![Case { index: RECEIVED, kind: Some(Kind::Received), finding: Finding::BodyLost, action }]
    };
    assert_eq!(damaged.repair(&Knowledge::default()).unwrap(), case(Action::Listed));
    damaged.disk.lose_power_keeping(0);
    assert_eq!(damaged.repair(&Knowledge::default()).unwrap(), case(Action::ListedBefore));

    let ledger = damaged.open().unwrap();
    let entry = ledger.get(RECEIVED).unwrap();
    assert_eq!((entry.leaf_bytes, entry.body_lost), (damaged.leaves[2].clone(), true));
    assert!(entry.body.is_empty());
    let report = damaged.verify(&ledger);
    assert!(report.fault.is_none(), "{:?}", report.fault);
    assert_eq!((report.counts.bodies_lost, report.bodies_lost), (1, vec![RECEIVED]));
    assert_eq!(report.counts.bodies_differing, 1, "somebody may have changed it, and had it listed");
    assert_eq!(report.counts.signed, 4);
    let signed = damaged.files().checkpoint().unwrap().unwrap();
    let (leaf, _) = Prover::new(ledger.history(), &damaged.files(), signed).inclusion(RECEIVED).unwrap();
    assert_eq!(leaf, damaged.leaves[2]);
    assert_eq!(damaged.exported(ledger.history()), damaged.leaves);

    // It goes on, and the body comes again.
    let header = from_peer(1, Digest::ZERO).digest();
    let again =
        |sealed| Draft { body: sealed_body(sealed), ..draft(Record::Body { index: RECEIVED, header }) };
    drop(ledger.enqueue(vec![again(b"sealed")]).unwrap());
    assert!(damaged.keeper(&ledger).advance().unwrap());
    let report = damaged.verify(&ledger);
    assert!(report.fault.is_none(), "{:?}", report.fault);
    assert_eq!((report.counts.bodies_restored, report.bodies_lost), (1, vec![]));
    drop(ledger.enqueue(vec![again(b"another")]).unwrap());
    let fault = damaged.verify(&ledger).fault.unwrap();
    assert!(matches!(fault.kind, FaultKind::Restored { index: RECEIVED }), "{}", fault.kind);
}

#[test]
fn a_frame_that_is_damaged_round_a_sound_record_loses_nothing() {
    let damaged = Damaged::new();
    damaged.flip(RECEIVED, Part::Checksum);
    let cases = damaged.repair(&Knowledge::default()).unwrap();
    assert_eq!(
        cases,
        [Case {
            index: RECEIVED,
            kind: Some(Kind::Received),
            finding: Finding::Whole,
            action: Action::Listed
        }]
    );
    let ledger = damaged.open().unwrap();
    let entry = ledger.get(RECEIVED).unwrap();
    assert_eq!((entry.body, entry.body_lost), (sealed_body(b"sealed"), false));
    let report = damaged.verify(&ledger);
    assert!(report.fault.is_none() && report.bodies_lost.is_empty(), "{:?}", report.fault);
}

#[test]
fn a_lost_leaf_comes_back_as_an_entry_with_the_right_hash_alone() {
    let damaged = Damaged::new();
    damaged.flip(RECEIVED, Part::Leaf);
    let cases = damaged.repair(&Knowledge::default()).unwrap();
    assert_eq!(
        cases,
        [Case { index: RECEIVED, kind: None, finding: Finding::LeafLost, action: Action::Undecided }]
    );
    assert!(damaged.open().is_err(), "nothing is listed");
    let other = damaged.repair(&knowing(&damaged.leaves[1])).unwrap_err();
    assert!(matches!(other, Error::Entry { number: 1 }), "{other}");
    // As an export has it, among others.
    let mut bundle = Vec::new();
    for leaf in &damaged.leaves {
        bundle.extend_from_slice(&u16::try_from(leaf.len()).unwrap().to_be_bytes());
        bundle.extend_from_slice(leaf);
    }
    let cases = damaged.repair(&knowing(&bundle.into())).unwrap();
    assert_eq!(
        cases,
        [Case {
            index: RECEIVED,
            kind: Some(Kind::Received),
            finding: Finding::Whole,
            action: Action::Listed
        }]
    );
    let ledger = damaged.open().unwrap();
    let entry = ledger.get(RECEIVED).unwrap();
    assert_eq!((entry.leaf_bytes, entry.body), (damaged.leaves[2].clone(), sealed_body(b"sealed")));
    assert!(damaged.verify(&ledger).fault.is_none());
}

#[test]
fn a_leaf_that_is_given_up_stays_in_the_tree_by_its_hash() {
    // What is behind it goes on from its number, or counts it as received.
    for given_up in [FIRST_SENT, RECEIVED] {
        give_up(given_up);
    }
}

fn give_up(given_up: u64) {
    let damaged = Damaged::new();
    damaged.flip(given_up, Part::Leaf);
    let cases = damaged.repair(&accepting(given_up)).unwrap();
    assert_eq!(
        cases,
        [Case { index: given_up, kind: None, finding: Finding::LeafLost, action: Action::Listed }]
    );
    let ledger = damaged.open().unwrap();
    let lost = ledger.get(given_up).err().unwrap();
    assert!(matches!(lost, ReadError::Lost { index, .. } if index == given_up), "{lost}");
    let report = damaged.verify(&ledger);
    assert!(report.fault.is_none(), "{:?}", report.fault);
    assert_eq!((report.counts.records, report.leaves_lost), (RECORDS, vec![given_up]));
    let mut expected: Vec<Vec<u8>> = damaged.leaves.iter().map(|leaf| leaf.to_vec()).collect();
    expected[usize::try_from(given_up).unwrap()].clear();
    assert_eq!(damaged.exported(ledger.history()), expected);

    let told = |hash| draft(Record::Loss { index: given_up, leaf_hash: Digest::new(hash) });
    drop(
        ledger
            .enqueue(vec![told(*leaf_hash(&damaged.leaves[usize::try_from(given_up).unwrap()]).as_bytes())])
            .unwrap(),
    );
    assert!(damaged.keeper(&ledger).advance().unwrap());
    assert!(damaged.verify(&ledger).fault.is_none());
    drop(ledger.enqueue(vec![told([3; 32])]).unwrap());
    let fault = damaged.verify(&ledger).fault.unwrap();
    assert!(matches!(fault.kind, FaultKind::Loss { index } if index == given_up), "{}", fault.kind);
}

#[test]
fn a_lost_leaf_excuses_the_proof_that_continues_it_and_no_later_one() {
    // Kept of a peer: two leaves, three, which is lost, four; and then five.
    let four_by_three = vec![Digest::new([7; 32])];
    let damaged = Damaged::holding(|scene, _| {
        vec![
            witness(note(scene, PEER, PEER_LIFE, 2, OWN), Vec::new()),
            witness(note(scene, PEER, PEER_LIFE, 3, OWN), two_to_three()),
            witness(note(scene, PEER, PEER_LIFE, 4, OWN), four_by_three.clone()),
        ]
    });
    damaged.flip(2, Part::Leaf);
    damaged.repair(&accepting(2)).unwrap();
    let ledger = opened(&damaged.disk, 4).unwrap();
    let report = damaged.verify(&ledger);
    assert!(report.fault.is_none(), "{:?}", report.fault);
    assert_eq!(report.excused, [Excused { index: 3, peer: agency(PEER), kept: 2, size: 4 }]);
    let later = witness(note(&damaged.scene, PEER, PEER_LIFE, 5, OWN), four_by_three);
    drop(ledger.enqueue(vec![draft(later)]).unwrap());
    let fault = damaged.verify(&ledger).fault.unwrap();
    assert!(matches!(fault.kind, FaultKind::WitnessProof { old: 4, new: 5, .. }), "{}", fault.kind);
}

#[test]
fn one_lost_leaf_excuses_the_checkpoint_of_one_peer() {
    let false_proof = || vec![Digest::new([7; 32])];
    let kept = |scene: &Arc<Scene>, peer, size, proof| {
        let note = note(scene, peer, PEER_LIFE, size, OWN);
        Record::Witness(Witness { peer: agency(peer), note, proof, made_at: NOW })
    };
    let damaged = Damaged::holding(|scene, _| {
        vec![
            kept(scene, PEER, 2, Vec::new()),
            kept(scene, THIRD, 2, Vec::new()),
            Record::Security { rule: "a.rule".into(), peer: None, header: None },
            kept(scene, PEER, 4, false_proof()),
            kept(scene, THIRD, 4, false_proof()),
        ]
    });
    damaged.flip(3, Part::Leaf);
    damaged.repair(&accepting(3)).unwrap();
    let report = damaged.verify(&damaged.open().unwrap());
    assert_eq!(report.excused, [Excused { index: 4, peer: agency(PEER), kept: 2, size: 4 }]);
    let fault = report.fault.unwrap();
    let named = matches!(&fault.kind, FaultKind::WitnessProof { peer, .. } if *peer == agency(THIRD));
    assert!(named && fault.index == 5, "{}", fault.kind);
}

#[test]
fn what_changes_after_it_was_listed_is_not_believed() {
    let damaged = Damaged::new();
    damaged.flip(RECEIVED, Part::Body);
    damaged.repair(&Knowledge::default()).unwrap();
    damaged.flip(RECEIVED, Part::Leaf);
    let ledger = damaged.open().unwrap();
    let changed = ledger.get(RECEIVED).err().unwrap();
    assert!(matches!(changed, ReadError::Changed { index: RECEIVED }), "{changed}");
    assert_eq!(damaged.verify(&ledger).fault.unwrap().index, RECEIVED);
}

#[test]
fn nothing_is_said_of_what_no_checkpoint_covers_and_a_sound_ledger_is_left_alone() {
    let damaged = Damaged::new();
    assert!(damaged.repair(&Knowledge::default()).unwrap().is_empty());
    assert!(damaged.disk.contents(Path::new("ledger/damaged")).is_none());
    let not_lost = damaged.repair(&accepting(RECEIVED)).unwrap_err();
    assert!(matches!(not_lost, Error::NotLost { index: RECEIVED }), "{not_lost}");
    let ledger = damaged.open().unwrap();
    let in_use = damaged.repair(&Knowledge::default()).unwrap_err();
    assert!(in_use.to_string().contains("in use"), "{in_use}");
    // A sound record follows, and says that the one before it was durable.
    for _ in 0..2 {
        drop(ledger.enqueue(vec![draft(Record::Security {
            rule: "b.rule".into(),
            peer: None,
            header: None,
        })]));
    }
    drop(ledger);
    let mut bytes = damaged.disk.contents(Path::new(SEGMENT)).unwrap();
    let at = bytes.windows(6).position(|window| window == b"b.rule").unwrap();
    bytes[at] ^= 1;
    damaged.disk.put(Path::new(SEGMENT), &bytes);
    let uncovered =
        [Case { index: RECORDS, kind: None, finding: Finding::Uncovered, action: Action::Undecided }];
    assert_eq!(damaged.repair(&Knowledge::default()).unwrap(), uncovered);
    assert!(matches!(damaged.repair(&accepting(RECORDS)), Err(Error::NotLost { index: RECORDS })));
}
