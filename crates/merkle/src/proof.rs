//! Making proofs: RFC 6962, sections 2.1.1 and 2.1.2.

use crate::{Hash, TileError, Tiles, Trusted, node_hash};

type Outcome<T, H> = Result<H, TileError<<T as Tiles>::Error>>;

/// The root of the tree of the first `size` leaves.
pub fn root<T: Tiles>(size: u64, tree: &Trusted<'_, T>) -> Outcome<T, Hash> {
    if size == 0 {
        return Ok(Hash::of_nothing());
    }
    within(tree, size)?;
    range(tree, 0, size)
}

/// The audit path of the leaf at `index` in the tree of the first `size` leaves, from the leaf upwards.
pub fn inclusion<T: Tiles>(index: u64, size: u64, tree: &Trusted<'_, T>) -> Outcome<T, Vec<Hash>> {
    within(tree, size)?;
    if index >= size {
        return Err(TileError::Beyond { index, size });
    }
    let (mut path, mut first, mut end) = (Vec::new(), 0, size);
    while end - first > 1 {
        let middle = first + split(end - first);
        if index < middle {
            path.push(range(tree, middle, end)?);
            end = middle;
        } else {
            path.push(range(tree, first, middle)?);
            first = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of the first `old` leaves, at least one, is the beginning of that of the first `size`.
pub fn consistency<T: Tiles>(old: u64, size: u64, tree: &Trusted<'_, T>) -> Outcome<T, Vec<Hash>> {
    within(tree, size)?;
    if old == 0 || old > size {
        return Err(TileError::Beyond { index: old, size });
    }
    let (mut proof, mut first, mut end) = (Vec::new(), 0, size);
    // Where the old tree ends, the walk ends; a complete subtree that is the whole old tree is known to the verifier.
    while end != old {
        let middle = first + split(end - first);
        if old <= middle {
            proof.push(range(tree, middle, end)?);
            end = middle;
        } else {
            proof.push(range(tree, first, middle)?);
            first = middle;
        }
    }
    if first > 0 {
        proof.push(range(tree, first, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The root over the leaves from `first` to `end`, a range that the walk from the root comes to: `first` is a multiple
/// of the largest power of two below its length.
fn range<T: Tiles>(tree: &Trusted<'_, T>, first: u64, end: u64) -> Outcome<T, Hash> {
    let leaves = end - first;
    if leaves.is_power_of_two() {
        let height = leaves.trailing_zeros();
        return tree.subtree(height, first >> height);
    }
    let middle = first + split(leaves);
    Ok(node_hash(&range(tree, first, middle)?, &range(tree, middle, end)?))
}

/// The largest power of two below `leaves`, which is at least 2.
fn split(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}

fn within<T: Tiles>(tree: &Trusted<'_, T>, size: u64) -> Outcome<T, ()> {
    if size <= tree.size() { Ok(()) } else { Err(TileError::Beyond { index: size, size: tree.size() }) }
}
