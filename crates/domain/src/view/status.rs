//! How a node is: its connection, backlog, ledger and directory.

use crate::agency::AgencyId;
use crate::digest::Digest;
use crate::identity::NetworkName;
use crate::instant::Instant;
use crate::link::Incarnation;

/// How a node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Whose node.
    pub agency: AgencyId,
    /// Of which network.
    pub network: NetworkName,
    /// The program's version.
    pub version: String,
    /// Its connection to the hub.
    pub hub: HubStatus,
    /// The index that the next record gets; everything below it is durable.
    pub ledger_next_index: u64,
    /// This life of its ledger.
    pub ledger_incarnation: Incarnation,
    /// The directory in force.
    pub directory_version: u64,
    /// The digest of that directory; `None` where none is in force, or the node does not tell.
    pub directory_digest: Option<Digest>,
    /// Until when that directory is valid.
    pub directory_valid_until: Instant,
    /// Recipients that have not receipted yet, over all messages.
    pub outstanding: u64,
    /// For each agency with which there was traffic, ascending.
    pub peers: Vec<PeerStatus>,
}

/// A node's connection to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubStatus {
    /// Whether there is one.
    pub connected: bool,
    /// With whom, or why not.
    pub detail: String,
    /// Since when.
    pub since: Instant,
}

/// The traffic with one agency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// The agency.
    pub agency: AgencyId,
    /// Sent to it, and not receipted yet.
    pub outstanding: u64,
    /// Sent to it.
    pub sent: u64,
    /// Received from it.
    pub received: u64,
    /// Known to be sent by it, and not here: it is asked for. At most 1024 of a link are counted.
    pub missing: u64,
    /// Whether it is sent to.
    pub sending: Sending,
    /// What is kept of its ledger: up to where, and when it said so, by its clock.
    pub kept: Option<Covered>,
    /// What it has cosigned of this ledger: up to where, and when that was recorded.
    pub cosigned: Option<Covered>,
    /// The version of the directory that it has installed.
    pub directory_version: Option<u64>,
}

/// Whether a peer is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sending {
    /// It is.
    Open,
    /// Not before it said what it has of ours: since this node last ran its machine was booted, or the note of its life
    /// was lost, and it is not proven that its ledger is the latest copy.
    AwaitsPeer,
}

/// How much of a ledger a checkpoint covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Covered {
    /// How many records.
    pub records: u64,
    /// Since when that is known.
    pub at: Instant,
}
