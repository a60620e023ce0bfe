use rand_chacha::ChaCha20Rng;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::PayloadType;
use sealpost_crypto::seal::seal_content;
use sealpost_crypto::wrap::SealingPublicKey;
use sealpost_domain::directory::ApprovalRule;
use sealpost_domain::instant::Period;
use sealpost_domain::message::Kind;
use sealpost_domain::statement::Receipt;
use sealpost_wire::hub::Control;
use sealpost_wire::statement::Payload as _;

use super::*;
use crate::core::outbox::Prepared;
use crate::fixture::{HUB, NOW, Network, Station, agency, draft, sign};
use statements::Fault;

const LANE: Priority = Priority::Urgent;

/// A message from Hong Kong to Germany that its sender has changed before it was signed.
fn sent(change: impl FnOnce(&mut Prepared, &mut ChaCha20Rng)) -> (Network, [Station; 2], Delivery) {
    let network = Network::new();
    let [mut hong_kong, germany] = network.nodes();
    let mut prepared = hong_kong.prepared(draft(LANE), None);
    change(&mut prepared, &mut hong_kong.rng);
    hong_kong.step(|core, env, round| core.publish(env, round, &prepared).unwrap());
    let delivery = hong_kong.submit().1.remove(0);
    (network, [hong_kong, germany], delivery)
}

/// Why nothing is proven about a delivery that was changed on its way.
fn unproven(change: impl FnOnce(&mut Delivery, &Network)) -> &'static str {
    let (network, [_, mut germany], mut delivery) = sent(|_, _| {});
    change(&mut delivery, &network);
    match germany.verify(&delivery, LANE) {
        Verified::Unproven(alarm) => alarm.rule.as_str(),
        Verified::Unopened(unopened) => unopened.alarm.rule.as_str(),
        _ => "proven",
    }
}

/// How a message settles that its sender has changed before it was signed.
fn settlement(change: impl FnOnce(&mut Prepared, &mut ChaCha20Rng)) -> Settlement {
    let (_, [_, mut germany], delivery) = sent(change);
    match germany.verify(&delivery, LANE) {
        Verified::Arrived(arrived) => arrived.settlement,
        _ => panic!("its position is proven"),
    }
}

fn quarantined(rule: &str) -> Settlement {
    Settlement::Excepted(Disposition::Quarantined, rule.to_owned())
}

fn refused(rule: &str) -> Settlement {
    Settlement::Excepted(Disposition::Refused, rule.to_owned())
}

fn flip(bytes: &Bytes, index: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[index] ^= 1;
    bytes.into()
}

#[test]
fn an_untouched_message_is_delivered_under_our_own_bucket_key() {
    let (_, [_, mut germany], delivery) = sent(|_, _| {});
    let Verified::Arrived(arrived) = germany.verify(&delivery, LANE) else { panic!("it verifies") };
    assert_eq!(arrived.settlement, Settlement::Delivered);
    assert_eq!(arrived.commitment.position.number, 1);
    let body = arrived.body.unwrap();
    assert_eq!((&body.sealed, &body.bucket[..]), (&delivery.sealed, &b"message.2026-12"[..]));
}

#[test]
fn every_flipped_byte_of_header_signature_and_wrap_is_noticed() {
    let (_, [_, mut germany], delivery) = sent(|_, _| {});
    let mut rule_of = |changed: Delivery| match germany.verify(&changed, LANE) {
        Verified::Unproven(alarm) => alarm.rule.as_str(),
        Verified::Unopened(unopened) => unopened.alarm.rule.as_str(),
        _ => "proven",
    };
    for index in 0..delivery.header.len() {
        let header = flip(&delivery.header, index);
        assert_eq!(rule_of(Delivery { header, ..delivery.clone() }), "signature.invalid", "header {index}");
    }
    for index in 0..64 {
        let mut changed = delivery.clone();
        changed.signatures[0].bytes = flip(&changed.signatures[0].bytes, index);
        assert_eq!(rule_of(changed), "signature.invalid", "signature {index}");
    }
    for index in 0..delivery.wrap.ciphertext.len() {
        let mut changed = delivery.clone();
        changed.wrap.ciphertext = flip(&changed.wrap.ciphertext, index);
        assert_eq!(rule_of(changed), "wrap.unopened", "wrap {index}");
    }
}

#[test]
fn what_was_changed_on_the_way_settles_nothing() {
    assert_eq!(unproven(|delivery, _| delivery.sealed = flip(&delivery.sealed, 5)), "sealed.digest");
    assert_eq!(unproven(|delivery, _| delivery.signatures.clear()), "key.unknown");
    let stranger = |delivery: &mut Delivery, network: &Network| {
        let signed = sign(&network.hub, PayloadType::Header, delivery.header.clone());
        delivery.signatures = signed.signatures;
    };
    assert_eq!(unproven(stranger), "key.unknown");
    let other_agency = |delivery: &mut Delivery, network: &Network| {
        let [_, germany] = network.nodes();
        let signed = sign(&germany.signing, PayloadType::Header, delivery.header.clone());
        delivery.signatures = signed.signatures;
    };
    assert_eq!(unproven(other_agency), "sender.forged");
    assert_eq!(unproven(|delivery, _| delivery.wrap.recipient = agency("HK-CED")), "wrap.recipient");
}

