use proptest::prelude::*;
use sealpost_merkle::hash::node_hash;
use sealpost_merkle::proof::{Error, verify_consistency, verify_inclusion};
use sealpost_merkle::{Hash, SIZE_MAX, prove, read};

use crate::memory::{Memory, Widest, leaf};

/// The hash with one bit turned, for each of its bits.
fn flips(hash: Hash) -> impl Iterator<Item = Hash> {
    (0..256).map(move |bit| {
        let mut bytes = *hash.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        Hash::from_bytes(bytes)
    })
}

/// The proof with one bit turned, for each of its bits.
fn flipped_proofs(proof: &[Hash]) -> impl Iterator<Item = Vec<Hash>> {
    (0..proof.len()).flat_map(move |at| {
        flips(proof[at]).map(move |flipped| {
            let mut proof = proof.to_vec();
            proof[at] = flipped;
            proof
        })
    })
}

/// The proof with a hash too many or too few, or two of them exchanged.
fn resized_proofs(proof: &[Hash]) -> Vec<Vec<Hash>> {
    let mut others = Vec::new();
    for at in 0..=proof.len() {
        let mut longer = proof.to_vec();
        longer.insert(at, Hash::from_bytes([7; 32]));
        others.push(longer);
    }
    for at in 0..proof.len() {
        let mut shorter = proof.to_vec();
        shorter.remove(at);
        others.push(shorter);
        let mut doubled = proof.to_vec();
        doubled.insert(at, proof[at]);
        others.push(doubled);
        if at > 0 {
            let mut swapped = proof.to_vec();
            swapped.swap(at - 1, at);
            others.push(swapped);
        }
    }
    others
}

#[test]
fn no_bit_of_an_inclusion_proof_can_be_turned() {
    for (index, size) in [
        (0, 1),
        (0, 2),
        (1, 2),
        (2, 3),
        (6, 7),
        (255, 256),
        (256, 257),
        (130, 300),
        (65_999, 66_000),
        (69_999, 70_000),
    ] {
        let root = prove::root(size, &Widest).expect("the tiles are there");
        let proof = prove::inclusion(index, size, &Widest).expect("the tiles are there");
        let leaf = leaf(index);
        assert_eq!(verify_inclusion(&leaf, index, size, &root, &proof), Ok(()));
        for other in flipped_proofs(&proof).chain(resized_proofs(&proof)) {
            assert!(verify_inclusion(&leaf, index, size, &root, &other).is_err(), "leaf {index} of {size}");
        }
        for other in flips(root) {
            assert!(verify_inclusion(&leaf, index, size, &other, &proof).is_err(), "leaf {index} of {size}");
        }
        for other in flips(leaf) {
            assert!(verify_inclusion(&other, index, size, &root, &proof).is_err(), "leaf {index} of {size}");
        }
        for bit in 0..64 {
            let other = index ^ 1 << bit;
            assert!(
                verify_inclusion(&leaf, other, size, &root, &proof).is_err(),
                "{other} for {index} of {size}"
            );
        }
    }
}

#[test]
fn no_bit_of_a_consistency_proof_can_be_turned() {
    for (old, new) in [
        (1, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (6, 8),
        (255, 256),
        (256, 257),
        (257, 511),
        (65_537, 66_000),
        (66_000, 70_000),
    ] {
        let old_root = prove::root(old, &Widest).expect("the tiles are there");
        let new_root = prove::root(new, &Widest).expect("the tiles are there");
        let proof = prove::consistency(old, new, &Widest).expect("the tiles are there");
        assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()));
        for other in flipped_proofs(&proof).chain(resized_proofs(&proof)) {
            assert!(verify_consistency(old, &old_root, new, &new_root, &other).is_err(), "{old} to {new}");
        }
        for other in flips(old_root) {
            assert!(verify_consistency(old, &other, new, &new_root, &proof).is_err(), "{old} to {new}");
        }
        for other in flips(new_root) {
            assert!(verify_consistency(old, &old_root, new, &other, &proof).is_err(), "{old} to {new}");
        }
    }
}

#[test]
fn a_refusal_says_what_was_expected() {
    let (root, other) = (leaf(0), leaf(1));
    assert_eq!(
        verify_inclusion(&root, 1, 1, &root, &[]).expect_err("no such leaf").to_string(),
        "a tree of 1 leaves has no leaf 1"
    );
    assert_eq!(verify_inclusion(&root, 0, 0, &root, &[]), Err(Error::Index { index: 0, size: 0 }));
    assert_eq!(
        verify_inclusion(&root, 0, 5, &root, &[]).expect_err("too short").to_string(),
        "the proof has 0 hashes where 3 are needed"
    );
    assert_eq!(
        verify_inclusion(&root, 0, 1, &other, &[]),
        Err(Error::Root { size: 1, computed: root, root: other })
    );
    assert_eq!(verify_consistency(2, &root, 1, &root, &[]), Err(Error::Sizes { old: 2, new: 1 }));
}

