//! What does not come is missed, asked for, and comes again; what contradicts itself is evidence.

use sealpost_domain::link::Range;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::Resend;

use super::*;
use crate::core::inbox::Arrived;

const MOMENT: Duration = Duration::from_secs(2);

/// A network on which Hong Kong has sent so many messages to Germany, none of which came.
fn sent(messages: usize) -> (Network, Station, Station, Vec<Delivery>) {
    let network = Network::new();
    let [mut hong_kong, germany] = network.nodes();
    for _ in 0..messages {
        hong_kong.publish(Priority::Urgent);
    }
    let deliveries = submitted(&network, &mut hong_kong);
    (network, hong_kong, germany, deliveries)
}

fn has_gap_before(germany: &Station, number: u64) -> bool {
    let position = Position { incarnation: HK, number };
    germany.core.inbox.has_gap_before(&agency("HK-CED"), Priority::Urgent, position)
}

/// Everything that Germany says reaches Hong Kong.
fn heard(germany: &mut Station, hong_kong: &mut Station) {
    hong_kong.hear(std::mem::take(&mut germany.said), "DE-ZKA");
}

fn arrived(station: &mut Station, delivery: &Delivery) -> Arrived {
    match station.verify(delivery, Priority::Urgent) {
        Verified::Arrived(arrived) => *arrived,
        _ => panic!("it verifies"),
    }
}

#[test]
fn a_gap_delays_nothing_is_asked_for_and_closes() {
    let (network, mut hong_kong, mut germany, deliveries) = sent(3);
    germany.receive(&deliveries[0], Priority::Urgent);
    assert_eq!(germany.receive(&deliveries[2], Priority::Urgent), Judged::Recorded);
    assert!(has_gap_before(&germany, 3));
    assert_eq!(germany.core.inbox.missing()[&agency("HK-CED")], 1);
    germany.wait(Duration::from_millis(1900));
    assert!(germany.says(ControlType::Resend).is_empty(), "it may still be on its way");
    germany.wait(Duration::from_millis(100));
    let asked = Resend::from_payload(&germany.says(ControlType::Resend)[0].payload).unwrap();
    assert_eq!(asked.numbers, [Range { first: 2, last: 2 }]);

    heard(&mut germany, &mut hong_kong);
    let again = submitted(&network, &mut hong_kong);
    assert_eq!(again.len(), 1);
    assert_eq!(germany.receive(&again[0], Priority::Urgent), Judged::Recorded);
    assert!(!has_gap_before(&germany, 3));
    germany.wait(Duration::from_mins(1));
    assert!(germany.says(ControlType::Resend).is_empty());
    assert!(germany.core.inbox.missing().is_empty());
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(hong_kong.core.outbox.outstanding(), 0);
}

#[test]
fn heads_show_a_lost_end() {
    let (network, mut hong_kong, mut germany, deliveries) = sent(3);
    germany.receive(&deliveries[0], Priority::Urgent);
    hong_kong.wait(MOMENT);
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    germany.said.clear();
    germany.wait(MOMENT);
    heard(&mut germany, &mut hong_kong);
    for delivery in submitted(&network, &mut hong_kong) {
        assert_eq!(germany.receive(&delivery, Priority::Urgent), Judged::Recorded);
    }
    assert!(!has_gap_before(&germany, 3));
}

#[test]
fn nothing_is_asked_for_while_its_lane_delivers() {
    let (_, _, mut germany, deliveries) = sent(12);
    for delivery in deliveries.iter().rev().take(10) {
        germany.receive(delivery, Priority::Urgent);
        germany.wait(Duration::from_secs(1));
    }
    assert!(germany.says(ControlType::Resend).is_empty());
    germany.wait(Duration::from_secs(1));
    assert_eq!(germany.says(ControlType::Resend).len(), 1);
}

