//! Whether others believe and reach this node by a directory: asked at its start and by `check-config`, and again of every
//! version that is installed while it runs.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;

/// The names of the keys that a node runs with.
#[derive(Clone, Debug)]
pub struct OwnKeys {
    /// Whose they are.
    pub agency: AgencyId,
    /// The one with which it signs.
    pub signing: KeyId,
    /// Those to which others may seal.
    pub sealing: Vec<KeyId>,
}

/// Why a node with its keys is of no use under a directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlisted {
    /// An agency that is not in it.
    #[error("[node] agency: the directory (version {version}) does not list {agency}")]
    Agency {
        /// The agency.
        agency: AgencyId,
        /// The directory.
        version: u64,
    },
    /// A key that nobody would believe.
    #[error(
        "[keys] signing: the directory (version {version}) lists no valid key {key} for a node of {agency}"
    )]
    Signing {
        /// The key.
        key: KeyId,
        /// Of whom.
        agency: AgencyId,
        /// The directory.
        version: u64,
    },
    /// A key to which others seal, and which the node does not have.
    #[error(
        "[keys] sealing: others seal to key {key} (directory version {version}), which is in none of the files"
    )]
    Sealing {
        /// The key.
        key: KeyId,
        /// The directory.
        version: u64,
    },
}

impl OwnKeys {
    /// Judges by one directory.
    pub fn judge(&self, directory: &Directory, now: Instant) -> Result<(), Unlisted> {
        let Self { agency, signing, sealing } = self;
        let (agency, key, version) = (agency.clone(), *signing, directory.version.version);
        if !directory.agencies.contains_key(&agency) {
            return Err(Unlisted::Agency { agency, version });
        }
        if directory.node_key(&agency, key, now).is_none() {
            return Err(Unlisted::Signing { key, agency, version });
        }
        match directory.sealing_key(&agency, now) {
            Some(record) if !sealing.contains(&record.key.id) => {
                Err(Unlisted::Sealing { key: record.key.id, version })
            }
            _ => Ok(()),
        }
    }
}
