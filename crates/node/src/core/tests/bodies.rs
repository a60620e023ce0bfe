//! Bodies that are lost on a node's disk: a received one is asked for and comes again, a sent one harms nothing else.

use sealpost_domain::link::Range;
use sealpost_domain::statement::Resend;
use sealpost_wire::ledger::stored_body_from_bytes;

use super::*;
use crate::fixture::empty_core;

const MOMENT: Duration = Duration::from_secs(2);
/// Longer than any pause between two requests, or two attempts.
const LONG: Duration = Duration::from_hours(2);

/// Germany has received and receipted so many messages of Hong Kong, and Hong Kong knows it.
fn delivered(messages: usize) -> (Network, Station, Station) {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for _ in 0..messages {
        hong_kong.publish(Priority::Urgent);
    }
    for delivery in submitted(&network, &mut hong_kong) {
        assert_eq!(germany.receive(&delivery, Priority::Urgent), Judged::Recorded);
    }
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(hong_kong.core.outbox.outstanding(), 0);
    (network, hong_kong, germany)
}

/// What Germany asks for after a moment: the numbers of each request.
fn asked(germany: &mut Station) -> Vec<Vec<Range>> {
    germany.wait(MOMENT);
    germany.wait(MOMENT);
    let numbers = |signed: &&Signed| Resend::from_payload(&signed.payload).unwrap().numbers;
    germany.says(ControlType::Resend).iter().map(numbers).collect()
}

/// Hong Kong hears what Germany says, and submits what follows.
fn answered(network: &Network, hong_kong: &mut Station, germany: &mut Station) -> Vec<Delivery> {
    hong_kong.now = germany.now;
    hong_kong.hear(std::mem::take(&mut germany.said), "DE-ZKA");
    submitted(network, hong_kong)
}

fn one(number: u64) -> Range {
    Range { first: number, last: number }
}

fn bodies(station: &Station) -> Vec<(u64, Bytes)> {
    let body = |(_, record, body): &(_, Record, Bytes)| match record {
        Record::Body { index, .. } => Some((*index, body.clone())),
        _ => None,
    };
    station.records.iter().filter_map(body).collect()
}

#[test]
fn a_lost_body_comes_again_once_and_its_sender_stops() {
    let (network, mut hong_kong, mut germany) = delivered(3);
    let genuine = stored_body_from_bytes(&germany.records[2].2).unwrap().sealed;
    germany.lose_bodies(&[2]);
    assert_eq!(asked(&mut germany), [[one(2)]]);
    let again = answered(&network, &mut hong_kong, &mut germany);
    assert_eq!(again.len(), 1);
    assert_eq!(germany.receive(&again[0], Priority::Urgent), Judged::Restored);
    let [(of, body)] = &bodies(&germany)[..] else { panic!("one body") };
    assert_eq!((*of, stored_body_from_bytes(body).unwrap().sealed), (2, genuine));
    let record = germany.core.inbox.body_restored_in(2).unwrap();
    assert_eq!(record, germany.records.len() as u64 - 1);

    receipted(&mut germany, &mut hong_kong);
    hong_kong.now = hong_kong.now.plus(LONG);
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 0, "the receipt closed it");
    assert_eq!(germany.receive(&again[0], Priority::Urgent), Judged::Duplicate);

    germany.core = germany.restarted();
    assert_eq!(germany.core.inbox.body_restored_in(2), Some(record));
    assert!(!germany.core.inbox.owed().is_any());
    germany.said.clear();
    assert!(asked(&mut germany).is_empty());
    assert_eq!(germany.count(|record| matches!(record, Record::Received(_))), 3);
}

#[test]
fn a_receipt_is_owed_for_what_came_again_right_before_the_node_ended() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    germany.lose_bodies(&[1]);
    asked(&mut germany);
    let again = answered(&network, &mut hong_kong, &mut germany);
    germany.receive(&again[0], Priority::Urgent);
    germany.core = germany.restarted();
    assert!(germany.core.inbox.owed().is_any());
    receipted(&mut germany, &mut hong_kong);
    hong_kong.now = hong_kong.now.plus(LONG);
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 0);
}

#[test]
fn a_body_that_came_again_and_is_lost_once_more_comes_a_third_time() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    germany.lose_bodies(&[1]);
    asked(&mut germany);
    let again = answered(&network, &mut hong_kong, &mut germany);
    germany.receive(&again[0], Priority::Urgent);
    receipted(&mut germany, &mut hong_kong);
    let record = germany.core.inbox.body_restored_in(1).unwrap();
    germany.lose_bodies(&[usize::try_from(record).unwrap()]);
    assert_eq!(germany.core.inbox.body_restored_in(1), None);
    germany.wait(Duration::from_mins(1));
    assert_eq!(asked(&mut germany), [[one(1)]]);
    let again = answered(&network, &mut hong_kong, &mut germany);
    assert_eq!(germany.receive(&again[0], Priority::Urgent), Judged::Restored);
    assert!(germany.core.inbox.body_restored_in(1) > Some(record));
}

