//! The writing side of a ledger: a handle that any number of tasks share.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::link::Incarnation;
use sealpost_seglog as seglog;
use sealpost_seglog::append::Fatal;
use tokio::sync::watch;

use crate::append::{Draft, Error, Pending};
use crate::history::{Entry, History, ReadError, Scan};

/// An open ledger. Clones are handles to the same one. See [`Ledger::open`].
#[derive(Clone)]
pub struct Ledger {
    pub(crate) writer: seglog::Writer,
    pub(crate) history: History,
    pub(crate) agency: AgencyId,
    pub(crate) incarnation: Incarnation,
}

impl Ledger {
    /// Whose ledger.
    pub fn agency(&self) -> &AgencyId {
        &self.agency
    }

    /// This life of it.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The index that the next record in the queue gets.
    pub fn next(&self) -> u64 {
        self.writer.next()
    }

    /// Every record below this index is durable.
    pub fn durable(&self) -> u64 {
        self.writer.durable()
    }

    /// The durable mark, whenever it rises.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.writer.watch()
    }

    /// Appends the records, waits for room in the queue if need be, and returns once they are durable.
    pub async fn append(&self, drafts: Vec<Draft>) -> Result<seglog::Appended, Error> {
        Ok(self.writer.append(records(drafts)?).await?)
    }

    /// Takes the next place in the order, or is refused when the queue is full. Appends are committed in the order of
    /// these calls; when a full disk refuses one, everything queued behind it is refused too.
    pub fn enqueue(&self, drafts: Vec<Draft>) -> Result<Pending, Error> {
        Ok(self.writer.enqueue(records(drafts)?)?)
    }

    /// As [`Ledger::enqueue`], for records that make sense only at this index: whoever numbers links decides on the
    /// state up to there.
    pub fn enqueue_at(&self, first: u64, drafts: Vec<Draft>) -> Result<Pending, Error> {
        Ok(self.writer.enqueue_at(first, records(drafts)?)?)
    }

    /// As [`Ledger::enqueue`], but waits for room first.
    pub async fn enqueue_waiting(&self, drafts: Vec<Draft>) -> Result<Pending, Error> {
        Ok(self.writer.enqueue_waiting(records(drafts)?).await?)
    }

    /// Reads one record.
    pub fn get(&self, index: u64) -> Result<Entry, ReadError> {
        self.history.get(index)
    }

    /// Reads the records from `index` on, as far as they are durable.
    pub fn scan(&self, index: u64) -> Scan {
        self.history.scan(index)
    }

    /// The reading side, to be handed on.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Commits what is queued, then gives the ledger and its lock back.
    pub async fn close(&self) -> Result<(), Fatal> {
        self.writer.close().await
    }

    /// Waits until the disk fails for good; never returns otherwise. The program must end then.
    pub async fn failed(&self) -> Fatal {
        self.writer.failed().await
    }
}

fn records(drafts: Vec<Draft>) -> Result<Vec<seglog::Record>, Error> {
    drafts.into_iter().map(Draft::into_record).collect()
}
