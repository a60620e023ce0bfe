//! Making proofs from tiles, as RFC 6962 defines them in sections 2.1.1 and 2.1.2.
//!
//! The tiles are taken as they come: a proof from false tiles fails when it is verified ([`crate::proof`]).

use crate::edge::Edge;
use crate::hash::Hash;
use crate::read::{Error, Nodes, Tiles, split};

/// The root of the tree of `size` leaves.
pub fn root<T: Tiles>(size: u64, tiles: &T) -> Result<Hash, Error<T::Error>> {
    Ok(Edge::read(tiles, size)?.root())
}

/// The proof that leaf `index` is in the tree of `size` leaves: the siblings from the leaf to the root.
pub fn inclusion<T: Tiles>(index: u64, size: u64, tiles: &T) -> Result<Vec<Hash>, Error<T::Error>> {
    let mut nodes = Nodes::new(tiles, size)?;
    if index >= size {
        return Err(Error::Index { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(nodes.range(middle, end)?);
            end = middle;
        } else {
            path.push(nodes.range(start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `new` leaves has grown from that of `old` leaves. It is empty for equal sizes and for the
/// empty tree, which every tree has grown from.
pub fn consistency<T: Tiles>(old: u64, new: u64, tiles: &T) -> Result<Vec<Hash>, Error<T::Error>> {
    let mut nodes = Nodes::new(tiles, new)?;
    if old > new {
        return Err(Error::Sizes { old, new });
    }
    if old == 0 {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut path = Vec::new();
    // Descend to the last whole subtree of the old tree.
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(nodes.range(middle, end)?);
            end = middle;
        } else {
            path.push(nodes.range(start, middle)?);
            start = middle;
        }
    }
    // The verifier knows that subtree already when it is the whole old tree.
    if start > 0 {
        path.push(nodes.range(start, end)?);
    }
    path.reverse();
    Ok(path)
}
