//! Goods on their way: the suspect shipment, and the parts that other messages share with it.

use super::quantity::{Money, Quantity};
use super::text::{Line, List, Text};
use crate::identifier::{
    Concealment, Country, DrugGroup, Flight, HsCode, HsEdition, Identifier, TransportMode, UnLocode,
};
use crate::time::OffsetTime;

/// A consignment that should be examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SuspectShipment {
    /// How it travels.
    pub mode: TransportMode,
    /// Containers, waybills, postal items, references, vehicles and vessels.
    pub identifiers: List<Identifier>,
    /// What was declared.
    pub goods: List<DeclaredGoods>,
    /// Who sends it.
    pub consignor: Option<Party>,
    /// To whom it goes.
    pub consignee: Option<Party>,
    /// Its way, leg by leg, in the order of travel.
    pub route: List<Leg>,
    /// Why it is suspect.
    pub suspicion: Suspicion,
}

/// Goods as declared to customs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredGoods {
    /// What they are called.
    pub description: Line,
    /// Their code, if declared.
    pub hs: Option<DeclaredCode>,
    /// How much, if declared.
    pub quantity: Option<Quantity>,
    /// Their declared value.
    pub value: Option<Money>,
}

/// A code of the Harmonized System and the edition that it was taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredCode {
    /// The code.
    pub code: HsCode,
    /// The edition.
    pub edition: HsEdition,
}

/// A person or company that consigns or receives goods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The name as declared.
    pub name: Line,
    /// The address as declared.
    pub address: Option<Line>,
    /// The country.
    pub country: Option<Country>,
    /// A registration or customs number, as declared.
    pub reference: Option<Line>,
}

/// One leg of a journey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// How.
    pub mode: TransportMode,
    /// From where.
    pub from: UnLocode,
    /// To where.
    pub to: UnLocode,
    /// When it leaves, by the clock there.
    pub departs: Option<OffsetTime>,
    /// When it arrives, by the clock there.
    pub arrives: Option<OffsetTime>,
    /// The flight, if by air.
    pub flight: Option<Flight>,
    /// The vessel, voyage, train or vehicle in words.
    pub conveyance: Option<Line>,
}

/// What is suspected, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Which drugs, if drugs are suspected.
    pub drugs: List<DrugGroup>,
    /// How it is thought to be hidden.
    pub concealment: List<Concealment>,
    /// The reasons, in words.
    pub reason: Text,
}
