//! Keys that are rotated, or stolen and revoked, while mail is on its way: nothing is lost, and nothing is taken under a dead
//! key.

use std::sync::Arc;

use sealpost_crypto::dsse::{Signer as _, SigningKey};
use sealpost_domain::directory::Directory;
use sealpost_domain::rule::Rule;

use super::*;

/// Hong Kong's next key is listed, and its first one is stolen; and that key.
fn stolen(network: &Network, hong_kong: &Station) -> (Directory, Arc<SigningKey>) {
    let (rotated, next) = Network::rotated("HK-CED", &network.directory);
    (Network::revoked(&hong_kong.signing, &rotated), next)
}

/// Hong Kong's node runs again, with its next key.
fn begins_again(hong_kong: &mut Station, directory: &Directory, key: Arc<SigningKey>) {
    hong_kong.installs(directory);
    hong_kong.signing = key;
    hong_kong.core = hong_kong.restarted();
}

/// Germany is delivered something that proves nothing, and records that.
fn is_not_taken(germany: &mut Station, delivery: &Delivery) {
    match germany.verify(delivery, Priority::Urgent) {
        Verified::Unproven(alarm) => {
            assert_eq!(alarm.rule, Rule::KeyUnknown);
            germany.step(|core, env, round| core.alarm(env, round, *alarm));
        }
        _ => panic!("it is signed by a key that was revoked"),
    }
}

fn received(germany: &Station) -> usize {
    germany.count(|record| matches!(record, Record::Received(_)))
}

fn keys_of(delivery: &Delivery) -> Vec<KeyId> {
    delivery.signatures.iter().map(|signature| signature.key_id).collect()
}

#[test]
fn mail_in_flight_while_a_key_is_rotated_arrives_as_it_was_signed() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    let first = hong_kong.signing.key_id();
    hong_kong.publish(Priority::Urgent);
    let on_its_way = submitted(&network, &mut hong_kong);
    hong_kong.publish(Priority::Urgent);
    let (rotated, next) = Network::rotated("HK-CED", &network.directory);
    let second = next.key_id();
    begins_again(&mut hong_kong, &rotated, next);
    germany.installs(&rotated);
    assert_eq!(germany.receive(&on_its_way[0], Priority::Urgent), Judged::Recorded);
    hong_kong.publish(Priority::Urgent);
    let later = submitted(&network, &mut hong_kong);
    assert_eq!(later.iter().map(keys_of).collect::<Vec<_>>(), [vec![first], vec![second]]);
    for delivery in &later {
        assert_eq!(germany.receive(delivery, Priority::Urgent), Judged::Recorded);
    }
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(hong_kong.core.outbox.outstanding(), 0);
    assert!(germany.evidence(Rule::KeyUnknown).is_empty());
}

#[test]
fn mail_in_flight_when_its_key_is_revoked_goes_again_under_the_next_key_as_the_same_message() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    let dead = hong_kong.signing.key_id();
    hong_kong.publish(Priority::Urgent);
    let delivered = submitted(&network, &mut hong_kong);
    germany.receive(&delivered[0], Priority::Urgent);
    receipted(&mut germany, &mut hong_kong);
    hong_kong.publish(Priority::Urgent);
    let on_its_way = submitted(&network, &mut hong_kong);
    hong_kong.publish(Priority::Urgent);

    let (directory, next) = stolen(&network, &hong_kong);
    let present = next.key_id();
    germany.installs(&directory);
    is_not_taken(&mut germany, &on_its_way[0]);
    assert_eq!((received(&germany), germany.evidence(Rule::KeyUnknown).len()), (1, 1));

    let before: Vec<_> = hong_kong.records.iter().map(|(_, record, _)| record.clone()).collect();
    begins_again(&mut hong_kong, &directory, next);
    let again = submitted(&network, &mut hong_kong);
    assert_eq!(
        again.iter().map(keys_of).collect::<Vec<_>>(),
        [[dead, present]; 2],
        "what is receipted stays"
    );
    assert_eq!(again[0].header, on_its_way[0].header, "number and digest stay");
    let now = hong_kong.records.iter().map(|(_, record, _)| record);
    assert!(before.iter().eq(now.take(before.len())), "the ledger only grew");
    for delivery in &again {
        assert_eq!(germany.receive(delivery, Priority::Urgent), Judged::Recorded);
    }
    let Record::Received(last) = &germany.records.last().unwrap().1 else { panic!("it came last") };
    assert_eq!(last.signatures.iter().map(|signature| signature.key_id).collect::<Vec<_>>(), [present]);
    receipted(&mut germany, &mut hong_kong);
    assert_eq!((received(&germany), hong_kong.core.outbox.outstanding()), (3, 0));
}

#[test]
fn a_node_that_keeps_running_sends_what_was_promised_again_when_its_other_key_is_revoked() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let on_its_way = submitted(&network, &mut hong_kong);
    let (rotated, next) = Network::rotated("HK-CED", &network.directory);
    let first = Arc::clone(&hong_kong.signing);
    begins_again(&mut hong_kong, &rotated, next);
    assert_eq!(hong_kong.submit().0.len(), 0, "it is promised");
    let revoked = Network::revoked(&first, &rotated);
    hong_kong.installs(&revoked);
    germany.installs(&revoked);
    is_not_taken(&mut germany, &on_its_way[0]);
    let again = submitted(&network, &mut hong_kong);
    assert_eq!(germany.receive(&again[0], Priority::Urgent), Judged::Recorded);
    let other = Network::revoked(&germany.signing, &revoked);
    hong_kong.installs(&other);
    assert_eq!(hong_kong.submit().0.len(), 0, "another agency's key is none of ours");
}

