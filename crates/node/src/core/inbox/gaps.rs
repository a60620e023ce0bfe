//! What is known to exist and has not come: numbers that later numbers or heads name, messages whose wraps do not open,
//! and bodies that were lost here. It delays nothing that came; it is asked for under signature when nothing arrives by
//! itself for a moment, and again at growing distances until it is there.
//!
//! Every number has a calendar of its own, so that nothing that comes or is missed later keeps another number from being
//! asked for, and from its alarm.
//!
//! Nothing of this is recorded but the alarms: after a restart the same gaps are seen again.

use std::collections::BTreeMap;
use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Range, Received, ranges};
use sealpost_domain::message::Priority;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{ControlType, NeedWrap, Resend};

use super::{Inbox, LinkKey};
use crate::core::{Alarm, Core, Env, Error, Round, sign};

/// How long a lane is idle before what is missing on its links is asked for: the hub may still be delivering it.
const ASK_AFTER: Duration = Duration::from_secs(2);
/// How long what is missing waits at most while its lane is not idle.
const ASK_WHILE_BUSY: Duration = Duration::from_mins(1);
/// The shortest time between two statements about a link: its sender answers no more often.
const ASK_PAUSE: Duration = Duration::from_secs(6);
/// How long after that it is asked for again; doubled with every time.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// The longest such distance.
const ASK_AGAIN_MAX: Duration = Duration::from_mins(10);
/// After how many times in vain it is an alarm.
const IN_VAIN: u32 = 3;
/// How often a wrap is asked for at most.
const WRAP_ASKS_MAX: u32 = 12;
/// What one statement asks for at most.
pub(super) const RANGES_MAX: usize = 64;
const WRAPS_MAX: usize = 256;

/// What is known to exist and has not come.
#[derive(Default)]
pub(super) struct Wanted {
    gaps: BTreeMap<LinkKey, Gap>,
    wraps: BTreeMap<AgencyId, BTreeMap<Digest, Asked>>,
    /// When something new came last.
    arrived_at: BTreeMap<Priority, Instant>,
}

/// A hole in a link, or its lost end.
struct Gap {
    /// The last number that is known to exist.
    last: u64,
    /// Since when that is known.
    seen: Instant,
    /// The last contiguous number when this was looked at.
    contiguous: u64,
    /// What is missing within the window: at most so many numbers as that has.
    missing: BTreeMap<u64, Missing>,
    /// When its sender was asked last.
    asked_at: Option<Instant>,
    /// Something of it came: the rest is asked for before its time.
    came_at: Option<Instant>,
    /// It was told that the sender writes beyond the window.
    far_told: bool,
}

/// A number that is missing.
struct Missing {
    asked: Asked,
    /// That it was asked for in vain is told, or it was missed beside a number of which that was told.
    told: bool,
}

/// What is asked for on a link.
struct Due {
    key: LinkKey,
    numbers: Vec<Range>,
    /// What was asked for in vain, which is told now.
    in_vain: Vec<Range>,
}

/// When something was asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    since: Instant,
    times: u32,
}

impl Asked {
    pub(super) fn begin(now: Instant) -> Self {
        Self { since: now, times: 0 }
    }

    pub(super) fn is_due(self, now: Instant) -> bool {
        let pause = match self.times.checked_sub(1) {
            None => ASK_AFTER,
            Some(doublings) => (ASK_AGAIN * 2_u32.pow(doublings.min(16))).min(ASK_AGAIN_MAX),
        };
        now.since(self.since) >= pause
    }

    pub(super) fn ask(&mut self, now: Instant) {
        *self = Self { since: now, times: self.times.saturating_add(1) };
    }
}

impl Gap {
    /// Takes note of what came, and of what is missed now.
    fn look(&mut self, received: &Received, now: Instant) {
        if received.contiguous() > self.contiguous {
            self.contiguous = received.contiguous();
            self.came_at = self.asked_at.map(|_| now);
        }
        let stretches = received.missing(self.last, usize::MAX);
        let mut before = std::mem::take(&mut self.missing);
        for number in stretches.iter().flat_map(|range| range.first..=range.last) {
            let begin = || Missing { asked: Asked::begin(self.seen), told: false };
            self.missing.insert(number, before.remove(&number).unwrap_or_else(begin));
        }
    }

