//! A node's ledger: all that it sent, received, was promised and did, append-only.
//!
//! Built on [`sealpost_seglog`], which keeps records durable without knowing what they mean. Here they are leaves (what
//! is kept for ever) with bodies (what can be erased) in the types of [`sealpost_domain::record`].
//!
//! * [`Ledger`] writes and reads; its first record names the agency and the incarnation.
//! * [`History`] reads alone, also beside a running node.
//! * [`Buckets`] keeps the keys under which content keys lie at rest: one key for each retention class and month of
//!   its end, so that a whole bucket of bodies ends with one file.
//! * [`Keeper`](tree::Keeper) keeps the Merkle tree over it and signs checkpoints; [`tree`] also proves and exports.
//! * [`repair`](repair::repair) takes a damaged ledger apart and lists what is damaged, so that the rest is read again.
//! * [`verify`](verify::verify) checks a whole ledger and names the first thing that is wrong.
//!
//! Never here: gRPC, projections, whom a message may go to.

pub mod append;
pub mod bucket;
mod history;
mod journal;
mod lost;
pub mod open;
pub mod repair;
pub mod tree;
pub mod verify;

pub use append::{Draft, Pending};
pub use bucket::{Bucket, Buckets};
pub use history::{Entry, History, ReadError, Scan};
pub use journal::Ledger;
pub use open::{Commits, Options, Start};
