//! From the contract to the domain: consignments, people and transits. Every message is destructured whole.

use std::str::FromStr;

use sealpost_domain::alert::fault::{Explain, Place};
use sealpost_domain::alert::{
    AlertParts, Content, DeclaredCode, DeclaredGoods, Document, Grading, Leg, Line, List, Money, Party,
    Person, Quantity, SuspectShipment, SuspectTraveller, Suspicion, TransitCase, TransitGoods,
    TransitSubject, Window,
};
use sealpost_domain::identifier::{Currency, HsEdition, Identifier};
use sealpost_proto::v1 as pb;

use super::{names, read_answers};

pub(super) fn alert(message: pb::Alert, at: &Place<'_>) -> Option<AlertParts> {
    let pb::Alert { grading, purpose, handling_text, retention_until, content } = message;
    let grading = required(grading, &at.field("grading"), self::grading);
    let purpose = at.field("purpose").parse(&purpose);
    let handling_text = optional(&handling_text, &at.field("handling_text"));
    let retention_until = at.field("retention_until").parse(&retention_until);
    let content = required(content, &at.field("content"), self::content);
    Some(AlertParts {
        grading: grading?,
        purpose: purpose?,
        handling_text: handling_text?,
        retention_until: retention_until?,
        content: content?,
    })
}

