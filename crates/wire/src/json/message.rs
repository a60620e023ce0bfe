//! A message in JSON as a node shows it: the fields of its draft, and what the node knows of it.

use schemars::JsonSchema;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Alert, Line, Text};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::handling::{HandlingCode, Tlp};
use sealpost_domain::message::{Category, Kind, MessageId, OperationId, Priority, SharingMode};
use sealpost_domain::time::{Date, OffsetTime};
use sealpost_domain::view::{self, DeliveryState, Direction};
use serde::Serialize;

use super::answers::Enclosed;
use super::change::{Change, Changed, Forwarded};
use super::content::Content;
use super::form::{Absent, Form, Value};
use super::parts::Grading;

/// A message as it lies in the ledger of the node that shows it. Where its body was erased or lost, `grading`, `purpose`,
/// `retention_until` and `content` are missing.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Sealpost message")]
#[expect(clippy::struct_excessive_bools, reason = "each is a mark of its own")]
pub struct Message {
    /// The message.
    id: Value<MessageId>,
    /// Its place in the ledger of the node that shows it.
    ledger_index: u64,
    /// Received or sent.
    direction: Value<Direction>,
    /// Who sent it.
    sender: Value<AgencyId>,
    /// To whom, ascending.
    recipients: Vec<Value<AgencyId>>,
    /// The joint operation to which it belongs.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    operation: Option<Value<OperationId>>,
    /// When its sender's node took it over, by that node's clock, in UTC.
    sent_at: Value<OffsetTime>,
    /// When the node that shows it recorded it, by that node's clock, in UTC.
    recorded_at: Value<OffsetTime>,
    /// What it says.
    kind: Value<Kind>,
    /// Its lane.
    priority: Value<Priority>,
    /// When the window in which to act closes, in UTC.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    act_before: Option<Value<OffsetTime>>,
    /// What it is about.
    category: Value<Category>,
    /// To whom it may be shown.
    tlp: Value<Tlp>,
    /// How it may be used.
    handling: Vec<Value<HandlingCode>>,
    /// The restrictions of H3 in words.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    handling_text: Option<Value<Text>>,
    /// On whose initiative it is shared.
    sharing_mode: Value<SharingMode>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    in_reply_to: Option<Value<MessageId>>,
    /// How far the source and its information can be relied on.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    grading: Option<Grading>,
    /// For what purpose it is shared and may be used.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    purpose: Option<Value<Line>>,
    /// The last day, in UTC, on which recipients may keep it.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    retention_until: Option<Value<Date>>,
    /// What it says, opened.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    content: Option<Content>,
    /// Whether it was read here.
    read: bool,
    /// Whether it arrived after its `act_before`.
    late: bool,
    /// Whether a number before it on its link is still missing.
    gap_before: bool,
    /// What its sender did to it later; left out while it stands as it is.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    changed: Option<Changed>,
    /// The message as it can be shown to others, where that was asked for.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    enclosed: Option<Enclosed>,
    /// What a forward encloses, opened.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    forwarded: Option<Forwarded>,
    /// How its body was erased; left out while it is there, and where the node's disk lost it.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    erased: Option<Erased>,
    /// Whether a legal hold is on its body: it outlives its retention.
    held: bool,
    /// Where it stands at each recipient; empty for messages that were received.
    states: Vec<RecipientState>,
    /// What the node verified before it showed the message.
    verification: Verification,
}

/// How a body was erased.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Erased {
    /// The record of the node's ledger that says so.
    ledger_index: u64,
    /// When, in UTC.
    at: Value<OffsetTime>,
    /// Why: `erasure.retention` or `erasure.ordered`.
    rule: String,
}

impl From<&view::Erased> for Erased {
    fn from(view::Erased { record, at, rule }: &view::Erased) -> Self {
        Self { ledger_index: *record, at: Value::shown(at), rule: rule.clone() }
    }
}

/// Where a message stands at one recipient.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RecipientState {
    /// The recipient.
    agency: Value<AgencyId>,
    /// How far it came.
    state: Value<DeliveryState>,
    /// When the sender's node recorded that, in UTC.
    since: Value<OffsetTime>,
    /// Which rule refused or quarantined it.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    rule: Option<String>,
    /// Whether `act_before` passed without delivery.
    overdue: bool,
    /// The amendment or recall that was sent to it and holds there.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    changed: Option<Change>,
}

/// What a node verified before it showed a message.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Verification {
    /// The key that signed.
    signing_key: Value<KeyId>,
    /// The digest of the header.
    header_digest: Value<Digest>,
    /// The directory version under which it was judged.
    directory_version: u64,
    /// Its number on the link from its sender; 0 for messages of one's own.
    link_number: u64,
    /// The agreement under which it was shared, by name; empty where the directory no longer lists it.
    agreement: String,
}

impl Message {
    /// The message as a JSON document on one line.
    pub fn to_line(&self) -> String {
        super::to_string(self)
    }
}

