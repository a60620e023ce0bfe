//! Verifying proofs.
//!
//! Every argument may come from an enemy. The length that a proof must have follows from sizes and index, and is compared
//! before anything is hashed; at most 64 hashes and two roots are computed. Sizes are not secured by a proof, only by
//! the signature that binds them to the root.

use crate::hash::{Hash, node_hash};

/// Why a proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The tree has no such leaf.
    #[error("a tree of {size} leaves has no leaf {index}")]
    Index {
        /// The leaf's index.
        index: u64,
        /// The tree's size.
        size: u64,
    },
    /// The older tree is the larger one.
    #[error("a tree of {new} leaves cannot have grown from one of {old}")]
    Sizes {
        /// The older tree's size.
        old: u64,
        /// The newer tree's size.
        new: u64,
    },
    /// The proof is too long or too short.
    #[error("the proof has {hashes} hashes where {expected} are needed")]
    Length {
        /// How many hashes it has.
        hashes: usize,
        /// How many it must have.
        expected: usize,
    },
    /// The proof leads to another root.
    #[error("the proof leads to the root {computed} at size {size}, not to {root}")]
    Root {
        /// The size of the tree whose root differs.
        size: u64,
        /// The root that the proof leads to.
        computed: Hash,
        /// The root that was given.
        root: Hash,
    },
}

/// Verifies that the leaf with this hash has this index in the tree with this size and root.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    if index >= size {
        return Err(Error::Index { index, size });
    }
    let path = Path::of(index, size);
    expect_length(proof, path.inner + path.border)?;
    let (inner, border) = proof.split_at(path.inner);
    expect_root(size, join_left(join(*leaf, inner, index), border), root)
}

/// Verifies that the tree with the new size and root has grown from that with the old size and root.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), Error> {
    if old_size > new_size {
        return Err(Error::Sizes { old: old_size, new: new_size });
    }
    if old_size == 0 {
        expect_length(proof, 0)?;
        expect_root(0, Hash::EMPTY_ROOT, old_root)?;
        return if new_size == 0 { expect_root(0, Hash::EMPTY_ROOT, new_root) } else { Ok(()) };
    }
    if old_size == new_size {
        expect_length(proof, 0)?;
        return expect_root(new_size, *old_root, new_root);
    }
    // The path starts at the last whole subtree of the old tree, above `height` levels that lie within it. The proof
    // names that subtree first, unless it is the whole old tree.
    let height = old_size.trailing_zeros();
    let path = Path::of(old_size - 1, new_size);
    let inner = path.inner - height as usize;
    let named = usize::from(!old_size.is_power_of_two());
    expect_length(proof, named + inner + path.border)?;
    let (start, rest) = if named == 1 { (proof[0], &proof[1..]) } else { (*old_root, proof) };
    let (inner, border) = rest.split_at(inner);
    let turns = (old_size - 1) >> height;
    expect_root(old_size, join_left(join_old(start, inner, turns), border), old_root)?;
    expect_root(new_size, join_left(join(start, inner, turns), border), new_root)
}

/// The path from a leaf to the root: first `inner` steps, each to the side that the index tells, up to where the leaf's
/// path meets that of the last leaf; then `border` siblings, all of them on the left.
struct Path {
    inner: usize,
    border: usize,
}

impl Path {
    /// The path of leaf `index`, which is below `size`.
    fn of(index: u64, size: u64) -> Self {
        let inner = u64::BITS - (index ^ (size - 1)).leading_zeros();
        let border = index.checked_shr(inner).unwrap_or(0).count_ones();
        Self { inner: inner as usize, border: border as usize }
    }
}

/// Climbs by siblings on the side that each bit of `turns` tells.
fn join(start: Hash, siblings: &[Hash], turns: u64) -> Hash {
    siblings.iter().enumerate().fold(start, |hash, (step, sibling)| {
        if turns >> step & 1 == 0 { node_hash(&hash, sibling) } else { node_hash(sibling, &hash) }
    })
}

/// Climbs like [`join`] in the older tree, which had nothing yet on the right.
fn join_old(start: Hash, siblings: &[Hash], turns: u64) -> Hash {
    siblings
        .iter()
        .enumerate()
        .filter(|(step, _)| turns >> step & 1 == 1)
        .fold(start, |hash, (_, sibling)| node_hash(sibling, &hash))
}

/// Climbs by siblings that are all on the left.
fn join_left(start: Hash, siblings: &[Hash]) -> Hash {
    siblings.iter().fold(start, |hash, sibling| node_hash(sibling, &hash))
}

fn expect_length(proof: &[Hash], expected: usize) -> Result<(), Error> {
    if proof.len() == expected { Ok(()) } else { Err(Error::Length { hashes: proof.len(), expected }) }
}

fn expect_root(size: u64, computed: Hash, root: &Hash) -> Result<(), Error> {
    if computed == *root { Ok(()) } else { Err(Error::Root { size, computed, root: *root }) }
}
