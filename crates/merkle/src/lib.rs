//! A tamper-evident tree over leaves, as RFC 6962 section 2.1 and the C2SP documents tlog-tiles, signed-note,
//! tlog-checkpoint, tlog-cosignature and tlog-proof define it, so that others can check it with their own tools.
//!
//! * [`Tree`] grows leaf by leaf in memory of a few kilobytes and gives out tiles as they fill.
//! * [`Trusted`] reads a stored tree and believes a tile only where it leads to a known root.
//! * [`inclusion`] and [`consistency`] make proofs; [`verify_inclusion`] and [`verify_consistency`] check them.
//! * [`note`], [`checkpoint`], [`cosignature`] and [`TlogProof`] are the texts that carry them.
//!
//! Pure: whoever signs or verifies is passed in. Never here: disks, clocks, keys.

pub mod checkpoint;
pub mod cosignature;
mod hash;
pub mod note;
mod proof;
mod tile;
mod tlog_proof;
mod tree;
mod trusted;
mod verify;

pub use hash::{HASH_BYTES, Hash, leaf_hash, node_hash};
pub use proof::{consistency, inclusion, root};
pub use tile::{Tile, Tiles};
pub use tlog_proof::{ProofError, TlogProof};
pub use tree::{ResumeError, Tree};
pub use trusted::{TileError, Trusted};
pub use verify::{VerifyError, verify_consistency, verify_inclusion};
