//! The figures that an operation sums to.

use std::fmt;

use sealpost_domain::stats::Counts;
use serde::{Deserialize, Serialize};

/// What the outcome messages of an operation add up to, after amendments and recalls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// Cases.
    pub cases: u64,
    /// People arrested.
    pub arrests: u64,
    /// Age of the youngest of them, in completed years.
    pub youngest_age: u32,
    /// Age of the oldest.
    pub oldest_age: u32,
    /// Weight of what was seized.
    pub grams: u64,
    /// Its estimated value.
    pub hong_kong_dollars: u64,
    /// Cases that were stopped on the way through a third jurisdiction; they are among the cases.
    pub transit_cases: u64,
}

impl Figures {
    /// The figures that a node or the domain counted; ages are 0 where none was reported. Values in other currencies
    /// are not among them.
    pub fn of(counts: &Counts) -> Self {
        let hundredths = counts.money_hundredths.iter().find(|(currency, _)| currency.as_str() == "HKD");
        Self {
            cases: counts.cases,
            arrests: counts.arrests,
            youngest_age: counts.youngest.unwrap_or(0),
            oldest_age: counts.oldest.unwrap_or(0),
            grams: counts.grams,
            hong_kong_dollars: hundredths.map_or(0, |(_, hundredths)| hundredths / 100),
            transit_cases: counts.transit_cases,
        }
    }
}

impl fmt::Display for Figures {
    /// `183 cases, 62 arrests aged 19 to 77, 1400.00 kg worth HK$431 million, 18 transit cases`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cases, arrests, youngest_age, oldest_age, grams, hong_kong_dollars, transit_cases } = self;
        write!(f, "{cases} cases, {arrests} arrests aged {youngest_age} to {oldest_age}, ")?;
        write!(f, "{}.{:02} kg worth HK$", grams / 1000, grams % 1000 / 10)?;
        match hong_kong_dollars % 1_000_000 {
            0 if *hong_kong_dollars > 0 => write!(f, "{} million", hong_kong_dollars / 1_000_000)?,
            _ => write!(f, "{hong_kong_dollars}")?,
        }
        write!(f, ", {transit_cases} transit cases")
    }
}
