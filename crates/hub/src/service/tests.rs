//! The services over real TLS, against a hub that was opened from a configuration file.

mod callers;

use std::path::Path;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use sealpost_client::connect;
use sealpost_crypto::chains::{NETWORK, NOW, trust};
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{PayloadType, verify_statement};
use sealpost_crypto::peer::Admitted;
use sealpost_crypto::trust::Trust;
use sealpost_domain::envelope::Envelope;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::{Accepted, HubRefusal};
use sealpost_proto::v1::hub_client::HubClient;
use sealpost_server::config;
use sealpost_server::program::Fault as _;
use sealpost_wire::envelope::{envelope_message, signed, signed_message, signed_to_bytes};
use sealpost_wire::hub::priority_number;
use sealpost_wire::statement::Payload as _;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic::transport::Channel;

use super::*;
use crate::config::HubConfig;
use crate::fixture::{Network, agency};
use crate::run;

mod hostile;
mod limits;
mod revoked;
mod stopped;
mod unread;
mod unsigned;

const PATIENCE: Duration = Duration::from_secs(20);

/// A network with its hub's files, and the hub while it runs.
struct Stage {
    network: Network,
    folder: TempDir,
}

struct Running {
    address: String,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), run::Error>>,
}

impl Stage {
    fn new() -> Self {
        Self::of(Network::new())
    }

    fn of(network: Network) -> Self {
        let stage = Self { network, folder: tempfile::tempdir().unwrap() };
        let at = |name: &str| stage.folder.path().join(name);
        let hub = stage.network.roots["hub"].issue(&format!("spiffe://{NETWORK}/hub/main"));
        let pem = pem_rfc7468::encode_string("CERTIFICATE", pem_rfc7468::LineEnding::LF, &hub.certificate);
        std::fs::write(at("certificate.pem"), pem.unwrap()).unwrap();
        hub.key.create(&at("key.pem")).unwrap();
        stage.network.hub.create(&at("signing.pem")).unwrap();
        std::fs::write(at("directory.bin"), signed_to_bytes(&stage.network.genesis())).unwrap();
        std::fs::create_dir(at("crls")).unwrap();
        for (holder, root) in &stage.network.roots {
            std::fs::write(at("crls").join(format!("{holder}.crl")), root.crl(&[])).unwrap();
        }
        stage
    }

    fn config(&self) -> HubConfig {
        let text = "[hub]\nname = 'main'\nlisten = '127.0.0.1:0'\ndata = 'data'\n\
                    [tls]\ncertificate = 'certificate.pem'\nkey = 'key.pem'\n[keys]\nsigning = 'signing.pem'\n\
                    [directory]\ngenesis = 'directory.bin'\ncrls = 'crls'\n[shutdown]\ngrace = '10s'\n";
        config::parse(text, &self.folder.path().join("hub.toml")).unwrap()
    }

    async fn start(&self) -> Running {
        self.start_as(&self.config()).await
    }

    async fn start_as(&self, config: &HubConfig) -> Running {
        let shutdown = Shutdown::new(Duration::from_secs(10));
        let hub = run::Hub::open(config, shutdown.clone(), Clock::new(|| NOW)).await.unwrap();
        let address = hub.address().to_string();
        Running { address, shutdown, task: tokio::spawn(hub.serve()) }
    }

    async fn client(&self, hub: &Running, root: &str, identity: &str) -> HubClient<Channel> {
        let roots: Vec<_> = self.network.roots.values().collect();
        let issued = self.network.roots[root].issue(&format!("spiffe://{NETWORK}/{identity}"));
        let endpoint = issued.endpoint(&Trust::new(trust(&roots)), [Admitted::Hub]);
        HubClient::new(connect(&hub.address, &endpoint, PATIENCE).await.unwrap().channel())
    }

    async fn node(&self, hub: &Running, agency: &str) -> HubClient<Channel> {
        let (root, name) = agency.split_once('-').unwrap();
        self.client(hub, root, &format!("{root}/{name}/node/main")).await
    }

    fn routine(&self, seed: u8) -> Envelope {
        self.network.envelope("HK-CED", &["DE-ZKA"], Priority::Routine, seed)
    }

