//! The reading side of a ledger.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::digest::record_body_digest;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::Leaf;
use sealpost_merkle::Hash;
use sealpost_merkle::hash::leaf_hash;
use sealpost_seglog as seglog;
use sealpost_seglog::disk::Disk;
use sealpost_wire::ledger::leaf_from_bytes;

use crate::lost::{Held, held};

/// A record at most this far ahead is reached by reading on, not by a search.
const PASSED_MAX: u64 = 8;
/// Once more than this was passed over on the way, the record is searched for.
const PASSED_BYTES_MAX: usize = 64 << 10;

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
    /// What lies beside it; empty also where it is lost.
    pub body: Bytes,
    /// The leaf names a body, and that was damaged: see [`crate::repair`].
    pub body_lost: bool,
    /// In the place of that body lie bytes, and not those that the leaf names. A disk changed them, or somebody.
    pub body_differs: bool,
}

/// What the tree hashes of a record.
pub(crate) struct Hashed {
    /// The exact bytes of the leaf; empty where it is lost.
    pub(crate) leaf: Bytes,
    /// Its hash.
    pub(crate) hash: Hash,
    /// How much was read for it.
    pub(crate) bytes: usize,
}

/// Why a record was not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log could not give it.
    #[error(transparent)]
    Log(seglog::read::Error),
    /// Its leaf is lost. The tree holds its hash.
    #[error("the leaf of record {index} is lost; its hash {leaf_hash} stays in the tree")]
    Lost {
        /// The record.
        index: u64,
        /// Of the leaf.
        leaf_hash: Hash,
    },
    /// It is listed as damaged, and something else lies there now.
    #[error(
        "record {index} is listed as damaged, but its leaf is not the one that was listed; take the ledger apart anew \
         (`ledger repair`)"
    )]
    Changed {
        /// The record.
        index: u64,
    },
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
        entry(self.reader.get(index))
    }

    /// Reads one record after the other, wherever they lie; what lies close behind the last one is found without a search.
    pub fn pick(&self) -> Pick {
        Pick { history: self.clone(), scan: None }
    }

    /// The exact bytes of the leaves from `index` on, in order, not taken apart: what the tree hashes. A leaf that is
    /// lost is empty, as no other is.
    pub fn leaves(&self, index: u64) -> impl Iterator<Item = Result<Bytes, ReadError>> + use<> {
        self.hashed(index).map(|hashed| Ok(hashed?.leaf))
    }

    /// The leaves from `index` on with their hashes, in order.
    pub(crate) fn hashed(&self, index: u64) -> impl Iterator<Item = Result<Hashed, ReadError>> + use<> {
        self.reader.scan(index).map(|read| {
            let read = match parts(read) {
                Err(ReadError::Lost { leaf_hash, .. }) => {
                    return Ok(Hashed { leaf: Bytes::new(), hash: leaf_hash, bytes: 0 });
                }
                read => read?,
            };
            let (hash, bytes) = (leaf_hash(&read.leaf), read.leaf.len() + read.body.len());
            Ok(Hashed { leaf: read.leaf, hash, bytes })
        })
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
        self.log.next().map(entry)
    }
}

/// Records of a ledger, one after the other: see [`History::pick`].
pub struct Pick {
    history: History,
    scan: Option<seglog::read::Scan>,
}

impl Pick {
    /// Reads one record.
    pub fn get(&mut self, index: u64) -> Result<Entry, ReadError> {
        let is_close =
            |scan: &seglog::read::Scan| (scan.position()..=scan.position() + PASSED_MAX).contains(&index);
        let mut scan = match self.scan.take() {
            Some(scan) if is_close(&scan) => scan,
            _ => self.history.reader.scan(index),
        };
        let mut passed = 0;
        while scan.position() < index {
            if passed > PASSED_BYTES_MAX {
                return self.history.get(index);
            }
            match scan.next() {
                Some(Ok(seglog::Entry { record, .. })) => passed += record.leaf.len() + record.body.len(),
                Some(Err(seglog::read::Error::Listed(_))) => {}
                // What is in between cannot be read; that says nothing about the one that is asked for.
                Some(Err(_)) | None => return self.history.get(index),
            }
        }
        let Some(read) = scan.next() else { return self.history.get(index) };
        self.scan = Some(scan);
        entry(read)
    }
}

/// A record of the log, whole or listed as damaged.
struct Parts {
    index: u64,
    leaf: Bytes,
    body: Bytes,
    listed: bool,
}

fn parts(read: Result<seglog::Entry, seglog::read::Error>) -> Result<Parts, ReadError> {
    let listed = match read {
        Ok(seglog::Entry { index, location: _, record: seglog::Record { leaf, body } }) => {
            return Ok(Parts { index, leaf, body, listed: false });
        }
        Err(seglog::read::Error::Listed(listed)) => listed,
        Err(error) => return Err(ReadError::Log(error)),
    };
    let index = listed.index;
    match held(*listed) {
        Held::Leaf(leaf, body) => Ok(Parts { index, leaf, body, listed: true }),
        Held::Nothing(leaf_hash) => Err(ReadError::Lost { index, leaf_hash }),
        Held::Changed => Err(ReadError::Changed { index }),
    }
}

fn entry(read: Result<seglog::Entry, seglog::read::Error>) -> Result<Entry, ReadError> {
    let Parts { index, leaf: leaf_bytes, mut body, listed } = parts(read)?;
    let leaf = leaf_from_bytes(&leaf_bytes).map_err(|source| ReadError::Leaf { index, source })?;
    // A damaged header says nothing about the body behind it.
    let is_lost = listed && leaf.body_digest != Some(record_body_digest(&leaf.salt, &body));
    let body_lost = is_lost && leaf.body_digest.is_some();
    let body_differs = body_lost && !body.is_empty();
    if is_lost {
        body = Bytes::new();
    }
    Ok(Entry { index, leaf, leaf_bytes, body, body_lost, body_differs })
}
