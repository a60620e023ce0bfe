//! Goods and people on their way through a third jurisdiction: stopped there, or let run and stopped on arrival.

use jiff::Timestamp;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{
    Action, Amendment, Content, Instruction, Stage, TransitCase, TransitGoods, TransitSubject, Window,
};
use sealpost_domain::identifier::{Identifier, TransportMode};
use sealpost_domain::message::Priority;

use super::journey::Journey;
use super::pen::{Note, Pen};
use super::plan::{Case, Find, Plot, Twist};
use super::{Error, goods, identifiers, later, list, people, read, twist};

/// Arrest ages are known; this is for those of whom they are not.
const USUAL_AGE: u32 = 41;

pub(super) fn tell(pen: &mut Pen<'_>, case: &Case, find: &Find, begins: Timestamp) -> Result<(), Error> {
    let journey = Journey::plan(pen.dice, case.route, TransportMode::Air, begins)?;
    let let_it_run = matches!(case.plot, Plot::ControlledDelivery(_));
    let transit = journey.transit();
    // The first agency on the way tells, unless it is the one that is asked to act.
    let teller = if journey.teller() == transit { journey.destination() } else { journey.teller() };
    let (subject, seen) = subject(pen, case, &journey, find)?;
    let (instruction, acts) = if let_it_run {
        (Instruction::LetItRun, journey.destination())
    } else {
        (pen.dice.pick(&[Instruction::Intercept, Instruction::Examine]), transit)
    };
    let stands_off: Vec<AgencyId> =
        if let_it_run { transit.office()?.into_iter().collect() } else { Vec::new() };
    let (inbound, outbound) = journey.in_and_out()?;
    let opens = transit.time(journey.first_arrival())?;
    let closes = transit.time(journey.last_departure())?;
    let transit_case = TransitCase {
        subject,
        transit_point: transit.locode()?,
        inbound,
        outbound,
        window: Window { opens, closes },
        instruction,
        acts: list(acts.office()?.into_iter().collect())?,
        stands_off: list(stands_off)?,
        suspicion: goods::suspicion(pen.dice, find)?,
    };
    let alert = |step, at, answers, content| Note {
        step,
        from: teller,
        to: journey.others(teller),
        at,
        priority: Priority::Flash,
        act_before: Some(closes),
        answers,
        content,
    };
    let told = pen.write(alert("alert", begins, None, Content::TransitCase(transit_case.clone())))?;
    if case.twist == Twist::AlertAmended {
        let suspicion = goods::suspicion(pen.dice, find)?;
        let replacement = Box::new(Content::TransitCase(TransitCase { suspicion, ..transit_case }));
        let reason = read("Further information about the suspicion came in.")?;
        let amended_at = later(begins, 30)?;
        let content = Content::Amendment(Amendment { replacement, reason });
        let amendment = pen.write(alert("amendment", amended_at, Some(told), content))?;
        twist::compliance(pen, teller, &journey.others(teller), (amendment, amended_at))?;
    }
    let action = if let_it_run { Action::LetPass } else { Action::Detained };
    let seen_at = later(journey.first_arrival(), 20)?;
    if let_it_run || pen.dice.percent(65) {
        twist::sighting(pen, &journey, told, (transit, seen_at, action), seen)?;
    }
    let end = if let_it_run {
        (journey.destination(), later(journey.arrives(), 90)?, Stage::Import)
    } else {
        (transit, later(journey.first_arrival(), 75)?, Stage::Transit)
    };
    twist::outcome(pen, &journey, told, end, (find, case.twist))
}

/// What or who passes through, and by what it is recognised.
fn subject(
    pen: &mut Pen<'_>,
    case: &Case,
    journey: &Journey,
    find: &Find,
) -> Result<(TransitSubject, Vec<Identifier>), Error> {
    if matches!(case.plot, Plot::TransitPerson(_)) {
        let age = find.arrests.first().and_then(|arrest| arrest.age).unwrap_or(USUAL_AGE);
        let person = people::person(pen.dice, age)?;
        let seen = person.documents.iter().map(|document| document.number().clone().into()).collect();
        return Ok((TransitSubject::Person(person), seen));
    }
    let waybill = Identifier::from(identifiers::air_waybill(pen.dice, journey.origin())?);
    let seen = vec![waybill.clone()];
    let description = read("consolidated air freight, transferred without customs clearance")?;
    Ok((TransitSubject::Goods(TransitGoods { description, identifiers: list(vec![waybill])? }), seen))
}
