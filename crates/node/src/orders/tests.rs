use std::fs;
use std::path::Path;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::Signer;
use sealpost_domain::digest::Digest;
use sealpost_domain::message::Priority;
use sealpost_domain::record::StoredBody;
use sealpost_ledger::tree::{Files, Keeper};
use sealpost_server::config;
use sealpost_wire::envelope::header_from_bytes;

use super::*;
use crate::fixture::{NOW, Network, Station};
use crate::repair::repair;

const SAMPLE: &str = include_str!("../../../../deploy/node.toml");
const REASON: &str = "Court order 12, by M. Sample (invented)";
/// The record of the message that it is about, and where the station has that record.
const CONCERNED: u64 = 3;
const AT: usize = 2;

/// Germany's node, which has received three messages, in the records 2 to 4, and has stopped.
struct Desk {
    folder: tempfile::TempDir,
    config: NodeConfig,
    network: Network,
    germany: Station,
    rng: ChaCha20Rng,
}

impl Desk {
    fn new() -> Self {
        let network = Network::new();
        let [mut hong_kong, mut germany] = network.nodes();
        for _ in 0..3 {
            hong_kong.publish(Priority::Urgent);
        }
        for delivery in hong_kong.submit().1 {
            germany.receive(&delivery, Priority::Urgent);
        }
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_str().unwrap();
        let text = SAMPLE.replace("HK-CED", "DE-ZKA").replace("/var/lib/sealpost-node", data);
        let config = config::parse(&text, Path::new("/node.toml")).unwrap();
        germany.keys_to(&folder.path().join("buckets"));
        let records = germany.records.clone();
        let mut desk = Self { folder, config, network, germany, rng: ChaCha20Rng::seed_from_u64(5) };
        desk.append(&records);
        desk
    }

