//! A sound ledger verifies, with its counts; every kind of fault is found at its record and named.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod checkpoints;
mod damaged;
mod needed;
mod records;
mod scene;
mod witness;