    /// What is asked for now, if anything is, and the stretches that are told.
    fn ask(&mut self, idle: bool, now: Instant) -> Option<(Vec<Range>, Vec<Range>)> {
        if self.asked_at.is_some_and(|at| now.since(at) < ASK_PAUSE) {
            return None;
        }
        let again = idle && self.came_at.is_some_and(|at| now.since(at) >= ASK_AFTER);
        let is_due = |missing: &Missing| {
            missing.asked.is_due(now) && (idle || now.since(missing.asked.since) >= ASK_WHILE_BUSY)
        };
        let wanted = self.missing.iter().filter(|(_, missing)| again || is_due(missing));
        let mut numbers = ranges(wanted.map(|(number, _)| *number));
        if numbers.is_empty() {
            return None;
        }
        // What waits for longest comes first: no stretch waits for others that do not come.
        numbers.sort_by_key(|range| self.missing.get(&range.first).map(|missing| missing.asked.since));
        numbers.truncate(RANGES_MAX);
        numbers.sort_unstable_by_key(|range| range.first);
        for number in numbers.iter().flat_map(|range| range.first..=range.last) {
            // Before its time it does not count.
            if let Some(missing) = self.missing.get_mut(&number).filter(|missing| is_due(missing)) {
                missing.asked.ask(now);
            }
        }
        (self.asked_at, self.came_at) = (Some(now), None);
        Some((numbers, self.tell()))
    }

    /// What was asked for in vain. Each stretch is told once: numbers beside one that was told are not told while they adjoin
    /// it.
    fn tell(&mut self) -> Vec<Range> {
        let mut news = Vec::new();
        for Range { first, last } in ranges(self.missing.keys().copied()) {
            let was_told = self.missing.range(first..=last).any(|(_, missing)| missing.told);
            for (number, missing) in self.missing.range_mut(first..=last) {
                if missing.asked.times > IN_VAIN && !std::mem::replace(&mut missing.told, true) && !was_told {
                    news.push(*number);
                }
            }
        }
        ranges(news.into_iter())
    }
}

impl Core {
    /// Asks peers for what is missing, where that is due.
    pub fn ask_for_missing(&mut self, env: &mut Env<'_>, round: &mut Round) -> Result<(), Error> {
        let mut due = BTreeMap::<LinkKey, Vec<Range>>::new();
        for Due { key, numbers, in_vain } in self.inbox.due_gaps(env.now) {
            if !in_vain.is_empty() {
                self.alarm_of_gap(env, round, &key, &in_vain);
            }
            due.insert(key, numbers);
        }
        for key in self.inbox.links_without_bodies() {
            let bodies = self.inbox.bodies_due(&key, env.now);
            if !bodies.is_empty() {
                // In one statement, since the sender answers one in a while; what is missing comes first.
                let numbers = due.entry(key).or_default();
                let room = RANGES_MAX - numbers.len().min(RANGES_MAX);
                numbers.extend(bodies.into_iter().take(room));
            }
        }
        for (key, mut numbers) in due {
            numbers.sort_unstable_by_key(|range| range.first);
            let LinkKey { sender, priority, incarnation } = key;
            let recipient = self.me.clone();
            let resend = Resend {
                recipient,
                sender: sender.clone(),
                priority,
                incarnation,
                numbers,
                made_at: env.now,
            };
            let signed = sign(env, &resend)?;
            round.send(sender, ControlType::Resend, signed);
        }
        for (sender, headers) in self.inbox.due_wraps(env.now) {
            let recipient = self.me.clone();
            let need = NeedWrap { recipient, sender: sender.clone(), headers, made_at: env.now };
            let signed = sign(env, &need)?;
            round.send(sender, ControlType::NeedWrap, signed);
        }
        Ok(())
    }

    fn alarm_of_gap(&mut self, env: &mut Env<'_>, round: &mut Round, key: &LinkKey, numbers: &[Range]) {
        let LinkKey { sender, priority, incarnation } = key;
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let numbers = numbers.join(", ");
        let detail = format!(
            "numbers {numbers} of the {priority} link from {sender} in its life {incarnation} are missing, and were \
             asked for {IN_VAIN} times"
        );
        let peer = Some(sender.clone());
        let alarm = Alarm { rule: Rule::LinkMissing, peer, header: None, detail, exhibits: Vec::new() };
        self.alarm(env, round, alarm);
    }

    /// An envelope whose signature holds and whose wrap does not open: its sender is asked for another wrap.
    pub fn unopened(&mut self, now: Instant, sender: &AgencyId, header: Digest) {
        let wraps = self.inbox.wanted.wraps.entry(sender.clone()).or_default();
        if wraps.len() < WRAPS_MAX {
            wraps.entry(header).or_insert_with(|| Asked::begin(now));
        }
    }
}

/// Whether nothing new came in a lane for a moment.
fn is_idle(arrived_at: &BTreeMap<Priority, Instant>, priority: Priority, now: Instant) -> bool {
    arrived_at.get(&priority).is_none_or(|at| now.since(*at) >= ASK_AFTER)
}

impl Wanted {
    pub(super) fn is_idle(&self, priority: Priority, now: Instant) -> bool {
        is_idle(&self.arrived_at, priority, now)
    }
}

