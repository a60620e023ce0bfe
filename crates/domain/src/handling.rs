//! How a message may be used: Traffic Light Protocol 2.0 and Europol's handling codes.

use std::str::FromStr;

use crate::names::{UnknownName, named};

/// A label of the Traffic Light Protocol 2.0 (FIRST), from the strictest to the freest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tlp {
    /// For the named recipients only.
    Red,
    /// For the recipient's organisation alone.
    AmberStrict,
    /// For the recipient's organisation and its clients who need to know.
    Amber,
    /// For the recipient's community.
    Green,
    /// No limit.
    Clear,
}

impl Tlp {
    /// All labels, the strictest first.
    pub const ALL: &'static [Self] = &[Self::Red, Self::AmberStrict, Self::Amber, Self::Green, Self::Clear];

    /// The label, as it is written everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "RED",
            Self::AmberStrict => "AMBER+STRICT",
            Self::Amber => "AMBER",
            Self::Green => "GREEN",
            Self::Clear => "CLEAR",
        }
    }
}

impl FromStr for Tlp {
    type Err = UnknownName;

    /// Reads a label; `WHITE`, the name that version 1 used, is read as `CLEAR`.
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        if text == "WHITE" {
            return Ok(Self::Clear);
        }
        Self::ALL.iter().copied().find(|label| label.as_str() == text).ok_or_else(|| UnknownName {
            what: "TLP label",
            found: text.to_owned(),
            expected: Self::ALL.iter().map(|label| label.as_str()).collect(),
        })
    }
}

impl std::fmt::Display for Tlp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

named! {
    /// A handling code of Europol's Secure Information Exchange Network.
    pub enum HandlingCode: "handling code" {
        /// For the prevention and fight against crime only.
        H0 = "H0",
        /// Not as evidence in court without the originator's permission.
        H1 = "H1",
        /// No dissemination without the originator's permission.
        H2 = "H2",
        /// Other restrictions, in a text that is sealed with the body.
        H3 = "H3",
    }
}

/// How a message may be used: one label and any codes, in their order and each once.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handling {
    tlp: Tlp,
    codes: Vec<HandlingCode>,
}

impl Handling {
    /// Joins a label and codes; the order and repetitions of the codes do not matter.
    pub fn new(tlp: Tlp, codes: impl IntoIterator<Item = HandlingCode>) -> Self {
        let mut codes: Vec<_> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        Self { tlp, codes }
    }

    /// The label.
    pub fn tlp(&self) -> Tlp {
        self.tlp
    }

    /// The codes, from H0 to H3.
    pub fn codes(&self) -> &[HandlingCode] {
        &self.codes
    }

    /// Whether a code is among them.
    pub fn has(&self, code: HandlingCode) -> bool {
        self.codes.contains(&code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_is_read_as_clear_and_anything_else_is_refused() {
        assert_eq!("WHITE".parse::<Tlp>().unwrap(), Tlp::Clear);
        assert_eq!("AMBER+STRICT".parse::<Tlp>().unwrap(), Tlp::AmberStrict);
        assert!("amber".parse::<Tlp>().is_err());
        assert!("TLP:RED".parse::<Tlp>().is_err());
    }

    #[test]
    fn codes_are_a_set() {
        let handling = Handling::new(Tlp::Red, [HandlingCode::H2, HandlingCode::H0, HandlingCode::H2]);
        assert_eq!(handling.codes(), [HandlingCode::H0, HandlingCode::H2]);
    }
}
