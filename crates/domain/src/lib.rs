//! What Sealpost talks about, and every decision that is taken on it.
//!
//! Agencies, alerts, identifiers, handling codes, agreements, links and receipts are types here, and a value that
//! exists is valid: text is parsed once, at the edge. Decisions (may this message go to that agency? is this
//! envelope new, a duplicate or an equivocation?) are pure functions over those types.
//!
//! This crate knows no I/O, no protobuf, no clock and no random numbers: time is an argument.

pub mod agency;
pub mod agreement;
pub mod alert;
pub mod answer;
pub mod approval;
pub mod decision;
pub mod digest;
pub mod directory;
pub mod envelope;
pub mod handling;
pub mod identifier;
pub mod identity;
pub mod instant;
pub mod link;
pub mod message;
pub mod names;
pub mod permission;
pub mod record;
pub mod rule;
pub mod sharing;
pub mod statement;
pub mod stats;
pub mod time;
pub mod view;
