//! What a message says: one variant for each kind.

use std::collections::BTreeSet;

use super::answer::{Amendment, Compliance, Forward, Permission, Recall, Reply, Request, Sighting};
use super::consignment::{Leg, SuspectShipment};
use super::outcome::Outcome;
use super::person::{Person, SuspectTraveller};
use super::transit::{TransitCase, TransitSubject};
use crate::identifier::Identifier;
use crate::message::Kind;

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a message has one content, and they are never held in bulk")]
pub enum Content {
    /// A consignment that should be examined.
    SuspectShipment(SuspectShipment),
    /// A person arriving, leaving or in transit.
    SuspectTraveller(SuspectTraveller),
    /// Goods or a person passing through a third jurisdiction.
    TransitCase(TransitCase),
    /// Replaces an earlier message of the same sender.
    Amendment(Amendment),
    /// Withdraws an earlier message of the same sender.
    Recall(Recall),
    /// A question to named agencies.
    Request(Request),
    /// An answer to a request.
    Reply(Reply),
    /// A decision on onward sharing.
    Permission(Permission),
    /// An answer to a recall or an amendment.
    Compliance(Compliance),
    /// An earlier message, enclosed.
    Forward(Forward),
    /// 'We saw it.'
    Sighting(Sighting),
    /// The result of acting.
    Outcome(Outcome),
}

impl Content {
    /// The kind, as the header must name it.
    pub fn kind(&self) -> Kind {
        match self {
            Self::SuspectShipment(_) => Kind::SuspectShipment,
            Self::SuspectTraveller(_) => Kind::SuspectTraveller,
            Self::TransitCase(_) => Kind::TransitCase,
            Self::Amendment(_) => Kind::Amendment,
            Self::Recall(_) => Kind::Recall,
            Self::Request(_) => Kind::Request,
            Self::Reply(_) => Kind::Reply,
            Self::Permission(_) => Kind::Permission,
            Self::Compliance(_) => Kind::Compliance,
            Self::Forward(_) => Kind::Forward,
            Self::Sighting(_) => Kind::Sighting,
            Self::Outcome(_) => Kind::Outcome,
        }
    }

    /// Every identifier in it, each once and in order, for search and correlation. Those of an enclosed message are
    /// not among them: it is not verified here.
    pub fn identifiers(&self) -> BTreeSet<Identifier> {
        let mut found = BTreeSet::new();
        match self {
            Self::SuspectShipment(shipment) => {
                found.extend(shipment.identifiers.iter().cloned());
                shipment.route.iter().for_each(|leg| of_leg(leg, &mut found));
            }
            Self::SuspectTraveller(traveller) => {
                of_person(&traveller.person, &mut found);
                traveller.companions.iter().for_each(|person| of_person(person, &mut found));
                found.extend(traveller.flights.iter().cloned().map(Identifier::from));
                found.extend(traveller.baggage_tags.iter().cloned().map(Identifier::from));
                traveller.route.iter().for_each(|leg| of_leg(leg, &mut found));
            }
            Self::TransitCase(case) => {
                match &case.subject {
                    TransitSubject::Goods(goods) => found.extend(goods.identifiers.iter().cloned()),
                    TransitSubject::Person(person) => of_person(person, &mut found),
                }
                of_leg(&case.inbound, &mut found);
                of_leg(&case.outbound, &mut found);
            }
            Self::Amendment(amendment) => found = amendment.replacement.identifiers(),
            Self::Request(request) => found.extend(request.identifiers.iter().cloned()),
            Self::Reply(reply) => found.extend(reply.identifiers.iter().cloned()),
            Self::Sighting(sighting) => found.extend(sighting.identifiers.iter().cloned()),
            Self::Recall(_)
            | Self::Permission(_)
            | Self::Compliance(_)
            | Self::Forward(_)
            | Self::Outcome(_) => {}
        }
        found
    }
}

fn of_leg(leg: &Leg, found: &mut BTreeSet<Identifier>) {
    found.extend(leg.flight.clone().map(Identifier::from));
}

fn of_person(person: &Person, found: &mut BTreeSet<Identifier>) {
    found.extend(person.documents.iter().map(|document| Identifier::from(document.number().clone())));
}
