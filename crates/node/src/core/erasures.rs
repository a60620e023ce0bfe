//! Which bodies were erased and which are held: decided here, carried out by whoever has the keys once the record is
//! durable, and again at every start, so that keys that were put back from a backup do not bring anything back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::KeyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_domain::view::Erased;
use sealpost_ledger::Bucket;
use sealpost_wire::ledger::stored_body_from_bytes;

use super::{Core, Env, Round};

/// What was erased, and what is held.
#[derive(Default)]
pub struct Erasures {
    /// Every key that was destroyed, or is to be.
    destroyed: BTreeSet<KeyId>,
    /// The last time that something of a bucket ended as a whole.
    ended: BTreeMap<Bytes, Erased>,
    /// Bodies that ended alone.
    bodies: BTreeMap<u64, Erased>,
    /// Bodies that are held, with their buckets.
    held: BTreeMap<u64, Bytes>,
    /// Buckets that ended but for what is held, and of which nothing was released since.
    ended_but_held: BTreeSet<Bytes>,
}

/// What of a bucket goes on when its present key is destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The bodies of these records.
    Held(Vec<u64>),
    /// All but the bodies that ended alone, of these records.
    AllBut(Vec<u64>),
}

/// How long after its month a bucket ends: what was being taken over at that moment is recorded by then.
const AFTER_MONTH: Duration = Duration::from_hours(1);
/// How many buckets end at a time.
const ENDED_MAX: usize = 16;
/// How many clocks of peers with whom mail was exchanged have to say too that a month is over: what is destroyed by a clock
/// that was set does not come back when it is set right.
const CLOCKS: usize = 2;

/// How long after a bucket was due by the own clock it is told that it does not end.
const LATE: Duration = Duration::from_hours(24);

/// Buckets that do not end though their months are long over by the own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// How many.
    pub buckets: usize,
    /// What they wait for.
    pub awaited: Awaited,
}

/// What has to say too that a month is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A directory that is valid now.
    Directory,
    /// A peer that the directory lists: none of those is left with whom mail was exchanged.
    ListedPeer,
    /// Peers that have signed something since this node began.
    Peers {
        /// How many.
        needed: usize,
        /// Those of whom nothing was heard for long.
        silent: Vec<AgencyId>,
    },
}

impl fmt::Display for Awaited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory => f.write_str("a directory that is valid now: install the next version"),
            Self::ListedPeer => f.write_str(
                "the clock of a peer: the directory lists none any more with whom mail was exchanged; exchange a message with \
                 one that it lists",
            ),
            Self::Peers { needed, silent } => {
                let silent: Vec<&str> = silent.iter().map(AgencyId::as_str).collect();
                write!(f, "the clocks of {needed} peers; nothing was heard for long of {}", silent.join(", "))
            }
        }
    }
}

impl Core {
    /// Ends buckets whose month is over, of those that have a key. It must be over by the node's clock, under a directory
    /// that is valid then, and by what peers have signed since this node began. What waits for that too long is told.
    pub fn end_buckets(
        &self,
        env: &mut Env<'_>,
        round: &mut Round,
        present: &[(Bucket, KeyId)],
    ) -> Option<Late> {
        let due = |now| present.iter().filter(move |(bucket, key)| self.erasures.is_due(bucket, *key, now));
        // Asked in every round: peers' clocks only where something ends by the own one.
        due(env.now).next()?;
        let (agreed, awaited) = self.agreed_time(env.now);
        let ends = |(bucket, key): &(Bucket, KeyId)| {
            agreed.is_some_and(|now| self.erasures.is_due(bucket, *key, now))
        };
        for (bucket, key) in present.iter().filter(|one| ends(one)).take(ENDED_MAX) {
            let rule = Rule::ErasureRetention.as_str().to_owned();
            let record = Record::Erasure { bucket: bucket.to_bytes(), rule, index: None, key: *key };
            round.record(env, record, Bytes::new());
        }
        let buckets = due(env.now.minus(LATE)).filter(|one| !ends(one)).count();
        (buckets > 0).then_some(Late { buckets, awaited })
    }

    /// The time by the node's clock and by those of peers, where they say one; and what is missing where they do not.
    fn agreed_time(&self, now: Instant) -> (Option<Instant>, Awaited) {
        let Some(directory) = self.directory().filter(|directory| directory.valid_until >= now) else {
            return (None, Awaited::Directory);
        };
        let (sent, received) = (self.outbox.traffic(), self.inbox.traffic());
        let peers: BTreeSet<&AgencyId> = sent.keys().chain(received.keys()).collect();
        // Where nothing was ever exchanged, there is nobody to ask. Who has left the directory is not asked, which does
        // not leave it to the own clock alone.
        let is_alone = peers.is_empty();
        let listed: Vec<_> =
            peers.into_iter().filter(|peer| directory.agencies.contains_key(*peer)).collect();
        if listed.is_empty() {
            return (is_alone.then_some(now), Awaited::ListedPeer);
        }
        let heard = |peer: &AgencyId| self.witness.heard_at(peer);
        let mut clocks: Vec<Instant> = listed.iter().filter_map(|peer| heard(peer)).collect();
        clocks.sort_unstable_by(|one, other| other.cmp(one));
        let needed = listed.len().min(CLOCKS);
        let is_silent = |peer: &&AgencyId| heard(peer).is_none_or(|at| at < now.minus(LATE));
        let silent = listed.into_iter().filter(is_silent).cloned().collect();
        let by_peers = clocks.get(needed - 1).copied();
        (by_peers.map(|by_peers| by_peers.min(now)), Awaited::Peers { needed, silent })
    }

