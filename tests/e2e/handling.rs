//! Handling between agencies: a message that is amended and recalled and how its recipients answer, one that goes on with
//! its originator's permission, one that officers approve, one for an operation.

use std::time::Duration;

use bytes::Bytes;
use sealpost_crypto::digest::plaintext_digest;
use sealpost_crypto::dsse::{PayloadType, Signer as _, SigningKey, sign_statement};
use sealpost_domain::alert::{Alert, ComplianceAnswer, Content, Draft, DraftParts, Enclosed, Forward};
use sealpost_domain::approval::Release;
use sealpost_domain::envelope::Signature;
use sealpost_domain::message::MessageId;
use sealpost_domain::statement::{Approval, Signed};
use sealpost_domain::time::OffsetTime;
use sealpost_domain::view::{DeliveryState, Refusal, Tracked};
use sealpost_wire::alert::alert_to_bytes;
use sealpost_wire::json::parse_draft;
use sealpost_wire::statement::Payload as _;
use serde_json::{Value, json};

use crate::harness::{
    DE, Desk, HK, HUB, HubLine, Network, Officer, Pen, TH, eventually, id, now, shipment, told,
};

const HOUR: Duration = Duration::from_hours(1);

/// A message about another one, in the manner of a shipment's.
fn about(to: &[&str], message: MessageId, content: &Value, change: impl Fn(&mut Value)) -> Draft {
    let text = sealpost_wire::json::draft_to_string(&shipment(to, "URGENT", "invented"));
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["in_reply_to"] = message.to_string().into();
    document["content"] = content.clone();
    change(&mut document);
    parse_draft(document.to_string()).unwrap()
}

fn due(at: sealpost_domain::instant::Instant) -> impl Fn(&mut Value) {
    move |document| document["act_before"] = OffsetTime::from_instant(at).unwrap().to_string().into()
}

fn compliance(to: &str, change: MessageId, answer: &str) -> Draft {
    about(&[to], change, &json!({ "compliance": { "answer": answer, "note": "an invented note" } }), |_| {})
}

fn rules(refusals: &[Refusal]) -> Vec<&str> {
    refusals.iter().map(|refusal| refusal.rule.as_str()).collect()
}

/// What each recipient answered to a change: agency, answer, late.
fn answers(tracked: &Tracked) -> Vec<(String, Option<&'static str>, bool)> {
    let answer = |answer: &sealpost_domain::view::RecipientAnswer| {
        let said = answer.answered.as_ref().and_then(|answered| answered.answer);
        (answer.agency.to_string(), said.map(ComplianceAnswer::as_str), answer.late)
    };
    tracked.answers.iter().map(answer).collect()
}

