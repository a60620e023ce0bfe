//! What goes again, and what cannot: numbers whose messages are gone are filled, each once and for those that may hear it,
//! and hold nobody up.

use sealpost_domain::statement::{Resend, Void, VoidReason};

use super::resume::{deliver_all, delivered, meet, meet_again};
use super::*;
use crate::core::Core;

/// Every number that was filled towards Germany, in that order, and why.
fn voids(station: &Station) -> Vec<(u64, VoidReason)> {
    let void = |said: &&Signed| {
        let void = Void::from_payload(&said.payload).unwrap();
        (void.number, void.reason)
    };
    station.says(ControlType::Void).iter().map(void).collect()
}

/// Germany asks for numbers of Hong Kong's link.
fn ask(hong_kong: &mut Station, germany: &Station, first: u64, last: u64) {
    let resend = Resend {
        recipient: agency("DE-ZKA"),
        sender: agency("HK-CED"),
        priority: Priority::Urgent,
        incarnation: HK,
        numbers: vec![sealpost_domain::link::Range { first, last }],
        made_at: hong_kong.now,
    };
    let statement = sign(&germany.signing, PayloadType::Resend, resend.to_payload());
    hong_kong.hear(vec![Outgoing { to: agency("HK-CED"), kind: ControlType::Resend, statement }], "DE-ZKA");
}

#[test]
fn what_was_erased_since_goes_again_as_a_void_and_does_not_hold_up_the_rest() {
    let (network, mut hong_kong, before) = delivered(300);
    let mut germany = Station::living_as(&network, "DE-ZKA", 2);
    germany.now = before.now;
    meet_again(&mut hong_kong, &mut germany);
    // They are on their way again when it is found that their key was destroyed.
    hong_kong.wait(Duration::from_millis(1));
    for index in 1..=290 {
        hong_kong.core.outbox.body_lost(index);
    }
    for _ in 0..8 {
        hong_kong.wait(Duration::from_secs(1));
    }
    let filled: Vec<_> = (1..=290).map(|number| (number, VoidReason::Erased)).collect();
    let mut told = voids(&hong_kong);
    told.sort_by_key(|(number, _)| *number);
    assert_eq!(told, filled, "each once");
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 10);
    assert!(germany.core.inbox.missing().is_empty());
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered, "what it was stays");
    assert_eq!(hong_kong.core.outbox.outstanding(), 0);
}

#[test]
fn a_message_whose_key_was_destroyed_before_it_left_is_withdrawn() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for _ in 0..2 {
        hong_kong.publish(Priority::Urgent);
    }
    hong_kong.core.outbox.body_lost(1);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 1);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Withdrawn);
    assert_eq!(state(&hong_kong, 2), DeliveryState::Delivered);
    assert!(germany.core.inbox.missing().is_empty());
}

#[test]
fn numbers_of_a_round_that_was_not_kept_are_filled_in_the_next() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    hong_kong.core.outbox.body_lost(1);
    let (filled, round) = hong_kong.decide(Core::refill);
    filled.unwrap();
    assert_eq!(round.records().len(), 1);
    drop(round);
    hong_kong.core.forget();
    hong_kong.step(Core::refill).unwrap();
    hong_kong.step(Core::refill).unwrap();
    assert_eq!(voids(&hong_kong), [(1, VoidReason::Withdrawn)]);
}

#[test]
fn a_number_that_is_lost_and_asked_for_is_filled_once() {
    let (network, mut hong_kong, before) = delivered(3);
    hong_kong.core.outbox.body_lost(1);
    let mut germany = Station::living_as(&network, "DE-ZKA", 2);
    germany.now = before.now;
    let now = germany.now;
    hong_kong.core.connected(now);
    hong_kong.wait(Duration::from_secs(2));
    germany.core.connected(now);
    germany.wait(Duration::from_secs(2));
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    germany.wait(Duration::from_secs(1));
    hong_kong.hear(std::mem::take(&mut germany.said), "DE-ZKA");
    ask(&mut hong_kong, &germany, 1, 1);
    ask(&mut hong_kong, &germany, 3, 3);
    hong_kong.wait(Duration::from_millis(1));
    assert_eq!(hong_kong.count(|record| matches!(record, Record::Voided(_))), 1);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 2);
}

