//! What tests and benches are built from: everything is invented, and valid.
//!
//! * [`network`]: agencies with their keys, and the signed directory that lists them.
//! * [`ledger`]: a ledger of any length as a node would have written it, with real signatures, digests and chains.
//! * [`cache`]: such a ledger made once and kept, since signing a million records takes a while.
//! * [`nats`]: NATS servers as processes, which can be killed, paused, and lose their disks.
//!
//! The same seed gives the same bytes. Never here: assertions (those are the tests' own), clocks, and sockets but to find free ports.

pub mod cache;
pub mod ledger;
pub mod nats;
pub mod network;

pub use ledger::{Made, Plan};
pub use network::Network;
