//! Trees and proofs, against the recursive definition of RFC 6962 and against `ct-merkle`; forged tiles.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sealpost_merkle::{
    HASH_BYTES, Hash, Tile, TileError, Tiles, Tree, Trusted, VerifyError, consistency, inclusion, leaf_hash,
    node_hash, root, verify_consistency, verify_inclusion,
};
use sha2::Sha256;

/// The sizes at which tiles begin, end, or gain a level, and those at which others were caught.
const SIZES: [u64; 12] = [1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000, 70_000];

/// Tiles in memory, with one that can be changed.
#[derive(Clone, Default)]
struct Stored(RefCell<BTreeMap<Tile, Vec<u8>>>);

impl Tiles for Stored {
    type Error = io::Error;

    fn tile(&self, tile: Tile) -> io::Result<Vec<u8>> {
        let tiles = self.0.borrow();
        let found = tiles.get(&tile).or_else(|| tiles.get(&tile.full())).ok_or(io::ErrorKind::NotFound)?;
        Ok(found[..tile.width() * HASH_BYTES].to_vec())
    }
}

fn leaf(index: u64) -> Vec<u8> {
    format!("leaf {index}").into_bytes()
}

/// The tree of so many leaves, its tiles, and the hashes of its leaves.
fn grown(size: u64) -> (Tree, Stored, Vec<Hash>) {
    let (mut tree, stored, mut leaves) = (Tree::new(), Stored::default(), Vec::new());
    for index in 0..size {
        let hash = leaf_hash(&leaf(index));
        tree.append(hash);
        leaves.push(hash);
        stored.0.borrow_mut().extend(tree.take_full());
    }
    stored.0.borrow_mut().extend(tree.partial());
    (tree, stored, leaves)
}

/// MTH of RFC 6962, section 2.1, as it is written there.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::of_nothing(),
        [only] => *only,
        _ => {
            let middle = leaves.len().next_power_of_two() / 2;
            node_hash(&naive_root(&leaves[..middle]), &naive_root(&leaves[middle..]))
        }
    }
}

/// PATH of RFC 6962, section 2.1.1.
fn naive_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut path, sibling) = if index < middle {
        (naive_path(index, left), naive_root(right))
    } else {
        (naive_path(index - middle, right), naive_root(left))
    };
    path.push(sibling);
    path
}

/// SUBPROOF of RFC 6962, section 2.1.2.
fn naive_subproof(old: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if whole { Vec::new() } else { vec![naive_root(leaves)] };
    }
    let middle = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(middle);
    let (mut proof, sibling) = if old <= middle {
        (naive_subproof(old, left, whole), naive_root(right))
    } else {
        (naive_subproof(old - middle, right, false), naive_root(left))
    };
    proof.push(sibling);
    proof
}

