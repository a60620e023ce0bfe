//! Whoever stores the tiles changes them.

use std::cell::Cell;

use sealpost_merkle::read::{Error, Tiles};
use sealpost_merkle::{Hash, Tile, Trusted, prove};

use crate::memory::{Memory, Missing, SIZES, Widest, leaf};

/// A tree with partial tiles at three levels, and a full tile whose entry above lies in a partial one.
const SIZE: u64 = 66_000;

/// The first error on the way to a tile, as a reader meets it who trusts the root alone.
fn first_error(tiles: &Memory, root: Hash, tile: Tile) -> Option<String> {
    match Trusted::new(tiles, SIZE, root) {
        Ok(trusted) => trusted.tile(tile).err().map(|error| error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn each_forged_tile_is_caught() {
    let (tree, mut tiles) = Memory::of(SIZE);
    let all: Vec<_> = Tile::all(SIZE).collect();
    assert_eq!(all.len(), 257 + 1 + 1 + 1 + 1);
    for tile in all {
        assert_eq!(first_error(&tiles, tree.root(), tile), None);
        let honest = tiles.0[&tile].clone();
        // The first bit, the last, and one within.
        for at in [0, honest.len() / 2, honest.len() - 1] {
            tiles.0.entry(tile).and_modify(|bytes| bytes[at] ^= 0x80);
            let error = first_error(&tiles, tree.root(), tile).expect("caught");
            let expected = if tile.is_partial() {
                "the right edge at size 66000 has the root".to_owned()
            } else {
                format!("{tile} does not belong to the tree with the root {}", tree.root())
            };
            assert!(error.starts_with(&expected), "{error}");
            tiles.0.insert(tile, honest.clone());
        }
    }
}

#[test]
fn each_hash_of_the_right_edge_is_bound_to_the_root() {
    let (tree, mut tiles) = Memory::of(SIZE);
    for (tile, honest) in tree.partial() {
        // One bit of each hash, another one each time.
        for hash in 0..usize::from(tile.width()) {
            let (at, bit) = (32 * hash + hash % 32, hash % 8);
            tiles.0.entry(tile).and_modify(|bytes| bytes[at] ^= 1 << bit);
            let refused = Trusted::new(&tiles, SIZE, tree.root()).map(drop).expect_err("caught");
            assert!(matches!(refused, Error::Root { size: SIZE, .. }), "{refused}");
            tiles.0.insert(tile, honest.clone());
        }
    }
}

#[test]
fn a_forger_who_repairs_the_tiles_above_is_caught_at_the_root() {
    let (tree, honest) = Memory::of(SIZE);
    // Under a full tile of level 1, and under the partial one, which has an entry of its own in the root.
    for index in [3, 256] {
        let mut tiles = honest.clone();
        let forged = Tile::new(0, index, 256).expect("a tile");
        tiles.0.entry(forged).and_modify(|bytes| bytes[40] ^= 1);
        for level in 1..=2 {
            // What a forger computes who is free to choose every tile but not the root.
            let above = Tile::of_tree(level, index >> (8 * u32::from(level)), SIZE).expect("a tile");
            let start = above.index() * 256;
            let entries: Vec<u8> = (start..start + u64::from(above.width()))
                .flat_map(|entry| *subtree(&tiles, level - 1, entry).as_bytes())
                .collect();
            tiles.0.insert(above, entries);
            let error = first_error(&tiles, tree.root(), forged).expect("caught");
            let names_a_fault = error.starts_with("the right edge") || error.contains("does not belong to");
            assert!(names_a_fault, "{error}");
        }
    }
}

/// The root over one full tile.
fn subtree(tiles: &Memory, level: u8, index: u64) -> Hash {
    let tile = Tile::new(level, index, 256).expect("a tile");
    let hashes: Vec<_> = tiles.0[&tile].as_chunks().0.iter().copied().map(Hash::from_bytes).collect();
    crate::naive::mth(&hashes)
}

#[test]
fn a_missing_or_misshapen_tile_is_an_error() {
    let (tree, mut tiles) = Memory::of(SIZE);
    let tile = Tile::new(0, 17, 256).expect("a tile");
    let honest = tiles.0.remove(&tile).expect("it was written");
    let read = |tiles: &Memory| Trusted::new(tiles, SIZE, tree.root()).expect("an honest edge").tile(tile);
    assert_eq!(read(&tiles), Err(Error::Read { tile, source: Missing }));
    for bytes in [0, 32, honest.len() - 32, honest.len() - 1, honest.len() + 1, honest.len() + 32] {
        let mut other = honest.clone();
        other.resize(bytes, 0);
        tiles.0.insert(tile, other);
        assert_eq!(read(&tiles), Err(Error::Length { tile, bytes }));
    }
}

#[test]
fn a_tile_beyond_the_tree_is_refused_and_an_older_one_is_cut() {
    let (tree, tiles) = Memory::of(SIZE);
    let trusted = Trusted::new(&tiles, SIZE, tree.root()).expect("honest tiles");
    for (level, index, width) in [(0, 257, 209), (0, 258, 1), (1, 1, 2), (2, 0, 2), (3, 0, 1)] {
        let tile = Tile::new(level, index, width).expect("a tile");
        assert_eq!(trusted.tile(tile), Err(Error::Outside { tile, size: SIZE }));
    }
    for (level, index, width) in [(0, 257, 207), (0, 3, 1), (1, 0, 255)] {
        let tile = Tile::new(level, index, width).expect("a tile");
        let whole = Tile::of_tree(level, index, SIZE).expect("a tile");
        assert_eq!(trusted.tile(tile).as_deref(), Ok(&tiles.0[&whole][..tile.byte_length()]));
    }
}

#[test]
fn tiles_of_a_larger_tree_serve_a_smaller_one() {
    for size in SIZES {
        let (tree, tiles) = Memory::of(size);
        let trusted = Trusted::new(Widest, size, tree.root()).expect("honest tiles");
        for (tile, bytes) in &tiles.0 {
            assert_eq!(trusted.tile(*tile).as_ref(), Ok(bytes), "{tile} of {size}");
        }
    }
}

#[test]
fn a_proof_from_forged_tiles_is_never_made_by_a_trusted_reader() {
    let (tree, mut tiles) = Memory::of(SIZE);
    let tile = Tile::new(0, 2, 256).expect("a tile");
    tiles.0.entry(tile).and_modify(|bytes| bytes[100] ^= 1);
    let trusted = Trusted::new(&tiles, SIZE, tree.root()).expect("the edge is honest");
    let refused = prove::inclusion(600, SIZE, &trusted).expect_err("its tile is forged");
    assert_eq!(
        refused,
        Error::Read { tile, source: Error::Forged { tile, root: tree.root() } },
        "and the fault is named"
    );
    assert!(prove::inclusion(0, SIZE, &trusted).is_ok(), "another leaf's path does not touch it");
}

/// Counts how often a tile is read.
struct Counting<'a>(&'a Memory, Cell<usize>);

impl Tiles for Counting<'_> {
    type Error = Missing;

    fn tile(&self, tile: Tile) -> Result<Vec<u8>, Missing> {
        self.1.set(self.1.get() + 1);
        self.0.tile(tile)
    }
}

#[test]
fn reading_all_leaves_in_order_reads_each_tile_once() {
    let (tree, tiles) = Memory::of(SIZE);
    let source = Counting(&tiles, Cell::new(0));
    let trusted = Trusted::new(&source, SIZE, tree.root()).expect("honest tiles");
    let mut index = 0;
    for tile in Tile::all(SIZE).filter(|tile| tile.level() == 0) {
        for hash in trusted.tile(tile).expect("honest tiles").as_chunks().0 {
            assert_eq!(Hash::from_bytes(*hash), leaf(index));
            index += 1;
        }
    }
    assert_eq!(index, SIZE);
    assert_eq!(source.1.get(), Tile::all(SIZE).count());
}
