//! What the leaves of damaged records must be: by the stored tree, or by all leaves together.

use std::collections::BTreeMap;

use sealpost_merkle::hash::leaf_hash;
use sealpost_merkle::read::Tiles as _;
use sealpost_merkle::tile::WIDTH;
use sealpost_merkle::{Hash, Tile, Tree, Trusted};
use sealpost_seglog::salvage::{Damaged, Met, Salvage};

use super::Error;
use crate::lost::Note;
use crate::tree::{Files, Signed};

/// The hashes of leaves, as the checkpoint vouches for them.
pub(super) struct Leaves<'a> {
    source: Source<'a>,
    size: u64,
}

/// What leads to the checkpoint.
enum Source<'a> {
    /// The stored tree.
    Tree(Box<Trusted<&'a Files>>),
    /// The leaves themselves, those of damaged records among them.
    Records(BTreeMap<u64, Hash>),
    /// Nothing.
    Nothing(String),
}

impl<'a> Leaves<'a> {
    pub(super) fn new(
        files: &'a Files,
        signed: &Signed,
        salvage: &Salvage,
        damaged: &[Damaged],
    ) -> Result<Self, Error> {
        let (size, root) = (signed.checkpoint.size(), signed.checkpoint.root());
        let source = match trusted(files, size, root, damaged) {
            Ok(trusted) => Source::Tree(Box::new(trusted)),
            Err(fault) => match by_records(salvage, size, root)? {
                Some(hashes) => Source::Records(hashes),
                None => Source::Nothing(fault),
            },
        };
        Ok(Self { source, size })
    }

    /// `None` for a record that the checkpoint does not cover.
    pub(super) fn hash(&self, index: u64) -> Result<Option<Hash>, Error> {
        if index >= self.size {
            return Ok(None);
        }
        let untold = |fault: String| Error::Tree { index, source: fault.into() };
        match &self.source {
            Source::Tree(trusted) => stored_hash(trusted, index).map(Some).map_err(untold),
            Source::Records(hashes) => Ok(hashes.get(&index).copied()),
            Source::Nothing(fault) => Err(untold(fault.clone())),
        }
    }
}

/// The stored tree, if it has the leaves of all damaged records.
fn trusted<'a>(
    files: &'a Files,
    size: u64,
    root: Hash,
    damaged: &[Damaged],
) -> Result<Trusted<&'a Files>, String> {
    let trusted = Trusted::new(files, size, root).map_err(|error| with_source(&error))?;
    for index in damaged.iter().map(|one| one.hole.index).filter(|index| *index < size) {
        stored_hash(&trusted, index)?;
    }
    Ok(trusted)
}

fn stored_hash(trusted: &Trusted<&Files>, index: u64) -> Result<Hash, String> {
    let width = u64::from(WIDTH);
    let at = usize::try_from(index % width).unwrap_or_default();
    let tile = Tile::of_tree(0, index / width, trusted.size()).ok_or("the tree does not reach it")?;
    let hashes = trusted.tile(tile).map_err(|error| with_source(&error))?;
    let (hashes, _) = hashes.as_chunks();
    hashes.get(at).copied().map(Hash::from_bytes).ok_or_else(|| format!("{tile} does not reach it"))
}

/// The hashes of the damaged records' leaves as they lie there, if all leaves together lead to the root.
fn by_records(salvage: &Salvage, size: u64, root: Hash) -> Result<Option<BTreeMap<u64, Hash>>, Error> {
    let (mut tree, mut hashes) = (Tree::new(), BTreeMap::new());
    salvage.survey(&mut |met| {
        let hash = match met {
            Met::Whole { leaf, .. } => leaf_hash(leaf),
            Met::Damaged(Damaged { hole, payload, leaf_bytes, .. }) => {
                let noted = Note::parse(&hole.note).map(|note| note.hash);
                let length = leaf_bytes.first().map_or(0, |bytes| *bytes as usize).min(payload.len());
                let hash = noted.unwrap_or_else(|| leaf_hash(&payload[..length]));
                hashes.insert(hole.index, hash);
                hash
            }
        };
        if tree.size() < size {
            // Nobody wants the tiles that it fills.
            drop(tree.append(hash));
        }
        Ok(())
    })?;
    Ok((tree.size() == size && tree.root() == root).then_some(hashes))
}

fn with_source(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
