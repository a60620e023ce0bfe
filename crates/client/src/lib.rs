//! Connections to a hub or a gateway, and the Rust SDK of both.
//!
//! A [`connection`] is mutual TLS with an [`Endpoint`](sealpost_crypto::tls::Endpoint); when it fails, the
//! [`error`] tells an unreachable peer from one that refuses us and from one that we refuse; [`backoff`] says when to
//! try again. Nothing is printed here.

pub mod backoff;
pub mod connection;
pub mod error;
pub mod gateway;
pub mod profile;

pub use backoff::Backoff;
pub use connection::{Connection, connect};
pub use error::Error;
