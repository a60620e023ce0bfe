//! Goods: the Harmonized System of the World Customs Organization.

use std::fmt;
use std::str::FromStr;

use super::compact::{Compact, DIGIT, compact_identifier};
use super::error::{Error, Fault};

compact_identifier! {
    /// A code of the Harmonized System: six digits, or up to twelve in a national line, in chapters 01 to 97
    /// without 77.
    HsCode
}

impl HsCode {
    /// The six digits that all countries share.
    pub fn subheading(&self) -> &str {
        self.0.split_at_checked(6).map_or(&self.0, |(subheading, _)| subheading)
    }
}

impl FromStr for HsCode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let compact = Compact::read("HS code", text, &['.', '-'])?;
        compact.length(&(6..=12), "6 digits (up to 12 in a national line)")?;
        compact.all(0..12, &DIGIT)?;
        let chapter = compact.digits(0..2).fold(0, |chapter, value| chapter * 10 + value);
        if !(1..=97).contains(&chapter) || chapter == 77 {
            return Err(compact.unknown(0..2, "a chapter from 01 to 97 except 77"));
        }
        Ok(Self(compact.into_text()))
    }
}

impl fmt::Display for HsCode {
    /// Heading and subheading with a dot between them, a national line's further digits after another: `2939.71.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.split_at_checked(4), self.0.split_at_checked(6)) {
            (Some((heading, _)), Some((_, national))) if !national.is_empty() => {
                f.pad(&format!("{heading}.{}.{national}", &self.subheading()[4..]))
            }
            (Some((heading, rest)), _) => f.pad(&format!("{heading}.{rest}")),
            _ => f.pad(&self.0),
        }
    }
}

/// The year of the edition that an HS code was taken from; codes move between editions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HsEdition(u16);

impl HsEdition {
    /// The editions in force since the convention began, and the next.
    pub const YEARS: [u16; 9] = [1988, 1992, 1996, 2002, 2007, 2012, 2017, 2022, 2028];

    /// The year.
    pub fn year(self) -> u16 {
        self.0
    }
}

impl TryFrom<u32> for HsEdition {
    type Error = Error;

    fn try_from(year: u32) -> Result<Self, Error> {
        Self::YEARS.into_iter().find(|known| u32::from(*known) == year).map(Self).ok_or_else(|| {
            let expected = "1988, 1992, 1996, 2002, 2007, 2012, 2017, 2022 or 2028";
            Error::new("HS edition", Fault::Unknown { position: 1, found: year.to_string(), expected })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_keep_their_national_digits() {
        for (text, shown) in
            [("2939.71", "2939.71"), ("293971", "2939.71"), ("2939 71 00 10", "2939.71.0010")]
        {
            let code: HsCode = text.parse().unwrap();
            assert_eq!(code.to_string(), shown);
            assert_eq!(code.subheading(), "293971");
            assert_eq!(shown.parse::<HsCode>().unwrap(), code);
        }
    }

    #[test]
    fn chapters_that_do_not_exist_are_refused() {
        for text in ["7701.00", "0001.00", "9801.00", "2939.7", "2939", "2939.7A", "2939710000000"] {
            assert!(text.parse::<HsCode>().is_err(), "{text}");
        }
        assert!(HsEdition::try_from(2022).is_ok());
        assert!(HsEdition::try_from(2021).is_err());
    }
}
