//! What goes to the hub next: a lane for each priority, the oldest message first; behind them all what the hub promised
//! before, in lanes of its own; and a calendar of what is sent again.

use std::collections::BTreeSet;
use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;

use sealpost_domain::view::DeliveryState;

use super::{LinkKey, Open, OpenTo, OutLink, Outbox, Progress};

/// The shortest time between two occasions on which a hub's promises are forgotten.
const FORGOTTEN_PAUSE: Duration = Duration::from_mins(1);
/// What a wrap adds to an envelope on the wire, in bytes, at least.
const WRAP_BYTES: usize = 1400;

/// Messages in their lanes, by ledger index.
#[derive(Default)]
pub(super) struct Lanes {
    ready: ByPriority,
    /// Behind those: the hub promised them.
    repeats: ByPriority,
    again: BTreeSet<(Instant, u64)>,
}

#[derive(Default)]
struct ByPriority([BTreeSet<u64>; 3]);

impl ByPriority {
    fn of(&self, priority: Priority) -> &BTreeSet<u64> {
        let [flash, urgent, routine] = &self.0;
        match priority {
            Priority::Flash => flash,
            Priority::Urgent => urgent,
            Priority::Routine => routine,
        }
    }

    fn of_mut(&mut self, priority: Priority) -> &mut BTreeSet<u64> {
        let [flash, urgent, routine] = &mut self.0;
        match priority {
            Priority::Flash => flash,
            Priority::Urgent => urgent,
            Priority::Routine => routine,
        }
    }
}

/// Which of a priority's two lanes.
#[derive(Clone, Copy)]
enum Lane {
    Ready,
    Repeats,
}

/// A message that is to be handed to the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Where it lies in the ledger.
    pub index: u64,
    /// The recipients that have not settled it: the others need no wrap.
    pub recipients: Vec<AgencyId>,
}

impl Lanes {
    pub(super) fn insert(&mut self, index: u64, priority: Priority, progress: Progress) {
        match progress {
            Progress::Ready => {
                self.ready.of_mut(priority).insert(index);
            }
            Progress::Repeat { .. } => {
                self.repeats.of_mut(priority).insert(index);
            }
            Progress::Submitted | Progress::Held => {}
            Progress::Accepted { again_at, .. } | Progress::Deferred { again_at } => {
                self.again.insert((again_at, index));
            }
        }
    }

    pub(super) fn remove(&mut self, index: u64, priority: Priority, progress: Progress) {
        match progress {
            Progress::Ready => {
                self.ready.of_mut(priority).remove(&index);
            }
            Progress::Repeat { .. } => {
                self.repeats.of_mut(priority).remove(&index);
            }
            Progress::Submitted | Progress::Held => {}
            Progress::Accepted { again_at, .. } | Progress::Deferred { again_at } => {
                self.again.remove(&(again_at, index));
            }
        }
    }

    /// The messages whose time has come.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<u64> {
        let later = self.again.split_off(&(Instant::from_millis(now.as_millis() + 1), 0));
        let due = std::mem::replace(&mut self.again, later);
        due.into_iter().map(|(_, index)| index).collect()
    }

    /// The messages of a lane, the oldest first.
    fn lane(&mut self, lane: Lane, priority: Priority) -> &mut BTreeSet<u64> {
        match lane {
            Lane::Ready => self.ready.of_mut(priority),
            Lane::Repeats => self.repeats.of_mut(priority),
        }
    }
}

impl OpenTo {
    fn contains(&self, agency: &AgencyId) -> bool {
        match self {
            Self::Everyone => true,
            Self::Only { peers, .. } => peers.contains(agency),
        }
    }

    fn among(&self, targets: &[(AgencyId, u64)]) -> Vec<AgencyId> {
        let agencies = targets.iter().map(|(agency, _)| agency);
        agencies.filter(|agency| self.contains(agency)).cloned().collect()
    }
}

