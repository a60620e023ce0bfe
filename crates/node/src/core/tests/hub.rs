//! A hub that refuses, forgets, is full or does not answer.

use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{Void, VoidReason};

use super::*;

#[test]
fn a_message_without_promise_is_handed_to_the_hub_again_as_it_was() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let (first, deliveries) = hong_kong.submit();
    assert_eq!(hong_kong.submit().0, []);
    hong_kong.core.outbox.requeue_lanes(Priority::ALL);
    let (again, repeats) = hong_kong.submit();
    assert_eq!(first, again);
    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Recorded);
    assert_eq!(germany.receive(&repeats[0], Priority::Urgent), Judged::Duplicate);
}

#[test]
fn a_number_that_the_hub_refuses_is_voided_and_the_link_goes_on() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let (headers, _) = hong_kong.submit();
    let refusal =
        HubRefusal { position: 0, recipient: Some(agency("DE-ZKA")), rule: "agreement.none".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    let refused = standing(&hong_kong, Priority::Urgent, 1);
    assert_eq!((refused.state, refused.rule.as_deref()), (DeliveryState::Refused, Some("agreement.none")));
    assert!(hong_kong.said.iter().any(|said| said.kind == ControlType::Void));

    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    let position = Position { incarnation: HK, number: 2 };
    assert!(germany.core.inbox.has_gap_before(&agency("HK-CED"), Priority::Urgent, position));
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    assert!(!germany.core.inbox.has_gap_before(&agency("HK-CED"), Priority::Urgent, position));
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(
        (state(&hong_kong, 1), state(&hong_kong, 2)),
        (DeliveryState::Refused, DeliveryState::Delivered)
    );
}

#[test]
fn a_hub_that_lost_its_memory_gets_everything_again() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    assert_eq!(hong_kong.core.outbox.hub_lives_as(HUB), 0);
    assert_eq!(hong_kong.submit().0.len(), 0);
    assert_eq!(hong_kong.core.outbox.hub_lives_as(Incarnation([8; 16])), 1);
    assert_eq!(hong_kong.submit().0.len(), 1);
}

#[test]
fn a_message_without_receipt_is_sent_again_at_growing_distances() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    for pause in [30, 60, 120] {
        submitted(&network, &mut hong_kong);
        hong_kong.core.outbox.heard(&agency("DE-ZKA"), hong_kong.now);
        hong_kong.now = hong_kong.now.plus(Duration::from_secs(pause - 1));
        assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 0, "{pause}");
        hong_kong.now = hong_kong.now.plus(Duration::from_secs(1));
        assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 1, "{pause}");
    }
}

#[test]
fn what_the_hub_keeps_for_a_recipient_that_is_away_is_not_sent_again_before_it_is_heard() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.core.outbox.heard(&agency("DE-ZKA"), hong_kong.now);
    hong_kong.now = hong_kong.now.plus(Duration::from_secs(1));
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    for minute in 1..24 * 60 {
        hong_kong.now = hong_kong.now.plus(Duration::from_mins(1));
        assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 0, "minute {minute}");
    }
    hong_kong.core.outbox.heard(&agency("DE-ZKA"), hong_kong.now);
    hong_kong.now = hong_kong.now.plus(Duration::from_hours(1));
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 1);
    assert_eq!(hong_kong.submit().0.len(), 1);
}

#[test]
fn what_waits_for_a_recipient_whose_receipts_keep_coming_is_not_sent_again() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    (0..5).for_each(|_| hong_kong.publish(Priority::Urgent));
    let deliveries = submitted(&network, &mut hong_kong);
    for delivery in &deliveries[..4] {
        assert_eq!(germany.receive(delivery, Priority::Urgent), Judged::Recorded);
        receipted(&mut germany, &mut hong_kong);
        hong_kong.now = hong_kong.now.plus(Duration::from_secs(29));
        germany.now = hong_kong.now;
        assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 0);
    }
    hong_kong.now = hong_kong.now.plus(Duration::from_hours(1));
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 1, "they came no more");
}

#[test]
fn a_recipient_that_has_just_come_back_gets_what_the_hub_keeps_for_it_and_no_repeats() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    hong_kong.now = hong_kong.now.plus(Duration::from_secs(29));
    let outbox = &mut hong_kong.core.outbox;
    outbox.heard(&agency("DE-ZKA"), hong_kong.now);
    outbox.met(&agency("DE-ZKA"), hong_kong.now);
    hong_kong.now = hong_kong.now.plus(Duration::from_secs(29));
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 0);
    hong_kong.now = hong_kong.now.plus(Duration::from_mins(1));
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 1, "it said no more");
}

