//! The two kinds of log that are appended to, and whether everything is in them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_domain::digest::Digest;
use sealpost_domain::record::{Leaf, Record as LedgerRecord};
use sealpost_ledger::{Draft, Ledger, Options};
use sealpost_seglog as seglog;
use sealpost_seglog::disk::{Disk, Real};
use sealpost_seglog::{Capacity, Pending, Reader, Record, Writer};
use sealpost_testkit::network::{NOW, own};
use sealpost_wire::ledger::leaf_to_bytes;

use super::tracked::{Batches, Noted, Tracked};

/// Which log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The segmented log alone.
    Segments,
    /// The ledger on it: leaves and digests are made as well.
    Ledger,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Segments, Self::Ledger];
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Segments => "log",
            Self::Ledger => "ledger",
        })
    }
}

/// An open log whose batches are counted.
pub(super) struct Log {
    open: Open,
    batches: Batches,
}

enum Open {
    Segments(Writer),
    Ledger(Ledger),
}

/// What is to be appended, made beforehand: a record is its caller's affair.
pub(super) type Records = std::vec::IntoIter<Item>;

/// What one append takes, for one kind of log.
pub(super) enum Item {
    Record(Vec<Record>),
    Draft(Vec<Draft>),
}

impl Log {
    /// A new log in `dir`.
    pub(super) fn open(kind: Kind, dir: &Path) -> anyhow::Result<Self> {
        let (disk, batches) = Tracked::new(Arc::new(Real));
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let open = match kind {
            Kind::Segments => {
                let (log, _) = seglog::Log::open(disk, dir, seglog::Options::new([1; 16], [2; 8]))?;
                Open::Segments(Writer::spawn(log, Capacity::default())?)
            }
            Kind::Ledger => {
                let mut rng = ChaCha20Rng::seed_from_u64(1);
                Open::Ledger(Ledger::open(disk, dir, &own(), NOW, &mut rng, Options::default())?.0)
            }
        };
        Ok(Self { open, batches })
    }

    /// So many records of so many bytes. The body begins with the record's number.
    pub(super) fn records(&self, count: u64, bytes: usize) -> Records {
        let items = (0..count).map(|number| match self.open {
            Open::Segments(_) => Item::Record(vec![Record::new(Bytes::new(), body(number, bytes))]),
            Open::Ledger(_) => Item::Draft(vec![draft(number, bytes)]),
        });
        items.collect::<Vec<_>>().into_iter()
    }

    /// The index of the record that comes next; batches are counted from here.
    pub(super) fn begin(&self) -> u64 {
        self.batches.take();
        match &self.open {
            Open::Segments(writer) => writer.next(),
            Open::Ledger(ledger) => ledger.next(),
        }
    }

    pub(super) fn enqueue(&self, item: Item) -> anyhow::Result<Pending> {
        Ok(match (&self.open, item) {
            (Open::Segments(writer), Item::Record(record)) => writer.enqueue(record)?,
            (Open::Ledger(ledger), Item::Draft(draft)) => ledger.enqueue(draft)?,
            _ => bail!("the record is one of another kind of log"),
        })
    }

    /// What was written between one sync and the next.
    pub(super) fn batches(&self) -> Noted {
        self.batches.take()
    }

    pub(super) async fn close(&self) -> anyhow::Result<()> {
        match &self.open {
            Open::Segments(writer) => writer.close().await?,
            Open::Ledger(ledger) => ledger.close().await?,
        }
        Ok(())
    }
}

/// How many records there are from `first` on, each of so many bytes and with the number of its place.
pub(super) fn check(dir: &Path, first: u64, bytes: usize) -> anyhow::Result<u64> {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let (reader, _) = Reader::open(&disk, dir, 0)?;
    for (number, entry) in (0..).zip(reader.scan(first)) {
        let Record { leaf, body } = entry?.record;
        ensure!(leaf.len() + body.len() == bytes, "record {number} has another length than was written");
        let found = body.first_chunk().copied().map(u64::from_le_bytes);
        ensure!(found == Some(number), "record {number} is where {found:?} was written");
    }
    reader.durable().checked_sub(first).context("the log ends before what was written")
}

fn body(number: u64, bytes: usize) -> Bytes {
    let mut body = vec![0x5a; bytes.max(size_of::<u64>())];
    body[..size_of::<u64>()].copy_from_slice(&number.to_le_bytes());
    body.into()
}

/// A record of the ledger whose leaf and body come to so many bytes.
fn draft(number: u64, bytes: usize) -> Draft {
    let record = LedgerRecord::Security { rule: "bench.filler".to_owned(), peer: None, header: None };
    let (recorded_at, salt, body_digest) = (NOW, [3; 32], Some(Digest::ZERO));
    let leaf = leaf_to_bytes(&Leaf { recorded_at, salt, body_digest, record: record.clone() });
    Draft { recorded_at, salt, record, body: body(number, bytes.saturating_sub(leaf.len())) }
}
