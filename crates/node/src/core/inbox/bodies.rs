//! Bodies that were lost on this node's disk: whose they are, and where they came again.
//!
//! Their numbers are settled, and stay so. They are asked for as missing numbers are, and what comes is told from a new
//! message by its position and digest alone; its content becomes the body of a record of its own. It ends when it would have
//! ended, whatever is decided about the message now: a message in the bucket of its own retention, and evidence is not
//! brought back once its first year is over. Which bodies are lost is known from the ledger's list of damaged records: it is
//! told when the ledger is taken over.

use std::collections::{BTreeMap, BTreeSet};

use sealpost_crypto::digest::sha256;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Disposition, Range, ranges};
use sealpost_domain::record::{self, Record, Settlement, StoredBody};
use sealpost_ledger::Bucket;
use sealpost_wire::envelope::header_from_bytes;
use sealpost_wire::ledger::stored_body_to_bytes;

use super::gaps::{Asked, RANGES_MAX};
use super::{Arrived, Inbox, LinkKey};
use crate::core::{Core, Env, Round};
use crate::retention::{self, MESSAGES};

/// How many bodies of a link are asked for at a time.
const ASKED_MAX: usize = 256;

/// Lost bodies.
#[derive(Default)]
pub(super) struct Bodies {
    /// By the record.
    lost: BTreeMap<u64, Lost>,
    /// The record, and the later one that holds its body.
    restored: BTreeMap<u64, u64>,
    /// What is asked for, by link.
    wanted: BTreeMap<LinkKey, Wanted>,
    /// Recorded in this round, not durable yet.
    tentative: BTreeSet<u64>,
}

/// A message whose body is lost.
struct Lost {
    key: LinkKey,
    number: u64,
    header: Digest,
    /// Whether it is shown: then what comes again must open.
    shown: bool,
    recorded_at: Instant,
}

/// The lost bodies of a link.
#[derive(Default)]
struct Wanted {
    /// The record, by number.
    numbers: BTreeMap<u64, u64>,
    asked: Option<Asked>,
    /// From where on is asked next: one that does not come must not hold up the others.
    next: u64,
}

impl Core {
    /// The body of a record is lost. Told right after the record was applied.
    pub fn body_lost(&mut self, index: u64, recorded_at: Instant, record: &Record) {
        match record {
            Record::Received(received) => self.inbox.body_lost(index, recorded_at, received),
            Record::Sent(_) => self.outbox.body_lost(index),
            Record::Body { index: of, .. } => self.inbox.bodies.lose_again(*of),
            _ => {}
        }
    }

    /// Records the body of a message that was settled before, where that was lost. Whether it did.
    pub(super) fn restore(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        key: &LinkKey,
        arrived: &Arrived,
    ) -> bool {
        let number = arrived.commitment.position.number;
        let Some((index, lost)) = self.inbox.bodies.wanted_at(key, number) else { return false };
        let is_held = self.erasures.is_held(index);
        // What was erased meanwhile is not brought back. A hold outlives all that.
        let goes_on = |body: &&StoredBody| {
            let has_ended = !lost.shown && retention::is_evidence_over(lost.recorded_at, env.now)
                || self.erasures.of(index, &body.bucket).is_some();
            lost.header == arrived.digest && (is_held || !has_ended)
        };
        let Some(body) = lost.body_of(arrived).filter(goes_on) else {
            self.inbox.bodies.give_up(key, number);
            return false;
        };
        let (header, body) = (lost.header, stored_body_to_bytes(body));
        round.record(env, Record::Body { index, header }, body);
        self.inbox.bodies.tentative.insert(index);
        true
    }
}

impl Lost {
    /// What of a repeat can be the body that is lost.
    fn body_of<'a>(&self, arrived: &'a Arrived) -> Option<&'a StoredBody> {
        if !self.shown {
            return arrived.body.as_ref();
        }
        // A refusal is decided on the opened content; what is quarantined did not open.
        if matches!(arrived.settlement, Settlement::Excepted(Disposition::Quarantined, _)) {
            return None;
        }
        let is_of_messages =
            |body: &&StoredBody| Bucket::of(body).is_ok_and(|bucket| bucket.class() == MESSAGES);
        arrived.body.iter().chain(&arrived.again).find(is_of_messages)
    }
}

