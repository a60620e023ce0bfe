//! A damaged ledger, taken apart: which records are damaged, what of them still holds, and what is kept of it.
//!
//! Nothing of a damaged record is believed by itself. Its leaf counts when it has the hash that the stored tree holds for
//! it, and the tree counts as far as it leads to the checkpoint; where it does not, all leaves together count when they lead
//! to it. A leaf that does not hold can come from a backup of the
//! ledger, or as an entry that somebody exported: what has the right hash is the leaf. A body counts when the leaf names
//! it.
//!
//! What is found is listed beside the segments, which stay as they are. From then on [`crate::History`] gives a listed
//! record its leaf and no body, as it gives one whose body was erased; or where the leaf is lost too, its hash alone.
//!
//! Never here: where a body comes from again, and who may decide that a leaf is lost.

mod leaves;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::digest::record_body_digest;
use sealpost_domain::record::Record;
use sealpost_merkle::Hash;
use sealpost_merkle::hash::leaf_hash;
use sealpost_seglog::damaged::Hole;
use sealpost_seglog::disk::Disk;
use sealpost_seglog::salvage::{self, Damaged, Salvage};
use sealpost_wire::directory::{Listing, signed_directory_from_bytes};
use sealpost_wire::ledger::leaf_from_bytes;
use serde::Serialize;

use crate::lost::{Kept, Note};
use crate::tree::{self, Files};
use leaves::Leaves;

/// What somebody has to say about damaged records.
#[derive(Debug, Clone, Default)]
pub struct Knowledge {
    /// Leaves, from proofs and exports.
    pub entries: Vec<Entries>,
    /// Records whose leaves are taken to be lost, where nothing has them.
    pub accepted: Vec<u64>,
}

/// Leaves that somebody had, in one file.
#[derive(Debug, Clone, Default)]
pub struct Entries(Vec<Bytes>);

impl Entries {
    /// The leaves that a file may hold: the exact bytes of one, or an entry bundle of C2SP tlog-tiles.
    pub fn parse(file: &Bytes) -> Self {
        let (mut leaves, mut rest) = (vec![file.clone()], file.clone());
        while let Some(length) = rest.first_chunk().copied().map(u16::from_be_bytes) {
            let behind = rest.split_off(2);
            let entry = behind.get(..length.into());
            let Some(entry) = entry.filter(|entry| !entry.is_empty()) else { break };
            leaves.push(behind.slice_ref(entry));
            rest = behind.slice(entry.len()..);
        }
        Self(leaves)
    }
}

/// A damaged record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Case {
    /// The record.
    pub index: u64,
    /// What it records, where its leaf says so; of a leaf that is lost, only what keeps it from being given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// What of it holds.
    pub finding: Finding,
    /// What was done.
    pub action: Action,
}

/// What a damaged record records, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A message of our own.
    Sent,
    /// A message of a peer, or the body of one that came again.
    Received,
    /// A directory: without its body nobody knows whose the keys are.
    Directory,
    /// The first record of a life of the ledger, which says whose it is.
    Beginning,
    /// Anything else.
    Other,
}

/// What of a damaged record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// Leaf and body: only what frames them is damaged.
    Whole,
    /// The leaf; it names no body.
    Leaf,
    /// The leaf. The body that it names is lost.
    BodyLost,
    /// Nothing but the hash in the tree.
    LeafLost,
    /// Nothing; no checkpoint covers it, so that nothing tells what it was.
    Uncovered,
}

/// What was done about a damaged record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It was listed before.
    ListedBefore,
    /// It is listed now.
    Listed,
    /// Nothing: it has to be decided first, and the node does not start before.
    Undecided,
}