#[test]
fn what_an_ended_agreement_keeps_from_a_ledger_that_lost_it_stays_delivered_and_is_explained() {
    let (network, mut hong_kong, before) = delivered(2);
    let mut germany = Station::living_as(&network, "DE-ZKA", 2);
    germany.now = before.now;
    meet_again(&mut hong_kong, &mut germany);
    hong_kong.wait(Duration::from_millis(1));
    let (headers, deliveries) = hong_kong.submit();
    let refusal =
        HubRefusal { position: 0, recipient: Some(agency("DE-ZKA")), rule: "agreement.unknown".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    assert_eq!(voids(&hong_kong), [(1, VoidReason::Ended)], "it was not refused");
    assert_eq!(standing(&hong_kong, Priority::Urgent, 1).rule, None);

    assert_eq!(germany.receive(&deliveries[1], Priority::Urgent), Judged::Recorded);
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    assert!(germany.core.inbox.missing().is_empty(), "the gap is explained");
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 0, "it is not tried for ever");
}

/// Hong Kong sends again what the hub had accepted, which refuses it now.
fn refused_when_it_goes_again(network: &Network, hong_kong: &mut Station) {
    hong_kong.core.outbox.heard(&agency("DE-ZKA"), hong_kong.now);
    hong_kong.wait(Duration::from_hours(2));
    let (headers, _) = hong_kong.submit();
    assert_eq!(headers.len(), 1);
    let refusal = HubRefusal { position: 0, recipient: None, rule: "agreement.unknown".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    assert_eq!(state(hong_kong, 1), DeliveryState::Refused);
    assert_eq!(voids(hong_kong), [(1, VoidReason::Refused)]);
}

#[test]
fn what_had_come_before_the_hub_refused_to_carry_it_again_is_delivered() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Recorded);
    refused_when_it_goes_again(&network, &mut hong_kong);
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
    let again = hong_kong.older_copy(&network, hong_kong.records.len());
    assert_eq!(state(&again, 1), DeliveryState::Delivered, "also after a restart");
}

#[test]
fn what_had_not_come_stays_refused_also_where_more_is_counted_later() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for _ in 0..2 {
        hong_kong.publish(Priority::Urgent);
    }
    let (headers, deliveries) = hong_kong.submit();
    let refusal = HubRefusal { position: 0, recipient: None, rule: "agreement.unknown".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    let mut void = std::mem::take(&mut hong_kong.said);
    void.retain(|said| said.kind == ControlType::Void);
    germany.hear(void, "HK-CED");
    receipted(&mut germany, &mut hong_kong);
    // Hong Kong says that it holds that receipt: Germany does not tell it again.
    hong_kong.wait(Duration::from_hours(2));
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    assert_eq!(germany.receive(&deliveries[1], Priority::Urgent), Judged::Recorded);
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(
        [1, 2].map(|number| state(&hong_kong, number)),
        [DeliveryState::Refused, DeliveryState::Delivered]
    );
    assert_eq!(standing(&hong_kong, Priority::Urgent, 1).rule.as_deref(), Some("agreement.unknown"));
}

#[test]
fn nobody_is_told_of_a_void_before_he_said_what_he_has() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    hong_kong.publish(Priority::Urgent);
    let mut booted = hong_kong.older_copy(&network, hong_kong.records.len());
    booted.core.await_peers(booted.records.len() as u64 - 1);
    booted.core.outbox.body_lost(booted.records.len() as u64 - 1);
    ask(&mut booted, &germany, 2, 2);
    booted.wait(Duration::from_secs(1));
    assert_eq!(booted.count(|record| matches!(record, Record::Voided(_))), 0);
    germany.now = booted.now;
    meet(&mut booted, &mut germany);
    for station in [&booted, &germany] {
        assert_eq!(station.count(|record| matches!(record, Record::Voided(_))), 1);
    }
}

#[test]
fn each_link_has_its_turn() {
    let network = Network::new();
    let [mut hong_kong, germany] = network.nodes();
    for _ in 0..200 {
        hong_kong.publish(Priority::Urgent);
    }
    hong_kong.publish(Priority::Routine);
    for index in 1..=201 {
        hong_kong.core.outbox.body_lost(index);
    }
    hong_kong.wait(Duration::from_millis(1));
    hong_kong.wait(Duration::from_millis(1));
    assert_eq!(standing(&hong_kong, Priority::Routine, 1).state, DeliveryState::Withdrawn);
    assert_eq!(state(&hong_kong, 200), DeliveryState::Published, "the long one goes on after it");
    ask(&mut hong_kong, &germany, 1, 200);
    for _ in 0..6 {
        hong_kong.wait(Duration::from_millis(1));
    }
    assert_eq!(state(&hong_kong, 200), DeliveryState::Withdrawn);
}
