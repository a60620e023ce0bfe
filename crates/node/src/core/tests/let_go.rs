//! What the core leaves to the index: it decides as if it held it.

use sealpost_domain::link::Range;
use sealpost_domain::rule::Rule;

use super::*;
use crate::core::facts::Fact;

/// Germany has received so many messages of Hong Kong; what came, in order.
fn received(messages: usize) -> (Network, Station, Station, Vec<Delivery>) {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for _ in 0..messages {
        hong_kong.publish(Priority::Urgent);
    }
    let deliveries = submitted(&network, &mut hong_kong);
    for delivery in &deliveries {
        assert_eq!(germany.receive(delivery, Priority::Urgent), Judged::Recorded);
    }
    (network, hong_kong, germany, deliveries)
}

#[test]
fn what_was_let_go_is_a_duplicate_and_another_header_there_an_equivocation() {
    let (network, _, mut germany, deliveries) = received(3);
    let records = germany.records.len();
    for _ in 0..2 {
        for delivery in &deliveries {
            assert_eq!(germany.receive(delivery, Priority::Urgent), Judged::Duplicate);
        }
        germany.core = germany.restarted();
    }
    assert_eq!(germany.records.len(), records);
    // The same agency, restored from an older copy of its ledger, gives the number out a second time.
    let [mut restored, _] = network.nodes();
    restored.now = restored.now.plus(Duration::from_millis(1));
    restored.publish(Priority::Urgent);
    let (_, second) = restored.submit();
    assert_eq!(germany.receive(&second[0], Priority::Urgent), Judged::Alarmed);
    let [evidence] = &germany.evidence(Rule::LinkEquivocation)[..] else { panic!("one record") };
    let [shown, _, first, _] = &evidence.exhibits[..] else { panic!("both headers, signed") };
    assert_eq!((shown, first), (&second[0].header, &deliveries[0].header));
}

#[test]
fn a_void_that_was_let_go_is_told_from_a_message() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let (headers, refused) = hong_kong.submit();
    let refusal = HubRefusal { position: 0, recipient: None, rule: "agreement.none".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    (0..2).for_each(|_| hong_kong.publish(Priority::Urgent));
    for delivery in submitted(&network, &mut hong_kong) {
        assert_eq!(germany.receive(&delivery, Priority::Urgent), Judged::Recorded);
    }
    receipted(&mut germany, &mut hong_kong);
    // Its sender says that it knows of that.
    hong_kong.wait(Duration::from_secs(2));
    germany.now = hong_kong.now;
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    assert_eq!(germany.receive(&refused[0], Priority::Urgent), Judged::Alarmed);
    assert_eq!(germany.evidence(Rule::LinkVoidDelivered).len(), 1);
}

#[test]
fn what_was_let_go_is_read_later_and_stands_the_same_after_a_restart() {
    let (_, mut hong_kong, mut germany, _) = received(3);
    receipted(&mut germany, &mut hong_kong);
    let states = [1, 2, 3].map(|number| state(&hong_kong, number));
    assert_eq!(states, [DeliveryState::Delivered; 3]);
    let read = |number| {
        let position = Position { incarnation: HK, number };
        let message = sealpost_domain::message::MessageId::new(number, [0; 10]);
        ReadMessage { message, sender: agency("HK-CED"), priority: Priority::Urgent, position }
    };
    let reader = KeyId::new([9; 32]);
    germany.step(|core, env, round| [2, 3].map(|number| core.read(env, round, read(number), reader)));
    receipted(&mut germany, &mut hong_kong);
    let states = [1, 2, 3].map(|number| state(&hong_kong, number));
    assert_eq!(states, [DeliveryState::Delivered, DeliveryState::Read, DeliveryState::Read]);
    let restarted = hong_kong.restarted();
    for number in 1..=3 {
        let after = hong_kong.standing_in(&restarted, "DE-ZKA", Priority::Urgent, HK, number);
        assert_eq!(after.unwrap(), standing(&hong_kong, Priority::Urgent, number));
    }
}

/// Germany has had a message of Hong Kong that was delivered, and one that it refused; and what Hong Kong knew before it
/// heard of the second.
fn refused_second() -> (Network, Station, Station, usize) {
    let (network, mut hong_kong, mut germany, _) = received(1);
    receipted(&mut germany, &mut hong_kong);
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    let before = hong_kong.records.len();
    let agreements = std::mem::take(&mut germany.directory.agreements);
    germany.receive(&deliveries[0], Priority::Urgent);
    germany.directory.agreements = agreements;
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 2), DeliveryState::Refused);
    // Hong Kong says that it knows.
    hong_kong.wait(Duration::from_secs(2));
    germany.now = hong_kong.now;
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    (network, hong_kong, germany, before)
}

/// Somebody reads the first message, so that there is something to receipt.
fn read_first(germany: &mut Station) {
    let message = sealpost_domain::message::MessageId::new(1, [0; 10]);
    let position = Position { incarnation: HK, number: 1 };
    let read = ReadMessage { message, sender: agency("HK-CED"), priority: Priority::Urgent, position };
    germany.step(|core, env, round| core.read(env, round, read, KeyId::new([9; 32])));
}

