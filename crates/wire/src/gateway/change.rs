//! What became of a message later, and what its recipients answered.

use sealpost_domain::alert::fault::Collector;
use sealpost_domain::alert::{ComplianceAnswer, Content, Enclosed};
use sealpost_domain::answer::{Change, Effect};
use sealpost_domain::view::{Answered, Changed, RecipientAnswer};
use sealpost_proto::v1 as pb;

use super::id_bytes;
use crate::Error;
use crate::alert;
use crate::field::{In, enumeration, instant};

enumeration!(effect, effect_number, pb::Effect, Effect {
    Amended = Amended,
    Recalled = Recalled,
});

enumeration!(compliance, compliance_number, pb::ComplianceAnswer, ComplianceAnswer {
    Complied = Complied,
    AlreadyActedOn = AlreadyActedOn,
    KeptUnderLegalHold = LegalHold,
});

pub(super) fn changed(message: pb::Changed) -> Result<Changed, Error> {
    let at = In("Changed");
    let pb::Changed { effect: what, message_id, sent_at_ms, recorded_at_ms, reason, replacement } = message;
    Ok(Changed {
        effect: effect(at, "effect", what)?,
        by: at.bytes("message_id", &message_id)?,
        sent_at: instant(sent_at_ms),
        recorded_at: instant(recorded_at_ms),
        reason: at.parse_optional("reason", &reason)?,
        replacement: replacement.map(|replacement| content(at, replacement)).transpose()?,
    })
}

pub(super) fn changed_message(changed: &Changed) -> pb::Changed {
    let Changed { effect, by, sent_at, recorded_at, reason, replacement } = changed;
    pb::Changed {
        effect: effect_number(*effect),
        message_id: id_bytes(*by),
        sent_at_ms: sent_at.as_millis(),
        recorded_at_ms: recorded_at.as_millis(),
        reason: reason.as_ref().map(ToString::to_string).unwrap_or_default(),
        replacement: replacement.as_ref().map(alert::content_message),
    }
}

pub(super) fn change(message: &pb::Change) -> Result<Change, Error> {
    let at = In("Change");
    let pb::Change { effect: what, message_id, sent_at_ms } = message;
    Ok(Change {
        effect: effect(at, "effect", *what)?,
        sent_at: instant(*sent_at_ms),
        by: at.bytes("message_id", message_id)?,
    })
}

pub(super) fn change_message(change: &Change) -> pb::Change {
    let Change { effect, sent_at, by } = change;
    pb::Change { effect: effect_number(*effect), message_id: id_bytes(*by), sent_at_ms: sent_at.as_millis() }
}

pub(super) fn answer(message: pb::RecipientAnswer) -> Result<RecipientAnswer, Error> {
    let at = In("RecipientAnswer");
    let pb::RecipientAnswer { agency, answer, note, message_id, answered_at_ms, late } = message;
    let none = pb::ComplianceAnswer::Unspecified as i32;
    let answered = answered_at_ms.map(|unix_ms| -> Result<_, Error> {
        Ok(Answered {
            answer: (answer != none).then(|| compliance(at, "answer", answer)).transpose()?,
            note: at.parse_optional("note", &note)?,
            by: at.bytes("message_id", &message_id)?,
            at: instant(unix_ms),
        })
    });
    Ok(RecipientAnswer { agency: at.agency("agency", &agency)?, answered: answered.transpose()?, late })
}

pub(super) fn answer_message(answer: &RecipientAnswer) -> pb::RecipientAnswer {
    let RecipientAnswer { agency, answered, late } = answer;
    let none = pb::ComplianceAnswer::Unspecified as i32;
    let answered = answered.as_ref();
    pb::RecipientAnswer {
        agency: agency.to_string(),
        answer: answered.and_then(|answered| answered.answer).map_or(none, compliance_number),
        note: answered
            .and_then(|answered| answered.note.as_ref())
            .map(ToString::to_string)
            .unwrap_or_default(),
        message_id: answered.map(|answered| id_bytes(answered.by)).unwrap_or_default(),
        answered_at_ms: answered.map(|answered| answered.at.as_millis()),
        late: *late,
    }
}

fn content(at: In, message: pb::AlertContent) -> Result<Content, Error> {
    alert::content(message).map_err(|faults| at.fault("replacement", faults))
}

pub(super) fn enclosed(message: pb::Enclosed) -> Result<Enclosed, Error> {
    let collector = Collector::default();
    let enclosed = alert::enclosed(message, &collector.root());
    collector.finish(enclosed).map_err(|faults| In("Message").fault("enclosed", faults))
}

pub(super) fn enclosed_message(enclosed: &Enclosed) -> pb::Enclosed {
    alert::enclosed_message(enclosed)
}