    /// Submits one batch and returns what the hub signed about it.
    async fn submit(&self, node: &mut HubClient<Channel>, envelopes: &[Envelope]) -> Accepted {
        let batch =
            pb::SubmitRequest { batch: 7, envelopes: envelopes.iter().map(envelope_message).collect() };
        let mut answers = node.submit(stream::iter([batch])).await.unwrap().into_inner();
        let answer = answers.message().await.unwrap().unwrap();
        let Some(pb::submit_response::Event::Accepted(accepted)) = answer.event else {
            panic!("expected an acceptance");
        };
        assert_eq!(accepted.batch, 7);
        let statement = signed(accepted.statement.unwrap()).unwrap();
        let key = self.network.hub.verifying_key();
        let signature = &statement.signatures[0].bytes;
        verify_statement(key, PayloadType::Accepted, &statement.payload, signature).unwrap();
        Accepted::from_payload(&statement.payload).unwrap()
    }
}

impl Running {
    async fn stop(self) {
        self.shutdown.begin();
        within(self.task).await.unwrap().unwrap();
    }
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it happens in time")
}

/// A Receive stream as a node holds it.
struct Inbox {
    asking: mpsc::Sender<pb::ReceiveRequest>,
    told: Streaming<pb::ReceiveResponse>,
}

impl Inbox {
    async fn open(
        node: &mut HubClient<Channel>,
        priority: Priority,
        cursor: Option<pb::Cursor>,
        credit: u32,
    ) -> Self {
        let (asking, asked) = mpsc::channel(16);
        let open = pb::ReceiveOpen { priority: priority_number(priority), cursor, credit };
        let open = pb::ReceiveRequest { event: Some(pb::receive_request::Event::Open(open)) };
        asking.send(open).await.unwrap();
        let told = node.receive(ReceiverStream::new(asked)).await.unwrap().into_inner();
        Self { asking, told }
    }

    async fn next(&mut self) -> pb::receive_response::Event {
        within(self.told.message()).await.unwrap().unwrap().event.unwrap()
    }

    async fn batch(&mut self) -> pb::DeliveryBatch {
        match self.next().await {
            pb::receive_response::Event::Batch(batch) => batch,
            other => panic!("expected a batch, got {other:?}"),
        }
    }

    /// The next deliveries, by the header's digest.
    async fn deliveries(&mut self, count: usize) -> Vec<pb::Delivery> {
        let mut deliveries = Vec::new();
        while deliveries.len() < count {
            deliveries.extend(self.batch().await.deliveries);
        }
        assert_eq!(deliveries.len(), count);
        deliveries
    }

    async fn acknowledge(&self, index: u64) {
        let acknowledge = pb::receive_request::Event::Acknowledge(pb::ReceiveAcknowledge { index });
        self.asking.send(pb::ReceiveRequest { event: Some(acknowledge) }).await.unwrap();
    }

    async fn credit(&self, envelopes: u32) {
        let credit = pb::receive_request::Event::Credit(pb::ReceiveCredit { envelopes });
        self.asking.send(pb::ReceiveRequest { event: Some(credit) }).await.unwrap();
    }
}

fn cursor(accepted: &Accepted, delivery: &pb::Delivery) -> pb::Cursor {
    pb::Cursor {
        hub_incarnation: bytes::Bytes::copy_from_slice(&accepted.hub_incarnation.0),
        index: delivery.index,
        entry_digest: bytes::Bytes::copy_from_slice(sha256(&delivery.header).as_bytes()),
    }
}

fn header(envelope: &Envelope) -> bytes::Bytes {
    envelope.header.clone()
}

