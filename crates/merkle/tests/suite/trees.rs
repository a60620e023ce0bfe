use sealpost_merkle::read::{Error, Tiles};
use sealpost_merkle::{Hash, SIZE_MAX, Tile, Tree, prove};

use crate::memory::{Memory, Missing, SIZES, Widest, leaves};
use crate::naive;

/// The tiles of a tree by their definition, which needs all leaves.
fn by_definition(tile: Tile, leaves: &[Hash]) -> Vec<u8> {
    let span = 256_usize.pow(tile.level().into());
    let first = usize::try_from(tile.index()).expect("small") * 256;
    (first..first + usize::from(tile.width()))
        .flat_map(|entry| *naive::mth(&leaves[entry * span..(entry + 1) * span]).as_bytes())
        .collect()
}

#[test]
fn a_growing_tree_writes_every_tile_of_its_definition_and_no_other() {
    for size in SIZES {
        let (tree, tiles) = Memory::of(size);
        assert_eq!(tree.size(), size);
        assert!(tiles.0.keys().copied().eq(sorted(Tile::all(size))), "size {size}");
        let leaves = leaves(size);
        for (&tile, bytes) in &tiles.0 {
            // A tile that was written stays as it is: the last size has them all once more, and by their definition.
            let Ok(widest) = Widest.tile(tile);
            assert_eq!(*bytes, widest[..tile.byte_length()], "{tile} at size {size}");
            if size < 1_000 || size == 70_000 {
                assert_eq!(*bytes, by_definition(tile, &leaves), "{tile} at size {size}");
            }
        }
        assert_eq!(tree.root(), naive::mth(&leaves), "size {size}");
        assert_eq!(prove::root(size, &tiles), Ok(tree.root()), "size {size}");
        assert_eq!(
            prove::root(size, &Widest),
            Ok(tree.root()),
            "size {size}, from the tiles of a larger tree"
        );
    }
}

fn sorted(tiles: impl Iterator<Item = Tile>) -> impl Iterator<Item = Tile> {
    let mut tiles: Vec<_> = tiles.collect();
    tiles.sort_unstable();
    tiles.into_iter()
}

#[test]
fn an_empty_tree_has_no_tiles() {
    assert_eq!(Tree::new().root(), Hash::EMPTY_ROOT);
    assert_eq!(Tree::new().partial(), []);
    let resumed = Tree::resume(0, Hash::EMPTY_ROOT, &Memory::default()).expect("nothing to read");
    assert_eq!((resumed.size(), resumed.root()), (0, Hash::EMPTY_ROOT));
}

#[test]
fn a_resumed_tree_grows_like_one_that_never_stopped() {
    let mut sizes = SIZES.to_vec();
    sizes.extend([0, 3, 66_047, 69_999]);
    for size in sizes {
        let (tree, mut tiles) = Memory::of(size);
        let mut resumed = Tree::resume(size, tree.root(), &tiles).expect("its own tiles");
        assert_eq!((resumed.size(), resumed.root()), (size, tree.root()));
        // Enough to fill a tile of level 0 and to begin the next one.
        for _ in 0..300 {
            tiles.append(&mut resumed);
        }
        tiles.0.extend(resumed.partial());
        let (grown, grown_tiles) = Memory::of(size + 300);
        assert_eq!((resumed.size(), resumed.root()), (grown.size(), grown.root()), "size {size}");
        for (tile, bytes) in &grown_tiles.0 {
            assert_eq!(tiles.0.get(tile), Some(bytes), "{tile} after size {size}");
        }
    }
}

#[test]
fn a_tree_resumes_from_the_tiles_of_a_larger_one() {
    for size in SIZES {
        let (tree, _) = Memory::of(size);
        let resumed = Tree::resume(size, tree.root(), &Widest).expect("wider tiles serve");
        assert_eq!(resumed.partial(), tree.partial(), "size {size}");
    }
}

#[test]
fn a_tree_does_not_resume_on_what_its_root_does_not_cover() {
    let size = 66_000;
    let (tree, tiles) = Memory::of(size);
    let root = tree.root();
    let other = Hash::from_bytes([7; 32]);
    let refused = Tree::resume(size, other, &tiles).expect_err("another root");
    assert_eq!(refused, Error::Root { size, computed: root, root: other });
    let refused = Tree::resume(size + 1, root, &Widest).expect_err("another size");
    assert!(matches!(refused, Error::Root { .. }), "{refused}");
    let refused = Tree::resume(SIZE_MAX + 1, root, &tiles).expect_err("too large");
    assert_eq!(refused, Error::Size { size: SIZE_MAX + 1 });

    for (tile, bytes) in tree.partial() {
        let mut without = tiles.clone();
        without.0.remove(&tile);
        let refused = Tree::resume(size, root, &without).expect_err("a tile is missing");
        assert_eq!(refused, Error::Read { tile, source: Missing });
        for (at, _) in bytes.iter().enumerate().step_by(31) {
            let mut forged = tiles.clone();
            forged.0.entry(tile).and_modify(|bytes| bytes[at] ^= 1);
            let refused = Tree::resume(size, root, &forged).expect_err("a forged tile");
            assert!(matches!(refused, Error::Root { .. }), "{refused}");
        }
    }
}

/// A source whose tiles all have this many bytes.
struct Length(usize);

impl Tiles for Length {
    type Error = Missing;

    fn tile(&self, _: Tile) -> Result<Vec<u8>, Missing> {
        Ok(vec![0; self.0])
    }
}

#[test]
fn a_tile_of_a_wrong_length_is_refused_and_a_wider_one_is_cut() {
    let tile = Tile::new(0, 0, 3).expect("a tile");
    for bytes in [0, 1, 64, 95, 97, 127, 256 * 32 + 1, 257 * 32] {
        assert_eq!(prove::root(3, &Length(bytes)), Err(Error::Length { tile, bytes }));
        assert_eq!(prove::inclusion(0, 3, &Length(bytes)), Err(Error::Length { tile, bytes }));
    }
    let root = prove::root(3, &Length(96)).expect("a tile");
    for bytes in [128, 256 * 32] {
        assert_eq!(prove::root(3, &Length(bytes)), Ok(root));
    }
}
