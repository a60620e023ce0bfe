//! The draft in JSON: what a sender hands in, in one flat object.

use schemars::JsonSchema;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::fault::Place;
use sealpost_domain::alert::{self, AlertParts, DraftParts, Line, Text};
use sealpost_domain::handling::{Handling, HandlingCode, Tlp};
use sealpost_domain::message::{Category, MessageId, OperationId, Priority, SharingMode};
use sealpost_domain::time::{Date, OffsetTime};
use serde::{Deserialize, Serialize};

use super::content::Content;
use super::form::{Absent, Form, Value};
use super::parts::Grading;

/// A message as its sender hands it in. Its node adds id, time, agreements and signatures.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Sealpost draft")]
pub(crate) struct Draft {
    /// The agencies that are to receive it, at most 64; may be left out when an operation is named, whose members are
    /// then addressed.
    #[serde(default, skip_serializing_if = "Absent::is_absent")]
    recipients: Vec<Value<AgencyId>>,
    /// The joint operation that is addressed, or to which the message belongs.
    #[serde(default, skip_serializing_if = "Absent::is_absent")]
    operation: Option<Value<OperationId>>,
    /// How urgent it is.
    priority: Value<Priority>,
    /// When the window in which to act closes: landing, departure of the transit leg.
    #[serde(default, skip_serializing_if = "Absent::is_absent")]
    act_before: Option<Value<OffsetTime>>,
    /// What it is about.
    category: Value<Category>,
    /// To whom it may be shown.
    tlp: Value<Tlp>,
    /// How it may be used.
    #[serde(default, skip_serializing_if = "Absent::is_absent")]
    handling: Vec<Value<HandlingCode>>,
    /// The restrictions of H3 in words; there exactly when `handling` has H3.
    #[serde(default, skip_serializing_if = "Absent::is_absent")]
    handling_text: Option<Value<Text>>,
    /// On whose initiative it is shared. When left out: a reply is `on_request`, all else `spontaneous`.
    #[serde(default, skip_serializing_if = "Absent::is_absent")]
    sharing_mode: Option<Value<SharingMode>>,
    /// The message that it answers; an amendment, recall, reply, permission, compliance or sighting names one.
    #[serde(default, skip_serializing_if = "Absent::is_absent")]
    in_reply_to: Option<Value<MessageId>>,
    /// How far the source and its information can be relied on.
    grading: Grading,
    /// For what purpose it is shared and may be used.
    purpose: Value<Line>,
    /// The last day, in UTC, on which recipients may keep it.
    retention_until: Value<Date>,
    /// What it says.
    content: Content,
}

impl Draft {
    /// Reads the draft; rules between fields are judged by the caller when all fields are valid.
    pub(super) fn read(self, at: &Place<'_>) -> Option<Result<alert::Draft, alert::Faults>> {
        let Self {
            recipients,
            operation,
            priority,
            act_before,
            category,
            tlp,
            handling,
            handling_text,
            sharing_mode,
            in_reply_to,
            grading,
            purpose,
            retention_until,
            content,
        } = self;
        let recipients = recipients.read(&at.field("recipients"));
        let operation = operation.read(&at.field("operation"));
        let priority = priority.read(&at.field("priority"));
        let act_before = act_before.read(&at.field("act_before"));
        let category = category.read(&at.field("category"));
        let tlp = tlp.read(&at.field("tlp"));
        let handling = handling.read(&at.field("handling"));
        let handling_text = handling_text.read(&at.field("handling_text"));
        let sharing_mode = sharing_mode.read(&at.field("sharing_mode"));
        let in_reply_to = in_reply_to.read(&at.field("in_reply_to"));
        let grading = grading.read(&at.field("grading"));
        let purpose = purpose.read(&at.field("purpose"));
        let retention_until = retention_until.read(&at.field("retention_until"));
        let content = content.read(&at.field("content"))?;
        let sharing = sharing_mode?.unwrap_or_else(|| alert::Draft::default_sharing(content.kind()));
        let alert = AlertParts {
            grading: grading?,
            purpose: purpose?,
            handling_text: handling_text?,
            retention_until: retention_until?,
            content,
        };
        Some(alert::Draft::assemble(DraftParts {
            recipients: recipients?.into_iter().collect(),
            operation: operation?,
            priority: priority?,
            act_before: act_before?,
            category: category?,
            handling: Handling::new(tlp?, handling?),
            sharing,
            in_reply_to: in_reply_to?,
            alert,
        }))
    }

    /// Writes a draft. The sharing mode is left out where it is the one that is assumed.
    pub(super) fn write(draft: &alert::Draft) -> Self {
        let DraftParts {
            recipients,
            operation,
            priority,
            act_before,
            category,
            handling,
            sharing,
            in_reply_to,
            alert,
        } = draft.parts();
        let AlertParts { grading, purpose, handling_text, retention_until, content } = alert.parts();
        let assumed = alert::Draft::default_sharing(content.kind());
        Self {
            recipients: recipients.iter().map(Value::write).collect(),
            operation: Form::write(operation),
            priority: Value::write(priority),
            act_before: Form::write(act_before),
            category: Value::write(category),
            tlp: Value::write(&handling.tlp()),
            handling: handling.codes().iter().map(Value::write).collect(),
            handling_text: Form::write(handling_text),
            sharing_mode: (*sharing != assumed).then(|| Value::write(sharing)),
            in_reply_to: Form::write(in_reply_to),
            grading: Form::write(grading),
            purpose: Value::write(purpose),
            retention_until: Value::write(retention_until),
            content: Form::write(content),
        }
    }
}