    /// The buckets whose present keys are to be destroyed, and what of them goes on.
    pub fn due_to_be_destroyed(&self, present: Vec<(Bucket, KeyId)>) -> Vec<(Bucket, Rest)> {
        self.erasures.due(|record| self.inbox.body_restored_in(record), present)
    }
}

impl Erasures {
    /// Whether the month of a bucket with this key is over, and nothing was done about it.
    pub(crate) fn is_due(&self, bucket: &Bucket, key: KeyId, now: Instant) -> bool {
        let is_over = bucket.month().ends_at().plus(AFTER_MONTH) <= now;
        is_over && !self.destroyed.contains(&key) && !self.ended_but_held.contains(&bucket.to_bytes())
    }

    /// The buckets whose present keys are to be destroyed, and what of them goes on: a held body that was lost and came again
    /// by the record where it is now (`restored_in`).
    pub(crate) fn due(
        &self,
        restored_in: impl Fn(u64) -> Option<u64>,
        present: Vec<(Bucket, KeyId)>,
    ) -> Vec<(Bucket, Rest)> {
        let now_in = |record: u64| restored_in(record).unwrap_or(record);
        let due = |(bucket, key): (Bucket, KeyId)| {
            let rest = match self.rest(&bucket, key)? {
                Rest::Held(records) => Rest::Held(records.into_iter().map(now_in).collect()),
                rest @ Rest::AllBut(_) => rest,
            };
            Some((bucket, rest))
        };
        present.into_iter().filter_map(due).collect()
    }

    /// What has to be left of a bucket whose present key is to be destroyed; `None` for a key that lives.
    fn rest(&self, bucket: &Bucket, key: KeyId) -> Option<Rest> {
        if !self.destroyed.contains(&key) {
            return None;
        }
        let name = bucket.to_bytes();
        let held = self.held.iter().filter(|(_, of)| **of == name).map(|(index, _)| *index);
        Some(if self.ended.contains_key(&name) {
            Rest::Held(held.collect())
        } else {
            Rest::AllBut(self.bodies.keys().copied().collect())
        })
    }

    /// How the body of a record came to be erased, if it was.
    pub fn of(&self, index: u64, bucket: &[u8]) -> Option<&Erased> {
        let ended = || self.ended.get(bucket).filter(|erased| erased.record > index);
        self.bodies.get(&index).or_else(ended)
    }

    /// Whether a legal hold is on the body of a record.
    pub fn is_held(&self, index: u64) -> bool {
        self.held.contains_key(&index)
    }

    /// The bucket of the body of a record, as the records name it, where a legal hold is on it.
    pub fn held_in(&self, index: u64) -> Option<&Bytes> {
        self.held.get(&index)
    }

    /// A body came again: a hold on it is one in the bucket where it lies now.
    fn follow(&mut self, index: u64, body: &Bytes) {
        let (Some(held), Ok(body)) = (self.held.get_mut(&index), stored_body_from_bytes(body)) else {
            return;
        };
        if *held != body.bucket {
            // A copy: the body would be kept in memory with it.
            let before = std::mem::replace(held, Bytes::copy_from_slice(&body.bucket));
            self.ended_but_held.remove(&before);
        }
    }

    pub(crate) fn apply(&mut self, record: u64, at: Instant, what: &Record, body: &Bytes) {
        match what {
            Record::Body { index, .. } => self.follow(*index, body),
            Record::Erasure { bucket, rule, index, key } => {
                self.destroyed.insert(*key);
                let erased = Erased { record, at, rule: rule.clone() };
                if let Some(index) = index {
                    self.bodies.insert(*index, erased);
                } else {
                    if self.held.values().any(|of| of == bucket) {
                        self.ended_but_held.insert(bucket.clone());
                    }
                    self.ended.insert(bucket.clone(), erased);
                }
            }
            Record::Hold { index, bucket, held: true } => {
                self.held.insert(*index, bucket.clone());
            }
            Record::Hold { index, bucket, held: false } => {
                self.held.remove(index);
                self.ended_but_held.remove(bucket);
            }
            _ => {}
        }
    }
}
