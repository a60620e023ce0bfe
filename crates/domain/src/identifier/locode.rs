//! Places of trade and transport: UN/LOCODE (UN/ECE Recommendation 16).

use std::str::FromStr;

use super::compact::{Class, Compact, LETTER, compact_identifier, shown_compact};
use super::error::Error;

compact_identifier! {
    /// A UN/LOCODE: two letters of the country, then three of `A-Z` and `2-9`. Only its form is checked: the list
    /// changes twice a year, and `XZ` stands for waters of no country.
    UnLocode
}
shown_compact!(UnLocode);

const PLACE: Class = Class::new(
    |byte| byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'9'),
    "a letter A to Z or a digit 2 to 9",
);

impl FromStr for UnLocode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("UN/LOCODE", text, &['-'])?;
        compact.length(&(5..=5), "5 (2-letter country, 3 of A-Z and 2-9)")?;
        compact.all(0..2, &LETTER)?;
        compact.all(2..5, &PLACE)?;
        Ok(Self(compact.into_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_have_no_zero_and_no_one() {
        for text in ["HKHKG", "USAB2", "de fra"] {
            assert!(text.parse::<UnLocode>().is_ok(), "{text}");
        }
        for text in ["HKHK0", "USA1B", "HKHK", "HKHKGX", "1KHKG"] {
            assert!(text.parse::<UnLocode>().is_err(), "{text}");
        }
    }
}
