use proptest::prelude::*;
use sealpost_merkle::tile::{Bundle, Error, Tile};
use sealpost_merkle::{SIZE_MAX, tile};

#[test]
fn a_tile_has_the_path_of_the_specification() {
    for (level, index, width, path) in [
        (0, 0, 256, "tile/0/000"),
        (0, 1, 5, "tile/0/001.p/5"),
        (1, 999, 256, "tile/1/999"),
        (1, 1000, 256, "tile/1/x001/000"),
        (0, 1_234_067, 256, "tile/0/x001/x234/067"),
        (0, 1_234_067, 255, "tile/0/x001/x234/067.p/255"),
        (5, 3, 1, "tile/5/003.p/1"),
        (7, 0, 127, "tile/7/000.p/127"),
        (0, (1 << 55) - 1, 255, "tile/0/x036/x028/x797/x018/x963/967.p/255"),
    ] {
        let tile = Tile::new(level, index, width).expect("a tile");
        assert_eq!(tile.to_string(), path);
        assert_eq!(path.parse(), Ok(tile));
        assert_eq!((tile.level(), tile.index(), tile.width()), (level, index, width));
    }
    let bundle: Bundle = "tile/entries/x001/x234/067.p/8".parse().expect("a bundle");
    assert_eq!(bundle.tile(), Tile::new(0, 1_234_067, 8).expect("a tile"));
    assert_eq!(bundle.tile().bundle(), Some(bundle));
    assert_eq!(Tile::new(1, 0, 1).expect("a tile").bundle(), None);
}

#[test]
fn nothing_else_is_a_path() {
    for path in [
        "",
        "tile",
        "tile/0",
        "tile/0/",
        "tile/0/00",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/+0/000",
        "tile/-1/000",
        "tile/8/000",
        "tile/64/000",
        "tile/0/x000/000",
        "tile/0/123/456/078",
        "tile/0/x1/000",
        "tile/0/x001000",
        "tile/0/x001/x000",
        "tile/0/001.p/0",
        "tile/0/001.p/05",
        "tile/0/001.p/+5",
        "tile/0/001.p/256",
        "tile/0/001.p/257",
        "tile/0/001.p/",
        "tile/0/001.p/5/",
        "tile/0/001.p/5.p/5",
        "tile/0/001/",
        "/tile/0/001",
        "tile//0/001",
        "tile/0/../001",
        "tile/0/00١",
        "tile/data/001",
        "tile/0/x999/x999/x999/x999/x999/x999/999",
        "checkpoint",
    ] {
        assert_eq!(path.parse::<Tile>(), Err(Error::Path { path: path.to_owned() }));
    }
    for path in
        ["tile/0/000", "tile/entries/0", "tile/entries/x000/000", "tile/entries/000.p/256", "entries/000"]
    {
        assert_eq!(path.parse::<Bundle>(), Err(Error::Path { path: path.to_owned() }));
    }
}

#[test]
fn a_tile_lies_in_some_tree() {
    assert_eq!(Tile::new(0, 0, 0), Err(Error::Width { width: 0 }));
    assert_eq!(Tile::new(0, 0, 257), Err(Error::Width { width: 257 }));
    assert_eq!(Tile::new(8, 0, 1), Err(Error::Beyond { level: 8, index: 0 }));
    assert_eq!(Tile::new(7, 0, 128), Err(Error::Beyond { level: 7, index: 0 }));
    for index in [(1 << 55) - 1, 1 << 55, 1 << 56, u64::MAX] {
        assert_eq!(Tile::new(0, index, 256), Err(Error::Beyond { level: 0, index }));
    }
    assert_eq!(Tile::of_tree(0, u64::MAX, SIZE_MAX), None);
    assert_eq!(Tile::of_tree(8, 0, SIZE_MAX), None);
    assert_eq!(Tile::of_tree(0, 0, SIZE_MAX + 1), None);
}

#[test]
fn a_tree_has_the_tiles_of_the_specification() {
    let count = |size: u64| {
        let mut full = [0; 4];
        let mut partial = Vec::new();
        for tile in Tile::all(size) {
            if tile.is_partial() {
                partial.push((tile.level(), tile.index(), tile.width()));
            } else {
                full[usize::from(tile.level())] += 1;
            }
        }
        (full, partial)
    };
    // The two examples of tlog-tiles.
    assert_eq!(count(70_000), ([273, 1, 0, 0], vec![(0, 273, 112), (1, 1, 17), (2, 0, 1)]));
    assert_eq!(count(256), ([1, 0, 0, 0], vec![(1, 0, 1)]));
    assert_eq!(count(66_000), ([257, 1, 0, 0], vec![(0, 257, 208), (1, 1, 1), (2, 0, 1)]));
    assert_eq!(count(65_536), ([256, 1, 0, 0], vec![(2, 0, 1)]));
    assert_eq!(count(1), ([0; 4], vec![(0, 0, 1)]));
    assert_eq!(count(0), ([0; 4], vec![]));
    assert_eq!(count(SIZE_MAX + 1), ([0; 4], vec![]));
}

proptest! {
    #[test]
    fn every_path_leads_back(level in 0_u8..8, index in any::<u64>(), width in 1_u16..=tile::WIDTH, shift in 0_u32..64) {
        if let Ok(tile) = Tile::new(level, index >> shift, width) {
            prop_assert_eq!(tile.to_string().parse(), Ok(tile));
            if let Some(bundle) = tile.bundle() {
                prop_assert_eq!(bundle.to_string().parse(), Ok(bundle));
            }
        }
    }

    #[test]
    fn what_parses_as_a_path_is_the_path(path in "tile/[0-9]{1,2}/(x?[0-9]{1,4}/){0,3}[0-9]{2,3}(\\.p/[0-9]{1,3})?") {
        if let Ok(tile) = path.parse::<Tile>() {
            prop_assert_eq!(tile.to_string(), path);
        }
    }
}
