//! Two invented agencies with a hub between them, without any I/O but the bucket keys: the ledgers are in memory.

use std::cell::Cell;
use std::sync::Arc;
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
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::{
    AgencyRecord, Directory, HubRecord, KeyUse, PublicKey, SealingKeyRecord, SigningKeyRecord,
};
use sealpost_domain::envelope::{DirectoryVersion, Signature};
use sealpost_domain::handling::{HandlingCode, Tlp};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::{Category, Priority, SharingMode};
use sealpost_domain::record::{Evidence, Leaf, Record};
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{Accepted, ControlType, HubRefusal, Signed};
use sealpost_ledger::{Buckets, Entry};
use sealpost_wire::envelope::signed_to_bytes;
use sealpost_wire::hub::{Control, Delivery};
use sealpost_wire::json::parse_draft;
use sealpost_wire::ledger::evidence_from_bytes;
use sealpost_wire::statement::Payload as _;
use zeroize::Zeroizing;

use crate::core::inbox::Judged;
use crate::core::outbox::{Answer, Policy, Submission};
use crate::core::{Core, Env, Outgoing, Past, Round};
use crate::handle::Publication;
use crate::prepare::Preparer;
use crate::verify::statements;
use crate::verify::{Origin, Verified, Verifier};
use crate::wraps;

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
    signing: [Arc<SigningKey>; 2],
}

impl Network {
    pub(crate) fn new() -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let hub = SigningKey::generate(&mut rng);
        let signing = [(); 2].map(|()| Arc::new(SigningKey::generate(&mut rng)));
        let sealing = ["HK-CED", "DE-ZKA"].map(sealing_key);
        let agencies = ["HK-CED", "DE-ZKA"].into_iter().zip(signing.iter().zip(&sealing));
        let record = |(id, (signing, sealing)): (&str, (&Arc<SigningKey>, &SealingPrivateKey))| {
            (agency(id), record(signing, sealing))
        };
        let directory = Directory {
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
        };
        Self { hub, directory, promises: Cell::new(1), signing }
    }

    /// The node of Hong Kong, and the node of Germany.
    pub(crate) fn nodes(&self) -> [Station; 2] {
        ["HK-CED", "DE-ZKA"].map(|id| Station::new(self, id))
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

    fn place(id: &str) -> usize {
        usize::from(id != "HK-CED")
    }
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
        parties: Parties::new(vec![agency("DE-ZKA"), agency("HK-CED")]).unwrap(),
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
    let directory = directory.clone();
    let opener = Box::new(move |_: &Signed, _: Option<&Directory>| Ok(directory.clone()));
    Core::new(agency(id), incarnation, Policy::default(), opener)
}

/// The record with which a ledger installs the directory of the fixture.
pub(crate) fn directory_record(directory: &Directory) -> (Record, Bytes) {
    let signed = Signed { payload: Bytes::new(), signatures: Vec::new() };
    (Record::Directory(directory.version), signed_to_bytes(&signed).into())
}

/// The ledger of a [`Station`].
struct Records<'a>(&'a [(Instant, Record, Bytes)]);

impl Past for Records<'_> {
    fn record(&self, index: u64) -> Option<(Record, usize)> {
        let (_, record, body) = self.0.get(usize::try_from(index).ok()?)?;
        Some((record.clone(), body.len()))
    }
}

/// A node without disk and network: its ledger is a list.
pub(crate) struct Station {
    pub(crate) core: Core,
    pub(crate) now: Instant,
    /// The latest of its ledger.
    pub(crate) checkpoint: Bytes,
    pub(crate) verifier: Verifier,
    pub(crate) directory: Directory,
    pub(crate) records: Vec<(Instant, Record, Bytes)>,
    /// What it has to say to peers.
    pub(crate) said: Vec<Outgoing>,
    pub(crate) signing: Arc<SigningKey>,
    preparer: Preparer,
    pub(crate) buckets: Arc<Buckets>,
    pub(crate) rng: ChaCha20Rng,
    _folder: tempfile::TempDir,
}

impl Station {
    pub(crate) fn new(network: &Network, id: &str) -> Self {
        Self::living_as(network, id, id.as_bytes()[0])
    }

