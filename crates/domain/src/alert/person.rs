//! People: the suspect traveller, and how a person is described.

use super::consignment::{Leg, Suspicion};
use super::text::{Line, List};
use crate::identifier::{BaggageTag, Country, Flight, Mrz, TravelDocument};
use crate::names::named;
use crate::time::BirthDate;

/// A person arriving, leaving or in transit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspectTraveller {
    /// Who.
    pub person: Person,
    /// Which way the person passes the recipients' border.
    pub movement: Movement,
    /// Flights, in the order of travel.
    pub flights: List<Flight>,
    /// The journey where it is not by air alone, in the order of travel.
    pub route: List<Leg>,
    /// Tags of checked baggage.
    pub baggage_tags: List<BaggageTag>,
    /// Who travels along.
    pub companions: List<Person>,
    /// Why the person is suspect.
    pub suspicion: Suspicion,
}

named! {
    /// Which way someone passes a border.
    pub enum Movement: "movement" {
        /// Into the recipient's territory.
        Arriving = "arriving",
        /// Out of it.
        Leaving = "leaving",
        /// Through it, without entering.
        Transit = "transit",
    }
}

/// A person, as far as known: at least a name or a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Family name.
    pub surname: Option<Line>,
    /// Given names.
    pub given_names: Option<Line>,
    /// Names in other scripts, and aliases.
    pub other_names: List<Line>,
    /// Birth date, as far as known.
    pub birth_date: Option<BirthDate>,
    /// Nationality.
    pub nationality: Option<Country>,
    /// Travel documents.
    pub documents: List<Document>,
}

/// A travel document, by number or by its machine-readable zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// Number and issuer, as typed by someone.
    Number(TravelDocument),
    /// The zone, its check digits verified.
    Mrz(Mrz),
}

impl Document {
    /// Number and issuer, wherever they come from.
    pub fn number(&self) -> &TravelDocument {
        match self {
            Self::Number(document) => document,
            Self::Mrz(zone) => zone.document(),
        }
    }
}