/// Why a ledger was not taken apart.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The log does not allow it.
    #[error(transparent)]
    Log(#[from] salvage::Error),
    /// The stored checkpoint cannot be used.
    #[error("the stored checkpoint cannot be used")]
    Checkpoint(#[source] tree::Error),
    /// Nothing says what the leaves of damaged records were.
    #[error(
        "{damaged} records are damaged, and there is no checkpoint to compare them with: restore the ledger from a backup"
    )]
    NoCheckpoint {
        /// How many.
        damaged: usize,
    },
    /// The stored tree does not lead to its checkpoint.
    #[error(
        "the stored tree is incomplete or wrong, the leaves do not lead to the checkpoint either, and so nothing tells whether \
         that of record {index} holds: restore the folder of the tree, or the ledger, from a backup"
    )]
    Tree {
        /// The record.
        index: u64,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An entry that was given belongs to no damaged record.
    #[error("entry {number} of those given holds the leaf of no damaged record that lacks one")]
    Entry {
        /// Counted from 1.
        number: usize,
    },
    /// A loss that was accepted is none.
    #[error("record {index} has not lost its leaf, or no checkpoint covers it; its loss cannot be accepted")]
    NotLost {
        /// The record.
        index: u64,
    },
    /// The first record of a life says whose ledger this is.
    #[error(
        "record {index} begins a life of the ledger: without its leaf there is no ledger; restore it from a backup, or \
         give the leaf, from a proof or an export, with --entry FILE"
    )]
    Beginning {
        /// The record.
        index: u64,
    },
    /// A directory says whose the keys are from there on.
    #[error(
        "record {index} installs a directory: without its leaf nobody knows whose the keys behind it are; restore the \
         ledger from a backup, or give the leaf, from a proof or an export, with --entry FILE"
    )]
    Directory {
        /// The record.
        index: u64,
    },
}

