//! Consignments by air, found on arrival.

use jiff::Timestamp;
use sealpost_domain::alert::{Action, Amendment, Content, Stage, SuspectShipment};
use sealpost_domain::identifier::{AirWaybill, Identifier, TransportMode};
use sealpost_domain::message::{MessageId, Priority};

use super::journey::Journey;
use super::pen::{Note, Pen};
use super::places::{PLACES, Place};
use super::plan::{Case, Find, Twist};
use super::{Error, goods, identifiers, later, list, people, read, twist};

pub(super) fn tell(pen: &mut Pen<'_>, case: &Case, find: &Find, begins: Timestamp) -> Result<(), Error> {
    let journey = Journey::plan(pen.dice, case.route, TransportMode::Air, begins)?;
    let (teller, destination) = (journey.teller(), journey.destination());
    let waybill = identifiers::air_waybill(pen.dice, journey.origin())?;
    let asked = match case.twist {
        Twist::AskedFirst => Some(ask(pen, &journey, &waybill, begins)?),
        _ => None,
    };
    let shipment = shipment(pen, &journey, &waybill, find)?;
    let told_at = if asked.is_some() { later(begins, 85)? } else { begins };
    let alert = |step, at, answers, content| -> Result<Note, Error> {
        Ok(Note {
            step,
            from: teller,
            to: journey.others(teller),
            at,
            priority: Priority::Urgent,
            act_before: Some(journey.at_destination(later(journey.arrives(), 360)?)?),
            answers,
            content,
        })
    };
    let told = match case.twist {
        Twist::AlertAmended => {
            let mistaken =
                SuspectShipment { route: list(journey.mistaken(pen.dice)?.legs()?)?, ..shipment.clone() };
            let first = pen.write(alert("alert", told_at, None, Content::SuspectShipment(mistaken))?)?;
            let reason = read("The consignment was booked on another flight of the same day.")?;
            let replacement = Box::new(Content::SuspectShipment(shipment));
            let content = Content::Amendment(Amendment { replacement, reason });
            let amended_at = later(told_at, 25)?;
            let amendment = pen.write(alert("amendment", amended_at, Some(first), content)?)?;
            twist::compliance(pen, teller, &journey.others(teller), (amendment, amended_at))?;
            first
        }
        _ => pen.write(alert("alert", told_at, asked, Content::SuspectShipment(shipment))?)?,
    };
    if case.twist == Twist::SharingAsked {
        let third = third_party(pen, &journey);
        twist::ask_sharing(pen, (destination, teller, third), (told, told_at))?;
    }
    let arrives = journey.arrives();
    if pen.dice.percent(55) {
        let action = pen.dice.pick(&[Action::Examining, Action::Observing, Action::Detained]);
        let seen = vec![Identifier::from(waybill)];
        twist::sighting(pen, &journey, told, (destination, later(arrives, 40)?, action), seen)?;
    }
    let examined = later(arrives, pen.dice.between(120, 300))?;
    twist::outcome(pen, &journey, told, (destination, examined, Stage::Import), (find, case.twist))
}

fn ask(
    pen: &mut Pen<'_>,
    journey: &Journey,
    waybill: &AirWaybill,
    at: Timestamp,
) -> Result<MessageId, Error> {
    let text = "Is this waybill known to you? It was booked and cancelled twice.";
    let answer = "The consignor is under watch here; an alert follows.";
    let about = (vec![Identifier::from(waybill.clone())], None);
    twist::question(pen, (journey.destination(), journey.teller()), at, (text, answer), about)
}

fn shipment(
    pen: &mut Pen<'_>,
    journey: &Journey,
    waybill: &AirWaybill,
    find: &Find,
) -> Result<SuspectShipment, Error> {
    let reference = identifiers::ucr(pen.dice, journey.origin())?;
    Ok(SuspectShipment {
        mode: journey.mode(),
        identifiers: list(vec![waybill.clone().into(), reference.into()])?,
        goods: list(vec![goods::declared(pen.dice)?])?,
        consignor: Some(people::company(pen.dice, journey.origin())?),
        consignee: Some(people::company(pen.dice, journey.destination())?),
        route: list(journey.legs()?)?,
        suspicion: goods::suspicion(pen.dice, find)?,
    })
}

/// An agency that is not on the way.
pub(super) fn third_party(pen: &mut Pen<'_>, journey: &Journey) -> Place {
    let on_the_way = journey.others(journey.teller());
    let far: Vec<Place> = PLACES
        .iter()
        .copied()
        .filter(|place| place.takes_part() && *place != journey.teller() && !on_the_way.contains(place))
        .collect();
    pen.dice.pick(&far)
}