impl From<&view::Shown> for Message {
    fn from(shown: &view::Shown) -> Self {
        let view::Shown {
            index,
            direction,
            id,
            sender,
            recipients,
            operation,
            sent_at,
            recorded_at,
            kind,
            priority,
            act_before,
            category,
            mode,
            handling,
            in_reply_to,
            alert,
            verification,
            read,
            late,
            gap_before,
            states,
            changed,
            enclosed,
            forwarded,
            erased,
            held,
        } = shown;
        let alert = alert.as_ref();
        Self {
            id: Value::write(id),
            ledger_index: *index,
            direction: Value::write(direction),
            sender: Value::write(sender),
            recipients: recipients.iter().map(Value::write).collect(),
            operation: Form::write(operation),
            sent_at: Value::shown(sent_at),
            recorded_at: Value::shown(recorded_at),
            kind: Value::write(kind),
            priority: Value::write(priority),
            act_before: act_before.as_ref().map(Value::shown),
            category: Value::write(category),
            tlp: Value::write(&handling.tlp()),
            handling: handling.codes().iter().map(Value::write).collect(),
            handling_text: alert.and_then(Alert::handling_text).map(Value::write),
            sharing_mode: Value::write(mode),
            in_reply_to: Form::write(in_reply_to),
            grading: alert.map(|alert| Form::write(&alert.grading())),
            purpose: alert.map(|alert| Value::write(alert.purpose())),
            retention_until: alert.map(|alert| Value::write(&alert.retention_until())),
            content: alert.map(|alert| Form::write(alert.content())),
            read: *read,
            late: *late,
            gap_before: *gap_before,
            changed: changed.as_ref().map(Changed::from),
            enclosed: Form::write(enclosed),
            forwarded: forwarded.as_deref().map(Forwarded::from),
            erased: erased.as_ref().map(Erased::from),
            held: *held,
            states: states.iter().map(RecipientState::from).collect(),
            verification: verification.into(),
        }
    }
}

impl From<&view::RecipientState> for RecipientState {
    fn from(shown: &view::RecipientState) -> Self {
        let view::RecipientState { agency, state, since, rule, overdue, changed } = shown;
        Self {
            agency: Value::write(agency),
            state: Value::write(state),
            since: Value::shown(since),
            rule: rule.clone(),
            overdue: *overdue,
            changed: changed.as_ref().map(Change::from),
        }
    }
}

impl From<&view::Verification> for Verification {
    fn from(shown: &view::Verification) -> Self {
        let view::Verification { signing_key, header, directory_version, link_number, agreement } = shown;
        Self {
            signing_key: Value::write(signing_key),
            header_digest: Value::write(header),
            directory_version: *directory_version,
            link_number: *link_number,
            agreement: agreement.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use sealpost_domain::alert::fault::Collector;
    use sealpost_domain::alert::{Draft, DraftParts};
    use sealpost_domain::answer;
    use sealpost_domain::instant::Instant;
    use serde_json::{Value, json};

    use super::*;
    use crate::json::{message_schema, parse_draft, structure};

    const SIGHTING: &str = include_str!("../../../../sample/examples/sighting.json");

    fn shown(draft: Draft) -> view::Shown {
        let kind = draft.kind();
        let DraftParts {
            recipients,
            operation,
            priority,
            category,
            handling,
            sharing,
            in_reply_to,
            alert,
            ..
        } = draft.into_parts();
        let at = Instant::from_millis(1_791_090_000_123);
        let state = view::RecipientState {
            agency: recipients[0].clone(),
            state: DeliveryState::Refused,
            since: at,
            rule: Some("agreement.none".to_owned()),
            overdue: true,
            changed: Some(answer::Change {
                effect: answer::Effect::Amended,
                sent_at: at,
                by: MessageId::new(1_791_090_000_123, [2; 10]),
            }),
        };
        view::Shown {
            index: 7,
            direction: Direction::Sent,
            id: MessageId::new(1_791_090_000_123, [1; 10]),
            sender: "DE-ZKA".parse().unwrap(),
            recipients,
            operation,
            sent_at: at,
            recorded_at: at,
            kind,
            priority,
            act_before: Some(at),
            category,
            mode: sharing,
            handling,
            in_reply_to,
            alert: Some(alert),
            verification: view::Verification {
                signing_key: KeyId::new([1; 32]),
                header: Digest::new([2; 32]),
                directory_version: 3,
                link_number: 4,
                agreement: "sample-multilateral".to_owned(),
            },
            read: false,
            late: false,
            gap_before: true,
            states: vec![state],
            changed: None,
            enclosed: None,
            forwarded: None,
            erased: None,
            held: false,
        }
    }

    fn written(shown: &view::Shown) -> Value {
        let line = Message::from(shown).to_line();
        assert!(!line.contains('\n'), "{line}");
        let value = serde_json::from_str(&line).unwrap();
        let collector = Collector::default();
        structure::check(message_schema(), &value, &collector.root());
        assert_eq!(collector.into_faults(), None, "what is written follows the published schema");
        value
    }

    #[test]
    fn a_message_shows_the_fields_of_its_draft_as_the_draft_wrote_them() {
        let draft: Value = serde_json::from_str(SIGHTING).unwrap();
        let value = written(&shown(parse_draft(SIGHTING).unwrap()));
        for (name, field) in draft.as_object().unwrap() {
            assert_eq!(&value[name], field, "{name}");
        }
        assert_eq!(value["kind"], "sighting");
        assert_eq!(value["sent_at"], "2026-10-04T05:00:00.123Z");
        assert_eq!(value["states"][0]["state"], "REFUSED");
        assert_eq!(value["states"][0]["rule"], "agreement.none");
        assert_eq!(value["verification"]["directory_version"], 3);
    }

    #[test]
    fn an_erased_message_still_shows_what_its_header_says() {
        let how = view::Erased {
            record: 90,
            at: Instant::from_millis(1_800_000_000_000),
            rule: "erasure.retention".to_owned(),
        };
        let erased = view::Shown { alert: None, erased: Some(how), ..shown(parse_draft(SIGHTING).unwrap()) };
        let value = written(&erased);
        for name in ["grading", "purpose", "retention_until", "content"] {
            assert_eq!(value.get(name), None, "{name}");
        }
        assert_eq!(value["erased"]["rule"], "erasure.retention");
        assert_eq!((&value["erased"]["ledger_index"], &value["held"]), (&json!(90), &json!(false)));
        assert_eq!(value["in_reply_to"], json!("0199a3f2-5b80-7c41-9f0e-2d5b7a1c4e61"));
    }
}
