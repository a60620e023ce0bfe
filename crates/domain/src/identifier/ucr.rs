//! Unique consignment references: the World Customs Organization's recommendation of 2004.

use std::str::FromStr;

use super::compact::{Class, Compact, DIGIT, LETTER, compact_identifier, shown_compact};
use super::error::Error;

compact_identifier! {
    /// A unique consignment reference: the year's last digit, two letters of the country, then the company's id and
    /// its reference. Hyphens and brackets are part of it and are kept.
    Ucr
}
shown_compact!(Ucr);

const REFERENCE: Class = Class::new(
    |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'(' | b')'),
    "a letter A to Z, a digit, a hyphen or a bracket",
);

impl FromStr for Ucr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("unique consignment reference", text, &[])?;
        compact.length(&(5..=35), "5 to 35 (year digit, 2-letter country, company and reference)")?;
        compact.all(0..1, &DIGIT)?;
        compact.all(1..3, &LETTER)?;
        compact.all(3..35, &REFERENCE)?;
        Ok(Self(compact.into_text()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_follow_the_recommendation() {
        for text in ["3GB123456789000-INV0042", "6HK(A1)-9", "5DE12345678901234567890123456789012"] {
            assert!(text.parse::<Ucr>().is_ok(), "{text}");
        }
        for text in [
            "23GB123456789000-INV0042",
            "3GB123456789000/INV0042",
            "3GB123456789000:INV0042",
            "5DE123456789012345678901234567890123",
            "3G1123",
            "3GB",
        ] {
            assert!(text.parse::<Ucr>().is_err(), "{text}");
        }
        assert_eq!("5DE123456789012345678901234567890123".len(), 36);
    }
}
