//! Publishes what this hub proposes: bodies first, and the group when they are acknowledged; several at a time, the groups in
//! their order. What does not come back is published again, from the first one that is missing on.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_nats::connection::State;
use async_nats::jetstream::context::PublishError;
use async_nats::jetstream::{self, ErrorCode};
use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use sealpost_wire::hub::{BodyLocation, Group};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::Wake;
use super::engine::{Engine, acknowledged};
use super::follow::Progress;
use super::order::Proposer;
use super::room::{Of, Room};
use crate::journal::Proposal;

/// When what a server refused is published again: twice as long each time, up to [`AGAIN_AFTER`].
const REFUSED_AFTER: Duration = Duration::from_millis(100);
/// When what did not come back is published again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);
/// The longest time between two times, where nothing comes back at all.
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(10);
/// How often the writer is asked whether bodies may be deleted, though nothing comes.
const FORGET_EVERY: Duration = Duration::from_secs(5);

/// What is to be published.
pub(super) struct Asked {
    pub(super) serial: u64,
    pub(super) proposal: Proposal,
    /// Bodies before this sequence may be deleted.
    pub(super) bodies_before: u64,
}

/// One group on its way.
struct Flying {
    asked: Asked,
    bodies: Bodies,
    /// Whether the group is published and may come back.
    sent: bool,
}

/// The bodies of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bodies {
    /// To be published.
    Missing,
    /// Published, not acknowledged.
    Sent,
    /// Not taken; to be published again in its time.
    Refused,
    /// In the message at this sequence.
    At(u64),
    /// There are none.
    None,
}

/// What an answer of a server is about.
enum Answer {
    Bodies { serial: u64, sequence: Result<u64, PublishError> },
    Group { outcome: Result<u64, PublishError> },
    Purged { outcome: Result<(), String> },
}

/// Publishes.
pub(super) struct Publisher {
    engine: Engine,
    proposer: Proposer,
    asked: mpsc::UnboundedReceiver<Asked>,
    progress: watch::Receiver<Progress>,
    /// Bodies before this sequence are deleted: nothing waits for them, and no group will name them.
    settled: watch::Receiver<u64>,
    wake: Arc<Wake>,
    room: Room,
    window: VecDeque<Flying>,
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// When the window is published again.
    again_at: Instant,
    again_after: Duration,
    refused_after: Duration,
    /// Whether it was told that nothing is taken.
    told: bool,
    seen: Progress,
}

impl Publisher {
    pub(super) fn new(
        engine: Engine,
        proposer: Proposer,
        asked: mpsc::UnboundedReceiver<Asked>,
        progress: watch::Receiver<Progress>,
        settled: watch::Receiver<u64>,
        wake: Arc<Wake>,
        room: Room,
    ) -> Self {
        Self {
            engine,
            proposer,
            asked,
            progress,
            settled,
            wake,
            room,
            window: VecDeque::new(),
            answers: FuturesUnordered::new(),
            again_at: Instant::now(),
            again_after: AGAIN_AFTER,
            refused_after: REFUSED_AFTER,
            told: false,
            seen: Progress::default(),
        }
    }

    /// Publishes until nobody proposes any more.
    pub(super) async fn run(mut self) {
        let (mut connections, mut settled) = (self.engine.connections.clone(), self.settled.clone());
        let mut tick = tokio::time::interval(FORGET_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            self.publish().await;
            tokio::select! {
                asked = self.asked.recv() => match asked {
                    Some(asked) => self.take(asked),
                    None => return,
                },
                Some(answer) = self.answers.next(), if !self.answers.is_empty() => self.hear(answer),
                Ok(()) = self.progress.changed() => self.follow(),
                Ok(()) = connections.changed() => {
                    // No answer to what was said on the old one.
                    for flying in &mut self.window {
                        if flying.bodies == Bodies::Sent {
                            flying.bodies = Bodies::Refused;
                        }
                    }
                    self.again("a new connection");
                }
                () = again(self.again_at, self.window.is_empty()) => {
                    self.again_after = (self.again_after * 2).min(AGAIN_AFTER_MAX);
                    self.refused_after = (self.refused_after * 2).min(AGAIN_AFTER);
                    self.again("nothing came back");
                }
                Ok(()) = settled.changed() => {
                    let before = *settled.borrow_and_update();
                    self.purge(before);
                }
                _ = tick.tick() => self.wake.ring(),
            }
        }
    }

    fn take(&mut self, asked: Asked) {
        if self.window.is_empty() {
            self.put_off();
        }
        let bodies = if asked.proposal.bodies().next().is_some() { Bodies::Missing } else { Bodies::None };
        self.window.push_back(Flying { asked, bodies, sent: false });
    }

    /// Publishes all bodies that are missing, and the groups whose turn it is: while nothing is taken, the first group alone, as a probe.
    async fn publish(&mut self) {
        // What is said without a connection waits in memory, and is said again when there is one. Into streams that may be others
        // nothing is said.
        if self.engine.client.connection_state() != State::Connected || self.seen.suspected {
            return;
        }
        let reach = if self.told { 1 } else { self.window.len() };
        for flying in self.window.iter_mut().take(reach) {
            if flying.bodies == Bodies::Missing {
                flying.bodies = Bodies::Sent;
                let (serial, message) = (flying.asked.serial, joined(&flying.asked.proposal));
                let subject = self.engine.settings.bodies_subject();
                let published = self.engine.context.publish(subject, message).await;
                self.answers.push(Box::pin(async move {
                    Answer::Bodies { serial, sequence: acknowledged(published).await }
                }));
            }
        }
        for flying in self.window.iter_mut().take(reach) {
            if flying.sent {
                continue;
            }
            let Some(group) = group(self.proposer, flying) else { break };
            flying.sent = true;
            let subject = self.engine.settings.journal_subject();
            let published = self.engine.context.publish(subject, group.to_bytes()).await;
            let answer = async move { Answer::Group { outcome: acknowledged(published).await } };
            self.answers.push(Box::pin(answer));
        }
    }

