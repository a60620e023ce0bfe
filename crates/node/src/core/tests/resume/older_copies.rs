//! A sender on an older copy of its ledger: what it is shown, what it gives out, and what it believes of earlier lives.

use sealpost_domain::statement::{Exception, LinkReceipt};

use super::*;

/// Hong Kong with a message that Germany has, how many records it had before it published a second one, which Germany has
/// too, and a copy of it as it was then, which waits for its peers.
fn copied_before_the_second() -> (Network, Station, Station, usize, Station) {
    let (network, mut hong_kong, mut germany) = delivered(1);
    let records = hong_kong.records.len();
    hong_kong.publish(Priority::Urgent);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 1);
    let mut copy = hong_kong.older_copy(&network, records);
    copy.core.await_peers(copy.records.len() as u64);
    (network, hong_kong, germany, records, copy)
}

#[test]
fn a_sender_on_an_older_copy_is_shown_it_and_reuses_no_number() {
    let (network, hong_kong, mut germany, records, mut copy) = copied_before_the_second();
    copy.unproven_from = Some(records as u64);
    copy.publish(Priority::Urgent);
    assert_eq!(copy.submit().0.len(), 0, "Germany was not heard yet");
    meet(&mut copy, &mut germany);
    assert!(copy.core.is_rolled_back());
    assert!(copy.restarted().is_rolled_back(), "also after a crash in that moment");
    assert_eq!(copy.submit().0.len(), 0);
    let [evidence] = &copy.evidence(Rule::LedgerRolledBack)[..] else { panic!("one record") };
    assert_eq!(evidence.exhibits[0], later_header(&hong_kong));

    copy.begin_life(b'h');
    assert!(!copy.core.is_rolled_back());
    let withdrawn = standing(&copy, Priority::Urgent, 2);
    assert_eq!(
        (withdrawn.state, withdrawn.rule.as_deref()),
        (DeliveryState::Withdrawn, Some("ledger.rolled_back"))
    );
    copy.publish(Priority::Urgent);
    meet(&mut copy, &mut germany);
    assert_eq!(deliver_all(&network, &mut copy, &mut germany), 1);
    assert_eq!(copy.core.outbox.outstanding(), 0);
    for station in [&germany, &copy] {
        for rule in [Rule::LinkEquivocation, Rule::ReceiptAhead] {
            let details: Vec<String> =
                station.evidence(rule).into_iter().map(|evidence| evidence.detail).collect();
            assert!(details.is_empty(), "{}: {details:?}", station.core.agency());
        }
    }
}

#[test]
fn a_cosignature_tells_a_peer_that_was_not_heard_nothing_of_what_was_given_out_since() {
    let (_, _, mut germany, _, mut copy) = copied_before_the_second();
    // Number 2 of Germany's link now names two messages, and only one of them was sent.
    copy.publish(Priority::Urgent);
    let heads = heads(&germany, germany.checkpoint_over(germany.records.len()), germany.now);
    copy.hear(vec![germany.claims("HK-CED", ControlType::Heads, &heads)], "DE-ZKA");
    let told = Heads::from_payload(&copy.says(ControlType::Heads)[0].payload).unwrap();
    assert!(!told.cosigned.is_empty());
    assert_eq!(told.links.iter().map(|link| link.head.number).collect::<Vec<_>>(), [1]);
    germany.hear(std::mem::take(&mut copy.said), "HK-CED");
    assert_eq!(germany.evidence(Rule::LinkEquivocation).len(), 0);
}

/// The header of the last message that was sent.
fn later_header(station: &Station) -> Bytes {
    let sent = station.records.iter().rev().find_map(|(_, record, _)| match record {
        Record::Sent(sent) => Some(sent.header.clone()),
        _ => None,
    });
    sent.unwrap()
}

#[test]
fn nobody_can_make_a_node_give_up_its_ledger_without_a_header_of_its_own() {
    let (_, mut hong_kong, mut germany) = delivered(1);
    let now = hong_kong.now;
    hong_kong.core.connected(now);
    hong_kong.wait(Duration::from_secs(1));
    let asked = Resume::from_payload(&hong_kong.says(ControlType::Resume)[0].payload).unwrap();
    let now = germany.now;
    germany.core.connected(now);
    germany.wait(SETTLED);
    germany.said.clear();
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    germany.wait(Duration::from_secs(1));
    let answer = Resume::from_payload(&germany.says(ControlType::Resume)[0].payload).unwrap();
    assert_eq!(answer.answers, asked.greeting);

    let mut claims = answer.clone();
    claims.received[0].head.number = 7;
    let forged = sign(&germany.signing, PayloadType::Resume, claims.to_payload());
    let said = |statement| vec![Outgoing { to: agency("HK-CED"), kind: ControlType::Resume, statement }];
    hong_kong.hear(said(forged), "DE-ZKA");
    assert!(!hong_kong.core.is_rolled_back());
    assert_eq!(hong_kong.evidence(Rule::ResumeAhead).len(), 1);
}

