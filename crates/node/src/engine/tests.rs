use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicI64};

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::dsse::{SignError, SigningKey, VerifyingKey};
use sealpost_domain::alert::{Draft as AlertDraft, DraftParts};
use sealpost_domain::directory::{Revocation, RevocationReason};
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::Signed;
use sealpost_domain::view::Published;
use sealpost_ledger::{Commits, Draft, Ledger, Options};
use sealpost_seglog::disk::sim::{Failure, Sim};
use sealpost_store::{Batch, Error as IndexError, Keyspace, Memory, Pair, Projections, Range};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::*;
use crate::fixture::{NOW, Network, Station, agency, directory_record, draft, empty_core};
use crate::handle::{AcknowledgeError, PublishError};
use crate::verify::Verified;
use sealpost_server::clock::Clock;

/// The writer of Hong Kong's node on a simulated disk.
struct Desk {
    disk: Sim,
    shared: Arc<Shared>,
    inputs: queue::Sender<Input>,
    engine: JoinHandle<Result<(), Error>>,
    station: Station,
    /// What its clock shows, in milliseconds.
    clock: Arc<AtomicI64>,
    _outgoing: mpsc::Receiver<Outgoing>,
}

impl Desk {
    async fn open() -> Self {
        Self::open_with(Arc::new(Memory::new())).await
    }

    async fn open_with(projections: Arc<dyn Projections>) -> Self {
        Self::open_in(Network::new(), projections).await
    }

    async fn open_in(network: Network, projections: Arc<dyn Projections>) -> Self {
        Self::open_signing(network, projections, |key| key as Arc<dyn Signer>).await
    }

    async fn open_signing(
        network: Network,
        projections: Arc<dyn Projections>,
        signer: impl FnOnce(Arc<SigningKey>) -> Arc<dyn Signer>,
    ) -> Self {
        let disk = Sim::new();
        let [station, _] = network.nodes();
        let clock = Arc::new(AtomicI64::new(NOW.as_millis()));
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        let options = Options { commits: Commits::Inline, ..Options::default() };
        let folder = Path::new("/ledger");
        let (ledger, _) =
            Ledger::open(Arc::new(disk.clone()), folder, &agency("HK-CED"), NOW, &mut rng, options).unwrap();
        let (record, body) = directory_record(&network.directory);
        ledger.append(vec![Draft { recorded_at: NOW, salt: [0; 32], record, body }]).await.unwrap();
        let mut core = empty_core("HK-CED", ledger.incarnation(), &network.directory);
        for entry in ledger.scan(0) {
            let entry = entry.unwrap();
            core.apply(entry.index, NOW, &entry.leaf.record, &entry.body).unwrap();
        }
        let shared = Arc::new(Shared::new(
            core,
            network.directory.network.clone(),
            ledger.history().clone(),
            projections,
            Arc::clone(&station.buckets),
            Clock::new({
                let clock = Arc::clone(&clock);
                move || Instant::from_millis(clock.load(Relaxed))
            }),
            watch::Sender::new(None).subscribe(),
        ));
        let (inputs, taken) = queue::queue(16);
        let (outgoing, said) = mpsc::channel(16);
        let signer = signer(Arc::clone(&station.signing));
        let engine = Engine::new(Arc::clone(&shared), ledger, taken, outgoing, signer, Box::new(rng));
        let engine = tokio::spawn(engine.run());
        Self { disk, shared, inputs, engine, station, clock, _outgoing: said }
    }

    async fn publish(&mut self) -> Result<Published, PublishError> {
        let mut offered = self.offer().await;
        Self::outcome(&mut offered).await
    }

    async fn offer(&mut self) -> oneshot::Receiver<Result<Outcome, PublishError>> {
        let prepared = Box::new(self.station.prepared(draft(Priority::Urgent), None));
        let (answer, outcome) = oneshot::channel();
        assert!(self.inputs.ordinary().send(Input::Publish { prepared, answer }).await.is_ok());
        outcome
    }

