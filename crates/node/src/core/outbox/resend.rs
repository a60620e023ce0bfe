//! What a recipient asks for again: numbers that it misses, and wraps that it cannot open. It comes from the ledger, as
//! it was, at a bounded pace, until the recipient's receipt covers it; what a message had become before stays.
//!
//! A recipient that lost records gets them all again, a stretch at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{ControlType, NeedWrap, Receipt, Resend, Signed};
use sealpost_domain::view::DeliveryState;
use sealpost_wire::envelope::header_from_bytes;

use super::receipts::key_of;
use super::{LinkKey, Open, Outbox, Progress};
use crate::core::past::{Place, exhibits, exhibits_of};
use crate::core::{Alarm, Core, Env, Past, Round};

/// The shortest time between two answers to a peer's requests, on each link and for wraps.
const ANSWER_PAUSE: Duration = Duration::from_secs(5);
/// How many numbers one request may name.
const ANSWERED_MAX: usize = 1024;
/// How many messages of a link are on their way again at a time, where a recipient lost more.
const STRETCH_MAX: usize = 256;
/// How many of them are read from the ledger in one round.
const READ_MAX: usize = 64;

/// What recipients asked for again.
#[derive(Default)]
pub(super) struct Again {
    /// Settled before, on their way again until a receipt covers them: the message, by number.
    reopened: BTreeMap<LinkKey, BTreeMap<u64, u64>>,
    /// What a recipient lost and is not on its way yet.
    lost: BTreeMap<LinkKey, Lost>,
    answered_at: BTreeMap<LinkKey, Instant>,
    wrapped_at: BTreeMap<AgencyId, Instant>,
    /// The present life of each peer's ledger, as it said itself.
    lives: BTreeMap<AgencyId, Incarnation>,
}

/// Numbers that a recipient lost.
#[derive(Clone, Copy)]
struct Lost {
    next: u64,
    last: u64,
}

/// What came of a number that was asked for again.
enum Answered {
    /// It is on its way.
    Sent,
    /// It is on its way; the hub had promised to deliver it, in that record, a while ago.
    Promised { header: Digest, promise: u64 },
    /// It was filled without a message.
    Void(Signed),
    /// It was never given out, or cannot be read, or its body is lost.
    Unknown,
}

impl Core {
    /// A recipient misses numbers of ours: they go out again. Where the hub had promised to deliver one of them a while
    /// ago, its promise and the recipient's word are recorded together.
    pub fn resend(&mut self, env: &mut Env<'_>, round: &mut Round, statement: &Signed, resend: &Resend) {
        let Resend { recipient, priority, incarnation, numbers, .. } = resend;
        let key = LinkKey { recipient: recipient.clone(), priority: *priority, incarnation: *incarnation };
        if !self.outbox.links.contains_key(&key)
            || !is_paced(&mut self.outbox.again.answered_at, &key, env.now)
        {
            return;
        }
        let numbers = numbers.iter().flat_map(|range| range.first..=range.last);
        let mut undelivered = None;
        for number in numbers.take(ANSWERED_MAX) {
            match self.outbox.answer(env.past, env.now, &key, number) {
                Answered::Void(void) => round.send(recipient.clone(), ControlType::Void, void),
                Answered::Promised { header, promise } => {
                    undelivered = undelivered.or(Some((number, header, promise)));
                }
                Answered::Sent | Answered::Unknown => {}
            }
        }
        let Some((number, header, promise)) = undelivered else { return };
        let detail = format!(
            "number {number} was promised by the hub (record {promise} of this ledger), and {recipient} says that it \
             did not come"
        );
        let mut evidence = exhibits(statement);
        evidence.extend(exhibits_of(env.past, round, Place::Ledger(promise)));
        let (rule, header) = (Rule::HubUndelivered, Some(header));
        self.alarm(env, round, Alarm { rule, peer: None, header, detail, exhibits: evidence });
    }

    /// A recipient cannot open wraps of ours: it gets others.
    pub fn need_wrap(&mut self, need: &NeedWrap, now: Instant) {
        if !is_paced(&mut self.outbox.again.wrapped_at, &need.recipient, now) {
            return;
        }
        for header in &need.headers {
            let Some(index) = self.outbox.by_header.get(header).copied() else { continue };
            let waits = |open: &Open| open.targets.iter().any(|(agency, _)| *agency == need.recipient);
            if self.outbox.open.get(&index).is_some_and(waits) {
                self.outbox.hasten(index);
            }
        }
    }

    /// Goes on with what recipients lost.
    pub fn refill(&mut self, env: &mut Env<'_>, round: &mut Round) {
        for (recipient, void) in self.outbox.refill(env.past, env.now) {
            round.send(recipient, ControlType::Void, void);
        }
    }
}

impl Outbox {
    /// One number again; with what the hub had promised of it, if that was a while ago.
    fn answer(&mut self, past: &dyn Past, now: Instant, key: &LinkKey, number: u64) -> Answered {
        let Some(link) = self.links.get(key) else { return Answered::Unknown };
        if let Some(void) = link.void(number) {
            return Answered::Void(void.clone());
        }
        let Some(entry) = link.entry(number) else { return Answered::Unknown };
        let promised =
            entry.state() == DeliveryState::Accepted && now.since(entry.since()) >= self.policy.resend_after;
        let index = entry.index;
        if !self.reopen(past, key, number, index) {
            return Answered::Unknown;
        }
        let open = self.open.get(&index).filter(|_| promised);
        match open.and_then(|open| Some((open.header, open.promise?))) {
            Some((header, promise)) => Answered::Promised { header, promise },
            None => Answered::Sent,
        }
    }

