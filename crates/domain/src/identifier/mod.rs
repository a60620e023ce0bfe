//! Identifiers of consignments, conveyances, people and places, each with the exact rule of its standard.
//!
//! A value that exists is well formed and its check digits agree. It is kept in capitals without blanks and
//! separators, so that two agencies' spellings compare equal. Nothing here ever proposes a 'corrected' identifier.

mod air_waybill;
mod any;
mod baggage_tag;
mod codes;
mod compact;
mod container;
mod country;
mod currency;
mod document;
mod error;
mod flight;
mod hs_code;
mod imei;
mod locode;
mod mrz;
#[cfg(test)]
mod mrz_tests;
mod postal;
mod ucr;
mod vehicle;
mod vessel;

pub use air_waybill::AirWaybill;
pub use any::{Identifier, IdentifierType};
pub use baggage_tag::BaggageTag;
pub use codes::{Concealment, DrugGroup, TransportMode};
pub use container::ContainerNumber;
pub use country::Country;
pub use currency::Currency;
pub use document::TravelDocument;
pub use error::{Error, Fault};
pub use flight::{Flight, FlightNumber};
pub use hs_code::{HsCode, HsEdition};
pub use imei::Imei;
pub use locode::UnLocode;
pub use mrz::{Mrz, MrzFormat};
pub use postal::PostalItem;
pub use ucr::Ucr;
pub use vehicle::{VehiclePlate, Vin};
pub use vessel::{ImoNumber, Mmsi};
