//! What the stories stand on.
//!
//! | module | holds |
//! |---|---|
//! | [`network`] | a network of three agencies in a folder of its own, its programs started and ended |
//! | [`program`] | one program as a process, its log, its end |
//! | [`desk`] | what somebody at an agency's gateway does and sees |
//! | [`officer`] | an officer with the `sealpost` command |
//! | [`draft`] | messages to send |
//! | [`pen`] | a node's keys in the story's own hand: envelopes as a node makes them, and as none would |
//! | [`page`] | the commands of a page of the documentation, run to the letter |
//! | [`eventually`] | waiting for conditions |
//! | [`files`] | folders that are copied |
//! | [`port`] | loopback ports that are free |

mod desk;
mod draft;
mod eventually;
mod files;
mod network;
mod officer;
mod page;
mod pen;
mod port;
mod program;

pub(crate) use desk::{Desk, ids};
pub(crate) use draft::{shipment, shipments};
pub(crate) use eventually::eventually;
pub(crate) use files::copy;
#[allow(unused_imports, reason = "for tests/jetstream, which stands on this harness too")]
pub(crate) use network::HUB_2;
pub(crate) use network::{DE, HK, HUB, Network, TH, id, now, set, told};
pub(crate) use officer::Officer;
pub(crate) use page::{done, refused, run, scripts, succeeded, table};
pub(crate) use pen::{HubLine, Pen};
pub(crate) use program::Ended;
