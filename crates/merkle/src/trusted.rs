//! Tiles that are bound to a root.
//!
//! A tile that somebody else stored is a claim. [`Trusted`] reads the **whole** right edge first, the partial tile of
//! every level, and compares its root; each hash of the edge goes into that root. A full tile is then accepted only if
//! its own root is the entry that the tile above has for it, up to the edge. So each byte that is handed out is bound to
//! the root, also in the partial tiles of the upper levels, which a check that climbs from one leaf never sees.

use std::sync::{Mutex, PoisonError};

use crate::edge::Edge;
use crate::hash::{Hash, perfect_root};
use crate::read::{Error, Tiles, bytes, hashes};
use crate::tile::{LEVELS, Tile, WIDTH};

/// The tiles of the tree with one size and one root, from a source that is not trusted.
#[derive(Debug)]
pub struct Trusted<T> {
    source: T,
    size: u64,
    root: Hash,
    edge: Edge,
    /// The full tile that was last accepted at each level: reading in order needs each tile once.
    accepted: Mutex<[Option<Accepted>; LEVELS as usize]>,
}

#[derive(Debug)]
struct Accepted {
    index: u64,
    hashes: Vec<Hash>,
}

impl<T: Tiles> Trusted<T> {
    /// Reads the right edge of the tree and checks it against `root`, which the caller trusts: from a checkpoint whose
    /// signature was verified.
    pub fn new(source: T, size: u64, root: Hash) -> Result<Self, Error<T::Error>> {
        let edge = Edge::read_checked(&source, size, root)?;
        Ok(Self { source, size, root, edge, accepted: Mutex::default() })
    }

    /// The tree's size.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The tree's root.
    pub const fn root(&self) -> Hash {
        self.root
    }

    /// The hashes of a tile that the tree has, checked.
    fn checked(&self, tile: Tile) -> Result<Vec<Hash>, Error<T::Error>> {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut unknown = Vec::new();
        let mut next = tile;
        let mut known = loop {
            if next.is_partial() {
                break self.edge.level(next.level()).to_vec();
            }
            if let Some(last) = &accepted[usize::from(next.level())]
                && last.index == next.index()
            {
                break last.hashes.clone();
            }
            unknown.push(next);
            next = Tile::of_tree(next.level() + 1, next.index() / u64::from(WIDTH), self.size)
                .expect("a full tile has an entry in the tile above");
        };
        while let Some(tile) = unknown.pop() {
            let entry = usize::try_from(tile.index() % u64::from(WIDTH)).expect("below 256");
            let hashes = hashes(&self.source, tile)?;
            if perfect_root(&hashes) != Some(known[entry]) {
                return Err(Error::Forged { tile, root: self.root });
            }
            accepted[usize::from(tile.level())] =
                Some(Accepted { index: tile.index(), hashes: hashes.clone() });
            known = hashes;
        }
        Ok(known)
    }
}

impl<T: Tiles> Tiles for Trusted<T> {
    type Error = Error<T::Error>;

    /// The bytes of a tile of the tree, exactly as wide as asked for. A narrower one than the tree has, from the time
    /// when the tree was smaller, is cut from it.
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Self::Error> {
        let whole = Tile::of_tree(tile.level(), tile.index(), self.size)
            .filter(|whole| whole.width() >= tile.width())
            .ok_or(Error::Outside { tile, size: self.size })?;
        Ok(bytes(&self.checked(whole)?[..tile.width().into()]))
    }
}