#[test]
fn what_is_asked_for_in_vain_is_an_alarm_and_the_hub_is_named_by_its_own_promise() {
    let (_, mut hong_kong, mut germany, deliveries) = sent(2);
    germany.receive(&deliveries[1], Priority::Urgent);
    for pause in [2, 10, 20, 40, 80] {
        germany.wait(Duration::from_secs(pause));
        hong_kong.now = germany.now;
        heard(&mut germany, &mut hong_kong);
    }
    assert_eq!(germany.evidence(Rule::LinkMissing).len(), 1, "told once");
    let [evidence] = &hong_kong.evidence(Rule::HubUndelivered)[..] else { panic!("one record") };
    let promise = hong_kong.records.iter().find_map(|(_, record, _)| match record {
        Record::Accepted { statement, .. } => Some(statement.payload.clone()),
        _ => None,
    });
    assert!(evidence.exhibits.contains(&promise.unwrap()), "the hub's own promise");
    let asks =
        |exhibit: &Bytes| Resend::from_payload(exhibit).is_ok_and(|asks| asks.recipient == agency("DE-ZKA"));
    assert!(asks(&evidence.exhibits[0]), "the recipient's word");
}

/// What the alarms of missing numbers say.
fn missed(germany: &Station) -> Vec<String> {
    let told = germany.evidence(Rule::LinkMissing).into_iter().map(|evidence| evidence.detail);
    told.map(|detail| detail.split(" of the ").next().unwrap().to_owned()).collect()
}

#[test]
fn no_later_hole_keeps_the_first_from_its_alarm() {
    let (_, _, mut germany, deliveries) = sent(60);
    // Every other message is kept back: a new hole every four seconds, for a minute and a half.
    for delivery in deliveries.iter().skip(1).step_by(2).take(24) {
        germany.receive(delivery, Priority::Urgent);
        for _ in 0..4 {
            germany.wait(Duration::from_secs(1));
        }
    }
    assert_eq!(missed(&germany).first().map(String::as_str), Some("numbers 1"));
    for _ in 0..120 {
        germany.wait(Duration::from_secs(1));
    }
    let mut told: Vec<String> =
        missed(&germany).join(", ").replace("numbers ", "").split(", ").map(str::to_owned).collect();
    told.sort_by_key(|number| number.parse::<u64>().unwrap());
    let each: Vec<String> = (1..48).step_by(2).map(|number: u64| number.to_string()).collect();
    assert_eq!(told, each, "each hole, and each once");
}

#[test]
fn a_lane_that_is_never_idle_keeps_no_hole_from_its_alarm() {
    let (_, _, mut germany, deliveries) = sent(400);
    for delivery in &deliveries[1..] {
        germany.receive(delivery, Priority::Urgent);
        germany.wait(Duration::from_secs(1));
    }
    assert_eq!(missed(&germany), ["numbers 1"]);
}

#[test]
fn a_stretch_that_grows_and_falls_apart_is_told_once() {
    let (_, _, mut germany, deliveries) = sent(9);
    germany.receive(&deliveries[4], Priority::Urgent);
    for _ in 0..90 {
        germany.wait(Duration::from_secs(1));
    }
    assert_eq!(missed(&germany), ["numbers 1 to 4"]);
    germany.receive(&deliveries[1], Priority::Urgent);
    germany.receive(&deliveries[8], Priority::Urgent);
    for _ in 0..90 {
        germany.wait(Duration::from_secs(1));
    }
    assert_eq!(missed(&germany), ["numbers 1 to 4", "numbers 6 to 8"]);
}

#[test]
fn more_stretches_than_one_statement_holds_are_all_asked_for() {
    let (_, _, mut germany, deliveries) = sent(200);
    for delivery in deliveries.iter().skip(1).step_by(2) {
        germany.receive(delivery, Priority::Urgent);
    }
    let mut asked = std::collections::BTreeSet::new();
    for _ in 0..16 {
        germany.wait(Duration::from_secs(1));
        for said in germany.says(ControlType::Resend) {
            let numbers = Resend::from_payload(&said.payload).unwrap().numbers;
            assert!(numbers.len() <= 64);
            asked.extend(numbers.iter().flat_map(|range| range.first..=range.last));
        }
        germany.said.clear();
    }
    assert!(asked.iter().copied().eq((1..200).step_by(2)), "{asked:?}");
}

