//! Nodes meet again: after a restart, a lost disk, an older copy of a ledger, a hub that was set back.

use sealpost_domain::rule::Rule;
use sealpost_domain::statement::Resume;

use super::*;

/// How long a node waits after it connected before it answers.
const SETTLED: Duration = Duration::from_secs(2);

/// Both nodes connect, and say to each other what is due until neither has more to say.
fn meet(hong_kong: &mut Station, germany: &mut Station) {
    let now = hong_kong.now;
    hong_kong.core.connected(now);
    hong_kong.wait(SETTLED);
    meet_again(hong_kong, germany);
}

/// Germany connects, while Hong Kong was connected all the time.
fn meet_again(hong_kong: &mut Station, germany: &mut Station) {
    let now = germany.now;
    germany.core.connected(now);
    germany.wait(SETTLED);
    for _ in 0..8 {
        let (from_hong_kong, from_germany) =
            (std::mem::take(&mut hong_kong.said), std::mem::take(&mut germany.said));
        let nothing = |said: &[Outgoing]| said.iter().all(|said| said.kind != ControlType::Resume);
        if nothing(&from_hong_kong) && nothing(&from_germany) {
            hong_kong.said = from_hong_kong;
            germany.said = from_germany;
            return;
        }
        germany.hear(from_hong_kong, "HK-CED");
        hong_kong.hear(from_germany, "DE-ZKA");
        hong_kong.wait(Duration::from_secs(1));
        germany.wait(Duration::from_secs(1));
    }
    panic!("they never come to an end");
}

/// Delivers everything that Hong Kong has to send, until it has nothing more; how many messages were new.
fn deliver_all(network: &Network, hong_kong: &mut Station, germany: &mut Station) -> usize {
    let mut recorded = 0;
    loop {
        hong_kong.wait(Duration::from_millis(1));
        let deliveries = submitted(network, hong_kong);
        if deliveries.is_empty() {
            return recorded;
        }
        for delivery in deliveries {
            recorded += usize::from(germany.receive(&delivery, Priority::Urgent) == Judged::Recorded);
        }
        germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
        receipted(germany, hong_kong);
    }
}

/// A network on which so many messages went from Hong Kong to Germany.
fn delivered(messages: usize) -> (Network, Station, Station) {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for _ in 0..messages {
        hong_kong.publish(Priority::Urgent);
    }
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), messages);
    hong_kong.said.clear();
    (network, hong_kong, germany)
}

#[test]
fn two_nodes_that_meet_fall_silent_when_all_is_said() {
    let (_, mut hong_kong, mut germany) = delivered(2);
    meet(&mut hong_kong, &mut germany);
    for station in [&hong_kong, &germany] {
        assert_eq!(station.count(|record| matches!(record, Record::Security { .. })), 0);
    }
    hong_kong.said.clear();
    hong_kong.wait(Duration::from_mins(5));
    let again: Vec<&str> = hong_kong.said.iter().map(|said| said.to.as_str()).collect();
    assert_eq!(again, ["TH-TCD"], "who did not answer is greeted again, nobody else");
}

#[test]
fn a_recipient_that_lost_its_disk_gets_all_again() {
    let (network, mut hong_kong, before) = delivered(600);
    let mut germany = Station::living_as(&network, "DE-ZKA", 2);
    germany.now = before.now;
    meet_again(&mut hong_kong, &mut germany);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 600);
    assert_eq!(hong_kong.evidence(Rule::PeerLostRecords).len(), 1);
    for number in [1, 300, 600] {
        assert_eq!(state(&hong_kong, number), DeliveryState::Delivered);
    }
    meet(&mut hong_kong, &mut germany);
    assert_eq!(hong_kong.submit().0.len(), 0, "nothing more is on its way");
    assert_eq!(hong_kong.evidence(Rule::PeerLostRecords).len(), 1);
}

