//! Invented agencies with a hub between them, without any I/O but the bucket keys: the ledgers are in memory.

mod desk;
mod shelf;
mod station;
mod tree;

use std::cell::Cell;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{PayloadType, Signer as _, SigningKey, sign_statement};
use sealpost_crypto::wrap::SealingPrivateKey;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::{Agreement, Parties};
use sealpost_domain::alert::Draft as AlertDraft;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::{
    AgencyRecord, Directory, HubRecord, KeyUse, PublicKey, Revocation, RevocationReason, SealingKeyRecord,
    SigningKeyRecord,
};
use sealpost_domain::envelope::{DirectoryVersion, Signature};
use sealpost_domain::handling::{HandlingCode, Tlp};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::{Category, Priority, SharingMode};
use sealpost_domain::record::Record;
use sealpost_domain::statement::{Accepted, HubRefusal, Signed};
use sealpost_wire::envelope::signed_to_bytes;
use sealpost_wire::json::parse_draft;
use sealpost_wire::statement::Payload;
use zeroize::Zeroizing;

pub(crate) use shelf::Shelf;
pub(crate) use station::Station;

use crate::core::{Core, Policies};

pub(crate) const NOW: Instant = Instant::from_millis(1_790_000_000_000);
pub(crate) const HUB: Incarnation = Incarnation([7; 16]);
const ALWAYS: Period = Period { from: Instant::from_millis(0), until: None };

pub(crate) fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

/// An invented request of some priority, from Hong Kong to Germany.
pub(crate) fn draft(priority: Priority) -> AlertDraft {
    let json = format!(
        r#"{{"recipients": ["DE-ZKA"], "priority": "{priority}", "category": "narcotics", "tlp": "AMBER",
        "grading": {{"scale": "europol_4x4", "source": "B", "information": 2}},
        "purpose": "Customs enforcement; invented", "retention_until": "2026-12-31",
        "content": {{"request": {{"question": "Invented question?", "identifiers": [],
        "due": "2026-10-01T12:00:00+02:00"}}}}}}"#
    );
    parse_draft(json).unwrap()
}

/// The keys of the network, and its directory.
pub(crate) struct Network {
    pub(crate) hub: SigningKey,
    pub(crate) directory: Directory,
    /// The index of the hub's next promise.
    pub(crate) promises: Cell<u64>,
    signing: [Arc<SigningKey>; 3],
    /// Officers of Hong Kong, whom its record lists.
    pub(crate) officers: [SigningKey; 2],
}

/// Their agencies; most stories are of the first two.
const AGENCIES: [&str; 3] = ["HK-CED", "DE-ZKA", "TH-TCD"];

impl Network {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let hub = SigningKey::generate(&mut rng);
        let signing = [(); 3].map(|()| Arc::new(SigningKey::generate(&mut rng)));
        let officers = [(); 2].map(|()| SigningKey::generate(&mut rng));
        let sealing = AGENCIES.map(sealing_key);
        let agencies = AGENCIES.into_iter().zip(signing.iter().zip(&sealing));
        let record = |(id, (signing, sealing)): (&str, (&Arc<SigningKey>, &SealingPrivateKey))| {
            (agency(id), record(signing, sealing))
        };
        let mut directory = Directory {
            network: NetworkName::parse("sample.sealpost").unwrap(),
            version: DirectoryVersion { version: 1, digest: sha256(b"a directory") },
            previous: Digest::ZERO,
            issued_at: NOW,
            valid_until: NOW.plus(Duration::from_hours(24)),
            authority_keys: Vec::new(),
            threshold: 1,
            hub: HubRecord { operator_root: Vec::new(), signing_keys: vec![public(&hub)] },
            jurisdictions: [].into(),
            agencies: agencies.map(record).collect(),
            agreements: vec![agreement()],
            operations: [].into(),
            revocations: [].into(),
            withdrawn: [].into(),
        };
        let listed = officers.iter().map(|officer| SigningKeyRecord {
            key: public(officer),
            usage: KeyUse::Officer,
            period: ALWAYS,
        });
        if let Some(record) = directory.agencies.get_mut(&agency("HK-CED")) {
            record.signing_keys.extend(listed);
        }
        Self { hub, directory, promises: Cell::new(1), signing, officers }
    }

    /// The node of Hong Kong, and the node of Germany.
    pub(crate) fn nodes(&self) -> [Station; 2] {
        ["HK-CED", "DE-ZKA"].map(|id| Station::new(self, id))
    }

    /// Those, and the node of Thailand.
    pub(crate) fn three_nodes(&self) -> [Station; 3] {
        AGENCIES.map(|id| Station::new(self, id))
    }

    /// What the hub signs about a batch.
    pub(crate) fn accept(
        &self,
        sender: &AgencyId,
        hub: Incarnation,
        headers: &[Digest],
        refusals: Vec<HubRefusal>,
    ) -> Signed {
        let digests: Vec<u8> = headers.iter().flat_map(Digest::as_bytes).copied().collect();
        let accepted = Accepted {
            hub_incarnation: hub,
            index: self.promises.replace(self.promises.get() + 1),
            accepted_at: NOW,
            sender: sender.clone(),
            batch_digest: sha256(&digests),
            count: u32::try_from(headers.len()).unwrap(),
            refusals,
        };
        sign(&self.hub, PayloadType::Accepted, accepted.to_payload())
    }

    /// The version after one, in which an agency's node has a next key; and that key.
    pub(crate) fn rotated(id: &str, before: &Directory) -> (Directory, Arc<SigningKey>) {
        let key = SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(before.version.version));
        let mut next = following(before);
        if let Some(record) = next.agencies.get_mut(&agency(id)) {
            let listed = SigningKeyRecord { key: public(&key), usage: KeyUse::Node, period: ALWAYS };
            record.signing_keys.push(listed);
        }
        (next, Arc::new(key))
    }

    /// The version after one, in which a key is stolen.
    pub(crate) fn revoked(key: &SigningKey, before: &Directory) -> Directory {
        let mut next = following(before);
        let revocation = Revocation { revoked_at: NOW, reason: RevocationReason::Compromised };
        next.revocations.insert(key.key_id(), revocation);
        next
    }

    fn place(id: &str) -> usize {
        AGENCIES.iter().position(|agency| *agency == id).unwrap()
    }
}

