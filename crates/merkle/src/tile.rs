//! Tiles: how C2SP tlog-tiles cuts a tree into files.
//!
//! A tile of level L holds up to 256 hashes of complete subtrees with 256^L leaves each, from left to right. A full tile
//! never changes; the last one of each level may be partial.

use std::fmt::Write as _;

/// Where a tile belongs, and how many hashes it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: usize,
}

/// Where stored tiles come from. Nothing that it gives is believed unchecked.
pub trait Tiles {
    /// Why a tile is not given.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The bytes of the tile: as many hashes as it is wide. Where a wider tile took the place of a partial one, its
    /// beginning is the partial one.
    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Self::Error>;
}

impl Tile {
    /// Hashes in a full tile.
    pub const WIDTH: usize = 256;
    /// A tree of 2^64 leaves has eight levels of tiles.
    pub const LEVELS: u8 = 8;

    /// The tile at a place; `None` for a level or a width that no tile has.
    pub fn new(level: u8, index: u64, width: usize) -> Option<Self> {
        let fits = level < Self::LEVELS && (1..=Self::WIDTH).contains(&width);
        fits.then_some(Self { level, index, width })
    }

    pub(crate) const fn full_at(level: u8, index: u64) -> Self {
        Self { level, index, width: Self::WIDTH }
    }

    /// The partial tile on the right edge of a tree of this size, if that level has one.
    pub(crate) fn edge(level: u8, size: u64) -> Option<Self> {
        let hashes = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
        Self::new(level, hashes >> 8, usize::try_from(hashes & 0xff).ok()?)
    }

    /// The tile of leaf hashes that ends before leaf `end`; the first one for 0.
    pub fn ending_at(end: u64) -> Self {
        let last = end.saturating_sub(1);
        let width = usize::try_from(last % Self::WIDTH as u64).unwrap_or_default() + 1;
        Self { level: 0, index: last / Self::WIDTH as u64, width }
    }

    /// Its level, from 0 for leaf hashes.
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Its place in the level, from 0.
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes it has.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether it has all of its hashes, and so never changes.
    pub fn is_full(&self) -> bool {
        self.width == Self::WIDTH
    }

    /// The full tile at this place.
    #[must_use]
    pub fn full(self) -> Self {
        Self { width: Self::WIDTH, ..self }
    }

    /// Its path: `tile/<level>/<index>`, then `.p/<width>` for a partial one.
    pub fn path(&self) -> String {
        self.path_in(&self.level.to_string())
    }

    /// The path of the entries whose hashes this tile of level 0 has: `tile/entries/<index>[.p/<width>]`.
    pub fn entries_path(&self) -> String {
        self.path_in("entries")
    }

    /// Three digits at a time, all groups but the last with an `x`: 1234067 is `x001/x234/067`.
    fn path_in(&self, folder: &str) -> String {
        let mut groups = vec![format!("{:03}", self.index % 1000)];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(format!("x{:03}", rest % 1000));
            rest /= 1000;
        }
        groups.reverse();
        let mut path = format!("tile/{folder}/{}", groups.join("/"));
        if !self.is_full() {
            // Writing to a string does not fail.
            let _ = write!(path, ".p/{}", self.width);
        }
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_specification() {
        let path = |level, index, width| Tile::new(level, index, width).unwrap().path();
        assert_eq!(path(0, 0, 256), "tile/0/000");
        assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(path(3, 1000, 1), "tile/3/x001/000.p/1");
        assert_eq!(Tile::ending_at(70_000).entries_path(), "tile/entries/273.p/112");
        assert_eq!(Tile::ending_at(512).entries_path(), "tile/entries/001");
    }

    #[test]
    fn what_no_tile_has_is_none() {
        assert_eq!(Tile::new(8, 0, 1), None);
        assert_eq!(Tile::new(0, 0, 0), None);
        assert_eq!(Tile::new(0, 0, 257), None);
        assert_eq!(Tile::edge(0, 256), None);
        assert_eq!(Tile::edge(7, u64::MAX).map(|tile| (tile.index(), tile.width())), Some((0, 255)));
    }
}
