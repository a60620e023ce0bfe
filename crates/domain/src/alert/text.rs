//! Free text and lists, bounded.

use std::fmt;
use std::ops::Deref;
use std::str::FromStr;

use super::fault::{Explain, Place, quote};

/// A text of one line: 1 to 200 characters, without line breaks. Names, addresses, references.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line(Box<str>);

/// A text of one or more lines: 1 to 8,000 characters. What an officer tells in words.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Box<str>);

impl Line {
    /// Most characters in it.
    pub const CHARS_MAX: usize = 200;
}

impl Text {
    /// Most characters in it.
    pub const CHARS_MAX: usize = 8_000;
}

macro_rules! free_text {
    ($type:ident, $layout:expr) => {
        impl $type {
            /// The text, without blanks at its ends.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = Error;

            /// Reads a text; blanks at its ends are dropped.
            fn from_str(text: &str) -> Result<Self, Error> {
                let text = text.trim();
                check(text, Self::CHARS_MAX, $layout)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}
free_text!(Line, &[]);
free_text!(Text, &['\n', '\t']);

/// Control characters could take over an officer's terminal, and direction overrides could show another text than the
/// one that was signed; both are refused.
fn check(text: &str, chars_max: usize, layout: &[char]) -> Result<(), Error> {
    let chars = text.chars().count();
    if text.is_empty() || chars > chars_max {
        return Err(Error::Length { chars, chars_max });
    }
    let harmful = |character: &char| {
        let overrides =
            matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}');
        overrides || (character.is_control() && !layout.contains(character))
    };
    match text.chars().zip(1..).find(|(character, _)| harmful(character)) {
        None => Ok(()),
        Some((character, position)) => Err(Error::Character { character, position }),
    }
}

/// Why a text is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Empty or too long.
    #[error("found {chars} characters, expected 1 to {chars_max}")]
    Length {
        /// Characters found.
        chars: usize,
        /// Most that are allowed.
        chars_max: usize,
    },
    /// A control character or a direction override.
    #[error("found {character:?} at character {position}, expected text without control characters")]
    Character {
        /// The character.
        character: char,
        /// Where, from 1.
        position: usize,
    },
}

impl Explain for Error {
    fn explain(&self, text: &str) -> (String, String) {
        match self {
            Self::Length { chars, chars_max } => {
                (format!("{chars} characters"), format!("1 to {chars_max} characters of text"))
            }
            Self::Character { character, position } => (
                format!("{character:?} at character {position} of {}", quote(text)),
                "text without control characters and direction overrides".to_owned(),
            ),
        }
    }
}

/// A list of at most 100 entries; it may be empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct List<T>(Vec<T>);

/// Most entries of a [`List`].
pub const LIST_MAX: usize = 100;

impl<T> List<T> {
    /// An empty list.
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Takes a list over unless it is too long.
    pub fn new(entries: Vec<T>) -> Result<Self, ListError> {
        if entries.len() > LIST_MAX { Err(ListError { found: entries.len() }) } else { Ok(Self(entries)) }
    }

    /// Reads a list entry by entry, reporting each fault at its place.
    pub fn read<S>(
        at: &Place<'_>,
        entries: Vec<S>,
        read: impl Fn(S, &Place<'_>) -> Option<T>,
    ) -> Option<Self> {
        if entries.len() > LIST_MAX {
            at.fault(format!("{} entries", entries.len()), format!("at most {LIST_MAX} entries"));
            return None;
        }
        // Every entry is read even after a wrong one, so that all faults are told.
        let read: Vec<Option<T>> =
            entries.into_iter().enumerate().map(|(index, entry)| read(entry, &at.item(index))).collect();
        read.into_iter().collect::<Option<Vec<T>>>().map(Self)
    }
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<T> Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> IntoIterator for List<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a List<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// A list that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {found} entries, expected at most {LIST_MAX}")]
pub struct ListError {
    found: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_bounded_and_harmless() {
        assert_eq!(" two words ".parse::<Line>().unwrap().as_str(), "two words");
        assert!("two\nlines".parse::<Text>().is_ok());
        assert!("ผู้ต้องสงสัย লাগেজ 嫌疑人".parse::<Line>().is_ok());
        for text in ["", "  ", "two\nlines", "\u{1b}[2J", "a\u{202e}b", &"x".repeat(201)] {
            assert!(text.parse::<Line>().is_err(), "{text:?}");
        }
        assert!("x".repeat(8_001).parse::<Text>().is_err());
        assert!("漢".repeat(8_000).parse::<Text>().is_ok(), "characters are counted, not bytes");
    }

    #[test]
    fn a_list_has_an_end() {
        assert_eq!(List::new(vec![0; LIST_MAX]).unwrap().len(), LIST_MAX);
        assert!(List::new(vec![0; LIST_MAX + 1]).is_err());
    }
}
