//! The growing end of a ledger's tree.
//!
//! It holds the partial tiles and nothing else: at most 255 hashes of each of eight levels, whatever the size. Full
//! tiles are handed out once, when the leaf that fills them is appended; partial ones whenever they are asked for, as a
//! rule for each checkpoint. It never reads a tile that it does not check, and never writes one.

use crate::edge::Edge;
use crate::hash::Hash;
use crate::read::{Error, Tiles, bytes};
use crate::tile::{LEVELS, Tile, full_tiles};

/// A tree that leaves are appended to.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    size: u64,
    edge: Edge,
}

impl Tree {
    /// The tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on with the tree of `size` leaves and this root. The partial tiles of that size are read and checked against
    /// the root; whoever has no root to trust has to append all leaves again.
    pub fn resume<T: Tiles>(size: u64, root: Hash, tiles: &T) -> Result<Self, Error<T::Error>> {
        Ok(Self { size, edge: Edge::read_checked(tiles, size, root)? })
    }

    /// Appends a leaf by its hash, and returns the tiles that are full now, with their bytes, from the leaves up: one for
    /// every 256 leaves, one more for every 65,536, and so on.
    #[must_use = "a full tile is handed out only once"]
    pub fn append(&mut self, leaf: Hash) -> Vec<(Tile, Vec<u8>)> {
        let filled = self.edge.append(leaf);
        self.size += 1;
        (0..)
            .zip(filled)
            .filter_map(|(level, hashes)| {
                let tile = Tile::of_tree(level, full_tiles(level, self.size) - 1, self.size)?;
                Some((tile, bytes(&hashes)))
            })
            .collect()
    }

    /// How many leaves it has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Its root. Up to 255 hashes per level are computed for it.
    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// The partial tiles of the tree as it is now, with their bytes, from the leaves up: with the full ones they are all
    /// that a reader of this size needs.
    pub fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        (0..LEVELS)
            .filter_map(|level| Some((Tile::edge(level, self.size)?, bytes(self.edge.level(level)))))
            .collect()
    }
}