    /// A node with a new ledger, in a life of that name.
    pub(crate) fn living_as(network: &Network, id: &str, life: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let buckets = Arc::new(Buckets::open(folder.path()).unwrap());
        let rng = ChaCha20Rng::seed_from_u64(11 + Network::place(id) as u64);
        let sealing = sealing_key(id);
        let mut station = Self {
            core: empty_core(id, Incarnation([life; 16]), &network.directory),
            now: NOW,
            checkpoint: Bytes::new(),
            verifier: Verifier::new(agency(id), vec![sealing], Arc::clone(&buckets)),
            directory: network.directory.clone(),
            records: Vec::new(),
            said: Vec::new(),
            signing: Arc::clone(&network.signing[Network::place(id)]),
            preparer: Preparer::new(agency(id), Arc::clone(&buckets)),
            buckets,
            rng,
            _folder: folder,
        };
        let (directory, body) = directory_record(&network.directory);
        station.append(NOW, directory, body);
        station
    }

    fn append(&mut self, at: Instant, record: Record, body: Bytes) {
        let index = self.records.len() as u64;
        self.core.apply(index, at, &record, &body).unwrap();
        self.records.push((at, record, body));
    }

    /// Another core from the same ledger, as after a restart.
    pub(crate) fn restarted(&self) -> Core {
        self.restarted_as(self.core.incarnation())
    }

    fn restarted_as(&self, life: Incarnation) -> Core {
        let mut core = empty_core(self.core.agency().as_str(), life, &self.directory);
        for (index, (at, record, body)) in (0..).zip(&self.records) {
            core.apply(index, *at, record, body).unwrap();
            if body.is_empty() {
                core.body_lost(index, record);
            }
        }
        core
    }

    /// The bodies of these records are lost, and the node begins again.
    pub(crate) fn lose_bodies(&mut self, records: &[usize]) {
        for index in records {
            self.records[*index].2 = Bytes::new();
        }
        self.core = self.restarted();
    }

    /// The same node on an older copy of its ledger, of so many records.
    pub(crate) fn older_copy(&self, network: &Network, records: usize) -> Self {
        let mut copy = Self::new(network, self.core.agency().as_str());
        copy.records = self.records[..records].to_vec();
        copy.buckets = Arc::clone(&self.buckets);
        copy.preparer = Preparer::new(self.core.agency().clone(), Arc::clone(&self.buckets));
        copy.rng = ChaCha20Rng::seed_from_u64(97);
        copy.now = self.now;
        copy.core = copy.restarted();
        copy
    }

    /// Its ledger goes on as another life.
    pub(crate) fn begin_life(&mut self, life: u8) {
        let previous = Some((self.core.incarnation(), Bytes::new()));
        let incarnation = Incarnation([life; 16]);
        let record = Record::Incarnation { agency: self.core.agency().clone(), incarnation, previous };
        self.records.push((self.now, record, Bytes::new()));
        self.core = self.restarted_as(incarnation);
    }

    /// A moment passes, and what is due by then is done.
    pub(crate) fn wait(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
        self.step(Core::calendar).unwrap();
    }

    /// What it has to say of one kind.
    pub(crate) fn says(&self, kind: ControlType) -> Vec<&Signed> {
        self.said.iter().filter(|said| said.kind == kind).map(|said| &said.statement).collect()
    }

    /// The evidence of its security records under a rule.
    pub(crate) fn evidence(&self, rule: Rule) -> Vec<Evidence> {
        let of_rule =
            |record: &Record| matches!(record, Record::Security { rule: of, .. } if rule == of.as_str());
        let records = self.records.iter().filter(|(_, record, _)| of_rule(record));
        records.map(|(_, _, body)| evidence_from_bytes(body).unwrap()).collect()
    }