impl Inbox {
    /// The record that holds the body of an earlier one, where that was lost and came again.
    pub fn body_restored_in(&self, index: u64) -> Option<u64> {
        self.bodies.restored.get(&index).copied()
    }

    fn body_lost(&mut self, index: u64, recorded_at: Instant, received: &record::Received) {
        let Some(commitment) = &received.commitment else { return };
        let Ok(header) = header_from_bytes(&received.header) else { return };
        let (incarnation, number) = (commitment.position.incarnation, commitment.position.number);
        let key = LinkKey { sender: header.sender, priority: header.priority, incarnation };
        let shown = received.settlement == Settlement::Delivered;
        self.bodies.wanted.entry(key.clone()).or_default().numbers.insert(number, index);
        self.bodies
            .lost
            .insert(index, Lost { key, number, header: sha256(&received.header), shown, recorded_at });
    }

    pub(in crate::core) fn apply_body(&mut self, record: u64, of: u64) {
        let bodies = &mut self.bodies;
        bodies.restored.insert(of, record);
        let Some(Lost { key, number, .. }) = bodies.lost.get(&of) else { return };
        if let Some(wanted) = bodies.wanted.get_mut(key) {
            wanted.numbers.remove(number);
            wanted.asked = None;
        }
        // A new receipt tells the sender that it need not be sent any more.
        self.peers.entry(key.sender.clone()).or_default().settle();
    }

    /// The numbers of a link whose bodies are asked for now.
    pub(super) fn bodies_due(&mut self, key: &LinkKey, now: Instant) -> Vec<Range> {
        let idle = self.wanted.is_idle(key.priority, now);
        let Some(wanted) = self.bodies.wanted.get_mut(key) else { return Vec::new() };
        let asked = wanted.asked.get_or_insert_with(|| Asked::begin(now));
        if wanted.numbers.is_empty() || !idle || !asked.is_due(now) {
            return Vec::new();
        }
        asked.ask(now);
        wanted.take()
    }

    /// The links with lost bodies.
    pub(super) fn links_without_bodies(&self) -> Vec<LinkKey> {
        let wanted = self.bodies.wanted.iter().filter(|(_, wanted)| !wanted.numbers.is_empty());
        wanted.map(|(key, _)| key.clone()).collect()
    }
}

impl Bodies {
    /// Drops what was decided since the last durable round.
    pub(super) fn forget(&mut self) {
        self.tentative.clear();
    }

    /// A connection begins: everything is asked for again before long.
    pub(super) fn ask_anew(&mut self) {
        self.wanted.values_mut().for_each(|wanted| wanted.asked = None);
    }

    fn wanted_at(&self, key: &LinkKey, number: u64) -> Option<(u64, &Lost)> {
        let index = *self.wanted.get(key)?.numbers.get(&number)?;
        let lost = self.lost.get(&index)?;
        (!self.tentative.contains(&index)).then_some((index, lost))
    }

    /// What came cannot be the body: it is not asked for again before the next start.
    fn give_up(&mut self, key: &LinkKey, number: u64) {
        if let Some(wanted) = self.wanted.get_mut(key) {
            wanted.numbers.remove(&number);
        }
    }

    /// A body that had come again was lost too.
    fn lose_again(&mut self, of: u64) {
        self.restored.remove(&of);
        let Some(Lost { key, number, .. }) = self.lost.get(&of) else { return };
        self.wanted.entry(key.clone()).or_default().numbers.insert(*number, of);
    }
}

impl Wanted {
    /// The next numbers, as ranges.
    fn take(&mut self) -> Vec<Range> {
        if self.numbers.range(self.next..).next().is_none() {
            self.next = 0;
        }
        let next = self.numbers.range(self.next..).map(|(number, _)| *number).take(ASKED_MAX);
        let mut ranges = ranges(next);
        ranges.truncate(RANGES_MAX);
        self.next = ranges.last().map_or(0, |range| range.last + 1);
        ranges
    }
}
