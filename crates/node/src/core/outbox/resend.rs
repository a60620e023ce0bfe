//! What a recipient asks for again: numbers that it misses, and wraps that it cannot open. It comes from the ledger, as
//! it was, until the recipient's receipt covers it; what a message had become before stays. A message whose body is lost
//! cannot come: its number is filled without one, so that the link goes on.
//!
//! Asking costs little: it is noted, and read from the disk a few messages in each round, whoever asks.

mod next;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Incarnation, Range};
use sealpost_domain::record::{Record, Sent};
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{NeedWrap, Receipt, Resend, Signed, Void, VoidReason};
use sealpost_domain::view::DeliveryState;
use sealpost_wire::envelope::header_from_bytes;

use super::accepted::fill;
use super::entry::Place;
use super::receipts::key_of;
use super::{LinkKey, Open, Outbox, Progress};
use crate::core::past::{self, exhibits, exhibits_of};
use crate::core::{Alarm, Core, Env, Error, Past, Round};
use next::{ANSWERED_MAX, Budget, Next};

/// The shortest time between two answers to a peer's requests, on each link and for wraps.
const ANSWER_PAUSE: Duration = Duration::from_secs(5);
/// How many messages of a link are on their way again at a time.
const STRETCH_MAX: usize = 256;

/// What recipients asked for again.
#[derive(Default)]
pub(super) struct Again {
    /// On their way again until a receipt covers them, though settled before: the message, by number.
    reopened: BTreeMap<LinkKey, BTreeMap<u64, u64>>,
    /// What goes next.
    next: BTreeMap<LinkKey, Next>,
    /// After which link it was the turn of the others.
    turn: Option<LinkKey>,
    /// Messages whose bodies are lost or erased: nobody gets them any more.
    bodiless: BTreeSet<u64>,
    /// Those of them whose numbers are still to be filled.
    unfilled: BTreeSet<u64>,
    answered_at: BTreeMap<LinkKey, Instant>,
    wrapped_at: BTreeMap<AgencyId, Instant>,
    /// The present life of each peer's ledger, as it said itself.
    lives: BTreeMap<AgencyId, Incarnation>,
}

/// What came of a number that goes again.
enum Answered {
    /// It is on its way, or cannot be read.
    Done,
    /// It was filled without a message.
    Void(Signed),
    /// Its body is gone: it has to be filled.
    Bodiless(Void),
}

impl Core {
    /// A recipient misses numbers of ours: they go out again. Where the hub had promised to deliver one of them a while
    /// ago, its promise and the recipient's word are recorded together.
    pub fn resend(&mut self, env: &mut Env<'_>, round: &mut Round, statement: &Signed, resend: &Resend) {
        let Resend { recipient, priority, incarnation, numbers, .. } = resend;
        let key = LinkKey { recipient: recipient.clone(), priority: *priority, incarnation: *incarnation };
        let Some(link) = self.outbox.links.get(&key) else { return };
        let last = link.told_head().number;
        let numbers: Vec<u64> =
            numbers.iter().flat_map(|range| range.first..=range.last.min(last)).take(ANSWERED_MAX).collect();
        if !is_paced(&mut self.outbox.again.answered_at, &key, env.now) {
            return;
        }
        let undelivered = numbers.iter().find_map(|number| self.outbox.undelivered(&key, *number, env.now));
        self.outbox.again.next.entry(key).or_default().ask(numbers);
        let Some((number, header, promise)) = undelivered else { return };
        let detail = format!(
            "number {number} was promised by the hub (record {promise} of this ledger), and {recipient} says that it \
             did not come"
        );
        let mut evidence = exhibits(statement);
        evidence.extend(exhibits_of(env.past, round, past::Place::Ledger(promise)));
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

    /// Goes on with what goes again.
    pub fn refill(&mut self, env: &mut Env<'_>, round: &mut Round) -> Result<(), Error> {
        self.outbox.note_bodiless();
        let mut budget = Budget::of_a_round();
        for key in self.outbox.turns() {
            while let Some(number) = self.outbox.next_again(&key, &mut budget) {
                match self.outbox.answer(env.past, env.now, &key, number, &mut budget)? {
                    Answered::Done => continue,
                    Answered::Void(void) => self.tell_void_again(env, round, &key.recipient, void)?,
                    Answered::Bodiless(void) => fill(env, round, &void)?,
                }
                self.outbox.tentative.filled.insert((key.clone(), number));
            }
            if budget.is_spent() {
                self.outbox.again.turn = Some(key);
                break;
            }
        }
        Ok(())
    }
}

impl Outbox {
    /// A number that the hub had promised to deliver a while ago: its header, and the record of the promise.
    fn undelivered(&self, key: &LinkKey, number: u64, now: Instant) -> Option<(u64, Digest, u64)> {
        let Place::Here(entry) = self.links.get(key)?.place(number)? else { return None };
        let is_late =
            entry.state() == DeliveryState::Accepted && now.since(entry.since()) >= self.policy.resend_after;
        let open = self.open.get(&entry.index).filter(|_| is_late)?;
        Some((number, open.header, open.promise?))
    }

