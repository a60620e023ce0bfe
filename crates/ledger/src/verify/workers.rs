//! The records of a ledger, examined on all cores and handed back in their order.
//!
//! The caller's thread reads, installs directories as they come, and cuts the records into pieces; each piece takes
//! the judge of its place with it. A bounded number of pieces is on the way at any time, so that memory does not grow
//! with the ledger.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::ops::ControlFlow;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::record::Record;
use sealpost_merkle::Hash;
use sealpost_merkle::hash::leaf_hash;

use super::record::{Examined, Meaning};
use super::{Counts, Directories, FaultKind, Judge};
use crate::history::{Entry, History, ReadError, Scan};

/// The most records of a piece.
const PIECE_RECORDS: usize = 256;
/// A piece with this many bytes takes no further record.
const PIECE_BYTES: usize = 1 << 20;
/// Pieces on their way for each worker.
const PIECES_AHEAD: usize = 3;

/// A record that was examined by itself.
pub(super) struct Item {
    pub(super) index: u64,
    /// What it means for the chains, and its leaf's hash.
    pub(super) outcome: Result<(Examined, Hash), FaultKind>,
    /// What was counted in it.
    pub(super) counts: Counts,
    /// Knows the directory that is installed after this record.
    pub(super) judge: Arc<dyn Judge>,
}

