//! What several plots have in common: sightings, outcomes that are put right, alerts that are withdrawn, questions
//! about sharing.

use jiff::Timestamp;
use sealpost_domain::alert::{
    Action, Amendment, Compliance, ComplianceAnswer, Content, Decision, List, Permission, Recall, Reply,
    ReplyResult, Request, Sighting, Stage,
};
use sealpost_domain::identifier::Identifier;
use sealpost_domain::message::{MessageId, Priority};

use super::goods::{self, Scene};
use super::journey::Journey;
use super::pen::{Note, Pen};
use super::places::Place;
use super::plan::{Find, Twist};
use super::{Error, later, list, read};

/// 'We saw it', at a place, to the others along the way.
pub(super) fn sighting(
    pen: &mut Pen<'_>,
    journey: &Journey,
    alert: MessageId,
    (place, at, action): (Place, Timestamp, Action),
    identifiers: Vec<Identifier>,
) -> Result<(), Error> {
    let content = Content::Sighting(Sighting {
        seen_at: place.time(at)?,
        place: goods::whereabouts(place)?,
        identifiers: list(identifiers)?,
        action,
        note: None,
    });
    pen.write(Note {
        step: "sighting",
        from: place,
        to: journey.others(place),
        at: later(at, 5)?,
        priority: Priority::Urgent,
        act_before: None,
        answers: Some(alert),
        content,
    })?;
    Ok(())
}

/// The outcome at a place, to the others along the way and the lead; with a twist it is first reported wrongly, or
/// twice.
pub(super) fn outcome(
    pen: &mut Pen<'_>,
    journey: &Journey,
    alert: MessageId,
    (place, at, stage): (Place, Timestamp, Stage),
    (find, twist): (&Find, Twist),
) -> Result<(), Error> {
    let scene = Scene { place, at, stage, mode: journey.mode() };
    let to = journey.others_and_lead(place)?;
    let content = goods::found(&scene, find)?;
    let report = |step, from, to: &[Place], minutes, answers, content| -> Result<Note, Error> {
        Ok(Note {
            step,
            from,
            to: to.to_vec(),
            at: later(at, minutes)?,
            priority: Priority::Routine,
            act_before: None,
            answers: Some(answers),
            content,
        })
    };
    match twist {
        Twist::OutcomeAmended => {
            let gross = Find { grams: find.grams + find.grams / 80 * 10 + 10, ..find.clone() };
            let first =
                pen.write(report("outcome", place, &to, 90, alert, goods::found(&scene, &gross)?)?)?;
            let reason = read("The first weight included the packaging.")?;
            let content = Content::Amendment(Amendment { replacement: Box::new(content), reason });
            pen.write(report("amendment", place, &to, 700, first, content)?)?;
        }
        Twist::OutcomeRecalled => {
            let teller = journey.teller();
            let told = journey.others_and_lead(teller)?;
            let twice = pen.write(report("outcome", teller, &told, 60, alert, content.clone())?)?;
            pen.write(report("outcome", place, &to, 95, alert, content)?)?;
            let reason = read("The agency at the destination reports this find; it would count twice.")?;
            pen.write(report("recall", teller, &told, 240, twice, Content::Recall(Recall { reason }))?)?;
        }
        _ => {
            pen.write(report("outcome", place, &to, 90, alert, content)?)?;
        }
    }
    Ok(())
}

/// The recipients' answers to a recall or an amendment.
pub(super) fn compliance(
    pen: &mut Pen<'_>,
    to: Place,
    from: &[Place],
    (answers, at): (MessageId, Timestamp),
) -> Result<(), Error> {
    for (place, minutes) in from.iter().zip((10..).step_by(7)) {
        let answer = match pen.dice.below(10) {
            0 => ComplianceAnswer::LegalHold,
            1..3 => ComplianceAnswer::AlreadyActedOn,
            _ => ComplianceAnswer::Complied,
        };
        pen.write(Note {
            step: "compliance",
            from: *place,
            to: vec![to],
            at: later(at, minutes)?,
            priority: Priority::Routine,
            act_before: None,
            answers: Some(answers),
            content: Content::Compliance(Compliance { answer, note: None }),
        })?;
    }
    Ok(())
}

/// A question to one agency and its answer, before or about an alert; gives the request.
pub(super) fn question(
    pen: &mut Pen<'_>,
    (from, to): (Place, Place),
    at: Timestamp,
    (text, answer): (&str, &str),
    (identifiers, about): (Vec<Identifier>, Option<MessageId>),
) -> Result<MessageId, Error> {
    let request = Content::Request(Request {
        question: read(text)?,
        identifiers: list(identifiers)?,
        case_reference: Some(read(&pen.case)?),
        due: from.time(later(at, 2880)?)?,
    });
    let request = note("request", (from, to), at, about, request);
    let request = pen.write(request)?;
    let result = if pen.dice.percent(70) { ReplyResult::Answered } else { ReplyResult::Partly };
    let reply = Content::Reply(Reply { result, answer: read(answer)?, identifiers: List::empty() });
    let minutes = pen.dice.between(20, 80);
    pen.write(note("reply", (to, from), later(at, minutes)?, Some(request), reply))?;
    Ok(request)
}

/// A recipient asks to share an alert with an agency that is not on the way; its originator decides.
pub(super) fn ask_sharing(
    pen: &mut Pen<'_>,
    (asks, decides, third): (Place, Place, Place),
    (alert, at): (MessageId, Timestamp),
) -> Result<(), Error> {
    let Some(agency) = third.office()? else { return Ok(()) };
    let request = Content::Request(Request {
        question: read(&format!(
            "May this alert be forwarded to {agency}? The consignee has a branch there."
        ))?,
        identifiers: List::empty(),
        case_reference: Some(read(&pen.case)?),
        due: asks.time(later(at, 1440)?)?,
    });
    pen.write(note("request", (asks, decides), later(at, 15)?, Some(alert), request))?;
    let granted = pen.dice.percent(60);
    let permission = Content::Permission(Permission {
        decision: if granted { Decision::Granted } else { Decision::Refused },
        agencies: list(if granted { vec![agency] } else { Vec::new() })?,
        until: None,
        conditions: granted.then(|| read("For the investigation of this case alone.")).transpose()?,
    });
    pen.write(note("permission", (decides, asks), later(at, 50)?, Some(alert), permission))?;
    Ok(())
}

fn note(
    step: &'static str,
    (from, to): (Place, Place),
    at: Timestamp,
    answers: Option<MessageId>,
    content: Content,
) -> Note {
    Note { step, from, to: vec![to], at, priority: Priority::Routine, act_before: None, answers, content }
}
