//! A proof in one file that a leaf is in a signed ledger, to be checked without any network. C2SP `tlog-proof`.
//!
//! It says which leaf of which checkpoint, and how the one leads to the other. The leaf itself and the keys that are
//! trusted do not stand in it: the verifier brings them. Cosignatures on the checkpoint are for
//! [`crate::cosignature::verify`].

use std::fmt;

use data_encoding::BASE64;

use crate::checkpoint::{self, Checkpoint, parse_decimal};
use crate::hash::Hash;
use crate::note::{self, Note, Verifier};
use crate::proof;

/// The first line of every proof.
pub const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// The most hashes of a proof: the height of the largest tree.
pub const HASHES_MAX: usize = 63;

/// The most bytes of extra data.
pub const EXTRA_MAX: usize = 64 * 1024;

/// An index, the hashes from the leaf to the root, and the checkpoint with that root. As text it is the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    extra: Vec<u8>,
    index: u64,
    hashes: Vec<Hash>,
    checkpoint: Note,
}

/// What is not a proof, or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The file does not begin as a proof.
    #[error("a proof begins with the line {HEADER:?}")]
    Header,
    /// The text is not laid out as a proof.
    #[error(
        "line {line} of the proof is not as expected: extra (optional), index, hashes, an empty line, checkpoint"
    )]
    Line {
        /// Which line, from 1.
        line: usize,
    },
    /// Too many hashes.
    #[error("a proof has at most {HASHES_MAX} hashes, not {hashes}")]
    Hashes {
        /// How many it has.
        hashes: usize,
    },
    /// Too much extra data.
    #[error("a proof has at most {EXTRA_MAX} bytes of extra data, not {bytes}")]
    Extra {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The checkpoint is no signed note.
    #[error("the checkpoint of the proof is no note")]
    Note(#[from] note::Error),
    /// The checkpoint is not what it must be.
    #[error("the checkpoint of the proof is refused")]
    Checkpoint(#[from] checkpoint::Error),
    /// The hashes do not lead from the leaf to the checkpoint's root.
    #[error("the leaf is not proved to be in the ledger")]
    Proof(#[from] proof::Error),
}

impl TlogProof {
    /// The proof that the leaf `index` is in the tree of this checkpoint.
    pub fn new(index: u64, hashes: Vec<Hash>, checkpoint: Note) -> Result<Self, Error> {
        if hashes.len() > HASHES_MAX {
            return Err(Error::Hashes { hashes: hashes.len() });
        }
        Ok(Self { extra: Vec::new(), index, hashes, checkpoint })
    }

    /// The proof with extra data, which nothing protects.
    pub fn with_extra(mut self, extra: Vec<u8>) -> Result<Self, Error> {
        if extra.len() > EXTRA_MAX {
            return Err(Error::Extra { bytes: extra.len() });
        }
        self.extra = extra;
        Ok(self)
    }

    /// Reads a proof. Nothing is verified yet.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let rest = bytes.strip_prefix(HEADER.as_bytes()).and_then(|rest| rest.strip_prefix(b"\n"));
        let mut rest = rest.ok_or(Error::Header)?;
        let mut line = 1;
        let mut next = || {
            line += 1;
            let end = rest.iter().position(|&byte| byte == b'\n').ok_or(Error::Line { line })?;
            let text = str::from_utf8(&rest[..end]).map_err(|_| Error::Line { line })?;
            rest = &rest[end + 1..];
            Ok::<_, Error>((line, text))
        };
        let (mut at, mut text) = next()?;
        let mut extra = Vec::new();
        if let Some(base64) = text.strip_prefix("extra ") {
            extra = BASE64.decode(base64.as_bytes()).map_err(|_| Error::Line { line: at })?;
            if extra.is_empty() {
                return Err(Error::Line { line: at });
            }
            (at, text) = next()?;
        }
        let index = text.strip_prefix("index ").and_then(parse_decimal).ok_or(Error::Line { line: at })?;
        let mut hashes = Vec::new();
        loop {
            let (at, text) = next()?;
            if text.is_empty() {
                break;
            }
            if hashes.len() == HASHES_MAX {
                return Err(Error::Hashes { hashes: HASHES_MAX + 1 });
            }
            hashes.push(text.parse().map_err(|_| Error::Line { line: at })?);
        }
        Self::new(index, hashes, Note::parse(rest)?)?.with_extra(extra)
    }

    /// Verifies that the leaf with this hash is in the ledger of this key, and returns the checkpoint that says so.
    pub fn verify(&self, leaf: &Hash, log: &(impl Verifier + ?Sized)) -> Result<Checkpoint, Error> {
        let checkpoint = Checkpoint::open(&self.checkpoint, log)?;
        proof::verify_inclusion(leaf, self.index, checkpoint.size(), &checkpoint.root(), &self.hashes)?;
        Ok(checkpoint)
    }

    /// Which leaf it is about.
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The hashes from the leaf's sibling up.
    pub fn hashes(&self) -> &[Hash] {
        &self.hashes
    }

    /// The checkpoint, signed and perhaps cosigned.
    pub const fn checkpoint(&self) -> &Note {
        &self.checkpoint
    }

    /// The extra data, which nothing protects; empty if there is none.
    pub fn extra(&self) -> &[u8] {
        &self.extra
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{HEADER}")?;
        if !self.extra.is_empty() {
            writeln!(formatter, "extra {}", BASE64.encode_display(&self.extra))?;
        }
        writeln!(formatter, "index {}", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(formatter, "{hash}"))?;
        write!(formatter, "\n{}", self.checkpoint)
    }
}
