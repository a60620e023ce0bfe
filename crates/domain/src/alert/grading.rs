//! How far a source and its information can be relied on. The original scale is kept and never converted.

use std::fmt;

use super::fault::Place;
use crate::names::named;

named! {
    /// A scale of source and information grading.
    pub enum GradingScale: "grading scale" {
        /// Europol's 4x4: sources A, B, C and X, information 1 to 4.
        Europol = "europol_4x4",
        /// The Admiralty code: sources A to F, information 1 to 6.
        Admiralty = "admiralty",
    }
}

impl GradingScale {
    const fn sources(self) -> &'static str {
        match self {
            Self::Europol => "ABCX",
            Self::Admiralty => "ABCDEF",
        }
    }

    const fn information_max(self) -> u32 {
        match self {
            Self::Europol => 4,
            Self::Admiralty => 6,
        }
    }
}

/// The grading of a source (a letter) and of its information (a number) on a named scale.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grading {
    scale: GradingScale,
    source: char,
    information: u32,
}

impl Grading {
    /// Reads a grading, reporting at `at` what the scale does not have.
    pub fn read(at: &Place<'_>, scale: GradingScale, source: &str, information: u32) -> Option<Self> {
        let sources = scale.sources();
        let known = match source.chars().next() {
            Some(letter) if source.chars().count() == 1 && sources.contains(letter) => Some(letter),
            _ => {
                at.field("source").fault(super::fault::quote(source), format!("one letter of {sources}"));
                None
            }
        };
        let information_max = scale.information_max();
        if !(1..=information_max).contains(&information) {
            at.field("information")
                .fault(information.to_string(), format!("a number from 1 to {information_max}"));
            return None;
        }
        Some(Self { scale, source: known?, information })
    }

    /// The scale.
    pub fn scale(&self) -> GradingScale {
        self.scale
    }

    /// The letter of the source.
    pub fn source(&self) -> char {
        self.source
    }

    /// The number of the information.
    pub fn information(&self) -> u32 {
        self.information
    }
}

impl fmt::Display for Grading {
    /// The letter and the number, such as `B2`, and the scale.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{} {}", self.source, self.information, self.scale))
    }
}

impl fmt::Debug for Grading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::fault::Collector;

    fn read(scale: GradingScale, source: &str, information: u32) -> Option<Grading> {
        Grading::read(&Collector::default().root(), scale, source, information)
    }

    #[test]
    fn each_scale_has_its_own_letters_and_numbers() {
        assert_eq!(read(GradingScale::Europol, "X", 4).unwrap().to_string(), "X4 europol_4x4");
        assert_eq!(read(GradingScale::Admiralty, "F", 6).unwrap().to_string(), "F6 admiralty");
        for (scale, source, information) in [
            (GradingScale::Europol, "D", 1),
            (GradingScale::Europol, "A", 5),
            (GradingScale::Admiralty, "X", 1),
            (GradingScale::Admiralty, "A", 7),
            (GradingScale::Admiralty, "A", 0),
            (GradingScale::Europol, "a", 1),
            (GradingScale::Europol, "AB", 1),
            (GradingScale::Europol, "", 1),
        ] {
            assert_eq!(read(scale, source, information), None, "{scale} {source}{information}");
        }
    }
}
