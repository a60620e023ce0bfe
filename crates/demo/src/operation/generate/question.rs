//! Questions to the agencies along a route, or to all of the operation; those along the route answer.

use jiff::Timestamp;
use sealpost_domain::alert::{Content, Line, Reply, ReplyResult, Request};
use sealpost_domain::identifier::TransportMode;
use sealpost_domain::message::Priority;

use super::journey::Journey;
use super::pen::{Note, Pen};
use super::plan::{Asked, Case};
use super::{Error, identifiers, later, list, read};

const QUESTIONS: &[&str] = &[
    "Who used this telephone between 1 and 20 September? It was found with an invented courier.",
    "Did a passenger with this tag collect it, and was the bag searched?",
    "Please check this waybill against your finds since August.",
];

pub(super) fn tell(pen: &mut Pen<'_>, case: &Case, asked: Asked, begins: Timestamp) -> Result<(), Error> {
    let journey = Journey::plan(pen.dice, case.route, TransportMode::Air, begins)?;
    let asks = journey.destination();
    let answering = journey.others_and_lead(asks)?;
    let to = match asked {
        Asked::Route => answering.clone(),
        Asked::Operation => Vec::new(),
    };
    let which = pen.dice.below(3);
    let (text, identifier) = match which {
        0 => (QUESTIONS[0], identifiers::imei(pen.dice)?.into()),
        1 => (QUESTIONS[1], identifiers::baggage_tag(pen.dice, journey.origin())?.into()),
        _ => (QUESTIONS[2], identifiers::air_waybill(pen.dice, journey.origin())?.into()),
    };
    let due = asks.time(later(begins, 2 * 24 * 60)?)?;
    let case_reference: Option<Line> = Some(read(&pen.case)?);
    let content = Content::Request(Request {
        question: read(text)?,
        identifiers: list(vec![identifier])?,
        case_reference,
        due,
    });
    let note = |step, from, to, at, answers, content| Note {
        step,
        from,
        to,
        at,
        priority: Priority::Routine,
        act_before: None,
        answers,
        content,
    };
    let request = pen.write(note("request", asks, to, begins, None, content))?;
    let mut at = begins;
    for place in answering {
        at = later(at, pen.dice.between(60, 600))?;
        let (result, answer) = match pen.dice.below(3) {
            0 => (ReplyResult::NothingFound, "Searched; nothing is known here."),
            1 => (ReplyResult::Partly, "Known from one invented case; the file is being fetched."),
            _ => (ReplyResult::Answered, "Yes. Details were read out to your duty officer."),
        };
        let content = Content::Reply(Reply { result, answer: read(answer)?, identifiers: list(Vec::new())? });
        pen.write(note("reply", place, vec![asks], at, Some(request), content))?;
    }
    Ok(())
}
