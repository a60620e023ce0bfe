//! Rules that tie the fields of a content together. Single fields are valid by their types.

use super::answer::{Amendment, Decision, Enclosed, Forward, Permission, Place as Whereabouts, Sighting};
use super::consignment::{Leg, SuspectShipment};
use super::content::Content;
use super::fault::Place;
use super::outcome::{Arrest, Outcome, OutcomeResult, Seizure};
use super::person::{Person, SuspectTraveller};
use super::quantity::{Quantity, Unit};
use super::transit::{TransitCase, TransitSubject};
use crate::envelope::{BODY_BYTES_MAX, HEADER_BYTES_MAX};
use crate::message::Kind;

/// Reports every rule that a content breaks. `at` is where the content stands.
pub(super) fn check(content: &Content, at: &Place<'_>) {
    let at = at.field(content.kind().as_str());
    match content {
        Content::SuspectShipment(shipment) => check_shipment(shipment, &at),
        Content::SuspectTraveller(traveller) => check_traveller(traveller, &at),
        Content::TransitCase(case) => check_transit(case, &at),
        Content::Amendment(amendment) => check_amendment(amendment, &at),
        Content::Permission(permission) => check_permission(permission, &at),
        Content::Forward(forward) => check_forward(forward, &at),
        Content::Sighting(sighting) => check_sighting(sighting, &at),
        Content::Outcome(outcome) => check_outcome(outcome, &at),
        Content::Recall(_) | Content::Request(_) | Content::Reply(_) | Content::Compliance(_) => {}
    }
}

fn check_shipment(shipment: &SuspectShipment, at: &Place<'_>) {
    if shipment.identifiers.is_empty() && shipment.consignor.is_none() && shipment.consignee.is_none() {
        at.fault("no identifier, consignor or consignee", "at least one of them, so that it can be found");
    }
    for (index, goods) in shipment.goods.iter().enumerate() {
        if let Some(quantity) = goods.quantity {
            check_quantity(quantity, &at.field("goods").item(index).field("quantity"));
        }
    }
    check_route(&shipment.route, at);
}

fn check_traveller(traveller: &SuspectTraveller, at: &Place<'_>) {
    check_person(&traveller.person, &at.field("person"));
    for (index, companion) in traveller.companions.iter().enumerate() {
        check_person(companion, &at.field("companions").item(index));
    }
    check_route(&traveller.route, at);
}

fn check_person(person: &Person, at: &Place<'_>) {
    if person.surname.is_none() && person.given_names.is_none() && person.documents.is_empty() {
        at.fault("no name and no document", "at least one of surname, given_names and documents");
    }
}

fn check_route(route: &[Leg], at: &Place<'_>) {
    for (index, leg) in route.iter().enumerate() {
        check_leg(leg, &at.field("route").item(index));
    }
}

fn check_leg(leg: &Leg, at: &Place<'_>) {
    if let (Some(departs), Some(arrives)) = (leg.departs, leg.arrives)
        && arrives.timestamp() <= departs.timestamp()
    {
        at.field("arrives").fault(arrives.to_string(), format!("a time after the departure, {departs}"));
    }
}

fn check_transit(case: &TransitCase, at: &Place<'_>) {
    if let TransitSubject::Person(person) = &case.subject {
        check_person(person, &at.field("subject").field("person"));
    }
    check_leg(&case.inbound, &at.field("inbound"));
    check_leg(&case.outbound, &at.field("outbound"));
    let (opens, closes) = (case.window.opens, case.window.closes);
    if closes.timestamp() <= opens.timestamp() {
        let expected = format!("a time after the window opens, {opens}");
        at.field("window").field("closes").fault(closes.to_string(), expected);
    }
    for (index, agency) in case.stands_off.iter().enumerate() {
        if case.acts.contains(agency) {
            let expected = "an agency that is not also asked to act";
            at.field("stands_off").item(index).fault(agency.to_string(), expected);
        }
    }
}

fn check_amendment(amendment: &Amendment, at: &Place<'_>) {
    let at = at.field("replacement");
    let kind = amendment.replacement.kind();
    if matches!(kind, Kind::Amendment | Kind::Recall | Kind::Permission | Kind::Compliance | Kind::Forward) {
        let expected = "a content that can be replaced: a shipment, traveller, transit case, request, reply, \
                        sighting or outcome";
        at.fault(kind.as_str(), expected);
    } else {
        check(&amendment.replacement, &at);
    }
}

