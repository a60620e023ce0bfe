//! Follows the stream of entries: whatever is in it, in its order, goes to the writer, and is judged on the way.
//!
//! A server that goes, a leader that changes, a line that breaks: the stream is asked for anew, after the last group that was
//! read. That it is still the same stream is looked at again and again, since nothing else would show that it was set back: the
//! last group that was read must lie where it lay, byte for byte.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use futures::StreamExt as _;
use sealpost_crypto::digest::sha256;
use sealpost_domain::digest::Digest;
use sealpost_domain::link::Incarnation;
use sealpost_wire::hub::Group;
use tokio::sync::{mpsc, watch};

use super::engine::{Engine, incarnation_of, is_missing};
use super::order::{Order, Proposer, Verdict, bodies};
use super::reach::Heard;
use super::read::{NotGiven, leaders_message};
use super::room::Room;
use super::{Wake, first_index, snapshots};
use crate::journal::{Committed, Failed, Lost, ReadError, Ticket};

/// Groups that are asked for at a time.
const GROUPS_AHEAD: usize = 256;
/// And of how many bytes.
const BYTES_AHEAD: usize = 16 << 20;
/// How often a server has to say that it is there, while there is nothing to deliver.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How long one request for groups stands.
const ASKED_FOR: Duration = Duration::from_secs(10);
/// When a server forgets a follower that has gone.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);
/// How often it is looked at whether the stream is the same.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two attempts to follow.
const ATTEMPTS_APART: Duration = Duration::from_millis(100);
/// For so long a stream may seem to be lost: a leader that has just been elected may not have applied all that it has.
const LOST_AFTER: Duration = Duration::from_secs(10);

/// What the publisher has to know of the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The last serial of this hub that was taken.
    pub(super) taken: u64,
    /// Bodies before this sequence are deleted.
    pub(super) bodies_before: u64,
    /// How often a group of this hub was passed over, and has to come again.
    pub(super) passed_over: u64,
    /// Whether the streams seem to be lost: then nothing is published.
    pub(super) suspected: bool,
}

/// What the writer gets.
pub(super) struct Step {
    /// What was committed; without entries where the group was passed over.
    pub(super) committed: Committed,
    /// The sequence of the group.
    pub(super) sequence: u64,
    /// The latest message of bodies that it names.
    pub(super) bodies: Option<u64>,
    /// From it on no group names a body before this sequence.
    pub(super) bodies_before: u64,
    /// The order after it, where this hub is to take a snapshot.
    pub(super) snapshot: Option<Box<After>>,
}

/// How the stream stands after a group.
pub(super) struct After {
    pub(super) order: Order,
    /// The digest of the group.
    pub(super) digest: Digest,
}

/// Reads the stream.
pub(super) struct Follower {
    pub(super) engine: Engine,
    pub(super) incarnation: Incarnation,
    pub(super) proposer: Proposer,
    pub(super) order: Order,
    /// The digest of the last group.
    pub(super) last_digest: Option<Digest>,
    /// The group that was the last one at the last look, with its digest.
    pub(super) looked: Option<(u64, Digest)>,
    /// The latest message of bodies that any group named.
    pub(super) bodies: u64,
    pub(super) out: mpsc::Sender<Result<Step, Failed>>,
    pub(super) wake: Arc<Wake>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) room: Room,
    /// When the stream was last heard.
    pub(super) heard: Heard,
    /// Since when the streams seem to be lost, and how.
    pub(super) suspected: Option<(Instant, Lost)>,
}

/// Why following ended for now.
enum Ended {
    /// It is tried again.
    Broken(String),
    /// So it seems; believed when it stays so.
    Suspect(Lost),
    /// For good.
    Failed(Failed),
    /// Nobody reads any more.
    Closed,
}

