//! Makes the sample operation. Everything in it is invented; its figures are those of the operation of autumn 2023
//! behind this project. Same seed, same bytes.
//!
//! `plan` decides what happens and shares the figures out; `shipment`, `traveller`, `transit`, `false_alarm` and
//! `question` tell the cases; `pen` adds what every message needs.

mod dice;
mod false_alarm;
mod goods;
mod identifiers;
mod journey;
mod pen;
mod people;
mod places;
mod plan;
mod question;
mod shares;
mod shipment;
mod transit;
mod traveller;
mod twist;

use std::fmt::Display;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use sealpost_domain::alert::{GradingScale, List};
use sealpost_domain::message::Category;

use self::dice::Dice;
use self::pen::Pen;
use self::plan::{Case, Plot};
use super::{Message, Operation};

/// The seed of the committed operation.
pub const SEED: u64 = 2023;

/// 2023-10-01T00:00:00+08:00, when the operation begins.
const BEGINS: i64 = 1_696_089_600;
/// The last day on which a case begins; what follows from it falls into the same year.
const LAST_BEGINNING_DAY: u32 = 88;

/// Makes an operation from a seed.
pub fn generate(seed: u64) -> Result<Operation, Error> {
    let mut dice = Dice::new(seed);
    let cases = plan::cases(&mut dice)?;
    let mut beginnings: Vec<i64> = cases.iter().map(|_| beginning(&mut dice)).collect();
    beginnings.sort_unstable();
    let mut messages: Vec<Message> = Vec::new();
    for ((number, case), begins) in (1..).zip(&cases).zip(beginnings) {
        messages.extend(tell(&mut dice, number, case, moment(begins)?)?);
    }
    // Stable: within a case and a second, the order of telling is kept.
    messages.sort_by_key(|message| message.at.timestamp());
    Ok(Operation { seed, figures: plan::FIGURES, messages })
}

/// Seconds since 1970 at which a case begins, on the minute.
fn beginning(dice: &mut Dice) -> i64 {
    let minutes = dice.below(LAST_BEGINNING_DAY * 24 * 60);
    BEGINS + i64::from(minutes) * 60
}

fn tell(dice: &mut Dice, number: usize, case: &Case, begins: Timestamp) -> Result<Vec<Message>, Error> {
    let category = match case.plot {
        Plot::FalseAlarm(_) => {
            dice.pick(&[Category::Tobacco, Category::Smuggling, Category::Wildlife, Category::Precursors])
        }
        _ => Category::Narcotics,
    };
    let mut pen = Pen::new(dice, number, category)?;
    match &case.plot {
        Plot::Freight(find) => shipment::tell(&mut pen, case, find, begins)?,
        Plot::Traveller(find) => traveller::tell(&mut pen, case, find, begins)?,
        Plot::TransitGoods(find) | Plot::TransitPerson(find) | Plot::ControlledDelivery(find) => {
            transit::tell(&mut pen, case, find, begins)?;
        }
        Plot::FalseAlarm(mode) => false_alarm::tell(&mut pen, case, *mode, begins)?,
        Plot::Question(asked) => question::tell(&mut pen, case, *asked, begins)?,
    }
    Ok(pen.finish())
}

fn moment(unix_s: i64) -> Result<Timestamp, Error> {
    Timestamp::from_second(unix_s).map_err(|source| Error::invalid(unix_s, source))
}

/// So many minutes later.
fn later(moment: Timestamp, minutes: u32) -> Result<Timestamp, Error> {
    let duration = SignedDuration::from_mins(i64::from(minutes));
    moment.checked_add(duration).map_err(|source| Error::invalid(moment, source))
}

fn read<T>(text: &str) -> Result<T, Error>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|source| Error::invalid(text, source))
}

fn list<T>(entries: Vec<T>) -> Result<List<T>, Error> {
    let len = entries.len();
    List::new(entries).map_err(|source| Error::invalid(len, source))
}

/// Why an operation cannot be made: the generator contradicts a rule of the domain.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that was made is not valid.
    #[error("the generator made something that is not valid: {what}")]
    Invalid {
        /// What was made.
        what: String,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A route leads to a place that the table does not have.
    #[error("airport {airport} is not in the table of places, or nobody there takes part")]
    UnknownPlace {
        /// The airport.
        airport: String,
    },
    /// A grading that its scale does not have.
    #[error("no such grading on the scale {scale}")]
    Grading {
        /// The scale.
        scale: GradingScale,
    },
}

impl Error {
    fn invalid(what: impl Display, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Invalid { what: what.to_string(), source: Box::new(source) }
    }
}
