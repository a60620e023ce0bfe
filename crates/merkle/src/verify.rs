//! Checking proofs: RFC 9162, sections 2.1.3.2 and 2.1.4.2, for the trees of RFC 6962. Everything here comes from
//! strangers.

use crate::{Hash, node_hash};

/// Why a proof does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// There is no such leaf or older tree.
    #[error("{index} is not within a tree of {size} leaves")]
    Beyond {
        /// The leaf, or the size of the older tree.
        index: u64,
        /// Of the tree.
        size: u64,
    },
    /// The proof has another number of hashes than it must.
    #[error("a proof of {found} hashes is too short or too long")]
    Length {
        /// How many it has.
        found: usize,
    },
    /// The proof leads elsewhere.
    #[error("the proof leads to the root {found}, expected is {expected}")]
    Root {
        /// Where it leads.
        found: Hash,
        /// Where it must lead.
        expected: Hash,
    },
}

/// Whether the tree of this size and root has the leaf with this hash at `index`.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    root: &Hash,
    path: &[Hash],
) -> Result<(), VerifyError> {
    if index >= size {
        return Err(VerifyError::Beyond { index, size });
    }
    let wrong_length = VerifyError::Length { found: path.len() };
    let (mut node, mut last, mut found) = (index, size - 1, *leaf);
    for sibling in path {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            found = node_hash(sibling, &found);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            found = node_hash(&found, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    expect(found, root)
}

/// Whether the tree of size `old` with root `old_root` is the beginning of that of `size` with `root`.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), VerifyError> {
    if old == 0 || old > size {
        return Err(VerifyError::Beyond { index: old, size });
    }
    let wrong_length = VerifyError::Length { found: proof.len() };
    if old == size {
        return if proof.is_empty() { expect(*old_root, root) } else { Err(wrong_length) };
    }
    let (mut node, mut last) = (old - 1, size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    // An old tree that is a complete subtree is where the walk starts; any other start comes with the proof.
    let (start, rest) = match proof.split_first() {
        None => return Err(wrong_length),
        Some(_) if old.is_power_of_two() => (old_root, proof),
        Some((first, rest)) => (first, rest),
    };
    let (mut found_old, mut found) = (*start, *start);
    for sibling in rest {
        if last == 0 {
            return Err(wrong_length);
        }
        if node & 1 == 1 || node == last {
            found_old = node_hash(sibling, &found_old);
            found = node_hash(sibling, &found);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            found = node_hash(&found, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    expect(found_old, old_root)?;
    expect(found, root)
}

fn expect(found: Hash, expected: &Hash) -> Result<(), VerifyError> {
    if found == *expected { Ok(()) } else { Err(VerifyError::Root { found, expected: *expected }) }
}
