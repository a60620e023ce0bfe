//! Alerts that come to nothing: examined in vain, or withdrawn because their source failed. By every mode of
//! transport.

use jiff::Timestamp;
use sealpost_domain::alert::{Content, Recall, Stage, SuspectShipment};
use sealpost_domain::identifier::{Concealment, Identifier, TransportMode};
use sealpost_domain::message::Priority;

use super::goods::{self, Scene};
use super::journey::Journey;
use super::pen::{Note, Pen};
use super::plan::{Case, Twist};
use super::{Error, identifiers, later, list, people, read, twist};

pub(super) fn tell(
    pen: &mut Pen<'_>,
    case: &Case,
    mode: TransportMode,
    begins: Timestamp,
) -> Result<(), Error> {
    let journey = Journey::plan(pen.dice, case.route, mode, begins)?;
    let (teller, destination) = (journey.teller(), journey.destination());
    let note = |step, from, to, at, priority, answers, content| Note {
        step,
        from,
        to,
        at,
        priority,
        act_before: None,
        answers,
        content,
    };
    let shipment = Content::SuspectShipment(SuspectShipment {
        mode,
        identifiers: list(tokens(pen, &journey)?)?,
        goods: list(vec![goods::declared(pen.dice)?])?,
        consignor: Some(people::company(pen.dice, journey.origin())?),
        consignee: Some(people::company(pen.dice, destination)?),
        route: list(journey.legs()?)?,
        suspicion: goods::vague_suspicion(pen.dice, concealment(mode))?,
    });
    let others = journey.others(teller);
    let alert =
        pen.write(note("alert", teller, others.clone(), begins, Priority::Routine, None, shipment))?;
    if case.twist == Twist::AlertRecalled {
        let recalled_at = later(begins, 60)?;
        let recall = Content::Recall(Recall { reason: read("The source has withdrawn what it said.")? });
        let recall =
            note("recall", teller, others.clone(), recalled_at, Priority::Urgent, Some(alert), recall);
        let recall = pen.write(recall)?;
        return twist::compliance(pen, teller, &others, (recall, recalled_at));
    }
    let at = later(journey.arrives(), pen.dice.between(100, 400))?;
    let scene = Scene { place: destination, at, stage: Stage::Import, mode };
    let to = journey.others_and_lead(destination)?;
    let outcome = goods::nothing_found(&scene)?;
    pen.write(note("outcome", destination, to, later(at, 45)?, Priority::Routine, Some(alert), outcome))?;
    Ok(())
}

/// By what a consignment of a mode is recognised.
fn tokens(pen: &mut Pen<'_>, journey: &Journey) -> Result<Vec<Identifier>, Error> {
    let origin = journey.origin();
    let dice = &mut *pen.dice;
    Ok(match journey.mode() {
        TransportMode::Sea => vec![
            identifiers::container(dice)?.into(),
            identifiers::imo_number(dice)?.into(),
            identifiers::mmsi(dice)?.into(),
        ],
        TransportMode::Road => {
            vec![identifiers::vehicle_plate(dice, origin)?.into(), identifiers::vin(dice)?.into()]
        }
        TransportMode::Rail => {
            vec![identifiers::container(dice)?.into(), identifiers::ucr(dice, origin)?.into()]
        }
        TransportMode::Mail => vec![identifiers::postal_item(dice, origin)?.into()],
        _ => vec![identifiers::air_waybill(dice, origin)?.into()],
    })
}

fn concealment(mode: TransportMode) -> Concealment {
    match mode {
        TransportMode::Sea | TransportMode::Rail => Concealment::ContainerStructure,
        TransportMode::Road => Concealment::Vehicle,
        TransportMode::Mail => Concealment::Postal,
        _ => Concealment::InGoods,
    }
}
