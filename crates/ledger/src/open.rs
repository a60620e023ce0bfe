//! Opens a ledger, and gives a new one, or a new incarnation, its first record.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::Record;
use sealpost_seglog as seglog;
use sealpost_seglog::disk::Disk;
use sealpost_seglog::{Capacity, Log, Recovery};

use crate::append::{self, Draft};
use crate::history::{History, ReadError};
use crate::journal::Ledger;

/// How a ledger is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// Size at which a segment is followed by a new one. Default 64 MiB.
    pub segment_bytes_max: u64,
    /// How much waits in front of the disk.
    pub capacity: Capacity,
    /// Who writes.
    pub commits: Commits,
    /// Every record below this index is known to have been durable: the size of the last checkpoint. Default 0.
    pub known_durable: u64,
    /// Under which incarnation it goes on.
    pub start: Start,
}

/// Who writes to the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commits {
    /// A thread of its own.
    Thread,
    /// The caller, within the call: for deterministic simulations.
    Inline,
}

/// Under which incarnation a ledger goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// Under its own.
    Continue,
    /// Under a new one, since it was restored from an older copy.
    Anew {
        /// The last checkpoint known of the incarnation before, a signed note; empty when none is known.
        checkpoint: Bytes,
        /// What was published from this record on and never promised by a hub is given up: its numbers may be in use.
        unsent_from: Option<u64>,
    },
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes_max: 64 << 20,
            capacity: Capacity::default(),
            commits: Commits::Thread,
            known_durable: 0,
            start: Start::Continue,
        }
    }
}

/// Why a ledger was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log under it was not opened.
    #[error(transparent)]
    Log(#[from] seglog::open::Error),
    /// The record at its beginning could not be read.
    #[error("cannot read the first record of the ledger in {}", dir.display())]
    Read {
        /// Where it lies.
        dir: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// It does not begin as a ledger does.
    #[error("{} holds a log that is no ledger: its first record names no incarnation", dir.display())]
    NoLedger {
        /// Where it lies.
        dir: PathBuf,
    },
    /// It is another agency's.
    #[error("the ledger in {} is that of {found}, not of {expected}", dir.display())]
    Agency {
        /// Where it lies.
        dir: PathBuf,
        /// Whose it is.
        found: AgencyId,
        /// Who opens it.
        expected: AgencyId,
    },
    /// The first record could not be written.
    #[error("cannot write the first record of the incarnation")]
    First(#[source] append::Error),
    /// The thread that writes could not be started.
    #[error("cannot start the thread that writes the ledger")]
    Thread(#[source] io::Error),
}

impl Ledger {
    /// Opens the ledger of `agency` in `dir`, or makes a new one. Every record in it is durable when this returns;
    /// [`Recovery`] says what was cut.
    pub fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        agency: &AgencyId,
        now: Instant,
        rng: &mut dyn CryptoRng,
        options: Options,
    ) -> Result<(Self, Recovery), Error> {
        let (mut new_incarnation, mut salt) = ([0; 16], [0; 8]);
        rng.fill_bytes(&mut new_incarnation);
        rng.fill_bytes(&mut salt);
        let log_options = seglog::Options {
            segment_bytes_max: options.segment_bytes_max,
            known_durable: options.known_durable,
            ..seglog::Options::new(new_incarnation, salt)
        };
        let (mut log, recovery) = Log::open(disk, dir, log_options)?;
        let history = History::new(log.reader());
        check_agency(&history, dir, agency)?;
        let (mut checkpoint, mut unsent_from) = (Bytes::new(), None);
        if let Start::Anew { checkpoint: known, unsent_from: from } = options.start
            && log.next() > 0
        {
            (checkpoint, unsent_from) = (known, from);
            log.begin_incarnation(new_incarnation).map_err(|error| Error::First(error.into()))?;
        }
        let incarnation =
            begin(&mut log, &history, agency, now, rng, (checkpoint, unsent_from)).map_err(Error::First)?;
        let writer = match options.commits {
            Commits::Thread => seglog::Writer::spawn(log, options.capacity).map_err(Error::Thread)?,
            Commits::Inline => seglog::Writer::inline(log, options.capacity),
        };
        Ok((Self { writer, history, agency: agency.clone(), incarnation }, recovery))
    }
}

/// Writes the first record of the current incarnation, unless it is there; also where a crash came before it.
fn begin(
    log: &mut Log,
    history: &History,
    agency: &AgencyId,
    now: Instant,
    rng: &mut dyn CryptoRng,
    (checkpoint, unsent_from): (Bytes, Option<u64>),
) -> Result<Incarnation, append::Error> {
    let incarnations = history.incarnations();
    let (first, incarnation) = incarnations.last().copied().unwrap_or((0, Incarnation([0; 16])));
    if first == log.next() {
        let before = incarnations.iter().rev().nth(1);
        let previous = before.map(|(_, before)| (*before, checkpoint));
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let record = Record::Incarnation { agency: agency.clone(), incarnation, previous, unsent_from };
        let draft = Draft { recorded_at: now, salt, record, body: Bytes::new() };
        log.append([&draft.into_record()?])?;
        log.sync().map_err(seglog::append::Error::Fatal)?;
    }
    Ok(incarnation)
}

fn check_agency(history: &History, dir: &Path, expected: &AgencyId) -> Result<(), Error> {
    if history.durable() == 0 {
        return Ok(());
    }
    let first = history.get(0).map_err(|source| Error::Read { dir: dir.to_owned(), source })?;
    match first.leaf.record {
        Record::Incarnation { agency, .. } if agency == *expected => Ok(()),
        Record::Incarnation { agency, .. } => {
            Err(Error::Agency { dir: dir.to_owned(), found: agency, expected: expected.clone() })
        }
        _ => Err(Error::NoLedger { dir: dir.to_owned() }),
    }
}
