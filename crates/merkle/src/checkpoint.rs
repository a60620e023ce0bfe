//! Checkpoints: what a ledger says of itself, its size and root, signed. C2SP `tlog-checkpoint`.
//!
//! Whether a new checkpoint fits to an older one is for [`crate::proof::verify_consistency`]; nothing here remembers.

use std::fmt;
use std::str::FromStr;

use crate::SIZE_MAX;
use crate::hash::{self, Hash};
use crate::note::{self, Note, SignError, Signer, Verifier};

/// A tree head. As text it is the text of the note that is signed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Checkpoint {
    origin: String,
    size: u64,
    root: Hash,
    extensions: Vec<String>,
}

/// What is not a checkpoint, or not the expected one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The note is not one, or not signed.
    #[error(transparent)]
    Note(#[from] note::Error),
    /// The text has not the lines of a checkpoint.
    #[error(
        "a checkpoint is origin, size and root, each on a line that ends with a newline, and no line is empty"
    )]
    Form,
    /// A line has characters that a line cannot have.
    #[error("line {line} of a checkpoint is empty or has control characters")]
    Line {
        /// Which one, from 1.
        line: usize,
    },
    /// The size is no number in its one form, or too large.
    #[error("{size:?} is no size: a number up to {SIZE_MAX} without leading zeros is expected")]
    Size {
        /// The line, cut after 32 characters.
        size: String,
    },
    /// The root is no hash.
    #[error("the root is wrong")]
    Root(#[from] hash::ParseError),
    /// An empty tree with another root than it has.
    #[error("the empty tree has the root {}, not {root}", Hash::EMPTY_ROOT)]
    EmptyRoot {
        /// The root that was given.
        root: Hash,
    },
    /// The checkpoint is of another log.
    #[error("the checkpoint is of {found:?}, not of {expected:?}")]
    Origin {
        /// The origin of the checkpoint.
        found: String,
        /// The name of the key.
        expected: String,
    },
}

impl Checkpoint {
    /// The checkpoint of a log at one size.
    pub fn new(origin: &str, size: u64, root: Hash) -> Result<Self, Error> {
        check_line(1, origin)?;
        if size > SIZE_MAX {
            return Err(Error::Size { size: size.to_string() });
        }
        if size == 0 && root != Hash::EMPTY_ROOT {
            return Err(Error::EmptyRoot { root });
        }
        Ok(Self { origin: origin.to_owned(), size, root, extensions: Vec::new() })
    }

    /// The checkpoint with one more extension line: opaque, signed, and not recommended, as no monitor can check it.
    pub fn with_extension(mut self, line: &str) -> Result<Self, Error> {
        check_line(4 + self.extensions.len(), line)?;
        self.extensions.push(line.to_owned());
        Ok(self)
    }

    /// Which log it is of.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How many leaves the tree has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// The lines behind the root.
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }

    /// The checkpoint as a note, signed by the log: the signer's name is the origin.
    pub fn sign<S: Signer + ?Sized>(&self, signer: &S) -> Result<Note, SignCheckpointError<S::Error>> {
        self.expect_origin(signer.key().name().as_str())?;
        let mut note = Note::unsigned(&self.to_string()).map_err(Error::from)?;
        note.sign(signer)?;
        Ok(note)
    }

    /// Opens a note that holds a checkpoint: first the log's signature is verified, then the text is read. The verifier's
    /// name is the origin.
    pub fn open(note: &Note, log: &(impl Verifier + ?Sized)) -> Result<Self, Error> {
        note.verify(log)?;
        let checkpoint: Self = note.text().parse()?;
        checkpoint.expect_origin(log.key().name().as_str())?;
        Ok(checkpoint)
    }

    fn expect_origin(&self, expected: &str) -> Result<(), Error> {
        if self.origin == expected {
            return Ok(());
        }
        Err(Error::Origin { found: self.origin.clone(), expected: expected.to_owned() })
    }
}

/// Why a checkpoint could not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignCheckpointError<E: std::error::Error + 'static> {
    /// The checkpoint is of another log than the signer.
    #[error(transparent)]
    Refused(#[from] Error),
    /// The note could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError<E>),
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}\n{}\n{}\n", self.origin, self.size, self.root)?;
        self.extensions.iter().try_for_each(|line| writeln!(formatter, "{line}"))
    }
}

impl FromStr for Checkpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut lines = text.strip_suffix('\n').ok_or(Error::Form)?.split('\n');
        let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
            return Err(Error::Form);
        };
        let size =
            parse_decimal(size).ok_or_else(|| Error::Size { size: size.chars().take(32).collect() })?;
        let checkpoint = Self::new(origin, size, root.parse()?)?;
        lines.try_fold(checkpoint, Self::with_extension)
    }
}

/// A decimal number in its one form.
pub(crate) fn parse_decimal(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

fn check_line(line: usize, text: &str) -> Result<(), Error> {
    let bad = text.is_empty() || text.bytes().any(|byte| byte < b' ');
    if bad { Err(Error::Line { line }) } else { Ok(()) }
}
