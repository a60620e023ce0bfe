//! Approvals by officers.

use sealpost_crypto::dsse::{PayloadType, SigningKey};
use sealpost_domain::directory::ApprovalRule;
use sealpost_domain::handling::{Handling, Tlp};
use sealpost_domain::message::Kind;
use sealpost_domain::statement::Approval;
use sealpost_wire::alert::alert_from_bytes;
use sealpost_wire::statement::Payload as _;

use super::*;
use crate::fixture::sign;

/// What officers sign for a draft of Hong Kong's.
fn release(draft: &AlertDraft, officers: &[&SigningKey], change: impl Fn(&mut Approval)) -> Release {
    let body = bytes::Bytes::from(alert_to_bytes(draft.alert()).unwrap());
    let (message, salt) = (MessageId::new(9, [9; 10]), [9; 32]);
    let parts = draft.parts();
    let mut approval = Approval {
        message,
        sender: agency("HK-CED"),
        recipients: parts.recipients.clone(),
        kind: draft.kind(),
        handling: parts.handling.clone(),
        act_before: None,
        in_reply_to: parts.in_reply_to,
        category: parts.category,
        mode: parts.sharing,
        operation: parts.operation.clone(),
        priority: parts.priority,
        plaintext_digest: plaintext_digest(&salt, &body),
        approved_at: NOW,
    };
    change(&mut approval);
    let signed = |officer: &&SigningKey| sign(officer, PayloadType::Approval, approval.to_payload());
    Release { message, salt, body, approvals: officers.iter().map(signed).collect() }
}

#[test]
fn a_message_leaves_and_is_taken_with_as_many_approvals_as_its_senders_record_asks_for() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    let rule = ApprovalRule { kinds: vec![Kind::Request], tlp: vec![Tlp::Amber], approvals: 2 };
    let asks = |station: &mut Station| {
        let record = station.directory.agencies.get_mut(&agency("HK-CED")).unwrap();
        record.approval_rules.push(rule.clone());
    };
    asks(&mut hong_kong);
    let [one, two] = &network.officers;
    let says = request(&["DE-ZKA"]);
    assert_eq!(refused(&mut hong_kong, says.clone()), ["approval.missing"]);
    let mut told = |release| refused_release(&mut hong_kong, says.clone(), Some(release));
    assert_eq!(told(release(&says, &[one], |_| {})), ["approval.missing"]);
    assert_eq!(told(release(&says, &[one, one], |_| {})), ["approval.missing"], "one officer counts once");
    let stranger = &network.hub;
    assert_eq!(told(release(&says, &[one, stranger], |_| {})), ["approval.invalid", "approval.missing"]);
    let changed: [&dyn Fn(&mut Approval); 4] = [
        &|approval| approval.handling = Handling::new(Tlp::Green, []),
        &|approval| approval.recipients.push(agency("TH-TCD")),
        &|approval| approval.kind = Kind::Recall,
        &|approval| approval.message = MessageId::new(8, [8; 10]),
    ];
    for change in changed {
        let rules = told(release(&says, &[one, two], change));
        assert_eq!(rules, ["approval.invalid", "approval.invalid", "approval.missing"]);
    }

    let whole = release(&says, &[one, two], |_| {});
    let prepared = hong_kong.prepare(says.clone(), Some(whole.clone()), None).unwrap();
    let (header, deliveries) = place(&mut hong_kong, &prepared);
    assert_eq!((header.id, header.approval_digest.is_some()), (whole.message, true));
    assert_eq!(alert_from_bytes(&whole.body).unwrap(), *says.alert());
    let again = refused_release(&mut hong_kong, says.clone(), Some(whole));
    assert_eq!(again, ["message.id_used"]);

    // Germany asks for the same, whatever Hong Kong's node did.
    asks(&mut germany);
    assert_eq!(receive(&mut germany, &deliveries), Settlement::Delivered);
    hong_kong.directory.agencies.get_mut(&agency("HK-CED")).unwrap().approval_rules.clear();
    let prepared = hong_kong.prepare(says.clone(), Some(release_again(&says, one)), None).unwrap();
    let (_, deliveries) = place(&mut hong_kong, &prepared);
    assert_eq!(receive(&mut germany, &deliveries), refusal("approval.missing"), "one of two");
    let (_, deliveries) = send(&mut hong_kong, says);
    assert_eq!(receive(&mut germany, &deliveries), refusal("approval.missing"), "none");
}

#[test]
fn what_officers_approved_about_one_message_does_not_count_about_another() {
    let (network, [mut hong_kong, mut germany, _], first) = scene();
    let (second, deliveries) = send(&mut hong_kong, request(&["DE-ZKA"]));
    receive(&mut germany, &deliveries);
    let rule = ApprovalRule { kinds: vec![Kind::Permission], tlp: vec![], approvals: 1 };
    for station in [&mut hong_kong, &mut germany] {
        let record = station.directory.agencies.get_mut(&agency("HK-CED")).unwrap();
        record.approval_rules.push(rule.clone());
    }
    let grants = |id| permission("DE-ZKA", id, &["TH-TCD"], "seizure");
    let approved = release(&grants(first.id), &[&network.officers[0]], |_| {});
    let rules = refused_release(&mut hong_kong, grants(second.id), Some(approved.clone()));
    assert_eq!(rules, ["approval.invalid", "approval.missing"]);

    // A node that asks nobody writes it about the other one.
    let mut prepared = hong_kong.prepare(grants(first.id), Some(approved), None).unwrap();
    prepared.parts.in_reply_to = Some(second.id);
    let (_, deliveries) = place(&mut hong_kong, &prepared);
    assert_eq!(receive(&mut germany, &deliveries), refusal("approval.missing"));
}

/// Another message that one officer approved.
fn release_again(draft: &AlertDraft, officer: &SigningKey) -> Release {
    let message = MessageId::new(7, [7; 10]);
    Release { message, ..release(draft, &[officer], |approval| approval.message = message) }
}