#[test]
fn what_the_hub_has_promised_goes_behind_what_it_has_not() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let (promised, _) = hong_kong.submit();
    let accepted = network.accept(&agency("HK-CED"), HUB, &promised, Vec::new());
    hong_kong.hear_hub(&accepted, &promised);
    hong_kong.core.outbox.heard(&agency("DE-ZKA"), hong_kong.now);
    hong_kong.now = hong_kong.now.plus(Duration::from_secs(30));
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 1);
    hong_kong.publish(Priority::Routine);
    let (headers, _) = hong_kong.submit();
    assert_eq!((headers.len(), headers.last()), (2, promised.first()), "the repeat goes last");

    hong_kong.core.outbox.requeue_lanes(Priority::ALL);
    assert_eq!(
        hong_kong.submit().0.first(),
        promised.first(),
        "handed out and not answered, it is like any other"
    );
}

#[test]
fn what_a_hub_promised_that_lost_its_memory_goes_first_though_it_was_to_be_repeated() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    hong_kong.core.outbox.heard(&agency("DE-ZKA"), hong_kong.now);
    hong_kong.now = hong_kong.now.plus(Duration::from_secs(30));
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 1);
    assert_eq!(hong_kong.core.outbox.hub_lives_as(HUB), 0);
    assert_eq!(hong_kong.core.outbox.hub_lives_as(Incarnation([8; 16])), 1);
    assert!(hong_kong.core.outbox.has_ready(&[Priority::Urgent]));
    assert_eq!(hong_kong.submit().0.len(), 1);
}

#[test]
fn a_message_to_a_recipient_that_is_full_at_the_hub_is_kept_and_sent_again_before_long() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    for round in 0..20 {
        let (headers, _) = hong_kong.submit();
        assert_eq!(headers.len(), 1, "round {round}");
        let full =
            HubRefusal { position: 0, recipient: Some(agency("DE-ZKA")), rule: "recipient.full".into() };
        let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![full]);
        hong_kong.hear_hub(&accepted, &headers);
        assert_eq!(state(&hong_kong, 1), DeliveryState::Published);
        assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 0, "not at once");
        hong_kong.now = hong_kong.now.plus(Duration::from_mins(4));
        assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 1);
    }
    assert!(!hong_kong.said.iter().any(|said| said.kind == ControlType::Void), "its number is not voided");
    let deliveries = submitted(&network, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Accepted);
    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Recorded);
}

#[test]
fn what_a_later_life_of_the_hub_has_no_room_for_is_sent_again_before_long_though_an_earlier_one_promised_it()
{
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    let hub = Incarnation([8; 16]);
    assert_eq!(hong_kong.core.outbox.hub_lives_as(hub), 1);
    let (headers, _) = hong_kong.submit();
    let full = HubRefusal { position: 0, recipient: Some(agency("DE-ZKA")), rule: "recipient.full".into() };
    let accepted = network.accept(&agency("HK-CED"), hub, &headers, vec![full]);
    hong_kong.hear_hub(&accepted, &headers);
    hong_kong.now = hong_kong.now.plus(Duration::from_mins(4));
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 1, "though Germany was not heard");
}

#[test]
fn what_was_promised_goes_again_once_a_day_whatever_is_heard() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    let sent_again = (0..48).filter(|_| {
        hong_kong.now = hong_kong.now.plus(Duration::from_hours(1));
        let due = hong_kong.core.outbox.send_due_again(hong_kong.now);
        submitted(&network, &mut hong_kong);
        due > 0
    });
    assert_eq!(sent_again.count(), 2);
}

#[test]
fn a_void_of_number_0_is_refused_where_it_is_read_and_ends_no_node() {
    let (priority, digest) = (Priority::Urgent, sealpost_domain::digest::Digest::new([7; 32]));
    let network = Network::new();
    let [hong_kong, mut germany] = network.nodes();
    let void = Void {
        sender: agency("HK-CED"),
        recipient: agency("DE-ZKA"),
        priority,
        incarnation: HK,
        number: 0,
        header: digest,
        previous: sealpost_domain::digest::Digest::ZERO,
        reason: VoidReason::Withdrawn,
        made_at: germany.now,
    };
    let statement = sign(&hong_kong.signing, PayloadType::Void, void.to_payload());
    let refused = Void::from_payload(&statement.payload).unwrap_err();
    assert_eq!(refused.to_string(), "Void.number: is 0, numbers count from 1");
    // Whoever handed it on all the same would be told of a contradiction.
    let judged = germany.step(|core, env, round| core.voided(env, round, &statement, &void));
    assert!(judged.is_ok(), "{judged:?}");
    assert_eq!(germany.evidence(Rule::LinkEquivocation).len(), 1);
}