#[test]
fn two_copies_in_one_round_and_a_round_that_is_not_kept_restore_it_once() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    germany.lose_bodies(&[1]);
    asked(&mut germany);
    let again = answered(&network, &mut hong_kong, &mut germany);
    let mut verified = || match germany.verify(&again[0], Priority::Urgent) {
        Verified::Arrived(arrived) => *arrived,
        _ => panic!("it verifies"),
    };
    let [first, second, third] = [verified(), verified(), verified()];
    germany.decide(|core, env, round| core.arrived(env, round, first).unwrap());
    germany.core.forget();
    let judged = germany.step(|core, env, round| {
        [core.arrived(env, round, second).unwrap(), core.arrived(env, round, third).unwrap()]
    });
    assert_eq!(judged, [Judged::Restored, Judged::Duplicate]);
    assert_eq!(bodies(&germany).len(), 1);
}

#[test]
fn what_does_not_open_is_no_body_and_what_is_refused_by_now_is_one() {
    for (disposition, expected) in
        [(Disposition::Quarantined, Judged::Duplicate), (Disposition::Refused, Judged::Restored)]
    {
        let (network, mut hong_kong, mut germany) = delivered(1);
        germany.lose_bodies(&[1]);
        asked(&mut germany);
        let again = answered(&network, &mut hong_kong, &mut germany);
        let Verified::Arrived(mut arrived) = germany.verify(&again[0], Priority::Urgent) else {
            panic!("it verifies");
        };
        arrived.settlement = Settlement::Excepted(disposition, "a.rule".to_owned());
        let judged = germany.step(|core, env, round| core.arrived(env, round, *arrived).unwrap());
        assert_eq!(judged, expected, "{disposition:?}");
        germany.said.clear();
        germany.wait(LONG);
        assert!(asked(&mut germany).is_empty(), "it is not asked for any more");
    }
}

#[test]
fn missing_numbers_and_lost_bodies_of_a_link_are_asked_for_together_and_again() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for _ in 0..5 {
        hong_kong.publish(Priority::Urgent);
    }
    let deliveries = submitted(&network, &mut hong_kong);
    for delivery in [&deliveries[0], &deliveries[1], &deliveries[4]] {
        germany.receive(delivery, Priority::Urgent);
    }
    germany.receipts();
    germany.lose_bodies(&[1, 2, 3]);
    germany.core.inbox.look_for_gaps(germany.now);
    germany.said.clear();
    germany.wait(Duration::ZERO);
    assert_eq!(asked(&mut germany), [[Range { first: 1, last: 2 }, Range { first: 3, last: 4 }, one(5)]]);
    germany.said.clear();
    germany.wait(Duration::from_secs(10));
    assert_eq!(germany.says(ControlType::Resend).len(), 1, "asked again");
    for delivery in answered(&network, &mut hong_kong, &mut germany) {
        germany.receive(&delivery, Priority::Urgent);
    }
    assert_eq!(bodies(&germany).len(), 3);
    assert_eq!(germany.count(|record| matches!(record, Record::Received(_))), 5);
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(hong_kong.core.outbox.outstanding(), 0);
    hong_kong.now = hong_kong.now.plus(LONG);
    assert_eq!(hong_kong.core.outbox.send_due_again(hong_kong.now), 0);
}

#[test]
fn one_body_that_never_comes_does_not_hold_up_the_others() {
    const MESSAGES: usize = 300;
    let (_, _, mut germany) = delivered(MESSAGES);
    germany.lose_bodies(&(1..=MESSAGES).collect::<Vec<_>>());
    assert_eq!(asked(&mut germany), [[Range { first: 1, last: 256 }]]);
    germany.said.clear();
    germany.wait(Duration::from_secs(10));
    assert_eq!(asked(&mut germany), [[Range { first: 257, last: 300 }]]);
}

#[test]
fn a_sent_message_whose_body_is_lost_keeps_its_place_and_is_not_sent_again() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    let prepared = hong_kong.prepared(draft(Priority::Urgent), Some("case-1"));
    hong_kong.step(|core, env, round| core.publish(env, round, &prepared)).unwrap();
    let first = submitted(&network, &mut hong_kong);
    germany.receive(&first[0], Priority::Urgent);
    receipted(&mut germany, &mut hong_kong);
    hong_kong.lose_bodies(&[1]);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
    germany.lose_bodies(&[1]);
    assert_eq!(asked(&mut germany), [[one(1)]]);
    assert!(answered(&network, &mut hong_kong, &mut germany).is_empty());
    hong_kong.publish(Priority::Urgent);
    let second = submitted(&network, &mut hong_kong);
    assert_eq!(germany.receive(&second[0], Priority::Urgent), Judged::Recorded);
}

