//! An identifier of any type, for lists, search and correlation.

use std::fmt;

use super::{
    AirWaybill, BaggageTag, ContainerNumber, Error, Flight, Imei, ImoNumber, Mmsi, PostalItem,
    TravelDocument, Ucr, VehiclePlate, Vin,
};
use crate::names::named;

named! {
    /// What an identifier identifies.
    pub enum IdentifierType: "type of identifier" {
        /// A freight container (ISO 6346).
        Container = "container",
        /// An air waybill (IATA).
        AirWaybill = "air_waybill",
        /// A postal item (UPU S10).
        PostalItem = "postal_item",
        /// A unique consignment reference (WCO).
        Ucr = "ucr",
        /// A ship, by IMO number.
        ImoNumber = "imo_number",
        /// A ship, by radio identity (ITU).
        Mmsi = "mmsi",
        /// A vehicle, by VIN (ISO 3779).
        Vin = "vin",
        /// A vehicle, by country and plate, as `HK/AB1234`.
        VehiclePlate = "vehicle_plate",
        /// A flight with its date of origin, as `CX123/2026-10-03`.
        Flight = "flight",
        /// A baggage tag (IATA).
        BaggageTag = "baggage_tag",
        /// A travel document by issuer and number, as `UTO/L898902C3`.
        TravelDocument = "travel_document",
        /// A mobile device (3GPP).
        Imei = "imei",
    }
}

macro_rules! any_identifier {
    ($($(#[$doc:meta])* $variant:ident,)+) => {
        /// An identifier together with its type. Two are equal exactly when they identify the same thing.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Identifier {
            $($(#[$doc])* $variant(self::$variant),)+
        }

        impl Identifier {
            /// Reads a text as an identifier of the given type.
            pub fn parse(identifier_type: IdentifierType, text: &str) -> Result<Self, Error> {
                Ok(match identifier_type {
                    $(IdentifierType::$variant => Self::$variant(text.parse()?),)+
                })
            }

            /// Its type.
            pub fn identifier_type(&self) -> IdentifierType {
                match self {
                    $(Self::$variant(_) => IdentifierType::$variant,)+
                }
            }

            /// The identifier as it is shown, without its type.
            pub fn value(&self) -> String {
                match self {
                    $(Self::$variant(identifier) => identifier.to_string(),)+
                }
            }
        }

        $(impl From<$variant> for Identifier {
            fn from(identifier: $variant) -> Self {
                Self::$variant(identifier)
            }
        })+
    };
}

type Container = ContainerNumber;

any_identifier! {
    /// A freight container.
    Container,
    /// An air waybill.
    AirWaybill,
    /// A postal item.
    PostalItem,
    /// A unique consignment reference.
    Ucr,
    /// A ship, by IMO number.
    ImoNumber,
    /// A ship, by radio identity.
    Mmsi,
    /// A vehicle, by VIN.
    Vin,
    /// A vehicle, by plate.
    VehiclePlate,
    /// A flight.
    Flight,
    /// A baggage tag.
    BaggageTag,
    /// A travel document.
    TravelDocument,
    /// A mobile device.
    Imei,
}

impl Identifier {
    /// Every reading of a text whose type is not known, such as what an officer types into a search. Seven digits
    /// may be a ship, and eleven an air waybill; several types may accept the same text.
    pub fn readings(text: &str) -> Vec<Self> {
        IdentifierType::ALL
            .iter()
            .filter_map(|identifier_type| Self::parse(*identifier_type, text).ok())
            .collect()
    }
}

impl fmt::Display for Identifier {
    /// The type, a blank and the value: `container CSQU3054383`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.identifier_type(), self.value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_OF_EACH: [(IdentifierType, &str); 12] = [
        (IdentifierType::Container, "CSQU3054383"),
        (IdentifierType::AirWaybill, "176-12345675"),
        (IdentifierType::PostalItem, "RA473124829HK"),
        (IdentifierType::Ucr, "3GB123456789000-INV0042"),
        (IdentifierType::ImoNumber, "9074729"),
        (IdentifierType::Mmsi, "477123456"),
        (IdentifierType::Vin, "1M8GDM9AXKP042788"),
        (IdentifierType::VehiclePlate, "HK/AB1234"),
        (IdentifierType::Flight, "CX123/2026-10-03"),
        (IdentifierType::BaggageTag, "0160123456"),
        (IdentifierType::TravelDocument, "UTO/L898902C3"),
        (IdentifierType::Imei, "490154203237518"),
    ];

    #[test]
    fn every_type_shows_what_it_reads() {
        assert_eq!(ONE_OF_EACH.map(|(identifier_type, _)| identifier_type), IdentifierType::ALL);
        for (identifier_type, text) in ONE_OF_EACH {
            let identifier = Identifier::parse(identifier_type, text).unwrap();
            assert_eq!((identifier.identifier_type(), identifier.value().as_str()), (identifier_type, text));
            assert!(Identifier::readings(text).contains(&identifier));
        }
    }

    #[test]
    fn a_text_that_is_nothing_has_no_reading() {
        assert_eq!(Identifier::readings("nothing of the sort"), []);
        assert_eq!(Identifier::readings("CSQU3054384"), []);
    }
}