#[test]
fn an_old_answer_opens_nothing() {
    let (network, hong_kong, mut germany) = delivered(1);
    let mut copy = hong_kong.older_copy(&network, hong_kong.records.len());
    copy.core.await_peers(copy.records.len() as u64);
    let now = copy.now;
    copy.core.connected(now);
    copy.wait(Duration::from_secs(1));
    germany.hear(std::mem::take(&mut copy.said), "HK-CED");
    germany.wait(Duration::from_secs(1));
    let old = std::mem::take(&mut germany.said);
    // The node starts again: it greets anew.
    let mut again = copy.older_copy(&network, copy.records.len());
    again.rng = rand::SeedableRng::seed_from_u64(98);
    again.core.await_peers(again.records.len() as u64);
    let now = again.now;
    again.core.connected(now);
    again.wait(Duration::from_secs(1));
    again.publish(Priority::Urgent);
    again.hear(old, "DE-ZKA");
    assert!(!again.core.outbox.is_open_to(&agency("DE-ZKA")));
    assert_eq!(again.submit().0.len(), 0);
    meet(&mut again, &mut germany);
    assert!(again.core.outbox.is_open_to(&agency("DE-ZKA")));
    assert_eq!(deliver_all(&network, &mut again, &mut germany), 1);
}

/// What Hong Kong publishes on an older copy of its ledger whose next life does not know of it, and Germany, which has
/// other messages at those numbers.
fn collided() -> (Network, Station, Station) {
    let (network, mut hong_kong, mut germany) = delivered(2);
    let records = hong_kong.records.len();
    for _ in 0..2 {
        hong_kong.publish(Priority::Urgent);
    }
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 2);
    let mut copy = hong_kong.older_copy(&network, records);
    copy.publish(Priority::Urgent);
    (network, copy, germany)
}

#[test]
fn nothing_counts_as_delivered_that_only_shares_its_number_with_what_was() {
    // It was promised by the hub while Germany was away.
    let (network, mut copy, mut germany) = collided();
    submitted(&network, &mut copy);
    copy.begin_life(b'h');
    meet(&mut copy, &mut germany);
    receipted(&mut germany, &mut copy);
    assert_eq!(state(&copy, 2), DeliveryState::Delivered);
    assert_eq!(state(&copy, 3), DeliveryState::Accepted, "Germany has another message at that number");
    copy.publish(Priority::Urgent);
    deliver_new(&network, &mut copy, &mut germany);
    assert_eq!(state(&copy, 3), DeliveryState::Accepted);
}

#[test]
fn what_was_never_promised_is_given_up_when_an_operator_begins_a_new_life() {
    let (network, mut copy, mut germany) = collided();
    copy.unproven_from = Some(copy.records.len() as u64 - 1);
    copy.begin_life(b'h');
    assert_eq!(state(&copy, 3), DeliveryState::Withdrawn);
    meet(&mut copy, &mut germany);
    copy.publish(Priority::Urgent);
    deliver_new(&network, &mut copy, &mut germany);
    assert_eq!(state(&copy, 3), DeliveryState::Withdrawn);
    assert_eq!(germany.evidence(Rule::LinkEquivocation).len(), 0);
}

/// Hong Kong's first message of its new life arrives, and its receipt is believed.
fn deliver_new(network: &Network, copy: &mut Station, germany: &mut Station) {
    let life = copy.core.incarnation();
    let verified =
        |germany: &mut Station, delivery: &Delivery| match germany.verify(delivery, Priority::Urgent) {
            Verified::Arrived(arrived) => arrived,
            _ => panic!("it verifies"),
        };
    for delivery in submitted(network, copy) {
        let arrived = verified(germany, &delivery);
        if arrived.commitment.position.incarnation == life {
            let judged = germany.step(|core, env, round| core.arrived(env, round, *arrived).unwrap());
            assert_eq!(judged, Judged::Recorded);
        }
    }
    receipted(germany, copy);
    let standing = copy.standing("DE-ZKA", Priority::Urgent, life, 1).unwrap();
    assert_eq!(standing.state, DeliveryState::Delivered);
}