    /// A message of ours has lost its body, or its key was destroyed: nobody gets it any more.
    pub fn body_lost(&mut self, index: u64) {
        if self.again.bodiless.insert(index) {
            self.again.unfilled.insert(index);
        }
    }

    pub(super) fn is_bodiless(&self, index: u64) -> bool {
        self.again.bodiless.contains(&index)
    }

    /// The numbers of messages that are gone: where nobody has got one, or it was to go again, its number is filled. What
    /// the hub has promised may still arrive: it is filled once its recipient asks for it.
    fn note_bodiless(&mut self) {
        for index in std::mem::take(&mut self.again.unfilled) {
            let Some(open) = self.open.get(&index) else { continue };
            let (priority, incarnation) = (open.priority, open.incarnation);
            for (recipient, number) in open.targets.clone() {
                let key = LinkKey { recipient, priority, incarnation };
                let state =
                    self.links.get(&key).and_then(|link| link.place(number)).map(|place| place.state());
                let is_again = self.give_up_reopened(&key, number);
                if is_again || state == Some(DeliveryState::Published) {
                    self.again.next.entry(key).or_default().asked.insert(number);
                }
            }
        }
    }

    /// The links on which something goes again and may, each in its turn.
    fn turns(&mut self) -> Vec<LinkKey> {
        let turn = self.again.turn.take();
        let waiting = self.again.next.keys().filter(|key| self.is_open_to(&key.recipient)).cloned();
        let (before, mut links): (Vec<_>, Vec<_>) =
            waiting.partition(|key| turn.as_ref().is_some_and(|turn| key <= turn));
        links.extend(before);
        links
    }

    /// The round that filled these numbers was not kept.
    pub(super) fn fill_again(&mut self, numbers: BTreeSet<(LinkKey, u64)>) {
        for (key, number) in numbers {
            self.again.next.entry(key).or_default().asked.insert(number);
        }
    }

    /// Takes the next number of a link that goes again, while there is room for it.
    fn next_again(&mut self, key: &LinkKey, budget: &mut Budget) -> Option<u64> {
        loop {
            let on_their_way = self.again.reopened.get(key).map_or(0, BTreeMap::len);
            if on_their_way >= STRETCH_MAX || budget.is_spent() {
                return None;
            }
            let Some(number) = self.again.next.get_mut(key).and_then(Next::take) else {
                self.again.next.remove(key);
                return None;
            };
            budget.numbers -= 1;
            if !self.tentative.filled.contains(&(key.clone(), number)) {
                return Some(number);
            }
        }
    }

