//! The hub's memory, in the hub's own terms: proposals go in, committed entries come back in one order, and what was committed
//! can be read again.
//!
//! ```text
//! writer ── propose ──▶ journal ── committed ──▶ core::step ── applied ──▶ journal (what is settled may be forgotten)
//!                          ▲
//! dispatch ── Read ────────┘
//! ```
//!
//! | implementation | keeps it | for |
//! |---|---|---|
//! | [`local`] | in two logs on the disk of this machine | one hub |
//! | [`jetstream`] | in two streams of NATS JetStream, on several machines | any number of hubs |
//!
//! What both promise, and one suite of tests asks of both (`tests/journal`):
//!
//! * An entry that came back is durable with its bodies, and will come back in the same place for ever.
//! * Indices ascend. Entries of one proposer come in the order in which it proposed them, each once, none left out before
//!   another one.
//! * A proposal is taken with all of its drafts, or not at all.
//! * A body can be read until nothing waits for it.
//!
//! An entry names where its bodies lie; entries stay, bodies are deleted when they are settled.

pub mod jetstream;
pub mod local;

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::envelope::Signature;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::Signed;
use sealpost_seglog::append::Fatal;
use sealpost_seglog::read;
use sealpost_wire::hub::{BodyLocation, Control, Entry, Event, Payload, SubmittedEnvelope};
use tokio::sync::{mpsc, watch};

use crate::core::State;

/// A journal that is open for writing. Whoever writes owns it; all calls return without waiting for another machine.
pub trait Journal: Send {
    /// Which life of the hub this is: another one for every journal that began empty.
    fn incarnation(&self) -> Incarnation;

    /// Reads what is committed, from any thread.
    fn reader(&self) -> Arc<dyn Read>;

    /// What is left for what is proposed.
    fn free(&self) -> io::Result<Free>;

    /// Whether a proposal would be worked on at once. More may be proposed all the same; what is gathered meanwhile goes in one. Where
    /// this can be false, the bell of [`Journal::notify`] rings when it may be true again.
    fn is_ready(&self) -> bool {
        true
    }

    /// A bell that rings, from any thread, when there may be more to ask [`Journal::committed`] for, when [`Journal::is_ready`] may have
    /// changed, and now and then, so that [`Journal::applied`] is called although nothing comes. It may ring for nothing. Given once,
    /// before anything is proposed. A journal that gives back what is proposed at once need not ring.
    fn notify(&mut self, _bell: Box<dyn Fn() + Send + Sync>) {}

    /// Hands in what is to be committed together: at most [`PROPOSAL_DRAFTS_MAX`] drafts and [`PROPOSAL_BYTES_MAX`] bytes of bodies, and
    /// as many of headers. Tickets ascend; not all numbers need to be given out.
    fn propose(&mut self, proposal: Proposal) -> Result<Ticket, ProposeError>;

    /// What was committed next, by whomever; `None` when there is nothing more for now.
    fn committed(&mut self) -> Result<Option<Committed>, Failed>;

    /// Everything that came out of [`Journal::committed`] was applied to this state: what nothing in it waits for may be deleted.
    /// To be called before the next is asked for, and now and then when nothing comes.
    fn applied(&mut self, state: &State) -> Result<(), Failed>;

    /// Nothing more is coming. What is on its way may still be committed; nobody is told of it.
    fn close(&mut self) -> Result<(), Failed>;

    /// Whether other hubs may keep it too.
    fn is_shared(&self) -> bool {
        false
    }

    /// Whether it can be reached now, where it is elsewhere.
    fn reachable(&self) -> Option<watch::Receiver<bool>> {
        None
    }

    /// The way to those others, where there can be any. Once.
    fn neighbours(&mut self) -> Option<Neighbours> {
        None
    }
}

/// What hubs that keep one journal say to one another beside it. Nothing of it is kept, and anything may be lost.
pub struct Neighbours {
    /// To all others.
    pub say: mpsc::Sender<Said>,
    /// From all others.
    pub hear: mpsc::Receiver<Said>,
}

/// What one hub says to all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// A frame from one node to another, which may be connected anywhere.
    Frame(Control),
    /// An agency's node is connected here, and nowhere else.
    Sits(AgencyId),
    /// It is not any more.
    Left(AgencyId),
}

/// Bytes that are left; `u64::MAX` where nobody says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Free {
    /// For entries.
    pub entries: u64,
    /// For bodies.
    pub bodies: u64,
}

impl Free {
    /// For what needs both.
    pub fn least(self) -> u64 {
        self.entries.min(self.bodies)
    }
}

/// Reads entries and bodies that are committed. Blocks on a disk or a network.
pub trait Read: Send + Sync {
    /// The entry at an index.
    fn entry(&self, index: u64) -> Result<Entry, ReadError>;

    /// The sealed content and the wraps that lie at a place.
    fn payload(&self, at: &BodyLocation) -> Result<Payload, ReadError>;
}

/// The most drafts of one proposal.
pub const PROPOSAL_DRAFTS_MAX: usize = 1 << 12;
/// The most bytes of its bodies: a batch as a node may submit it.
pub const PROPOSAL_BYTES_MAX: usize = 4 << 20;

/// What is to be committed together, each draft as an entry of its own.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The proposer's clock.
    pub at: Instant,
    /// In this order.
    pub drafts: Vec<Draft>,
}

/// An entry that has no place yet, and neither have its bodies.
#[derive(Clone, Debug)]
pub enum Draft {
    /// A new directory, that verified against the one in force.
    Directory(Signed),
    /// A batch that a node submitted.
    Batch {
        /// The node's agency.
        sender: AgencyId,
        /// With their bodies.
        envelopes: Vec<DraftEnvelope>,
    },
    /// A node has everything of a priority up to an index.
    Settled {
        /// The node's agency.
        recipient: AgencyId,
        /// The lane.
        priority: Priority,
        /// The last place that is settled.
        index: u64,
    },
    /// Revocation lists that an operator published.
    Lists(Vec<Bytes>),
}

