//! A ledger of any length, as a node would have written it: it verifies, and a node could go on with it.
//!
//! After the incarnation and the directory comes the same cycle of 32 records again and again: 14 messages sent (to one
//! peer or both), 14 received, the hub's acceptance of those sent, a receipt to each peer, a receipt from one. Nothing
//! is encrypted: bodies are random bytes, which nobody who verifies can tell from sealed ones.

mod scribe;

use std::future::Future as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::dsse::SignError;
use sealpost_domain::digest::Digest;
use sealpost_ledger::{Commits, Draft, Ledger, Options, append, open};
use sealpost_seglog as seglog;
use sealpost_seglog::disk::Disk;

use crate::network::{self, NOW, Network};
use scribe::Scribe;

/// Changes with the bytes that a plan gives: ledgers kept under another number are not used.
pub const FORMAT: u32 = 1;
/// How many records are written and synced at once.
const BATCH: u64 = 1024;

/// Which ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Records of every kind, the incarnation and the directory included: at least 2.
    pub records: u64,
    /// Another seed gives other keys and other bytes.
    pub seed: u64,
    /// The size of each message's sealed body.
    pub body_bytes: usize,
}

/// A ledger that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Where it lies.
    pub dir: PathBuf,
    /// What it was made from.
    pub plan: Plan,
    /// The digest of its first directory: what a verifier believes beforehand.
    pub directory: Digest,
}

impl Made {
    /// How many signed headers and statements there are: all records but the incarnation.
    pub fn signed(&self) -> u64 {
        self.plan.records.saturating_sub(1)
    }
}

/// Why a ledger was not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The network was not made.
    #[error(transparent)]
    Network(#[from] network::Error),
    /// A record was not signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The ledger could not be opened.
    #[error("cannot open the new ledger")]
    Open(#[from] open::Error),
    /// Records were not taken.
    #[error("cannot append to the new ledger")]
    Append(#[from] append::Error),
    /// There is a ledger, so that no new one is made over it.
    #[error("{} already holds a ledger", dir.display())]
    Exists {
        /// Where.
        dir: PathBuf,
    },
    /// The ledger took records and did not answer within the call.
    #[error("the ledger did not answer at once, though it has no thread")]
    NotInline,
    /// A folder was not made or not renamed.
    #[error("cannot {operation} {}", path.display())]
    Folder {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// What the disk said.
        source: std::io::Error,
    },
}

impl Plan {
    /// Writes the ledger to `dir`, which holds none yet. `progress` is told how many records are durable.
    pub fn write(
        self,
        disk: Arc<dyn Disk>,
        dir: &Path,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Made, Error> {
        let network = Network::new(self.seed)?;
        let directory = network.version.digest;
        let mut rng = ChaCha20Rng::seed_from_u64(self.seed ^ u64::from(FORMAT));
        let options = Options { commits: Commits::Inline, ..Options::default() };
        let (ledger, recovery) = Ledger::open(disk, dir, &network.own.id, NOW, &mut rng, options)?;
        if recovery.next > 0 {
            return Err(Error::Exists { dir: dir.to_owned() });
        }
        let mut scribe = Scribe::new(network, ledger.incarnation(), self.body_bytes, rng);
        let mut next = 1;
        // The last record goes alone, as when a node comes to rest: what was written last is not one large batch.
        let last = self.records.saturating_sub(1);
        while next < self.records {
            let until = if next < last { last.min(next + BATCH) } else { self.records };
            let drafts = (next..until).map(|index| scribe.draft(index)).collect::<Result<Vec<_>, _>>()?;
            append(&ledger, drafts)?;
            next = until;
            progress(next);
        }
        Ok(Made { dir: dir.to_owned(), plan: self, directory })
    }
}

/// Appends to a ledger without a thread, whose answer is there when the call returns.
fn append(ledger: &Ledger, drafts: Vec<Draft>) -> Result<(), Error> {
    let pending = pin!(ledger.enqueue(drafts)?);
    match pending.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => {
            outcome.map(|_: seglog::Appended| ()).map_err(append::Error::from)?;
            Ok(())
        }
        Poll::Pending => Err(Error::NotInline),
    }
}
