//! What became of a message later, and what a forward encloses, in JSON.

use schemars::JsonSchema;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Line, Text};
use sealpost_domain::answer::{self, Effect};
use sealpost_domain::handling::{HandlingCode, Tlp};
use sealpost_domain::message::{Category, Kind, MessageId};
use sealpost_domain::time::{Date, OffsetTime};
use sealpost_domain::view;
use serde::Serialize;

use super::content::Content;
use super::form::{Absent, Form, Value};
use super::parts::Grading;

/// What a later message of its sender did to a message.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Changed {
    /// Amended or recalled.
    effect: Value<Effect>,
    /// By which message.
    by: Value<MessageId>,
    /// When its sender's node took that over, in UTC.
    sent_at: Value<OffsetTime>,
    /// When the node that shows it recorded it, in UTC.
    recorded_at: Value<OffsetTime>,
    /// Why.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    reason: Option<Value<Text>>,
    /// What the message says now, for an amendment.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    replacement: Option<Content>,
}

impl From<&view::Changed> for Changed {
    fn from(changed: &view::Changed) -> Self {
        let view::Changed { effect, by, sent_at, recorded_at, reason, replacement } = changed;
        Self {
            effect: Value::write(effect),
            by: Value::write(by),
            sent_at: Value::shown(sent_at),
            recorded_at: Value::shown(recorded_at),
            reason: Form::write(reason),
            replacement: Form::write(replacement),
        }
    }
}

/// An amendment or a recall, as one recipient was told of it.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    /// Amended or recalled.
    effect: Value<Effect>,
    /// By which message.
    by: Value<MessageId>,
    /// When the sender's node took that over, in UTC.
    sent_at: Value<OffsetTime>,
}

impl From<&answer::Change> for Change {
    fn from(change: &answer::Change) -> Self {
        let answer::Change { effect, sent_at, by } = change;
        Self { effect: Value::write(effect), by: Value::write(by), sent_at: Value::shown(sent_at) }
    }
}

/// The message in a forward, as its originator signed it.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Forwarded {
    /// The message.
    id: Value<MessageId>,
    /// Its originator.
    sender: Value<AgencyId>,
    /// To whom its originator sent it, ascending.
    recipients: Vec<Value<AgencyId>>,
    /// When its originator's node took it over, by that node's clock, in UTC.
    sent_at: Value<OffsetTime>,
    /// What it says.
    kind: Value<Kind>,
    /// What it is about.
    category: Value<Category>,
    /// To whom it may be shown.
    tlp: Value<Tlp>,
    /// How it may be used.
    handling: Vec<Value<HandlingCode>>,
    /// The restrictions of H3 in words.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    handling_text: Option<Value<Text>>,
    /// The message that it answers.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    in_reply_to: Option<Value<MessageId>>,
    /// How far the source and its information can be relied on.
    grading: Grading,
    /// For what purpose it was shared and may be used.
    purpose: Value<Line>,
    /// The last day, in UTC, on which it may be kept.
    retention_until: Value<Date>,
    /// What it says, opened.
    content: Content,
    /// What its originator did to it later, as far as that came here.
    #[serde(skip_serializing_if = "Absent::is_absent")]
    changed: Option<Changed>,
}

impl From<&view::Forwarded> for Forwarded {
    fn from(forwarded: &view::Forwarded) -> Self {
        let view::Forwarded {
            id,
            sender,
            recipients,
            sent_at,
            kind,
            category,
            handling,
            in_reply_to,
            alert,
            changed,
        } = forwarded;
        Self {
            id: Value::write(id),
            sender: Value::write(sender),
            recipients: recipients.iter().map(Value::write).collect(),
            sent_at: Value::shown(sent_at),
            kind: Value::write(kind),
            category: Value::write(category),
            tlp: Value::write(&handling.tlp()),
            handling: handling.codes().iter().map(Value::write).collect(),
            handling_text: alert.handling_text().map(Value::write),
            in_reply_to: Form::write(in_reply_to),
            grading: Form::write(&alert.grading()),
            purpose: Value::write(alert.purpose()),
            retention_until: Value::write(&alert.retention_until()),
            content: Form::write(alert.content()),
            changed: changed.as_ref().map(Changed::from),
        }
    }
}