#[test]
fn a_hub_that_knows_first_of_a_revocation_refuses_and_nothing_is_given_up() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let (headers, _) = hong_kong.submit();
    let refusal = HubRefusal { position: 0, recipient: None, rule: "key.unknown".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Published);
    assert!(hong_kong.says(ControlType::Void).is_empty(), "its number is not filled");

    let (directory, next) = stolen(&network, &hong_kong);
    germany.installs(&directory);
    begins_again(&mut hong_kong, &directory, next);
    let deliveries = submitted(&network, &mut hong_kong);
    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Recorded);
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
}

#[test]
fn what_was_verified_under_one_directory_is_not_recorded_under_the_next() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    let Verified::Arrived(arrived) = germany.verify(&deliveries[0], Priority::Urgent) else {
        panic!("the key is still believed")
    };
    let (directory, _) = stolen(&network, &hong_kong);
    germany.installs(&directory);
    assert_eq!(
        germany.step(|core, env, round| core.arrived(env, round, *arrived).unwrap()),
        Judged::Outdated
    );
    assert_eq!(received(&germany), 0);
    is_not_taken(&mut germany, &deliveries[0]);
    assert_eq!((received(&germany), germany.evidence(Rule::KeyUnknown).len()), (0, 1));
}

#[test]
fn what_was_verified_under_an_agreement_is_not_delivered_once_that_has_ended() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    let Verified::Arrived(arrived) = germany.verify(&deliveries[0], Priority::Urgent) else {
        panic!("the agreement still stands")
    };
    let (mut denounced, _) = Network::rotated("DE-ZKA", &network.directory);
    denounced.agreements.clear();
    germany.installs(&denounced);
    assert_eq!(
        germany.step(|core, env, round| core.arrived(env, round, *arrived).unwrap()),
        Judged::Outdated
    );
    assert_eq!(germany.receive(&deliveries[0], Priority::Urgent), Judged::Recorded);
    let Record::Received(last) = &germany.records.last().unwrap().1 else { panic!("it came last") };
    let refused = Settlement::Excepted(Disposition::Refused, "agreement.unknown".to_owned());
    assert_eq!(last.settlement, refused);
}

#[test]
fn a_statement_that_was_verified_before_a_revocation_changes_nothing_after_it_and_is_recorded() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    germany.receipts();
    let said = germany.said.pop().unwrap();
    let receipt = crate::core::Said::Receipt(Receipt::from_payload(&said.statement.payload).unwrap());
    hong_kong.installs(&Network::revoked(&germany.signing, &network.directory));
    hong_kong.step(|core, env, round| core.hear(env, round, &said.statement, &receipt)).unwrap();
    assert_eq!(state(&hong_kong, 1), DeliveryState::Accepted);
    assert_eq!(hong_kong.count(|record| matches!(record, Record::ReceiptReceived(_))), 0);
    assert_eq!(hong_kong.evidence(Rule::KeyUnknown).len(), 1);
}

#[test]
fn a_receipt_that_is_repeated_is_signed_by_the_key_of_now() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    germany.receipts();
    let lost = germany.said.pop().unwrap();
    let (rotated, next) = Network::rotated("DE-ZKA", &network.directory);
    let directory = Network::revoked(&germany.signing, &rotated);
    hong_kong.installs(&directory);
    germany.installs(&directory);
    germany.signing = next;
    germany.core = germany.restarted();
    germany.core.inbox.repeat_unconfirmed();
    germany.receipts();
    assert_eq!(germany.said[0].statement.payload, lost.statement.payload);
    receipted(&mut germany, &mut hong_kong);
    assert_eq!(state(&hong_kong, 1), DeliveryState::Delivered);
}

#[test]
fn a_void_that_is_told_again_is_signed_by_the_key_of_now() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    hong_kong.publish(Priority::Urgent);
    let (headers, _) = hong_kong.submit();
    let refusal = HubRefusal { position: 0, recipient: None, rule: "agreement.none".into() };
    let accepted = network.accept(&agency("HK-CED"), HUB, &headers, vec![refusal]);
    hong_kong.hear_hub(&accepted, &headers);
    hong_kong.said.clear();
    let (directory, next) = stolen(&network, &hong_kong);
    germany.installs(&directory);
    begins_again(&mut hong_kong, &directory, next);
    hong_kong.publish(Priority::Urgent);
    let deliveries = submitted(&network, &mut hong_kong);
    germany.receive(&deliveries[0], Priority::Urgent);
    hong_kong.wait(Duration::from_mins(1));
    germany.hear(std::mem::take(&mut hong_kong.said), "HK-CED");
    let position = Position { incarnation: HK, number: 2 };
    assert!(!germany.core.inbox.has_gap_before(&agency("HK-CED"), Priority::Urgent, position));
}
