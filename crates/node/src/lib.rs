//! An agency's node: it signs and seals what the agency sends, verifies and keeps what it receives, and shows both.
//!
//! | module | promises |
//! |---|---|
//! | [`gateway`] | the door for the own systems and officers; who may do what, by certificate |
//! | [`handle`] | what the gateway may ask; nothing is answered before it is durable |

pub mod core;
pub mod engine;
pub mod gateway;
pub mod handle;
pub mod pool;
pub mod prepare;
pub mod projection;
pub mod publisher;
pub mod retention;
pub mod roots;
pub mod session;
pub mod shared;
pub mod verify;
pub mod views;
pub mod wraps;
