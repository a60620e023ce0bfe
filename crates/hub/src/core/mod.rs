//! The hub as a state machine over its journal: the same entries in the same order give the same state and effects.
//!
//! It decides who gets what, and forgets what was settled. The only time that it knows stands in the entries. Never
//! here: disk, network, clock, randomness, private keys, or anything of an envelope that is sealed.
//!
//! An entry is applied when it is durable. Whoever applies it acts on the [`Effect`]s; whoever replays a journal
//! ignores them, since all that they announce can be asked of the [`State`] at any time.

mod admit;
mod bodies;
mod held;
mod place;
mod queue;
mod snapshot;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::directory;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{HubRefusal, Signed};
use sealpost_server::pool::Lane;
use sealpost_wire::hub::{Entry, Event, SubmittedEnvelope};

pub use admit::{Admission, Shown, admit};
use bodies::Bodies;
use held::Held;
pub use held::{Between, DELIVERY_BYTES_MIN, weight};
pub use place::{ENVELOPES_MAX, Place};
use queue::Queue;
pub use queue::Waiting;

use crate::lane::lane;

/// How many entries with revocation lists are known. Each brings those of one or of all roots up to date.
const LISTS_MAX: usize = 256;

/// All that the hub knows.
#[derive(Debug, Default)]
pub struct State {
    /// Whether several hubs write the journal: then a version of the directory may come behind another one, unforeseen.
    of_several: bool,
    /// The least index that the next entry can have: indices ascend, and a journal may leave some out.
    next: u64,
    directory: Option<Arc<Directory>>,
    /// The same, as it was signed.
    signed: Option<Signed>,
    /// In which entry each version of the directory lies.
    versions: BTreeMap<u64, u64>,
    /// The latest entries with revocation lists.
    lists: VecDeque<u64>,
    queues: BTreeMap<(AgencyId, Priority), Queue>,
    bodies: Bodies,
    held: Held,
    backlog: usize,
}

/// What follows from an entry, now that it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The sender is told, under the hub's signature.
    Accepted(Acceptance),
    /// An envelope waits for a recipient.
    Deliver {
        /// For whom.
        recipient: AgencyId,
        /// In which lane.
        priority: Priority,
        /// Which one.
        place: Place,
    },
    /// Another directory is in force, [`State::directory`].
    DirectoryChanged,
    /// A version of the directory came behind another one that it does not follow: two were published at a time. Nothing changes.
    DirectoryOvertaken,
    /// Revocation lists were published.
    Lists(Vec<Bytes>),
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The index of its entry.
    pub index: u64,
    /// The time of its entry.
    pub at: Instant,
    /// Who submitted it.
    pub sender: AgencyId,
    /// What is not delivered; positions count the envelopes of the entry.
    pub refusals: Vec<HubRefusal>,
}

/// An entry that this journal cannot have: it was damaged, mixed with another one, or written by a later version.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A repetition.
    #[error("journal entry {found} comes where entry {expected} or a later one should be")]
    Order {
        /// The index that was given.
        found: u64,
        /// The least that may come next.
        expected: u64,
    },
    /// A version that does not verify against the one before.
    #[error("the directory in journal entry {index} does not verify")]
    Directory {
        /// The entry.
        index: u64,
        /// Why not.
        source: Box<directory::Error>,
    },
    /// More than places can tell apart.
    #[error("journal entry {index} holds {found} envelopes, allowed are {ENVELOPES_MAX}")]
    Envelopes {
        /// The entry.
        index: u64,
        /// How many.
        found: usize,
    },
}

impl State {
    /// Before the first entry that is left of a journal.
    pub fn new(first: u64) -> Self {
        Self { next: first, ..Self::default() }
    }

    /// Before the first entry of a journal that several hubs write.
    pub fn of_several() -> Self {
        Self { of_several: true, ..Self::default() }
    }

    /// The least index that the next entry can have.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The directory in force; `None` before the first.
    pub fn directory(&self) -> Option<&Arc<Directory>> {
        self.directory.as_ref()
    }