    /// A node runs for a while, with a checkpoint at its end.
    fn append(&mut self, records: &[(Instant, Record, Bytes)]) {
        let (places, agency) = (Places::of(&self.config), &self.config.agency);
        let options = Options { commits: Commits::Inline, ..Options::default() };
        let (ledger, _) =
            Ledger::open(Arc::new(Real), &places.ledger, agency, NOW, &mut self.rng, options).unwrap();
        let draft = |(at, record, body): &(Instant, Record, Bytes)| Draft {
            recorded_at: *at,
            salt: [0; 32],
            record: record.clone(),
            body: body.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(ledger.append(records.iter().map(draft).collect())).unwrap();
        let signer = Arc::clone(&self.germany.signing) as Arc<dyn Signer>;
        let (network, history) = (&self.network.directory.network, ledger.history().clone());
        let (mut keeper, _) =
            Keeper::open(Files::at(&places.tree), history, signer, network, agency).unwrap();
        while keeper.is_behind() {
            keeper.advance().unwrap();
        }
        runtime.block_on(ledger.close()).unwrap();
    }

    fn order(&mut self, order: Order) -> Result<CarriedOut, Error> {
        let Record::Received(received) = &self.germany.records[AT].1 else { panic!("a message") };
        let message = header_from_bytes(&received.header).unwrap().id;
        self.order_about(order, message)
    }

    fn order_about(&mut self, order: Order, message: MessageId) -> Result<CarriedOut, Error> {
        let target = Target { index: CONCERNED, message };
        carry_out(&self.config, order, target, REASON, NOW, &mut self.rng)
    }

    /// A disk flips a bit where these bytes lie, and the ledger is repaired.
    fn damage(&mut self, bytes: &[u8], accepted: &[u64]) {
        // So that a checkpoint covers every record.
        self.append(&[]);
        let mut flipped = 0;
        for entry in fs::read_dir(Places::of(&self.config).ledger).unwrap() {
            let path = entry.unwrap().path();
            let mut content = fs::read(&path).unwrap();
            if let Some(at) = content.windows(bytes.len()).position(|window| window == bytes) {
                content[at] ^= 1;
                fs::write(&path, content).unwrap();
                flipped += 1;
            }
        }
        assert_eq!(flipped, 1, "in {}", self.folder.path().display());
        assert!(repair(&self.config, &[], accepted, |_| ()).unwrap().decided);
    }

    fn lose_body(&mut self) {
        let body = self.body(AT).1;
        self.damage(&body.wrapped_key, &[]);
    }

    /// The header's digest and the body of a record of the station.
    fn body(&self, at: usize) -> (Digest, StoredBody) {
        let (_, Record::Received(received), body) = &self.germany.records[at] else { panic!("a message") };
        (sha256(&received.header), stored_body_from_bytes(body).unwrap())
    }

    /// The body of the message came again from its sender.
    fn restore_body(&mut self) {
        let header = self.body(AT).0;
        let body = self.germany.records[AT].2.clone();
        self.append(&[(NOW, Record::Body { index: CONCERNED, header }, body)]);
    }

    fn readable(&self) -> Vec<bool> {
        let buckets = Buckets::open(&Places::of(&self.config).buckets).unwrap();
        let opens = |at| {
            let (header, body) = self.body(at);
            buckets.content_key(&body, &header).is_ok()
        };
        (1..=3).map(opens).collect()
    }

    fn held(&self) -> Vec<(u64, Option<MessageId>, Option<String>)> {
        held(&self.config)
            .unwrap()
            .into_iter()
            .map(|ordered| (ordered.index, ordered.message, ordered.reason))
            .collect()
    }
}

#[test]
fn what_is_ordered_about_a_body_stands_and_ends_after_the_body_was_lost() {
    let mut desk = Desk::new();
    let message = desk.order(Order::Hold).unwrap().message;
    assert!(message.is_some());
    desk.lose_body();
    let held = (CONCERNED, message, Some(REASON.to_owned()));
    assert_eq!(desk.held(), [held]);
    assert_eq!(desk.order(Order::Release).unwrap().message, message);
    assert_eq!(desk.held(), []);
    // An order has named its bucket: it can be held before it comes again.
    desk.order(Order::Hold).unwrap();
    assert!(matches!(desk.order(Order::Erase), Err(Error::Held { .. })));
    assert_eq!(all(&desk.config).unwrap().len(), 3);
}

#[test]
fn a_body_that_came_again_is_held_and_erased_where_it_is_now() {
    let mut desk = Desk::new();
    desk.lose_body();
    for order in [Order::Hold, Order::Erase] {
        assert!(matches!(desk.order(order), Err(Error::BodyLost { index: CONCERNED })));
    }
    desk.restore_body();
    desk.order(Order::Hold).unwrap();
    desk.order(Order::Release).unwrap();
    assert_eq!(desk.readable(), [true, true, true]);
    desk.order(Order::Erase).unwrap();
    assert_eq!(desk.readable(), [true, false, true]);
    assert!(matches!(desk.order(Order::Erase), Err(Error::Erased { .. })));
}

#[test]
fn orders_about_a_record_whose_leaf_is_lost_are_told_and_its_hold_ends() {
    let mut desk = Desk::new();
    desk.order(Order::Hold).unwrap();
    let (_, Record::Received(received), _) = &desk.germany.records[AT] else { panic!("a message") };
    let header = received.header.clone();
    desk.damage(&header, &[CONCERNED]);
    assert_eq!(desk.held(), [(CONCERNED, None, Some(REASON.to_owned()))]);
    assert_eq!(desk.order(Order::Release).unwrap().message, None);
    assert_eq!(desk.held(), []);
}

#[test]
fn nothing_is_ordered_about_another_message_than_the_one_that_is_named() {
    let mut desk = Desk::new();
    let other: MessageId = "018f7b1c-0000-7000-8000-000000000001".parse().unwrap();
    for order in [Order::Hold, Order::Release, Order::Erase] {
        assert!(matches!(desk.order_about(order, other), Err(Error::OtherMessage { .. })));
    }
    assert_eq!(all(&desk.config).unwrap(), []);
}