#[test]
fn a_recipient_on_an_older_copy_gets_what_it_lost_and_a_void_stays_a_void() {
    let (network, mut hong_kong, mut germany) = delivered(2);
    let records = germany.records.len();
    hong_kong.publish(Priority::Urgent);
    let (headers, _) = hong_kong.submit();
    let refusal = HubRefusal { position: 0, recipient: None, rule: "agreement.none".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    hong_kong.publish(Priority::Urgent);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 1);
    assert_eq!(hong_kong.core.outbox.outstanding(), 0);

    let mut copy = germany.older_copy(&network, records);
    copy.begin_life(3);
    meet(&mut hong_kong, &mut copy);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut copy), 1);
    assert_eq!(copy.count(|record| matches!(record, Record::Voided(_))), 1);
    assert_eq!(state(&hong_kong, 3), DeliveryState::Refused);
    assert!(copy.core.inbox.missing().is_empty());
}

#[test]
fn a_sender_on_an_older_copy_is_shown_it_and_reuses_no_number() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    let records = hong_kong.records.len();
    hong_kong.publish(Priority::Urgent);
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 1);

    let mut copy = hong_kong.older_copy(&network, records);
    copy.core.await_peers();
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
    copy.core.await_peers();
    let now = copy.now;
    copy.core.connected(now);
    copy.wait(Duration::from_secs(1));
    germany.hear(std::mem::take(&mut copy.said), "HK-CED");
    germany.wait(Duration::from_secs(1));
    let old = std::mem::take(&mut germany.said);
    // The node starts again: it greets anew.
    let mut again = copy.older_copy(&network, copy.records.len());
    again.rng = rand::SeedableRng::seed_from_u64(98);
    again.core.await_peers();
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

#[test]
fn an_answer_from_before_a_loss_makes_nobody_send_again() {
    let (_, mut hong_kong, mut germany) = delivered(3);
    meet(&mut hong_kong, &mut germany);
    let old = Resume {
        from: agency("DE-ZKA"),
        to: agency("HK-CED"),
        incarnation: germany.core.incarnation(),
        sent: Vec::new(),
        received: Vec::new(),
        made_at: germany.now,
        greeting: None,
        answers: None,
        returned: Vec::new(),
    };
    let statement = sign(&germany.signing, PayloadType::Resume, old.to_payload());
    hong_kong.hear(vec![Outgoing { to: agency("HK-CED"), kind: ControlType::Resume, statement }], "DE-ZKA");
    hong_kong.wait(Duration::from_secs(1));
    assert_eq!(hong_kong.submit().0.len(), 0);
    assert_eq!(hong_kong.evidence(Rule::PeerLostRecords).len(), 0);
}

#[test]
fn a_hub_that_was_set_back_gets_again_what_it_had_promised() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    network.promises.set(40);
    for _ in 0..3 {
        hong_kong.publish(Priority::Urgent);
        submitted(&network, &mut hong_kong);
    }
    assert_eq!(hong_kong.submit().0.len(), 0);
    // An older copy of its journal: the next promise has an index that was given out before.
    network.promises.set(41);
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    let [evidence] = &hong_kong.evidence(Rule::HubRolledBack)[..] else { panic!("one record") };
    assert_eq!(evidence.exhibits.len(), 4, "both promises with their signatures");
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 3);
}

#[test]
fn a_hub_that_does_not_know_a_cursor_is_told_everything_again() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    germany.step(|core, env, round| core.hub_reset(env, round, Incarnation([9; 16])));
    assert_eq!(
        germany.evidence(Rule::HubRolledBack).len(),
        0,
        "another life: it lost its disk, which is known"
    );
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    germany.step(|core, env, round| core.hub_reset(env, round, HUB));
    germany.step(|core, env, round| core.hub_reset(env, round, HUB));
    assert_eq!(germany.evidence(Rule::HubRolledBack).len(), 1);
    germany.wait(Duration::from_secs(1));
    assert!(!germany.says(ControlType::Resume).is_empty(), "its peers are asked what they sent");
    // The sender has a cursor as well, where it receives: what was promised goes out again.
    let mut cursors = hong_kong.older_copy(&network, hong_kong.records.len());
    assert_eq!(cursors.core.outbox.take(Priority::ALL, 1 << 20).len(), 0);
}

