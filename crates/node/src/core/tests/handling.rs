//! Handling from one node to another.

mod approvals;
mod changes;
mod operations;
mod sharing;

use sealpost_crypto::digest::{plaintext_digest, sha256};
use sealpost_crypto::seal::seal_content;
use sealpost_domain::alert::{
    Alert, Content as Says, Draft as AlertDraft, DraftParts, Enclosed, Forward, List,
};
use sealpost_domain::approval::Release;
use sealpost_domain::envelope::{Content, Header};
use sealpost_domain::link::Disposition;
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::record::{Received, Record, Settlement};
use sealpost_wire::alert::alert_to_bytes;
use sealpost_wire::envelope::{content_to_bytes, header_from_bytes};
use sealpost_wire::hub::Delivery;
use sealpost_wire::json::parse_draft;
use sealpost_wire::ledger::stored_body_from_bytes;
use serde_json::{Value, json};

use crate::core::outbox::{Answer, Prepared};
use crate::fixture::{NOW, Network, Station, agency};
use crate::prepare;
use crate::verify;

const LANE: Priority = Priority::Urgent;

/// An invented message with this content; the rest may be changed.
pub(super) fn draft(to: &[&str], content: &Value, change: impl Fn(&mut Value)) -> AlertDraft {
    let mut document = json!({
        "recipients": to, "priority": "URGENT", "category": "narcotics", "tlp": "AMBER", "handling": ["H2"],
        "grading": { "scale": "europol_4x4", "source": "B", "information": 2 },
        "purpose": "seizure", "retention_until": "2026-12-31", "content": content,
    });
    change(&mut document);
    parse_draft(document.to_string()).unwrap()
}

pub(super) fn request(to: &[&str]) -> AlertDraft {
    draft(to, &question("Invented question?"), |_| {})
}

pub(super) fn question(text: &str) -> Value {
    json!({ "request": { "question": text, "due": "2026-10-01T12:00:00+02:00" } })
}

pub(super) fn about(id: MessageId) -> impl Fn(&mut Value) {
    move |document| document["in_reply_to"] = id.to_string().into()
}

pub(super) fn recall(to: &[&str], id: MessageId) -> AlertDraft {
    draft(to, &json!({ "recall": { "reason": "Invented: wrongly read." } }), about(id))
}

pub(super) fn amendment(to: &[&str], id: MessageId, text: &str) -> AlertDraft {
    let content = json!({ "amendment": { "reason": "Invented.", "replacement": question(text) } });
    draft(to, &content, about(id))
}

pub(super) fn compliance(to: &str, id: MessageId) -> AlertDraft {
    draft(&[to], &json!({ "compliance": { "answer": "complied" } }), about(id))
}

pub(super) fn permission(to: &str, id: MessageId, agencies: &[&str], purpose: &str) -> AlertDraft {
    let content = json!({ "permission": { "decision": "granted", "agencies": agencies } });
    let about = about(id);
    draft(&[to], &content, |document| {
        about(document);
        document["purpose"] = purpose.into();
    })
}

pub(super) fn forward(to: &str, enclosed: &Enclosed, grant: Option<(MessageId, &Enclosed)>) -> AlertDraft {
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
    let parts = request(&[to]).into_parts();
    let mut alert = parts.alert.clone().into_parts();
    alert.content = Says::Forward(forward);
    let alert = Alert::new(alert).unwrap();
    AlertDraft::new(DraftParts { alert, ..parts }).unwrap()
}

/// Sends a message, and gives its header and what the hub would deliver.
pub(super) fn send(station: &mut Station, draft: AlertDraft) -> (Header, Vec<Delivery>) {
    let prepared = station.prepared(draft, None);
    place(station, &prepared)
}

pub(super) fn place(station: &mut Station, prepared: &Prepared) -> (Header, Vec<Delivery>) {
    let answer = station.step(|core, env, round| core.publish(env, round, prepared).unwrap());
    assert!(matches!(answer, Answer::Recorded(_)), "{answer:?}");
    let (_, deliveries) = station.submit();
    (header_from_bytes(&deliveries[0].header).unwrap(), deliveries)
}

