mod bodies;
mod directories;
mod erasures;
mod handling;
mod hub;
mod keys;
mod let_go;
mod missing;
mod refill;
mod repeated;
mod resume;

use std::time::Duration;

use bytes::Bytes;
use sealpost_crypto::dsse::PayloadType;
use sealpost_domain::digest::KeyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Disposition, Incarnation, Position};
use sealpost_domain::message::Priority;
use sealpost_domain::record::{Leaf, Record, Settlement};
use sealpost_domain::statement::{ControlType, Heads, HubRefusal, Receipt, Signed};
use sealpost_domain::view::DeliveryState;
use sealpost_wire::hub::Delivery;
use sealpost_wire::ledger::leaf_to_bytes;
use sealpost_wire::statement::Payload as _;

use super::Outgoing;
use super::inbox::{Judged, ReadMessage};
use super::outbox::{Answer, Standing};
use crate::fixture::{HUB, Network, Station, agency, draft, sign};
use crate::verify::Verified;

const HK: Incarnation = Incarnation([b'H'; 16]);

fn standing(station: &Station, priority: Priority, number: u64) -> Standing {
    station.standing("DE-ZKA", priority, HK, number).unwrap()
}

fn state(station: &Station, number: u64) -> DeliveryState {
    standing(station, Priority::Urgent, number).state
}

/// Hong Kong submits everything that waits, and the hub promises to deliver it.
fn submitted(network: &Network, hong_kong: &mut Station) -> Vec<Delivery> {
    let (headers, deliveries) = hong_kong.submit();
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, Vec::new());
    hong_kong.hear_hub(&accepted, &headers);
    deliveries
}

/// Heads of Germany's node for Hong Kong's with this checkpoint, made at some time.
pub(super) fn heads(germany: &Station, checkpoint: Bytes, made_at: Instant) -> Heads {
    Heads {
        sender: agency("DE-ZKA"),
        recipient: agency("HK-CED"),
        made_at,
        links: Vec::new(),
        receipt: None,
        checkpoint,
        directory: germany.directory.version,
        cosigned: Bytes::new(),
    }
}

/// Germany receipts, and Hong Kong hears it.
fn receipted(germany: &mut Station, hong_kong: &mut Station) {
    germany.receipts();
    hong_kong.hear(std::mem::take(&mut germany.said), "DE-ZKA");
}

#[test]
fn a_message_is_delivered_once_and_its_receipt_comes_back() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Published);
    let deliveries = submitted(&network, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Accepted);

    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Recorded);
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
    assert_eq!(hong_kong.core.outbox.outstanding(), 0);

    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Duplicate);
    assert_eq!(germany.count(|record| matches!(record, Record::Received(_))), 1);
}

#[test]
fn receipts_and_heads_carry_the_ledgers_latest_checkpoint() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    germany.checkpoint = Bytes::from_static(b"of Germany's ledger");
    germany.receipts();
    let receipt = Receipt::from_payload(&germany.said[0].statement.payload).unwrap();
    assert_eq!(receipt.checkpoint, germany.checkpoint);

    hong_kong.checkpoint = Bytes::from_static(b"of Hong Kong's ledger");
    hong_kong.now = hong_kong.now.plus(Duration::from_mins(1));
    hong_kong.step(super::Core::tell_heads).unwrap();
    let heads = Heads::from_payload(&hong_kong.said[0].statement.payload).unwrap();
    assert_eq!(heads.checkpoint, hong_kong.checkpoint);
}

#[test]
fn a_lost_receipt_is_repeated_until_its_sender_names_it() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    germany.receipts();
    germany.said.clear();

    hong_kong.now = hong_kong.now.plus(Duration::from_secs(2));
    hong_kong.step(|core, env, round| core.tell_heads(env, round).unwrap());
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
    assert_eq!(germany.count(|record| matches!(record, Record::ReceiptSent(_))), 1);

    hong_kong.now = hong_kong.now.plus(Duration::from_secs(2));
    hong_kong.step(|core, env, round| core.tell_heads(env, round).unwrap());
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    assert!(!germany.core.inbox.owed().is_any(), "the receipt is named");
}

#[test]
fn what_a_recipient_refuses_comes_back_signed_and_never_looks_delivered() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    let agreements = std::mem::take(&mut germany.directory.agreements);
    germany.receive(&deliveries[0], Priority::Urgent);
    germany.directory.agreements = agreements;
    germany.receive(&deliveries[1], Priority::Urgent);
    receipted(&mut germany, &mut hong_kong);
    let refused = standing(&hong_kong, Priority::Urgent, 1);
    assert_eq!((refused.state, refused.rule.as_deref()), (DeliveryState::Refused, Some("agreement.unknown")));
    assert_eq!(state(&hong_kong, 2), DeliveryState::Delivered);
}

