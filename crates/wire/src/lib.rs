//! The contract of `proto/` on one side, the domain's types on the other: one file for each `.proto`, and the JSON form.
//!
//! Everything that comes from a peer, a disk or a user passes here once and is a valid value afterwards. Every
//! conversion destructures all fields, so that a new field breaks the build until somebody decided what it means.
//! This crate holds no rules: what may be sent to whom is the domain's affair.

pub mod alert;
pub mod batch;
pub mod directory;
pub mod envelope;
mod field;
pub mod gateway;
pub mod hub;
pub mod json;
pub mod ledger;
mod names;
pub mod statement;
pub mod status;

pub use field::Error;

/// The descriptors of all services and messages, for gRPC reflection: the bytes of a `FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = sealpost_proto::v1::DESCRIPTORS;
