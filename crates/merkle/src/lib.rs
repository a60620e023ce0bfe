//! The tree over a ledger's leaves, and what is signed about it.
//!
//! The tree is that of [RFC 6962, section 2.1](https://www.rfc-editor.org/rfc/rfc6962#section-2.1); everything written
//! down follows the [C2SP](https://c2sp.org) specifications byte for byte, so that tools that we did not write can check
//! a ledger of ours: `tlog-tiles`, `signed-note`, `tlog-checkpoint`, `tlog-cosignature` and `tlog-proof`.
//!
//! * [`tree`] appends leaves and gives the tiles to write; [`prove`] makes proofs from tiles, [`proof`] checks them.
//! * [`trusted`] reads tiles of a stranger, and hands out none that is not bound to the root.
//! * [`note`], [`checkpoint`], [`cosignature`] and [`tlog_proof`] are the signed texts; [`key`] names the keys.
//!
//! Whatever is parsed or verified here may come from an enemy: no input panics, and every size is bounded. This crate
//! knows no disk, no clock, no key file and no signature algorithm: [`read::Tiles`], [`note::Signer`],
//! [`note::Verifier`] and the time are passed in.

pub mod checkpoint;
pub mod cosignature;
mod edge;
pub mod hash;
pub mod key;
pub mod note;
pub mod proof;
pub mod prove;
pub mod read;
pub mod tile;
pub mod tlog_proof;
pub mod tree;
pub mod trusted;

pub use hash::Hash;
pub use tile::Tile;
pub use tree::Tree;
pub use trusted::Trusted;

/// The greatest size of a tree: what a signed 64-bit integer holds, as other programs use one for it.
pub const SIZE_MAX: u64 = i64::MAX as u64;