    async fn outcome(
        offered: &mut oneshot::Receiver<Result<Outcome, PublishError>>,
    ) -> Result<Published, PublishError> {
        match offered.await.unwrap_or(Err(PublishError::Stopping))? {
            Outcome::Published(published) => Ok(published),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_full_disk_refuses_publishers_and_no_number_is_lost() {
    let mut desk = Desk::open().await;
    assert_eq!(desk.publish().await.unwrap().index, 2);
    desk.disk.set_capacity(Some(1));
    assert_eq!(desk.publish().await, Err(PublishError::Full));
    assert_eq!(*desk.shared.next_index.borrow(), 3);
    desk.disk.set_capacity(None);
    assert_eq!(desk.publish().await.unwrap().index, 3);
    let traffic = desk.shared.core().outbox.traffic();
    assert_eq!(traffic[&agency("DE-ZKA")].sent, 2);
    drop(desk.inputs);
    desk.engine.await.unwrap().unwrap();
}

/// The node's key on a token that can be unplugged.
struct Token {
    key: Arc<SigningKey>,
    is_away: Arc<AtomicBool>,
}

impl Signer for Token {
    fn verifying_key(&self) -> &VerifyingKey {
        self.key.verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        if self.is_away.load(Relaxed) {
            return Err(SignError { key: self.key_id(), source: None });
        }
        self.key.sign(message)
    }
}

#[tokio::test]
async fn a_key_that_does_not_sign_refuses_publishers_and_no_number_is_lost() {
    let is_away = Arc::new(AtomicBool::new(false));
    let token = |key| Arc::new(Token { key, is_away: Arc::clone(&is_away) }) as Arc<dyn Signer>;
    let mut desk = Desk::open_signing(Network::new(), Arc::new(Memory::new()), token).await;
    assert_eq!(desk.publish().await.unwrap().index, 2);
    is_away.store(true, Relaxed);
    assert_eq!(desk.publish().await, Err(PublishError::Full));
    // Those that wait behind the first are told as well.
    let (mut first, mut second) = (desk.offer().await, desk.offer().await);
    assert_eq!(Desk::outcome(&mut first).await, Err(PublishError::Full));
    assert_eq!(Desk::outcome(&mut second).await, Err(PublishError::Full));
    is_away.store(false, Relaxed);
    assert_eq!(desk.publish().await.unwrap().index, 3);
    let traffic = desk.shared.core().outbox.traffic();
    assert_eq!(traffic[&agency("DE-ZKA")].sent, 2);
    drop(desk.inputs);
    desk.engine.await.unwrap().unwrap();
}

#[tokio::test]
async fn under_a_revoked_key_nothing_is_recorded_or_acknowledged_but_the_next_directory() {
    let mut network = Network::new();
    let key = network.directory.agencies[&agency("HK-CED")].signing_keys[0].key.id;
    let revocation = Revocation { revoked_at: NOW, reason: RevocationReason::Compromised };
    network.directory.revocations.insert(key, revocation);
    let mut desk = Desk::open_in(network, Arc::new(Memory::new())).await;
    let revoked = Silenced { key, version: 1, fault: core::KeyFault::Revoked };
    assert_eq!(desk.publish().await, Err(PublishError::Silenced(revoked.clone())));
    let (answer, acknowledged) = oneshot::channel();
    let reader = KeyId::new([9; 32]);
    assert!(
        desk.inputs
            .ordinary()
            .send(Input::Acknowledge { messages: Vec::new(), reader, answer })
            .await
            .is_ok()
    );
    assert_eq!(acknowledged.await.unwrap(), Err(AcknowledgeError::Silenced(revoked)));
    let (mark, mut settled) = Mark::new();
    let alarm = core::Alarm {
        rule: Rule::KeyUnknown,
        peer: None,
        header: None,
        detail: "what came".to_owned(),
        exhibits: Vec::new(),
    };
    let verified = Box::new(Verified::Unproven(Box::new(alarm)));
    assert!(desk.inputs.ordinary().send(Input::Delivered { verified, index: 7, mark }).await.is_ok());
    settled.changed().await.unwrap();
    assert_eq!(
        *settled.borrow(),
        SettledUpTo { index: 0, broken: Some(Broken::Refused) },
        "the hub keeps it"
    );
    assert_eq!(*desk.shared.next_index.borrow(), 2);

    let (answer, installed) = oneshot::channel();
    let signed = Signed { payload: Bytes::new(), signatures: Vec::new() };
    assert!(desk.inputs.ordinary().send(Input::Directory { signed, answer }).await.is_ok());
    installed.await.unwrap().unwrap();
    assert_eq!(*desk.shared.next_index.borrow(), 3);
    drop(desk.inputs);
    desk.engine.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_was_verified_under_another_directory_is_fetched_again_with_all_that_comes_after_it() {
    let mut desk = Desk::open().await;
    let [_, mut germany] = Network::new().nodes();
    for _ in 0..2 {
        let parts = DraftParts { recipients: vec![agency("HK-CED")], ..draft(Priority::Urgent).into_parts() };
        let prepared = germany.prepared(AlertDraft::new(parts).unwrap(), None);
        germany.step(|core, env, round| core.publish(env, round, &prepared).unwrap());
    }
    let deliveries = germany.submit().1;
    let mut arrived = |message: usize| match desk.station.verify(&deliveries[message], Priority::Urgent) {
        Verified::Arrived(arrived) => arrived,
        _ => panic!("it verifies"),
    };
    let (mut outdated, first, second) = (arrived(0), arrived(0), arrived(1));
    outdated.directory.version += 1;
    let (mark, settled) = Mark::new();
    let delivered = |arrived, index, mark: &Mark| {
        let verified = Box::new(Verified::Arrived(arrived));
        Input::Delivered { verified, index, mark: mark.clone() }
    };
    assert!(desk.inputs.ordinary().send(delivered(outdated, 7, &mark)).await.is_ok());
    assert!(desk.inputs.ordinary().send(delivered(second.clone(), 8, &mark)).await.is_ok());
    assert_eq!(desk.publish().await.unwrap().index, 2, "nothing is recorded of them");
    let broken = Some(Broken::Outdated);
    assert_eq!(*settled.borrow(), SettledUpTo { index: 0, broken }, "the hub forgets neither");
    assert_eq!(desk.shared.core().inbox.cursor(Priority::Urgent), None);

    let (mark, mut settled) = Mark::new();
    for (arrived, index) in [(first, 7), (second, 8)] {
        assert!(desk.inputs.ordinary().send(delivered(arrived, index, &mark)).await.is_ok());
    }
    settled.wait_for(|settled| settled.index == 8).await.unwrap();
    assert_eq!(settled.borrow().broken, None);
    drop(desk.inputs);
    desk.engine.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_disk_that_fails_ends_the_writer_and_answers_nobody_with_success() {
    let mut desk = Desk::open().await;
    desk.publish().await.unwrap();
    for operation in 0..64 {
        desk.disk.fail(desk.disk.operations() + operation, Failure::Refused);
    }
    assert_eq!(desk.publish().await, Err(PublishError::Fatal));
    assert!(matches!(desk.engine.await.unwrap(), Err(Error::Disk(_))));
}

/// An index that fails from some round on.
struct Failing {
    memory: Memory,
    rounds_left: std::sync::atomic::AtomicUsize,
}

impl Projections for Failing {
    fn applied(&self) -> u64 {
        self.memory.applied()
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        self.memory.get(keyspace, key)
    }

    fn scan(&self, keyspace: Keyspace, range: &Range<'_>) -> Result<Vec<Pair>, IndexError> {
        self.memory.scan(keyspace, range)
    }

    fn apply(&self, batch: Batch) -> Result<(), IndexError> {
        match self.rounds_left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)) {
            Ok(_) => self.memory.apply(batch),
            Err(_) => {
                Err(IndexError::Unreadable { operation: "change", dir: Path::new("/index").to_owned() })
            }
        }
    }

    fn distrust_lacking(&self, keyspace: Keyspace) -> IndexError {
        self.memory.distrust_lacking(keyspace)
    }

    fn has_failed(&self) -> bool {
        self.memory.has_failed()
    }
}

#[tokio::test]
async fn an_index_that_fails_after_a_durable_append_ends_the_writer_and_loses_no_record() {
    let failing = Failing { memory: Memory::new(), rounds_left: 1.into() };
    let mut desk = Desk::open_with(Arc::new(failing)).await;
    assert_eq!(desk.publish().await.unwrap().index, 2);
    assert_eq!(desk.publish().await, Err(PublishError::Stopping), "nobody is told that it can be read");
    assert!(matches!(desk.engine.await.unwrap(), Err(Error::Index(_))));
    assert_eq!(desk.shared.projections.applied(), 3, "from here on the next start indexes");
    assert!(matches!(desk.shared.history.get(3).unwrap().leaf.record, Record::Sent(_)));
}

#[tokio::test(start_paused = true)]
async fn an_index_that_fails_while_somebody_reads_of_it_ends_the_writer_though_nothing_is_published() {
    let mut desk = Desk::open().await;
    desk.publish().await.unwrap();
    desk.shared.projections.distrust_lacking(Keyspace::new("any"));
    let ended = tokio::time::timeout(TICK * 2, desk.engine).await.expect("it ends by its next tick");
    assert!(matches!(ended.unwrap(), Err(Error::Index(IndexError::Failed))));
}

#[tokio::test]
async fn a_publisher_is_told_that_the_node_stops_where_the_index_fails() {
    let mut desk = Desk::open().await;
    let prepared = Box::new(desk.station.prepared(draft(Priority::Urgent), Some("case-1")));
    let (answer, outcome) = oneshot::channel();
    desk.shared.projections.distrust_lacking(Keyspace::new("any"));
    let input = Input::Publish { prepared, answer };
    let mut answers = Answers::default();
    let signer = Arc::clone(&desk.station.signing);
    let mut env = Env {
        now: NOW,
        rng: &mut desk.station.rng,
        signer: signer.as_ref(),
        checkpoint: Bytes::new(),
        past: &desk.shared.books(),
    };
    let decided = answers.decide(input, &mut desk.shared.core_mut(), &mut env, &mut Round::default());
    let failed = decided.unwrap_err();
    assert_eq!(outcome.await.unwrap().unwrap_err(), PublishError::Stopping);
    let prepared = Box::new(desk.station.prepared(draft(Priority::Urgent), None));
    let (answer, next) = oneshot::channel();
    answers.pass_over(Input::Publish { prepared, answer }, &failed);
    assert_eq!(next.await.unwrap().unwrap_err(), PublishError::Stopping);
}

/// A node that published, and whose clock then passed the month of that bucket. How many keys are left, where peers'
/// clocks show these times.
async fn after_the_month(valid_until: Instant, peers: [Option<Instant>; 2]) -> (Desk, usize) {
    let mut network = Network::new();
    network.directory.valid_until = valid_until;
    let mut desk = Desk::open_in(network, Arc::new(Memory::new())).await;
    desk.publish().await.unwrap();
    let keys = desk.station.buckets.list().unwrap();
    assert_eq!(keys.iter().map(ToString::to_string).collect::<Vec<_>>(), ["message.2026-12"]);
    for (peer, at) in [agency("DE-ZKA"), agency("TH-TCD")].iter().zip(peers) {
        if let Some(at) = at {
            desk.shared.core_mut().witness.hear_clock(peer, at);
        }
    }
    // The drafts stay those of this month.
    let prepared = Box::new(desk.station.prepared(draft(Priority::Urgent), None));
    desk.clock.store(AFTER.as_millis(), Relaxed);
    tokio::time::advance(BUCKETS_EVERY).await;
    // What is handed in now stands behind what the clock brings about.
    let (answer, outcome) = oneshot::channel();
    assert!(desk.inputs.ordinary().send(Input::Publish { prepared, answer }).await.is_ok());
    drop(outcome.await);
    let keys = desk.station.buckets.list().unwrap().len();
    (desk, keys)
}

/// A month after the bucket of the sample draft.
const AFTER: Instant = Instant::from_millis(1_801_000_000_000);
const VALID: Instant = Instant::from_millis(1_802_000_000_000);

#[tokio::test(start_paused = true)]
async fn a_bucket_ends_with_its_month_on_the_record() {
    let (desk, keys) = after_the_month(VALID, [Some(AFTER); 2]).await;
    assert_eq!(keys, 0);
    let records = (0..*desk.shared.next_index.borrow())
        .map(|index| desk.shared.history.get(index).unwrap().leaf.record)
        .filter_map(|record| match record {
            Record::Erasure { bucket, rule, index, .. } => Some((bucket, rule, index)),
            _ => None,
        });
    let ended = ("message.2026-12".into(), "erasure.retention".to_owned(), None);
    assert_eq!(records.collect::<Vec<_>>(), [ended]);
    let (header, body) = erase::kept_in(&desk.shared.history.get(2).unwrap()).unwrap();
    assert!(desk.station.buckets.content_key(&body, &header).is_err(), "the body is gone");
    assert!(desk.shared.core().erasures.of(2, &body.bucket).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_ends_nothing() {
    for (valid_until, peers, why) in [
        (NOW.plus(Duration::from_hours(24)), [Some(AFTER); 2], "no directory is valid then"),
        (VALID, [None; 2], "nobody was heard"),
        (VALID, [None, Some(AFTER)], "no mail was exchanged with who was heard"),
        (VALID, [Some(NOW), Some(AFTER)], "the peer contradicts"),
    ] {
        let (desk, keys) = after_the_month(valid_until, peers).await;
        assert_eq!(keys, 1, "{why}");
        let (header, body) = erase::kept_in(&desk.shared.history.get(2).unwrap()).unwrap();
        assert!(desk.station.buckets.content_key(&body, &header).is_ok(), "{why}");
    }
}
