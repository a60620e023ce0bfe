//! From the domain to the contract. Every value is destructured whole, so that a new field cannot be forgotten.

use bytes::Bytes;
use sealpost_domain::alert::{
    Alert, AlertParts, Amendment, Arrest, Compliance, Content, DeclaredGoods, Document, Enclosed, Forward,
    Grading, Leg, Money, Outcome, Party, Permission, Person, Place, Quantity, Recall, Reply, Request,
    SeizedItem, Seizure, Sighting, SuspectShipment, SuspectTraveller, Suspicion, TransitCase, TransitGoods,
    TransitSubject, Window,
};
use sealpost_domain::envelope::Signature;
use sealpost_domain::identifier::Identifier;
use sealpost_proto::v1 as pb;

use super::names;

pub(super) fn alert(alert: &Alert) -> pb::Alert {
    let AlertParts { grading, purpose, handling_text, retention_until, content } = alert.parts();
    pb::Alert {
        grading: Some(self::grading(*grading)),
        purpose: purpose.to_string(),
        handling_text: shown(handling_text.as_ref()),
        retention_until: retention_until.to_string(),
        content: Some(self::content(content)),
    }
}

/// The text form of a value, or an empty text for its absence.
fn shown<T: ToString>(value: Option<&T>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn each<T, M>(values: &[T], write: impl Fn(&T) -> M) -> Vec<M> {
    values.iter().map(write).collect()
}

pub(super) fn content(content: &Content) -> pb::AlertContent {
    use pb::alert_content::Kind;
    let kind = match content {
        Content::SuspectShipment(shipment) => Kind::SuspectShipment(suspect_shipment(shipment)),
        Content::SuspectTraveller(traveller) => Kind::SuspectTraveller(suspect_traveller(traveller)),
        Content::TransitCase(case) => Kind::TransitCase(transit_case(case)),
        Content::Amendment(Amendment { replacement, reason }) => Kind::Amendment(Box::new(pb::Amendment {
            replacement: Some(Box::new(self::content(replacement))),
            reason: reason.to_string(),
        })),
        Content::Recall(Recall { reason }) => Kind::Recall(pb::Recall { reason: reason.to_string() }),
        Content::Request(Request { question, identifiers, case_reference, due }) => {
            Kind::Request(pb::Request {
                question: question.to_string(),
                identifiers: each(identifiers, identifier),
                case_reference: shown(case_reference.as_ref()),
                due: due.to_string(),
            })
        }
        Content::Reply(Reply { result, answer, identifiers }) => Kind::Reply(pb::Reply {
            result: names::reply_result_number(*result),
            answer: answer.to_string(),
            identifiers: each(identifiers, identifier),
        }),
        Content::Permission(Permission { decision, agencies, until, conditions }) => {
            Kind::Permission(pb::Permission {
                decision: names::decision_number(*decision),
                agencies: each(agencies, ToString::to_string),
                until: shown(until.as_ref()),
                conditions: shown(conditions.as_ref()),
            })
        }
        Content::Compliance(Compliance { answer, note }) => Kind::Compliance(pb::Compliance {
            answer: names::compliance_answer_number(*answer),
            note: shown(note.as_ref()),
        }),
        Content::Forward(forward) => Kind::Forward(self::forward(forward)),
        Content::Sighting(Sighting { seen_at, place, identifiers, action, note }) => {
            Kind::Sighting(pb::Sighting {
                seen_at: seen_at.to_string(),
                place: Some(self::place(place)),
                identifiers: each(identifiers, identifier),
                action: names::action_number(*action),
                note: shown(note.as_ref()),
            })
        }
        Content::Outcome(outcome) => Kind::Outcome(self::outcome(outcome)),
    };
    pb::AlertContent { kind: Some(kind) }
}

fn grading(grading: Grading) -> pb::Grading {
    pb::Grading {
        scale: names::grading_scale_number(grading.scale()),
        source: grading.source().to_string(),
        information: grading.information(),
    }
}

fn suspect_shipment(shipment: &SuspectShipment) -> pb::SuspectShipment {
    let SuspectShipment { mode, identifiers, goods, consignor, consignee, route, suspicion } = shipment;
    pb::SuspectShipment {
        mode: names::transport_mode_number(*mode),
        identifiers: each(identifiers, identifier),
        goods: each(goods, declared_goods),
        consignor: consignor.as_ref().map(party),
        consignee: consignee.as_ref().map(party),
        route: each(route, leg),
        suspicion: Some(self::suspicion(suspicion)),
    }
}

fn identifier(identifier: &Identifier) -> pb::Identifier {
    pb::Identifier {
        r#type: names::identifier_type_number(identifier.identifier_type()),
        value: identifier.value(),
    }
}

fn declared_goods(goods: &DeclaredGoods) -> pb::DeclaredGoods {
    let DeclaredGoods { description, hs, quantity, value } = goods;
    pb::DeclaredGoods {
        description: description.to_string(),
        hs_code: shown(hs.as_ref().map(|hs| &hs.code)),
        hs_edition: hs.as_ref().map_or(0, |hs| u32::from(hs.edition.year())),
        quantity: quantity.map(self::quantity),
        value: value.map(money),
    }
}

fn quantity(quantity: Quantity) -> pb::Quantity {
    let Quantity { amount, unit } = quantity;
    pb::Quantity { amount: amount.to_string(), unit: names::unit_number(unit) }
}

fn money(money: Money) -> pb::Money {
    pb::Money { minor_units: money.minor_units(), currency: money.currency().to_string() }
}

fn party(party: &Party) -> pb::Party {
    let Party { name, address, country, reference } = party;
    pb::Party {
        name: name.to_string(),
        address: shown(address.as_ref()),
        country: shown(country.as_ref()),
        reference: shown(reference.as_ref()),
    }
}

fn leg(leg: &Leg) -> pb::Leg {
    let Leg { mode, from, to, departs, arrives, flight, conveyance } = leg;
    pb::Leg {
        mode: names::transport_mode_number(*mode),
        from: from.to_string(),
        to: to.to_string(),
        departs: shown(departs.as_ref()),
        arrives: shown(arrives.as_ref()),
        flight: shown(flight.as_ref()),
        conveyance: shown(conveyance.as_ref()),
    }
}

fn suspicion(suspicion: &Suspicion) -> pb::Suspicion {
    let Suspicion { drugs, concealment, reason } = suspicion;
    pb::Suspicion {
        drugs: each(drugs, |drug| names::drug_group_number(*drug)),
        concealment: each(concealment, |concealment| names::concealment_number(*concealment)),
        reason: reason.to_string(),
    }
}

fn suspect_traveller(traveller: &SuspectTraveller) -> pb::SuspectTraveller {
    let SuspectTraveller { person, movement, flights, route, baggage_tags, companions, suspicion } =
        traveller;
    pb::SuspectTraveller {
        person: Some(self::person(person)),
        movement: names::movement_number(*movement),
        flights: each(flights, ToString::to_string),
        route: each(route, leg),
        baggage_tags: each(baggage_tags, ToString::to_string),
        companions: each(companions, self::person),
        suspicion: Some(self::suspicion(suspicion)),
    }
}

fn person(person: &Person) -> pb::Person {
    let Person { surname, given_names, other_names, birth_date, nationality, documents } = person;
    pb::Person {
        surname: shown(surname.as_ref()),
        given_names: shown(given_names.as_ref()),
        other_names: each(other_names, ToString::to_string),
        birth_date: shown(birth_date.as_ref()),
        nationality: shown(nationality.as_ref()),
        documents: each(documents, document),
    }
}

fn document(document: &Document) -> pb::TravelDocument {
    use pb::travel_document::Form;
    let form = match document {
        Document::Number(number) => Form::Number(number.to_string()),
        Document::Mrz(zone) => Form::Mrz(zone.to_string()),
    };
    pb::TravelDocument { form: Some(form) }
}

fn transit_case(case: &TransitCase) -> pb::TransitCase {
    use pb::transit_case::Subject;
    let TransitCase {
        subject,
        transit_point,
        inbound,
        outbound,
        window: Window { opens, closes },
        instruction,
        acts,
        stands_off,
        suspicion,
    } = case;
    let subject = match subject {
        TransitSubject::Goods(TransitGoods { description, identifiers }) => {
            Subject::Goods(pb::TransitGoods {
                description: description.to_string(),
                identifiers: each(identifiers, identifier),
            })
        }
        TransitSubject::Person(person) => Subject::Person(self::person(person)),
    };
    pb::TransitCase {
        subject: Some(subject),
        transit_point: transit_point.to_string(),
        inbound: Some(leg(inbound)),
        outbound: Some(leg(outbound)),
        window_opens: opens.to_string(),
        window_closes: closes.to_string(),
        instruction: names::instruction_number(*instruction),
        acts: each(acts, ToString::to_string),
        stands_off: each(stands_off, ToString::to_string),
        suspicion: Some(self::suspicion(suspicion)),
    }
}

fn forward(forward: &Forward) -> pb::Forward {
    let Forward { header, signatures, salt, body, permission, note, grant } = forward;
    pb::Forward {
        header: header.clone(),
        signatures: each(signatures, signature),
        salt: Bytes::copy_from_slice(salt),
        body: body.clone(),
        permission: permission.map(|id| Bytes::copy_from_slice(id.as_bytes())).unwrap_or_default(),
        note: shown(note.as_ref()),
        grant: grant.as_ref().map(enclosed),
    }
}

pub(super) fn enclosed(enclosed: &Enclosed) -> pb::Enclosed {
    let Enclosed { header, signatures, salt, body } = enclosed;
    pb::Enclosed {
        header: header.clone(),
        signatures: each(signatures, signature),
        salt: Bytes::copy_from_slice(salt),
        body: body.clone(),
    }
}

fn signature(signature: &Signature) -> pb::Signature {
    pb::Signature {
        key_id: Bytes::copy_from_slice(signature.key_id.as_bytes()),
        signature: signature.bytes.clone(),
    }
}

fn place(place: &Place) -> pb::Place {
    let Place { locode, description } = place;
    pb::Place { locode: shown(locode.as_ref()), description: shown(description.as_ref()) }
}

fn outcome(outcome: &Outcome) -> pb::Outcome {
    let Outcome { result, occurred_at, place, cases, stage, mode, concealment, arrests, seizures, note } =
        outcome;
    pb::Outcome {
        result: names::outcome_result_number(*result),
        occurred_at: occurred_at.to_string(),
        place: place.as_ref().map(self::place),
        cases: *cases,
        stage: names::stage_number(*stage),
        mode: names::transport_mode_number(*mode),
        concealment: concealment.map_or(0, names::concealment_number),
        arrests: each(arrests, |arrest| self::arrest(*arrest)),
        seizures: each(seizures, seizure),
        note: shown(note.as_ref()),
    }
}

fn arrest(arrest: Arrest) -> pb::Arrest {
    let Arrest { count, age, nationality, residence } = arrest;
    pb::Arrest {
        count,
        age,
        nationality: shown(nationality.as_ref()),
        residence: names::residence_number(residence),
    }
}

fn seizure(seizure: &Seizure) -> pb::Seizure {
    use pb::seizure::Item;
    let Seizure { item, description, quantity, kilograms_per_unit, value } = seizure;
    let item = match item {
        SeizedItem::Drug(drug) => Item::Drug(names::drug_group_number(*drug)),
        SeizedItem::Goods(category) => Item::Goods(names::category_number(*category)),
    };
    pb::Seizure {
        item: Some(item),
        description: shown(description.as_ref()),
        quantity: Some(self::quantity(*quantity)),
        kilograms_per_unit: shown(kilograms_per_unit.as_ref()),
        value: value.map(money),
    }
}
