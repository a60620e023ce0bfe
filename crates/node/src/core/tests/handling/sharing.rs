//! Onward sharing: with the originator's permission, and not without.

use sealpost_crypto::dsse::PayloadType;
use sealpost_domain::directory::{Revocation, RevocationReason};
use sealpost_domain::envelope::Signature;
use sealpost_domain::rule::Rule;
use sealpost_wire::alert::alert_from_bytes;
use sealpost_wire::envelope::header_to_bytes;

use super::*;
use crate::fixture::sign;

#[test]
fn a_forward_goes_on_with_its_originators_permission_and_not_without() {
    let (_, [mut hong_kong, mut germany, mut thailand], header) = scene();
    let enclosed = enclose(&germany, header.id);
    assert_eq!(refused(&mut germany, forward("TH-TCD", &enclosed, None)), ["forward.no_grant"]);

    let (grant, deliveries) = send(&mut hong_kong, permission("DE-ZKA", header.id, &["TH-TCD"], "seizure"));
    assert_eq!(receive(&mut germany, &deliveries), Settlement::Delivered);
    let grant = (grant.id, enclose(&germany, grant.id));
    let draft = forward("TH-TCD", &enclosed, Some((grant.0, &grant.1)));
    let (_, deliveries) = send(&mut germany, draft);
    assert_eq!(receive(&mut thailand, &deliveries), Settlement::Delivered);
    assert_eq!(alarms(&thailand), Vec::<String>::new());

    // The grant of another purpose is not one.
    let (other, deliveries) =
        send(&mut hong_kong, permission("DE-ZKA", header.id, &["TH-TCD"], "statistics"));
    assert_eq!(receive(&mut germany, &deliveries), Settlement::Delivered);
    let other = (other.id, enclose(&germany, other.id));
    let draft = forward("TH-TCD", &enclosed, Some((other.0, &other.1)));
    assert_eq!(refused(&mut germany, draft), ["grant.other_purpose"]);

    // Back to its originator it needs none.
    let (_, deliveries) = send(&mut germany, forward("HK-CED", &enclosed, None));
    assert_eq!(receive(&mut hong_kong, &deliveries), Settlement::Delivered);
}

#[test]
fn a_forward_that_its_senders_node_let_pass_is_quarantined_with_a_security_event() {
    let (_, [mut hong_kong, mut germany, mut thailand], header) = scene();
    let enclosed = enclose(&germany, header.id);
    let without = forward("TH-TCD", &enclosed, None);
    let (_, deliveries) = dishonest(&mut germany, request(&["TH-TCD"]), &without);
    assert_eq!(receive(&mut thailand, &deliveries), quarantined("forward.no_grant"));
    assert_eq!(alarms(&thailand), ["forward.no_grant"]);

    // A grant for somebody else, with its id or with the id of another.
    let (grant, deliveries) = send(&mut hong_kong, permission("DE-ZKA", header.id, &["HK-CED"], "seizure"));
    assert_eq!(receive(&mut germany, &deliveries), Settlement::Delivered);
    let granted = enclose(&germany, grant.id);
    for (id, rule) in [(grant.id, "grant.other_recipient"), (header.id, "forward.unproven")] {
        let draft = forward("TH-TCD", &enclosed, Some((id, &granted)));
        let (_, deliveries) = dishonest(&mut germany, request(&["TH-TCD"]), &draft);
        assert_eq!(receive(&mut thailand, &deliveries), quarantined(rule));
    }
    assert_eq!(alarms(&thailand), ["forward.no_grant", "grant.other_recipient", "forward.unproven"]);
}

#[test]
fn every_changed_byte_of_what_is_enclosed_is_noticed() {
    let (_, [_, germany, thailand], header) = scene();
    let enclosed = enclose(&germany, header.id);
    let unproven = |changed: &Enclosed| {
        let draft = forward("TH-TCD", changed, None);
        let Says::Forward(forward) = draft.alert().content() else { unreachable!("it was made as one") };
        verify::open_enclosed(forward, &thailand.directory).is_err()
    };
    assert!(!unproven(&enclosed));
    let flipped = |bytes: &bytes::Bytes, index: usize| {
        let mut bytes = bytes.to_vec();
        bytes[index] ^= 1;
        bytes::Bytes::from(bytes)
    };
    for index in 0..enclosed.header.len() {
        let header = flipped(&enclosed.header, index);
        assert!(unproven(&Enclosed { header, ..enclosed.clone() }), "header {index}");
    }
    for index in 0..enclosed.body.len() {
        let body = flipped(&enclosed.body, index);
        assert!(unproven(&Enclosed { body, ..enclosed.clone() }), "body {index}");
    }
    for index in 0..64 {
        let Signature { key_id, bytes } = enclosed.signatures[0].clone();
        let signature = Signature { key_id, bytes: flipped(&bytes, index) };
        let signatures = List::new(vec![signature]).unwrap();
        assert!(unproven(&Enclosed { signatures, ..enclosed.clone() }), "signature {index}");
    }
    assert!(unproven(&Enclosed { salt: [0; 32], ..enclosed.clone() }));
}

