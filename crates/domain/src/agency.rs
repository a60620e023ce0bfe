//! Who takes part: jurisdictions and their agencies.

use std::fmt;
use std::str::FromStr;

/// A jurisdiction: an ISO 3166-1 alpha-2 code such as `HK`, as the network's roster lists it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JurisdictionCode([u8; 2]);

impl JurisdictionCode {
    /// The two capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("built from two ASCII capitals")
    }
}

impl FromStr for JurisdictionCode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([*a, *b])),
            _ => Err(Error::Jurisdiction { found: text.to_owned() }),
        }
    }
}

/// An agency of one jurisdiction, written `HK-CED`: two capitals, a hyphen, two to eight capitals or digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgencyId(Box<str>);

impl AgencyId {
    /// The jurisdiction that the agency belongs to.
    pub fn jurisdiction(&self) -> JurisdictionCode {
        let bytes = self.0.as_bytes();
        JurisdictionCode([bytes[0], bytes[1]])
    }

    /// The part after the hyphen, the agency's name within its jurisdiction.
    pub fn short_name(&self) -> &str {
        &self.0[3..]
    }

    /// The whole id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for AgencyId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::Agency { found: text.to_owned() };
        let (jurisdiction, name) = text.split_once('-').ok_or_else(refuse)?;
        jurisdiction.parse::<JurisdictionCode>().map_err(|_| refuse())?;
        let well_formed = (2..=8).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if well_formed { Ok(Self(text.into())) } else { Err(refuse()) }
    }
}

/// Why a text is not an agency or a jurisdiction.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not two capital letters.
    #[error("`{found}` is not a jurisdiction: expected two capital letters (ISO 3166-1), such as HK")]
    Jurisdiction {
        /// The text that was given.
        found: String,
    },
    /// Not of the form `HK-CED`.
    #[error(
        "`{found}` is not an agency id: expected two capital letters, a hyphen and 2 to 8 capitals or digits, \
         such as HK-CED"
    )]
    Agency {
        /// The text that was given.
        found: String,
    },
}

macro_rules! text_form {
    ($type:ty) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
text_form!(JurisdictionCode);
text_form!(AgencyId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agency_knows_its_jurisdiction() {
        let agency: AgencyId = "HK-CED".parse().unwrap();
        assert_eq!(agency.jurisdiction().as_str(), "HK");
        assert_eq!(agency.short_name(), "CED");
    }

    #[test]
    fn malformed_agencies_are_refused() {
        for text in [
            "",
            "HK",
            "HK-",
            "HK-C",
            "hk-ced",
            "HKG-CED",
            "HK-CED/X",
            "HK-ABCDEFGHI",
            "H1-CED",
            "HK_CED",
            "ÄK-CED",
        ] {
            assert!(text.parse::<AgencyId>().is_err(), "{text}");
        }
    }
}
