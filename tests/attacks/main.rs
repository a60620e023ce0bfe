//! Attacks on the promises 'authentic' and 'sealed', and on the directory, against the code that hub and node run, without any network.
//!
//! | module | attacks |
//! |---|---|
//! | [`flips`] | every bit of an envelope, and of what the hub delivers |
//! | [`two_keys`] | two texts for two recipients in one ciphertext, under one signature |
//! | [`signatures`] | Ed25519 at its edges: low order, second encodings, scalars beyond the order |
//! | [`misdelivered`] | somebody else's wrap, swapped wraps, another lane, a cut body: refused, and in the ledger |
//! | [`directory`] | directories that a hub shows to one node: forged, older, forked, with a gap; each an event in its ledger |
//! | [`keys`] | keys that are stolen and revoked: their thief, and the mail that is on its way |
//! | [`classes`] | sealed bodies of other sizes, and with something in their padding |
//!
//! The [`scene`] is a network as `sealpost-admin` makes it, with the hub's verification and state, and for each agency the
//! node's core, verifier and ledger. Envelopes and deliveries pass between them as the bytes that travel.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod classes;
mod directory;
mod flips;
mod gcm;
mod keys;
mod misdelivered;
mod scene;
mod signatures;
mod two_keys;
