//! `ledger verify`: a whole ledger, checked by itself, while its node runs or after.

use std::path::Path;
use std::sync::Arc;

use sealpost_crypto::directory;
use sealpost_domain::record::Record;
use sealpost_ledger::verify::{ByDirectory, Counts, Report, verify};
use sealpost_ledger::{History, ReadError};
use sealpost_seglog::disk::{Disk, Real};
use serde::Serialize;

use crate::config::NodeConfig;
use crate::run::{self, Places};

/// What was verified, for people and machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Whether everything holds.
    pub verified: bool,
    /// Records of every kind.
    pub records: u64,
    /// Messages of our own.
    pub sent: u64,
    /// Messages of peers, delivered or not.
    pub received: u64,
    /// Signed acceptances of the hub.
    pub accepted: u64,
    /// Receipts, given and got.
    pub receipts: u64,
    /// Numbers filled without a message.
    pub voids: u64,
    /// Directories installed.
    pub directories: u64,
    /// Headers and statements whose signatures were believed.
    pub signed: u64,
    /// Chains, one for each link and incarnation.
    pub chains: u64,
    /// The first thing that is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// The first thing that is wrong with a ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The record.
    pub index: u64,
    /// What is wrong with it, and why.
    pub reason: String,
}

/// Why a ledger could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not there, or is damaged below what was durable.
    #[error("the ledger in {} cannot be read", dir.display())]
    Open {
        /// Where.
        dir: std::path::PathBuf,
        /// Why not.
        source: sealpost_seglog::open::Error,
    },
    /// The provisioned directory.
    #[error(transparent)]
    Directory(#[from] run::Error),
}

/// Verifies the ledger of a configuration. `progress` is told how many records of how many are done.
pub fn ledger(config: &NodeConfig, mut progress: impl FnMut(u64, u64)) -> Result<Verified, Error> {
    let (_, genesis) = directory::read(&config.genesis).map_err(run::Error::from)?;
    let history = open(&Places::of(config).ledger)?;
    let total = history.durable();
    // A ledger that was begun with another directory than the provisioned one, such as an earlier version, is believed
    // as it has it.
    let mut judge = match first_directory(&history) {
        Some(version) if version == genesis.version.version => ByDirectory::anchored(genesis.version.digest),
        _ => ByDirectory::new(),
    };
    let Report { counts, fault } = verify(&history, &mut judge, &mut |done| progress(done, total));
    let Counts { records, sent, received, accepted, receipts, voids, directories, signed, chains } = counts;
    let fault = fault.map(|fault| Fault { index: fault.index, reason: with_causes(&fault.kind) });
    Ok(Verified {
        verified: fault.is_none(),
        records,
        sent,
        received,
        accepted,
        receipts,
        voids,
        directories,
        signed,
        chains,
        fault,
    })
}

fn open(dir: &Path) -> Result<History, Error> {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let opened = History::open(&disk, dir, 0);
    opened.map(|(history, _)| history).map_err(|source| Error::Open { dir: dir.to_owned(), source })
}

fn first_directory(history: &History) -> Option<u64> {
    let entries = history.scan(0).take_while(|entry: &Result<_, ReadError>| entry.is_ok());
    entries.flatten().find_map(|entry| match entry.leaf.record {
        Record::Directory(version) => Some(version.version),
        _ => None,
    })
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