impl Inbox {
    /// Notes that a number exists.
    pub(super) fn expect(&mut self, key: &LinkKey, number: u64, now: Instant) {
        let contiguous = self.links.get(key).map_or(0, |link| link.received.contiguous());
        if number <= contiguous || !(self.wanted.gaps.contains_key(key) || self.admits(key)) {
            return;
        }
        let begin = || Gap {
            last: number,
            seen: now,
            contiguous,
            missing: BTreeMap::new(),
            asked_at: None,
            came_at: None,
            far_told: false,
        };
        let gap = self.wanted.gaps.entry(key.clone()).or_insert_with(begin);
        if number > gap.last {
            (gap.last, gap.seen) = (number, now);
        }
    }

    /// Notes that everything before a number exists.
    pub(super) fn expect_before(&mut self, key: &LinkKey, number: u64, now: Instant) {
        self.expect(key, number - 1, now);
    }

    /// Notes that a number beyond the window exists; whether that is news of its link.
    pub(super) fn expect_far(&mut self, key: &LinkKey, number: u64, now: Instant) -> bool {
        self.expect(key, number, now);
        self.wanted.gaps.get_mut(key).is_some_and(|gap| !std::mem::replace(&mut gap.far_told, true))
    }

    /// Whether nothing new has come in any lane for a moment, nor since then.
    pub(in crate::core) fn is_idle_since(&self, since: Instant, now: Instant) -> bool {
        let last = self.wanted.arrived_at.values().copied().chain([since]).max();
        last.is_some_and(|last| now.since(last) >= ASK_AFTER)
    }

    /// Something new came.
    pub(super) fn got(&mut self, sender: &AgencyId, priority: Priority, header: Digest, now: Instant) {
        self.wanted.arrived_at.insert(priority, now);
        if let Some(wraps) = self.wanted.wraps.get_mut(sender) {
            wraps.remove(&header);
        }
    }

    /// A connection begins: what lies behind a gap shows what is missing.
    pub fn look_for_gaps(&mut self, now: Instant) {
        self.bodies.ask_anew();
        let gapped = |(key, link): (&LinkKey, &super::InLink)| {
            let highest = link.received.highest().number;
            (highest > link.received.contiguous()).then(|| (key.clone(), highest))
        };
        let gaps: Vec<(LinkKey, u64)> = self.links.iter().filter_map(gapped).collect();
        for (key, highest) in gaps {
            self.expect(&key, highest, now);
        }
    }

    /// How many numbers of each agency are known to be missing.
    pub fn missing(&self) -> BTreeMap<AgencyId, u64> {
        let mut missing = BTreeMap::<AgencyId, u64>::new();
        for (key, gap) in &self.wanted.gaps {
            let none = Received::default();
            let received = self.links.get(key).map_or(&none, |link| &link.received);
            let numbers = received.missing(gap.last, usize::MAX);
            let count: u64 = numbers.iter().map(|range| range.last - range.first + 1).sum();
            if count > 0 {
                *missing.entry(key.sender.clone()).or_default() += count;
            }
        }
        missing
    }

    /// How many links of its sender beside this one are expected and not begun.
    pub(super) fn expected_beside(&self, key: &LinkKey) -> usize {
        let other = |other: &&LinkKey| {
            other.sender == key.sender && *other != key && !self.links.contains_key(*other)
        };
        self.wanted.gaps.keys().filter(other).count()
    }

    fn due_gaps(&mut self, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        let Wanted { gaps, arrived_at, .. } = &mut self.wanted;
        let none = Received::default();
        gaps.retain(|key, gap| {
            let received = self.links.get(key).map_or(&none, |link| &link.received);
            if received.contiguous() >= gap.last {
                return false;
            }
            gap.look(received, now);
            if let Some((numbers, in_vain)) = gap.ask(is_idle(arrived_at, key.priority, now), now) {
                due.push(Due { key: key.clone(), numbers, in_vain });
            }
            true
        });
        due
    }

    fn due_wraps(&mut self, now: Instant) -> Vec<(AgencyId, Vec<Digest>)> {
        let mut due = Vec::new();
        for (sender, wraps) in &mut self.wanted.wraps {
            wraps.retain(|_, asked| asked.times < WRAP_ASKS_MAX);
            let mut headers = Vec::new();
            for (header, asked) in wraps.iter_mut().filter(|(_, asked)| asked.is_due(now)) {
                asked.ask(now);
                headers.push(*header);
            }
            if !headers.is_empty() {
                due.push((sender.clone(), headers));
            }
        }
        self.wanted.wraps.retain(|_, wraps| !wraps.is_empty());
        due
    }
}
