//! Why there is no new network.

use std::io;
use std::path::PathBuf;

use sealpost_crypto::{directory, dsse, keyfile, tls, trust};
use sealpost_domain::agency::AgencyId;

use crate::issuer;

/// Why a network is not made. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its keys may be the only copies.
    #[error("{path} exists already and is never overwritten: move it away, or give another folder")]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// The roster knows no such agency.
    #[error("agency {agency} is not in the roster, which has {}", names(.known))]
    UnknownAgency {
        /// The agency.
        agency: AgencyId,
        /// Those of the roster.
        known: Vec<AgencyId>,
    },
    /// Nobody to talk to.
    #[error("a network of {found} agencies has nothing to carry: choose two or more")]
    TooFewAgencies {
        /// How many were chosen.
        found: usize,
    },
    /// Not enough ports above the first.
    #[error("base port {base} leaves no room for {needed} ports: choose one from 1 to {}", 65536 - needed)]
    BasePort {
        /// The first port.
        base: u16,
        /// How many are needed.
        needed: usize,
    },
    /// Not one port for each gateway.
    #[error("{found} ports are given for {needed} gateways")]
    Ports {
        /// How many are given.
        found: usize,
        /// How many are needed.
        needed: usize,
    },
    /// No certificate.
    #[error(transparent)]
    Issuer(#[from] issuer::Error),
    /// No signature.
    #[error(transparent)]
    Sign(#[from] dsse::SignError),
    /// No key file.
    #[error(transparent)]
    Key(#[from] keyfile::Error),
    /// The file system refused.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What was made does not hold.
    #[error("the directory that was made does not verify")]
    Directory(#[from] directory::Error),
    /// What was made does not hold.
    #[error("a root or revocation list that was made does not verify")]
    Trust(#[from] trust::Error),
    /// What was made does not hold.
    #[error("a certificate that was made does not fit its key")]
    Credentials(#[from] tls::Error),
    /// The summary could not be written as JSON.
    #[error("cannot write the summary as JSON")]
    Summary(#[from] serde_json::Error),
}

impl Error {
    /// Whether the options are at fault, not the machine.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::UnknownAgency { .. }
                | Self::TooFewAgencies { .. }
                | Self::BasePort { .. }
                | Self::Ports { .. }
        )
    }
}

fn names(agencies: &[AgencyId]) -> String {
    let names: Vec<_> = agencies.iter().map(AgencyId::as_str).collect();
    names.join(", ")
}
