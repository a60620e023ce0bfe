//! What Sealpost believes, and how it keeps a secret.
//!
//! | module | promises |
//! |---|---|
//! | [`digest`] | every domain-separated digest of the protocol, in one place |
//! | [`dsse`] | signatures over exact bytes with their type; one strict rule of acceptance |
//! | [`signed_by`] | which listed key made a signature |
//! | [`seal`] | a body under a fresh key, padded to a size class, bound to a committed key |
//! | [`wrap`] | that key for one recipient, by HPKE with X-Wing |
//! | [`bucket`] | that key at home, under a bucket key whose destruction erases the body |
//! | [`keyfile`] | private keys on disk: PKCS#8, plain or encrypted, mode 0600, never overwritten |
//! | [`memory`] | freed memory is wiped, and no core dump is written |
//! | [`secret`] | passphrases and PINs: from a file, the environment or a prompt, wiped when dropped |
//! | [`token`] | signing keys on PKCS#11 tokens |
//! | [`signing`] | a signing key by the place where it lies, as configurations and command lines name it |
//! | [`mod@file`] | files read whole, up to a limit |
//! | [`x509`] | a certificate's identity |
//! | [`request`] | a request for a certificate, proven to come from the holder of its key |
//! | [`revocation`] | what a revocation list says, and whether it goes on with the one before |
//! | [`root`] | what a root's certificate says about it |
//! | [`trust`] | which roots are believed, for whom, and what they have revoked |
//! | [`peer`] | who may be on the other end of a connection, and why not |
//! | [`tls`] | the TLS settings that both ends share |
//! | [`details`] | what a joint operation is about, sealed to its members |
//! | [`directory`] | a directory, once all who must sign it and the statements in it did |
//!
//! The crate opens no sockets and names no protobuf type. Randomness and time are arguments. Algorithms are chosen by
//! the caller from the key's directory record, never from a message. Secrets are wiped when dropped and appear in no
//! `Debug`, log or error.

pub mod bucket;
#[cfg(any(test, feature = "chains"))]
pub mod chains;
pub mod details;
pub mod digest;
pub mod directory;
pub mod dsse;
pub mod file;
pub mod keyfile;
pub mod memory;
pub mod peer;
pub mod request;
pub mod revocation;
pub mod root;
pub mod seal;
pub mod secret;
pub mod signed_by;
pub mod signing;
pub mod tls;
pub mod token;
pub mod trust;
pub mod wrap;
pub mod x509;
