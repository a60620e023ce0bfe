//! Generated from `proto/sealpost/v1`; nothing here is written by hand.

#![allow(rustdoc::all, reason = "the comments of the contract are written for readers of every language")]

/// Version 1 of the contract.
pub mod v1 {
    tonic::include_proto!("sealpost.v1");

    /// The descriptors of all services and messages, for reflection: the bytes of a `FileDescriptorSet`.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
}
