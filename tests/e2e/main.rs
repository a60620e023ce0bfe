//! End-to-end stories: the real programs, as processes, on a network of three agencies of their own.
//!
//! | story | tells |
//! |---|---|
//! | [`canary`] | markers in every text of every kind: not seen by the hub, nowhere in clear on a disk |
//! | [`delivered`] | every state of a message, in order; every priority, each message once |
//! | [`hub_away`] | a hub that is down when messages are published |
//! | [`hub_killed`] | a hub that ends by SIGKILL among a hundred messages, or loses its disk |
//! | [`node_killed`] | the sender's or the recipient's node ends so |
//! | [`restored`] | lost disks, and older copies of a node or of the hub |
//! | [`repaired`] | records that a disk damaged: what is lost comes again, from its sender or an export, or is given up |
//! | [`refused`] | an unknown agency, a missing agreement; at the sender's node, and at the hub where a node lies |
//! | [`certificate`] | certificates of the wrong jurisdiction, agency, role or network |
//! | [`renewal`] | the commands of certs/README.md: a certificate renewed while messages flow, the old one revoked |
//! | [`forged`] | an envelope in another agency's name |
//! | [`flipped`] | a changed byte in any part of an envelope |
//! | [`later`] | a header of a later version, with a field that nobody here knows |
//! | [`ledger`] | a changed byte in a ledger |
//! | [`limits`] | a hub with small budgets: senders wait as told, FLASH and others go on |
//! | [`audit`] | checkpoints, proofs and exports, from the command and for auditors over gRPC |
//! | [`witness`] | nodes keep, prove and cosign one another's checkpoints; one that is set back is caught |
//! | [`directory`] | drafts from machine to machine as docs/directory.md has it, published and installed; thieves of keys |
//! | [`ending`] | SIGTERM, of every program and of a hub under load |
//! | [`erased`] | a month that is over, a legal hold, one body before its time: what is gone, and what is still proven |
//! | [`handling`] | amendments and recalls with their answers, onward sharing, approvals, operations |
//! | [`officer`] | the officer's command, from sending to READ, and how it fails |
//!
//! The [`harness`] makes each story's network in a temporary folder on free loopback ports, starts and ends the
//! programs, and keeps their logs when a story fails. No story sleeps: each waits for a condition, for a bounded time.
//! The programs are those that `cargo test --workspace` builds beside this test.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod audit;
mod canary;
mod certificate;
mod delivered;
mod directory;
mod ending;
mod erased;
mod flipped;
mod forged;
mod handling;
mod harness;
mod hub_away;
mod hub_killed;
mod later;
mod ledger;
mod limits;
mod node_killed;
mod officer;
mod refused;
mod renewal;
mod repaired;
mod restored;
mod witness;
