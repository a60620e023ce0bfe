//! The hub: it routes what it cannot read.
//!
//! | module | promises |
//! |---|---|
//! | [`core`] | a pure state machine over the journal: who gets what, and what was settled |
//! | [`journal`] | entries and bodies, on this disk or in streams: nothing counts before it is durable and in its place |
//! | [`writer`] | the one thread that proposes and applies: groups, answers |
//! | [`verify`] | an envelope is what it claims to be, or is refused by a rule |
//! | [`view`], [`hot`] | what is known, for everybody who reads, and the latest envelopes in memory |
//! | [`lane`] | which mail waits for which |
//! | [`dispatch`] | what waits for a recipient, with its body and its own wrap |
//! | [`relay`] | control frames between nodes, bounded, the latest for those who are away |
//! | `published` | what operators publish holds at every hub of a journal |
//! | [`rates`] | how fast each agency may go on, FLASH by a budget of its own |
//! | [`service`] | the gRPC services in front of all that |
//! | `stale` | that the directory is no longer valid, told |
//! | [`config`], [`run`] | the program |
//!
//! Never here: payloads in clear, keys that open them, and decisions taken anywhere but in [`core`] and [`verify`].

pub mod config;
pub mod core;
pub mod dispatch;
#[cfg(test)]
mod fixture;
pub mod hot;
pub mod journal;
pub mod lane;
mod published;
pub mod rates;
pub mod relay;
pub mod run;
pub mod service;
mod stale;
pub mod verify;
pub mod view;
pub mod writer;
