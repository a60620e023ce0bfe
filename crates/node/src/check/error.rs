//! Why a ledger could not be looked at.

use std::path::PathBuf;
use std::sync::Arc;

use sealpost_domain::agency::AgencyId;
use sealpost_ledger::ReadError;
use sealpost_ledger::tree::{self, ExportError, ProofError};
use sealpost_merkle::{Hash, checkpoint, note};

use crate::run;

/// Why a ledger could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or is damaged below what was durable.
    #[error("the ledger in {} cannot be read{}", dir.display(), hint(source))]
    Open {
        /// Where.
        dir: PathBuf,
        /// Why not.
        source: sealpost_seglog::open::Error,
    },
    /// It is another agency's.
    #[error("the ledger is that of {found}, not of {expected}")]
    Agency {
        /// Whose it is.
        found: AgencyId,
        /// Whose it must be.
        expected: AgencyId,
    },
    /// The provisioned directory.
    #[error(transparent)]
    Directory(#[from] run::Error),
    /// The stored checkpoint.
    #[error("the stored checkpoint cannot be used")]
    Checkpoint(#[source] Arc<tree::Error>),
    /// There is none yet.
    #[error("there is no checkpoint in {}: the node signs the first one when it starts", path.display())]
    NoCheckpoint {
        /// Where it would lie.
        path: PathBuf,
    },
    /// Nobody is known to have signed it.
    #[error(
        "the stored checkpoint is signed by no key that the provisioned directory lists for a node of the agency"
    )]
    UnlistedKey,
    /// The checkpoint that somebody kept.
    #[error("{} cannot be read", path.display())]
    Kept {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The checkpoint that somebody kept is none of this ledger.
    #[error("{} is a checkpoint of {found}, the ledger is {expected}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Whose it must be.
        expected: String,
    },
    /// Nobody is known to have signed what somebody kept.
    #[error(
        "{} is signed by no key that the provisioned directory lists for a node of the agency; with the key's own \
         directory provisioned it can be judged", path.display()
    )]
    Unsigned {
        /// The file.
        path: PathBuf,
    },
    /// What somebody kept is no checkpoint.
    #[error("{} holds no checkpoint", path.display())]
    NotKept {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: checkpoint::Error,
    },
    /// The ledger does not continue the checkpoint that somebody kept.
    #[error(
        "the ledger does not continue {}: over {size} records that has the root {kept}, the ledger now has {found}; \
         keep both as evidence", path.display()
    )]
    Forked {
        /// The file.
        path: PathBuf,
        /// Its size.
        size: u64,
        /// Its root.
        kept: Hash,
        /// The root of the ledger's tree at that size.
        found: Hash,
    },
    /// No peer has cosigned a checkpoint yet.
    #[error(
        "no peer has cosigned a checkpoint of this ledger yet: peers do when they hear of one with receipts or heads"
    )]
    NotCosigned,
    /// A record holds no checkpoint where it must.
    #[error("record {index} holds no checkpoint; look at `ledger verify`")]
    Vouched {
        /// The record.
        index: u64,
        /// Why not.
        source: checkpoint::Error,
    },
    /// The cosignatures do not fit into one note.
    #[error("the cosignatures of all peers do not fit into one note")]
    Merged(#[source] note::Error),
    /// A record.
    #[error("the ledger cannot be read; look at `ledger verify`")]
    Read(#[from] ReadError),
    /// The ledger has not installed what is asked for.
    #[error(
        "{} is in the ledger; without a version, `ledger directory` lists those that are",
        version.map_or_else(|| "no directory".to_owned(), |version| format!("no version {version} of the directory"))
    )]
    NoDirectory {
        /// The version, where one was asked for.
        version: Option<u64>,
    },
    /// The bytes beside a record are not the directory that it installs.
    #[error(
        "the directory in record {index} is damaged: the bytes there are not those that were installed; look at `ledger \
         verify`"
    )]
    DirectoryDamaged {
        /// The record.
        index: u64,
    },
    /// A directory in the ledger is none.
    #[error("the directory in record {index} cannot be read by this version of the program")]
    DirectoryMalformed {
        /// The record.
        index: u64,
        /// What is wrong with it.
        source: sealpost_wire::Error,
    },
    /// Something was not proved.
    #[error("cannot be proved")]
    Proof(#[from] ProofError),
    /// The ledger was not exported.
    #[error("the ledger was not exported")]
    Export(#[from] ExportError),
}

impl Error {
    /// Whether what was named is at fault, not the ledger.
    pub fn is_of_an_argument(&self) -> bool {
        matches!(
            self,
            Self::Kept { .. }
                | Self::NotKept { .. }
                | Self::Foreign { .. }
                | Self::NoDirectory { version: Some(_) }
        )
    }
}

/// What may be behind it.
fn hint(error: &sealpost_seglog::open::Error) -> &'static str {
    match error {
        sealpost_seglog::open::Error::Damaged(_) => {
            "; `sealpost-node ledger repair` tells what of it still holds"
        }
        _ => "; has this node ever run?",
    }
}