#[test]
fn every_tree_has_grown_from_the_empty_one_and_from_itself() {
    let root = leaf(0);
    let empty = Hash::EMPTY_ROOT;
    assert_eq!(verify_consistency(0, &empty, 1, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &empty, 0, &empty, &[]), Ok(()));
    assert_eq!(verify_consistency(9, &root, 9, &root, &[]), Ok(()));
    assert!(verify_consistency(0, &root, 1, &root, &[]).is_err());
    assert!(verify_consistency(0, &empty, 0, &root, &[]).is_err());
    assert!(verify_consistency(0, &empty, 1, &root, &[root]).is_err());
    assert!(verify_consistency(9, &root, 9, &root, &[root]).is_err());
    assert!(verify_consistency(9, &root, 9, &empty, &[]).is_err());
    let (_, tiles) = Memory::of(9);
    assert_eq!(prove::consistency(0, 9, &tiles), Ok(vec![]));
    assert_eq!(prove::consistency(9, 9, &tiles), Ok(vec![]));
}

#[test]
fn no_proof_is_made_of_what_is_not_in_the_tree() {
    let (_, tiles) = Memory::of(9);
    assert_eq!(prove::inclusion(9, 9, &tiles), Err(read::Error::Index { index: 9, size: 9 }));
    assert_eq!(prove::inclusion(0, 0, &tiles), Err(read::Error::Index { index: 0, size: 0 }));
    assert_eq!(prove::consistency(10, 9, &tiles), Err(read::Error::Sizes { old: 10, new: 9 }));
    for size in [SIZE_MAX + 1, u64::MAX] {
        assert_eq!(prove::inclusion(0, size, &tiles), Err(read::Error::Size { size }));
        assert_eq!(prove::consistency(1, size, &tiles), Err(read::Error::Size { size }));
        assert_eq!(prove::root(size, &tiles), Err(read::Error::Size { size }));
    }
    // The largest tree is asked for tiles that are not there, and nothing overflows on the way.
    for index in [0, 1 << 62, SIZE_MAX - 1] {
        assert!(matches!(prove::inclusion(index, SIZE_MAX, &tiles), Err(read::Error::Read { .. })));
    }
    assert!(matches!(prove::consistency(SIZE_MAX - 1, SIZE_MAX, &tiles), Err(read::Error::Read { .. })));
}

/// The root that an inclusion proof leads to, by the steps of RFC 9162, section 2.1.3.2, or `None` where it fails.
fn rfc9162_inclusion(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size {
        return None;
    }
    let (mut node, mut last, mut root) = (index, size - 1, leaf);
    for hash in proof {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            root = node_hash(hash, &root);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            root = node_hash(&root, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    (last == 0).then_some(root)
}

/// The two roots that a consistency proof leads to, by the steps of RFC 9162, section 2.1.4.2, or `None` where it fails.
fn rfc9162_consistency(old: u64, old_root: Hash, new: u64, proof: &[Hash]) -> Option<(Hash, Hash)> {
    if proof.is_empty() {
        return None;
    }
    let path: Vec<Hash> =
        old.is_power_of_two().then_some(old_root).into_iter().chain(proof.to_vec()).collect();
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut first, mut second) = (path[0], path[0]);
    for hash in &path[1..] {
        if last == 0 {
            return None;
        }
        if node & 1 == 1 || node == last {
            first = node_hash(hash, &first);
            second = node_hash(hash, &second);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            second = node_hash(&second, hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    (last == 0).then_some((first, second))
}

fn any_hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::from_bytes)
}

/// A number of any magnitude, so that small and huge sizes both turn up.
fn any_magnitude() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0_u32..64).prop_map(|(number, shift)| number >> shift)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_inclusion_proof_is_judged_as_rfc_9162_does(
        leaf in any_hash(), index in any_magnitude(), size in any_magnitude(), root in any_hash(),
        proof in prop::collection::vec(any_hash(), 0..70),
    ) {
        for length in 0..=proof.len() {
            let proof = &proof[..length];
            prop_assert!(verify_inclusion(&leaf, index, size, &root, proof).is_err());
            let expected = rfc9162_inclusion(leaf, index, size, proof);
            let result = verify_inclusion(&leaf, index, size, &expected.unwrap_or(root), proof);
            prop_assert_eq!(result.is_ok(), expected.is_some());
            // What leads nowhere has a wrong length, whatever root is given.
            let misshapen = matches!(result, Err(Error::Length { .. } | Error::Index { .. }));
            prop_assert_eq!(misshapen, expected.is_none());
        }
    }

    #[test]
    fn any_consistency_proof_is_judged_as_rfc_9162_does(
        old in any_magnitude(), new in any_magnitude(), old_root in any_hash(), new_root in any_hash(),
        proof in prop::collection::vec(any_hash(), 0..70),
    ) {
        for length in 0..=proof.len() {
            let proof = &proof[..length];
            let result = verify_consistency(old, &old_root, new, &new_root, proof);
            prop_assert_eq!(result.is_ok(), old == new && old_root == new_root && proof.is_empty());
            if 0 < old && old < new {
                let expected = rfc9162_consistency(old, old_root, new, proof);
                let (first, second) = expected.unwrap_or((old_root, new_root));
                let first = if old.is_power_of_two() { old_root } else { first };
                let result = verify_consistency(old, &first, new, &second, proof);
                // From a power of two on, the older root is where the path begins, and has to come out unchanged.
                let same = expected.is_some_and(|(computed, _)| computed == first);
                prop_assert_eq!(result.is_ok(), same);
                prop_assert_eq!(matches!(result, Err(Error::Length { .. })), expected.is_none());
            }
        }
    }
}