#[test]
fn a_flood_of_requests_costs_one_answer() {
    let (_, mut hong_kong, mut germany, deliveries) = sent(2);
    germany.receive(&deliveries[1], Priority::Urgent);
    germany.wait(MOMENT);
    let ask = germany.said.iter().find(|said| said.kind == ControlType::Resend).cloned().unwrap();
    hong_kong.hear(vec![ask.clone()], "DE-ZKA");
    assert_eq!(hong_kong.submit().0.len(), 1);
    hong_kong.core.outbox.requeue_lanes(Priority::ALL);
    hong_kong.submit();
    hong_kong.hear(vec![ask; 100], "DE-ZKA");
    assert_eq!(hong_kong.submit().0.len(), 0);
}

#[test]
fn an_equivocation_is_recorded_with_both_pieces_of_evidence() {
    let (network, mut hong_kong, mut germany, first) = sent(1);
    germany.receive(&first[0], Priority::Urgent);
    // The same agency, on an older copy of its ledger, gives the number out a second time.
    let mut copy = hong_kong.older_copy(&network, 1);
    copy.publish(Priority::Urgent);
    let (_, second) = copy.submit();
    assert_eq!(germany.receive(&second[0], Priority::Urgent), Judged::Alarmed);
    let [evidence] = &germany.evidence(Rule::LinkEquivocation)[..] else { panic!("one record") };
    for delivery in [&first[0], &second[0]] {
        assert!(evidence.exhibits.contains(&delivery.header));
        assert!(evidence.exhibits.contains(&delivery.signatures[0].bytes));
    }
    assert_eq!(germany.count(|record| matches!(record, Record::Received(_))), 1, "nothing of it is shown");

    // Its heads contradict what came as well.
    copy.wait(MOMENT);
    germany.hear(std::mem::take(&mut copy.said), "HK-CED");
    hong_kong.wait(MOMENT);
    assert_eq!(germany.evidence(Rule::LinkEquivocation).len(), 1, "the same contradiction is recorded once");
}

#[test]
fn heads_that_name_another_header_are_evidence_beside_what_came() {
    let (network, hong_kong, mut germany, first) = sent(1);
    germany.receive(&first[0], Priority::Urgent);
    let mut copy = hong_kong.older_copy(&network, 1);
    copy.publish(Priority::Urgent);
    copy.wait(MOMENT);
    let heads = copy.says(ControlType::Heads)[0].payload.clone();
    germany.hear(std::mem::take(&mut copy.said), "HK-CED");
    let [evidence] = &germany.evidence(Rule::LinkEquivocation)[..] else { panic!("one record") };
    assert!(evidence.exhibits.contains(&heads) && evidence.exhibits.contains(&first[0].header));
}

#[test]
fn a_sender_that_opens_at_a_million_is_alarmed_once_and_asked_for_what_is_before() {
    let (_, _, mut germany, deliveries) = sent(2);
    for (delivery, number) in deliveries.iter().zip([1_000_000, 1_000_001]) {
        let mut far = arrived(&mut germany, delivery);
        far.commitment.position.number = number;
        germany.step(|core, env, round| core.arrived(env, round, far).unwrap());
    }
    assert_eq!(germany.evidence(Rule::LinkTooFarAhead).len(), 1);
    assert_eq!(germany.count(|record| matches!(record, Record::Received(_))), 0);
    germany.wait(MOMENT);
    let asked = Resend::from_payload(&germany.says(ControlType::Resend)[0].payload).unwrap();
    assert_eq!(asked.numbers, [Range { first: 1, last: 1024 }]);
}

#[test]
fn a_number_that_was_voided_is_not_shown_when_it_comes_all_the_same() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let (headers, deliveries) = hong_kong.submit();
    let refusal = HubRefusal { position: 0, recipient: None, rule: "agreement.none".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    let void = hong_kong.says(ControlType::Void)[0].payload.clone();
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Alarmed);
    assert_eq!(germany.count(|record| matches!(record, Record::Received(_))), 0);
    let [evidence] = &germany.evidence(Rule::LinkVoidDelivered)[..] else { panic!("one record") };
    assert!(evidence.exhibits.contains(&deliveries[0].header) && evidence.exhibits.contains(&void));
}

