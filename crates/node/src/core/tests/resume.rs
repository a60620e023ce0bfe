//! Nodes meet again: after a restart, a lost disk, an older copy of a ledger, a hub that was set back.

mod older_copies;
mod receipts;

use sealpost_domain::rule::Rule;
use sealpost_domain::statement::Resume;

use super::*;

/// How long a node waits after it connected before it answers.
const SETTLED: Duration = Duration::from_secs(2);

/// Both nodes connect, and say to each other what is due until neither has more to say.
pub(super) fn meet(hong_kong: &mut Station, germany: &mut Station) {
    let now = hong_kong.now;
    hong_kong.core.connected(now);
    hong_kong.wait(SETTLED);
    meet_again(hong_kong, germany);
}

/// Germany connects, while Hong Kong was connected all the time.
pub(super) fn meet_again(hong_kong: &mut Station, germany: &mut Station) {
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
pub(super) fn deliver_all(network: &Network, hong_kong: &mut Station, germany: &mut Station) -> usize {
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
pub(super) fn delivered(messages: usize) -> (Network, Station, Station) {
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
fn an_answer_that_a_later_receipt_overtook_is_no_loss() {
    let (network, mut hong_kong, mut germany) = delivered(1);
    let now = hong_kong.now;
    hong_kong.core.connected(now);
    hong_kong.wait(SETTLED);
    germany.core.connected(now);
    germany.wait(SETTLED);
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    germany.wait(Duration::from_secs(1));
    let answer = std::mem::take(&mut germany.said);

    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.now = hong_kong.now.plus(Duration::from_secs(5));
    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Recorded);
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 2), DeliveryState::Delivered);
    assert!(answer.iter().any(|said| said.kind == ControlType::Resume));
    hong_kong.hear(answer, "DE-ZKA");
    hong_kong.wait(Duration::from_secs(1));
    assert_eq!(hong_kong.evidence(Rule::PeerLostRecords).len(), 0);
    assert_eq!(hong_kong.submit().0.len(), 0, "nothing goes again");
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
    assert_eq!(cursors.core.outbox.take(Priority::ALL, 1 << 20, u64::MAX).len(), 0);
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

#[test]
fn an_accepted_message_waits_for_the_peers_word_after_a_boot_and_goes_again() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    submitted(&network, &mut hong_kong);
    let mut booted = hong_kong.older_copy(&network, hong_kong.records.len());
    booted.core.await_peers(booted.records.len() as u64);
    booted.wait(Duration::from_hours(2));
    assert_eq!(booted.submit().0.len(), 0);
    germany.now = booted.now;
    meet(&mut booted, &mut germany);
    booted.wait(Duration::from_hours(1));
    assert_eq!(deliver_all(&network, &mut booted, &mut germany), 1);
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