#[test]
fn what_is_not_proven_is_held_against_nobody_whom_it_names() {
    let (_, [_, mut germany], mut delivery) = sent(|_, _| {});
    delivery.signatures.clear();
    let Verified::Unproven(alarm) = germany.verify(&delivery, LANE) else { panic!("nobody signed it") };
    assert_eq!(alarm.peer, None);
    assert!(alarm.detail.contains("claims to be from HK-CED"), "{}", alarm.detail);
    assert_eq!(alarm.exhibits, [delivery.header]);
}

#[test]
fn a_message_in_another_lane_or_for_others_is_not_taken() {
    let (_, [mut hong_kong, mut germany], delivery) = sent(|_, _| {});
    let rule_at = |station: &mut Station, lane| match station.verify(&delivery, lane) {
        Verified::Unproven(alarm) => alarm.rule.as_str(),
        Verified::Unopened(unopened) => unopened.alarm.rule.as_str(),
        _ => "proven",
    };
    assert_eq!(rule_at(&mut germany, Priority::Flash), "lane.wrong");
    assert_eq!(rule_at(&mut hong_kong, LANE), "recipient.not_named");
}

#[test]
fn a_wrap_that_names_another_position_than_the_header_proves_none() {
    let (network, [mut hong_kong, mut germany], mut delivery) = sent(|_, _| {});
    let header = header_from_bytes(&delivery.header).unwrap();
    let Verified::Arrived(arrived) = germany.verify(&delivery, LANE) else { panic!("it verifies") };
    let mut commitment = arrived.commitment;
    commitment.position.number = 2;
    let content = WrapContent { content_key: [1; 32].into(), commitment };
    let recipient = agency("DE-ZKA");
    let key = &network.directory.agencies[&recipient].sealing_keys[0].key;
    let context = WrapContext {
        message_id: header.id.as_bytes(),
        sender: &header.sender,
        recipient: &recipient,
        header_digest: &sha256(&delivery.header),
    };
    let key = SealingPublicKey::from_bytes(&key.bytes).unwrap();
    let wrapped = wrap::wrap(&mut hong_kong.rng, &key, &context, &content.to_bytes()).unwrap();
    delivery.wrap.encapsulated_key = wrapped.encapsulated.into();
    delivery.wrap.ciphertext = wrapped.ciphertext.into();
    let Verified::Unopened(unopened) = germany.verify(&delivery, LANE) else {
        panic!("no position is proven")
    };
    assert_eq!(unopened.alarm.rule, "link.commitment");
    assert_eq!((unopened.sender, unopened.header), (agency("HK-CED"), sha256(&delivery.header)));
}

#[test]
fn what_its_sender_made_wrong_is_quarantined_by_its_rule() {
    let wrong = Digest::new([1; 32]);
    assert_eq!(settlement(|prepared, _| prepared.key_commitment = wrong), quarantined("key.commitment"));
    assert_eq!(settlement(|prepared, _| prepared.plaintext_digest = wrong), quarantined("plaintext.digest"));
    let other_kind = settlement(|prepared, _| prepared.parts.kind = Kind::Outcome);
    assert_eq!(other_kind, quarantined("alert.contradicts_header"));
    let unreadable = settlement(|prepared, rng| {
        let sealed = seal_content(rng, b"\xff\xff\xff").unwrap();
        prepared.sealed = sealed.bytes.into();
        prepared.sealed_digest = sealed.digest;
        prepared.key_commitment = sealed.key_commitment;
        prepared.content_key = sealed.key;
    });
    assert_eq!(unreadable, quarantined("content.malformed"));
    let two_keys = settlement(|prepared, rng| {
        // One ciphertext, committed to under a key that does not open it.
        prepared.content_key = ContentKey::generate(rng);
        prepared.key_commitment = prepared.content_key.commitment();
    });
    assert_eq!(two_keys, quarantined("sealed.unopened"));
}

#[test]
fn what_is_not_allowed_here_is_refused_by_its_rule() {
    let (_, [_, mut germany], delivery) = sent(|_, _| {});
    let mut settled = |change: &dyn Fn(&mut Directory)| {
        let unchanged = germany.directory.clone();
        change(&mut germany.directory);
        let verified = germany.verify(&delivery, LANE);
        germany.directory = unchanged;
        match verified {
            Verified::Arrived(arrived) => arrived.settlement,
            _ => panic!("its position is proven"),
        }
    };
    let ended = Period { from: Instant::from_millis(0), until: Some(Instant::from_millis(1)) };
    assert_eq!(settled(&|directory| directory.agreements.clear()), refused("agreement.unknown"));
    assert_eq!(settled(&|directory| directory.agreements[0].period = ended), refused("agreement.none"));
    let short = Duration::from_secs(1);
    let kept_too_long = settled(&|directory| directory.agreements[0].retention_max = short);
    assert_eq!(kept_too_long, refused("agreement.retention"));
    let needs_approval = settled(&|directory| {
        let rule = ApprovalRule { kinds: Vec::new(), tlp: Vec::new(), approvals: 1 };
        directory.agencies.get_mut(&agency("HK-CED")).unwrap().approval_rules.push(rule);
    });
    assert_eq!(needs_approval, refused("approval.missing"));
}