#[test]
fn a_lost_leaf_leaves_a_place_on_the_link_that_nothing_is_known_of() {
    let (network, hong_kong, _) = delivered(3);
    let mut core = empty_core("HK-CED", HK, &network.directory);
    for (index, (at, record, body)) in (0..).zip(&hong_kong.records) {
        match index {
            2 => core.apply_lost(index).unwrap(),
            _ => core.apply(index, *at, record, body).unwrap(),
        }
    }
    let standing = |number| {
        let standing = hong_kong.standing_in(&core, "DE-ZKA", Priority::Urgent, HK, number);
        standing.map(|found| found.state)
    };
    assert_eq!([1, 3].map(standing), [Some(DeliveryState::Delivered); 2]);
    assert_eq!(standing(2), Some(DeliveryState::Withdrawn));
    assert_eq!(core.outbox.outstanding(), 0);

    // What is received there is missing then, and comes again.
    let (network, mut hong_kong, mut germany) = delivered(3);
    let mut core = empty_core("DE-ZKA", germany.core.incarnation(), &network.directory);
    for (index, (at, record, body)) in (0..).zip(&germany.records) {
        match index {
            2 => core.apply_lost(index).unwrap(),
            _ => core.apply(index, *at, record, body).unwrap(),
        }
    }
    germany.core = core;
    germany.core.inbox.look_for_gaps(germany.now);
    assert_eq!(asked(&mut germany), [[one(2)]]);
    let again = answered(&network, &mut hong_kong, &mut germany);
    assert_eq!(germany.receive(&again[0], Priority::Urgent), Judged::Recorded);

    // Where nothing is lost, a number that is not the next one contradicts the ledger.
    let mut core = empty_core("HK-CED", HK, &network.directory);
    let (at, record, body) = &hong_kong.records[2];
    core.apply(0, *at, &hong_kong.records[0].1, &hong_kong.records[0].2).unwrap();
    assert!(core.apply(1, *at, record, body).is_err());
}

/// Germany lost the body of a message, and what came again; some time has passed since.
fn comes_again(after: Duration, before: impl FnOnce(&mut Station)) -> (Station, Judged) {
    let (network, mut hong_kong, mut germany) = delivered(1);
    before(&mut germany);
    germany.lose_bodies(&[1]);
    asked(&mut germany);
    let again = answered(&network, &mut hong_kong, &mut germany);
    germany.now = germany.now.plus(after);
    let judged = germany.receive(&again[0], Priority::Urgent);
    (germany, judged)
}

/// The retention of the message is over, and its bucket has not ended yet.
const AFTER_RETENTION: Duration = Duration::from_hours(24 * 130);
const BUCKET: &str = "message.2026-12";

fn end_bucket(germany: &mut Station) {
    let bucket = BUCKET.parse().unwrap();
    let (key, rule) = (germany.buckets.key_id(&bucket).unwrap(), "erasure.retention".to_owned());
    let record = Record::Erasure { bucket: bucket.to_bytes(), rule, index: None, key };
    germany.append(germany.now, record, Bytes::new());
}

fn hold(germany: &mut Station) {
    let record = Record::Hold { index: 1, bucket: Bytes::from_static(BUCKET.as_bytes()), held: true };
    germany.append(germany.now, record, Bytes::new());
}

#[test]
fn a_body_comes_again_into_the_bucket_of_its_own_retention_also_when_that_is_over() {
    for after in [MOMENT, AFTER_RETENTION] {
        let (germany, judged) = comes_again(after, |_| {});
        assert_eq!(judged, Judged::Restored);
        let [(1, body)] = &bodies(&germany)[..] else { panic!("one body") };
        assert_eq!(stored_body_from_bytes(body).unwrap().bucket, BUCKET);
    }
}

#[test]
fn a_body_whose_bucket_has_ended_does_not_come_again_unless_it_is_held() {
    let (germany, judged) = comes_again(AFTER_RETENTION, end_bucket);
    assert_eq!((judged, bodies(&germany).len()), (Judged::Duplicate, 0));
    let (germany, judged) = comes_again(AFTER_RETENTION, |germany| {
        hold(germany);
        end_bucket(germany);
    });
    assert_eq!(judged, Judged::Restored);
    assert_eq!(germany.core.erasures.held_in(1).unwrap(), BUCKET);
}

#[test]
fn evidence_does_not_come_again_once_its_year_is_over() {
    let evidence = |germany: &mut Station| {
        let Record::Received(received) = &mut germany.records[1].1 else { panic!("a message") };
        received.settlement = Settlement::Excepted(Disposition::Refused, "a.rule".to_owned());
    };
    assert_eq!(comes_again(AFTER_RETENTION, evidence).1, Judged::Restored);
    assert_eq!(comes_again(Duration::from_hours(24 * 400), evidence).1, Judged::Duplicate);
    let held = |germany: &mut Station| {
        evidence(germany);
        hold(germany);
    };
    assert_eq!(comes_again(Duration::from_hours(24 * 400), held).1, Judged::Restored);
}