#[test]
fn a_wrap_that_does_not_open_is_asked_for_until_another_comes() {
    let (network, mut hong_kong, mut germany, deliveries) = sent(1);
    let header = sealpost_crypto::digest::sha256(&deliveries[0].header);
    germany.core.unopened(germany.now, &agency("HK-CED"), header);
    germany.wait(MOMENT);
    germany.wait(Duration::from_secs(9));
    assert_eq!(germany.says(ControlType::NeedWrap).len(), 1);
    heard(&mut germany, &mut hong_kong);
    let again = submitted(&network, &mut hong_kong);
    assert_eq!(again[0].header, deliveries[0].header);
    assert!(again[0].wrap != deliveries[0].wrap, "a new wrap");
    germany.receive(&again[0], Priority::Urgent);
    germany.wait(Duration::from_mins(30));
    assert!(germany.says(ControlType::NeedWrap).is_empty());
}

#[test]
fn silence_in_the_middle_of_a_burst_is_an_alarm_and_after_its_end_it_is_not() {
    let (_, mut hong_kong, mut germany, _) = sent(1);
    hong_kong.now = hong_kong.now.plus(Duration::from_millis(10));
    let heads = |hong_kong: &mut Station| {
        let heads = std::mem::take(&mut hong_kong.said);
        heads.into_iter().filter(|said| said.kind == ControlType::Heads).collect::<Vec<_>>()
    };
    hong_kong.wait(MOMENT);
    germany.hear(heads(&mut hong_kong), "HK-CED");
    germany.wait(Duration::from_mins(10));
    assert_eq!(germany.evidence(Rule::HeadsMissing).len(), 0, "that head was marked last");

    // A minute on, while something is being written at that moment.
    hong_kong.wait(Duration::from_mins(1) - Duration::from_millis(500));
    hong_kong.publish(Priority::Urgent);
    hong_kong.wait(Duration::from_millis(500));
    germany.hear(heads(&mut hong_kong), "HK-CED");
    germany.wait(Duration::from_mins(2));
    assert_eq!(germany.evidence(Rule::HeadsMissing).len(), 0);
    germany.wait(Duration::from_mins(2));
    germany.wait(Duration::from_mins(2));
    assert_eq!(germany.evidence(Rule::HeadsMissing).len(), 1, "told once");
}

#[test]
fn a_recipient_that_receipts_nothing_is_an_alarm_once_until_it_does() {
    let (_, mut hong_kong, mut germany, deliveries) = sent(1);
    hong_kong.wait(MOMENT);
    hong_kong.wait(Duration::from_mins(2));
    assert_eq!(hong_kong.evidence(Rule::ReceiptMissing).len(), 0);
    hong_kong.wait(Duration::from_mins(2));
    hong_kong.wait(Duration::from_mins(2));
    assert_eq!(hong_kong.evidence(Rule::ReceiptMissing).len(), 1);
    germany.receive(&deliveries[0], Priority::Urgent);
    receipted(&mut germany, &mut hong_kong);
    hong_kong.wait(Duration::from_mins(10));
    assert_eq!(hong_kong.evidence(Rule::ReceiptMissing).len(), 1);
}

#[test]
fn a_message_that_is_overdue_is_recorded_once_also_after_a_restart() {
    let network = Network::new();
    let [mut hong_kong, _] = network.nodes();
    let mut prepared = hong_kong.prepared(draft(Priority::Urgent), None);
    prepared.parts.act_before = Some(hong_kong.now.plus(Duration::from_hours(1)));
    hong_kong.step(|core, env, round| core.publish(env, round, &prepared)).unwrap();
    submitted(&network, &mut hong_kong);
    hong_kong.wait(Duration::from_hours(1));
    assert_eq!(hong_kong.evidence(Rule::MessageOverdue).len(), 0);
    hong_kong.wait(Duration::from_millis(1));
    assert_eq!(hong_kong.evidence(Rule::MessageOverdue).len(), 1);
    hong_kong.core = hong_kong.restarted();
    hong_kong.wait(Duration::from_secs(1));
    assert_eq!(hong_kong.evidence(Rule::MessageOverdue).len(), 1);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Accepted, "an alarm, never a terminal state");
}
