//! Reading a stored tree without believing it.
//!
//! The right edge is bound to the root when the reader is made. Every full tile has its own root in the tile above it:
//! it is compared with that, which is authenticated in the same way, up to the edge. So no byte of a tile is used
//! that does not lead to the root, whatever the size of the tree.

use crate::hash::fold_complete;
use crate::tree::read;
use crate::{Hash, ResumeError, Tile, Tiles, Tree};

/// A stored tree whose root is known.
pub struct Trusted<'a, T> {
    edge: Tree,
    tiles: &'a T,
}

/// Why a hash of a stored tree is not given.
#[derive(Debug, thiserror::Error)]
pub enum TileError<E: std::error::Error + 'static> {
    /// A tile cannot be read.
    #[error(transparent)]
    Read(#[from] ResumeError<E>),
    /// A tile does not lead to the root.
    #[error("{} does not lead to the root of the tree", tile.path())]
    Forged {
        /// Which one.
        tile: Tile,
    },
    /// The tree is not as large as that.
    #[error("the tree has {size} leaves; nothing lies at {index}")]
    Beyond {
        /// What was asked for.
        index: u64,
        /// How large the tree is.
        size: u64,
    },
}

impl<'a, T: Tiles> Trusted<'a, T> {
    /// The stored tree of this size and root.
    pub fn new(size: u64, root: Hash, tiles: &'a T) -> Result<Self, ResumeError<T::Error>> {
        Ok(Self { edge: Tree::resume(size, &root, tiles)?, tiles })
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The root of the complete subtree of 2^height leaves, the `index`th from the left.
    pub fn subtree(&self, height: u32, index: u64) -> Result<Hash, TileError<T::Error>> {
        let beyond = || TileError::Beyond { index, size: self.size() };
        let level = u8::try_from(height / 8).map_err(|_| beyond())?;
        let within = height % 8;
        let first = index.checked_mul(1 << within).ok_or_else(beyond)?;
        let (tile, at) = (first >> 8, usize::try_from(first & 0xff).map_err(|_| beyond())?);
        let hashes = self.tile(level, tile)?;
        let subtree = hashes.get(at..at + (1 << within)).ok_or_else(beyond)?;
        Ok(fold_complete(subtree))
    }

    /// The hashes of a tile, authenticated.
    fn tile(&self, level: u8, index: u64) -> Result<Vec<Hash>, TileError<T::Error>> {
        let beyond = || TileError::Beyond { index, size: self.size() };
        let hashes = self.size().checked_shr(8 * u32::from(level)).unwrap_or(0);
        match index.cmp(&(hashes >> 8)) {
            std::cmp::Ordering::Greater => return Err(beyond()),
            std::cmp::Ordering::Equal => return Ok(self.edge.edge(level).to_vec()),
            std::cmp::Ordering::Less => {}
        }
        let tile = Tile::full_at(level, index);
        let found = read(self.tiles, tile)?;
        // A full tile of the last level would be of a tree with more than 2^64 leaves.
        let above = self.tile(level + 1, index >> 8)?;
        let expected = usize::try_from(index & 0xff).ok().and_then(|at| above.get(at));
        if expected == Some(&fold_complete(&found)) { Ok(found) } else { Err(TileError::Forged { tile }) }
    }
}