    /// The versions of the directory after one, in order, each with the journal entry that holds it.
    pub fn versions_after(&self, version: u64) -> Vec<(u64, u64)> {
        let from = version.saturating_add(1);
        self.versions.range(from..).map(|(version, entry)| (*version, *entry)).collect()
    }

    /// The journal entries with the latest revocation lists, the oldest first.
    pub fn lists(&self) -> impl Iterator<Item = u64> + '_ {
        self.lists.iter().copied()
    }

    /// How many deliveries wait, in all queues.
    pub fn backlog(&self) -> usize {
        self.backlog
    }

    /// How many deliveries of a lane wait for one recipient.
    pub fn backlog_of(&self, recipient: &AgencyId, of: Lane) -> usize {
        let priorities = Priority::ALL.iter().filter(|priority| lane(**priority) == of);
        let queue = |priority: &Priority| self.queues.get(&(recipient.clone(), *priority));
        priorities.filter_map(queue).map(Queue::len).sum()
    }

    /// Bytes of bodies of one sender that wait, each once for every recipient that has not settled it, and [`weight`]ed.
    pub fn held_of(&self, sender: &AgencyId) -> u64 {
        self.held.of(sender)
    }

    /// The part of them that waits for one recipient.
    pub fn held_between(&self, sender: &AgencyId, recipient: &AgencyId) -> Between {
        self.held.between(sender, recipient)
    }

    /// What waits for a recipient in one lane after a place (from the beginning: `None`), at most `count`.
    pub fn waiting(
        &self,
        recipient: &AgencyId,
        priority: Priority,
        after: Option<Place>,
        count: usize,
    ) -> Vec<(Place, Waiting)> {
        let queue = self.queues.get(&(recipient.clone(), priority));
        queue.into_iter().flat_map(|queue| queue.after(after)).take(count).collect()
    }

    /// Whether anything waits for a recipient in one lane up to a place, so that it would be settled by that.
    pub fn waits_up_to(&self, recipient: &AgencyId, priority: Priority, place: Place) -> bool {
        let queue = self.queues.get(&(recipient.clone(), priority));
        queue.and_then(Queue::first).is_some_and(|first| first <= place)
    }

    /// The first body segment in which something still waits; `None`: all bodies so far are settled.
    pub fn first_body_segment(&self) -> Option<u64> {
        self.bodies.first_segment()
    }

    /// Applies a journal entry. After a fault the state is of no use.
    pub fn step(&mut self, index: u64, entry: &Entry) -> Result<Vec<Effect>, Fault> {
        if index < self.next {
            return Err(Fault::Order { found: index, expected: self.next });
        }
        self.next = index + 1;
        match &entry.event {
            Event::Directory(signed) => self.install(index, signed),
            Event::Batch { sender, envelopes } => self.take_over(index, entry.at, sender, envelopes),
            Event::Settled { recipient, priority, index } => {
                self.settle(recipient, *priority, Place::from_index(*index));
                Ok(Vec::new())
            }
            Event::Lists(lists) => {
                self.lists.push_back(index);
                if self.lists.len() > LISTS_MAX {
                    self.lists.pop_front();
                }
                Ok(vec![Effect::Lists(lists.clone())])
            }
        }
    }

    /// A digest of the whole state: two replicas with the same one agree about everything.
    pub fn digest(&self) -> Digest {
        let mut bytes = Vec::new();
        let mut number = |number: u64| bytes.extend_from_slice(&number.to_be_bytes());
        number(self.next);
        for (version, entry) in &self.versions {
            number(*version);
            number(*entry);
        }
        for entry in &self.lists {
            number(*entry);
        }
        if let Some(directory) = &self.directory {
            bytes.extend_from_slice(directory.version.digest.as_bytes());
        }
        for ((recipient, priority), queue) in &self.queues {
            bytes.extend_from_slice(recipient.as_str().as_bytes());
            bytes.extend_from_slice(priority.as_str().as_bytes());
            for (place, Waiting { header, payload, sender: _ }) in queue.after(None) {
                bytes.extend_from_slice(&place.index().to_be_bytes());
                bytes.extend_from_slice(header.as_bytes());
                bytes.extend_from_slice(&payload.segment.to_be_bytes());
                bytes.extend_from_slice(&payload.offset.to_be_bytes());
            }
        }
        sha256(&bytes)
    }

    fn install(&mut self, index: u64, signed: &Signed) -> Result<Vec<Effect>, Fault> {
        let directory = match directory::verify(signed, self.directory.as_deref()) {
            Ok(directory) => directory,
            // Whoever proposed it had verified it against another version, perhaps of other authority keys.
            Err(_) if self.of_several && self.directory.is_some() => {
                return Ok(vec![Effect::DirectoryOvertaken]);
            }
            Err(source) => return Err(Fault::Directory { index, source: Box::new(source) }),
        };
        self.versions.insert(directory.version.version, index);
        let gone: Vec<_> = self
            .queues
            .keys()
            .filter(|(agency, _)| !directory.agencies.contains_key(agency))
            .cloned()
            .collect();
        for (agency, priority) in gone {
            self.settle(&agency, priority, Place::from_index(u64::MAX));
        }
        self.directory = Some(Arc::new(directory));
        self.signed = Some(signed.clone());
        Ok(vec![Effect::DirectoryChanged])
    }

    fn take_over(
        &mut self,
        index: u64,
        at: Instant,
        sender: &AgencyId,
        envelopes: &[SubmittedEnvelope],
    ) -> Result<Vec<Effect>, Fault> {
        let mut refusals = Vec::new();
        let mut effects = Vec::new();
        for (position, envelope) in envelopes.iter().enumerate() {
            let position =
                u16::try_from(position).map_err(|_| Fault::Envelopes { index, found: envelopes.len() })?;
            let mut refuse = |recipient, rule: Rule| {
                refusals.push(HubRefusal { position: position.into(), recipient, rule: rule.to_string() });
            };
            let SubmittedEnvelope { header, signatures, wrapped, .. } = envelope;
            let shown = Shown { header, signatures, wrapped: *wrapped };
            match admit(&shown, sender, self.directory.as_deref(), at) {
                Admission::Refused(rule) => refuse(None, rule),
                Admission::Judged { priority, recipients, refusals } => {
                    for (agency, rule) in refusals {
                        refuse(Some(agency), rule);
                    }
                    let place = Place::new(index, position);
                    let sender = self.held.number(sender);
                    let header = sha256(&envelope.header);
                    let waiting = Waiting { header, payload: envelope.payload, sender };
                    for recipient in recipients {
                        self.enqueue(&recipient, priority, place, waiting);
                        effects.push(Effect::Deliver { recipient, priority, place });
                    }
                }
            }
        }
        effects.push(Effect::Accepted(Acceptance { index, at, sender: sender.clone(), refusals }));
        Ok(effects)
    }

    fn enqueue(&mut self, recipient: &AgencyId, priority: Priority, place: Place, waiting: Waiting) {
        let queue = self.queues.entry((recipient.clone(), priority)).or_default();
        let replaced = queue.push(place, waiting);
        self.bodies.hold(&waiting.payload);
        let number = self.held.number(recipient);
        self.held.hold(waiting.sender, number, lane(priority), waiting.payload.length);
        self.backlog += 1;
        self.release(recipient, priority, replaced);
    }

    fn settle(&mut self, recipient: &AgencyId, priority: Priority, up_to: Place) {
        let key = (recipient.clone(), priority);
        let Some(queue) = self.queues.get_mut(&key) else {
            return;
        };
        let settled = queue.settle(up_to);
        if queue.len() == 0 {
            self.queues.remove(&key);
        }
        self.release(recipient, priority, settled);
    }

    fn release(
        &mut self,
        recipient: &AgencyId,
        priority: Priority,
        settled: impl IntoIterator<Item = Waiting>,
    ) {
        let recipient = self.held.number(recipient);
        for waiting in settled {
            self.bodies.release(&waiting.payload);
            self.held.release(waiting.sender, recipient, lane(priority), waiting.payload.length);
            self.backlog -= 1;
        }
    }
}

#[cfg(test)]
mod tests;
