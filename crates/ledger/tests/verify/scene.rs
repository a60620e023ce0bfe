//! A ledger of Hong Kong with messages to and from Germany and Thailand, all invented, and who believes them.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::{link_commitment, sha256};
use sealpost_crypto::dsse::{PayloadType, SigningKey, sign_statement, verify_statement};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::envelope::{
    DirectoryVersion, Header, OpenedCommitment, Recipient, Recipients, Signature,
};
use sealpost_domain::handling::{Handling, Tlp};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Incarnation, Position};
use sealpost_domain::message::{Category, Kind, MessageId, Priority, SharingMode};
use sealpost_domain::record::{Cursor, Received, Record, Sent, Settlement, StoredBody};
use sealpost_domain::statement::{Accepted, LinkReceipt, Receipt, Signed};
use sealpost_ledger::tree::{self, CosignatureVerifier, Files};
use sealpost_ledger::verify::{Claim, Directories, FaultKind, Judge, Refusal, Report, Signer, verify};
use sealpost_ledger::{Commits, Draft, Ledger, Options};
use sealpost_merkle::cosignature;
use sealpost_seglog::disk::sim::Sim;
use sealpost_wire::envelope::header_to_bytes;
use sealpost_wire::ledger::stored_body_to_bytes;
use sealpost_wire::statement::Payload;

pub(crate) const OWN: &str = "HK-CED";
pub(crate) const PEER: &str = "DE-ZKA";
pub(crate) const THIRD: &str = "TH-TCD";
pub(crate) const NOW: Instant = Instant::from_millis(1_768_464_000_000);
pub(crate) const PEER_LIFE: Incarnation = Incarnation([5; 16]);
pub(crate) const DIRECTORY: DirectoryVersion = DirectoryVersion { version: 1, digest: Digest::ZERO };

pub(crate) fn agency(name: &str) -> AgencyId {
    name.parse().unwrap()
}

/// Everybody's keys, and what is sent and received with them.
pub(crate) struct Scene {
    pub(crate) keys: [(&'static str, SigningKey); 4],
}

impl Scene {
    pub(crate) fn new() -> Arc<Self> {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        Arc::new(Self {
            keys: [OWN, PEER, THIRD, "the hub"].map(|name| (name, SigningKey::generate(&mut rng))),
        })
    }

    pub(crate) fn key(&self, signer: &str) -> &SigningKey {
        &self.keys.iter().find(|(name, _)| *name == signer).unwrap().1
    }

    pub(crate) fn sign(&self, signer: &str, kind: PayloadType, payload: &Bytes) -> Vec<Signature> {
        let signature = sign_statement(self.key(signer), kind, payload).unwrap();
        vec![Signature { key_id: signature.key_id, bytes: Bytes::copy_from_slice(&signature.bytes) }]
    }

    pub(crate) fn statement(&self, signer: &str, kind: PayloadType, payload: &impl Payload) -> Signed {
        let payload = payload.to_payload();
        Signed { signatures: self.sign(signer, kind, &payload), payload }
    }
}

/// Everybody's keys are believed everywhere, whatever directory is installed.
pub(crate) struct Everywhere(pub(crate) Arc<Scene>);

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

    fn cosignature(&self, cosigner: &AgencyId, signed: &tree::Signed) -> Result<(), Refusal> {
        let name = tree::listed::witness(&network(), cosigner);
        let key = self.key(cosigner.as_str()).verifying_key();
        Ok(cosignature::verify(&signed.note, &CosignatureVerifier::new(&name, key)).map(drop)?)
    }
}

pub(crate) fn network() -> NetworkName {
    NetworkName::parse("test.sealpost").unwrap()
}

/// A message that is being made: who to whom, and the places on their links.
pub(crate) struct Letter {
    pub(crate) sender: &'static str,
    pub(crate) places: Vec<(&'static str, u64, Digest)>,
    pub(crate) life: Incarnation,
}

impl Letter {
    pub(crate) fn commitments(&self) -> Vec<OpenedCommitment> {
        let open = |(_, number, previous): &(_, u64, Digest)| OpenedCommitment {
            position: Position { incarnation: self.life, number: *number },
            previous: *previous,
            salt: [6; 32],
        };
        self.places.iter().map(open).collect()
    }

    pub(crate) fn header(&self) -> Bytes {
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

    pub(crate) fn digest(&self) -> Digest {
        sha256(&self.header())
    }

    pub(crate) fn sent(&self, scene: &Arc<Scene>) -> Sent {
        let header = self.header();
        Sent {
            signatures: scene.sign(self.sender, PayloadType::Header, &header),
            header,
            commitments: self.commitments(),
            idempotency_digest: None,
            publisher: KeyId::new([4; 32]),
        }
    }

    pub(crate) fn received(&self, scene: &Arc<Scene>, settlement: Settlement) -> Received {
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

pub(crate) fn to_peers(life: Incarnation, number: u64, previous: Digest) -> Letter {
    Letter { sender: OWN, places: vec![(PEER, number, previous), (THIRD, number, previous)], life }
}

pub(crate) fn from_peer(number: u64, previous: Digest) -> Letter {
    Letter { sender: PEER, places: vec![(OWN, number, previous)], life: PEER_LIFE }
}

pub(crate) fn receipt(contiguous: u64) -> Receipt {
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
            agreed: None,
            filled: Vec::new(),
        }],
        checkpoint: Bytes::new(),
        directory: DIRECTORY,
        cosigned: Bytes::new(),
        builds_on: 0,
    }
}

pub(crate) fn accepted(headers: &[Digest]) -> Accepted {
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

pub(crate) fn sealed_body(sealed: &'static [u8]) -> Bytes {
    stored_body_to_bytes(&StoredBody {
        sealed: Bytes::from_static(sealed),
        bucket: Bytes::from_static(b"message.2027-03"),
        key_nonce: [0; 12],
        wrapped_key: Bytes::from_static(&[0; 48]),
    })
}

pub(crate) fn draft(record: Record) -> Draft {
    let body = match record {
        Record::Sent(_) | Record::Received(_) => sealed_body(b"sealed"),
        _ => Bytes::new(),
    };
    Draft { recorded_at: NOW, salt: [2; 32], record, body }
}

/// Opens a ledger, appends what `records` gives for its incarnation, and verifies it. The first record has index 1.
pub(crate) fn verified(scene: &Arc<Scene>, records: impl FnOnce(Incarnation) -> Vec<Record>) -> Report {
    let disk = Sim::new();
    let ledger = ledger(&disk);
    let drafts = records(ledger.incarnation()).into_iter().map(draft).collect();
    drop(ledger.enqueue(drafts).unwrap());
    looked_at(scene, &ledger, &[], &Files::at(Path::new("/absent")))
}

pub(crate) fn looked_at(scene: &Arc<Scene>, ledger: &Ledger, claims: &[Claim], stored: &Files) -> Report {
    verify(ledger.history(), &mut Everywhere(Arc::clone(scene)), claims, stored, &mut |_| {})
}

pub(crate) fn ledger(disk: &Sim) -> Ledger {
    let options = Options { commits: Commits::Inline, ..Options::default() };
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    Ledger::open(Arc::new(disk.clone()), Path::new("ledger"), &agency(OWN), NOW, &mut rng, options).unwrap().0
}

/// The fault at the last of these records.
pub(crate) fn fault(scene: &Arc<Scene>, records: impl FnOnce(Incarnation) -> Vec<Record>) -> FaultKind {
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