fn following(before: &Directory) -> Directory {
    let version = before.version.version + 1;
    let version = DirectoryVersion { version, digest: sha256(&version.to_le_bytes()) };
    Directory { version, previous: before.version.digest, ..before.clone() }
}

fn sealing_key(id: &str) -> SealingPrivateKey {
    SealingPrivateKey::from_seed(Box::new(Zeroizing::new([id.as_bytes()[0]; 32])))
}

fn record(signing: &SigningKey, sealing: &SealingPrivateKey) -> AgencyRecord {
    let sealing = sealing.public_key();
    AgencyRecord {
        name: "An invented agency".into(),
        signing_keys: vec![SigningKeyRecord { key: public(signing), usage: KeyUse::Node, period: ALWAYS }],
        sealing_keys: vec![SealingKeyRecord {
            key: PublicKey { id: sealing.key_id(), bytes: sealing.to_bytes() },
            epoch: 1,
            period: ALWAYS,
        }],
        approval_rules: Vec::new(),
    }
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey { id: key.key_id(), bytes: key.verifying_key().as_bytes().to_vec() }
}

fn agreement() -> Agreement {
    Agreement {
        id: "SAMPLE-1".parse().unwrap(),
        digest: sha256(b"an agreement"),
        title: "Invented".into(),
        parties: Parties::new(vec![agency("DE-ZKA"), agency("HK-CED"), agency("TH-TCD")]).unwrap(),
        categories: Category::ALL.iter().copied().collect(),
        modes: SharingMode::ALL.iter().copied().collect(),
        strictest_tlp: Tlp::Red,
        handling_codes: HandlingCode::ALL.iter().copied().collect(),
        retention_max: Duration::from_hours(24 * 3650),
        period: ALWAYS,
    }
}

pub(crate) fn sign(key: &SigningKey, kind: PayloadType, payload: Bytes) -> Signed {
    let signature = sign_statement(key, kind, &payload).unwrap();
    let bytes = Bytes::copy_from_slice(&signature.bytes);
    Signed { payload, signatures: vec![Signature { key_id: signature.key_id, bytes }] }
}

/// A core before its first record, that knows one directory.
pub(crate) fn empty_core(id: &str, incarnation: Incarnation, directory: &Directory) -> Core {
    core_knowing(id, incarnation, &DirectoriesKnown::new(Mutex::new(vec![directory.clone()])))
}

/// The directories that a ledger of the fixture may install.
type DirectoriesKnown = Arc<Mutex<Vec<Directory>>>;

/// A core that knows these. A record names which by its place, the first one by nothing.
fn core_knowing(id: &str, incarnation: Incarnation, known: &DirectoriesKnown) -> Core {
    let known = Arc::clone(known);
    let opener = Box::new(move |signed: &Signed, _: Option<&Directory>| {
        let place = signed.payload.first().copied().map_or(0, usize::from);
        Ok(known.lock().unwrap()[place].clone())
    });
    Core::new(agency(id), incarnation, Policies::default(), opener)
}

/// The record with which a ledger installs the directory of the fixture.
pub(crate) fn directory_record(directory: &Directory) -> (Record, Bytes) {
    later_directory_record(directory, Bytes::new())
}

fn later_directory_record(directory: &Directory, place: Bytes) -> (Record, Bytes) {
    let signed = Signed { payload: place, signatures: Vec::new() };
    (Record::Directory(directory.version), signed_to_bytes(&signed).into())
}
