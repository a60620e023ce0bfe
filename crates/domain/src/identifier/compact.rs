//! How identifiers are normalised before they are read: capitals, no blanks, no separators.

use std::ops::{Range, RangeInclusive};

use super::error::{Error, Fault};

/// Longest text that is looked at; no identifier comes near it, separators included.
const INPUT_MAX: usize = 256;

/// Characters that are allowed at a place, and how an error calls them.
pub(super) struct Class {
    has: fn(u8) -> bool,
    name: &'static str,
}

impl Class {
    pub(super) const fn new(has: fn(u8) -> bool, name: &'static str) -> Self {
        Self { has, name }
    }
}

pub(super) const DIGIT: Class = Class::new(|byte| byte.is_ascii_digit(), "a digit");
pub(super) const LETTER: Class = Class::new(|byte| byte.is_ascii_uppercase(), "a letter A to Z");
pub(super) const ALPHANUMERIC: Class =
    Class::new(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit(), "a letter A to Z or a digit");

/// An identifier in capitals without blanks and separators; ASCII only.
pub(super) struct Compact {
    subject: &'static str,
    text: String,
}

impl Compact {
    /// Normalises a text; what is neither ASCII nor a blank is refused here.
    pub(super) fn read(subject: &'static str, text: &str, separators: &[char]) -> Result<Self, Error> {
        let mut compact = Self { subject, text: String::new() };
        if text.len() > INPUT_MAX {
            return Err(compact.length_error(text.chars().count(), "far fewer"));
        }
        for found in text.chars().filter(|found| !found.is_whitespace() && !separators.contains(found)) {
            if !found.is_ascii_graphic() {
                let position = compact.text.len() + 1;
                let expected = "a plain letter A to Z or a digit";
                return Err(compact.error(Fault::Character { position, found, expected }));
            }
            compact.text.push(found.to_ascii_uppercase());
        }
        Ok(compact)
    }

    /// Refuses a length outside the range.
    pub(super) fn length(
        &self,
        allowed: &RangeInclusive<usize>,
        expected: &'static str,
    ) -> Result<(), Error> {
        if allowed.contains(&self.text.len()) {
            return Ok(());
        }
        Err(self.length_error(self.text.len(), expected))
    }

    /// Refuses the first character of a part that is not of the class; a part past the end counts as present.
    pub(super) fn all(&self, part: Range<usize>, class: &Class) -> Result<(), Error> {
        let wrong = self
            .text
            .bytes()
            .enumerate()
            .take(part.end)
            .skip(part.start)
            .find(|(_, byte)| !(class.has)(*byte));
        match wrong {
            None => Ok(()),
            Some((index, byte)) => Err(self.character_error(index, char::from(byte), class.name)),
        }
    }

    /// Refuses a check digit at `index` (from 0) that is not the computed one.
    pub(super) fn check_digit(
        &self,
        index: usize,
        computed: char,
        covers: &'static str,
    ) -> Result<(), Error> {
        let found = self.byte(index).map_or('\0', char::from);
        if found == computed {
            return Ok(());
        }
        Err(self.error(Fault::CheckDigit { position: index + 1, found, computed, covers }))
    }

    /// Refuses the part that begins at `index` (from 0).
    pub(super) fn unknown(&self, part: Range<usize>, expected: &'static str) -> Error {
        let position = part.start + 1;
        self.error(Fault::Unknown { position, found: self.part(part).to_owned(), expected })
    }

    pub(super) fn character_error(&self, index: usize, found: char, expected: &'static str) -> Error {
        self.error(Fault::Character { position: index + 1, found, expected })
    }

    /// A part, as far as it is there.
    pub(super) fn part(&self, part: Range<usize>) -> &str {
        let end = part.end.min(self.text.len());
        self.text.get(part.start.min(end)..end).unwrap_or_default()
    }

    /// The digits of a part as numbers; other characters are left out.
    pub(super) fn digits(&self, part: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        self.part(part).chars().filter_map(|digit| digit.to_digit(10))
    }

    pub(super) fn byte(&self, index: usize) -> Option<u8> {
        self.text.as_bytes().get(index).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn into_text(self) -> Box<str> {
        self.text.into()
    }

    fn length_error(&self, found: usize, expected: &'static str) -> Error {
        self.error(Fault::Length { found, expected })
    }

    fn error(&self, fault: Fault) -> Error {
        Error::new(self.subject, fault)
    }
}

/// A digit 0 to 9 as a character; the remainder of a division by ten or less always is one.
pub(super) fn digit(value: u32) -> char {
    char::from_digit(value, 10).unwrap_or('?')
}

/// Declares an identifier that is one compact text; its `FromStr` is written beside it.
macro_rules! compact_identifier {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(Box<str>);

        impl $type {
            /// The normalised text, without separators.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Debug for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
/// Shows a compact identifier as it is.
macro_rules! shown_compact {
    ($type:ty) => {
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}
pub(super) use {compact_identifier, shown_compact};
