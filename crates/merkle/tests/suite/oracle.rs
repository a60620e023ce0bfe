//! Against `ct-merkle`, an implementation that is not ours, and against the definition.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sealpost_merkle::proof::{verify_consistency, verify_inclusion};
use sealpost_merkle::{Hash, Trusted, prove};
use sha2::Sha256;

use crate::memory::{Memory, SIZES, Widest, leaf, leaves};
use crate::naive;

type Oracle = MemoryBackedTree<Sha256, Vec<u8>>;
type OracleRoot = ct_merkle::RootHash<Sha256>;

fn grow(oracle: &mut Oracle, size: u64) {
    while oracle.len() < size {
        oracle.push(oracle.len().to_be_bytes().to_vec());
    }
}

fn as_root(root: Hash, size: u64) -> OracleRoot {
    OracleRoot::new((*root.as_bytes()).into(), size)
}

fn concatenated(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

fn small(number: u64) -> usize {
    usize::try_from(number).expect("small")
}

/// The proof of one leaf, made by both sides and verified by both.
fn agree_on_leaf(oracle: &Oracle, index: u64) -> Vec<Hash> {
    let size = oracle.len();
    let proof = prove::inclusion(index, size, &Widest).expect("the tiles are there");
    let theirs = oracle.prove_inclusion(small(index));
    assert_eq!(concatenated(&proof), theirs.as_bytes(), "leaf {index} of {size}");
    let root = Hash::from_bytes((*oracle.root().as_bytes()).into());
    assert_eq!(verify_inclusion(&leaf(index), index, size, &root, &proof), Ok(()), "leaf {index} of {size}");
    let ours =
        ct_merkle::InclusionProof::<Sha256>::try_from_bytes(concatenated(&proof)).expect("whole hashes");
    assert!(as_root(root, size).verify_inclusion(&index.to_be_bytes(), index, &ours).is_ok());
    proof
}

/// The proof of growth from a smaller tree, made by both sides and verified by both.
fn agree_on_growth(oracle: &Oracle, old: u64, old_root: Hash) -> Vec<Hash> {
    let new = oracle.len();
    let proof = prove::consistency(old, new, &Widest).expect("the tiles are there");
    let theirs = oracle.prove_consistency(small(new - old));
    assert_eq!(concatenated(&proof), theirs.as_bytes(), "{old} to {new}");
    let root = Hash::from_bytes((*oracle.root().as_bytes()).into());
    assert_eq!(verify_consistency(old, &old_root, new, &root, &proof), Ok(()), "{old} to {new}");
    let ours =
        ct_merkle::ConsistencyProof::<Sha256>::try_from_bytes(concatenated(&proof)).expect("whole hashes");
    assert!(as_root(root, new).verify_consistency(&as_root(old_root, old), &ours).is_ok());
    proof
}

#[test]
fn roots_and_proofs_at_every_edge_are_those_of_another_implementation_and_of_the_definition() {
    let mut oracle = Oracle::new();
    let mut roots: Vec<(u64, Hash)> = Vec::new();
    for size in SIZES {
        grow(&mut oracle, size);
        let leaves = leaves(size);
        let (tree, tiles) = Memory::of(size);
        assert_eq!(tree.root().as_bytes()[..], oracle.root().as_bytes()[..], "size {size}");
        let trusted = Trusted::new(&tiles, size, tree.root()).expect("honest tiles");
        let edges = SIZES.into_iter().flat_map(|edge| [edge - 1, edge, edge / 2]).chain([size - 1]);
        for index in edges.filter(|&index| index < size) {
            let proof = agree_on_leaf(&oracle, index);
            // The definition hashes the whole tree for each proof: of the large ones one will do.
            if size < 1_000 || (size, index) == (70_000, 69_999) {
                assert_eq!(proof, naive::path(small(index), &leaves), "leaf {index} of {size}");
            }
            assert_eq!(prove::inclusion(index, size, &tiles).as_ref(), Ok(&proof));
            assert_eq!(prove::inclusion(index, size, &trusted).as_ref(), Ok(&proof));
        }
        roots.push((size, tree.root()));
        for &(old, old_root) in &roots {
            let proof = agree_on_growth(&oracle, old, old_root);
            if size < 1_000 || (old, size) == (66_000, 70_000) {
                assert_eq!(proof, naive::proof(small(old), &leaves), "{old} to {size}");
            }
            assert_eq!(prove::consistency(old, size, &tiles).as_ref(), Ok(&proof));
            assert_eq!(prove::consistency(old, size, &trusted).as_ref(), Ok(&proof));
        }
    }
}

#[test]
fn every_proof_of_every_small_tree_is_that_of_another_implementation() {
    let mut oracle = Oracle::new();
    let mut roots = Vec::new();
    for size in 1..=70 {
        grow(&mut oracle, size);
        for index in 0..size {
            agree_on_leaf(&oracle, index);
        }
        roots.push(Hash::from_bytes((*oracle.root().as_bytes()).into()));
        for (old, old_root) in (1..).zip(&roots) {
            agree_on_growth(&oracle, old, *old_root);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn roots_and_proofs_are_those_of_the_definition(new in 1_u64..1_500, old in any::<prop::sample::Index>(), index in any::<prop::sample::Index>()) {
        let leaves = leaves(new);
        let (tree, tiles) = Memory::of(new);
        let root = naive::mth(&leaves);
        prop_assert_eq!(tree.root(), root);

        let index = index.index(leaves.len());
        let proof = prove::inclusion(index as u64, new, &tiles).expect("the tiles are there");
        prop_assert_eq!(&proof, &naive::path(index, &leaves));
        prop_assert_eq!(verify_inclusion(&leaves[index], index as u64, new, &root, &proof), Ok(()));

        let old = 1 + old.index(leaves.len());
        let proof = prove::consistency(old as u64, new, &tiles).expect("the tiles are there");
        prop_assert_eq!(&proof, &naive::proof(old, &leaves));
        let old_root = naive::mth(&leaves[..old]);
        prop_assert_eq!(verify_consistency(old as u64, &old_root, new, &root, &proof), Ok(()));
    }
}
