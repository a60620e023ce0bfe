//! Flights: IATA and ICAO designators, always with the date of origin.

use std::fmt;
use std::str::FromStr;

use super::compact::{Compact, DIGIT, LETTER, compact_identifier, shown_compact};
use super::error::{Error, Fault};
use crate::time::Date;

const SUBJECT: &str = "flight number";

compact_identifier! {
    /// A flight number: the airline (two characters, not both digits, or three letters), one to four digits and at
    /// most one letter. Leading zeros are dropped, so that `CX0123` and `CX123` are one flight.
    FlightNumber
}
shown_compact!(FlightNumber);

impl FromStr for FlightNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read(SUBJECT, text, &['-', '/', '.'])?;
        compact.length(&(3..=8), "3 to 8 (airline, 1 to 4 digits, optional letter)")?;
        let airline = airline(&compact)?;
        let suffix =
            usize::from(compact.byte(compact.len() - 1).is_some_and(|last| last.is_ascii_uppercase()));
        let digits = airline..compact.len() - suffix;
        if digits.is_empty() {
            return Err(compact.character_error(
                airline,
                char_at(&compact, airline),
                "a digit of the flight's number",
            ));
        }
        compact.all(digits.clone(), &DIGIT)?;
        if digits.len() > 4 {
            return Err(compact.unknown(digits, "1 to 4 digits"));
        }
        let number = compact.part(digits.clone()).trim_start_matches('0');
        if number.is_empty() {
            return Err(compact.unknown(digits, "a number above zero"));
        }
        let airline = compact.part(0..airline);
        Ok(Self(format!("{airline}{number}{}", compact.part(digits.end..compact.len())).into()))
    }
}

/// Length of the airline's designator: three letters, or two characters that are not both digits.
fn airline(compact: &Compact) -> Result<usize, Error> {
    if compact.all(0..3, &LETTER).is_ok() {
        return Ok(3);
    }
    if compact.digits(0..2).count() == 2 {
        return Err(compact.unknown(0..2, "an airline of 2 characters, not both digits, or 3 letters"));
    }
    compact.all(0..2, &super::compact::ALPHANUMERIC)?;
    Ok(2)
}

fn char_at(compact: &Compact, index: usize) -> char {
    compact.byte(index).map_or('\0', char::from)
}

/// A flight on one day, written `CX123/2026-10-03`. The date is that of its first departure, by the clock there: a
/// flight that lands after midnight keeps it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flight {
    number: FlightNumber,
    origin_date: Date,
}

impl Flight {
    /// Joins a number and the date of origin.
    pub fn new(number: FlightNumber, origin_date: Date) -> Self {
        Self { number, origin_date }
    }

    /// The flight number.
    pub fn number(&self) -> &FlightNumber {
        &self.number
    }

    /// The date of origin.
    pub fn origin_date(&self) -> Date {
        self.origin_date
    }
}

impl FromStr for Flight {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let expected = "flight number, `/`, date of origin as YYYY-MM-DD";
        let (number, date) = text
            .split_once('/')
            .ok_or_else(|| Error::new("flight", Fault::Length { found: text.chars().count(), expected }))?;
        let fault = || Fault::Unknown { position: number.len() + 2, found: date.to_owned(), expected };
        Ok(Self {
            number: number.parse()?,
            origin_date: date.parse().map_err(|_| Error::new("flight", fault()))?,
        })
    }
}

impl fmt::Display for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.number, self.origin_date))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_designators_are_read() {
        for (text, shown) in [
            ("CX123", "CX123"),
            ("5X76", "5X76"),
            ("CX1234A", "CX1234A"),
            ("CPA123", "CPA123"),
            ("cx 0123", "CX123"),
            ("U21234", "U21234"),
            ("9W1", "9W1"),
        ] {
            assert_eq!(text.parse::<FlightNumber>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_not_a_flight_number_is_refused() {
        for text in ["CX12345", "9912", "CX", "CXA", "CX123AB", "CX0", "CPAX123", "C#123", "CX12A4", ""] {
            assert!(text.parse::<FlightNumber>().is_err(), "{text}");
        }
        let error = "CX12345".parse::<FlightNumber>().unwrap_err();
        assert_eq!(error.to_string(), "flight number: found `12345` at position 3, expected 1 to 4 digits");
    }

    #[test]
    fn a_flight_has_a_date() {
        let flight: Flight = "cx123/2026-10-03".parse().unwrap();
        assert_eq!(flight.to_string(), "CX123/2026-10-03");
        for text in ["CX123", "CX123/", "CX123/2026-13-03", "CX123/3 October"] {
            assert!(text.parse::<Flight>().is_err(), "{text}");
        }
    }
}
