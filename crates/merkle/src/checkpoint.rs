//! Checkpoints, as C2SP tlog-checkpoint defines them: the text of a signed note that states the size and the root of a
//! log's tree.

use std::fmt::Write as _;

use crate::Hash;
use crate::note::{self, Ed25519, KeyName, Note, VerifierKey};

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: the name of the key that signs for it.
    pub origin: KeyName,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a text is no checkpoint, or is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is no signed note.
    #[error(transparent)]
    Note(#[from] note::Error),
    /// Its text is none of a checkpoint.
    #[error("{line} is not {expected}")]
    Line {
        /// Which one.
        line: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// The key did not sign it.
    #[error("no signature of {key} holds")]
    Unsigned {
        /// Whose signature is missing.
        key: KeyName,
    },
    /// The key is that of another log.
    #[error("it is of {found}, expected is {expected}")]
    Origin {
        /// Whose it is.
        found: KeyName,
        /// Whose it must be.
        expected: KeyName,
    },
}

impl Checkpoint {
    /// Reads the text of a note. Lines after the third are extensions: they are passed over.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let fault = |line, expected| Error::Line { line, expected };
        let text = text.strip_suffix('\n').ok_or(fault("the last line", "ended"))?;
        let mut lines = text.split('\n');
        let origin = KeyName::parse(lines.next().unwrap_or_default())?;
        let size = lines.next().and_then(decimal).ok_or(fault("the second line", "a decimal size"))?;
        let root = lines.next().and_then(Hash::from_base64);
        let root = root.ok_or(fault("the third line", "a hash in base64"))?;
        if lines.any(str::is_empty) {
            return Err(fault("an extension line", "filled"));
        }
        Ok(Self { origin, size, root })
    }

    /// The text of its note.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}\n{}\n{}", self.origin, self.size, self.root);
        text
    }

    /// The note, signed by whoever holds the private half of `key`, which must bear the origin's name.
    pub fn sign<E>(
        &self,
        key: &VerifierKey,
        sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>,
    ) -> Result<Note, E> {
        debug_assert_eq!(*key.name(), self.origin);
        let mut note = Note::new(self.to_text()).expect("three lines without control characters");
        note.sign(key, sign)?;
        Ok(note)
    }

    /// Opens a checkpoint of the log whose key this is.
    pub fn open(note: &Note, key: &VerifierKey, rule: &impl Ed25519) -> Result<Self, Error> {
        let checkpoint = Self::from_text(note.text())?;
        if checkpoint.origin != *key.name() {
            return Err(Error::Origin { found: checkpoint.origin, expected: key.name().clone() });
        }
        if !note.is_signed_by(key, rule) {
            return Err(Error::Unsigned { key: key.name().clone() });
        }
        Ok(checkpoint)
    }
}

/// A number without sign and leading zeroes.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok())?
}
