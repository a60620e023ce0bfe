//! Travel documents by number and issuer, as they are compared between messages.

use std::fmt;
use std::str::FromStr;

use super::compact::{ALPHANUMERIC, Compact, LETTER};
use super::error::{Error, Fault};

const SUBJECT: &str = "travel document";

/// The number of a travel document with the code of the state or body that issued it, written `UTO/L898902C3`.
///
/// The issuer is the code that the document itself bears (ICAO 9303-3, section 5): one to three letters, `D` for
/// Germany. Hong Kong and Macao passports bear `CHN`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TravelDocument {
    issuer: Box<str>,
    number: Box<str>,
}

impl TravelDocument {
    /// Joins an issuer's code and a number.
    pub fn new(issuer: &str, number: &str) -> Result<Self, Error> {
        let issuer = Compact::read("issuer of a travel document", issuer, &[])?;
        issuer.length(&(1..=3), "1 to 3 letters")?;
        issuer.all(0..3, &LETTER)?;
        let number = Compact::read("number of a travel document", number, &['-', '.', '/'])?;
        number.length(&(1..=22), "1 to 22")?;
        number.all(0..22, &ALPHANUMERIC)?;
        Ok(Self { issuer: issuer.into_text(), number: number.into_text() })
    }

    /// The code of the issuing state or body.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The number, in capitals, without blanks and hyphens.
    pub fn number(&self) -> &str {
        &self.number
    }
}

impl FromStr for TravelDocument {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let expected = "1 to 3 letters of the issuer, `/`, the number";
        let (issuer, number) = text
            .split_once('/')
            .ok_or_else(|| Error::new(SUBJECT, Fault::Length { found: text.chars().count(), expected }))?;
        Self::new(issuer, number)
    }
}

impl fmt::Display for TravelDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.issuer, self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_its_issuer_and_its_number() {
        let document: TravelDocument = "d/c01x-00t47".parse().unwrap();
        assert_eq!(document.to_string(), "D/C01X00T47");
        for text in ["C01X00T47", "UTOP/C01X00T47", "D/", "D/C01X<00T47", "/C01X00T47"] {
            assert!(text.parse::<TravelDocument>().is_err(), "{text}");
        }
    }
}
