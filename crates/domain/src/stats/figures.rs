//! Rows of figures, their sums and their groups.

use std::collections::BTreeMap;
use std::fmt;

use crate::agency::JurisdictionCode;
use crate::alert::Stage;
use crate::identifier::{Concealment, Currency, DrugGroup, TransportMode};
use crate::names::named;
use crate::time::Month;

/// What the things counted in one row have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// When it happened, by the calendar there.
    pub month: Month,
    /// Whose outcome it is.
    pub jurisdiction: JurisdictionCode,
    /// The drug; `None` for other goods and where nothing was seized.
    pub drug: Option<DrugGroup>,
    /// By which mode of transport.
    pub mode: TransportMode,
    /// At which stage of the journey.
    pub stage: Stage,
    /// How it was hidden; `None` where that was not reported.
    pub concealment: Option<Concealment>,
}

named! {
    /// By what the figures can be grouped.
    pub enum Dimension: "dimension" {
        /// By month.
        Month = "month",
        /// By the jurisdiction of the reporting agency.
        Jurisdiction = "jurisdiction",
        /// By drug.
        Drug = "drug",
        /// By mode of transport.
        Mode = "mode",
        /// By stage of the journey.
        Stage = "stage",
        /// By concealment.
        Concealment = "concealment",
    }
}

/// How a group is named whose outcomes say nothing of the dimension.
pub const NOT_REPORTED: &str = "none";

impl Key {
    /// The value of one dimension; [`NOT_REPORTED`] where there is none.
    pub fn value(&self, dimension: Dimension) -> String {
        let named = |name: Option<&'static str>| name.unwrap_or(NOT_REPORTED).to_owned();
        match dimension {
            Dimension::Month => self.month.to_string(),
            Dimension::Jurisdiction => self.jurisdiction.to_string(),
            Dimension::Drug => named(self.drug.map(DrugGroup::as_str)),
            Dimension::Mode => self.mode.to_string(),
            Dimension::Stage => self.stage.to_string(),
            Dimension::Concealment => named(self.concealment.map(Concealment::as_str)),
        }
    }
}

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases.
    pub cases: u64,
    /// People arrested.
    pub arrests: u64,
    /// The lowest age among them, where ages were reported.
    pub youngest: Option<u32>,
    /// The highest.
    pub oldest: Option<u32>,
    /// Weight seized, where one was reported or derived. Each seizure is rounded to grams once.
    pub grams: u64,
    /// Estimated value by currency, in hundredths of its main unit. Currencies are never converted.
    pub money_hundredths: BTreeMap<Currency, u64>,
    /// Cases in transit; they are among `cases`.
    pub transit_cases: u64,
    /// Outcomes that report that an alert was wrong.
    pub false_positives: u64,
}

impl Counts {
    /// Adds others. Sums stop at the largest number, which no real figures come near.
    pub fn add(&mut self, other: &Self) {
        let Self {
            cases,
            arrests,
            youngest,
            oldest,
            grams,
            money_hundredths,
            transit_cases,
            false_positives,
        } = other;
        self.cases = self.cases.saturating_add(*cases);
        self.arrests = self.arrests.saturating_add(*arrests);
        self.youngest = self.youngest.into_iter().chain(*youngest).min();
        self.oldest = self.oldest.into_iter().chain(*oldest).max();
        self.grams = self.grams.saturating_add(*grams);
        for (currency, hundredths) in money_hundredths {
            let sum = self.money_hundredths.entry(*currency).or_default();
            *sum = sum.saturating_add(*hundredths);
        }
        self.transit_cases = self.transit_cases.saturating_add(*transit_cases);
        self.false_positives = self.false_positives.saturating_add(*false_positives);
    }
}

/// Rows of figures, and how many outcome messages are behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    pub(super) rows: BTreeMap<Key, Counts>,
    /// Outcome messages that are counted.
    pub counted: u64,
    /// How many of them are counted as amended.
    pub amended: u64,
    /// Outcome messages that are left out because they were recalled, of whatever period.
    pub recalled: u64,
}

impl Figures {
    /// The rows, ordered by month, jurisdiction, drug, mode, stage and concealment.
    pub fn rows(&self) -> impl Iterator<Item = (&Key, &Counts)> {
        self.rows.iter()
    }

    /// The sum of all rows.
    pub fn total(&self) -> Counts {
        sum(self.rows.values())
    }

    /// The sums of the rows that share a value of one dimension, ordered by that value.
    pub fn by(&self, dimension: Dimension) -> BTreeMap<String, Counts> {
        let mut groups: BTreeMap<String, Counts> = BTreeMap::new();
        for (key, counts) in &self.rows {
            groups.entry(key.value(dimension)).or_default().add(counts);
        }
        groups
    }
}

pub(super) fn sum<'a>(counts: impl Iterator<Item = &'a Counts>) -> Counts {
    counts.fold(Counts::default(), |mut sum, counts| {
        sum.add(counts);
        sum
    })
}

impl fmt::Display for Counts {
    /// One line for logs and tests: what is zero is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases, {} arrests, {} g", self.cases, self.arrests, self.grams)?;
        for (currency, hundredths) in &self.money_hundredths {
            write!(f, ", {currency} {}.{:02}", hundredths / 100, hundredths % 100)?;
        }
        write!(f, ", {} transit cases, {} false positives", self.transit_cases, self.false_positives)
    }
}
