//! Proofs that travel alone, as C2SP tlog-proof defines them: index, audit path and checkpoint in one text.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 73894
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//!
//! example.org/log
//! 109482
//! …
//! ```

use std::fmt;

use data_encoding::BASE64;

use crate::checkpoint::{self, Checkpoint, decimal};
use crate::note::{self, Ed25519, NOTE_BYTES_MAX, Note, VerifierKey};
use crate::{Hash, VerifyError, leaf_hash, verify_inclusion};

const HEADER: &str = "c2sp.org/tlog-proof@v1";
/// A tree of 2^64 leaves has paths of 64 hashes.
const PATH_MAX: usize = 64;
/// Extra data that is passed over.
const EXTRA_BYTES_MAX: usize = 64 << 10;

/// A proof that a log has a leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    index: u64,
    path: Vec<Hash>,
    /// The signed note, as it is.
    checkpoint: String,
}

/// Why a proof is none, or proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It is not written as a proof is.
    #[error("{0}")]
    Format(&'static str),
    /// Its checkpoint is no signed note.
    #[error("the checkpoint is not readable")]
    Note(#[from] note::Error),
    /// Its checkpoint is not believed.
    #[error("the checkpoint is not believed")]
    Checkpoint(#[from] checkpoint::Error),
    /// It does not lead from the leaf to the checkpoint's root.
    #[error("the checkpoint does not cover the leaf at this index")]
    Path(#[from] VerifyError),
}

impl TlogProof {
    /// The proof that a checkpoint covers the leaf at an index.
    pub fn new(index: u64, path: Vec<Hash>, checkpoint: &Note) -> Self {
        Self { index, path, checkpoint: checkpoint.to_string() }
    }

    /// Reads a proof. Nothing is checked but its form.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        let format = ProofError::Format;
        if text.len() > EXTRA_BYTES_MAX + NOTE_BYTES_MAX {
            return Err(format("the proof is too long"));
        }
        let (head, checkpoint) =
            text.split_once("\n\n").ok_or(format("no blank line before the checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(format("the first line is not `c2sp.org/tlog-proof@v1`"));
        }
        if let Some(extra) = lines.next_if(|line| line.starts_with("extra ")) {
            BASE64.decode(&extra.as_bytes()[6..]).map_err(|_| format("the extra data is not base64"))?;
        }
        let index = lines.next().and_then(|line| decimal(line.strip_prefix("index ")?));
        let index = index.ok_or(format("no line `index` with a decimal number"))?;
        let path: Option<Vec<Hash>> = lines.map(Hash::from_base64).collect();
        let path = path.filter(|path| path.len() <= PATH_MAX);
        let path = path.ok_or(format("the audit path is not up to 64 hashes in base64, each on a line"))?;
        Ok(Self { index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Which leaf, counted from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The audit path, from the leaf upwards.
    pub fn path(&self) -> &[Hash] {
        &self.path
    }

    /// The signed note.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// Whether the log whose key this is has signed a tree with this leaf in its place; the checkpoint.
    pub fn verify(
        &self,
        leaf: &[u8],
        key: &VerifierKey,
        rule: &impl Ed25519,
    ) -> Result<Checkpoint, ProofError> {
        let checkpoint = Checkpoint::open(&Note::parse(&self.checkpoint)?, key, rule)?;
        verify_inclusion(&leaf_hash(leaf), self.index, checkpoint.size, &checkpoint.root, &self.path)?;
        Ok(checkpoint)
    }
}

impl fmt::Display for TlogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}\nindex {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