async fn tracks(desk: &Desk, change: MessageId, expected: &[(&str, Option<&'static str>, bool)]) {
    let expected: Vec<_> =
        expected.iter().map(|(agency, answer, late)| ((*agency).to_owned(), *answer, *late)).collect();
    eventually(&format!("{expected:?}"), async || {
        let tracked = desk.gateway().track(change).await.map_err(|error| told(&error))?;
        let found = answers(&tracked);
        if found == expected { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_amended_and_recalled_and_its_sender_sees_who_has_answered_and_who_is_late() {
    let network = Network::start("recall").await;
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);
    let first = hk.send(shipment(&[DE, TH], "URGENT", "a container number, read wrongly")).await.id;
    let replacement = json!({ "suspect_shipment": {
        "mode": "sea", "consignor": { "name": "Example Tile Trading Ltd (invented)" },
        "suspicion": { "reason": "the right container number" },
    } });
    let content = json!({ "amendment": { "reason": "an invented slip", "replacement": replacement } });
    let amended = hk.send(about(&[DE, TH], first, &content, due(now().plus(HOUR)))).await.id;
    for desk in [&de, &th] {
        desk.has(first).await;
        desk.has(amended).await;
    }
    let de_cli = Officer::of(&network, DE);
    let shown = de_cli.run(&["show", &first.to_string()]).await.stdout;
    assert!(shown.contains("AMENDED") && shown.contains("as it was sent, which no longer holds"), "{shown}");
    let (before, after) = shown.split_once("what holds now").unwrap();
    assert!(before.contains("read wrongly") && after.contains("the right container number"), "{shown}");
    assert!(de_cli.run(&["inbox"]).await.stdout.contains("AMENDED"));

    de.send(compliance(HK, amended, "complied")).await;
    tracks(&hk, amended, &[(DE, Some("complied"), false), (TH, None, false)]).await;

    // Due an hour ago, so that every answer to it is late.
    let content = json!({ "recall": { "reason": "an invented mistake" } });
    let recalled = hk.send(about(&[DE, TH], first, &content, due(now().minus(HOUR)))).await.id;
    for desk in [&de, &th] {
        desk.has(recalled).await;
    }
    th.send(compliance(HK, recalled, "kept_under_legal_hold")).await;
    tracks(&hk, recalled, &[(DE, None, true), (TH, Some("kept_under_legal_hold"), true)]).await;
    let hk_cli = Officer::of(&network, HK);
    let report = hk_cli.run(&["track", &recalled.to_string()]).await.stdout;
    let line =
        |agency: &str| report.lines().rev().find(|line| line.trim_start().starts_with(agency)).unwrap();
    assert!(line(DE).contains("none yet") && line(DE).contains("LATE"), "{report}");
    assert!(line(TH).contains("kept_under_legal_hold") && line(TH).contains("an invented note"), "{report}");
    assert!(hk_cli.run(&["track", &first.to_string()]).await.stdout.contains("RECALLED"));
    assert!(Officer::of(&network, TH).run(&["show", &first.to_string()]).await.stdout.contains("RECALLED"));

    // Nobody answers what was not asked of him, or changes what is not his.
    assert_eq!(rules(&de.refused(compliance(HK, first, "complied")).await), ["answer.not_asked"]);
    let of_others = about(&[HK], first, &content, |_| {});
    assert_eq!(rules(&de.refused(of_others).await), ["answer.not_originator"]);
    network.assert_ledgers_sound().await;
    network.end().await;
}

/// A forward of an enclosed message, in the manner of a shipment's.
fn forward(to: &str, enclosed: &Enclosed, grant: Option<(MessageId, &Enclosed)>) -> Draft {
    let Enclosed { header, signatures, salt, body } = enclosed.clone();
    let forward = Forward {
        header,
        signatures,
        salt,
        body,
        permission: grant.map(|(id, _)| id),
        note: None,
        grant: grant.map(|(_, grant)| grant.clone()),
    };
    let parts = shipment(&[to], "URGENT", "invented").into_parts();
    let mut alert = parts.alert.clone().into_parts();
    // Never kept longer than what it encloses, whatever day it is by now.
    alert.retention_until = OffsetTime::from_instant(now().plus(300 * 24 * HOUR)).unwrap().date();
    alert.content = Content::Forward(forward);
    Draft::new(DraftParts { alert: Alert::new(alert).unwrap(), ..parts }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_on_with_its_originators_permission_and_is_refused_without() {
    let mut network = Network::start("forward").await;
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);
    let first = de.send(shipment(&[HK], "URGENT", "a parcel bound for Bangkok")).await.id;
    let message = hk.enclosed(first).await;
    assert_eq!(rules(&hk.refused(forward(TH, &message, None)).await), ["forward.no_grant"]);

    let content = json!({ "permission": { "decision": "granted", "agencies": [TH] } });
    let grant = de.send(about(&[HK], first, &content, |_| {})).await.id;
    let granted = hk.enclosed(grant).await;
    let sent = hk.send(forward(TH, &message, Some((grant, &granted)))).await.id;
    th.receives_exactly(&[sent]).await;
    let shown = th.gateway().get(sent, None).await.unwrap();
    let Content::Forward(came) = shown.alert.unwrap().into_parts().content else { panic!("it is a forward") };
    assert_eq!((came.enclosed(), came.grant), (message.clone(), Some(granted)));
    let opened = shown.forwarded.unwrap();
    assert_eq!((opened.id, &opened.sender), (first, &id(DE)));
    let read = Officer::of(&network, TH).run(&["show", &sent.to_string()]).await.stdout;
    assert!(read.contains("as DE-ZKA signed it") && read.contains("a parcel bound for Bangkok"), "{read}");

    // Once the permission is recalled, nothing goes on under it.
    let recall = json!({ "recall": { "reason": "an invented change of mind" } });
    let recalled = de.send(about(&[HK], grant, &recall, |_| {})).await.id;
    hk.has(recalled).await;
    let again = forward(TH, &message, Some((grant, &hk.enclosed(grant).await)));
    assert_eq!(rules(&hk.refused(again).await), ["grant.recalled"]);

    // A node that does not ask: Thailand keeps it as evidence and shows it to nobody.
    network.terminate(HK).await;
    let (mut pen, line) = (Pen::of(&network, HK), HubLine::of(&network, HK).await);
    let refusals = line.submit(&[pen.write(&forward(TH, &message, None))]).await.unwrap();
    assert!(refusals.is_empty(), "the hub sees the header alone: {refusals:?}");
    eventually("a security event in Thailand", async || {
        let log = network.log(TH);
        if log.contains("forward.no_grant") { Ok(()) } else { Err("nothing in its log".to_owned()) }
    })
    .await;
    th.receives_exactly(&[sent]).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}

/// A request that needs two officers of Hong Kong.
fn secret(to: &[&str]) -> Draft {
    let text = sealpost_wire::json::draft_to_string(&shipment(to, "URGENT", "invented"));
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["tlp"] = "RED".into();
    let due = OffsetTime::from_instant(now().plus(HOUR)).unwrap().to_string();
    document["content"] = json!({ "request": { "question": "an invented question", "due": due } });
    parse_draft(document.to_string()).unwrap()
}

/// What officers of Hong Kong sign for a draft.
fn release(network: &Network, draft: &Draft, officers: usize) -> Release {
    let body = Bytes::from(alert_to_bytes(draft.alert()).unwrap());
    let moment = u64::try_from(now().as_millis()).unwrap();
    let (message, salt) = (MessageId::new(moment, rand::random()), rand::random());
    let parts = draft.parts();
    let approval = Approval {
        message,
        sender: id(HK),
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
        approved_at: now(),
    };
    let payload = approval.to_payload();
    let sign = |officer: &sealpost_admin::network::Holder| {
        let key = SigningKey::read(&officer.key.with_file_name("approval.pem")).unwrap();
        let signature = sign_statement(&key, PayloadType::Approval, &payload).unwrap();
        let bytes = Bytes::copy_from_slice(&signature.bytes);
        Signed { payload: payload.clone(), signatures: vec![Signature { key_id: key.key_id(), bytes }] }
    };
    let approvals = network.agency(HK).officers.iter().take(officers).map(sign).collect();
    Release { message, salt, body, approvals }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_two_officers_leaves_with_two_approvals_and_is_taken_with_no_less() {
    let mut network = Network::start("approvals").await;
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let draft = secret(&[DE]);
    assert_eq!(rules(&hk.refused(draft.clone()).await), ["approval.missing"]);
    let one = release(&network, &draft, 1);
    let refusals = hk.gateway().release(&draft, &one).await.unwrap().unwrap_err();
    assert_eq!(rules(&refusals), ["approval.missing"]);
    let two = release(&network, &draft, 2);
    let elsewhere = secret(&[TH]);
    let refusals = hk.gateway().release(&elsewhere, &two).await.unwrap().unwrap_err();
    assert!(rules(&refusals).contains(&"approval.invalid"), "{refusals:?}");

    let published = hk.gateway().release(&draft, &two).await.unwrap().unwrap();
    assert_eq!(published.id, two.message);
    de.receives_exactly(&[published.id]).await;
    hk.reaches(published.id, DE, DeliveryState::Delivered).await;
    let again = hk.gateway().release(&draft, &two).await.unwrap().unwrap();
    assert_eq!((again.id, again.repeated_key), (published.id, true));

    // The hub sees in the header that nobody approved.
    network.terminate(HK).await;
    let (mut pen, line) = (Pen::of(&network, HK), HubLine::of(&network, HK).await);
    let refusals = line.submit(&[pen.write(&draft)]).await.unwrap();
    let told: Vec<_> =
        refusals.iter().map(|refusal| (refusal.recipient.clone(), refusal.rule.as_str())).collect();
    assert_eq!(told, [(None, "approval.missing")]);
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_its_members_and_nobody_else() {
    let mut network = Network::make("operation");
    for program in [HUB, HK, DE] {
        network.run(program).await;
    }
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let operation = |to: &[&str]| {
        let mut parts = shipment(&[DE, TH], "URGENT", "to the operation").into_parts();
        parts.recipients = to.iter().map(|agency| id(agency)).collect();
        parts.operation = Some("OP-STORY".parse().unwrap());
        Draft::new(parts).unwrap()
    };
    let sent = hk.send(operation(&[])).await;
    assert_eq!(sent.recipients, [id(DE)]);
    de.receives_exactly(&[sent.id]).await;
    let refusals = hk.refused(operation(&[DE, TH])).await;
    assert_eq!(rules(&refusals), ["operation.not_a_member"]);
    network.end().await;
}