/// Why a message is refused before anything of it is kept.
pub(super) fn refused(station: &mut Station, draft: AlertDraft) -> Vec<String> {
    refused_release(station, draft, None)
}

pub(super) fn refused_release(
    station: &mut Station,
    draft: AlertDraft,
    release: Option<Release>,
) -> Vec<String> {
    match station.prepare(draft, release, None) {
        Err(prepare::Error::Refused(refusals)) => refusals.into_iter().map(|refusal| refusal.rule).collect(),
        Err(error) => panic!("{error}"),
        Ok(_) => Vec::new(),
    }
}

/// Takes what is for a station, and says how it was settled.
pub(super) fn receive(station: &mut Station, deliveries: &[Delivery]) -> Settlement {
    let me = station.core.agency().clone();
    let delivery = deliveries.iter().find(|delivery| delivery.wrap.recipient == me).unwrap();
    station.receive(delivery, LANE);
    received(station).settlement
}

/// The message that was received last.
pub(super) fn received(station: &Station) -> Received {
    let received = |(_, record, _): &(_, Record, _)| match record {
        Record::Received(received) => Some(received.clone()),
        _ => None,
    };
    station.records.iter().rev().find_map(received).unwrap()
}

pub(super) fn quarantined(rule: &str) -> Settlement {
    Settlement::Excepted(Disposition::Quarantined, rule.to_owned())
}

pub(super) fn refusal(rule: &str) -> Settlement {
    Settlement::Excepted(Disposition::Refused, rule.to_owned())
}

pub(super) fn alarms(station: &Station) -> Vec<String> {
    let rule = |(_, record, _): &(_, Record, _)| match record {
        Record::Security { rule, .. } => Some(rule.clone()),
        _ => None,
    };
    station.records.iter().filter_map(rule).collect()
}

/// A message in a ledger, as it can be shown to others.
pub(super) fn enclose(station: &Station, id: MessageId) -> Enclosed {
    let bytes = |record: &Record| match record {
        Record::Received(received) => Some((received.header.clone(), received.signatures.clone())),
        Record::Sent(sent) => Some((sent.header.clone(), sent.signatures.clone())),
        _ => None,
    };
    let found = station.records.iter().find_map(|(_, record, body)| {
        let (header, signatures) = bytes(record)?;
        (header_from_bytes(&header).unwrap().id == id).then_some((header, signatures, body.clone()))
    });
    let (header, signatures, body) = found.unwrap();
    let stored = stored_body_from_bytes(&body).unwrap();
    let key = station.buckets.content_key(&stored, &sha256(&header)).unwrap();
    let (content, _) = verify::open(&header_from_bytes(&header).unwrap(), &key, &stored.sealed).unwrap();
    Enclosed { header, signatures: List::new(signatures).unwrap(), salt: content.salt, body: content.body }
}

/// Hong Kong's message to Germany, which Germany would like to show to Thailand.
pub(super) fn scene() -> (Network, [Station; 3], Header) {
    let network = Network::new();
    let [mut hong_kong, mut germany, thailand] = network.three_nodes();
    let (header, deliveries) = send(&mut hong_kong, request(&["DE-ZKA"]));
    assert_eq!(receive(&mut germany, &deliveries), Settlement::Delivered);
    (network, [hong_kong, germany, thailand], header)
}

/// A node that does not ask its own rules: it sends what an honest one has prepared, with another content.
pub(super) fn dishonest(
    station: &mut Station,
    honest: AlertDraft,
    says: &AlertDraft,
) -> (Header, Vec<Delivery>) {
    let mut prepared = station.prepared(honest, None);
    let body = alert_to_bytes(says.alert()).unwrap().into();
    let content = Content { salt: [5; 32], body, approvals: Vec::new() };
    let bytes = content_to_bytes(&content);
    let sealed = seal_content(&mut station.rng, &bytes).unwrap();
    prepared.parts.kind = says.kind();
    prepared.parts.in_reply_to = says.parts().in_reply_to;
    prepared.plaintext_digest = plaintext_digest(&content.salt, &content.body);
    prepared.sealed = sealed.bytes.into();
    prepared.sealed_digest = sealed.digest;
    prepared.key_commitment = sealed.key_commitment;
    prepared.content_key = sealed.key;
    place(station, &prepared)
}
