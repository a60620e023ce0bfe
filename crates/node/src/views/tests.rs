use std::path::Path;

use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::{DirectoryVersion, Header, OpenedCommitment, Recipient, Recipients};
use sealpost_domain::handling::{Handling, Tlp};
use sealpost_domain::link::{Incarnation, Position};
use sealpost_domain::message::{Category, Kind, Priority, SharingMode};
use sealpost_domain::record::{Cursor, Received, Record, Sent, Settlement};
use sealpost_ledger::{Commits, Draft, Ledger, Options};
use sealpost_seglog::disk::sim::Sim;
use sealpost_server::clock::Clock;
use sealpost_store::{Memory, Projections};

use super::*;
use crate::fixture::{HUB, NOW, Network, agency, empty_core};
use crate::projection::Changes;

/// Messages in Hong Kong's ledger, of which nobody kept the content: by these senders, in this order, under these ids.
async fn views(messages: &[(&str, MessageId)]) -> LedgerViews {
    let (network, disk) = (Network::new(), Sim::new());
    let [station, _] = network.nodes();
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let options = Options { commits: Commits::Inline, ..Options::default() };
    let (ledger, _) =
        Ledger::open(Arc::new(disk), Path::new("/ledger"), &agency("HK-CED"), NOW, &mut rng, options)
            .unwrap();
    let records: Vec<_> =
        (1..).zip(messages).map(|(number, (sender, id))| record(sender, *id, number)).collect();
    let draft = |record: &Record| Draft {
        recorded_at: NOW,
        salt: [0; 32],
        record: record.clone(),
        body: Bytes::new(),
    };
    let first = ledger.append(records.iter().map(draft).collect()).await.unwrap().first;
    let projections: Arc<dyn Projections> = Arc::new(Memory::new());
    let mut changes = Changes::new(projections.as_ref(), first + records.len() as u64);
    for (index, record) in (first..).zip(&records) {
        changes.note(index, record).unwrap();
    }
    changes.apply().unwrap();
    LedgerViews::new(Arc::new(Shared::new(
        empty_core("HK-CED", ledger.incarnation(), &network.directory),
        network.directory.network.clone(),
        ledger.history().clone(),
        projections,
        Arc::clone(&station.buckets),
        Clock::new(|| NOW),
        tokio::sync::watch::Sender::new(None).subscribe(),
    )))
}

fn record(sender: &str, id: MessageId, number: u64) -> Record {
    let recipient = agency(if sender == "HK-CED" { "DE-ZKA" } else { "HK-CED" });
    let recipient = Recipient { agency: recipient, agreement: Digest::ZERO, link_commitment: Digest::ZERO };
    let header = Header {
        id,
        sender: agency(sender),
        sent_at: NOW,
        kind: Kind::Request,
        priority: Priority::Routine,
        act_before: None,
        category: Category::Narcotics,
        mode: SharingMode::Spontaneous,
        handling: Handling::new(Tlp::Amber, []),
        operation: None,
        in_reply_to: None,
        directory: DirectoryVersion { version: 1, digest: Digest::ZERO },
        recipients: Recipients::new(vec![recipient]).unwrap(),
        sealed_digest: Digest::ZERO,
        key_commitment: Digest::ZERO,
        plaintext_digest: Digest::ZERO,
        approval_digest: None,
    };
    let header = sealpost_wire::envelope::header_to_bytes(&header);
    let position = Position { incarnation: Incarnation([3; 16]), number };
    let commitment = OpenedCommitment { position, previous: Digest::ZERO, salt: [0; 32] };
    if sender == "HK-CED" {
        let publisher = sealpost_domain::digest::KeyId::new([9; 32]);
        let (signatures, commitments) = (Vec::new(), vec![commitment]);
        Record::Sent(Sent { header, signatures, commitments, idempotency_digest: None, publisher })
    } else {
        let cursor = Cursor { hub_incarnation: HUB, index: number, entry_digest: Digest::ZERO };
        let (signatures, settlement) = (Vec::new(), Settlement::Delivered);
        Record::Received(Received { header, signatures, commitment: Some(commitment), cursor, settlement })
    }
}

fn id(seed: u8) -> MessageId {
    MessageId::new(1, [seed; 10])
}

#[tokio::test]
async fn whoever_copies_an_id_hides_nobody_elses_message() {
    let views = views(&[("DE-ZKA", id(1)), ("TH-TCD", id(1)), ("TH-TCD", id(2))]).await;
    let shown = |sender: &str| views.message(id(1), Some(&agency(sender)), Form::Shown).unwrap().unwrap();
    assert_eq!(shown("DE-ZKA").sender, agency("DE-ZKA"));
    assert_eq!(shown("TH-TCD").sender, agency("TH-TCD"));
    assert_eq!(views.message(id(1), Some(&agency("HK-CED")), Form::Shown).unwrap(), None);

    let senders = vec![agency("DE-ZKA"), agency("TH-TCD")];
    let ambiguous = Ambiguous { id: id(1), senders };
    assert_eq!(views.message(id(1), None, Form::Shown), Err(ViewError::Ambiguous(ambiguous.clone())));
    assert_eq!(
        ViewError::Ambiguous(ambiguous.clone()).to_string(),
        format!("message {} was sent by DE-ZKA and by TH-TCD: name the sender", id(1))
    );
    assert_eq!(views.message(id(2), None, Form::Shown).unwrap().unwrap().sender, agency("TH-TCD"));

    let read = |sender: Option<&str>| views.received(&[id(1)], sender.map(agency).as_ref());
    assert_eq!(read(None).err(), Some(ViewError::Ambiguous(ambiguous)));
    assert_eq!(read(Some("DE-ZKA")).unwrap()[0].sender, agency("DE-ZKA"));
}

#[tokio::test]
async fn a_copy_of_an_id_of_ours_hides_nothing_of_ours() {
    let views = views(&[("DE-ZKA", id(1)), ("HK-CED", id(1))]).await;
    assert!(views.track(id(1)).unwrap().is_some(), "only our own message is tracked");
    let read = |sender| views.received(&[id(1)], sender).unwrap();
    assert_eq!(read(None)[0].sender, agency("DE-ZKA"), "only theirs can be read");
    assert!(read(Some(&agency("HK-CED"))).is_empty());
}

#[tokio::test]
async fn a_message_that_was_erased_before_it_left_says_by_which_rule_it_was_withdrawn() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    (0..2).for_each(|_| hong_kong.publish(Priority::Urgent));
    let (rule, key) = ("erasure.ordered".to_owned(), sealpost_domain::digest::KeyId::new([9; 32]));
    // In the ledger of the views everything lies one record later, behind that of its life.
    let (bucket, index) = (Bytes::from_static(b"message.2026-12"), Some(2));
    hong_kong.append(NOW, Record::Erasure { bucket, rule, index, key }, Bytes::new());
    // The body of the second one is lost by a disk.
    for index in [1, 2] {
        hong_kong.core.outbox.body_lost(index);
    }
    hong_kong.step(crate::core::Core::refill).unwrap();
    let views = hong_kong.views(&network).await;
    let standing = |index| {
        let id = views.read(index).unwrap().unwrap().header.id;
        let state = views.track(id).unwrap().unwrap().states.remove(0);
        (state.state, state.rule)
    };
    assert_eq!(standing(2), (DeliveryState::Withdrawn, Some("erasure.ordered".to_owned())));
    assert_eq!(standing(3), (DeliveryState::Withdrawn, None));
}
