//! The right edge of a tree: the partial tile of each level, which together are all that the root depends on.

use crate::hash::{Hash, node_hash, perfect_root};
use crate::read::{Error, Tiles, hashes};
use crate::tile::{LEVELS, Tile, WIDTH};

/// The hashes of the partial tile of each level, from the leaves up; fewer than 256 each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edge {
    levels: [Vec<Hash>; LEVELS as usize],
}

impl Edge {
    /// Reads the edge of the tree of `size` leaves. It is not checked yet.
    pub(crate) fn read<T: Tiles>(source: &T, size: u64) -> Result<Self, Error<T::Error>> {
        if size > crate::SIZE_MAX {
            return Err(Error::Size { size });
        }
        let mut edge = Self::default();
        for (level, kept) in (0..).zip(&mut edge.levels) {
            if let Some(tile) = Tile::edge(level, size) {
                *kept = hashes(source, tile)?;
            }
        }
        Ok(edge)
    }

    /// Reads the edge and compares its root. Each of its hashes goes into that root, so none can be exchanged.
    pub(crate) fn read_checked<T: Tiles>(source: &T, size: u64, root: Hash) -> Result<Self, Error<T::Error>> {
        let edge = Self::read(source, size)?;
        let computed = edge.root();
        if computed == root { Ok(edge) } else { Err(Error::Root { size, computed, root }) }
    }

    /// The tree's root: the subtrees in the partial tiles, joined from the smallest, which is the rightmost, up.
    pub(crate) fn root(&self) -> Hash {
        let mut root = None;
        for hashes in &self.levels {
            let mut rest = hashes.as_slice();
            while !rest.is_empty() {
                let (before, subtree) = rest.split_at(rest.len() - (1 << rest.len().trailing_zeros()));
                let left = perfect_root(subtree).expect("a power of two of hashes");
                root = Some(root.map_or(left, |right| node_hash(&left, &right)));
                rest = before;
            }
        }
        root.unwrap_or(Hash::EMPTY_ROOT)
    }

    /// The hashes of the partial tile of a level, none if there is no such tile.
    pub(crate) fn level(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// Appends a leaf and returns the hashes of the tiles that it filled, from level 0 up.
    pub(crate) fn append(&mut self, leaf: Hash) -> Vec<Vec<Hash>> {
        let mut filled = Vec::new();
        let mut entry = leaf;
        for hashes in &mut self.levels {
            hashes.push(entry);
            if hashes.len() < WIDTH.into() {
                break;
            }
            entry = perfect_root(hashes).expect("256 is a power of two");
            filled.push(std::mem::take(hashes));
        }
        filled
    }
}