    /// Sends one number again.
    fn answer(
        &mut self,
        past: &dyn Past,
        now: Instant,
        key: &LinkKey,
        number: u64,
        budget: &mut Budget,
    ) -> Result<Answered, Error> {
        let Some(link) = self.links.get(key).filter(|link| number <= link.told_head().number) else {
            return Ok(Answered::Done);
        };
        if let Some(void) = link.void(number) {
            return Ok(Answered::Void(void.clone()));
        }
        let (index, state) = match link.place(number) {
            None => return Ok(Answered::Done),
            Some(Place::Here(entry)) => (entry.index, entry.state()),
            Some(Place::LetGo(state)) => (past.sent(&key.chain(), number)?, state),
        };
        let Some((Record::Sent(sent), body_bytes)) = past.record(index) else { return Ok(Answered::Done) };
        // It was taken back, and what came after it on the link is there all the same.
        if state == DeliveryState::Withdrawn {
            let void = self.void_of(key, number, &sent, VoidReason::Withdrawn, now);
            return Ok(void.map_or(Answered::Done, Answered::Bodiless));
        }
        budget.bytes = budget.bytes.saturating_sub(body_bytes);
        if body_bytes == 0 || self.is_bodiless(index) {
            let reason = if state.is_settled() { VoidReason::Erased } else { VoidReason::Withdrawn };
            let void = self.void_of(key, number, &sent, reason, now);
            return Ok(void.map_or(Answered::Done, Answered::Bodiless));
        }
        self.reopen(key, number, index, &sent, body_bytes);
        Ok(Answered::Done)
    }

    /// How a number of ours is filled without its message.
    pub(super) fn void_of(
        &self,
        key: &LinkKey,
        number: u64,
        sent: &Sent,
        reason: VoidReason,
        now: Instant,
    ) -> Option<Void> {
        let header = header_from_bytes(&sent.header).ok()?;
        let mut positions = header.recipients.agencies().zip(&sent.commitments);
        let (_, commitment) = positions.find(|(agency, _)| **agency == key.recipient)?;
        Some(Void {
            sender: self.me.clone(),
            recipient: key.recipient.clone(),
            priority: key.priority,
            incarnation: key.incarnation,
            number,
            header: sha256(&sent.header),
            previous: commitment.previous,
            reason,
            made_at: now,
        })
    }

    /// A message goes out again to a recipient.
    fn reopen(&mut self, key: &LinkKey, number: u64, index: u64, sent: &Sent, body_bytes: usize) {
        if !self.open.contains_key(&index) {
            let Some(open) = opened(key, sent, body_bytes) else { return };
            self.lanes.insert(index, open.priority, open.progress);
            self.by_header.insert(open.header, index);
            self.open.insert(index, open);
        }
        if let Some(open) = self.open.get_mut(&index)
            && !open.targets.iter().any(|(agency, _)| *agency == key.recipient)
        {
            open.targets.push((key.recipient.clone(), number));
            open.targets.sort();
            self.again.reopened.entry(key.clone()).or_default().insert(number, index);
        }
        self.hasten(index);
    }

    /// What waits for its time goes out now.
    fn hasten(&mut self, index: u64) {
        let waits = |open: &Open| {
            let Open { progress, .. } = open;
            !matches!(progress, Progress::Ready | Progress::Submitted)
        };
        if self.open.get(&index).is_some_and(waits) {
            self.move_to(index, Progress::Ready);
        }
    }

    /// A recipient has lost what it had settled from `first` to `last`: all of it goes again.
    pub(super) fn lost(&mut self, key: LinkKey, first: u64, last: u64) {
        for index in self.again.reopened.remove(&key).unwrap_or_default().into_values() {
            self.close(index, &key.recipient);
        }
        self.again.next.entry(key).or_default().lost = Some(Range { first, last });
    }

    /// Which life a peer's ledger has: only its receipts of this life say what it has now.
    pub(in crate::core) fn peer_lives_as(&mut self, peer: &AgencyId, life: Incarnation) {
        self.again.lives.insert(peer.clone(), life);
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

    /// A message that was to go again cannot: it stays what it was. Whether there was one at that number.
    pub(super) fn give_up_reopened(&mut self, key: &LinkKey, number: u64) -> bool {
        let index = self.again.reopened.get_mut(key).and_then(|reopened| reopened.remove(&number));
        if let Some(index) = index {
            self.close(index, &key.recipient);
        }
        index.is_some()
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

/// A settled message, as it has to be to go out again.
fn opened(key: &LinkKey, sent: &Sent, body_bytes: usize) -> Option<Open> {
    let header = header_from_bytes(&sent.header).ok()?;
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
        promised: false,
    })
}