    /// Decides something, without any consequence yet.
    pub(crate) fn decide<T>(
        &mut self,
        decide: impl FnOnce(&mut Core, &mut Env<'_>, &mut Round) -> T,
    ) -> (T, Round) {
        let mut round = Round::default();
        let mut env = Env {
            now: self.now,
            rng: &mut self.rng,
            signer: self.signing.as_ref(),
            checkpoint: self.checkpoint.clone(),
            past: &Records(&self.records),
        };
        let decided = decide(&mut self.core, &mut env, &mut round);
        (decided, round)
    }

    /// Makes a round durable; how many records it had.
    pub(crate) fn commit(&mut self, mut round: Round) -> usize {
        for draft in round.records().to_vec() {
            self.append(draft.recorded_at, draft.record, draft.body);
        }
        self.core.settled();
        self.said.extend(round.take_outgoing());
        round.records().len()
    }

    /// Decides something and makes it durable.
    pub(crate) fn step<T>(&mut self, decide: impl FnOnce(&mut Core, &mut Env<'_>, &mut Round) -> T) -> T {
        let (decided, round) = self.decide(decide);
        self.commit(round);
        decided
    }

    pub(crate) fn prepared(&mut self, draft: AlertDraft, key: Option<&str>) -> crate::core::outbox::Prepared {
        let publication = Publication {
            draft,
            idempotency_key: key.map(|key| key.parse().unwrap()),
            publisher: KeyId::new([9; 32]),
        };
        self.preparer.prepare(&publication, &self.directory, self.now, &mut self.rng).unwrap()
    }

    pub(crate) fn publish(&mut self, priority: Priority) {
        let prepared = self.prepared(draft(priority), None);
        let answer = self.step(|core, env, round| core.publish(env, round, &prepared).unwrap());
        assert!(matches!(answer, Answer::Recorded(_)), "{answer:?}");
    }

    /// The next batch, as the hub gets it: the headers, and the deliveries to Germany.
    pub(crate) fn submit(&mut self) -> (Vec<Digest>, Vec<Delivery>) {
        let batch = self.core.outbox.take(Priority::ALL, 1 << 20);
        self.envelopes(batch)
    }

    fn envelopes(&mut self, batch: Vec<Submission>) -> (Vec<Digest>, Vec<Delivery>) {
        let (mut headers, mut deliveries) = (Vec::new(), Vec::new());
        for Submission { index, recipients } in batch {
            let (at, record, body) = self.records[usize::try_from(index).unwrap()].clone();
            let leaf = Leaf { recorded_at: at, salt: [0; 32], body_digest: None, record };
            let body_lost = body.is_empty();
            let entry = Entry { index, leaf, leaf_bytes: Bytes::new(), body, body_lost };
            let (now, rng) = (self.now, &mut self.rng);
            let wrapped =
                wraps::envelope(&entry, &recipients, &self.buckets, &self.directory, now, rng).unwrap();
            headers.push(wrapped.header);
            let envelope = wrapped.envelope;
            deliveries.extend(envelope.wraps.into_iter().map(|wrap| Delivery {
                index: index + 1,
                header: envelope.header.clone(),
                signatures: envelope.signatures.clone(),
                sealed: envelope.sealed.clone(),
                wrap,
            }));
        }
        (headers, deliveries)
    }

    /// Takes the hub's promise.
    pub(crate) fn hear_hub(&mut self, statement: &Signed, headers: &[Digest]) {
        let me = self.core.agency().clone();
        let accepted = statements::accepted(statement, &me, headers, &self.directory).unwrap();
        let headers = headers.to_vec();
        self.step(|core, env, round| core.accepted(env, round, statement, &accepted, headers).unwrap());
    }

    pub(crate) fn verify(&mut self, delivery: &Delivery, lane: Priority) -> Verified {
        let origin = Origin { hub: HUB, lane };
        self.verifier.judge(delivery, origin, &self.directory, self.now, &mut self.rng)
    }

    /// Verifies a delivery and records what comes of it.
    pub(crate) fn receive(&mut self, delivery: &Delivery, lane: Priority) -> Judged {
        match self.verify(delivery, lane) {
            Verified::Arrived(arrived) => self.step(|core, env, round| core.arrived(env, round, *arrived)),
            Verified::Unproven(alarm) => panic!("{}: {}", alarm.rule, alarm.detail),
            Verified::Unopened(unopened) => panic!("{}: {}", unopened.alarm.rule, unopened.alarm.detail),
            Verified::Failed(error) => panic!("{error}"),
        }
    }

    /// Makes the receipts that are due.
    pub(crate) fn receipts(&mut self) {
        self.step(|core, env, round| core.receipts(env, round).unwrap());
    }

    /// Hears everything that a peer has to say to it.
    pub(crate) fn hear(&mut self, said: Vec<Outgoing>, from: &str) {
        for outgoing in said {
            let frame = Control {
                from: agency(from),
                to: outgoing.to,
                kind: outgoing.kind,
                statement: outgoing.statement.clone(),
            };
            let me = self.core.agency().clone();
            let said = statements::control(&frame, &me, &self.directory, self.now).unwrap().unwrap();
            let statement = outgoing.statement;
            self.step(|core, env, round| core.hear(env, round, &statement, &said)).unwrap();
        }
    }

    /// How many records of some kind there are.
    pub(crate) fn count(&self, is: impl Fn(&Record) -> bool) -> usize {
        self.records.iter().filter(|(_, record, _)| is(record)).count()
    }
}