#[test]
fn hashes_are_those_of_the_published_vectors() {
    let hex = |hash: Hash| data_encoding::HEXLOWER.encode(hash.as_bytes());
    assert_eq!(hex(Hash::of_nothing()), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    // The test leaves of the Certificate Transparency implementations, and the root over all eight.
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let mut tree = Tree::new();
    let roots = inputs.map(|input| {
        tree.append(leaf_hash(input));
        hex(tree.root())
    });
    assert_eq!(roots[0], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
    assert_eq!(roots[1], "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125");
    assert_eq!(roots[7], "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

#[test]
fn at_every_size_a_tree_has_the_root_of_the_definition_and_is_taken_up_from_its_tiles() {
    for size in SIZES {
        let (tree, stored, leaves) = grown(size);
        assert_eq!(tree.root(), naive_root(&leaves), "size {size}");
        let mut resumed = Tree::resume(size, &tree.root(), &stored).unwrap();
        let mut longer = tree.clone();
        for more in size..size + 300 {
            for tree in [&mut longer, &mut resumed] {
                tree.append(leaf_hash(&leaf(more)));
            }
        }
        assert_eq!(resumed.root(), longer.root(), "size {size}, and 300 more");
        assert_eq!(resumed.take_full(), longer.take_full());
        assert_eq!(resumed.partial(), longer.partial());
    }
}

#[test]
fn at_every_size_proofs_are_those_of_the_definition_and_hold() {
    for size in SIZES {
        let (tree, stored, leaves) = grown(size);
        let trusted = Trusted::new(size, tree.root(), &stored).unwrap();
        // The definition is slow: of a large tree, few leaves.
        let edges = if size <= 512 {
            vec![0, 1, 254, 255, 256, 257, size / 2, size.saturating_sub(2), size - 1]
        } else {
            vec![256, 65_535, size - 1]
        };
        for index in edges.into_iter().filter(|index| *index < size) {
            let path = inclusion(index, size, &trusted).unwrap();
            let at = usize::try_from(index).unwrap();
            assert_eq!(path, naive_path(at, &leaves), "leaf {index} of {size}");
            verify_inclusion(&leaves[at], index, size, &tree.root(), &path).unwrap();

            let old = index + 1;
            let proof = consistency(old, size, &trusted).unwrap();
            let old_root = root(old, &trusted).unwrap();
            assert_eq!(old_root, naive_root(&leaves[..=at]), "size {old}");
            assert_eq!(proof, naive_subproof(at + 1, &leaves, true), "from {old} to {size}");
            verify_consistency(old, &old_root, size, &tree.root(), &proof).unwrap();
        }
        assert!(matches!(inclusion(size, size, &trusted), Err(TileError::Beyond { .. })));
        assert!(matches!(consistency(0, size, &trusted), Err(TileError::Beyond { .. })));
        assert!(matches!(root(size + 1, &trusted), Err(TileError::Beyond { .. })));
    }
}

#[test]
fn a_forged_tile_is_caught_wherever_it_lies() {
    let size = 66_000;
    let (tree, stored, _) = grown(size);
    let genuine = stored.0.borrow().clone();
    let mut forgeries = 0;
    for (tile, bytes) in &genuine {
        // One hash of each tile, another one each time.
        let at = usize::try_from(tile.index()).unwrap() % tile.width();
        let mut forged = bytes.clone();
        forged[at * HASH_BYTES] ^= 1;
        stored.0.borrow_mut().insert(*tile, forged);
        // A leaf below that hash: everything that is proved about it goes through the tile.
        let index = (tile.index() * 256 + at as u64) << (8 * u32::from(tile.level()));
        let caught = match Trusted::new(size, tree.root(), &stored) {
            Err(_) => true,
            Ok(trusted) => {
                matches!(
                    trusted.subtree(8 * u32::from(tile.level()), tile.index() * 256 + at as u64),
                    Err(TileError::Forged { .. })
                ) && (tile.level() > 0 || inclusion(index ^ 1, size, &trusted).is_err())
            }
        };
        assert!(caught, "{}", tile.path());
        stored.0.borrow_mut().insert(*tile, bytes.clone());
        forgeries += 1;
    }
    assert_eq!(
        forgeries,
        257 + 1 + 1 + 1 + 1,
        "257 full and one partial of level 0, two of level 1, one of level 2"
    );
}

#[test]
fn tiles_of_another_length_are_refused() {
    let (tree, stored, _) = grown(300);
    let last = Tile::new(0, 1, 44).unwrap();
    for bytes in [0, 31, 43 * 32, 45 * 32] {
        struct Short(Stored, Tile, usize);
        impl Tiles for Short {
            type Error = io::Error;
            fn tile(&self, tile: Tile) -> io::Result<Vec<u8>> {
                if tile == self.1 { Ok(vec![0; self.2]) } else { self.0.tile(tile) }
            }
        }
        assert!(Tree::resume(300, &tree.root(), &Short(stored.clone(), last, bytes)).is_err(), "{bytes}");
    }
}

#[test]
fn every_changed_bit_of_a_proof_is_refused() {
    let size = 600;
    let (tree, stored, leaves) = grown(size);
    let trusted = Trusted::new(size, tree.root(), &stored).unwrap();
    let (index, old) = (300, 257);
    let path = inclusion(index, size, &trusted).unwrap();
    let proof = consistency(old, size, &trusted).unwrap();
    let old_root = root(old, &trusted).unwrap();
    let flip = |hash: &Hash, bit: usize| {
        let mut bytes = *hash.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        Hash::new(bytes)
    };
    for bit in 0..256 {
        for at in 0..path.len() {
            let mut changed = path.clone();
            changed[at] = flip(&changed[at], bit);
            assert!(verify_inclusion(&leaves[300], index, size, &tree.root(), &changed).is_err());
        }
        for at in 0..proof.len() {
            let mut changed = proof.clone();
            changed[at] = flip(&changed[at], bit);
            assert!(verify_consistency(old, &old_root, size, &tree.root(), &changed).is_err());
        }
        assert!(verify_inclusion(&leaves[300], index, size, &flip(&tree.root(), bit), &path).is_err());
        assert!(verify_inclusion(&flip(&leaves[300], bit), index, size, &tree.root(), &path).is_err());
        assert!(verify_consistency(old, &flip(&old_root, bit), size, &tree.root(), &proof).is_err());
    }
    for other in 0..1024 {
        assert_eq!(verify_inclusion(&leaves[300], other, size, &tree.root(), &path).is_ok(), other == index);
        let continues = verify_consistency(other, &old_root, size, &tree.root(), &proof).is_ok();
        assert_eq!(continues, other == old, "{other}");
    }
    for other in [&path[1..], &[&path[..], &path[..1]].concat()] {
        assert!(verify_inclusion(&leaves[300], index, size, &tree.root(), other).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn proofs_agree_with_another_implementation(size in 1_u64..1200, at in 0_u64..1200, old in 1_u64..1200) {
        let (index, old) = (at % size, (old - 1) % size + 1);
        let mut other = MemoryBackedTree::<Sha256, Vec<u8>>::new();
        (0..size).for_each(|index| other.push(leaf(index)));
        let (tree, stored, leaves) = grown(size);
        let (root, other_root) = (tree.root(), other.root());
        prop_assert_eq!(other_root.as_bytes().as_slice(), root.as_bytes().as_slice());
        let trusted = Trusted::new(size, tree.root(), &stored).unwrap();

        let path = inclusion(index, size, &trusted).unwrap();
        let at = usize::try_from(index).unwrap();
        let other_path = other.prove_inclusion(at);
        prop_assert_eq!(other_path.as_bytes(), &concat(&path)[..]);
        verify_inclusion(&leaves[at], index, size, &tree.root(), &path).unwrap();

        if old < size {
            let proof = consistency(old, size, &trusted).unwrap();
            let other_proof = other.prove_consistency(usize::try_from(size - old).unwrap());
            prop_assert_eq!(other_proof.as_bytes(), &concat(&proof)[..]);
            verify_consistency(old, &naive_root(&leaves[..usize::try_from(old).unwrap()]), size, &tree.root(), &proof).unwrap();
        }
    }

    #[test]
    fn what_strangers_send_never_panics(
        index in any::<u64>(), size in any::<u64>(), hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70),
    ) {
        let hashes: Vec<Hash> = hashes.into_iter().map(Hash::new).collect();
        let root = Hash::of_nothing();
        prop_assert!(verify_inclusion(&root, index, size, &root, &hashes).is_err() || (size == 1 && index == 0));
        let continued = verify_consistency(index, &root, size, &root, &hashes);
        prop_assert!(continued.is_err() || (index == size && hashes.is_empty()));
        let beyond = verify_inclusion(&root, size, size, &root, &hashes);
        let is_beyond = matches!(beyond, Err(VerifyError::Beyond { .. }));
        prop_assert!(is_beyond);
    }
}

fn concat(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}