#[test]
fn numbers_of_a_round_that_was_not_kept_are_given_out_again() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    let prepared = hong_kong.prepared(draft(Priority::Urgent), Some("case-1"));
    for _ in 0..2 {
        let (answer, _) = hong_kong.decide(|core, env, round| core.publish(env, round, &prepared).unwrap());
        assert!(matches!(answer, Answer::Recorded(_)));
        hong_kong.core.forget();
    }
    let answer = hong_kong.step(|core, env, round| core.publish(env, round, &prepared).unwrap());
    assert!(matches!(answer, Answer::Recorded(_)));
    assert_eq!(state(&hong_kong, 1), DeliveryState::Published);
}

#[test]
fn two_headers_at_one_number_are_an_equivocation_and_alarmed() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    // The same agency, restored from an older copy of its ledger, gives the number out a second time.
    let [mut restored, _] = network.nodes();
    restored.now = restored.now.plus(Duration::from_millis(1));
    restored.publish(Priority::Urgent);
    let (_, second) = restored.submit();
    assert_eq!(germany.receive(&second[0], Priority::Urgent), Judged::Alarmed);
    let alarmed =
        |record: &Record| matches!(record, Record::Security { rule, .. } if rule == "link.equivocation");
    assert_eq!(germany.count(alarmed), 1);
    assert_eq!(germany.receive(&second[0], Priority::Urgent), Judged::Alarmed);
    assert_eq!(germany.count(alarmed), 1, "the same thing is recorded once");
}

#[test]
fn two_deliveries_of_one_round_are_judged_together() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    let mut verified = || match germany.verify(&deliveries[0], Priority::Urgent) {
        Verified::Arrived(arrived) => *arrived,
        _ => panic!("it verifies"),
    };
    let (first, second) = (verified(), verified());
    let judged = germany.step(|core, env, round| {
        [core.arrived(env, round, first).unwrap(), core.arrived(env, round, second).unwrap()]
    });
    assert_eq!(judged, [Judged::Recorded, Judged::Duplicate]);
}

#[test]
fn a_restart_gives_the_state_that_was_lived() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for priority in [Priority::Urgent, Priority::Flash, Priority::Urgent, Priority::Routine] {
        hong_kong.publish(priority);
    }
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Flash);
    germany.receive(&deliveries[2], Priority::Urgent);
    receipted(&mut germany, &mut hong_kong);
    hong_kong.publish(Priority::Urgent);

    let restarted = hong_kong.restarted();
    assert_eq!(restarted.next_index(), hong_kong.core.next_index());
    assert_eq!(restarted.outbox.outstanding(), hong_kong.core.outbox.outstanding());
    assert_eq!(restarted.outbox.traffic(), hong_kong.core.outbox.traffic());
    for (priority, numbers) in [(Priority::Flash, 1), (Priority::Urgent, 3), (Priority::Routine, 1)] {
        for number in 1..=numbers {
            let after = hong_kong.standing_in(&restarted, "DE-ZKA", priority, HK, number);
            assert_eq!(after.unwrap(), standing(&hong_kong, priority, number), "{priority} {number}");
        }
    }
    let lived = hong_kong.submit().0;
    hong_kong.core = restarted;
    assert_eq!(hong_kong.submit().0, lived);
    hong_kong.publish(Priority::Urgent);

    let mut restarted = germany.restarted();
    for priority in Priority::ALL {
        assert_eq!(restarted.inbox.cursor(*priority), germany.core.inbox.cursor(*priority));
    }
    assert!(!restarted.inbox.owed().is_any());
    restarted.inbox.repeat_unconfirmed();
    assert!(restarted.inbox.owed().is_any(), "the sender has not named the receipt");
}

#[test]
fn reading_is_receipted() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    let header = sealpost_wire::envelope::header_from_bytes(&deliveries[0].header).unwrap();
    let read = ReadMessage {
        message: header.id,
        sender: header.sender,
        priority: Priority::Urgent,
        position: Position { incarnation: HK, number: 1 },
    };
    let reader = KeyId::new([5; 32]);
    assert!(germany.step(|core, env, round| core.read(env, round, read.clone(), reader)));
    assert!(!germany.step(|core, env, round| core.read(env, round, read, reader)));
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Read);
}

#[test]
fn a_receipt_over_another_chain_is_alarmed_and_changes_nothing() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    germany.receipts();
    let [mut other, _] = network.nodes();
    other.now = other.now.plus(Duration::from_millis(1));
    other.publish(Priority::Urgent);
    other.hear(std::mem::take(&mut germany.said), "DE-ZKA");
    assert_eq!(state(&other, 1), DeliveryState::Published);
    let alarmed =
        |record: &Record| matches!(record, Record::Security { rule, .. } if rule == "receipt.other_chain");
    assert_eq!(other.count(alarmed), 1);
}

