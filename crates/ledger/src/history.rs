//! The reading side of a ledger.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::Leaf;
use sealpost_seglog as seglog;
use sealpost_seglog::disk::Disk;
use sealpost_wire::ledger::leaf_from_bytes;

/// Reads a ledger. Clones are cheap.
#[derive(Clone)]
pub struct History {
    reader: seglog::Reader,
}

/// A record of the ledger.
#[derive(Clone)]
pub struct Entry {
    /// Its number.
    pub index: u64,
    /// What is kept for ever.
    pub leaf: Leaf,
    /// The exact bytes of the leaf: what the tree hashes.
    pub leaf_bytes: Bytes,
    /// What lies beside it.
    pub body: Bytes,
}

/// Why a record was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log could not give it.
    #[error(transparent)]
    Log(#[from] seglog::read::Error),
    /// Its checksum is right, but its leaf is none.
    #[error("record {index} holds no leaf that this version can read")]
    Leaf {
        /// The record.
        index: u64,
        /// What is wrong with it.
        source: sealpost_wire::Error,
    },
}

impl History {
    pub(crate) fn new(reader: seglog::Reader) -> Self {
        Self { reader }
    }

    /// Reads the ledger in `dir` without its lock, while the node may write to it: all whole records that are there
    /// now. `known_durable` is the size of a checkpoint known of it, 0 without one. Changes nothing.
    pub fn open(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        known_durable: u64,
    ) -> Result<(Self, seglog::Recovery), seglog::open::Error> {
        let (reader, recovery) = seglog::Reader::open(disk, dir, known_durable)?;
        Ok((Self::new(reader), recovery))
    }

    /// Every record below this index can be read.
    pub fn durable(&self) -> u64 {
        self.reader.durable()
    }

    /// The incarnations of the ledger, each with the index of its first record.
    pub fn incarnations(&self) -> Vec<(u64, Incarnation)> {
        self.reader.incarnations().into_iter().map(|(first, id)| (first, Incarnation(id))).collect()
    }

    /// Reads one record.
    pub fn get(&self, index: u64) -> Result<Entry, ReadError> {
        entry(self.reader.get(index)?)
    }

    /// The exact bytes of the leaves from `index` on, in order, not taken apart: what the tree hashes.
    pub fn leaves(&self, index: u64) -> impl Iterator<Item = Result<Bytes, ReadError>> + use<> {
        self.records(index).map(|record| Ok(record?.leaf))
    }

    /// The records from `index` on, in order, not taken apart.
    pub(crate) fn records(
        &self,
        index: u64,
    ) -> impl Iterator<Item = Result<seglog::Record, ReadError>> + use<> {
        self.reader.scan(index).map(|entry| Ok(entry?.record))
    }

    /// Reads the records from `index` on, in order, in bounded memory. Ends at what is durable, and goes on when asked
    /// again later.
    pub fn scan(&self, index: u64) -> Scan {
        Scan { log: self.reader.scan(index) }
    }
}

/// The records of a ledger in order.
pub struct Scan {
    log: seglog::read::Scan,
}

impl Scan {
    /// The index that is read next.
    pub fn position(&self) -> u64 {
        self.log.position()
    }
}

impl Iterator for Scan {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.log.next()?.map_err(ReadError::Log).and_then(entry))
    }
}

fn entry(read: seglog::Entry) -> Result<Entry, ReadError> {
    let seglog::Entry { index, location: _, record: seglog::Record { leaf: leaf_bytes, body } } = read;
    let leaf = leaf_from_bytes(&leaf_bytes).map_err(|source| ReadError::Leaf { index, source })?;
    Ok(Entry { index, leaf, leaf_bytes, body })
}