fn check_permission(permission: &Permission, at: &Place<'_>) {
    let at = at.field("agencies");
    match (permission.decision, permission.agencies.is_empty()) {
        (Decision::Granted, true) => at.fault("none", "the agencies to which it may be forwarded"),
        (Decision::Refused, false) => at.fault("agencies", "none, since permission is refused"),
        (Decision::Granted, false) | (Decision::Refused, true) => {}
    }
}

fn check_forward(forward: &Forward, at: &Place<'_>) {
    check_enclosed(&forward.enclosed(), at);
    if let Some(grant) = &forward.grant {
        check_enclosed(grant, &at.field("grant"));
        if forward.permission.is_none() {
            at.field("permission").fault("nothing", "the message id of the permission that is enclosed");
        }
    }
}

fn check_enclosed(enclosed: &Enclosed, at: &Place<'_>) {
    for (name, len, max) in
        [("header", enclosed.header.len(), HEADER_BYTES_MAX), ("body", enclosed.body.len(), BODY_BYTES_MAX)]
    {
        if len == 0 || len > max {
            at.field(name).fault(format!("{len} bytes"), format!("1 to {max} bytes"));
        }
    }
    if enclosed.signatures.is_empty() {
        at.field("signatures").fault("none", "the signatures over the enclosed header");
    }
}

fn check_sighting(sighting: &Sighting, at: &Place<'_>) {
    check_whereabouts(&sighting.place, &at.field("place"));
    if sighting.identifiers.is_empty() && sighting.note.is_none() {
        at.fault("no identifier and no note", "at least one of them: what was seen");
    }
}

fn check_whereabouts(place: &Whereabouts, at: &Place<'_>) {
    if place.locode.is_none() && place.description.is_none() {
        at.fault("nothing", "locode, description or both");
    }
}

fn check_outcome(outcome: &Outcome, at: &Place<'_>) {
    if let Some(place) = &outcome.place {
        check_whereabouts(place, &at.field("place"));
    }
    let cases = match outcome.result {
        OutcomeResult::Found => 1..=Outcome::CASES_MAX,
        OutcomeResult::FalsePositive => 0..=0,
    };
    if !cases.contains(&outcome.cases) {
        let expected = match outcome.result {
            OutcomeResult::Found => format!("1 to {} when something was found", Outcome::CASES_MAX),
            OutcomeResult::FalsePositive => "0 for a false positive".to_owned(),
        };
        at.field("cases").fault(outcome.cases.to_string(), expected);
    }
    if outcome.result == OutcomeResult::FalsePositive {
        for (name, len) in [("arrests", outcome.arrests.len()), ("seizures", outcome.seizures.len())] {
            if len > 0 {
                at.field(name).fault(format!("{len} entries"), "none for a false positive");
            }
        }
    }
    for (index, arrest) in outcome.arrests.iter().enumerate() {
        check_arrest(*arrest, &at.field("arrests").item(index));
    }
    for (index, seizure) in outcome.seizures.iter().enumerate() {
        check_seizure(seizure, &at.field("seizures").item(index));
    }
}

fn check_arrest(arrest: Arrest, at: &Place<'_>) {
    if !(1..=Arrest::COUNT_MAX).contains(&arrest.count) {
        at.field("count").fault(arrest.count.to_string(), format!("1 to {}", Arrest::COUNT_MAX));
    }
    if let Some(age) = arrest.age.filter(|age| *age > Arrest::AGE_MAX) {
        at.field("age").fault(age.to_string(), format!("an age in years, at most {}", Arrest::AGE_MAX));
    }
}

fn check_seizure(seizure: &Seizure, at: &Place<'_>) {
    check_quantity(seizure.quantity, &at.field("quantity"));
    if let Some(factor) = seizure.kilograms_per_unit {
        let at = at.field("kilograms_per_unit");
        if seizure.quantity.unit == Unit::Kilogram {
            at.fault(factor.to_string(), "no factor for a quantity in kilograms");
        } else if factor.is_zero() {
            at.fault(factor.to_string(), "a factor above zero");
        }
    }
}

fn check_quantity(quantity: Quantity, at: &Place<'_>) {
    if quantity.amount.is_zero() {
        at.field("amount").fault(quantity.amount.to_string(), "an amount above zero");
    }
}