/// An envelope of a [`Draft::Batch`].
#[derive(Clone, Debug)]
pub struct DraftEnvelope {
    /// The exact bytes of the header.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: Vec<Signature>,
    /// Bit n is set where the body holds a wrap for recipient n of the header.
    pub wrapped: u64,
    /// The sealed content and the wraps, as they are stored.
    pub body: Bytes,
}

/// A proposal of this process, in the order of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub u64);

/// Entries that were committed together. Without entries it says only that time went on.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The index of the first; the others follow.
    pub first: u64,
    /// In order, with the places of their bodies.
    pub entries: Vec<Entry>,
    /// Where this process proposed them: then they are the drafts of that proposal, in their order.
    pub ticket: Option<Ticket>,
}

/// What a journal says by itself.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a proposal was not taken. No part of it was.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// It may be tried again later.
    #[error("there is no room for it")]
    NoRoom(#[source] Cause),
    /// It would not be taken later either.
    #[error("it is not taken")]
    Refused(#[source] Cause),
    /// The journal is of no use any more.
    #[error(transparent)]
    Failed(#[from] Failed),
}

/// The journal is of no use any more; the program has to end, and finds out when it starts again what is there.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// A disk failed.
    #[error("the disk failed; what was acknowledged before is safe, start again to find out what is there")]
    Disk(#[from] Fatal),
    /// It is not what it was.
    #[error(
        "the journal was lost: {0}. Start the hub again: it goes on with what is there, and the nodes send again what is not receipted"
    )]
    Lost(Lost),
    /// A part of it makes no sense: it was written by something else, or by a later version.
    #[error(
        "the journal cannot be read; is it of a later version, or was it written to by something else than hubs?"
    )]
    Unreadable(#[source] ReadError),
    /// So many other hubs started since this one proposed something that it is not known any more.
    #[error("too many hubs started while this one was silent; start it again, and look why they did")]
    Forgotten,
    /// What serves it is gone, and did not say why.
    #[error("the journal ended without a reason; start the hub again, and report what it logged before")]
    Ended,
}

/// How a journal that is kept elsewhere can be lost while hubs run. Sequences count what was committed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    /// Nothing of it is there.
    #[error("it is not there any more")]
    Gone,
    /// Another one has its name.
    #[error("another one has taken its place")]
    Replaced,
    /// It ends before what was read.
    #[error("it ends at {found}, {read} was read before: it was set back")]
    SetBack {
        /// The last sequence that was read.
        read: u64,
        /// The last one that is there.
        found: u64,
    },
    /// Something else lies where something was read.
    #[error("at {sequence} lies something else than what was read there: it was set back and went on")]
    Rewritten {
        /// Where.
        sequence: u64,
    },
    /// A part is missing in the midst of it.
    #[error("{sequence} is missing in the midst of it")]
    Gap {
        /// Which.
        sequence: u64,
    },
}

/// Why an entry or a body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The disk does not give it.
    #[error(transparent)]
    Log(#[from] read::Error),
    /// There is nothing at this sequence, or something else.
    #[error("there is nothing at {sequence}")]
    Missing {
        /// Its sequence.
        sequence: u64,
    },
    /// Nobody says whether it is there.
    #[error("{sequence} cannot be asked for: {reason}")]
    Unreachable {
        /// Its sequence.
        sequence: u64,
        /// Why not.
        reason: String,
    },
    /// What lies there makes no sense.
    #[error("journal entry {index} cannot be parsed")]
    Parse {
        /// The index of the entry, or of the body.
        index: u64,
        /// Why not.
        source: sealpost_wire::Error,
    },
}

impl ReadError {
    /// Whether nobody can say what lies there.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

impl Proposal {
    /// The bodies of all envelopes, in order.
    fn bodies(&self) -> impl Iterator<Item = &Bytes> {
        let envelopes = self.drafts.iter().flat_map(|draft| match draft {
            Draft::Batch { envelopes, .. } => envelopes.as_slice(),
            Draft::Directory(_) | Draft::Settled { .. } | Draft::Lists(_) => &[],
        });
        envelopes.map(|envelope| &envelope.body)
    }

    /// Whether forgetting it would cost more than a second delivery.
    fn matters(&self) -> bool {
        self.drafts.iter().any(|draft| !matches!(draft, Draft::Settled { .. }))
    }

    /// The entries, once their bodies have places, in the order of [`Proposal::bodies`].
    fn entries(self, bodies: impl IntoIterator<Item = BodyLocation>) -> Vec<Entry> {
        let (at, mut bodies) = (self.at, bodies.into_iter());
        let entry = |draft| {
            let event = match draft {
                Draft::Directory(signed) => Event::Directory(signed),
                Draft::Lists(crls) => Event::Lists(crls),
                Draft::Settled { recipient, priority, index } => {
                    Event::Settled { recipient, priority, index }
                }
                Draft::Batch { sender, envelopes } => {
                    let placed = envelopes.into_iter().zip(bodies.by_ref()).map(|(envelope, payload)| {
                        let DraftEnvelope { header, signatures, wrapped, body: _ } = envelope;
                        SubmittedEnvelope { header, signatures, payload, wrapped }
                    });
                    Event::Batch { sender, envelopes: placed.collect() }
                }
            };
            Entry { at, event }
        };
        self.drafts.into_iter().map(entry).collect()
    }
}

fn parse(index: u64, bytes: &Bytes) -> Result<Entry, ReadError> {
    Entry::from_bytes(bytes).map_err(|source| ReadError::Parse { index, source })
}
