//! Envelopes that are sound, brought to where they do not belong: each is refused, kept as evidence, and settles nothing.

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::message::Priority;
use sealpost_domain::record::Record;
use sealpost_proto::v1 as pb;

use crate::scene::hub::encoded;
use crate::scene::{DE, HK, LANE, Network, Node, Said, TH, draft};

/// Two messages from Hong Kong to Germany and Thailand, as they would be delivered.
struct Post {
    network: Network,
    hong_kong: Node,
    germany: Node,
    thailand: Node,
    to_germany: [pb::Delivery; 2],
    to_thailand: [pb::Delivery; 2],
}

fn post() -> Post {
    let network = Network::new();
    let [mut hong_kong, germany, thailand] = network.nodes();
    let mut hub = network.hub();
    let mut delivered = |text| {
        let envelope = hong_kong.write(draft(&[DE, TH], text));
        let deliveries = hub.submit(&encoded(&envelope)).unwrap().deliveries;
        [DE, TH].map(|id| {
            let (_, bytes) = deliveries.iter().find(|(recipient, _)| recipient.as_str() == id).unwrap();
            pb::Delivery::decode(bytes.clone()).unwrap()
        })
    };
    let [first, first_thai] = delivered("invented, the first");
    let [second, second_thai] = delivered("invented, the second");
    let (to_germany, to_thailand) = ([first, second], [first_thai, second_thai]);
    Post { network, hong_kong, germany, thailand, to_germany, to_thailand }
}

fn bytes(delivery: &pb::Delivery) -> Bytes {
    delivery.encode_to_vec().into()
}

/// Germany is given this, refuses it by a rule, and records it with the header that was signed. Afterwards the message
/// itself is delivered: the attack has not used up its number.
fn refused(post: &mut Post, attack: &pb::Delivery, lane: Priority, rule: &str) {
    let germany = &mut post.germany;
    assert_eq!(germany.receive(&bytes(attack), lane), Said::Unproven(rule.to_owned()));
    let alarms = germany.alarms();
    let [(recorded, exhibits)] = alarms.as_slice() else { panic!("one alarm is expected: {alarms:?}") };
    assert_eq!(recorded, rule);
    assert_eq!(exhibits[0], attack.header, "the signed header is kept as evidence");
    assert_eq!(exhibits[1], attack.signatures[0].signature, "and its signature");
    let received = |germany: &Node| {
        germany.records().iter().filter(|record| matches!(record, Record::Received(_))).count()
    };
    assert_eq!(received(germany), 0, "nothing is settled");
    for delivery in &post.to_germany {
        assert!(matches!(germany.receive(&bytes(delivery), LANE), Said::Shown(_)));
    }
    assert_eq!(received(germany), 2);
    germany.assert_ledger_sound();
}

#[test]
fn a_wrap_for_another_recipient_is_refused() {
    let mut post = post();
    let mut attack = post.to_germany[0].clone();
    attack.wrap = post.to_thailand[0].wrap.clone();
    refused(&mut post, &attack, LANE, "wrap.recipient");
}

#[test]
fn a_wrap_for_another_recipient_in_the_own_name_is_refused() {
    let mut post = post();
    let mut attack = post.to_germany[0].clone();
    let own = attack.wrap.clone().unwrap();
    let others = post.to_thailand[0].wrap.clone().unwrap();
    attack.wrap = Some(pb::Wrap { recipient: own.recipient, key_id: own.key_id, ..others });
    refused(&mut post, &attack, LANE, "wrap.unopened");
}

#[test]
fn the_wrap_of_another_message_is_refused() {
    let mut post = post();
    let [first, second] = post.to_germany.clone();
    refused(&mut post, &pb::Delivery { wrap: second.wrap, ..first }, LANE, "wrap.unopened");
}

#[test]
fn the_body_of_another_message_is_refused() {
    let mut post = post();
    let [first, second] = post.to_germany.clone();
    refused(&mut post, &pb::Delivery { sealed: second.sealed, ..first }, LANE, "sealed.digest");
}

#[test]
fn a_message_replayed_in_another_lane_is_refused() {
    for lane in [Priority::Flash, Priority::Routine] {
        let mut post = post();
        let attack = post.to_germany[0].clone();
        refused(&mut post, &attack, lane, "lane.wrong");
    }
}

#[test]
fn a_cut_or_lengthened_body_is_refused() {
    for length in [0, 1, 16, 1023, 1024, 1039] {
        let mut post = post();
        let mut attack = post.to_germany[0].clone();
        attack.sealed.truncate(length);
        refused(&mut post, &attack, LANE, "sealed.digest");
    }
    let mut post = post();
    let mut attack = post.to_germany[0].clone();
    attack.sealed = [&attack.sealed[..], &[0]].concat().into();
    refused(&mut post, &attack, LANE, "sealed.digest");
}

/// A message to Germany alone, shown to Thailand: neither as it came, nor with the wrap in Thailand's name.
#[test]
fn a_message_replayed_to_somebody_who_is_not_named_is_refused() {
    let Post { network, mut hong_kong, mut thailand, to_thailand, .. } = post();
    let envelope = hong_kong.write(draft(&[DE], "invented, for Germany alone"));
    let deliveries = network.hub().submit(&encoded(&envelope)).unwrap().deliveries;
    let as_it_came = pb::Delivery::decode(deliveries[0].1.clone()).unwrap();
    let own = to_thailand[0].wrap.clone().unwrap();
    let wrap = as_it_came.wrap.clone().unwrap();
    let renamed = pb::Wrap { recipient: own.recipient, key_id: own.key_id, ..wrap };
    let in_its_name = pb::Delivery { wrap: Some(renamed), ..as_it_came.clone() };
    let expected = Said::Unproven("recipient.not_named".to_owned());
    assert_eq!(thailand.receive(&bytes(&as_it_came), LANE), expected);
    let mut rng = thailand.rng.clone();
    assert_eq!(thailand.judge(&bytes(&in_its_name), &mut rng), expected, "recorded once is enough");
    assert_eq!(thailand.alarms().len(), 1);
    thailand.assert_ledger_sound();

    // Nor does Hong Kong take its own message back.
    let expected = Said::Unproven("recipient.not_named".to_owned());
    assert_eq!(hong_kong.receive(&bytes(&as_it_came), LANE), expected);
    assert_eq!(hong_kong.id().as_str(), HK);
    hong_kong.assert_ledger_sound();
}

/// The hub sees to it first: a wrap for somebody who is no recipient, or a second one, falls there.
#[test]
fn the_hub_refuses_wraps_that_are_nobodys() {
    let Post { network, mut hong_kong, .. } = post();
    let to_germany = hong_kong.write(draft(&[DE], "invented, for Germany alone"));
    let to_thailand = hong_kong.write(draft(&[TH], "invented, for Thailand alone"));
    let refusal = |change: &dyn Fn(&mut Vec<_>)| {
        let mut envelope = to_germany.clone();
        change(&mut envelope.wraps);
        network.hub().submit(&encoded(&envelope)).map(|_| ()).unwrap_err()
    };
    let rule = || crate::scene::hub::Refused::By("wrap.recipient".to_owned());
    assert_eq!(refusal(&|wraps| wraps[0] = to_thailand.wraps[0].clone()), rule());
    assert_eq!(refusal(&|wraps| wraps.push(to_thailand.wraps[0].clone())), rule());
    assert_eq!(refusal(&|wraps| wraps.push(to_germany.wraps[0].clone())), rule());
}