#[test]
fn an_exception_beyond_what_a_receipt_holds_is_not_counted_over() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for _ in 0..258 {
        hong_kong.publish(Priority::Urgent);
    }
    let deliveries = submitted(&network, &mut hong_kong);
    for delivery in &deliveries {
        let Verified::Arrived(mut arrived) = germany.verify(delivery, Priority::Urgent) else {
            panic!("it verifies");
        };
        arrived.settlement = Settlement::Excepted(Disposition::Quarantined, "alert.malformed".to_owned());
        germany.step(|core, env, round| core.arrived(env, round, *arrived).unwrap());
    }
    receipted(&mut germany, &mut hong_kong);
    for number in 1..=258 {
        let expected = if number <= 256 { DeliveryState::Quarantined } else { DeliveryState::Accepted };
        assert_eq!(state(&hong_kong, number), expected, "{number}");
    }
    assert_ne!(hong_kong.core.outbox.outstanding(), 0);
}

/// Germany's receipt, made anew as another of its lives or at another number, and signed by it.
fn resigned(germany: &Station, original: &Signed, change: impl FnOnce(&mut Receipt)) -> Outgoing {
    let mut receipt = Receipt::from_payload(&original.payload).unwrap();
    change(&mut receipt);
    let statement = sign(&germany.signing, PayloadType::Receipt, receipt.to_payload());
    Outgoing { to: agency("HK-CED"), kind: ControlType::Receipt, statement }
}

#[test]
fn a_peer_that_receipts_the_same_in_ever_new_lives_makes_the_sender_keep_nothing() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    germany.receipts();
    let first = germany.said.pop().unwrap();
    hong_kong.hear(vec![first.clone()], "DE-ZKA");
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
    let records = hong_kong.records.len();
    for life in 0..200 {
        let again = resigned(&germany, &first.statement, |receipt| {
            receipt.recipient_incarnation = Incarnation([life; 16]);
            receipt.number = u64::from(life) + 1;
        });
        hong_kong.hear(vec![again], "DE-ZKA");
    }
    for number in 2..200 {
        let again = resigned(&germany, &first.statement, |receipt| receipt.number = number);
        hong_kong.hear(vec![again], "DE-ZKA");
    }
    assert_eq!(hong_kong.records.len(), records);

    // The latest is named all the same, so that an honest peer repeats it no more.
    hong_kong.said.clear();
    hong_kong.now = hong_kong.now.plus(Duration::from_secs(2));
    hong_kong.step(|core, env, round| core.tell_heads(env, round).unwrap());
    let heads = hong_kong.said.iter().find(|said| said.kind == ControlType::Heads).unwrap();
    let heads = Heads::from_payload(&heads.statement.payload).unwrap();
    let named = heads.receipt.map(|held| (held.incarnation, held.number));
    assert_eq!(named, Some((germany.core.incarnation(), 199)));
}

#[test]
fn receipts_of_one_peer_that_are_not_applied_yet_are_bounded() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    germany.receipts();
    let first = germany.said.pop().unwrap();
    let records = hong_kong.step(|core, env, round| {
        for life in 0..100 {
            let again = resigned(&germany, &first.statement, |receipt| {
                receipt.recipient_incarnation = Incarnation([life; 16]);
            });
            let receipt = Receipt::from_payload(&again.statement.payload).unwrap();
            core.receipted(env, round, &again.statement, &receipt);
        }
        round.records().len()
    });
    assert_eq!(records, 4);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
}

#[test]
fn what_nobody_may_keep_any_more_is_neither_sent_nor_delivered() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    // The first moment after the last day.
    let over = "2026-12-31".parse::<sealpost_domain::time::Date>().unwrap().ends_at();
    germany.now = over;
    let Verified::Arrived(arrived) = germany.verify(&deliveries[0], Priority::Urgent) else {
        panic!("it verifies")
    };
    let refused = Settlement::Excepted(Disposition::Refused, "retention.over".to_owned());
    assert_eq!(arrived.settlement, refused);
    hong_kong.now = over;
    let Err(crate::prepare::Error::Refused(refusals)) =
        hong_kong.prepare(draft(Priority::Urgent), None, None)
    else {
        panic!("it is refused")
    };
    let told: Vec<_> = refusals.iter().map(|refusal| (&*refusal.path, &*refusal.rule)).collect();
    assert_eq!(told, [("retention_until", "retention.over")]);
}