    /// A message goes out again to a recipient. Whether it could be read.
    fn reopen(&mut self, past: &dyn Past, key: &LinkKey, number: u64, index: u64) -> bool {
        let recipient = &key.recipient;
        if !self.open.contains_key(&index) {
            let Some(open) = read(past, key, index) else { return false };
            self.lanes.insert(index, open.priority, open.progress);
            self.by_header.insert(open.header, index);
            self.open.insert(index, open);
        }
        let Some(open) = self.open.get_mut(&index) else { return false };
        if !open.targets.iter().any(|(agency, _)| agency == recipient) {
            open.targets.push((recipient.clone(), number));
            open.targets.sort();
            self.again.reopened.entry(key.clone()).or_default().insert(number, index);
        }
        self.hasten(index);
        true
    }

    /// What waits for its time goes out now.
    fn hasten(&mut self, index: u64) {
        let waits =
            |open: &Open| matches!(open.progress, Progress::Accepted { .. } | Progress::Deferred { .. });
        if self.open.get(&index).is_some_and(waits) {
            self.move_to(index, Progress::Ready);
        }
    }

    /// A recipient's ledger lives as this, and it has lost what it had settled from `next` to `last`.
    pub(super) fn lost(&mut self, key: LinkKey, next: u64, last: u64) {
        self.again.reopened.remove(&key);
        self.again.lost.insert(key, Lost { next, last });
    }

    /// Which life a peer's ledger has: only its receipts of this life say what it has now.
    pub(in crate::core) fn peer_lives_as(&mut self, peer: &AgencyId, life: Incarnation) {
        self.again.lives.insert(peer.clone(), life);
    }

    /// Reopens the next of what recipients lost; the voids that have to be said again.
    fn refill(&mut self, past: &dyn Past, now: Instant) -> Vec<(AgencyId, Signed)> {
        let mut voids = Vec::new();
        let mut lost = std::mem::take(&mut self.again.lost);
        lost.retain(|key, Lost { next, last }| {
            let on_their_way = self.again.reopened.get(key).map_or(0, BTreeMap::len);
            let room = STRETCH_MAX.saturating_sub(on_their_way).min(READ_MAX);
            for _ in 0..room {
                if *next > *last {
                    return false;
                }
                if let Answered::Void(void) = self.answer(past, now, key, *next) {
                    voids.push((key.recipient.clone(), void));
                }
                *next += 1;
            }
            *next <= *last
        });
        self.again.lost = lost;
        voids
    }

    /// What a receipt covers is not on its way again any more, whatever it had become before, if `may` says so.
    pub(super) fn close_reopened(&mut self, receipt: &Receipt, may: impl Fn(&Open) -> bool) {
        let life = self.again.lives.get(&receipt.recipient);
        if life.is_some_and(|life| *life != receipt.recipient_incarnation) {
            return;
        }
        for link in &receipt.links {
            let key = key_of(receipt, link);
            let Some(reopened) = self.again.reopened.get_mut(&key) else { continue };
            let covered: Vec<(u64, u64)> = reopened
                .iter()
                .filter(|(number, index)| {
                    link.outcome(**number).is_some() && self.open.get(index).is_none_or(&may)
                })
                .map(|(number, index)| (*number, *index))
                .collect();
            for (number, _) in &covered {
                reopened.remove(number);
            }
            if reopened.is_empty() {
                self.again.reopened.remove(&key);
            }
            for (_, index) in covered {
                self.close(index, &receipt.recipient);
            }
        }
    }
}

impl Outbox {
    /// The hub refuses a message that was settled before: it cannot go there again, and stays what it was.
    pub(super) fn give_up_reopened(&mut self, key: &LinkKey, number: u64) {
        let Some(reopened) = self.again.reopened.get_mut(key) else { return };
        if let Some(index) = reopened.remove(&number) {
            self.close(index, &key.recipient);
        }
    }

    /// Whether a number is on its way again.
    pub(super) fn is_reopened(&self, key: &LinkKey, number: u64) -> bool {
        self.again.reopened.get(key).is_some_and(|reopened| reopened.contains_key(&number))
    }
}

/// Whether something may be done for somebody now, and not only a moment after the last time.
fn is_paced<K: Ord + Clone>(times: &mut BTreeMap<K, Instant>, key: &K, now: Instant) -> bool {
    let paced = times.get(key).is_none_or(|before| now.since(*before) >= ANSWER_PAUSE);
    if paced {
        times.insert(key.clone(), now);
    }
    paced
}

/// A settled message, as it has to be to go out again; `None` where nothing of it can.
fn read(past: &dyn Past, key: &LinkKey, index: u64) -> Option<Open> {
    let (Record::Sent(sent), body_bytes) = past.record(index)? else { return None };
    let header = header_from_bytes(&sent.header).ok().filter(|_| body_bytes > 0)?;
    Some(Open {
        header: sha256(&sent.header),
        priority: header.priority,
        incarnation: key.incarnation,
        act_before: header.act_before,
        overdue_told: true,
        size: sent.header.len() + body_bytes,
        targets: Vec::new(),
        progress: Progress::Ready,
        accepted: 0,
        promise: None,
    })
}
