//! An agency's node: it signs and seals what the agency sends, verifies and keeps what it receives, and shows both.
//!
//! | module | promises |
//! |---|---|
//! | [`handle`] | what the gateway may ask; nothing is answered before it is durable |

pub mod handle;
