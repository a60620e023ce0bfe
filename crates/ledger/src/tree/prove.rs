//! Proofs from the stored tree, each checked before it is handed out.

use std::io;
use std::iter::successors;

use sealpost_merkle::hash::leaf_hash;
use sealpost_merkle::proof::{verify_consistency, verify_inclusion};
use sealpost_merkle::tlog_proof::TlogProof;
use sealpost_merkle::{Hash, Trusted, prove};

use super::files::is_of_the_tile;
use super::{Files, Signed};
use crate::history::{History, ReadError};

/// Proves what a checkpoint says.
pub struct Prover<'a> {
    history: &'a History,
    files: &'a Files,
    signed: Signed,
}

/// Why something was not proved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The checkpoint covers less than what is to be proved.
    #[error("the checkpoint covers {size} records, fewer than {asked}")]
    Larger {
        /// The larger size that was named.
        asked: u64,
        /// Of the checkpoint.
        size: u64,
    },
    /// The checkpoint does not cover the record.
    #[error("the checkpoint covers {size} records, so that there is none for record {index}")]
    Beyond {
        /// The record.
        index: u64,
        /// Of the checkpoint.
        size: u64,
    },
    /// The older checkpoint is larger.
    #[error("the checkpoint covers {size} records, fewer than the {old} that it should continue")]
    Older {
        /// Of the older one.
        old: u64,
        /// Of the checkpoint.
        size: u64,
    },
    /// A tree of nothing is continued by every other: there is nothing to prove.
    #[error("a checkpoint over no records is continued by every other")]
    Nothing,
    /// The stored tree does not lead to the root of the checkpoint.
    #[error(
        "the stored tree is incomplete or wrong; a node makes it anew when it starts without its folder `tile`"
    )]
    Tree(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The disk did not give a tile, which says nothing about what is in it.
    #[error("the stored tree cannot be read at the moment")]
    Unread(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The record cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The record is not the one that the tree holds.
    #[error("record {index} is not the one over which the checkpoint was signed")]
    Record {
        /// The record.
        index: u64,
    },
}

impl<'a> Prover<'a> {
    /// Proves against this checkpoint.
    pub fn new(history: &'a History, files: &'a Files, signed: Signed) -> Self {
        Self { history, files, signed }
    }

    /// The leaf at an index, and the proof that the checkpoint covers it.
    pub fn inclusion(&self, index: u64) -> Result<(bytes::Bytes, TlogProof), Error> {
        let (size, root) = self.covered();
        if index >= size {
            return Err(Error::Beyond { index, size });
        }
        let leaf = self.history.get(index)?.leaf_bytes;
        let path = prove::inclusion(index, size, &self.trusted()?).map_err(tree)?;
        let hash = leaf_hash(&leaf);
        verify_inclusion(&hash, index, size, &root, &path).map_err(|_| Error::Record { index })?;
        Ok((leaf, TlogProof::new(index, path, self.signed.note.clone()).map_err(tree)?))
    }

    /// The proof that the checkpoint continues one of size `old`, whose root comes with it.
    pub fn consistency(&self, old: u64) -> Result<(Hash, Vec<Hash>), Error> {
        self.consistency_between(old, self.covered().0)
    }

    /// The proof that the tree of size `new`, which the checkpoint covers, continues the one of size `old`, whose root comes
    /// with it.
    pub fn consistency_between(&self, old: u64, new: u64) -> Result<(Hash, Vec<Hash>), Error> {
        let (size, root) = self.covered();
        if old == 0 {
            return Err(Error::Nothing);
        }
        if new > size {
            return Err(Error::Larger { asked: new, size });
        }
        if old > new {
            return Err(Error::Older { old, size: new });
        }
        let trusted = self.trusted()?;
        let new_root = if new == size { root } else { prove::root(new, &trusted).map_err(tree)? };
        let old_root = prove::root(old, &trusted).map_err(tree)?;
        let proof = prove::consistency(old, new, &trusted).map_err(tree)?;
        verify_consistency(old, &old_root, new, &new_root, &proof).map_err(tree)?;
        Ok((old_root, proof))
    }

    fn covered(&self) -> (u64, Hash) {
        (self.signed.checkpoint.size(), self.signed.checkpoint.root())
    }

    fn trusted(&self) -> Result<Trusted<&'a Files>, Error> {
        let (size, root) = self.covered();
        Trusted::new(self.files, size, root).map_err(tree)
    }
}

fn tree(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    let mut causes = successors(Some(&error as &(dyn std::error::Error + 'static)), |error| error.source());
    let unread = causes.find_map(|error| error.downcast_ref::<io::Error>());
    if unread.is_none_or(is_of_the_tile) {
        Error::Tree(Box::new(error))
    } else {
        Error::Unread(Box::new(error))
    }
}
