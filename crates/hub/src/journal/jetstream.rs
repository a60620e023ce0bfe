//! The journal as two streams of NATS JetStream, for hubs that keep it together: one of entries, one of bodies.
//!
//! ```text
//! propose ─▶ bodies ─acknowledged─▶ group ─▶ stream of entries ═══▶ every hub: judged, applied ─▶ ACCEPTED by its proposer
//!            (several at a time, the groups of one hub in their order)
//! ```
//!
//! * One message is one group: all entries that were proposed at a time. The index of an entry is the sequence of its message
//!   times 4,096, plus its position in it.
//! * The order of the stream is the order of all hubs. What is taken is decided by that alone (`order`).
//! * Nothing counts before it came back from the stream, which gives out what its servers have committed.
//! * What is settled is deleted: a hub says in a group up to where, and from then on no group that names an older body is taken. Then
//!   each hub deletes that far what nothing waits for in what it applied: groups that came before may name older bodies.
//! * A stream that was set back, replaced or lost is noticed (`follow`), and ends the program: it starts again with what is
//!   there, and the nodes send again what is not.

pub mod check;
pub mod demands;
mod engine;
mod follow;
mod neighbours;
mod order;
mod publish;
mod reach;
mod read;
mod room;
pub mod settings;
mod snapshots;

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sealpost_crypto::digest::sha256;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant;
use sealpost_domain::link::Incarnation;
use sealpost_server::program::with_causes;
use sealpost_wire::hub::snapshot::Snapshot;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Committed, Failed, Free, Journal, Neighbours, PROPOSAL_BYTES_MAX, PROPOSAL_DRAFTS_MAX, Proposal,
    ProposeError, Read, Ticket,
};
use crate::core::{Fault, State};
use engine::{Engine, Found};
pub use engine::{Error as EngineError, check_files};
use follow::{After, Follower, Progress, Step};
use order::{Order, Proposer};
use publish::{Asked, Publisher};
use reach::Heard;
use read::{NotGiven, Reader};
use room::Room;
pub use settings::Settings;

/// Bits of an index that count entries within one group.
const POSITION_BITS: u32 = 12;
const _: () =
    assert!(PROPOSAL_DRAFTS_MAX <= 1 << POSITION_BITS, "positions tell all entries of a group apart");
/// How many groups of this hub are on their way at a time.
const GROUPS_MAX: u64 = 8;
/// Groups that were read and not applied.
const READ_AHEAD: usize = 64;
/// How long the servers may take to give what a snapshot is compared with.
const SNAPSHOT_PATIENCE: Duration = Duration::from_secs(30);
/// Between two times.
const SNAPSHOT_AGAIN: Duration = Duration::from_millis(250);
/// So many messages of settled bodies are deleted together.
const FORGOTTEN_TOGETHER: u64 = 256;
/// Or fewer, after so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);

/// The streams, open for writing.
pub struct JetStream {
    incarnation: Incarnation,
    proposer: Proposer,
    engine: Engine,
    runtime: Handle,
    asked: mpsc::UnboundedSender<Asked>,
    steps: mpsc::Receiver<Result<Step, Failed>>,
    wake: Arc<Wake>,
    progress: watch::Receiver<Progress>,
    room: Room,
    reachable: watch::Receiver<bool>,
    /// The last group that was known from a snapshot.
    began_after: u64,
    /// The last serial that was given out.
    serial: u64,
    /// The last message of bodies that is named by what came back.
    bodies: u64,
    /// No group that comes names a body before this sequence.
    bodies_before: u64,
    /// Bodies before this sequence are deleted.
    settled: watch::Sender<u64>,
    /// Up to where bodies were said to be settled, and when.
    forgotten: (u64, Instant),
    /// A snapshot that is being stored.
    storing: Option<AbortOnDropHandle<()>>,
    /// The last group that came back is one after which this hub takes a snapshot.
    snapshot: Option<Box<After>>,
    _tasks: [AbortOnDropHandle<()>; 3],
}

