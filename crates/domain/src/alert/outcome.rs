//! What came of it: cases, arrests and seizures, from which the figures of the network are made.

use super::answer::Place;
use super::quantity::{Decimal, Money, Quantity};
use super::text::{Line, List, Text};
use crate::identifier::{Concealment, Country, DrugGroup, TransportMode};
use crate::message::Category;
use crate::names::named;
use crate::time::OffsetTime;

/// The result of acting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Something was found, or the alert was wrong.
    pub result: OutcomeResult,
    /// When it happened, by the clock there; decides the month of the statistics.
    pub occurred_at: OffsetTime,
    /// Where.
    pub place: Option<Place>,
    /// How many cases this outcome counts for: none when nothing was found.
    pub cases: u32,
    /// At which stage of the journey.
    pub stage: Stage,
    /// By which mode of transport.
    pub mode: TransportMode,
    /// How it was hidden.
    pub concealment: Option<Concealment>,
    /// Who was arrested.
    pub arrests: List<Arrest>,
    /// What was seized.
    pub seizures: List<Seizure>,
    /// In words.
    pub note: Option<Text>,
}

impl Outcome {
    /// Most cases in one outcome.
    pub const CASES_MAX: u32 = 10_000;
}

named! {
    /// Whether acting on an alert led to anything.
    pub enum OutcomeResult: "result" {
        /// Something was found.
        Found = "found",
        /// There was nothing.
        FalsePositive = "false_positive",
    }
}

named! {
    /// The stage of a journey at which something happened.
    pub enum Stage: "stage" {
        /// On the way in.
        Import = "import",
        /// On the way out.
        Export = "export",
        /// On the way through.
        Transit = "transit",
    }
}

/// Arrested people who share age, nationality and residence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrest {
    /// How many, from 1 to 10,000.
    pub count: u32,
    /// Age in completed years, up to 120, if known.
    pub age: Option<u32>,
    /// Nationality, if known.
    pub nationality: Option<Country>,
    /// Whether they live where they were arrested.
    pub residence: Residence,
}

impl Arrest {
    /// Most people in one entry.
    pub const COUNT_MAX: u32 = 10_000;
    /// Highest age that is believed.
    pub const AGE_MAX: u32 = 120;
}

named! {
    /// Whether someone lives where something happened.
    pub enum Residence: "residence" {
        /// Lives there.
        Resident = "resident",
        /// Lives elsewhere.
        NonResident = "non_resident",
        /// Not known.
        Unknown = "unknown",
    }
}

/// Something that was seized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seizure {
    /// What.
    pub item: SeizedItem,
    /// In words.
    pub description: Option<Line>,
    /// How much, as reported.
    pub quantity: Quantity,
    /// The factor by which a weight is derived from litres or pieces; none for kilograms.
    pub kilograms_per_unit: Option<Decimal>,
    /// The estimated value.
    pub value: Option<Money>,
}

impl Seizure {
    /// The weight in grams, as reported or derived; `None` when it is not known.
    pub fn grams(&self) -> Option<u64> {
        self.quantity.grams(self.kilograms_per_unit)
    }
}

/// What kind of thing was seized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeizedItem {
    /// A drug.
    Drug(DrugGroup),
    /// Goods of another category.
    Goods(Category),
}
