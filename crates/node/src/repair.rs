//! `ledger repair`: lists what is damaged in a ledger, while no node runs on it.
//!
//! Never here: how a result is shown.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealpost_ledger::repair::{self, Action, Case, Entries, Knowledge};
use sealpost_ledger::tree::Files;
use sealpost_seglog::disk::Real;
use serde::Serialize;

use crate::config::NodeConfig;
use crate::run::Places;

/// A full bundle of the largest leaves has a little less.
const ENTRIES_BYTES_MAX: u64 = 17 << 20;

/// What was found and done, for people and machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Repaired {
    /// Whether a node can start on it: nothing is damaged, or all of it is listed.
    pub decided: bool,
    /// Every damaged record, in order.
    pub damaged: Vec<Case>,
}

/// Why a ledger was not taken apart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file with leaves.
    #[error("{} cannot be read", path.display())]
    Entries {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The ledger.
    #[error("the ledger in {} is left as it is", dir.display())]
    Ledger {
        /// Where it lies.
        dir: PathBuf,
        /// Why.
        source: repair::Error,
    },
}

impl Error {
    /// Whether a file that was named is at fault, not the ledger.
    pub fn is_of_an_argument(&self) -> bool {
        matches!(self, Self::Entries { .. })
    }
}

/// Takes the ledger of a configuration apart, with the leaves in `entries`; those of `accepted` may be given up.
/// `progress` is told how many records were looked at.
pub fn repair(
    config: &NodeConfig,
    entries: &[PathBuf],
    accepted: &[u64],
    mut progress: impl FnMut(u64),
) -> Result<Repaired, Error> {
    let places = Places::of(config);
    let entries = entries.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
    let knowledge = Knowledge { entries, accepted: accepted.to_vec() };
    let files = Files::at(&places.tree);
    let damaged = repair::repair(Arc::new(Real), &places.ledger, &files, &knowledge, &mut progress)
        .map_err(|source| Error::Ledger { dir: places.ledger.clone(), source })?;
    Ok(Repaired { decided: damaged.iter().all(|case| case.action != Action::Undecided), damaged })
}

fn read(path: &Path) -> Result<Entries, Error> {
    let mut bytes = Vec::new();
    let read = fs::File::open(path).and_then(|file| file.take(ENTRIES_BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|source| Error::Entries { path: path.to_owned(), source })?;
    Ok(Entries::parse(&bytes.into()))
}
