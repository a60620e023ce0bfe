//! Quantities and money without floating point.

use std::fmt;
use std::str::FromStr;

use super::fault::{Explain, quote};
use crate::identifier::Currency;
use crate::names::named;

/// A decimal number as it was reported: up to nine digits before the point and six after it, none negative. The
/// number of decimals is kept: `12.450` stays `12.450`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    coefficient: u64,
    decimals: u8,
}

impl Decimal {
    /// Whether it is nothing at all.
    pub fn is_zero(self) -> bool {
        self.coefficient == 0
    }

    /// A thousandfold of this number times a factor, rounded to the nearest whole, halves up: kilograms in grams.
    fn thousandfold(self, factor: Self) -> u64 {
        // At most 10^15 · 10^15 · 10^3, far below the end of u128.
        let product = u128::from(self.coefficient) * u128::from(factor.coefficient) * 1000;
        let divisor = 10_u128.pow(u32::from(self.decimals + factor.decimals));
        u64::try_from((product + divisor / 2) / divisor).unwrap_or(u64::MAX)
    }
}

impl FromStr for Decimal {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error { expected: "up to 9 digits, a point and up to 6 decimals, such as 12.450" };
        let (whole, decimals) =
            text.split_once('.').map_or((text, None), |(whole, part)| (whole, Some(part)));
        let digits = |part: &str, max| {
            (1..=max).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
        };
        let plain = whole == "0" || !whole.starts_with('0');
        if !digits(whole, 9) || !plain || decimals.is_some_and(|decimals| !digits(decimals, 6)) {
            return Err(refuse());
        }
        let decimals = decimals.unwrap_or_default();
        let coefficient = format!("{whole}{decimals}").parse().map_err(|_| refuse())?;
        Ok(Self { coefficient, decimals: u8::try_from(decimals.len()).map_err(|_| refuse())? })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&point(self.coefficient, self.decimals))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&point(self.coefficient, self.decimals))
    }
}

/// Writes a number with its decimal point.
fn point(coefficient: u64, decimals: u8) -> String {
    let places = usize::from(decimals);
    if places == 0 {
        return coefficient.to_string();
    }
    let digits = format!("{coefficient:0width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len() - places);
    format!("{whole}.{part}")
}

named! {
    /// The unit in which a quantity was reported.
    pub enum Unit: "unit" {
        /// Kilograms.
        Kilogram = "kg",
        /// Litres.
        Litre = "litre",
        /// Pieces: tablets, plants, cigarettes, items.
        Piece = "unit",
    }
}

/// An amount and its unit, as reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quantity {
    /// How much.
    pub amount: Decimal,
    /// Of what unit.
    pub unit: Unit,
}

impl Quantity {
    /// The weight in grams: as reported, or derived by a factor (kilograms per unit). Rounded to whole grams, halves
    /// up, so that rows and their totals agree. `None` when it was reported in another unit and no factor is given.
    pub fn grams(self, kilograms_per_unit: Option<Decimal>) -> Option<u64> {
        let one = Decimal { coefficient: 1, decimals: 0 };
        match (self.unit, kilograms_per_unit) {
            (Unit::Kilogram, _) => Some(self.amount.thousandfold(one)),
            (Unit::Litre | Unit::Piece, factor) => factor.map(|factor| self.amount.thousandfold(factor)),
        }
    }
}

/// An amount of money in a currency's minor unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Money {
    minor_units: u64,
    currency: Currency,
}

impl Money {
    /// Most minor units.
    pub const MINOR_UNITS_MAX: u64 = 1_000_000_000_000_000;

    /// An amount in minor units: cents for the Hong Kong dollar, yen for the yen.
    pub fn new(minor_units: u64, currency: Currency) -> Result<Self, Error> {
        if minor_units > Self::MINOR_UNITS_MAX {
            return Err(Error { expected: "an amount of at most 10^15 minor units" });
        }
        Ok(Self { minor_units, currency })
    }