#[test]
fn what_is_told_of_an_enclosed_message_that_is_not_valid_repeats_nothing_of_it() {
    const WITNESS: &[u8] = b"WITNESS-A1";
    let (_, [hong_kong, mut germany, mut thailand], header) = scene();
    let enclosed = enclose(&germany, header.id);
    let until = alert_from_bytes(&enclosed.body).unwrap().retention_until().to_string();
    let mut body = enclosed.body.to_vec();
    let at = body.windows(until.len()).position(|window| window == until.as_bytes()).unwrap();
    body[at..at + until.len()].copy_from_slice(WITNESS);
    let header = Header { plaintext_digest: plaintext_digest(&enclosed.salt, &body), ..header };
    let signed = sign(&hong_kong.signing, PayloadType::Header, header_to_bytes(&header));
    let changed = Enclosed {
        header: signed.payload,
        signatures: List::new(signed.signatures).unwrap(),
        body: body.into(),
        ..enclosed
    };
    let (_, deliveries) = dishonest(&mut germany, request(&["TH-TCD"]), &forward("TH-TCD", &changed, None));
    assert_eq!(receive(&mut thailand, &deliveries), quarantined("forward.unproven"));
    let detail = &thailand.evidence(Rule::ForwardUnproven)[0].detail;
    assert!(detail.contains("not valid: retention_until"), "{detail}");
    assert!(!detail.contains("WITNESS"), "{detail}");
}

#[test]
fn evidence_is_believed_by_the_key_of_its_time_and_not_by_one_that_was_stolen() {
    let (network, [_, germany, _], header) = scene();
    let enclosed = enclose(&germany, header.id);
    let key = network.directory.agencies[&agency("HK-CED")].signing_keys[0].key.id;
    let believed = |revoked_at, reason| {
        let mut directory = network.directory.clone();
        directory.revocations.insert(key, Revocation { revoked_at, reason });
        let draft = forward("TH-TCD", &enclosed, None);
        let Says::Forward(forward) = draft.alert().content() else { unreachable!("it was made as one") };
        verify::open_enclosed(forward, &directory).is_ok()
    };
    let (before, after) = (NOW, NOW.plus(std::time::Duration::from_hours(1)));
    assert!(believed(after, RevocationReason::Superseded));
    assert!(believed(after, RevocationReason::Cessation));
    assert!(!believed(before, RevocationReason::Superseded));
    assert!(!believed(after, RevocationReason::Compromised));
}

#[test]
fn what_was_recalled_does_not_go_on_and_neither_does_it_under_a_recalled_grant() {
    let (_, [mut hong_kong, mut germany, _], header) = scene();
    let enclosed = enclose(&germany, header.id);
    let (grant, deliveries) = send(&mut hong_kong, permission("DE-ZKA", header.id, &["TH-TCD"], "seizure"));
    receive(&mut germany, &deliveries);
    let granted = enclose(&germany, grant.id);
    let (_, deliveries) = send(&mut hong_kong, recall(&["DE-ZKA"], grant.id));
    receive(&mut germany, &deliveries);
    let draft = || forward("TH-TCD", &enclosed, Some((grant.id, &granted)));
    assert_eq!(refused(&mut germany, draft()), ["grant.recalled"]);
    let (_, deliveries) = send(&mut hong_kong, recall(&["DE-ZKA"], header.id));
    receive(&mut germany, &deliveries);
    assert_eq!(refused(&mut germany, draft()), ["forward.recalled"]);
}

#[test]
fn a_forward_whose_originator_has_a_key_that_is_not_listed_here_yet_waits_for_the_directory() {
    let (network, [_, mut germany, mut thailand], header) = scene();
    let draft = forward("HK-CED", &enclose(&germany, header.id), None);
    let sealed = draft.alert().clone();
    let mut to_thailand = draft.into_parts();
    to_thailand.recipients = vec![agency("TH-TCD")];
    let says = AlertDraft::new(DraftParts { alert: sealed, ..to_thailand }).unwrap();
    let (_, deliveries) = dishonest(&mut germany, request(&["TH-TCD"]), &says);
    thailand.directory.version.version = 0;
    thailand.directory.agencies.get_mut(&agency("HK-CED")).unwrap().signing_keys.clear();
    match thailand.verify(&deliveries[0], LANE) {
        verify::Verified::Early(alarm) => assert_eq!(alarm.rule.as_str(), "key.unknown"),
        _ => panic!("it is not settled"),
    }
    thailand.directory = network.directory;
    assert_eq!(receive(&mut thailand, &deliveries), quarantined("forward.no_grant"), "now it is judged");
}