#[test]
fn what_was_delivered_before_a_backup_was_taken_is_known_again_after_it() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    let records = hong_kong.records.len();
    germany.receive(&deliveries[0], Priority::Urgent);
    receipted(&mut germany, &mut hong_kong);
    hong_kong.publish(Priority::Urgent);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 1);
    let mut copy = hong_kong.older_copy(&network, records);
    copy.begin_life(b'h');
    assert_eq!(state(&copy, 2), DeliveryState::Accepted);
    meet(&mut copy, &mut germany);
    receipted(&mut germany, &mut copy);
    assert_eq!(state(&copy, 2), DeliveryState::Delivered, "Germany has that very message");
}

#[test]
fn what_was_excepted_beyond_a_gap_never_looks_delivered_after_a_backup() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    for _ in 0..4 {
        hong_kong.publish(Priority::Urgent);
    }
    // Number 2 is lost on its way, 3 is not what it should be, 4 and 5 are delivered.
    let deliveries = submitted(&network, &mut hong_kong);
    let Verified::Arrived(mut third) = germany.verify(&deliveries[1], Priority::Urgent) else {
        panic!("it verifies")
    };
    third.settlement = Settlement::Excepted(Disposition::Quarantined, "alert.malformed".to_owned());
    germany.step(|core, env, round| core.arrived(env, round, *third).unwrap());
    for delivery in &deliveries[2..] {
        germany.receive(delivery, Priority::Urgent);
    }

    let mut copy = hong_kong.older_copy(&network, hong_kong.records.len());
    copy.begin_life(b'h');
    meet(&mut copy, &mut germany);
    receipted(&mut germany, &mut copy);
    let states = |copy: &Station| [2, 3, 4, 5].map(|number| state(copy, number));
    assert_eq!(
        states(&copy),
        [
            DeliveryState::Accepted,
            DeliveryState::Accepted,
            DeliveryState::Delivered,
            DeliveryState::Delivered
        ],
        "their digests prove the last two"
    );

    // Germany learns that its receipt is held: it tells the exception no more.
    copy.wait(Duration::from_hours(2));
    germany.hear(std::mem::take(&mut copy.said), "HK-CED");
    for delivery in submitted(&network, &mut copy) {
        germany.receive(&delivery, Priority::Urgent);
    }
    germany.receipts();
    let exceptions = germany.says(ControlType::Receipt).into_iter().map(|signed| {
        let receipt = Receipt::from_payload(&signed.payload).unwrap();
        receipt.links.iter().map(|link| link.exceptions.len()).sum::<usize>()
    });
    assert_eq!(exceptions.collect::<Vec<_>>(), [0]);
    receipted(&mut germany, &mut copy);
    assert_eq!(
        states(&copy),
        [
            DeliveryState::Delivered,
            DeliveryState::Quarantined,
            DeliveryState::Delivered,
            DeliveryState::Delivered
        ]
    );
    assert_eq!(copy.core.outbox.outstanding(), 0);
}

#[test]
fn a_peer_cannot_fill_the_ledger_with_ever_other_exceptions_of_an_earlier_life() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    let mut copy = hong_kong.older_copy(&network, hong_kong.records.len());
    copy.begin_life(b'h');
    let before = copy.records.len();
    for number in 10..30 {
        germany.receipts();
        let exception =
            Exception { number: 2, disposition: Disposition::Refused, rule: format!("a.rule.{number}") };
        let receipt = Receipt {
            recipient: agency("DE-ZKA"),
            sender: agency("HK-CED"),
            recipient_incarnation: Incarnation([u8::try_from(number).unwrap(); 16]),
            number,
            made_at: copy.now,
            links: vec![LinkReceipt {
                priority: Priority::Urgent,
                sender_incarnation: HK,
                contiguous: 1,
                chain_digest: sealpost_domain::digest::Digest::ZERO,
                delivered: Vec::new(),
                exceptions: vec![exception],
                read: Vec::new(),
                agreed: None,
                filled: Vec::new(),
            }],
            checkpoint: Bytes::new(),
            directory: network.directory.version,
            cosigned: Bytes::new(),
            builds_on: 0,
        };
        let statement = sign(&germany.signing, PayloadType::Receipt, receipt.to_payload());
        copy.hear(vec![Outgoing { to: agency("HK-CED"), kind: ControlType::Receipt, statement }], "DE-ZKA");
    }
    assert!(copy.records.len() <= before + 1, "{} records", copy.records.len() - before);
}

