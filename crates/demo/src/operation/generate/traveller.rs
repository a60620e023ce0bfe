//! People who carry something, arrested on arrival.

use jiff::Timestamp;
use sealpost_domain::alert::{Action, Amendment, Content, List, Movement, Stage, SuspectTraveller};
use sealpost_domain::identifier::{Identifier, TransportMode};
use sealpost_domain::message::Priority;

use super::journey::Journey;
use super::pen::{Note, Pen};
use super::plan::{Case, Find, Twist};
use super::{Error, goods, identifiers, later, list, people, read, shipment, twist};

/// The age of a suspect of whom nobody was arrested.
const USUAL_AGE: u32 = 34;

pub(super) fn tell(pen: &mut Pen<'_>, case: &Case, find: &Find, begins: Timestamp) -> Result<(), Error> {
    let journey = Journey::plan(pen.dice, case.route, TransportMode::Air, begins)?;
    let (teller, destination) = (journey.teller(), journey.destination());
    let traveller = traveller(pen, &journey, find)?;
    let landing = journey.at_destination(journey.arrives())?;
    let alert = |step, at, answers, content| Note {
        step,
        from: teller,
        to: journey.others(teller),
        at,
        priority: Priority::Flash,
        act_before: Some(landing),
        answers,
        content,
    };
    let seen = traveller.flights.last().cloned().map(Identifier::from);
    let told = match case.twist {
        Twist::AlertAmended => {
            let flights = list(journey.mistaken(pen.dice)?.flights())?;
            let mistaken = SuspectTraveller { flights, ..traveller.clone() };
            let first = pen.write(alert("alert", begins, None, Content::SuspectTraveller(mistaken)))?;
            let reason = read("The traveller changed to another flight.")?;
            let replacement = Box::new(Content::SuspectTraveller(traveller));
            let amended_at = later(begins, 35)?;
            let content = Content::Amendment(Amendment { replacement, reason });
            let amendment = pen.write(alert("amendment", amended_at, Some(first), content))?;
            twist::compliance(pen, teller, &journey.others(teller), (amendment, amended_at))?;
            first
        }
        _ => pen.write(alert("alert", begins, None, Content::SuspectTraveller(traveller)))?,
    };
    if case.twist == Twist::SharingAsked {
        let third = shipment::third_party(pen, &journey);
        twist::ask_sharing(pen, (destination, teller, third), (told, begins))?;
    }
    let arrives = journey.arrives();
    if pen.dice.percent(60) {
        let action = pen.dice.pick(&[Action::Observing, Action::Detained]);
        let seen = seen.into_iter().collect();
        twist::sighting(pen, &journey, told, (destination, later(arrives, 15)?, action), seen)?;
    }
    let searched = later(arrives, pen.dice.between(60, 200))?;
    twist::outcome(pen, &journey, told, (destination, searched, Stage::Import), (find, case.twist))
}

fn traveller(pen: &mut Pen<'_>, journey: &Journey, find: &Find) -> Result<SuspectTraveller, Error> {
    let age = find.arrests.first().and_then(|arrest| arrest.age).unwrap_or(USUAL_AGE);
    let tag = identifiers::baggage_tag(pen.dice, journey.origin())?;
    Ok(SuspectTraveller {
        person: people::person(pen.dice, age)?,
        movement: Movement::Arriving,
        flights: list(journey.flights())?,
        route: List::empty(),
        baggage_tags: list(vec![tag])?,
        companions: List::empty(),
        suspicion: goods::suspicion(pen.dice, find)?,
    })
}
