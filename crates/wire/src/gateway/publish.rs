//! Messages that are handed in, and what their publisher is told.

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::fault::{Collector, Explain, Place, quote};
use sealpost_domain::alert::{Draft, DraftParts, Faults};
use sealpost_domain::approval::Release;
use sealpost_domain::envelope::BODY_BYTES_MAX;
use sealpost_domain::handling::Handling;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::MessageId;
use sealpost_domain::time::OffsetTime;
use sealpost_domain::view::{IdempotencyKey, Published, Refusal};
use sealpost_proto::v1 as pb;

use super::id_bytes;
use crate::Error;
use crate::alert;
use crate::envelope::{APPROVALS_MAX, signed_by_one, signed_message};
use crate::field::{In, instant};
use crate::names;

/// A message as its publisher hands it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The publisher's own name for it.
    pub key: Option<IdempotencyKey>,
    /// The message.
    pub draft: Draft,
    /// What officers have approved of it.
    pub release: Option<Release>,
}

/// Reads what is handed in: the client's number for it, and the message or everything that is wrong with it.
pub fn publish_request(message: pb::PublishRequest) -> (u64, Result<Publication, Vec<Refusal>>) {
    let pb::PublishRequest { sequence, idempotency_key, draft, release } = message;
    let publication = publication(&idempotency_key, draft, release)
        .map_err(|faults| faults.as_slice().iter().map(Refusal::from).collect());
    (sequence, publication)
}

/// Hands in a message.
pub fn publish_request_message(
    sequence: u64,
    key: Option<&IdempotencyKey>,
    draft: &Draft,
) -> pb::PublishRequest {
    pb::PublishRequest {
        sequence,
        idempotency_key: key.map(ToString::to_string).unwrap_or_default(),
        draft: Some(draft_message(draft)),
        release: None,
    }
}

/// Hands in a message that officers have approved. The alert of the draft goes as the bytes that they approved.
pub fn release_request_message(sequence: u64, draft: &Draft, release: &Release) -> pb::PublishRequest {
    pb::PublishRequest {
        sequence,
        idempotency_key: String::new(),
        draft: Some(pb::Draft { alert: None, ..draft_message(draft) }),
        release: Some(pb::Release {
            message_id: id_bytes(release.message),
            salt: Bytes::copy_from_slice(&release.salt),
            body: release.body.clone(),
            approvals: release.approvals.iter().map(signed_message).collect(),
        }),
    }
}

/// Reads what a publisher is told: its number for the message, and what became of it.
pub fn answer(message: pb::PublishResponse) -> Result<(u64, Result<Published, Vec<Refusal>>), Error> {
    let at = In("PublishResponse");
    let pb::PublishResponse { sequence, result } = message;
    let result = match at.required("result", result)? {
        pb::publish_response::Result::Accepted(accepted) => Ok(published(accepted)?),
        pb::publish_response::Result::Refused(pb::Refused { faults }) => {
            Err(faults.into_iter().map(refusal).collect())
        }
    };
    Ok((sequence, result))
}

/// Tells a publisher what became of a message.
pub fn answer_message(sequence: u64, result: &Result<Published, Vec<Refusal>>) -> pb::PublishResponse {
    let result = match result {
        Ok(published) => pb::publish_response::Result::Accepted(published_message(published)),
        Err(refusals) => pb::publish_response::Result::Refused(pb::Refused {
            faults: refusals.iter().map(fault_message).collect(),
        }),
    };
    pb::PublishResponse { sequence, result: Some(result) }
}

