//! The program `sealpost-admin` as people and scripts meet it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod certificate;
mod cli;
mod desk;
mod directory;
mod keys;
mod publish;
mod revoking;
mod statements;
