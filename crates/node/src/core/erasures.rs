//! Which bodies were erased and which are held: decided here, carried out by whoever has the keys once the record is
//! durable, and again at every start, so that keys that were put back from a backup do not bring anything back.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sealpost_domain::digest::KeyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_domain::view::Erased;
use sealpost_ledger::Bucket;

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
    waiting: BTreeSet<Bytes>,
}

/// What of a bucket goes on when its present key is destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// The bodies of these records.
    Held(Vec<u64>),
    /// All but the bodies that ended alone, of these records.
    AllBut(Vec<u64>),
}

impl Core {
    /// Ends the buckets whose month is over, of those that have a key. A clock that is far off ends nothing: no directory
    /// is valid then.
    pub fn end_buckets(&self, env: &mut Env<'_>, round: &mut Round, present: &[(Bucket, KeyId)]) {
        if self.directory().is_none_or(|directory| directory.valid_until < env.now) {
            return;
        }
        let now = env.now;
        for (bucket, key) in present.iter().filter(|(bucket, key)| self.erasures.is_due(bucket, *key, now)) {
            let rule = Rule::ErasureRetention.as_str().to_owned();
            let record = Record::Erasure { bucket: name(bucket), rule, index: None, key: *key };
            round.record(env, record, Bytes::new());
        }
    }
}

impl Erasures {
    /// Whether the month of a bucket with this key is over, and nothing was done about it.
    pub(crate) fn is_due(&self, bucket: &Bucket, key: KeyId, now: Instant) -> bool {
        let is_over = bucket.month().ends_at() <= now;
        is_over && !self.destroyed.contains(&key) && !self.waiting.contains(&name(bucket))
    }

    /// What has to be left of a bucket whose present key is to be destroyed; `None` for a key that lives.
    pub fn rest(&self, bucket: &Bucket, key: KeyId) -> Option<Rest> {
        if !self.destroyed.contains(&key) {
            return None;
        }
        let name = name(bucket);
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

    /// The records whose bodies are held, ascending.
    pub fn held(&self) -> impl Iterator<Item = u64> {
        self.held.keys().copied()
    }

    pub(crate) fn apply(&mut self, record: u64, at: Instant, what: &Record) {
        match what {
            Record::Erasure { bucket, rule, index, key } => {
                self.destroyed.insert(*key);
                let erased = Erased { record, at, rule: rule.clone() };
                match index {
                    Some(index) => {
                        self.bodies.insert(*index, erased);
                    }
                    None => {
                        if self.held.values().any(|of| of == bucket) {
                            self.waiting.insert(bucket.clone());
                        }
                        self.ended.insert(bucket.clone(), erased);
                    }
                }
            }
            Record::Hold { index, bucket, held: true } => {
                self.held.insert(*index, bucket.clone());
            }
            Record::Hold { index, bucket, held: false } => {
                self.held.remove(index);
                self.waiting.remove(bucket);
            }
            _ => {}
        }
    }
}

/// A bucket as records name it.
pub(super) fn name(bucket: &Bucket) -> Bytes {
    bucket.to_string().into()
}