/// Examines every record of the history, and hands each to `place`, in their order, until that says to stop.
pub(super) fn examine(
    history: &History,
    directories: &mut dyn Directories,
    mut place: impl FnMut(Item) -> ControlFlow<()>,
) {
    let workers = thread::available_parallelism().map_or(1, NonZero::get);
    let ahead = workers * PIECES_AHEAD;
    let (hand_out, taken) = mpsc::sync_channel::<Piece>(ahead);
    let (hand_in, done) = mpsc::sync_channel::<Option<Done>>(ahead);
    let taken = Mutex::new(taken);
    thread::scope(|scope| {
        for _ in 0..workers {
            let (taken, hand_in) = (&taken, HandIn(hand_in.clone()));
            scope.spawn(move || {
                while let Some(piece) = take(taken) {
                    if hand_in.0.send(Some((piece.number, piece.examine()))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(hand_in);
        let mut pieces = Pieces::new(history, directories);
        let (mut early, mut given, mut placed) = (BTreeMap::new(), 0, 0);
        'all: loop {
            while given - placed < ahead as u64 {
                let Some(piece) = pieces.next() else { break };
                given += 1;
                if hand_out.send(piece).is_err() {
                    break 'all;
                }
            }
            if given == placed {
                break;
            }
            // A worker that panicked ends the work; the scope hands its panic on.
            let Ok(Some((number, items))) = done.recv() else { break };
            early.insert(number, items);
            while let Some(items) = early.remove(&placed) {
                placed += 1;
                if items.into_iter().try_for_each(&mut place).is_break() {
                    break 'all;
                }
            }
        }
        // Both ends go, so that every worker comes to its end before the scope does.
        drop((hand_out, done));
    });
}

/// A piece that was examined, by its number.
type Done = (u64, Vec<Item>);

/// Where a worker hands in. When it panics it says so, since its piece never comes; for that there is room.
struct HandIn(SyncSender<Option<Done>>);

impl Drop for HandIn {
    fn drop(&mut self) {
        if thread::panicking() {
            // When nobody listens any more the work has ended already.
            drop(self.0.send(None));
        }
    }
}

fn take(taken: &Mutex<Receiver<Piece>>) -> Option<Piece> {
    taken.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// A record as it was read.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are entries")]
enum Read {
    Entry(Entry),
    /// Its leaf is lost.
    Lost(u64, Hash),
}

/// Records that one worker examines, all under one directory.
struct Piece {
    number: u64,
    entries: Vec<Read>,
    agency: Option<AgencyId>,
    judge: Arc<dyn Judge>,
    /// Another one when the last entry installs a directory.
    judge_after: Arc<dyn Judge>,
    /// Where reading ended, and why: the last entry, or the record after it.
    fault: Option<(u64, FaultKind)>,
}

impl Piece {
    fn examine(self) -> Vec<Item> {
        let Self { number: _, entries, agency, judge, judge_after, fault } = self;
        let mut items: Vec<Item> = entries
            .into_iter()
            .map(|read| {
                let entry = match read {
                    Read::Entry(entry) => entry,
                    Read::Lost(index, hash) => return lost(index, hash, &judge),
                };
                let (index, mut counts) = (entry.index, Counts::default());
                let leaf = leaf_hash(&entry.leaf_bytes);
                let examined = Examined::new(entry, agency.as_ref(), judge.as_ref(), &mut counts);
                let outcome = examined.map(|examined| (examined, leaf));
                Item { index, outcome, counts, judge: Arc::clone(&judge) }
            })
            .collect();
        if let Some(last) = items.last_mut() {
            last.judge = judge_after;
        }
        if let Some((index, fault)) = fault {
            match items.last_mut().filter(|last| last.index == index) {
                // What is wrong with the record itself says more than what came of it.
                Some(last) if last.outcome.is_err() => {}
                Some(last) => (last.outcome, last.counts) = (Err(fault), Counts::default()),
                None => items.push(Item { index, outcome: Err(fault), counts: Counts::default(), judge }),
            }
        }
        items
    }
}

/// What is left of a record whose leaf is lost.
fn lost(index: u64, hash: Hash, judge: &Arc<dyn Judge>) -> Item {
    let examined = Examined { index, meaning: Meaning::Lost, body_lost: false };
    let counts = Counts { leaves_lost: 1, ..Counts::default() };
    Item { index, outcome: Ok((examined, hash)), counts, judge: Arc::clone(judge) }
}

/// The ledger, cut into pieces.
struct Pieces<'a> {
    scan: Scan,
    directories: &'a mut dyn Directories,
    agency: Option<AgencyId>,
    number: u64,
    ended: bool,
}

impl<'a> Pieces<'a> {
    fn new(history: &History, directories: &'a mut dyn Directories) -> Self {
        Self { scan: history.scan(0), directories, agency: None, number: 0, ended: false }
    }

    fn next(&mut self) -> Option<Piece> {
        let (agency, judge) = (self.agency.clone(), self.directories.judge());
        let judge_after = Arc::clone(&judge);
        let number = self.number;
        let mut piece = Piece { number, entries: Vec::new(), agency, judge, judge_after, fault: None };
        let mut bytes = 0;
        while !self.ended && piece.entries.len() < PIECE_RECORDS && bytes < PIECE_BYTES {
            let index = self.scan.position();
            let entry = match self.scan.next() {
                Some(Ok(entry)) => entry,
                Some(Err(ReadError::Lost { index, leaf_hash })) => {
                    piece.entries.push(Read::Lost(index, leaf_hash));
                    continue;
                }
                Some(Err(error)) => {
                    self.ended = true;
                    piece.fault = Some((index, FaultKind::Unreadable(error)));
                    break;
                }
                None => {
                    self.ended = true;
                    break;
                }
            };
            bytes += entry.leaf_bytes.len() + entry.body.len();
            let last = self.take_over(&entry, &mut piece);
            piece.entries.push(Read::Entry(entry));
            if last {
                break;
            }
        }
        piece.judge_after = self.directories.judge();
        self.number += 1;
        (!piece.entries.is_empty() || piece.fault.is_some()).then_some(piece)
    }

    /// What changes how the records behind this one are examined ends the piece.
    fn take_over(&mut self, entry: &Entry, piece: &mut Piece) -> bool {
        match &entry.leaf.record {
            Record::Incarnation { agency, .. } => {
                self.agency = Some(agency.clone());
                true
            }
            Record::Directory(_) if entry.body_lost => {
                self.ended = true;
                piece.fault = Some((entry.index, FaultKind::DirectoryLost));
                true
            }
            Record::Directory(version) => {
                if let Err(source) = self.directories.install(*version, &entry.body) {
                    self.ended = true;
                    piece.fault = Some((entry.index, FaultKind::Signature { what: "directory", source }));
                }
                true
            }
            _ => false,
        }
    }
}