#[test]
fn a_peer_that_has_something_else_is_not_sent_to_while_nothing_is_proven() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    let records = hong_kong.records.len();
    hong_kong.publish(Priority::Urgent);
    let (headers, _) = hong_kong.submit();
    let refusal = HubRefusal { position: 0, recipient: None, rule: "agreement.none".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    // A void is all that the copy lacks: Germany has no later message of its to show.
    let mut copy = hong_kong.older_copy(&network, records);
    copy.core.await_peers(copy.records.len() as u64);
    copy.publish(Priority::Urgent);
    meet(&mut copy, &mut germany);
    assert_eq!(copy.evidence(Rule::ResumeOtherChain).len(), 1);
    assert_eq!(copy.submit().0.len(), 0);
    assert!(!copy.core.has_heard_all());
}

#[test]
fn a_number_that_was_held_is_told_to_nobody_over_restarts_before_he_said_what_he_has() {
    let (network, hong_kong, mut germany) = delivered(1);
    let records = hong_kong.records.len();
    let mut copy = hong_kong.older_copy(&network, records);
    copy.core.await_peers(records as u64);
    copy.publish(Priority::Urgent);
    copy.core = copy.restarted();
    copy.core.await_peers(records as u64);
    let now = copy.now;
    copy.core.connected(now);
    copy.wait(Duration::from_secs(1));
    let told = |copy: &Station| {
        let resume = Resume::from_payload(&copy.says(ControlType::Resume)[0].payload).unwrap();
        resume.sent.iter().map(|link| link.head.number).collect::<Vec<_>>()
    };
    assert_eq!(told(&copy), [1], "number 2 may have been another message");
    meet(&mut copy, &mut germany);
    assert_eq!(deliver_all(&network, &mut copy, &mut germany), 1);
    copy.said.clear();
    let now = copy.now;
    copy.core.connected(now);
    copy.wait(Duration::from_secs(1));
    assert_eq!(told(&copy), [2]);
}

#[test]
fn nothing_is_proven_before_everyone_of_the_directory_was_heard() {
    let (network, hong_kong, mut germany) = delivered(1);
    let mut copy = hong_kong.older_copy(&network, hong_kong.records.len());
    copy.core.await_peers(copy.records.len() as u64);
    meet(&mut copy, &mut germany);
    assert!(copy.core.outbox.is_open_to(&agency("DE-ZKA")));
    assert!(!copy.core.has_heard_all(), "the copy may lack all that was ever sent to Thailand");
    let mut thailand = Station::new(&network, "TH-TCD");
    thailand.now = copy.now;
    let now = thailand.now;
    thailand.core.connected(now);
    copy.core.connected(now);
    copy.wait(SETTLED);
    thailand.hear(std::mem::take(&mut copy.said), "HK-CED");
    thailand.wait(SETTLED);
    copy.hear(std::mem::take(&mut thailand.said), "TH-TCD");
    assert!(copy.core.outbox.is_open_to(&agency("TH-TCD")));
    assert!(copy.core.has_heard_all());
}

#[test]
fn what_a_peer_has_of_an_earlier_life_is_told_and_closes_nothing() {
    let (network, mut copy, mut germany) = collided();
    copy.publish(Priority::Urgent);
    copy.begin_life(b'h');
    copy.core.await_peers(copy.records.len() as u64);
    meet(&mut copy, &mut germany);
    assert_eq!(copy.evidence(Rule::ResumeOtherChain).len(), 1, "it has others at two numbers of that life");
    assert!(copy.core.outbox.is_open_to(&agency("DE-ZKA")));
    copy.publish(Priority::Urgent);
    deliver_new(&network, &mut copy, &mut germany);
}

#[test]
fn what_was_taken_back_and_had_come_to_its_recipient_all_the_same_is_delivered() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    hong_kong.publish(Priority::Urgent);
    // The hub has it, and its answer does not come.
    let (_, deliveries) = hong_kong.submit();
    let records = hong_kong.records.len();
    let mut copy = hong_kong.older_copy(&network, records);
    copy.unproven_from = Some(records as u64 - 1);
    copy.begin_life(b'h');
    assert_eq!(state(&copy, 2), DeliveryState::Withdrawn);

    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Recorded);
    receipted(&mut germany, &mut copy);
    assert_eq!(state(&copy, 2), DeliveryState::Delivered);
}