#[test]
fn what_was_delivered_stays_so_where_the_hub_refuses_to_carry_it_again() {
    let (network, mut hong_kong, before) = delivered(1);
    let mut germany = Station::living_as(&network, "DE-ZKA", 2);
    germany.now = before.now;
    meet_again(&mut hong_kong, &mut germany);
    hong_kong.wait(Duration::from_millis(1));
    let (headers, _) = hong_kong.submit();
    assert_eq!(headers.len(), 1);
    let refusal = HubRefusal { position: 0, recipient: None, rule: "agreement.none".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
    assert_eq!(hong_kong.says(ControlType::Void).len(), 1, "the link goes on without it");
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
    hong_kong.wait(Duration::from_hours(2));
    assert_eq!(hong_kong.submit().0.len(), 0, "it is not tried for ever");
}

#[test]
fn what_was_asked_for_and_came_by_itself_is_not_sent_for_ever() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    for _ in 0..2 {
        hong_kong.publish(Priority::Urgent);
    }
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[1], Priority::Urgent);
    germany.wait(Duration::from_secs(2));
    let ask = germany.said.iter().find(|said| said.kind == ControlType::Resend).cloned().unwrap();
    germany.said.clear();
    // It comes, and is receipted, before the request for it is heard.
    germany.receive(&deliveries[0], Priority::Urgent);
    receipted(&mut germany, &mut hong_kong);
    hong_kong.hear(vec![ask], "DE-ZKA");
    let again = submitted(&network, &mut hong_kong);
    assert_eq!(germany.receive(&again[0], Priority::Urgent), Judged::Duplicate);
    receipted(&mut germany, &mut hong_kong);
    hong_kong.wait(Duration::from_hours(2));
    assert_eq!(hong_kong.submit().0.len(), 0);
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
            let judged = germany.step(|core, env, round| core.arrived(env, round, *arrived));
            assert_eq!(judged, Judged::Recorded);
        }
    }
    receipted(germany, copy);
    let standing = copy.core.outbox.standing(&agency("DE-ZKA"), Priority::Urgent, life, 1).unwrap();
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
fn an_accepted_message_waits_for_the_peers_word_after_a_boot_and_goes_again() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    let mut booted = hong_kong.older_copy(&network, hong_kong.records.len());
    booted.core.await_peers();
    booted.wait(Duration::from_hours(2));
    assert_eq!(booted.submit().0.len(), 0);
    germany.now = booted.now;
    meet(&mut booted, &mut germany);
    assert_eq!(deliver_all(&network, &mut booted, &mut germany), 1);
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
    copy.core.await_peers();
    copy.publish(Priority::Urgent);
    meet(&mut copy, &mut germany);
    assert_eq!(copy.evidence(Rule::ResumeOtherChain).len(), 1);
    assert_eq!(copy.submit().0.len(), 0);
    assert!(!copy.core.has_heard_all());
}

#[test]
fn a_peer_that_meets_again_while_it_is_refilled_gets_each_message_once_and_no_more() {
    let (network, mut hong_kong, before) = delivered(20);
    let mut germany = Station::living_as(&network, "DE-ZKA", 2);
    germany.now = before.now;
    for _ in 0..3 {
        meet_again(&mut hong_kong, &mut germany);
        hong_kong.wait(Duration::from_millis(1));
    }
    assert_eq!(deliver_all(&network, &mut hong_kong, &mut germany), 20);
    hong_kong.wait(Duration::from_hours(2));
    assert_eq!(hong_kong.submit().0.len(), 0);
}
