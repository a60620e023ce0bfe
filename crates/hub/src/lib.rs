//! The hub: it routes what it cannot read.
//!
//! | module | promises |
//! |---|---|
//! | [`core`] | a pure state machine over the journal: who gets what, and what was settled |
//! | [`journal`] | entries and bodies on disk; nothing is acknowledged before both are synced |
//! | [`journal`] | entries and bodies on disk; nothing is acknowledged before both are synced |
//! | [`rule`] | the names of the hub's own reasons to refuse |
//!
//! Never here: payloads in clear, keys that open them, and decisions taken anywhere but in [`core`].

pub mod core;
#[cfg(test)]
mod fixture;
pub mod journal;
pub mod rule;
