//! `[journal]` of a hub whose journal is a stream.

use std::path::PathBuf;

/// Where the servers are, who this hub is to them, and what is asked of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Their addresses, `nats://host:port` or `tls://host:port`. Others of the cluster are learned from them.
    pub servers: Vec<String>,
    /// The name of the streams and subjects.
    pub name: String,
    /// How many servers keep each stream.
    pub replicas: usize,
    /// The domain of JetStream.
    pub domain: Option<String>,
    /// A file of NATS credentials: a JWT, and the seed that it is used with.
    pub credentials: Option<PathBuf>,
    /// Roots of the servers' certificates, PEM.
    pub ca: Option<PathBuf>,
    /// The certificate that this hub shows to the servers, PEM, and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Settings {
    /// The stream of entries.
    pub(super) fn journal(&self) -> String {
        format!("{}-journal", self.name)
    }

    /// The stream of bodies.
    pub(super) fn bodies(&self) -> String {
        format!("{}-bodies", self.name)
    }

    /// The subject of the stream of entries.
    pub(super) fn journal_subject(&self) -> String {
        format!("{}.journal", self.name)
    }

    /// The subject of the stream of bodies.
    pub(super) fn bodies_subject(&self) -> String {
        format!("{}.bodies", self.name)
    }

    /// The stream of snapshots.
    pub(super) fn snapshots(&self) -> String {
        format!("{}-snapshots", self.name)
    }

    /// All subjects of the stream of snapshots.
    pub(super) fn snapshots_subjects(&self) -> String {
        format!("{}.snapshots.>", self.name)
    }

    /// The subject of a part of a snapshot.
    pub(super) fn snapshot_subject(&self, sequence: u64, part: usize) -> String {
        format!("{}.snapshots.{sequence}.{part}", self.name)
    }

    /// The subject of what names the latest snapshot.
    pub(super) fn latest_snapshot_subject(&self) -> String {
        format!("{}.snapshots.latest", self.name)
    }

    /// The addresses, for people.
    pub(super) fn addresses(&self) -> String {
        self.servers.join(", ")
    }
}
