//! Why a text is not the identifier that it was given as.

use std::fmt;

/// What failed, where, and what was expected there.
///
/// Positions count from 1 in the identifier as normalised: in capitals, without blanks and separators. An error
/// never proposes another identifier: check digits have blind spots, and a guess that passes them is worse than
/// none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    subject: &'static str,
    line: Option<usize>,
    fault: Fault,
}

impl Error {
    pub(crate) fn new(subject: &'static str, fault: Fault) -> Self {
        Self { subject, line: None, fault }
    }

    pub(crate) fn on_line(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }

    /// Which kind of identifier was being read, such as `container number`.
    pub fn subject(&self) -> &'static str {
        self.subject
    }

    /// The line, counted from 1, of an identifier that has several.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What is wrong with it.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { subject, line, fault } = self;
        match line {
            Some(line) => write!(f, "{subject}, line {line}: {fault}"),
            None => write!(f, "{subject}: {fault}"),
        }
    }
}

/// What is wrong with an identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too short or too long.
    Length {
        /// Characters found, without blanks and separators.
        found: usize,
        /// How many there should be.
        expected: &'static str,
    },
    /// A character that cannot stand where it stands.
    Character {
        /// Where, from 1.
        position: usize,
        /// The character.
        found: char,
        /// What may stand there.
        expected: &'static str,
    },
    /// A check digit that does not agree with what it covers; which of the two is wrong cannot be known.
    CheckDigit {
        /// Where the check digit stands, from 1.
        position: usize,
        /// The check digit as given.
        found: char,
        /// The check digit that belongs to the characters as given.
        computed: char,
        /// What the check digit covers.
        covers: &'static str,
    },
    /// Well formed, but not in the list or range that it must come from.
    Unknown {
        /// Where it begins, from 1.
        position: usize,
        /// The part that is not known.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
}

impl Fault {
    /// What stands there, and where.
    pub fn found(&self) -> String {
        match self {
            Self::Length { found, .. } => format!("{found} characters"),
            Self::Character { position, found, .. } => {
                format!("`{}` at position {position}", found.escape_debug())
            }
            Self::CheckDigit { position, found, .. } => {
                format!("check digit `{found}` at position {position}")
            }
            Self::Unknown { position, found, .. } => {
                format!("`{}` at position {position}", found.escape_debug())
            }
        }
    }

    /// What should stand there.
    pub fn expected(&self) -> String {
        match self {
            Self::Length { expected, .. }
            | Self::Character { expected, .. }
            | Self::Unknown { expected, .. } => (*expected).to_owned(),
            Self::CheckDigit { computed, covers, .. } => {
                format!("`{computed}` for {covers} as given; one of them is wrong, compare with the document")
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "found {}, expected {}", self.found(), self.expected())
    }
}
