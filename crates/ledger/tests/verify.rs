//! A sound ledger verifies, with its counts; every kind of fault is found at its record and named.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::{link_commitment, sha256};
use sealpost_crypto::dsse::{self, PayloadType, SigningKey, VerifyingKey, sign_statement, verify_statement};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::envelope::{
    DirectoryVersion, Header, OpenedCommitment, Recipient, Recipients, Signature,
};
use sealpost_domain::handling::{Handling, Tlp};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Disposition, Incarnation, Position};
use sealpost_domain::message::{Category, Kind, MessageId, Priority, SharingMode};
use sealpost_domain::record::{Cursor, Received, Record, Sent, Settlement, StoredBody};
use sealpost_domain::statement::{Accepted, LinkReceipt, Receipt, Signed, Void, VoidReason};
use sealpost_ledger::tree::{self, Files, Keeper, NoteSigner};
use sealpost_ledger::verify::{
    Claim, Counts, Directories, FaultKind, Judge, Refusal, Report, Signer, verify,
};
use sealpost_ledger::{Commits, Draft, Ledger, Options};
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_seglog::disk::sim::Sim;
use sealpost_wire::envelope::header_to_bytes;
use sealpost_wire::ledger::stored_body_to_bytes;
use sealpost_wire::statement::Payload;

const OWN: &str = "HK-CED";
const PEER: &str = "DE-ZKA";
const THIRD: &str = "TH-TCD";
const NOW: Instant = Instant::from_millis(1_768_464_000_000);
const PEER_LIFE: Incarnation = Incarnation([5; 16]);
const DIRECTORY: DirectoryVersion = DirectoryVersion { version: 1, digest: Digest::ZERO };

fn agency(name: &str) -> AgencyId {
    name.parse().unwrap()
}

/// Everybody's keys, and what is sent and received with them.
struct Scene {
    keys: [(&'static str, SigningKey); 4],
}

impl Scene {
    fn new() -> Arc<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        Arc::new(Self {
            keys: [OWN, PEER, THIRD, "the hub"].map(|name| (name, SigningKey::generate(&mut rng))),
        })
    }

    fn key(&self, signer: &str) -> &SigningKey {
        &self.keys.iter().find(|(name, _)| *name == signer).unwrap().1
    }

    fn sign(&self, signer: &str, kind: PayloadType, payload: &Bytes) -> Vec<Signature> {
        let signature = sign_statement(self.key(signer), kind, payload).unwrap();
        vec![Signature { key_id: signature.key_id, bytes: Bytes::copy_from_slice(&signature.bytes) }]
    }

    fn statement(&self, signer: &str, kind: PayloadType, payload: &impl Payload) -> Signed {
        let payload = payload.to_payload();
        Signed { signatures: self.sign(signer, kind, &payload), payload }
    }
}

/// Everybody's keys are believed everywhere, whatever directory is installed.
struct Everywhere(Arc<Scene>);

impl Directories for Everywhere {
    fn install(&mut self, _: DirectoryVersion, _: &Bytes) -> Result<(), Refusal> {
        Ok(())
    }

    fn judge(&self) -> Arc<dyn Judge> {
        Arc::clone(&self.0) as Arc<dyn Judge>
    }
}

impl Judge for Scene {
    fn header(
        &self,
        header: &Header,
        exact: &Bytes,
        signatures: &[Signature],
        _: Instant,
    ) -> Result<(), Refusal> {
        let key = self.key(header.sender.as_str()).verifying_key();
        Ok(verify_statement(key, PayloadType::Header, exact, &signatures[0].bytes)?)
    }

    fn statement(
        &self,
        kind: PayloadType,
        signer: Signer<'_>,
        signed: &Signed,
        _: Instant,
    ) -> Result<(), Refusal> {
        let name = match signer {
            Signer::Hub => "the hub",
            Signer::Agency(agency) => agency.as_str(),
        };
        Ok(verify_statement(
            self.key(name).verifying_key(),
            kind,
            &signed.payload,
            &signed.signatures[0].bytes,
        )?)
    }

