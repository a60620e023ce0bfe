//! Reading tiles from wherever they lie.
//!
//! Nothing that is read here is believed: whoever needs that takes [`crate::trusted::Trusted`].

use crate::hash::{Hash, LENGTH, perfect_root};
use crate::tile::{Tile, WIDTH};

/// Where tiles are read from: a directory, a peer, a map in a test.
pub trait Tiles {
    /// Why a tile could not be read.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The bytes of a tile. A tree that has grown since may give a wider tile of the same level and index: whole
    /// hashes, no fewer than asked for and no more than 256. Those beyond the width asked for are ignored.
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Self::Error>;
}

impl<T: Tiles + ?Sized> Tiles for &T {
    type Error = T::Error;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Self::Error> {
        (**self).tile(tile)
    }
}

/// Why tiles do not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error<E: std::error::Error + 'static> {
    /// The tile cannot be read.
    #[error("cannot read {tile}")]
    Read {
        /// The tile asked for.
        tile: Tile,
        /// Why.
        source: E,
    },
    /// The tile has no length that it may have.
    #[error("{tile} has {bytes} bytes, where {} to {} in whole hashes are expected", tile.byte_length(), usize::from(WIDTH) * LENGTH)]
    Length {
        /// The tile asked for.
        tile: Tile,
        /// How many bytes came.
        bytes: usize,
    },
    /// The tile's hashes are not those of the tree.
    #[error("{tile} does not belong to the tree with the root {root}")]
    Forged {
        /// The tile asked for.
        tile: Tile,
        /// The tree's root.
        root: Hash,
    },
    /// The tiles at the right edge are not those of the tree.
    #[error("the right edge at size {size} has the root {computed}, not {root}")]
    Root {
        /// The tree's size.
        size: u64,
        /// The root that the tiles give.
        computed: Hash,
        /// The tree's root.
        root: Hash,
    },
    /// The tree has no such tile.
    #[error("a tree of {size} leaves has no {tile}")]
    Outside {
        /// The tile asked for.
        tile: Tile,
        /// The tree's size.
        size: u64,
    },
    /// The tree has no such leaf.
    #[error("a tree of {size} leaves has no leaf {index}")]
    Index {
        /// The leaf asked for.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The older tree is the larger one.
    #[error("a tree of {new} leaves cannot have grown from one of {old}")]
    Sizes {
        /// The older tree's size.
        old: u64,
        /// The newer tree's size.
        new: u64,
    },
    /// No tree is as large.
    #[error("a tree has at most {} leaves, not {size}", crate::SIZE_MAX)]
    Size {
        /// The size asked for.
        size: u64,
    },
}

/// Reads one tile and checks its form: exactly as many hashes as it is wide.
pub(crate) fn hashes<T: Tiles>(source: &T, tile: Tile) -> Result<Vec<Hash>, Error<T::Error>> {
    let bytes = source.tile(tile).map_err(|source| Error::Read { tile, source })?;
    let (whole, rest) = bytes.as_chunks::<LENGTH>();
    let enough = (tile.width().into()..=WIDTH.into()).contains(&whole.len());
    if !enough || !rest.is_empty() {
        return Err(Error::Length { tile, bytes: bytes.len() });
    }
    Ok(whole.iter().take(tile.width().into()).copied().map(Hash::from_bytes).collect())
}

/// The bytes of a tile with these hashes.
pub(crate) fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The nodes of one tree, each tile of which is read once; a proof needs about three of each level.
pub(crate) struct Nodes<'a, T> {
    source: &'a T,
    size: u64,
    kept: Vec<(Tile, Vec<Hash>)>,
}

impl<'a, T: Tiles> Nodes<'a, T> {
    /// The nodes of the tree of `size` leaves.
    pub(crate) fn new(source: &'a T, size: u64) -> Result<Self, Error<T::Error>> {
        if size > crate::SIZE_MAX {
            return Err(Error::Size { size });
        }
        Ok(Self { source, size, kept: Vec::new() })
    }

    /// The root over the leaves from `start` up to `end`, a node of the tree or of one that it grew from: `start` is a
    /// multiple of the power of two that holds the leaves, and `end` at most the tree's size.
    pub(crate) fn range(&mut self, start: u64, end: u64) -> Result<Hash, Error<T::Error>> {
        let leaves = end - start;
        if leaves == 0 {
            return Ok(Hash::EMPTY_ROOT);
        }
        if leaves.is_power_of_two() {
            return self.perfect(start, leaves.trailing_zeros());
        }
        let middle = start + split(leaves);
        let left = self.range(start, middle)?;
        let right = self.range(middle, end)?;
        Ok(crate::hash::node_hash(&left, &right))
    }

    /// The root over the `2^height` leaves from `start` on: one entry of a tile, or up to 128 neighbouring ones.
    fn perfect(&mut self, start: u64, height: u32) -> Result<Hash, Error<T::Error>> {
        let level = u8::try_from(height / 8).expect("a height is below 64");
        let first = start >> (8 * level);
        let tile = Tile::of_tree(level, first / u64::from(WIDTH), self.size)
            .expect("every whole subtree of the tree lies in one of its tiles");
        let first = usize::try_from(first % u64::from(WIDTH)).expect("below 256");
        let entries = first..first + (1 << (height % 8));
        let hashes = self.read(tile)?;
        Ok(perfect_root(&hashes[entries]).expect("a power of two of hashes"))
    }

    fn read(&mut self, tile: Tile) -> Result<&[Hash], Error<T::Error>> {
        let kept = self.kept.iter().position(|(kept, _)| *kept == tile);
        let at = kept.unwrap_or(self.kept.len());
        if kept.is_none() {
            self.kept.push((tile, hashes(self.source, tile)?));
        }
        Ok(&self.kept[at].1)
    }
}

/// How many of two or more leaves lie in the left subtree: the greatest power of two below their number.
pub(crate) fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}
