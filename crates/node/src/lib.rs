//! An agency's node: it signs and seals what the agency sends, verifies and keeps what it receives, and shows both.
//!
//! | module | promises |
//! |---|---|
//! | [`core`] | the pure state machine over ledger records: outbox, inbox, receipts; live and after a restart the same |
//! | [`engine`] | the single writer at work: decide, append with one sync, apply, and only then answer |
//! | [`prepare`], [`publisher`] | from a draft to a sealed message, those of a lane in the order in which drafts came |
//! | [`queue`] | what waits for publisher and writer, FLASH in a lane of its own |
//! | [`verify`] | an envelope is what it claims to be and may be had, or is refused by a rule |
//! | [`wraps`] | an envelope of our own, from the ledger, for those who still need it |
//! | [`session`] | two connections to the hub, resumed from durable cursors for ever |
//! | [`gateway`] | the door for the own systems and officers; who may do what, by certificate |
//! | `doors` | who was refused at the gateway or in the hub's place, for the record |
//! | [`handle`], [`views`] | what the gateway may ask; nothing is answered before it is durable |
//! | [`projection`] | the index over the ledger, which may be lost at any time |
//! | [`proofs`] | proofs from the tree over the ledger, for auditors and for peers |
//! | [`config`], [`run`] | the program |
//! | [`known`] | what the own ledger knows of a message that another one names |
//! | [`retention`], [`shared`], [`pool`], [`check`], [`repair`] | how long bodies are kept, what tasks share, verification and repair of a ledger |
//!
//! Never here: other agencies' private keys, routing between others, and a message in clear outside of memory.

pub mod check;
pub mod config;
pub mod core;
mod doors;
pub mod engine;
pub mod erase;
#[cfg(test)]
mod fixture;
pub mod gateway;
pub mod handle;
pub mod known;
pub mod orders;
pub mod own_keys;
pub mod pool;
pub mod prepare;
pub mod projection;
pub mod proofs;
pub mod publisher;
pub mod queue;
pub mod repair;
pub mod retention;
pub mod run;
pub mod session;
pub mod shared;
pub mod verify;
pub mod views;
pub mod wraps;
