//! The life of a directory after its first version: drafts that are carried from machine to machine.
//!
//! | module | promises |
//! |---|---|
//! | [`statement`] | keys, agreements and operations as text files, signed by whoever vouches for them |
//! | [`propose`] | statements made, where the key lies that vouches for them first |
//! | [`signer`] | a key that signs, in a file or on a token |
//! | [`terms`] | the terms of an agreement or operation, from a TOML file |
//! | [`edit`] | what a draft changes, each change by itself |
//! | [`draft`] | the next version as a file: begun, changed, signed; never one that nodes would refuse |
//! | [`describe`] | what keys, agreements and operations say, in the same words wherever they are shown |
//! | [`diff`] | what a version changes, for the eyes of whoever is to sign it |
//! | [`details`] | what an operation is about, sealed to its members |
//! | [`holder`] | whose a key is |
//! | [`vouched`] | what a key signed that is listed |
//! | [`lists`] | revocation lists that go with a version, compared with those in force |
//! | [`publish`] | a version that enough of the authority signed, or revocation lists, handed to the hub |
//!
//! Private keys are read where they lie and leave nothing but signatures. Every refusal names what is missing and the
//! command that supplies it. Time and randomness are arguments.

pub mod describe;
pub mod details;
pub mod diff;
pub mod draft;
pub mod edit;
mod error;
pub mod holder;
pub mod lists;
pub mod propose;
pub mod publish;
mod remedy;
pub mod signer;
pub mod statement;
pub mod terms;
pub mod vouched;

pub use error::Error;