    fn hear(&mut self, answer: Answer) {
        match answer {
            Answer::Bodies { serial, sequence } => {
                let flying = self.window.iter_mut().find(|flying| flying.asked.serial == serial);
                match (sequence, flying) {
                    (Ok(sequence), Some(flying)) => {
                        flying.bodies = Bodies::At(sequence);
                        self.room.taken(Of::Bodies);
                    }
                    (Ok(_), None) => {}
                    (Err(error), flying) => {
                        if let Some(flying) = flying.filter(|flying| flying.bodies == Bodies::Sent) {
                            flying.bodies = Bodies::Refused;
                        }
                        self.refused(Of::Bodies, &error);
                    }
                }
            }
            // That it is taken shows when it comes back.
            Answer::Group { outcome: Ok(_) } => self.room.taken(Of::Entries),
            Answer::Group { outcome: Err(error) } => self.refused(Of::Entries, &error),
            Answer::Purged { outcome: Ok(()) } => {}
            Answer::Purged { outcome: Err(reason) } => {
                // The next ones take them along.
                tracing::debug!(reason, "settled bodies could not be deleted for now");
            }
        }
    }

    /// A server did not take a message: most likely there is no leader, or no room. All is published again in a moment.
    fn refused(&mut self, of: Of, error: &PublishError) {
        let full = is_full(error);
        if full {
            self.room.refused(of);
        }
        if !std::mem::replace(&mut self.told, true) {
            tracing::warn!(%error, full, "the journal takes nothing for now; all is published again until it does");
        }
        self.again_at = self.again_at.min(Instant::now() + self.refused_after);
    }

    /// Forgets what came back, and notices what has to come again.
    fn follow(&mut self) {
        let progress = *self.progress.borrow_and_update();
        let before = std::mem::replace(&mut self.seen, progress);
        while self.window.front().is_some_and(|flying| flying.asked.serial <= progress.taken) {
            self.window.pop_front();
        }
        if progress.taken > before.taken {
            self.told = false;
            (self.again_after, self.refused_after) = (AGAIN_AFTER, REFUSED_AFTER);
            self.put_off();
        }
        if progress.passed_over > before.passed_over {
            self.again_at = self.again_at.min(Instant::now() + self.refused_after);
        }
    }

    fn put_off(&mut self) {
        self.again_at = Instant::now() + self.again_after;
    }

    /// Everything in the window is published once more. What came through as well is passed over by all.
    fn again(&mut self, why: &str) {
        if self.window.is_empty() {
            return;
        }
        tracing::debug!(why, groups = self.window.len(), "groups are published again");
        for flying in &mut self.window {
            flying.sent = false;
            match flying.bodies {
                Bodies::At(sequence) if sequence < self.seen.bodies_before => flying.bodies = Bodies::Missing,
                Bodies::Refused => flying.bodies = Bodies::Missing,
                // What was sent is answered, if only by silence.
                Bodies::Sent | Bodies::At(_) | Bodies::Missing | Bodies::None => {}
            }
        }
        self.put_off();
    }

    /// Deletes the bodies for which nothing waits any more. Every hub does: who comes second finds none.
    fn purge(&mut self, before: u64) {
        let bodies = self.engine.bodies.clone();
        self.answers.push(Box::pin(async move {
            let purged = bodies.purge().sequence(before).await;
            Answer::Purged { outcome: purged.map(drop).map_err(|error| error.to_string()) }
        }));
    }
}

/// Waits until the window is due, as long as there is one.
async fn again(at: Instant, is_empty: bool) {
    if is_empty { pending().await } else { sleep_until(at).await }
}

/// Whether a refusal means that there is no room.
fn is_full(error: &PublishError) -> bool {
    let said = std::error::Error::source(error).and_then(|source| source.downcast_ref::<jetstream::Error>());
    said.is_some_and(|said| {
        let code = said.error_code();
        // The last one is also what a server says that cannot store for another reason: then it has no room either.
        [
            ErrorCode::ACCOUNT_RESOURCES_EXCEEDED,
            ErrorCode::INSUFFICIENT_RESOURCES,
            ErrorCode::STORAGE_RESOURCES_EXCEEDED,
            ErrorCode::STREAM_STORE_FAILED,
        ]
        .contains(&code)
    })
}

/// All bodies of a proposal, one behind the other.
fn joined(proposal: &Proposal) -> Bytes {
    let mut message = BytesMut::with_capacity(proposal.bodies().map(Bytes::len).sum());
    proposal.bodies().for_each(|body| message.extend_from_slice(body));
    message.freeze()
}

/// The message of a group; `None` while its bodies have no place.
fn group(proposer: Proposer, flying: &Flying) -> Option<Group> {
    let sequence = match flying.bodies {
        Bodies::At(sequence) => sequence,
        Bodies::None => 0,
        Bodies::Missing | Bodies::Sent | Bodies::Refused => return None,
    };
    let Asked { serial, proposal, bodies_before } = &flying.asked;
    let mut offset = 0;
    let place = |body: &Bytes| {
        let location = BodyLocation {
            segment: sequence,
            offset,
            length: u32::try_from(body.len()).unwrap_or(u32::MAX),
            checksum: crc32c::crc32c(body),
            index: sequence,
        };
        offset += body.len() as u64;
        location
    };
    let places: Vec<_> = proposal.bodies().map(place).collect();
    let entries = proposal.clone().entries(places);
    Some(Group { proposer, serial: *serial, entries, bodies_before: *bodies_before })
}
