//! A ledger's tiles in memory.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::LazyLock;

use sealpost_merkle::hash::leaf_hash;
use sealpost_merkle::read::Tiles;
use sealpost_merkle::{Hash, Tile, Tree};

/// The sizes at which something changes: around full tiles of each level, and a tree with partial tiles at three levels.
pub(crate) const SIZES: [u64; 12] = [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000, 70_000];

/// Every test reads the same leaves: the hash of the index.
pub(crate) fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

/// The hashes of the first leaves.
pub(crate) fn leaves(size: u64) -> Vec<Hash> {
    (0..size).map(leaf).collect()
}

/// The tiles as they were written: the last writing of a partial tile stays beside its full one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory(pub(crate) BTreeMap<Tile, Vec<u8>>);

/// No such tile was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing;

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("no such tile")
    }
}

impl std::error::Error for Missing {}

impl Tiles for Memory {
    type Error = Missing;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Missing> {
        self.0.get(&tile).cloned().ok_or(Missing)
    }
}

impl Memory {
    /// Appends the leaf that comes next and keeps the tiles that it filled.
    pub(crate) fn append(&mut self, tree: &mut Tree) {
        self.0.extend(tree.append(leaf(tree.size())));
    }

    /// The tiles of the tree of this size, full and partial, and nothing else.
    pub(crate) fn of(size: u64) -> (Tree, Self) {
        let below = GROWN.range(..=size).next_back().map(|(_, grown)| grown.clone());
        let (mut tree, mut tiles) = below.unwrap_or_default();
        while tree.size() < size {
            tiles.append(&mut tree);
        }
        tiles.0.extend(tree.partial());
        (tree, tiles)
    }
}

/// One tree that grew, with its full tiles as they were at some sizes, so that not every test grows its own.
static GROWN: LazyLock<BTreeMap<u64, (Tree, Memory)>> = LazyLock::new(|| {
    let (mut tree, mut tiles) = (Tree::new(), Memory::default());
    let mut grown = BTreeMap::new();
    for size in SIZES {
        while tree.size() < size {
            tiles.append(&mut tree);
        }
        grown.insert(size, (tree.clone(), tiles.clone()));
    }
    grown
});

/// The widest tile that a tree of 70,000 leaves has for each: what a reader of a smaller tree is given.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Widest;

static WIDEST: LazyLock<BTreeMap<(u8, u64), Vec<u8>>> = LazyLock::new(|| {
    let (_, tiles) = Memory::of(70_000);
    tiles.0.into_iter().map(|(tile, bytes)| ((tile.level(), tile.index()), bytes)).collect()
});

impl Tiles for Widest {
    type Error = Infallible;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Infallible> {
        Ok(WIDEST.get(&(tile.level(), tile.index())).cloned().unwrap_or_default())
    }
}