    fn checkpoint(&self, agency: &AgencyId, life: Incarnation, signed: &tree::Signed) -> Result<(), Refusal> {
        let expected = tree::origin(&network(), agency, life);
        let held = signed.checkpoint.origin() == expected.as_str()
            && signed.is_signed_by(self.key(agency.as_str()).verifying_key());
        if held { Ok(()) } else { Err("not signed".into()) }
    }
}

fn network() -> NetworkName {
    NetworkName::parse("test.sealpost").unwrap()
}

/// A message that is being made: who to whom, and the places on their links.
struct Letter {
    sender: &'static str,
    places: Vec<(&'static str, u64, Digest)>,
    life: Incarnation,
}

impl Letter {
    fn commitments(&self) -> Vec<OpenedCommitment> {
        let open = |(_, number, previous): &(_, u64, Digest)| OpenedCommitment {
            position: Position { incarnation: self.life, number: *number },
            previous: *previous,
            salt: [6; 32],
        };
        self.places.iter().map(open).collect()
    }

    fn header(&self) -> Bytes {
        let recipients = self.places.iter().zip(self.commitments()).map(|((name, ..), opened)| Recipient {
            agency: agency(name),
            agreement: Digest::new([8; 32]),
            link_commitment: link_commitment(
                &opened.salt,
                &self.life.0,
                opened.position.number,
                &opened.previous,
            ),
        });
        let header = Header {
            id: MessageId::new(1_768_464_000_000, [1; 10]),
            sender: agency(self.sender),
            sent_at: NOW,
            kind: Kind::Sighting,
            priority: Priority::Flash,
            act_before: None,
            category: Category::Narcotics,
            mode: SharingMode::Spontaneous,
            handling: Handling::new(Tlp::Amber, []),
            operation: None,
            in_reply_to: None,
            directory: DIRECTORY,
            recipients: Recipients::new(recipients.collect()).unwrap(),
            sealed_digest: sha256(b"sealed"),
            key_commitment: Digest::ZERO,
            plaintext_digest: Digest::ZERO,
            approval_digest: None,
        };
        header_to_bytes(&header)
    }

    fn digest(&self) -> Digest {
        sha256(&self.header())
    }

    fn sent(&self, scene: &Arc<Scene>) -> Sent {
        let header = self.header();
        Sent {
            signatures: scene.sign(self.sender, PayloadType::Header, &header),
            header,
            commitments: self.commitments(),
            idempotency_digest: None,
            publisher: KeyId::new([4; 32]),
        }
    }

