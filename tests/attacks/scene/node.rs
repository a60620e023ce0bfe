//! An agency's node without sockets: the shipped core, verifier and ledger, the ledger on a disk in memory.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use prost::Message as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::SigningKey;
use sealpost_crypto::seal::open_content;
use sealpost_crypto::wrap::SealingPrivateKey;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Draft;
use sealpost_domain::answer::Named;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{DirectoryVersion, Envelope, Header};
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::record::{Evidence, Record, Sent, Settlement};
use sealpost_domain::statement::Signed;
use sealpost_ledger::tree::Files;
use sealpost_ledger::verify::{ByDirectory, verify};
use sealpost_ledger::{Buckets, Commits, Ledger, Options};
use sealpost_node::core::inbox::{Arrived, Judged};
use sealpost_node::core::outbox::{Answer, Prepared};
use sealpost_node::core::{Alarm, Core, Env, NotInstalled, Policies, Round, Unbelieved};
use sealpost_node::handle::{Publication, ViewError};
use sealpost_node::known::Known;
use sealpost_node::prepare::Preparer;
use sealpost_node::projection::{Books, Changes};
use sealpost_node::verify::{Origin, Verified, Verifier};
use sealpost_node::wraps::{self, SealingKeys, Wrapping};
use sealpost_proto::v1 as pb;
use sealpost_seglog::disk::sim::Sim;
use sealpost_store::Memory;
use sealpost_wire::envelope::header_from_bytes;
use sealpost_wire::hub::{Delivery, delivery};
use sealpost_wire::ledger::evidence_from_bytes;
use tempfile::TempDir;

use super::{LANE, NOW, Network, agency};

/// A life of the hub's journal.
pub(crate) const HUB: Incarnation = Incarnation([7; 16]);

/// An agency's node.
pub(crate) struct Node {
    core: Core,
    ledger: Ledger,
    /// What the core does not keep.
    index: Memory,
    verifier: Verifier,
    preparer: Preparer,
    buckets: Arc<Buckets>,
    pub(crate) signing: SigningKey,
    pub(crate) directory: Directory,
    /// The directory that its ledger begins with.
    first: Digest,
    pub(crate) rng: ChaCha20Rng,
    _folder: TempDir,
}

/// What a recipient's verification says of a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// Shown, with these bytes opened.
    Shown(Box<Shown>),
    /// The number is settled and nothing is shown, by this rule.
    Excepted(String),
    /// Nothing is proven, by this rule: recorded as an alarm, and its sender sends it again.
    Unproven(String),
    /// The bytes are no delivery.
    Unreadable,
}

/// A message as its recipient keeps it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) header: Bytes,
    pub(crate) signature: Bytes,
    pub(crate) sealed: Bytes,
    pub(crate) plaintext: Vec<u8>,
}

/// The attacks name no earlier message.
struct Nothing;

impl Known for Nothing {
    fn named(&self, _: MessageId, _: &[&AgencyId]) -> Result<Vec<Named>, ViewError> {
        Ok(Vec::new())
    }

    fn is_recalled(&self, _: &Header) -> Result<bool, ViewError> {
        Ok(false)
    }
}

impl Node {
    pub(super) fn new(network: &Network, id: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let buckets = Arc::new(Buckets::open(folder.path()).unwrap());
        let keys = network.node_folder(id);
        let sealing = SealingPrivateKey::read(&keys.join("sealing-1.pem")).unwrap();
        let mut rng = ChaCha20Rng::seed_from_u64(u64::from(id.as_bytes()[0]));
        let options = Options { commits: Commits::Inline, ..Options::default() };
        let (disk, me) = (Arc::new(Sim::new()), agency(id));
        let (ledger, _) = Ledger::open(disk, Path::new("ledger"), &me, NOW, &mut rng, options).unwrap();
        let opener = |signed: &_, previous: Option<&_>| {
            sealpost_crypto::directory::verify(signed, previous)
                .map_err(|error| Unbelieved { rule: error.rule(), fault: error.to_string() })
        };
        let core = Core::new(me.clone(), ledger.incarnation(), Policies::default(), Box::new(opener));
        let mut node = Self {
            core,
            ledger,
            index: Memory::new(),
            verifier: Verifier::new(me.clone(), vec![sealing], Arc::clone(&buckets), Arc::new(Nothing)),
            preparer: Preparer::new(me, Arc::clone(&buckets), Arc::new(Nothing)),
            buckets,
            signing: SigningKey::read(&keys.join("signing.pem")).unwrap(),
            directory: network.directory.clone(),
            first: network.directory.version.digest,
            rng,
            _folder: folder,
        };
        node.catch_up();
        node.shown(&network.genesis).unwrap();
        node
    }

