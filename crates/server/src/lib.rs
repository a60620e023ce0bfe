//! What hub and node share as servers.
//!
//! | module | promises |
//! |---|---|
//! | [`config`] | TOML into types; every fault at once, nothing repaired |
//! | [`settings`] | the sections that both configurations have |
//! | [`acceptor`] | TLS handshakes, bounded; only peers that prove who they are come in |
//! | [`changes`] | that something changed, told in an order that chance does not decide |
//! | [`clock`] | the time, passed in |
//! | [`connection`] | who is on the other end; any live connection can be closed |
//! | `descriptors` | how many files and connections the system lets the program have: as many as it may, and told when too few |
//! | `giving_way` | who leaves where there is no room for one more |
//! | [`pool`] | work off the threads that serve, bounded, with an express lane |
//! | [`program`] | from the command line to the exit code |
//! | [`renewal`] | certificate, key and revocation lists, looked at again while the program runs |
//! | [`roots`] | whose certificates are believed, and the revocation lists |
//! | [`serve`] | gRPC, REST, health and reflection behind one door |
//! | [`shutdown`] | an ordered and bounded end |
//! | [`telemetry`] | the log |
//!
//! Nothing here knows about agencies' affairs: what a peer may do is decided by the services.

pub mod acceptor;
pub mod changes;
pub mod clock;
pub mod config;
pub mod connection;
mod descriptors;
mod giving_way;
pub mod pool;
pub mod program;
pub mod renewal;
pub mod roots;
pub mod serve;
pub mod settings;
pub mod shutdown;
pub mod telemetry;