#[test]
fn what_a_later_directory_may_allow_is_settled_by_none_before_it() {
    let (_, [_, mut germany], delivery) = sent(|_, _| {});
    let listed = germany.directory.clone();
    let mut before = |change: &dyn Fn(&mut Directory)| {
        germany.directory = listed.clone();
        germany.directory.version.version -= 1;
        change(&mut germany.directory);
        match germany.verify(&delivery, LANE) {
            Verified::Early(alarm) => alarm.rule,
            Verified::Arrived(arrived) => panic!("it is settled: {:?}", arrived.settlement),
            _ => panic!("its position is proven"),
        }
    };
    let hong_kong = agency("HK-CED");
    assert_eq!(before(&|directory| directory.agreements.clear()), Rule::AgreementUnknown);
    let short = Duration::from_secs(1);
    let kept_too_long = before(&|directory| directory.agreements[0].retention_max = short);
    assert_eq!(kept_too_long, Rule::AgreementRetention);
    let needs_approval = before(&|directory| {
        let rule = ApprovalRule { kinds: Vec::new(), tlp: Vec::new(), approvals: 1 };
        directory.agencies.get_mut(&hong_kong).unwrap().approval_rules.push(rule);
    });
    assert_eq!(needs_approval, Rule::ApprovalMissing);
    let unlisted = before(&|directory| drop(directory.agencies.remove(&hong_kong)));
    assert_eq!(unlisted, Rule::KeyUnknown);
    germany.directory = listed.clone();
    germany.directory.version.version -= 1;
    germany.directory.agreements.clear();
    for elsewhen in [NOW.plus(EARLY_MAX).plus(Duration::from_secs(1)), NOW.minus(Duration::from_hours(1))] {
        germany.now = elsewhen;
        let Verified::Arrived(never) = germany.verify(&delivery, LANE) else { panic!("it is settled") };
        assert_eq!(
            never.settlement,
            refused("agreement.unknown"),
            "a version that does not come excuses nothing"
        );
    }
    germany.directory.agreements = listed.agreements.clone();
    germany.now = "2026-12-31".parse::<Date>().unwrap().ends_at();
    let Verified::Arrived(over) = germany.verify(&delivery, LANE) else { panic!("it is settled") };
    assert_eq!(over.settlement, refused("retention.over"), "no directory changes that");
    germany.now = NOW;
    germany.directory = listed;
    let Verified::Arrived(arrived) = germany.verify(&delivery, LANE) else { panic!("it verifies") };
    assert_eq!(arrived.settlement, Settlement::Delivered);
}

#[test]
fn a_receipt_is_believed_only_from_the_agency_that_it_names_and_for_us() {
    let (network, [hong_kong, mut germany], delivery) = sent(|_, _| {});
    germany.receive(&delivery, LANE);
    germany.receipts();
    let said = germany.said.remove(0);
    let control = |statement, me: &str| {
        let frame = Control { from: agency("DE-ZKA"), to: agency("HK-CED"), kind: said.kind, statement };
        statements::control(&frame, &agency(me), &network.directory, NOW).map(drop)
    };
    assert_eq!(control(said.statement.clone(), "HK-CED"), Ok(()));
    assert_eq!(control(said.statement.clone(), "DE-ZKA"), Err(Fault::NotForUs { to: agency("HK-CED") }));
    let receipt = Receipt::from_payload(&said.statement.payload).unwrap();
    let forged = sign(&hong_kong.signing, PayloadType::Receipt, receipt.to_payload());
    let expected = Fault::Forged { claimed: agency("DE-ZKA"), signer: agency("HK-CED") };
    assert_eq!(control(forged, "HK-CED"), Err(expected));
    let as_heads = sign(&germany.signing, PayloadType::Heads, receipt.to_payload());
    assert!(matches!(control(as_heads, "HK-CED"), Err(Fault::Signature { .. })));
}

#[test]
fn a_promise_of_the_hub_is_believed_only_for_the_batch_that_it_names() {
    let network = Network::new();
    let hong_kong = agency("HK-CED");
    let headers = [Digest::new([1; 32]), Digest::new([2; 32])];
    let statement = network.accept(&hong_kong, HUB, &headers, Vec::new());
    let judge = |statement, headers: &[Digest]| {
        statements::accepted(statement, &hong_kong, headers, &network.directory)
            .map(|accepted| accepted.count)
    };
    assert_eq!(judge(&statement, &headers), Ok(2));
    assert_eq!(judge(&statement, &headers[..1]), Err(Fault::OtherBatch));
    let [other, _] = network.nodes();
    let by_an_agency = sign(&other.signing, PayloadType::Accepted, statement.payload.clone());
    assert!(matches!(judge(&by_an_agency, &headers), Err(Fault::UnknownKey { .. })));
}
