//! Tiles: the tree as files of up to 256 neighbouring hashes, named as C2SP `tlog-tiles` names them.
//!
//! Entry `i` of the tile `n` at level `l` is the root over the `256^l` leaves from `(256 n + i) 256^l` on. A tile is
//! full, or the last of its level and then partial. A tile that exists lies in some tree of at most [`SIZE_MAX`]
//! leaves, so that arithmetic on it never overflows.

use std::fmt;
use std::str::FromStr;

use crate::SIZE_MAX;
use crate::hash::LENGTH;

/// How many hashes a full tile has.
pub const WIDTH: u16 = 256;

/// How many levels a tree of [`SIZE_MAX`] leaves has.
pub(crate) const LEVELS: u8 = 8;

/// Which hashes of which tree level a tile holds. As text it is the path of its file, such as
/// `tile/1/x001/x234/067.p/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// The file that holds the leaves themselves under one tile of level 0: `tile/entries/…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle(Tile);

/// What is not a tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A tile holds at least one hash and at most 256.
    #[error("a tile is 1 to {WIDTH} hashes wide, not {width}")]
    Width {
        /// The width asked for.
        width: u16,
    },
    /// No tree that is small enough has this tile.
    #[error("tile {index} of level {level} lies beyond every tree of at most {SIZE_MAX} leaves")]
    Beyond {
        /// The level asked for.
        level: u8,
        /// The index asked for.
        index: u64,
    },
    /// The path is not the one that a tile is stored under.
    #[error("{path:?} is no path of a tile")]
    Path {
        /// The path, cut after 64 characters.
        path: String,
    },
}

impl Tile {
    /// The tile `index` of `level` with `width` hashes.
    pub fn new(level: u8, index: u64, width: u16) -> Result<Self, Error> {
        if !(1..=WIDTH).contains(&width) {
            return Err(Error::Width { width });
        }
        let beyond = Error::Beyond { level, index };
        if level >= LEVELS {
            return Err(beyond);
        }
        let entries = index.checked_mul(WIDTH.into()).and_then(|first| first.checked_add(width.into()));
        match entries {
            Some(entries) if entries <= entries_of(level, SIZE_MAX) => Ok(Self { level, index, width }),
            _ => Err(beyond),
        }
    }

    /// The tile `index` of `level` as a tree of `size` leaves has it, if it has one.
    pub fn of_tree(level: u8, index: u64, size: u64) -> Option<Self> {
        if level >= LEVELS || size > SIZE_MAX {
            return None;
        }
        let rest = entries_of(level, size).checked_sub(index.checked_mul(WIDTH.into())?)?;
        let width = u16::try_from(rest.min(WIDTH.into())).ok()?;
        (width > 0).then_some(Self { level, index, width })
    }

    /// The tile that the tree of `size` leaves has at the right end of `level`, if that tile is partial.
    pub(crate) fn edge(level: u8, size: u64) -> Option<Self> {
        Self::of_tree(level, full_tiles(level, size), size)
    }

    /// Every tile of the tree of `size` leaves, level by level from the leaves, in the order of their indexes. A tree
    /// of more than [`SIZE_MAX`] leaves has none.
    pub fn all(size: u64) -> impl Iterator<Item = Self> {
        (0..LEVELS).flat_map(move |level| (0..).map_while(move |index| Self::of_tree(level, index, size)))
    }

    /// The level, from 0 at the leaves to 7.
    pub const fn level(self) -> u8 {
        self.level
    }

    /// The index within the level.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// How many hashes it holds, from 1 to 256.
    pub const fn width(self) -> u16 {
        self.width
    }

    /// Whether it holds fewer than 256 hashes.
    pub const fn is_partial(self) -> bool {
        self.width < WIDTH
    }

    /// How many bytes it has.
    pub const fn byte_length(self) -> usize {
        self.width as usize * LENGTH
    }

    /// The file with the leaves of this tile, if it is one of level 0.
    pub fn bundle(self) -> Option<Bundle> {
        (self.level == 0).then_some(Bundle(self))
    }
}

impl Bundle {
    /// The tile with the hashes of these leaves.
    pub const fn tile(self) -> Tile {
        self.0
    }
}

/// How many entries `level` has in a tree of `size` leaves.
fn entries_of(level: u8, size: u64) -> u64 {
    size.checked_shr(8 * u32::from(level)).unwrap_or(0)
}

/// How many full tiles `level` has in a tree of `size` leaves, which is also the index of the partial one.
pub(crate) fn full_tiles(level: u8, size: u64) -> u64 {
    entries_of(level, size) / u64::from(WIDTH)
}

impl fmt::Display for Tile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "tile/{}/", self.level)?;
        write_place(formatter, *self)
    }
}

impl fmt::Display for Bundle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("tile/entries/")?;
        write_place(formatter, self.0)
    }
}

impl FromStr for Tile {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        path.strip_prefix("tile/")
            .and_then(|rest| rest.split_once('/'))
            .and_then(|(level, place)| parse_place(level.parse().ok()?, place))
            // One tile has one path: no sign, no spare zero.
            .filter(|tile| tile.to_string() == path)
            .ok_or_else(|| not_a_path(path))
    }
}

impl FromStr for Bundle {
    type Err = Error;

    fn from_str(path: &str) -> Result<Self, Error> {
        path.strip_prefix("tile/entries/")
            .and_then(|place| parse_place(0, place))
            .map(Self)
            .filter(|bundle| bundle.to_string() == path)
            .ok_or_else(|| not_a_path(path))
    }
}

/// Index and width: groups of three digits, all but the last behind an `x`, then `.p/` and the width of a partial tile.
fn write_place(formatter: &mut fmt::Formatter<'_>, tile: Tile) -> fmt::Result {
    let digits = tile.index.to_string();
    let digits = format!("{:0>1$}", digits, digits.len().next_multiple_of(3));
    let (front, last) = digits.split_at(digits.len() - 3);
    for start in (0..front.len()).step_by(3) {
        write!(formatter, "x{}/", &front[start..start + 3])?;
    }
    formatter.write_str(last)?;
    if tile.is_partial() { write!(formatter, ".p/{}", tile.width) } else { Ok(()) }
}

/// Reads leniently what [`write_place`] writes; the caller compares.
fn parse_place(level: u8, place: &str) -> Option<Tile> {
    let (index, width) = match place.split_once(".p/") {
        Some((index, width)) => (index, width.parse().ok()?),
        None => (place, WIDTH),
    };
    let digits: String = index.chars().filter(|&character| character != 'x' && character != '/').collect();
    Tile::new(level, digits.parse().ok()?, width).ok()
}

fn not_a_path(path: &str) -> Error {
    Error::Path { path: path.chars().take(64).collect() }
}
