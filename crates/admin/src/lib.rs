//! Makes and examines networks: certificates, keys, the signed directory and every configuration.
//!
//! | module | promises |
//! |---|---|
//! | [`roster`] | who is to take part, from a TOML file; every fault at once |
//! | [`network`] | a whole network in a new folder, or nothing at all |
//! | [`issuer`] | roots, certificates and revocation lists |
//! | [`certificate`] | the same for real: requests that travel, roots that stay offline, lists that go on |
//! | [`template`] | the configurations of hub, node and officer, every key documented |
//! | [`mod@file`] | files that are carried: read up to a limit, written whole or not at all |
//! | [`key`] | key files made, encrypted, decrypted and shown |
//! | [`ceremony`] | the later versions of a directory, carried from one holder of a key to the next |
//! | [`listing`] | a directory for people and for machines |
//!
//! It is a library with a thin program, so that the demonstration and the tests make their networks with it. Time and
//! randomness are arguments. No running node needs it. Of a network that exists it changes files that it is given, and
//! through the hub the directory and revocation lists (`ceremony::publish`); it reads no data of hub or node.

pub mod ceremony;
pub mod certificate;
pub mod file;
pub mod issuer;
pub mod key;
pub mod listing;
pub mod network;
pub mod roster;
pub mod template;