/// Reads a message that must be there.
pub(super) fn required<M, T>(
    message: Option<M>,
    at: &Place<'_>,
    read: impl Fn(M, &Place<'_>) -> Option<T>,
) -> Option<T> {
    match message {
        Some(message) => read(message, at),
        None => at.missing("a value"),
    }
}

/// Reads a message that may be absent; `None` only when it is there and wrong.
#[expect(clippy::option_option, reason = "absent, or wrong: the two are told apart")]
pub(super) fn absent_or<M, T>(
    message: Option<M>,
    at: &Place<'_>,
    read: impl Fn(M, &Place<'_>) -> Option<T>,
) -> Option<Option<T>> {
    message.map_or(Some(None), |message| read(message, at).map(Some))
}

/// Reads a text whose absence is written as an empty one.
#[expect(clippy::option_option, reason = "absent, or wrong: the two are told apart")]
pub(super) fn optional<T>(text: &str, at: &Place<'_>) -> Option<Option<T>>
where
    T: FromStr,
    T::Err: Explain,
{
    at.parse_optional((!text.is_empty()).then_some(text))
}

/// Reads a list of texts.
pub(super) fn texts<T>(texts: Vec<String>, at: &Place<'_>) -> Option<List<T>>
where
    T: FromStr,
    T::Err: Explain,
{
    List::read(at, texts, |text, at| at.parse(&text))
}

pub(super) fn content(message: pb::AlertContent, at: &Place<'_>) -> Option<Content> {
    use pb::alert_content::Kind;
    let pb::AlertContent { kind } = message;
    let Some(kind) = kind else { return at.missing("a content of a kind that this version knows") };
    Some(match kind {
        Kind::SuspectShipment(message) => {
            Content::SuspectShipment(suspect_shipment(message, &at.field("suspect_shipment"))?)
        }
        Kind::SuspectTraveller(message) => {
            Content::SuspectTraveller(suspect_traveller(message, &at.field("suspect_traveller"))?)
        }
        Kind::TransitCase(message) => Content::TransitCase(transit_case(message, &at.field("transit_case"))?),
        Kind::Amendment(message) => {
            Content::Amendment(read_answers::amendment(*message, &at.field("amendment"))?)
        }
        Kind::Recall(message) => Content::Recall(read_answers::recall(&message, &at.field("recall"))?),
        Kind::Request(message) => Content::Request(read_answers::request(message, &at.field("request"))?),
        Kind::Reply(message) => Content::Reply(read_answers::reply(message, &at.field("reply"))?),
        Kind::Permission(message) => {
            Content::Permission(read_answers::permission(message, &at.field("permission"))?)
        }
        Kind::Compliance(message) => {
            Content::Compliance(read_answers::compliance(&message, &at.field("compliance"))?)
        }
        Kind::Forward(message) => Content::Forward(read_answers::forward(message, &at.field("forward"))?),
        Kind::Sighting(message) => Content::Sighting(read_answers::sighting(message, &at.field("sighting"))?),
        Kind::Outcome(message) => Content::Outcome(read_answers::outcome(message, &at.field("outcome"))?),
    })
}

fn grading(message: pb::Grading, at: &Place<'_>) -> Option<Grading> {
    let pb::Grading { scale, source, information } = message;
    let scale = names::grading_scale(scale, &at.field("scale"))?;
    Grading::read(at, scale, &source, information)
}

fn suspect_shipment(message: pb::SuspectShipment, at: &Place<'_>) -> Option<SuspectShipment> {
    let pb::SuspectShipment { mode, identifiers, goods, consignor, consignee, route, suspicion } = message;
    let mode = names::transport_mode(mode, &at.field("mode"));
    let identifiers = self::identifiers(identifiers, at);
    let goods = List::read(&at.field("goods"), goods, declared_goods);
    let consignor = absent_or(consignor, &at.field("consignor"), party);
    let consignee = absent_or(consignee, &at.field("consignee"), party);
    let route = List::read(&at.field("route"), route, leg);
    let suspicion = required(suspicion, &at.field("suspicion"), self::suspicion);
    Some(SuspectShipment {
        mode: mode?,
        identifiers: identifiers?,
        goods: goods?,
        consignor: consignor?,
        consignee: consignee?,
        route: route?,
        suspicion: suspicion?,
    })
}

/// Reads the field `identifiers` of the message at `at`.
pub(super) fn identifiers(messages: Vec<pb::Identifier>, at: &Place<'_>) -> Option<List<Identifier>> {
    List::read(&at.field("identifiers"), messages, |message, at| {
        let pb::Identifier { r#type, value } = message;
        let identifier_type = names::identifier_type(r#type, &at.field("type"))?;
        at.field("value").take(&value, Identifier::parse(identifier_type, &value))
    })
}

fn declared_goods(message: pb::DeclaredGoods, at: &Place<'_>) -> Option<DeclaredGoods> {
    let pb::DeclaredGoods { description, hs_code, hs_edition, quantity, value } = message;
    let description = at.field("description").parse(&description);
    let hs = declared_code(&hs_code, hs_edition, at);
    let quantity = absent_or(quantity, &at.field("quantity"), self::quantity);
    let value = absent_or(value, &at.field("value"), money);
    Some(DeclaredGoods { description: description?, hs: hs?, quantity: quantity?, value: value? })
}

#[expect(clippy::option_option, reason = "absent, or wrong: the two are told apart")]
fn declared_code(code: &str, edition: u32, at: &Place<'_>) -> Option<Option<DeclaredCode>> {
    if code.is_empty() && edition == 0 {
        return Some(None);
    }
    let code = at.field("hs_code").parse(code);
    let edition = at.field("hs_edition").take(&edition.to_string(), HsEdition::try_from(edition));
    Some(Some(DeclaredCode { code: code?, edition: edition? }))
}

pub(super) fn quantity(message: pb::Quantity, at: &Place<'_>) -> Option<Quantity> {
    let pb::Quantity { amount, unit } = message;
    let amount = at.field("amount").parse(&amount);
    let unit = names::unit(unit, &at.field("unit"));
    Some(Quantity { amount: amount?, unit: unit? })
}

pub(super) fn money(message: pb::Money, at: &Place<'_>) -> Option<Money> {
    let pb::Money { minor_units, currency } = message;
    let currency: Currency = at.field("currency").parse(&currency)?;
    at.field("minor_units").take(&minor_units.to_string(), Money::new(minor_units, currency))
}

fn party(message: pb::Party, at: &Place<'_>) -> Option<Party> {
    let pb::Party { name, address, country, reference } = message;
    let name = at.field("name").parse(&name);
    let address = optional(&address, &at.field("address"));
    let country = optional(&country, &at.field("country"));
    let reference = optional(&reference, &at.field("reference"));
    Some(Party { name: name?, address: address?, country: country?, reference: reference? })
}

fn leg(message: pb::Leg, at: &Place<'_>) -> Option<Leg> {
    let pb::Leg { mode, from, to, departs, arrives, flight, conveyance } = message;
    let mode = names::transport_mode(mode, &at.field("mode"));
    let from = at.field("from").parse(&from);
    let to = at.field("to").parse(&to);
    let departs = optional(&departs, &at.field("departs"));
    let arrives = optional(&arrives, &at.field("arrives"));
    let flight = optional(&flight, &at.field("flight"));
    let conveyance = optional(&conveyance, &at.field("conveyance"));
    Some(Leg {
        mode: mode?,
        from: from?,
        to: to?,
        departs: departs?,
        arrives: arrives?,
        flight: flight?,
        conveyance: conveyance?,
    })
}

fn suspicion(message: pb::Suspicion, at: &Place<'_>) -> Option<Suspicion> {
    let pb::Suspicion { drugs, concealment, reason } = message;
    let drugs = List::read(&at.field("drugs"), drugs, names::drug_group);
    let concealment = List::read(&at.field("concealment"), concealment, names::concealment);
    let reason = at.field("reason").parse(&reason);
    Some(Suspicion { drugs: drugs?, concealment: concealment?, reason: reason? })
}

fn suspect_traveller(message: pb::SuspectTraveller, at: &Place<'_>) -> Option<SuspectTraveller> {
    let pb::SuspectTraveller { person, movement, flights, route, baggage_tags, companions, suspicion } =
        message;
    let person = required(person, &at.field("person"), self::person);
    let movement = names::movement(movement, &at.field("movement"));
    let flights = texts(flights, &at.field("flights"));
    let route = List::read(&at.field("route"), route, leg);
    let baggage_tags = texts(baggage_tags, &at.field("baggage_tags"));
    let companions = List::read(&at.field("companions"), companions, self::person);
    let suspicion = required(suspicion, &at.field("suspicion"), self::suspicion);
    Some(SuspectTraveller {
        person: person?,
        movement: movement?,
        flights: flights?,
        route: route?,
        baggage_tags: baggage_tags?,
        companions: companions?,
        suspicion: suspicion?,
    })
}

fn person(message: pb::Person, at: &Place<'_>) -> Option<Person> {
    let pb::Person { surname, given_names, other_names, birth_date, nationality, documents } = message;
    let surname = optional(&surname, &at.field("surname"));
    let given_names = optional(&given_names, &at.field("given_names"));
    let other_names: Option<List<Line>> = texts(other_names, &at.field("other_names"));
    let birth_date = optional(&birth_date, &at.field("birth_date"));
    let nationality = optional(&nationality, &at.field("nationality"));
    let documents = List::read(&at.field("documents"), documents, document);
    Some(Person {
        surname: surname?,
        given_names: given_names?,
        other_names: other_names?,
        birth_date: birth_date?,
        nationality: nationality?,
        documents: documents?,
    })
}

fn document(message: pb::TravelDocument, at: &Place<'_>) -> Option<Document> {
    use pb::travel_document::Form;
    let pb::TravelDocument { form } = message;
    match form {
        Some(Form::Number(text)) => at.field("number").parse(&text).map(Document::Number),
        Some(Form::Mrz(text)) => at.field("mrz").parse(&text).map(Document::Mrz),
        None => at.missing("a number or a machine-readable zone"),
    }
}

fn transit_case(message: pb::TransitCase, at: &Place<'_>) -> Option<TransitCase> {
    let pb::TransitCase {
        subject,
        transit_point,
        inbound,
        outbound,
        window_opens,
        window_closes,
        instruction,
        acts,
        stands_off,
        suspicion,
    } = message;
    let subject = required(subject, &at.field("subject"), transit_subject);
    let transit_point = at.field("transit_point").parse(&transit_point);
    let inbound = required(inbound, &at.field("inbound"), leg);
    let outbound = required(outbound, &at.field("outbound"), leg);
    let opens = at.field("window_opens").parse(&window_opens);
    let closes = at.field("window_closes").parse(&window_closes);
    let instruction = names::instruction(instruction, &at.field("instruction"));
    let acts = texts(acts, &at.field("acts"));
    let stands_off = texts(stands_off, &at.field("stands_off"));
    let suspicion = required(suspicion, &at.field("suspicion"), self::suspicion);
    Some(TransitCase {
        subject: subject?,
        transit_point: transit_point?,
        inbound: inbound?,
        outbound: outbound?,
        window: Window { opens: opens?, closes: closes? },
        instruction: instruction?,
        acts: acts?,
        stands_off: stands_off?,
        suspicion: suspicion?,
    })
}

fn transit_subject(message: pb::transit_case::Subject, at: &Place<'_>) -> Option<TransitSubject> {
    use pb::transit_case::Subject;
    match message {
        Subject::Goods(message) => {
            let at = at.field("goods");
            let pb::TransitGoods { description, identifiers } = message;
            let description = at.field("description").parse(&description);
            let identifiers = self::identifiers(identifiers, &at);
            Some(TransitSubject::Goods(TransitGoods { description: description?, identifiers: identifiers? }))
        }
        Subject::Person(message) => person(message, &at.field("person")).map(TransitSubject::Person),
    }
}