    pub(crate) fn id(&self) -> AgencyId {
        self.core.agency().clone()
    }

    /// Decides something and makes it durable.
    fn step<T>(&mut self, decide: impl FnOnce(&mut Core, &mut Env<'_>, &mut Round) -> T) -> T {
        let mut round = Round::default();
        let history = self.ledger.history().clone();
        let mut env = Env {
            now: NOW,
            rng: &mut self.rng,
            signer: &self.signing,
            checkpoint: Bytes::new(),
            past: &Books { history: &history, index: &self.index },
        };
        let decided = decide(&mut self.core, &mut env, &mut round);
        drop(self.ledger.enqueue(round.records().to_vec()).unwrap());
        self.catch_up();
        self.core.settled();
        decided
    }

    /// The core takes over what the ledger has.
    fn catch_up(&mut self) {
        for entry in self.ledger.history().scan(self.core.next_index()) {
            let entry = entry.unwrap();
            self.core.apply(entry.index, entry.leaf.recorded_at, &entry.leaf.record, &entry.body).unwrap();
        }
        let mut changes = Changes::new(&self.index, self.core.next_index());
        changes.note_facts(self.core.take_facts());
        changes.apply().unwrap();
        self.core.indexed();
    }

    /// A message, sealed and not yet signed: its sender may still change it.
    pub(crate) fn prepare(&mut self, draft: Draft) -> Prepared {
        let publication =
            Publication { draft, idempotency_key: None, publisher: KeyId::new([9; 32]), release: None };
        self.preparer.prepare(&publication, &self.directory, NOW, &mut self.rng).unwrap()
    }

    /// Signs, records and wraps a message.
    pub(crate) fn send(&mut self, prepared: &Prepared) -> Envelope {
        let answer = self.step(|core, env, round| core.publish(env, round, prepared).unwrap());
        assert!(matches!(answer, Answer::Recorded(_)), "{answer:?}");
        self.submit()
    }

    /// What was handed to the hub was not answered: the first of it goes again.
    pub(crate) fn send_again(&mut self) -> Envelope {
        self.core.outbox.requeue_lanes(Priority::ALL);
        self.submit()
    }

    fn submit(&mut self) -> Envelope {
        let submission = self.core.outbox.take(Priority::ALL, 1 << 20, u64::MAX).remove(0);
        let entry = self.ledger.get(submission.index).unwrap();
        let by = Wrapping {
            buckets: &self.buckets,
            directory: &self.directory,
            keys: &SealingKeys::default(),
            now: NOW,
            signer: &self.signing,
        };
        wraps::envelope(&entry, &submission.recipients, by, &mut self.rng).unwrap().envelope
    }

    /// The same from a draft, as an honest sender does it.
    pub(crate) fn write(&mut self, draft: Draft) -> Envelope {
        let prepared = self.prepare(draft);
        self.send(&prepared)
    }

    /// The last message that was sent, as the ledger has it.
    pub(crate) fn last_sent(&self) -> Sent {
        let sent = self.records().into_iter().rev().find_map(|record| match record {
            Record::Sent(sent) => Some(sent),
            _ => None,
        });
        sent.unwrap()
    }

    /// What verification says of a delivery in the lane of [`super::draft`]; nothing is recorded.
    pub(crate) fn judge(&self, bytes: &Bytes, rng: &mut ChaCha20Rng) -> Said {
        let Some(delivery) = read(bytes) else { return Said::Unreadable };
        match self.verify(&delivery, LANE, rng) {
            Verified::Arrived(arrived) => self.said(&arrived),
            Verified::Unproven(alarm) | Verified::Early(alarm) => Said::Unproven(alarm.rule.to_string()),
            Verified::Unopened(unopened) => Said::Unproven(unopened.alarm.rule.to_string()),
            Verified::Failed(error) => panic!("{error}"),
        }
    }

    fn verify(&self, delivery: &Delivery, lane: Priority, rng: &mut ChaCha20Rng) -> Verified {
        self.verifier.judge(delivery, Origin { hub: HUB, lane }, &self.directory, NOW, rng)
    }

    fn said(&self, arrived: &Arrived) -> Said {
        if let Settlement::Excepted(_, rule) = &arrived.settlement {
            return Said::Excepted(rule.clone());
        }
        let body = arrived.body.as_ref().expect("a message that is shown has a body");
        let header = header_from_bytes(&arrived.header).unwrap();
        let key = self.buckets.content_key(body, &sha256(&arrived.header)).unwrap();
        let plaintext = open_content(&key, &body.sealed, &header.key_commitment).unwrap().to_vec();
        let [signature] = arrived.signatures.as_slice() else { panic!("one signature is kept") };
        let (header, sealed) = (arrived.header.clone(), body.sealed.clone());
        Said::Shown(Box::new(Shown { header, signature: signature.bytes.clone(), sealed, plaintext }))
    }

    /// Takes a delivery as a running node does: it is verified, judged by its position and recorded, or alarmed.
    pub(crate) fn receive(&mut self, bytes: &Bytes, lane: Priority) -> Said {
        let delivery = read(bytes).unwrap();
        let mut rng = self.rng.clone();
        let verified = self.verify(&delivery, lane, &mut rng);
        self.rng = rng;
        match verified {
            Verified::Arrived(arrived) => {
                let said = self.said(&arrived);
                let judged = self.step(|core, env, round| core.arrived(env, round, *arrived));
                assert_eq!(judged.unwrap(), Judged::Recorded);
                said
            }
            Verified::Unproven(alarm) | Verified::Early(alarm) => self.alarmed(*alarm),
            Verified::Unopened(unopened) => {
                self.core.unopened(NOW, &unopened.sender, unopened.header);
                self.alarmed(unopened.alarm)
            }
            Verified::Failed(error) => panic!("{error}"),
        }
    }

    fn alarmed(&mut self, alarm: Alarm) -> Said {
        let rule = alarm.rule.to_string();
        assert!(self.step(|core, env, round| core.alarm(env, round, alarm)));
        Said::Unproven(rule)
    }

    /// Takes a version of the directory as the hub shows it; it is recorded, or what it is instead.
    pub(crate) fn shown(&mut self, version: &Signed) -> Result<(), NotInstalled> {
        self.step(|core, env, round| core.install(env, round, version).map(drop))
    }

    /// A version of the directory is in force from here on.
    pub(crate) fn installs(&mut self, version: &Signed) {
        self.shown(version).unwrap();
        self.directory = Directory::clone(self.core.directory().unwrap());
    }

    /// Hears which directory is in force at the hub.
    pub(crate) fn hears_of_hub(&mut self, in_force: DirectoryVersion) {
        self.step(|core, env, round| core.hub_shows(env, round, in_force));
    }

    /// The version of the directory that is in force.
    pub(crate) fn version(&self) -> u64 {
        self.core.directory().unwrap().version.version
    }

    /// Its digest.
    pub(crate) fn digest(&self) -> Digest {
        self.core.directory().unwrap().version.digest
    }

    /// The versions that the ledger records, in order.
    pub(crate) fn installed(&self) -> Vec<u64> {
        let version = |record| match record {
            Record::Directory(version) => Some(version.version),
            _ => None,
        };
        self.records().into_iter().filter_map(version).collect()
    }

    /// Every alarm in the ledger: its rule, and its evidence.
    pub(crate) fn security(&self) -> Vec<(String, Evidence)> {
        let entries = self.ledger.history().scan(0).map(Result::unwrap);
        let alarm = |entry: sealpost_ledger::Entry| match entry.leaf.record {
            Record::Security { rule, .. } => Some((rule, evidence_from_bytes(&entry.body).unwrap())),
            _ => None,
        };
        entries.filter_map(alarm).collect()
    }

    /// What the ledger records.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.ledger.history().scan(0).map(|entry| entry.unwrap().leaf.record).collect()
    }

    /// Every alarm in the ledger: its rule, and the bytes that are kept as evidence.
    pub(crate) fn alarms(&self) -> Vec<(String, Vec<Bytes>)> {
        self.security().into_iter().map(|(rule, evidence)| (rule, evidence.exhibits)).collect()
    }

    /// Fails unless the ledger verifies as `sealpost-node ledger verify` does it.
    pub(crate) fn assert_ledger_sound(&self) {
        let mut directories = ByDirectory::anchored(self.first);
        let none = Files::at(Path::new("/absent"));
        let report = verify(self.ledger.history(), &mut directories, &[], &none, &mut |_| {});
        assert!(report.fault.is_none(), "{:?}", report.fault);
        assert_eq!(report.counts.records, self.core.next_index());
    }
}

/// A delivery, as a node reads it from its stream.
fn read(bytes: &Bytes) -> Option<Delivery> {
    delivery(pb::Delivery::decode(bytes.clone()).ok()?).ok()
}