    /// Reads an amount such as `1250000.00` in a currency; it may have no more decimals than the currency has.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, Error> {
        let refuse =
            || Error { expected: "digits, with no more decimals than the currency has, such as 1250000.00" };
        let (whole, part) =
            amount.split_once('.').map_or((amount, None), |(whole, part)| (whole, Some(part)));
        let digits = |text: &str, max| {
            (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        let decimals = usize::from(currency.decimals());
        let plain = whole == "0" || !whole.starts_with('0');
        if !digits(whole, 15) || !plain || part.is_some_and(|part| !digits(part, decimals)) {
            return Err(refuse());
        }
        let minor_units =
            format!("{whole}{:0<decimals$}", part.unwrap_or_default()).parse().map_err(|_| refuse())?;
        Self::new(minor_units, currency)
    }

    /// The amount in the currency's minor unit.
    pub fn minor_units(self) -> u64 {
        self.minor_units
    }

    /// The currency.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The amount with all decimals of its currency, without its name: `1250000.00`.
    pub fn amount(self) -> String {
        point(self.minor_units, self.currency.decimals())
    }

    /// The amount in hundredths of the currency's main unit, whatever its minor unit is; rounded, halves up.
    pub fn hundredths(self) -> u64 {
        match self.currency.decimals() {
            0 => self.minor_units.saturating_mul(100),
            3 => (self.minor_units + 5) / 10,
            _ => self.minor_units,
        }
    }
}

/// A number that is not one, or is out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct Error {
    expected: &'static str,
}

impl Explain for Error {
    fn explain(&self, text: &str) -> (String, String) {
        (quote(text), self.expected.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kilograms(amount: &str) -> Quantity {
        Quantity { amount: amount.parse().unwrap(), unit: Unit::Kilogram }
    }

    #[test]
    fn decimals_stay_as_reported() {
        for text in ["0", "0.000001", "12.450", "999999999.999999", "7"] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
        for text in ["", ".5", "5.", "01", "-1", "+1", "1e3", "1,5", "1000000000", "0.0000001", "1.2.3", "١"]
        {
            assert!(text.parse::<Decimal>().is_err(), "{text}");
        }
    }

    #[test]
    fn grams_are_exact_and_rounded_once() {
        assert_eq!(kilograms("12.450").grams(None), Some(12_450));
        assert_eq!(kilograms("0.0004").grams(None), Some(0));
        assert_eq!(kilograms("0.0005").grams(None), Some(1));
        assert_eq!(kilograms("999999999.999999").grams(None), Some(1_000_000_000_000));
        let tablets = Quantity { amount: "4000".parse().unwrap(), unit: Unit::Piece };
        assert_eq!(tablets.grams(Some("0.00025".parse().unwrap())), Some(1_000));
        assert_eq!(tablets.grams(None), None, "pieces have no weight of their own");
    }

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        let (hkd, jpy, kwd): (Currency, Currency, Currency) =
            ("HKD".parse().unwrap(), "JPY".parse().unwrap(), "KWD".parse().unwrap());
        let money = Money::parse("431000000", hkd).unwrap();
        assert_eq!((money.minor_units(), money.amount().as_str()), (43_100_000_000, "431000000.00"));
        assert_eq!(Money::parse("0.5", hkd).unwrap().amount(), "0.50");
        assert_eq!(Money::parse("700", jpy).unwrap().amount(), "700");
        assert_eq!(Money::parse("700", jpy).unwrap().hundredths(), 70_000);
        assert_eq!(Money::parse("1.235", kwd).unwrap().hundredths(), 124);
        for (text, currency) in
            [("1.234", hkd), ("1.5", jpy), ("", hkd), ("-1", hkd), ("1000000000000000", kwd), ("007", hkd)]
        {
            assert!(Money::parse(text, currency).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_decimal_is_read_back(whole in 0_u32..1_000_000_000, part in "[0-9]{0,6}") {
            let text = if part.is_empty() { whole.to_string() } else { format!("{whole}.{part}") };
            prop_assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
    }
}
