//! A run of a log that does everything that changes the disk, and an account of what it was told.

use sealpost_seglog::disk::Disk;
use sealpost_seglog::disk::sim::Sim;
use sealpost_seglog::{Log, Options, Record, append};

use super::{DIR, open_with, options};

/// Small, so that a few groups fill a segment.
const SEGMENT_BYTES_MAX: u64 = 12_000;
/// One body spans pages, so that one write can lose its middle.
const BODY_BYTES: [usize; 3] = [10, 5000, 900];

enum Step {
    /// Appends so many records as one group, and syncs.
    Group(usize),
    /// Appends a record of so many bytes and syncs.
    Large(usize),
    /// Appends so many records of the same length as one group, and syncs.
    Alike(usize),
    /// Appends two groups of so many records each, and then syncs once.
    Twice(usize),
    /// Leaves so many bytes on the disk.
    Fill(u64),
    /// There is all the space in the world again.
    Free,
    /// Removes the segments below this record.
    Remove(u64),
    /// Closes the log and opens it again.
    Reopen,
    /// Goes on under the incarnation of this byte.
    Begin(u8),
}

const SCRIPT: [Step; 26] = [
    Step::Begin(8),
    Step::Group(1),
    Step::Group(3),
    Step::Group(4),
    // Stops within the frame, then within the header of a new segment; what fits is still taken.
    Step::Fill(3000),
    Step::Large(6000),
    // Whole frames are written before the disk is full: none of them may be found behind what comes next.
    Step::Fill(900),
    Step::Alike(4),
    Step::Alike(1),
    Step::Alike(5),
    Step::Fill(20),
    Step::Large(12_000),
    Step::Fill(900),
    Step::Large(300),
    Step::Free,
    Step::Group(2),
    Step::Reopen,
    Step::Group(6),
    Step::Twice(1),
    Step::Remove(8),
    Step::Begin(9),
    Step::Group(1),
    Step::Group(2),
    Step::Remove(12),
    Step::Reopen,
    Step::Group(3),
];

/// What the log may hold after a crash.
#[derive(Default)]
pub(crate) struct Account {
    pub(crate) acknowledged: Vec<Record>,
    /// The group that was being written when the disk failed: any part of it from the front may be there.
    pub(crate) in_flight: Vec<Record>,
    /// Appends that were refused for lack of space.
    pub(crate) refused: Vec<Record>,
    made: u8,
    /// Segments with nothing but records below this one may be gone.
    pub(crate) removed_below: u64,
}

pub(crate) fn small() -> Options {
    Options { segment_bytes_max: SEGMENT_BYTES_MAX, ..options() }
}

/// Runs the script until its end, or until the disk fails.
pub(crate) fn run(sim: &Sim, disk: &(impl Disk + Clone)) -> Account {
    let mut account = Account::default();
    let Ok((mut log, _)) = open_with(disk, small()) else {
        return account;
    };
    let mixed = |records| (0..records).map(|at| BODY_BYTES[at % BODY_BYTES.len()]).collect::<Vec<_>>();
    for step in SCRIPT {
        let goes_on = match step {
            Step::Group(records) => account.append(&mut log, &[mixed(records)]),
            Step::Large(bytes) => account.append(&mut log, &[vec![bytes]]),
            Step::Alike(records) => account.append(&mut log, &[vec![250; records]]),
            Step::Twice(records) => account.append(&mut log, &[vec![7000; records], vec![7000; records]]),
            Step::Fill(left) => {
                sim.set_capacity(Some(sim.used() + left));
                true
            }
            Step::Free => {
                sim.set_capacity(None);
                true
            }
            Step::Remove(below) => {
                account.removed_below = below;
                log.remove_segments_below(below).is_ok()
            }
            Step::Reopen => {
                drop(log);
                let Ok((opened, _)) = open_with(disk, small()) else { break };
                log = opened;
                true
            }
            Step::Begin(byte) => !matches!(log.begin_incarnation([byte; 16]), Err(append::Error::Fatal(_))),
        };
        if !goes_on {
            break;
        }
    }
    sim.set_capacity(None);
    account
}

impl Account {
    /// Appends groups of records with bodies of these lengths, and syncs; false when the disk has failed. Every record
    /// is unlike all others.
    fn append(&mut self, log: &mut Log, groups: &[Vec<usize>]) -> bool {
        let mut written = Vec::new();
        for bodies in groups {
            let group: Vec<_> = bodies.iter().map(|bytes| self.record(*bytes)).collect();
            match log.append(&group) {
                Ok(_) => written.extend(group),
                Err(append::Error::NoSpace { ref dir, .. }) if dir.as_os_str() == DIR => {
                    self.refused.extend(group);
                    let last = self.acknowledged.len().checked_sub(1);
                    let read = last.map(|last| log.reader().get(last as u64));
                    assert!(read.is_none_or(|read| read.is_ok()), "reading stops with the space");
                }
                Err(append::Error::Fatal(_)) => {
                    self.in_flight = written;
                    self.in_flight.extend(group);
                    return false;
                }
                Err(other) => panic!("{other}"),
            }
        }
        let Ok(durable) = log.sync() else {
            self.in_flight = written;
            return false;
        };
        self.acknowledged.extend(written);
        assert_eq!(durable, self.acknowledged.len() as u64);
        true
    }

    fn record(&mut self, bytes: usize) -> Record {
        self.made += 1;
        Record::new(format!("record {:02}", self.made), vec![self.made; bytes])
    }
}

/// Opens the log, checks that it holds what was acknowledged and nothing that was refused, goes on with it, loses the
/// power once more and checks again.
pub(crate) fn check(disk: &Sim, account: &Account, context: &str) {
    let opened = open_with(disk, small());
    let (mut log, recovery) = opened.unwrap_or_else(|error| panic!("{context}: {error}"));
    let acknowledged = account.acknowledged.len();
    let first = usize::try_from(recovery.first).unwrap();
    assert!(recovery.first <= account.removed_below, "{context}: starts with {first}");
    let mut found: Vec<_> = log
        .reader()
        .scan(recovery.first)
        .map(|entry| entry.unwrap_or_else(|error| panic!("{context}: {error}")).record)
        .collect();
    assert_eq!((first + found.len()) as u64, recovery.next, "{context}");
    assert!(first + found.len() >= acknowledged, "{context}: {} of {acknowledged} left", found.len());
    let (kept, beyond) = found.split_at(acknowledged - first);
    assert!(kept == &account.acknowledged[first..], "{context}: other records than those acknowledged");
    assert!(account.in_flight.starts_with(beyond), "{context}: a record that was never in flight");
    assert!(!found.iter().any(|record| account.refused.contains(record)), "{context}: a refused record");

    // As long as what was in flight: should its bytes still lie anywhere, they would fit behind.
    let bytes = account.in_flight.first().map_or(10, |record| record.body.len());
    let more = Record::new("record ++", vec![255; bytes]);
    log.append([&more]).unwrap_or_else(|error| panic!("{context}: {error}"));
    log.sync().unwrap_or_else(|error| panic!("{context}: {error}"));
    found.push(more);
    disk.lose_power_keeping(0);
    let opened = open_with(disk, small());
    let (log, again) = opened.unwrap_or_else(|error| panic!("{context}, then going on: {error}"));
    let left: Vec<_> = log.reader().scan(again.first).map(|entry| entry.unwrap().record).collect();
    assert!(left == found, "{context}, then going on: {} records, not {}", left.len(), found.len());
}
