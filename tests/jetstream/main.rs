//! The hub's journal on real NATS servers: `tests/jetstream/run` fetches the program and starts these.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod deployed;
#[path = "../../crates/hub/src/fixture.rs"]
#[expect(dead_code, reason = "made for the hub's own tests, of which this is a part")]
mod fixture;
#[path = "../e2e/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "made for all end-to-end stories")]
mod harness;
mod late;
mod line;
mod refused;
mod replicas;
mod servers;
mod stories;
#[path = "../journal/suite.rs"]
mod suite;

use servers::One;

suite::of!(One::start());
suite::of!(One::start(); the_second_of_two_versions_at_a_time_changes_nothing);