fn headers(deliveries: &[pb::Delivery]) -> Vec<bytes::Bytes> {
    deliveries.iter().map(|delivery| delivery.header.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_goes_to_its_recipient_with_its_own_wrap_and_the_sender_gets_a_signature() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    let mut inbox = Inbox::open(&mut de, Priority::Routine, None, 10).await;
    let envelope = stage.network.envelope("HK-CED", &["DE-ZKA", "TH-TCD"], Priority::Routine, 1);
    let accepted = stage.submit(&mut hk, std::slice::from_ref(&envelope)).await;
    assert_eq!((accepted.count, accepted.accepted_at), (1, NOW));
    assert_eq!(accepted.batch_digest, sha256(sha256(&envelope.header).as_bytes()));
    let refused: Vec<_> = accepted.refusals.iter().map(|refusal| &*refusal.rule).collect();
    assert_eq!(refused, ["agreement.none"], "Thailand is no party");

    let [delivery] = &inbox.deliveries(1).await[..] else { panic!("one") };
    assert_eq!((&delivery.header, &delivery.sealed), (&envelope.header, &envelope.sealed));
    assert_eq!(delivery.wrap.as_ref().unwrap().recipient, "DE-ZKA");
    assert_eq!(delivery.signatures.len(), 1);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_envelopes_are_refused_one_by_one_and_the_rest_goes_on() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    let forged = stage.network.envelope("DE-ZKA", &["HK-CED"], Priority::Routine, 1);
    let mut flipped = stage.routine(2);
    flipped.sealed = bytes::Bytes::from(vec![0; 1040]);
    let stranger = stage.network.envelope("HK-CED", &["ZZ-XXX"], Priority::Routine, 3);
    let good = stage.routine(4);
    let mut malformed = stage.routine(5);
    malformed.header = bytes::Bytes::from_static(b"\xff\xff");
    let accepted = stage.submit(&mut hk, &[forged, flipped, stranger, good.clone(), malformed]).await;
    let refused: Vec<_> =
        accepted.refusals.iter().map(|refusal| (refusal.position, &*refusal.rule)).collect();
    assert_eq!(
        refused,
        [(0, "key.unknown"), (1, "sealed.digest"), (2, "agency.unknown"), (4, "signature.invalid")]
    );
    let mut inbox = Inbox::open(&mut de, Priority::Routine, None, 10).await;
    assert_eq!(headers(&inbox.deliveries(1).await), [good.header]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_survives_a_restart_and_what_was_acknowledged_is_not_delivered_again() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    let sent: Vec<_> = (1..=3).map(|seed| stage.routine(seed)).collect();
    let accepted = stage.submit(&mut hk, &sent).await;
    let mut inbox = Inbox::open(&mut de, Priority::Routine, None, 10).await;
    let first = inbox.deliveries(3).await;
    inbox.acknowledge(first[0].index).await;
    // What was never sent cannot be acknowledged: when the hub says so, it has heard what came before.
    inbox.acknowledge(u64::MAX).await;
    assert_eq!(within(inbox.told.message()).await.unwrap_err().code(), Code::InvalidArgument);
    hub.stop().await;

    let hub = stage.start().await;
    let mut de = stage.node(&hub, "DE-ZKA").await;
    let mut again = Inbox::open(&mut de, Priority::Routine, None, 10).await;
    let unsettled = [sent[1].header.clone(), sent[2].header.clone()];
    assert_eq!(headers(&again.deliveries(2).await), unsettled);

    let mut other = cursor(&accepted, &first[1]);
    other.entry_digest = bytes::Bytes::copy_from_slice(&[9; 32]);
    let mut reset = Inbox::open(&mut de, Priority::Routine, Some(other), 10).await;
    assert!(matches!(reset.next().await, pb::receive_response::Event::Reset(_)));
    assert_eq!(headers(&reset.deliveries(2).await), unsettled, "everything unsettled");

    let known = Some(cursor(&accepted, &first[1]));
    let mut resumed = Inbox::open(&mut de, Priority::Routine, known, 10).await;
    assert_eq!(headers(&resumed.deliveries(1).await), [sent[2].header.clone()], "after the cursor");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_with_new_wraps_is_delivered_again_until_it_is_acknowledged() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    let mut inbox = Inbox::open(&mut de, Priority::Routine, None, 10).await;
    let mut envelope = stage.routine(1);
    stage.submit(&mut hk, std::slice::from_ref(&envelope)).await;
    inbox.deliveries(1).await;
    envelope.wraps = vec![crate::fixture::wrap("DE-ZKA", 99)];
    stage.submit(&mut hk, std::slice::from_ref(&envelope)).await;
    let [repeat] = &inbox.deliveries(1).await[..] else { panic!("one") };
    assert_eq!(repeat.wrap.as_ref().unwrap().ciphertext, vec![99; 120]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credit_bounds_what_is_sent_and_no_lane_waits_for_another() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    let mut routine = Inbox::open(&mut de, Priority::Routine, None, 2).await;
    let mut flash = Inbox::open(&mut de, Priority::Flash, None, 1).await;
    let backlog: Vec<_> = (1..=5).map(|seed| stage.routine(seed)).collect();
    stage.submit(&mut hk, &backlog).await;
    assert_eq!(headers(&routine.deliveries(2).await), [backlog[0].header.clone(), backlog[1].header.clone()]);

    let urgent = stage.network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 9);
    stage.submit(&mut hk, std::slice::from_ref(&urgent)).await;
    assert_eq!(headers(&flash.deliveries(1).await), [urgent.header]);

    routine.credit(2).await;
    assert_eq!(headers(&routine.deliveries(2).await), [backlog[2].header.clone(), backlog[3].header.clone()]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_full_recipient_stops_nobody_elses_mail_and_gets_its_own_when_there_is_room() {
    let stage = Stage::of(Network::of_friends());
    let mut config = stage.config();
    // Of which a sender that is alone may fill half.
    config.limits.backlog_envelopes = 4;
    let hub = stage.start_as(&config).await;
    let (mut hk, mut th) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "TH-TCD").await);
    let mut live = Inbox::open(&mut th, Priority::Routine, None, 10).await;
    let both = |seed| stage.network.envelope("HK-CED", &["DE-ZKA", "TH-TCD"], Priority::Routine, seed);
    let batch = [both(1), stage.routine(2), both(3), stage.routine(4)];
    let accepted = stage.submit(&mut hk, &batch).await;
    let told = |accepted: &Accepted| {
        let told = |refusal: &HubRefusal| (refusal.position, refusal.recipient.clone(), refusal.rule.clone());
        accepted.refusals.iter().map(told).collect::<Vec<_>>()
    };
    let full = |position| (position, Some(agency("DE-ZKA")), "recipient.full".to_owned());
    assert_eq!(told(&accepted), [full(2), full(3)], "each told once, and not refused as without a wrap");
    assert_eq!(headers(&live.deliveries(2).await), [header(&batch[0]), header(&batch[2])]);

    // Again, as its sender does: still full.
    assert_eq!(told(&stage.submit(&mut hk, &batch[3..]).await), [full(0)]);
    let mut de = stage.node(&hub, "DE-ZKA").await;
    let mut late = Inbox::open(&mut de, Priority::Routine, None, 10).await;
    let waiting = late.deliveries(2).await;
    assert_eq!(headers(&waiting), [header(&batch[0]), header(&batch[1])]);
    late.acknowledge(waiting[1].index).await;
    // What was never sent cannot be acknowledged: when the hub says so, it has heard what came before.
    late.acknowledge(u64::MAX).await;
    assert_eq!(within(late.told.message()).await.unwrap_err().code(), Code::InvalidArgument);
    // Until the settlement is applied there is no room.
    let mut accepted = stage.submit(&mut hk, &batch[3..]).await;
    while accepted.refusals.iter().any(|refusal| refusal.rule == "recipient.full") {
        accepted = stage.submit(&mut hk, &batch[3..]).await;
    }
    assert_eq!(told(&accepted), []);
    let mut later = Inbox::open(&mut de, Priority::Routine, None, 10).await;
    assert_eq!(headers(&later.deliveries(1).await), [header(&batch[3])]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_call_replaces_the_older_one_and_what_was_not_sent_cannot_be_acknowledged() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    let mut older = Inbox::open(&mut de, Priority::Urgent, None, 1).await;
    // Once it has mail it has its seat.
    let urgent = stage.network.envelope("HK-CED", &["DE-ZKA"], Priority::Urgent, 1);
    stage.submit(&mut hk, &[urgent]).await;
    older.deliveries(1).await;
    let mut newer = Inbox::open(&mut de, Priority::Urgent, None, 1).await;
    assert_eq!(within(older.told.message()).await.unwrap_err().code(), Code::Aborted);
    newer.deliveries(1).await;
    newer.acknowledge(u64::MAX).await;
    assert_eq!(within(newer.told.message()).await.unwrap_err().code(), Code::InvalidArgument);
    hub.stop().await;
}
