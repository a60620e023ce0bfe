//! Checked baggage: IATA Resolution 740.

use std::str::FromStr;

use super::compact::{Compact, DIGIT, compact_identifier, shown_compact};
use super::error::Error;

compact_identifier! {
    /// A baggage tag's licence plate: ten digits (a leading digit, three of the airline, a serial of six). It has
    /// no check digit.
    BaggageTag
}
shown_compact!(BaggageTag);

impl FromStr for BaggageTag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("baggage tag", text, &['-'])?;
        compact.length(&(10..=10), "10 digits")?;
        compact.all(0..10, &DIGIT)?;
        Ok(Self(compact.into_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_has_ten_digits() {
        assert_eq!("0160 123456".parse::<BaggageTag>().unwrap().to_string(), "0160123456");
        assert!("CX123456".parse::<BaggageTag>().is_err());
        assert!("01601234567".parse::<BaggageTag>().is_err());
    }
}