impl Outbox {
    /// Takes the next batch out of these lanes, the first lane first, and repeats behind all: at most `bytes_max` on the wire, or one message, and
    /// none that is recorded at `unindexed_from` or later. Each message in it is answered by [`Outbox::requeue`] or by the
    /// hub's promise.
    pub fn take(&mut self, lanes: &[Priority], bytes_max: usize, unindexed_from: u64) -> Vec<Submission> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        let of = |lane| lanes.iter().map(move |priority| (lane, *priority));
        for (lane, priority) in of(Lane::Ready).chain(of(Lane::Repeats)) {
            while let Some(index) = self.lanes.lane(lane, priority).first().copied()
                && index < unindexed_from
            {
                let Some(open) = self.open.get(&index) else {
                    self.lanes.lane(lane, priority).remove(&index);
                    continue;
                };
                let (size, recipients) = (open.size, self.open_to.among(&open.targets));
                if recipients.is_empty() || self.is_bodiless(index) {
                    self.move_to(index, Progress::Held);
                    continue;
                }
                bytes += size + recipients.len() * WRAP_BYTES;
                if bytes > bytes_max && !batch.is_empty() {
                    return batch;
                }
                batch.push(Submission { index, recipients });
                self.move_to(index, Progress::Submitted);
            }
        }
        batch
    }

    /// Whether anything waits in these lanes.
    pub fn has_ready(&self, lanes: &[Priority]) -> bool {
        let Lanes { ready, repeats, .. } = &self.lanes;
        lanes.iter().any(|priority| !(ready.of(*priority).is_empty() && repeats.of(*priority).is_empty()))
    }

    /// Messages that were taken out were not answered: they go back into their lanes.
    pub fn requeue(&mut self, batch: impl IntoIterator<Item = u64>) {
        for index in batch {
            if self.open.get(&index).is_some_and(|open| open.progress == Progress::Submitted) {
                self.move_to(index, Progress::Ready);
            }
        }
    }

    /// Every message of these lanes that was taken out goes back into its lane: the stream to the hub ended.
    pub fn requeue_lanes(&mut self, lanes: &[Priority]) {
        let unanswered = self
            .open
            .iter()
            .filter(|(_, open)| open.progress == Progress::Submitted && lanes.contains(&open.priority));
        let unanswered: Vec<u64> = unanswered.map(|(index, _)| *index).collect();
        self.requeue(unanswered);
    }

    /// Nothing is sent to a peer before it said what it has of ours; until then it is told of no number that was given
    /// out in this record or later.
    pub(in crate::core) fn close_all(&mut self, unproven_from: u64) {
        let head = |(key, link): (&LinkKey, &OutLink)| (key.clone(), link.head_before(unproven_from));
        let heads = self.links.iter().map(head).collect();
        self.open_to = OpenTo::Only { peers: BTreeSet::new(), heads };
    }

    /// Whether all of these, and everyone to whom anything was ever sent, said what they have.
    pub(in crate::core) fn has_heard<'a>(&self, mut agencies: impl Iterator<Item = &'a AgencyId>) -> bool {
        match &self.open_to {
            OpenTo::Everyone => true,
            OpenTo::Only { peers, .. } => {
                let mut linked = self.links.keys().map(|key| &key.recipient);
                linked.all(|agency| peers.contains(agency)) && agencies.all(|agency| peers.contains(agency))
            }
        }
    }

    /// Whether a peer's links are open.
    pub fn is_open_to(&self, agency: &AgencyId) -> bool {
        self.open_to.contains(agency)
    }

    /// A peer may be sent to: what waited for that goes out.
    pub(in crate::core) fn open_to(&mut self, agency: &AgencyId) {
        let OpenTo::Only { peers, .. } = &mut self.open_to else { return };
        if !peers.insert(agency.clone()) {
            return;
        }
        let waits = |(_, open): &(&u64, &Open)| {
            let never_sent = |number: u64| {
                let key = LinkKey {
                    recipient: agency.clone(),
                    priority: open.priority,
                    incarnation: open.incarnation,
                };
                let place = self.links.get(&key).and_then(|link| link.place(number));
                place.is_some_and(|place| place.state() == DeliveryState::Published)
            };
            let target = open.targets.iter().find(|(target, _)| target == agency);
            let waits = |number| open.progress == Progress::Held || never_sent(number);
            open.progress != Progress::Submitted && target.is_some_and(|(_, number)| waits(*number))
        };
        let waiting: Vec<u64> = self.open.iter().filter(waits).map(|(index, _)| *index).collect();
        for index in waiting {
            self.move_to(index, Progress::Ready);
        }
    }

    /// The hub's journal lives under this incarnation. What another life of it promised is sent again at once: it may
    /// be lost. How many messages that concerns.
    pub fn hub_lives_as(&mut self, hub: Incarnation) -> usize {
        if self.hub.replace(hub) == Some(hub) {
            return 0;
        }
        self.promised_again(|by| by != hub)
    }

    /// The hub forgot what it promised, though its journal lives under the same incarnation: it is sent again at once.
    /// Once in a while at most, whatever the hub says.
    pub(in crate::core) fn hub_forgot(&mut self, now: Instant) {
        if self.forgot_at.is_none_or(|before| now.since(before) >= FORGOTTEN_PAUSE) {
            self.forgot_at = Some(now);
            self.promised_again(|_| true);
        }
    }

    /// A key under which messages were signed is believed no more: whatever was promised and is not receipted may be
    /// refused by who gets it, and goes out at once, signed by the next key.
    pub(in crate::core) fn key_ended(&mut self) {
        self.promised_again(|_| true);
    }

    fn promised_again(&mut self, lost: impl Fn(Incarnation) -> bool) -> usize {
        let promised = |progress: &Progress| matches!(progress, Progress::Accepted { hub, .. } | Progress::Repeat { hub } if lost(*hub));
        let lost = self.open.iter().filter(|(_, open)| promised(&open.progress));
        let lost: Vec<u64> = lost.map(|(index, _)| *index).collect();
        for index in &lost {
            self.move_to(*index, Progress::Ready);
        }
        lost.len()
    }

    pub(super) fn move_to(&mut self, index: u64, progress: Progress) {
        if let Some(open) = self.open.get_mut(&index) {
            self.lanes.remove(index, open.priority, open.progress);
            open.progress = progress;
            self.lanes.insert(index, open.priority, progress);
        }
    }
}