fn exceptions(germany: &Station) -> Vec<usize> {
    let told = germany.says(ControlType::Receipt).into_iter().map(|signed| {
        let receipt = Receipt::from_payload(&signed.payload).unwrap();
        receipt.links.iter().map(|link| link.exceptions.len()).sum()
    });
    told.collect()
}

#[test]
fn a_refused_message_never_looks_delivered_to_a_sender_that_lost_the_refusal() {
    for restarts in [false, true] {
        let (network, hong_kong, mut germany, before) = refused_second();
        let mut copy = hong_kong.older_copy(&network, before);
        read_first(&mut germany);
        germany.receipts();
        assert_eq!(exceptions(&germany), [0], "it was known");
        if restarts {
            germany.core = germany.restarted();
        }
        copy.now = hong_kong.now;
        copy.hear(std::mem::take(&mut germany.said), "DE-ZKA");
        assert_eq!(
            [1, 2].map(|number| state(&copy, number)),
            [DeliveryState::Delivered, DeliveryState::Accepted]
        );
        // The copy says which receipt it holds, and hears all of it.
        copy.wait(Duration::from_secs(2));
        germany.now = copy.now;
        germany.hear(std::mem::take(&mut copy.said), "HK-CED");
        receipted(&mut germany, &mut copy);
        assert_eq!([1, 2].map(|number| state(&copy, number)), [DeliveryState::Read, DeliveryState::Refused]);
    }
}

#[test]
fn what_a_sender_knows_is_not_told_again_after_a_restart() {
    let (_, mut hong_kong, mut germany, _) = refused_second();
    read_first(&mut germany);
    receipted(&mut germany, &mut hong_kong);
    germany.core = germany.restarted();
    let [third] = &{
        hong_kong.publish(Priority::Urgent);
        hong_kong.submit().1
    }[..] else {
        panic!("one delivery")
    };
    germany.receive(third, Priority::Urgent);
    germany.receipts();
    assert_eq!(exceptions(&germany), [0]);
    hong_kong.hear(std::mem::take(&mut germany.said), "DE-ZKA");
    let states = [1, 2, 3].map(|number| state(&hong_kong, number));
    assert_eq!(states, [DeliveryState::Read, DeliveryState::Refused, DeliveryState::Delivered]);
}

#[test]
fn a_receipt_that_says_that_all_is_read_is_one_fact_however_much_that_is() {
    let (_, mut hong_kong, mut germany, _) = received(20);
    receipted(&mut germany, &mut hong_kong);
    let read = |number| {
        let message = sealpost_domain::message::MessageId::new(number, [0; 10]);
        let position = Position { incarnation: HK, number };
        ReadMessage { message, sender: agency("HK-CED"), priority: Priority::Urgent, position }
    };
    let reader = KeyId::new([9; 32]);
    germany.step(|core, env, round| {
        (1..=20).for_each(|number| assert!(core.read(env, round, read(number), reader)));
    });
    germany.receipts();
    let statement = germany.says(ControlType::Receipt).remove(0);
    let receipt = Receipt::from_payload(&statement.payload).unwrap();
    let digest = sealpost_crypto::digest::sha256(&statement.payload);
    hong_kong.core.outbox.apply_receipt(hong_kong.now, &receipt, digest);
    let facts = hong_kong.core.take_facts();
    assert!(matches!(&facts[..], [Fact::Read { numbers, .. }] if *numbers == Range { first: 1, last: 20 }));
    hong_kong.core.outbox.apply_receipt(hong_kong.now, &receipt, digest);
    assert_eq!(hong_kong.core.take_facts(), []);
}

/// How much two nodes hold after so many messages that were all delivered, receipted and read.
fn held_after(messages: u64) -> (usize, usize) {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for number in 1..=messages {
        let key = format!("case-{number}");
        let prepared = hong_kong.prepared(draft(Priority::Urgent), Some(&key));
        hong_kong.step(|core, env, round| core.publish(env, round, &prepared).unwrap());
        for delivery in submitted(&network, &mut hong_kong) {
            assert_eq!(germany.receive(&delivery, Priority::Urgent), Judged::Recorded);
        }
        let position = Position { incarnation: HK, number };
        let message = sealpost_domain::message::MessageId::new(number, [0; 10]);
        let read = ReadMessage { message, sender: agency("HK-CED"), priority: Priority::Urgent, position };
        germany.step(|core, env, round| core.read(env, round, read, KeyId::new([9; 32])));
        receipted(&mut germany, &mut hong_kong);
        hong_kong.said.clear();
    }
    (hong_kong.core.outbox.held(), germany.core.inbox.held())
}

#[test]
fn nothing_is_held_of_what_is_delivered_receipted_and_read() {
    assert_eq!(held_after(5), held_after(40));
}