    fn received(&self, scene: &Arc<Scene>, settlement: Settlement) -> Received {
        let header = self.header();
        Received {
            signatures: scene.sign(self.sender, PayloadType::Header, &header),
            header,
            commitment: self.commitments().first().copied(),
            cursor: Cursor { hub_incarnation: Incarnation([9; 16]), index: 1, entry_digest: self.digest() },
            settlement,
        }
    }
}

fn to_peers(life: Incarnation, number: u64, previous: Digest) -> Letter {
    Letter { sender: OWN, places: vec![(PEER, number, previous), (THIRD, number, previous)], life }
}

fn from_peer(number: u64, previous: Digest) -> Letter {
    Letter { sender: PEER, places: vec![(OWN, number, previous)], life: PEER_LIFE }
}

fn receipt(contiguous: u64) -> Receipt {
    Receipt {
        recipient: agency(OWN),
        sender: agency(PEER),
        recipient_incarnation: PEER_LIFE,
        number: 1,
        made_at: NOW,
        links: vec![LinkReceipt {
            priority: Priority::Flash,
            sender_incarnation: PEER_LIFE,
            contiguous,
            chain_digest: Digest::ZERO,
            delivered: Vec::new(),
            exceptions: Vec::new(),
            read: Vec::new(),
        }],
        checkpoint: Bytes::new(),
        directory: DIRECTORY,
    }
}

fn accepted(headers: &[Digest]) -> Accepted {
    let digests: Vec<u8> = headers.iter().flat_map(|digest| *digest.as_bytes()).collect();
    Accepted {
        hub_incarnation: Incarnation([9; 16]),
        index: 1,
        accepted_at: NOW,
        sender: agency(OWN),
        batch_digest: sha256(&digests),
        count: u32::try_from(headers.len()).unwrap(),
        refusals: Vec::new(),
    }
}

fn sealed_body(sealed: &'static [u8]) -> Bytes {
    stored_body_to_bytes(&StoredBody {
        sealed: Bytes::from_static(sealed),
        bucket: Bytes::from_static(b"message.2027-03"),
        key_nonce: [0; 12],
        wrapped_key: Bytes::from_static(&[0; 48]),
        idempotency_key: String::new(),
    })
}

fn draft(record: Record) -> Draft {
    let body = match record {
        Record::Sent(_) | Record::Received(_) => sealed_body(b"sealed"),
        _ => Bytes::new(),
    };
    Draft { recorded_at: NOW, salt: [2; 32], record, body }
}

/// Opens a ledger, appends what `records` gives for its incarnation, and verifies it. The first record has index 1.
fn verified(scene: &Arc<Scene>, records: impl FnOnce(Incarnation) -> Vec<Record>) -> Report {
    let disk = Sim::new();
    let ledger = ledger(&disk);
    let drafts = records(ledger.incarnation()).into_iter().map(draft).collect();
    drop(ledger.enqueue(drafts).unwrap());
    looked_at(scene, &ledger, &[], &Files::at(Path::new("/absent")))
}

fn looked_at(scene: &Arc<Scene>, ledger: &Ledger, claims: &[Claim], stored: &Files) -> Report {
    verify(ledger.history(), &mut Everywhere(Arc::clone(scene)), claims, stored, &mut |_| {})
}

fn ledger(disk: &Sim) -> Ledger {
    let options = Options { commits: Commits::Inline, ..Options::default() };
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    Ledger::open(Arc::new(disk.clone()), Path::new("ledger"), &agency(OWN), NOW, &mut rng, options).unwrap().0
}

/// The fault at the last of these records.
fn fault(scene: &Arc<Scene>, records: impl FnOnce(Incarnation) -> Vec<Record>) -> FaultKind {
    let mut last = 0;
    let report = verified(scene, |life| {
        let records = records(life);
        last = records.len() as u64;
        records
    });
    let fault = report.fault.expect("the fault was not found");
    assert_eq!((fault.index, report.counts.records), (last, last), "{}: {}", fault, fault.kind);
    fault.kind
}

#[test]
fn a_sound_ledger_verifies_with_its_counts() {
    let scene = Scene::new();
    let report = verified(&scene, |life| {
        let first = to_peers(life, 1, Digest::ZERO);
        let second = to_peers(life, 2, first.digest());
        let arrivals = [from_peer(1, Digest::ZERO), from_peer(3, Digest::new([3; 32]))];
        let void = Void {
            sender: agency(PEER),
            recipient: agency(OWN),
            priority: Priority::Flash,
            incarnation: PEER_LIFE,
            number: 2,
            header: Digest::new([3; 32]),
            previous: arrivals[0].digest(),
            reason: VoidReason::Refused,
            made_at: NOW,
        };
        let batch = [first.digest(), second.digest()];
        vec![
            Record::Sent(first.sent(&scene)),
            Record::Received(arrivals[0].received(&scene, Settlement::Delivered)),
            Record::Sent(second.sent(&scene)),
            Record::Accepted {
                statement: scene.statement("the hub", PayloadType::Accepted, &accepted(&batch)),
                headers: batch.to_vec(),
            },
            Record::Received(arrivals[1].received(&scene, Settlement::Delivered)),
            Record::Voided(scene.statement(PEER, PayloadType::Void, &void)),
            Record::ReceiptSent(scene.statement(OWN, PayloadType::Receipt, &receipt(3))),
        ]
    });
    assert!(report.fault.is_none(), "{:?}", report.fault);
    let expected = Counts {
        records: 8,
        sent: 2,
        received: 2,
        accepted: 1,
        receipts: 1,
        voids: 1,
        directories: 0,
        signed: 7,
        chains: 3,
        ..Counts::default()
    };
    assert_eq!(report.counts, expected);
}

#[test]
fn own_numbers_with_a_gap_or_another_predecessor_are_found() {
    let scene = Scene::new();
    let gap = fault(&scene, |life| vec![Record::Sent(to_peers(life, 2, Digest::ZERO).sent(&scene))]);
    assert!(matches!(gap, FaultKind::Number { found: 2, expected: 1, .. }), "{gap}");
    let chain = fault(&scene, |life| {
        vec![
            Record::Sent(to_peers(life, 1, Digest::ZERO).sent(&scene)),
            Record::Sent(to_peers(life, 2, Digest::ZERO).sent(&scene)),
        ]
    });
    assert!(matches!(chain, FaultKind::Chain { number: 2, .. }), "{chain}");
    let life = fault(&scene, |_| vec![Record::Sent(to_peers(PEER_LIFE, 1, Digest::ZERO).sent(&scene))]);
    assert!(matches!(life, FaultKind::Incarnation { found: PEER_LIFE, .. }), "{life}");
}

#[test]
fn a_message_delivered_twice_or_against_its_chain_is_found() {
    let scene = Scene::new();
    let delivered = |letter: &Letter| Record::Received(letter.received(&scene, Settlement::Delivered));
    let first = from_peer(1, Digest::ZERO);
    let twice = fault(&scene, |_| vec![delivered(&first), delivered(&first)]);
    assert!(matches!(twice, FaultKind::Twice { number: 1, .. }), "{twice}");
    let broken = fault(&scene, |_| vec![delivered(&first), delivered(&from_peer(2, Digest::new([1; 32])))]);
    assert!(matches!(broken, FaultKind::Chain { number: 2, .. }), "{broken}");
    let evidence = Settlement::Excepted(Disposition::Quarantined, "link.equivocation".into());
    let kept = Record::Received(first.received(&scene, evidence));
    assert!(verified(&scene, |_| vec![delivered(&first), kept]).fault.is_none());
}

#[test]
fn what_was_not_signed_as_it_must_be_is_found() {
    let scene = Scene::new();
    let forged = fault(&scene, |_| {
        let mut received = from_peer(1, Digest::ZERO).received(&scene, Settlement::Delivered);
        received.signatures = scene.sign(THIRD, PayloadType::Header, &received.header);
        vec![Record::Received(received)]
    });
    assert!(matches!(forged, FaultKind::Signature { what: "header", .. }), "{forged}");
    let forged = fault(&scene, |_| {
        vec![Record::ReceiptSent(scene.statement(PEER, PayloadType::Receipt, &receipt(0)))]
    });
    assert!(matches!(forged, FaultKind::Signature { what: "receipt", .. }), "{forged}");
}

#[test]
fn promises_that_the_ledger_does_not_keep_are_found() {
    let scene = Scene::new();
    let receipted =
        fault(&scene, |_| vec![Record::ReceiptSent(scene.statement(OWN, PayloadType::Receipt, &receipt(1)))]);
    assert!(matches!(receipted, FaultKind::Receipt { receipted: 1, held: 0, .. }), "{receipted}");
    let batch = fault(&scene, |_| {
        let statement = scene.statement("the hub", PayloadType::Accepted, &accepted(&[Digest::ZERO]));
        vec![Record::Accepted { statement, headers: vec![Digest::new([1; 32])] }]
    });
    assert!(matches!(batch, FaultKind::Batch), "{batch}");
    let opened = fault(&scene, |life| {
        let mut sent = to_peers(life, 1, Digest::ZERO).sent(&scene);
        sent.commitments[1].salt = [0; 32];
        vec![Record::Sent(sent)]
    });
    assert!(
        matches!(&opened, FaultKind::Commitment { agency, number: 1 } if agency.as_str() == THIRD),
        "{opened}"
    );
}

#[test]
fn a_body_that_is_not_the_headers_is_found() {
    let scene = Scene::new();
    let disk = Sim::new();
    let ledger = ledger(&disk);
    let record = Record::Received(from_peer(1, Digest::ZERO).received(&scene, Settlement::Delivered));
    let swapped = Draft { body: sealed_body(b"swapped"), ..draft(record) };
    drop(ledger.enqueue(vec![swapped]).unwrap());
    let fault = looked_at(&scene, &ledger, &[], &Files::at(Path::new("/absent"))).fault.unwrap();
    assert!(matches!((fault.index, fault.kind), (1, FaultKind::Sealed)));
}

#[test]
fn a_flipped_bit_is_named_with_its_record() {
    let scene = Scene::new();
    let disk = Sim::new();
    let ledger = ledger(&disk);
    let received = Record::Received(from_peer(1, Digest::ZERO).received(&scene, Settlement::Delivered));
    let place = |drafts: Vec<Draft>| drop(ledger.enqueue(drafts).unwrap());
    place(vec![draft(received)]);
    place(vec![draft(Record::Security { rule: "a.rule".into(), peer: None, header: None })]);
    let file = Path::new("ledger/00000000000000000000.seg");
    let middle = disk.contents(file).unwrap().len() as u64 / 2;
    assert!(disk.flip(file, middle, 4));
    let report = looked_at(&scene, &ledger, &[], &Files::at(Path::new("/absent")));
    let fault = report.fault.unwrap();
    assert_eq!((fault.index, report.counts.records), (1, 1));
    let FaultKind::Unreadable(cause) = fault.kind else { panic!("{}", fault.kind) };
    assert!(cause.to_string().starts_with("record 1 is damaged"), "{cause}");
}

/// A keeper over the ledger, its folder, and the checkpoint that it signed over `records` records.
fn checkpointed(scene: &Arc<Scene>, ledger: &Ledger, records: u64, folder: &Path) -> tree::Signed {
    drop(ledger.enqueue((1..records).map(|_| note("before")).collect()).unwrap());
    let signer = Arc::new(KeyOf(OWN, Arc::clone(scene)));
    let history = ledger.history().clone();
    let mut keeper = Keeper::open(Files::at(folder), history, signer, &network(), &agency(OWN)).unwrap();
    assert!(keeper.advance().unwrap());
    keeper.watch().borrow().clone().unwrap()
}

struct KeyOf(&'static str, Arc<Scene>);

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
    let found = looked_at(&scene, &ledger, &[], &stored).fault.unwrap();
    assert!(
        matches!((found.index, &found.kind), (511, FaultKind::Tile { tile }) if tile == "tile/0/001"),
        "{}",
        found.kind
    );
    std::fs::remove_file(&tile).unwrap();
    let report = looked_at(&scene, &ledger, &[], &stored);
    assert_eq!((report.fault.is_none(), report.counts.tiles_missing), (true, 1));
}

/// What the ledger of one checkpoint would say with another size and the root of another.
fn says(of: &tree::Signed, size: u64, other: &tree::Signed) -> Checkpoint {
    Checkpoint::new(of.checkpoint.origin(), size, other.checkpoint.root()).unwrap()
}

#[test]
fn a_fault_far_inside_is_the_first_one_named_however_many_follow() {
    let scene = Scene::new();
    let report = verified(&scene, |life| {
        let plain = || Record::Security { rule: "a.rule".into(), peer: None, header: None };
        let mut records: Vec<Record> = (0..3000).map(|_| plain()).collect();
        // Both are wrong; the second lies in a later piece of work, which may be done before.
        records[1500] = Record::ReceiptSent(scene.statement(PEER, PayloadType::Receipt, &receipt(0)));
        records[2900] = Record::Sent(to_peers(life, 2, Digest::ZERO).sent(&scene));
        records
    });
    assert_eq!(report.fault.map(|fault| fault.index), Some(1501));
    assert_eq!(report.counts.records, 1501);
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
