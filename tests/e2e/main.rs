//! End-to-end stories: the real programs, as processes, on a network of three agencies of their own.
//!
//! One story per module: delivered once with receipts · hub away · processes killed with SIGKILL · refusals with their
//! rule (unknown agency, no agreement, certificate of another jurisdiction, forged sender, flipped byte) · a damaged
//! ledger · ordered ends · an officer's day with the command. The [`harness`] makes the network in a temporary folder
//! on free loopback ports, starts and ends the programs, and keeps their logs when a story fails.
//!
//! No story sleeps: each waits for a condition, for a bounded time. The programs are those that `cargo test
//! --workspace` builds beside this test.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod harness;
