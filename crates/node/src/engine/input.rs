//! What the single writer is told.

use bytes::Bytes;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::link::Incarnation;
use sealpost_domain::statement::{Accepted, Signed};
use sealpost_domain::view::Published;
use tokio::sync::{oneshot, watch};

use crate::core::inbox::ReadMessage;
use crate::core::outbox::Prepared;
use crate::core::{NotInstalled, Said};
use crate::handle::{AcknowledgeError, PublishError};
use crate::verify::Verified;

/// Something that happened.
pub enum Input {
    /// A message was prepared.
    Publish {
        /// The message.
        prepared: Box<Prepared>,
        /// What came of it.
        answer: oneshot::Sender<Result<Outcome, PublishError>>,
    },
    /// Messages were read.
    Acknowledge {
        /// Which ones.
        messages: Vec<ReadMessage>,
        /// By whom.
        reader: KeyId,
        /// How many were unread.
        answer: oneshot::Sender<Result<u32, AcknowledgeError>>,
    },
    /// The hub delivered something, and it was verified.
    Delivered {
        /// What came of verifying.
        verified: Box<Verified>,
        /// Its place in the hub's journal.
        index: u64,
        /// Told when it is durable.
        mark: Mark,
    },
    /// The hub promised to deliver a batch; verified.
    Accepted {
        /// Its statement.
        statement: Signed,
        /// What that says.
        accepted: Accepted,
        /// The headers of the batch, in order.
        headers: Vec<Digest>,
        /// Where the messages lie in the ledger.
        messages: Vec<u64>,
    },
    /// A peer said something; verified.
    Said {
        /// Its statement.
        statement: Signed,
        /// What that says.
        said: Said,
    },
    /// The hub does not know our place in its journal.
    HubReset {
        /// The life of that journal.
        hub: Incarnation,
    },
    /// The hub says which directory is in force there.
    HubDirectory {
        /// Which one.
        in_force: DirectoryVersion,
    },
    /// Somebody was refused at the gateway, or where the hub should be.
    PeerRefused {
        /// What it is about: the same thing is recorded once.
        subject: String,
        /// What happened, for people.
        detail: String,
    },
    /// A version of the directory; not verified.
    Directory {
        /// The version.
        signed: Signed,
        /// Whether it was installed, or why not.
        answer: oneshot::Sender<Result<(), NotInstalled>>,
    },
}

/// What came of a message that was to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable.
    Published(Published),
    /// Its idempotency key was used for the message at this ledger index.
    Repeats(u64),
    /// It has to be prepared again.
    Stale,
}

/// How far one of the hub's streams is settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SettledUpTo {
    /// Everything up to and with this place of the hub's journal is durable.
    pub index: u64,
    /// Something was not kept: the stream has to be opened anew. Nothing that comes on it after that is kept.
    pub broken: Option<Broken>,
}

/// Why something that the hub delivered was not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// There is no space, or no key that signs.
    Refused,
    /// Another directory is in force than the one under which it was verified.
    Outdated,
}

/// Tells one of the hub's streams how far it is settled.
#[derive(Clone)]
pub struct Mark(std::sync::Arc<watch::Sender<SettledUpTo>>);

impl Mark {
    /// A mark, and where it is read.
    pub fn new() -> (Self, watch::Receiver<SettledUpTo>) {
        let (sender, receiver) = watch::channel(SettledUpTo::default());
        (Self(std::sync::Arc::new(sender)), receiver)
    }

    pub(super) fn settle(&self, index: u64) {
        self.0.send_modify(|settled| settled.index = settled.index.max(index));
    }

    pub(super) fn breaks(&self, why: Broken) {
        self.0.send_modify(|settled| {
            settled.broken.get_or_insert(why);
        });
    }

    pub(super) fn is_broken(&self) -> bool {
        self.0.borrow().broken.is_some()
    }
}

/// What a statement takes without its payload, about.
const STATEMENT_BYTES: usize = 16 << 10;

impl Input {
    /// Bytes that it adds to a round, about.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Publish { prepared, .. } => prepared.sealed.len(),
            Self::Delivered { verified, .. } => match verified.as_ref() {
                Verified::Arrived(arrived) => arrived.body.as_ref().map_or(0, |body| body.sealed.len()),
                Verified::Unproven(alarm) | Verified::Early(alarm) => {
                    alarm.exhibits.iter().map(Bytes::len).sum()
                }
                Verified::Unopened(unopened) => unopened.alarm.exhibits.iter().map(Bytes::len).sum(),
                Verified::Failed(_) => 0,
            },
            Self::Directory { signed, .. } => signed.payload.len(),
            Self::Accepted { statement, .. } | Self::Said { statement, .. } => {
                STATEMENT_BYTES + statement.payload.len()
            }
            Self::Acknowledge { .. }
            | Self::HubReset { .. }
            | Self::HubDirectory { .. }
            | Self::PeerRefused { .. } => STATEMENT_BYTES,
        }
    }
}