impl Follower {
    /// Follows until the stream is lost, or nobody reads any more.
    pub(super) async fn run(mut self) {
        let mut told = false;
        loop {
            let before = self.order.last();
            let ended = match self.session().await {
                Ok(never) => match never {},
                Err(ended) => ended,
            };
            if self.order.last() > before {
                told = false;
            }
            let failed = match ended {
                Ended::Closed => return,
                Ended::Failed(failed) => Some(failed),
                Ended::Broken(reason) => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::warn!(reason, "the journal cannot be followed for now");
                    }
                    None
                }
                Ended::Suspect(lost) => {
                    let (since, _) = *self.suspected.get_or_insert_with(|| {
                        tracing::warn!(%lost, "the journal seems to be lost; nothing is published until that is known");
                        (Instant::now(), lost)
                    });
                    self.progress.send_modify(|progress| progress.suspected = true);
                    (since.elapsed() > LOST_AFTER).then(|| Failed::Lost(lost))
                }
            };
            if let Some(failed) = failed {
                // The writer has ended where nobody takes it.
                let _ = self.out.send(Err(failed)).await;
                self.wake.ring();
                return;
            }
            tokio::time::sleep(ATTEMPTS_APART).await;
        }
    }

    /// Follows until something breaks.
    async fn session(&mut self) -> Result<std::convert::Infallible, Ended> {
        self.look().await?;
        self.found_whole();
        let config = pull::Config {
            deliver_policy: DeliverPolicy::ByStartSequence { start_sequence: self.order.last() + 1 },
            ack_policy: AckPolicy::None,
            inactive_threshold: FORGOTTEN_AFTER,
            memory_storage: true,
            num_replicas: 1,
            ..pull::Config::default()
        };
        let consumer = self.engine.journal.create_consumer(config).await.map_err(broken)?;
        let asked = consumer.stream().max_messages_per_batch(GROUPS_AHEAD).max_bytes_per_batch(BYTES_AHEAD);
        let mut groups = asked.heartbeat(HEARTBEAT).expires(ASKED_FOR).messages().await.map_err(broken)?;
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looking = None;
        loop {
            tokio::select! {
                group = groups.next() => match group {
                    Some(Ok(message)) => self.take(&message).await?,
                    Some(Err(error)) => return Err(broken(error)),
                    None => return Err(broken("the server ended it")),
                },
                _ = tick.tick(), if looking.is_none() => {
                    looking = Some(Box::pin(self.look()));
                }
                looked = async { looking.as_mut().expect("guarded").await }, if looking.is_some() => {
                    looking = None;
                    looked?;
                    self.found_whole();
                }
            }
        }
    }

    /// Looks at the streams as they are now.
    fn look(&self) -> impl Future<Output = Result<(), Ended>> + use<> {
        let last = self.last_digest.map(|digest| (self.order.last(), digest));
        let read = Read {
            incarnation: self.incarnation,
            last: self.order.last(),
            // Where nothing came since, both are the same one.
            groups: [self.looked.filter(|looked| Some(*looked) != last), last],
            bodies: self.bodies,
        };
        look(self.engine.clone(), self.room.clone(), read)
    }

    /// The streams are the same. That a group is missing in their midst shows only when it comes.
    fn found_whole(&mut self) {
        self.heard.note();
        self.looked = self.last_digest.map(|digest| (self.order.last(), digest));
        if self.suspected.is_some_and(|(_, lost)| !matches!(lost, Lost::Gap { .. })) {
            self.trust();
        }
    }

    fn trust(&mut self) {
        if self.suspected.take().is_some() {
            tracing::info!("the journal is whole");
            self.progress.send_modify(|progress| progress.suspected = false);
        }
    }

    async fn take(&mut self, message: &Message) -> Result<(), Ended> {
        let sequence = message.info().map_err(broken)?.stream_sequence;
        let expected = self.order.last() + 1;
        if sequence < expected {
            return Ok(());
        }
        if sequence > expected {
            return Err(Ended::Suspect(Lost::Gap { sequence: expected }));
        }
        let index = first_index(sequence);
        let group = Group::from_bytes(&message.payload)
            .map_err(|source| Ended::Failed(Failed::Unreadable(ReadError::Parse { index, source })))?;
        let verdict = self.order.judge(&group);
        let digest = sha256(&message.payload);
        self.last_digest = Some(digest);
        self.trust();
        let own = group.proposer == self.proposer;
        let taken = verdict == Verdict::Taken;
        let bodies = bodies(&group).max().filter(|_| taken);
        self.bodies = bodies.unwrap_or(0).max(self.bodies);
        if self.order.taken_of(&self.proposer) < self.progress.borrow().taken {
            return Err(Ended::Failed(Failed::Forgotten));
        }
        let entries = if taken { group.entries } else { Vec::new() };
        // One without entries says only what may be deleted: nobody waits for it.
        let ticket = (own && !entries.is_empty()).then_some(Ticket(group.serial));
        let committed = Committed { first: index, entries, ticket };
        if !taken {
            tracing::debug!(sequence, ?verdict, own, "group passed over");
        }
        let after = || Box::new(After { order: self.order.clone(), digest });
        let snapshot = (own && sequence.is_multiple_of(snapshots::EVERY)).then(after);
        let bodies_before = self.order.bodies_before();
        self.out
            .send(Ok(Step { committed, sequence, bodies, bodies_before, snapshot }))
            .await
            .map_err(|_| Ended::Closed)?;
        self.progress.send_modify(|progress| {
            progress.taken = self.order.taken_of(&self.proposer);
            progress.bodies_before = self.order.bodies_before();
            let comes_again = own && matches!(verdict, Verdict::Early | Verdict::BodiesGone);
            progress.passed_over += u64::from(comes_again);
        });
        self.wake.ring();
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "so it stands where an error is mapped")]
fn broken(reason: impl ToString) -> Ended {
    Ended::Broken(reason.to_string())
}

/// What was read of the streams.
struct Read {
    incarnation: Incarnation,
    /// The sequence of the last group.
    last: u64,
    /// Groups that have to lie where they lay.
    groups: [Option<(u64, Digest)>; 2],
    /// The latest message of bodies that was named.
    bodies: u64,
}

/// Looks whether the streams are those that were read: the same life, nothing taken back, the same groups where they were; and how
/// much room there is.
async fn look(engine: Engine, room: Room, read: Read) -> Result<(), Ended> {
    let info = async |stream: String| match engine.context.get_stream(stream).await {
        Ok(stream) => Ok(stream.cached_info().clone()),
        Err(error) if is_missing(&error) => Err(Ended::Suspect(Lost::Gone)),
        Err(error) => Err(broken(error)),
    };
    let (entries, bodies) = (info(engine.settings.journal()).await?, info(engine.settings.bodies()).await?);
    if incarnation_of(&entries.config) != Some(read.incarnation) {
        return Err(Ended::Suspect(Lost::Replaced));
    }
    for (read, found) in [(read.last, &entries), (read.bodies, &bodies)] {
        let found = found.state.last_sequence;
        if found < read {
            return Err(Ended::Suspect(Lost::SetBack { read, found }));
        }
    }
    for (sequence, digest) in read.groups.into_iter().flatten() {
        // Of the leader: another replica may still have what was set back.
        let group = match leaders_message(&engine.journal, sequence).await {
            Ok(group) => group,
            Err(NotGiven::Missing) => return Err(Ended::Suspect(Lost::Gap { sequence })),
            Err(NotGiven::Unreachable(reason)) => return Err(Ended::Broken(reason)),
        };
        if sha256(&group) != digest {
            return Err(Ended::Suspect(Lost::Rewritten { sequence }));
        }
    }
    room.ask(&engine, &entries, &bodies).await;
    Ok(())
}