fn publication(
    key: &str,
    mut draft: Option<pb::Draft>,
    release: Option<pb::Release>,
) -> Result<Publication, Faults> {
    let collector = Collector::default();
    let root = collector.root();
    let key = if key.is_empty() {
        Some(None)
    } else {
        let at = root.field("idempotency_key");
        key.parse()
            .map_err(|_| at.fault(quote(key), "1 to 64 visible ASCII characters without blanks"))
            .ok()
            .map(Some)
    };
    if let (Some(draft), Some(release)) = (&mut draft, &release) {
        approved_alert(draft, &release.body, &root);
    }
    let release = match release {
        Some(message) => self::release(message, &root.field("release")).map(Some),
        None => Some(None),
    };
    let parts = match draft {
        Some(draft) => draft_parts(draft, &root),
        None => root.field("draft").missing("a message"),
    };
    let key = key.and_then(|key| keyed(key, release.as_ref()?.as_ref(), &root));
    let ((key, release), parts) = collector.finish(key.zip(release).zip(parts))?;
    Ok(Publication { key, draft: Draft::new(parts)?, release })
}

/// A message that was approved is named by its id: the same approvals are not sent twice.
#[expect(clippy::option_option, reason = "absent, or wrong: the two are told apart")]
fn keyed(
    key: Option<IdempotencyKey>,
    release: Option<&Release>,
    at: &Place<'_>,
) -> Option<Option<IdempotencyKey>> {
    let Some(release) = release else { return Some(key) };
    let id = release.message.to_string();
    match &key {
        Some(other) if other.as_str() != id => {
            at.field("idempotency_key")
                .fault(quote(other.as_str()), format!("none, or {id}: the message id"));
            None
        }
        _ => Some(id.parse().ok()),
    }
}

/// The alert is the one in the bytes that officers approved.
fn approved_alert(draft: &mut pb::Draft, body: &Bytes, at: &Place<'_>) {
    if draft.alert.is_some() {
        at.field("alert").fault("an alert", "none beside a release, whose body it is");
    }
    match pb::Alert::decode(body.clone()) {
        Ok(alert) => draft.alert = Some(alert),
        Err(error) => {
            at.field("release").field("body").fault(error.to_string(), "the bytes of an Alert");
        }
    }
}

fn release(message: pb::Release, at: &Place<'_>) -> Option<Release> {
    let pb::Release { message_id, salt, body, approvals } = message;
    let shown = format!("{} bytes", message_id.len());
    let message = at.field("message_id").take(&shown, MessageId::try_from(message_id.as_ref()));
    let fixed: Option<[u8; 32]> = salt.as_ref().try_into().ok();
    if fixed.is_none() {
        at.field("salt").fault(format!("{} bytes", salt.len()), "32 bytes");
    }
    if body.is_empty() || body.len() > BODY_BYTES_MAX {
        at.field("body").fault(format!("{} bytes", body.len()), format!("1 to {BODY_BYTES_MAX} bytes"));
    }
    let at = at.field("approvals");
    if approvals.is_empty() || approvals.len() > APPROVALS_MAX {
        at.fault(format!("{} approvals", approvals.len()), format!("1 to {APPROVALS_MAX}"));
    }
    let approvals = all(approvals.into_iter().enumerate().map(|(index, message)| {
        signed_by_one(message)
            .map_err(|error| at.item(index).fault(error.to_string(), "a signed Approval"))
            .ok()
    }));
    Some(Release { message: message?, salt: fixed?, body, approvals: approvals? })
}

fn draft_parts(message: pb::Draft, at: &Place<'_>) -> Option<DraftParts> {
    let pb::Draft {
        recipients,
        operation_id,
        priority,
        act_before_ms,
        category,
        mode,
        tlp,
        handling_codes,
        in_reply_to,
        alert,
    } = message;
    let reading = In("Draft");
    let recipients = all(recipients
        .iter()
        .enumerate()
        .map(|(index, agency)| at.field("recipients").item(index).parse::<AgencyId>(agency)));
    let operation =
        at.field("operation").parse_optional((!operation_id.is_empty()).then_some(operation_id.as_str()));
    let priority = take(at, "priority", names::priority(reading, "priority", priority));
    let act_before = match act_before_ms {
        None => Some(None),
        Some(unix_ms) => time(&at.field("act_before"), unix_ms).map(Some),
    };
    let category = take(at, "category", names::category(reading, "category", category));
    let sharing = take(at, "sharing_mode", names::mode(reading, "mode", mode));
    let tlp = take(at, "tlp", names::tlp(reading, "tlp", tlp));
    let codes = all(handling_codes
        .iter()
        .map(|code| take(at, "handling", names::handling_code(reading, "handling_codes", *code))));
    let in_reply_to = if in_reply_to.is_empty() {
        Some(None)
    } else {
        let id = MessageId::try_from(in_reply_to.as_ref());
        id.map_err(|error| {
            let (_, expected) = error.explain("");
            at.field("in_reply_to").fault(format!("{} bytes", in_reply_to.len()), expected);
        })
        .ok()
        .map(Some)
    };
    let alert = match alert {
        Some(alert) => alert::alert(alert).map_err(|faults| repeat(at, &faults)).ok(),
        None => at.field("alert").missing("what the message says"),
    };
    Some(DraftParts {
        recipients: recipients?,
        operation: operation?,
        priority: priority?,
        act_before: act_before?,
        category: category?,
        handling: Handling::new(tlp?, codes?),
        sharing: sharing?,
        in_reply_to: in_reply_to?,
        alert: alert?,
    })
}