/// Takes the ledger in `dir` apart, whose tree is in `files`, and lists what is damaged in it. Refused while a node runs
/// on it. Nothing is listed after an error. `progress` is told how many records were looked at.
pub fn repair(
    disk: Arc<dyn Disk>,
    dir: &Path,
    files: &Files,
    knowledge: &Knowledge,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Case>, Error> {
    let checkpoint = files.checkpoint().map_err(Error::Checkpoint)?;
    let known_durable = checkpoint.as_ref().map_or(0, |signed| signed.checkpoint.size());
    let salvage = Salvage::open(disk, dir, known_durable)?;
    let damaged = salvage.damaged(progress)?;
    let (mut cases, mut holes) = (Vec::new(), Vec::new());
    let mut unused = Unused::new(knowledge);
    if !damaged.is_empty() {
        let signed = checkpoint.ok_or(Error::NoCheckpoint { damaged: damaged.len() })?;
        let tree = Leaves::new(files, &signed, &salvage, &damaged)?;
        let beginnings = salvage.beginnings();
        for one in damaged {
            let (case, hole) = examine(one, &tree, &beginnings, &mut unused)?;
            cases.push(case);
            holes.extend(hole);
        }
    }
    unused.end()?;
    if !holes.is_empty() {
        salvage.list(&holes)?;
    }
    Ok(cases)
}

/// Decides about one damaged record; with what is to be listed.
fn examine(
    damaged: Damaged,
    tree: &Leaves<'_>,
    beginnings: &[u64],
    unused: &mut Unused<'_>,
) -> Result<(Case, Option<Hole>), Error> {
    let Damaged { hole, fault, payload, leaf_bytes } = damaged;
    let index = hole.index;
    let undecided = |kind, finding| (Case { index, kind, finding, action: Action::Undecided }, None);
    let Some(hash) = tree.hash(index)? else {
        return Ok(undecided(None, Finding::Uncovered));
    };
    let noted = Note::parse(&hole.note).filter(|note| note.hash == hash).map(|note| note.leaf);
    let fits = |bytes: &u32| leaf_hash(&payload[..(*bytes as usize).min(payload.len())]) == hash;
    let in_place = leaf_bytes.iter().copied().find(fits);
    let kept = match (in_place, noted) {
        (Some(_), _) => Some(Kept::InPlace),
        (None, Some(Kept::Here(leaf))) if leaf_hash(&leaf) == hash => Some(Kept::Here(leaf)),
        (None, noted) => unused.leaf(hash).map(Kept::Here).or_else(|| {
            let accepted = unused.accepts(index) || noted == Some(Kept::Nowhere);
            accepted.then_some(Kept::Nowhere)
        }),
    };
    let needed = || needed(index, beginnings, &payload, &leaf_bytes);
    let Some(kept) = kept else { return Ok(undecided(needed(), Finding::LeafLost)) };
    if kept == Kept::Nowhere {
        match needed() {
            Some(Kind::Beginning) => return Err(Error::Beginning { index }),
            Some(_) => return Err(Error::Directory { index }),
            None => {}
        }
    }
    let by_leaf = match &kept {
        Kept::Here(leaf) if leaf.len() <= payload.len() => u32::try_from(leaf.len()).ok(),
        _ => None,
    };
    let leaf_bytes = in_place.or(by_leaf).or(hole.leaf_bytes);
    let split = leaf_bytes.map_or(payload.len(), |bytes| bytes as usize).min(payload.len());
    let (kind, finding) = match &kept {
        Kept::InPlace => finding(&payload.slice(..split), &payload.slice(split..)),
        Kept::Here(leaf) => finding(leaf, &payload.slice(split..)),
        Kept::Nowhere => (None, Finding::LeafLost),
    };
    if (kind, finding) == (Some(Kind::Directory), Finding::BodyLost) {
        return Ok(undecided(kind, finding));
    }
    let note = Note { hash, leaf: kept }.to_bytes();
    if fault.is_none() && hole.note == note && hole.leaf_bytes == leaf_bytes {
        return Ok((Case { index, kind, finding, action: Action::ListedBefore }, None));
    }
    let case = Case { index, kind, finding, action: Action::Listed };
    Ok((case, Some(Hole { leaf_bytes, note, ..hole })))
}

/// What a record is whose lost leaf cannot be given up, since nothing behind it could be verified; `None` for all others.
/// A directory is told by bytes that nothing vouches for: that is enough to refuse, and never to believe.
fn needed(index: u64, beginnings: &[u64], payload: &Bytes, leaf_bytes: &[u32]) -> Option<Kind> {
    if beginnings.contains(&index) {
        return Some(Kind::Beginning);
    }
    let installs = |bytes: &u32| {
        let split = (*bytes as usize).min(payload.len());
        let leaf = leaf_from_bytes(&payload.slice(..split));
        let by_leaf = leaf.is_ok_and(|leaf| matches!(leaf.record, Record::Directory(_)));
        let body = signed_directory_from_bytes(&payload.slice(split..));
        by_leaf || body.and_then(|signed| Listing::from_payload(&signed.payload)).is_ok()
    };
    leaf_bytes.iter().any(installs).then_some(Kind::Directory)
}

/// What of a record holds whose leaf does.
fn finding(leaf: &Bytes, body: &Bytes) -> (Option<Kind>, Finding) {
    // A leaf of a later version of the program is one all the same.
    let Ok(leaf) = leaf_from_bytes(leaf) else { return (None, Finding::BodyLost) };
    let kind = match leaf.record {
        Record::Sent(_) => Kind::Sent,
        Record::Received(_) | Record::Body { .. } => Kind::Received,
        Record::Directory(_) => Kind::Directory,
        Record::Incarnation { .. } => Kind::Beginning,
        _ => Kind::Other,
    };
    let finding = match leaf.body_digest {
        None => Finding::Leaf,
        Some(digest) if digest == record_body_digest(&leaf.salt, body) => Finding::Whole,
        Some(_) => Finding::BodyLost,
    };
    (Some(kind), finding)
}

/// What was said and is not used yet: whatever is left was said of something else.
struct Unused<'a> {
    entries: &'a [Entries],
    /// Whether a leaf of each was used.
    used: Vec<bool>,
    accepted: Vec<u64>,
}

impl<'a> Unused<'a> {
    fn new(knowledge: &'a Knowledge) -> Self {
        let entries = &knowledge.entries;
        Self { entries, used: vec![false; entries.len()], accepted: knowledge.accepted.clone() }
    }

    fn leaf(&mut self, hash: Hash) -> Option<Bytes> {
        let mut leaves = (0..)
            .zip(self.entries)
            .flat_map(|(at, Entries(leaves))| leaves.iter().map(move |leaf| (at, leaf)));
        let (at, leaf): (usize, _) = leaves.find(|(_, leaf)| leaf_hash(leaf) == hash)?;
        self.used[at] = true;
        Some(leaf.clone())
    }

    fn accepts(&mut self, index: u64) -> bool {
        let at = self.accepted.iter().position(|accepted| *accepted == index);
        at.map(|at| self.accepted.swap_remove(at)).is_some()
    }

    fn end(self) -> Result<(), Error> {
        if let Some(at) = self.used.iter().position(|used| !used) {
            return Err(Error::Entry { number: at + 1 });
        }
        self.accepted.first().map_or(Ok(()), |index| Err(Error::NotLost { index: *index }))
    }
}
