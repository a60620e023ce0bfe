//! A tree that grows. Only its right edge is in memory: at most 255 hashes for each of eight levels.

use crate::hash::fold_complete;
use crate::{HASH_BYTES, Hash, Tile, Tiles, node_hash};

/// A tree, as far as it takes to append to it.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    size: u64,
    /// The hashes of the last, partial tile of each level.
    edge: Vec<Vec<Hash>>,
    /// Tiles that were filled and not taken out yet.
    full: Vec<(Tile, Vec<u8>)>,
}

/// Why a stored tree was not taken up.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError<E: std::error::Error + 'static> {
    /// A tile was not given.
    #[error("cannot read {}", tile.path())]
    Tile {
        /// Which one.
        tile: Tile,
        /// Why not.
        source: E,
    },
    /// A tile has another number of bytes than it should.
    #[error("{} has {found} bytes, expected are {}", tile.path(), tile.width() * HASH_BYTES)]
    Length {
        /// Which one.
        tile: Tile,
        /// How many it has.
        found: usize,
    },
    /// The tiles are those of another tree.
    #[error("the stored tree of {size} leaves has the root {found}, expected is {expected}")]
    Root {
        /// Of the tree.
        size: u64,
        /// As the tiles have it.
        found: Hash,
        /// As it was signed.
        expected: Hash,
    },
}

impl Tree {
    /// A tree without leaves.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up a stored tree. Its right edge is read and compared with the root; what lies left of that is not.
    pub fn resume<T: Tiles>(size: u64, root: &Hash, tiles: &T) -> Result<Self, ResumeError<T::Error>> {
        let mut tree = Self { size, ..Self::default() };
        for level in 0..Tile::LEVELS {
            tree.edge.push(match Tile::edge(level, size) {
                Some(tile) => read(tiles, tile)?,
                None => Vec::new(),
            });
        }
        let found = tree.root();
        if found == *root { Ok(tree) } else { Err(ResumeError::Root { size, found, expected: *root }) }
    }

    /// How many leaves it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf by its hash.
    pub fn append(&mut self, leaf: Hash) {
        let mut carried = leaf;
        for level in 0..Tile::LEVELS {
            let at = usize::from(level);
            if self.edge.len() == at {
                self.edge.push(Vec::with_capacity(Tile::WIDTH));
            }
            let hashes = &mut self.edge[at];
            hashes.push(carried);
            if hashes.len() < Tile::WIDTH {
                break;
            }
            let index = (self.size >> (8 * u32::from(level))) >> 8;
            self.full.push((Tile::full_at(level, index), bytes(hashes)));
            carried = fold_complete(hashes);
            hashes.clear();
        }
        self.size += 1;
    }

    /// The root over all leaves.
    pub fn root(&self) -> Hash {
        let mut root = None;
        // From the right: each level's complete subtrees, the smallest first, lie left of what the levels below hold.
        for hashes in &self.edge {
            let mut end = hashes.len();
            while end > 0 {
                let start = end & (end - 1);
                let subtree = fold_complete(&hashes[start..end]);
                root = Some(root.map_or(subtree, |right| node_hash(&subtree, &right)));
                end = start;
            }
        }
        root.unwrap_or_else(Hash::of_nothing)
    }

    /// The tiles that were filled since this was called last.
    pub fn take_full(&mut self) -> Vec<(Tile, Vec<u8>)> {
        std::mem::take(&mut self.full)
    }

    /// The partial tiles on the right edge.
    pub fn partial(&self) -> Vec<(Tile, Vec<u8>)> {
        let levels = (0..Tile::LEVELS).zip(&self.edge);
        levels.filter_map(|(level, hashes)| Some((Tile::edge(level, self.size)?, bytes(hashes)))).collect()
    }

    /// The hashes of the partial tile of a level.
    pub(crate) fn edge(&self, level: u8) -> &[Hash] {
        self.edge.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }
}

/// The hashes of a stored tile.
pub(crate) fn read<T: Tiles>(tiles: &T, tile: Tile) -> Result<Vec<Hash>, ResumeError<T::Error>> {
    let bytes = tiles.tile(tile).map_err(|source| ResumeError::Tile { tile, source })?;
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.len() != tile.width() {
        return Err(ResumeError::Length { tile, found: bytes.len() });
    }
    Ok(hashes.iter().copied().map(Hash::new).collect())
}

fn bytes(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}