fn draft_message(draft: &Draft) -> pb::Draft {
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
    let (tlp, handling_codes) = names::handling_numbers(handling);
    pb::Draft {
        recipients: recipients.iter().map(AgencyId::to_string).collect(),
        operation_id: operation.as_ref().map(ToString::to_string).unwrap_or_default(),
        priority: names::priority_number(*priority),
        act_before_ms: act_before.map(|time| time.instant().as_millis()),
        category: names::category_number(*category),
        mode: names::mode_number(*sharing),
        tlp,
        handling_codes,
        in_reply_to: in_reply_to.map(id_bytes).unwrap_or_default(),
        alert: Some(alert::alert_message(alert)),
    }
}

/// All values, or `None` when one is wrong; every one is looked at, so that all faults are told.
fn all<T>(values: impl Iterator<Item = Option<T>>) -> Option<Vec<T>> {
    let values: Vec<Option<T>> = values.collect();
    values.into_iter().collect()
}

fn take<T>(at: &Place<'_>, field: &str, result: Result<T, Error>) -> Option<T> {
    result
        .map_err(|error| match error {
            Error::Field { problem, .. } => {
                at.field(field).fault(format!("a value that {problem}"), "a value that proto/ lists");
            }
            other => at.field(field).fault(other.to_string(), "a value that proto/ lists"),
        })
        .ok()
}

fn repeat(at: &Place<'_>, faults: &Faults) {
    for fault in faults.as_slice() {
        at.field(fault.path()).fault(fault.found(), fault.expected());
    }
}

fn time(at: &Place<'_>, unix_ms: i64) -> Option<OffsetTime> {
    let time = OffsetTime::from_instant(Instant::from_millis(unix_ms));
    if time.is_none() {
        at.fault(
            format!("{unix_ms} milliseconds"),
            "a time in the years 1 to 9999, in milliseconds since 1970",
        );
    }
    time
}

fn published(message: pb::Published) -> Result<Published, Error> {
    let at = In("Published");
    let pb::Published { message_id, ledger_index, published_at_ms, recipients, repeated_key } = message;
    Ok(Published {
        id: at.bytes("message_id", &message_id)?,
        index: ledger_index,
        at: instant(published_at_ms),
        recipients: recipients
            .iter()
            .map(|agency| at.agency("recipients", agency))
            .collect::<Result<_, _>>()?,
        repeated_key,
    })
}

fn published_message(published: &Published) -> pb::Published {
    pb::Published {
        message_id: id_bytes(published.id),
        ledger_index: published.index,
        published_at_ms: published.at.as_millis(),
        recipients: published.recipients.iter().map(AgencyId::to_string).collect(),
        repeated_key: published.repeated_key,
    }
}

fn refusal(message: pb::Fault) -> Refusal {
    let pb::Fault { path, rule, detail } = message;
    Refusal { path, rule, detail }
}

fn fault_message(refusal: &Refusal) -> pb::Fault {
    let Refusal { path, rule, detail } = refusal.clone();
    pb::Fault { path, rule, detail }
}