/// Random bytes for a start.
#[derive(Clone, Copy)]
pub struct Fresh {
    /// The hub's incarnation, should the stream not be there.
    pub incarnation: Incarnation,
    /// Who proposes.
    pub proposer: [u8; 16],
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The servers, or what they keep.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The stream was lost, or makes no sense.
    #[error("the hub's journal cannot be read")]
    Failed(#[from] Failed),
    /// An entry that makes no sense at its place.
    #[error("the hub's journal does not hold together")]
    Fault(#[from] Fault),
}

impl Error {
    /// Whether a file that the configuration names is at fault.
    pub fn is_configuration(&self) -> bool {
        matches!(self, Self::Engine(EngineError::File { .. }))
    }
}

/// What is called when something was committed.
#[derive(Default)]
struct Wake(OnceLock<Box<dyn Fn() + Send + Sync>>);

impl Wake {
    fn ring(&self) {
        if let Some(bell) = self.0.get() {
            bell();
        }
    }
}

impl JetStream {
    /// Connects, makes the streams if they are not there, and applies all entries.
    pub async fn open(settings: &Settings, fresh: Fresh) -> Result<(Self, State), Error> {
        let engine = Engine::connect(settings).await?;
        let found = engine.prepare(fresh.incarnation).await?;
        let (order, last, state) = begin(&engine, &found).await;
        let begun = order.last();
        let (out, steps) = mpsc::channel(READ_AHEAD);
        let (told, progress) = watch::channel(Progress::default());
        let (asked, asks) = mpsc::unbounded_channel();
        let room = Room::unknown();
        let (settled, settling) = watch::channel(0);
        let wake = Arc::new(Wake::default());
        let (heard, (reached, reachable)) = (Heard::now(), watch::channel(true));
        let follower = Follower {
            engine: engine.clone(),
            incarnation: found.incarnation,
            proposer: fresh.proposer,
            order,
            last_digest: last,
            looked: None,
            bodies: 0,
            out,
            wake: Arc::clone(&wake),
            progress: told,
            room: room.clone(),
            heard: heard.clone(),
            suspected: None,
        };
        let watching = reach::watch(engine.clone(), heard, reached);
        let publisher = Publisher::new(
            engine.clone(),
            fresh.proposer,
            asks,
            progress.clone(),
            settling,
            Arc::clone(&wake),
            room.clone(),
        );
        let tasks = [tokio::spawn(follower.run()), tokio::spawn(publisher.run()), tokio::spawn(watching)];
        let mut journal = Self {
            incarnation: found.incarnation,
            proposer: fresh.proposer,
            engine,
            runtime: Handle::current(),
            asked,
            steps,
            wake,
            progress,
            room,
            reachable,
            began_after: begun,
            serial: 0,
            bodies: 0,
            bodies_before: 0,
            settled,
            forgotten: (0, Instant::now()),
            storing: None,
            snapshot: None,
            _tasks: tasks.map(AbortOnDropHandle::new),
        };
        let state = journal.replay(state, begun, found.last).await?;
        Ok((journal, state))
    }

    /// The last group that this hub did not have to read, since a snapshot knew what follows from it; 0 without one.
    pub fn began_after(&self) -> u64 {
        self.began_after
    }

    /// Applies everything after a sequence up to another one.
    async fn replay(&mut self, mut state: State, after: u64, last: u64) -> Result<State, Error> {
        let mut sequence = after;
        while sequence < last {
            let step = self.steps.recv().await.unwrap_or(Err(Failed::Ended))?;
            sequence = step.sequence;
            let Committed { first, entries, .. } = self.note(step);
            self.snapshot = None;
            for (index, entry) in (first..).zip(&entries) {
                state.step(index, entry)?;
            }
        }
        Ok(state)
    }

    fn note(&mut self, step: Step) -> Committed {
        self.bodies = step.bodies.unwrap_or(0).max(self.bodies);
        self.bodies_before = step.bodies_before;
        self.snapshot = step.snapshot;
        step.committed
    }

    fn ask(&mut self, proposal: Proposal, bodies_before: u64) -> Result<Ticket, Failed> {
        self.serial += 1;
        let asked = Asked { serial: self.serial, proposal, bodies_before };
        self.asked.send(asked).map_err(|_| Failed::Ended)?;
        Ok(Ticket(self.serial))
    }
}

impl Journal for JetStream {
    fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    fn reader(&self) -> Arc<dyn Read> {
        Arc::new(Reader::new(self.engine.clone(), self.runtime.clone()))
    }

    fn free(&self) -> io::Result<Free> {
        Ok(self.room.free())
    }

    fn is_ready(&self) -> bool {
        self.serial - self.progress.borrow().taken < GROUPS_MAX
    }

    fn notify(&mut self, committed: Box<dyn Fn() + Send + Sync>) {
        // Called once, by the writer that owns this.
        let _ = self.wake.0.set(committed);
        // For what was committed before.
        self.wake.ring();
    }

    fn propose(&mut self, proposal: Proposal) -> Result<Ticket, ProposeError> {
        // No server takes it, and nothing behind it would be taken.
        let bytes: usize = proposal.bodies().map(bytes::Bytes::len).sum();
        if proposal.drafts.len() > PROPOSAL_DRAFTS_MAX || bytes > PROPOSAL_BYTES_MAX {
            let text = format!(
                "{} drafts with {bytes} bytes of bodies are too much at a time",
                proposal.drafts.len()
            );
            return Err(ProposeError::Refused(text.into()));
        }
        Ok(self.ask(proposal, 0)?)
    }

    fn committed(&mut self) -> Result<Option<Committed>, Failed> {
        match self.steps.try_recv() {
            Ok(step) => Ok(Some(self.note(step?))),
            Err(mpsc::error::TryRecvError::Empty) => Ok(None),
            Err(mpsc::error::TryRecvError::Disconnected) => Err(Failed::Ended),
        }
    }

    fn applied(&mut self, state: &State) -> Result<(), Failed> {
        let is_storing = self.storing.as_ref().is_some_and(|storing| !storing.is_finished());
        if let Some(after) = self.snapshot.take().filter(|_| !is_storing) {
            let After { order, digest } = *after;
            let snapshot = Snapshot {
                sequence: order.last(),
                group_digest: digest,
                incarnation: self.incarnation,
                bodies_before: order.bodies_before(),
                proposers: order.proposers(),
                state: state.snapshot(),
            };
            let store = self.runtime.spawn(snapshots::store(self.engine.clone(), snapshot));
            self.storing = Some(AbortOnDropHandle::new(store));
        }
        let needed = state.first_body_segment().unwrap_or(self.bodies + 1);
        let settled = needed.min(self.bodies_before);
        self.settled.send_if_modified(|before| settled > std::mem::replace(before, settled.max(*before)));
        let (forgotten, at) = self.forgotten;
        let enough = needed >= forgotten + FORGOTTEN_TOGETHER;
        if enough || needed > forgotten && at.elapsed() > FORGOTTEN_AFTER {
            self.forgotten = (needed, Instant::now());
            let nothing = Proposal { at: instant::Instant::from_millis(0), drafts: Vec::new() };
            self.ask(nothing, needed)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failed> {
        Ok(())
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn reachable(&self) -> Option<watch::Receiver<bool>> {
        Some(self.reachable.clone())
    }

    fn neighbours(&mut self) -> Option<Neighbours> {
        let _runtime = self.runtime.enter();
        Some(neighbours::start(&self.engine.client, &self.engine.settings, &self.proposer))
    }
}

/// Where a hub begins: after the latest snapshot of this stream, or before everything.
async fn begin(engine: &Engine, found: &Found) -> (Order, Option<Digest>, State) {
    let nothing = (Order::default(), None, State::of_several());
    let Some(snapshot) = snapshots::latest(engine, found.incarnation).await else { return nothing };
    // Of a stream that was set back since, the snapshot may know more than there is.
    let begun = Instant::now();
    let lies_there = loop {
        match read::message(&engine.journal, snapshot.sequence).await {
            Ok(group) => break sha256(&group) == snapshot.group_digest,
            Err(NotGiven::Unreachable(_)) if begun.elapsed() < SNAPSHOT_PATIENCE => {
                tokio::time::sleep(SNAPSHOT_AGAIN).await;
            }
            Err(_) => break false,
        }
    };
    if !lies_there || snapshot.sequence > found.last {
        let sequence = snapshot.sequence;
        tracing::warn!(sequence, "the latest snapshot is not of this stream: all entries are read");
        return nothing;
    }
    let (order, digest) = (Order::restore(&snapshot), snapshot.group_digest);
    match State::restore(snapshot.state) {
        Ok(state) => (order, Some(digest), state),
        Err(error) => {
            let error = with_causes(&error);
            tracing::warn!(error, "the latest snapshot makes no sense: all entries are read");
            nothing
        }
    }
}

/// The index of the first entry of a group.
fn first_index(sequence: u64) -> u64 {
    sequence << POSITION_BITS
}

/// The sequence of an entry's group.
fn sequence(index: u64) -> u64 {
    index >> POSITION_BITS
}

/// The position of an entry in its group.
fn position(index: u64) -> usize {
    usize::try_from(index & ((1 << POSITION_BITS) - 1)).unwrap_or(usize::MAX)
}
