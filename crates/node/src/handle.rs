//! What the gateway asks of a node: publish, acknowledge, and look at what lies in the ledger.
//!
//! A [`Handle`] is cheap to clone. It promises that nothing is answered before it is durable, that everything below
//! [`Handle::next_index`] can be read, and that reading never waits for the single writer: messages are opened where
//! they lie, one at a time, so that memory does not grow with the ledger.
//!
//! It never decides anything: what may be published is decided by the core behind [`Command`], and what a message
//! says was verified before it was recorded. Who may ask is the gateway's business.

use std::sync::Arc;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Draft, Outcome};
use sealpost_domain::approval::Release;
use sealpost_domain::digest::KeyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::MessageId;
use sealpost_domain::view::{
    Filter, Form, IdempotencyKey, Page, Published, Query, Refusal, Shown, Status, Tracked,
};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use crate::core::Silenced;
use crate::queue;

/// How many messages one [`Handle::forward`] reads at most.
pub const FORWARD_MAX: usize = 64;
/// How many reads of the ledger run at a time; others wait for their turn.
const READS_MAX: usize = 4;

/// A node, as its gateway sees it.
#[derive(Clone)]
pub struct Handle {
    commands: queue::Sender<Command>,
    views: Arc<dyn Views>,
    next_index: watch::Receiver<u64>,
    reads: Arc<Semaphore>,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// What is sent, to whom.
    pub draft: Draft,
    /// What officers have approved of it. The idempotency key is then the message id.
    pub release: Option<Release>,
    /// The publisher's own name for it.
    pub idempotency_key: Option<IdempotencyKey>,
    /// The certificate that hands it in: SHA-256 of its public key.
    pub publisher: KeyId,
}

/// What a handle asks of the node's single writer. Whoever drops the answer's sender is taken to be stopping.
#[derive(Debug)]
pub enum Command {
    /// Send a message.
    Publish(Box<Publication>, oneshot::Sender<Result<Published, PublishError>>),
    /// Messages were read.
    Acknowledge {
        /// Which ones; those that are unknown, sent or already read are passed over.
        messages: Vec<MessageId>,
        /// Whose they are; `None`: whoever's, where only one agency sent one of that id.
        sender: Option<AgencyId>,
        /// By whom: SHA-256 of the certificate's public key.
        reader: KeyId,
        /// How many were unread before.
        answer: oneshot::Sender<Result<u32, AcknowledgeError>>,
    },
}

/// Reads what is durable. Calls block on the disk: they are made where blocking is allowed.
pub trait Views: Send + Sync + 'static {
    /// Messages from a ledger index on, in ascending order: at most [`FORWARD_MAX`], opened.
    fn forward(&self, from: u64, filter: &Filter) -> Result<Forward, ViewError>;
    /// One message, of this sender or of whoever alone used the id; `None` when it is not in the ledger or was never
    /// shown.
    fn message(
        &self,
        id: MessageId,
        sender: Option<&AgencyId>,
        form: Form,
    ) -> Result<Option<Shown>, ViewError>;
    /// The newest messages first.
    fn list(&self, query: &Query) -> Result<Page, ViewError>;
    /// Where a message of this agency stands; `None` when it is not one.
    fn track(&self, id: MessageId) -> Result<Option<Tracked>, ViewError>;
    /// How the node is.
    fn status(&self) -> Status;
    /// The life of its ledger.
    fn ledger(&self) -> Incarnation;
    /// Calls `each` with every outcome in the ledger, in its order.
    fn outcomes(&self, each: &mut dyn FnMut(ReportedOutcome)) -> Result<(), ViewError>;
}

/// A stretch of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The messages in it.
    pub messages: Vec<Shown>,
    /// Where the next stretch begins. When it equals [`Handle::next_index`], there is nothing more for now.
    pub next_index: u64,
}

/// An outcome, of this agency or a peer: an outcome message, or an amendment whose replacement is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportedOutcome {
    /// Its place in the ledger.
    pub index: u64,
    /// The message.
    pub id: MessageId,
    /// Whose it is.
    pub sender: AgencyId,
    /// When it was reported.
    pub sent_at: Instant,
    /// What came of it.
    pub outcome: Outcome,
    /// Whether its sender has since replaced or withdrawn it.
    pub standing: Standing,
}

/// Whether a message still says what its sender holds to be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Valid,
    /// A later message of its sender took its place.
    Amended,
    /// Its sender withdrew it.
    Recalled,
}

impl Handle {
    /// A handle to a node that takes `commands`, shows `views`, and announces through `next_index` what is readable.
    pub fn new(
        commands: queue::Sender<Command>,
        views: Arc<dyn Views>,
        next_index: watch::Receiver<u64>,
    ) -> Self {
        Self { commands, views, next_index, reads: Arc::new(Semaphore::new(READS_MAX)) }
    }

    /// Sends a message: it is signed, numbered and durable when this returns.
    ///
    /// Safe to repeat with the same idempotency key. Dropping the future does not take the message back.
    pub async fn publish(&self, publication: Publication) -> Result<Published, PublishError> {
        let (answer, published) = oneshot::channel();
        let lane = self.commands.for_mail(publication.draft.parts().priority);
        lane.try_send(Command::Publish(Box::new(publication), answer)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => PublishError::Full,
            mpsc::error::TrySendError::Closed(_) => PublishError::Stopping,
        })?;
        published.await.unwrap_or(Err(PublishError::Stopping))
    }

    /// Records that messages were read, durably, and tells their senders soon after. How many were unread before.
    pub async fn acknowledge(
        &self,
        messages: Vec<MessageId>,
        sender: Option<AgencyId>,
        reader: KeyId,
    ) -> Result<u32, AcknowledgeError> {
        let (answer, acknowledged) = oneshot::channel();
        let command = Command::Acknowledge { messages, sender, reader, answer };
        self.commands.ordinary().try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => AcknowledgeError::Full,
            mpsc::error::TrySendError::Closed(_) => AcknowledgeError::Stopping,
        })?;
        acknowledged.await.unwrap_or(Err(AcknowledgeError::Stopping))
    }

    /// Everything below this ledger index is durable and can be read; changes whenever it rises.
    pub fn next_index(&self) -> watch::Receiver<u64> {
        self.next_index.clone()
    }

    /// Messages from a ledger index on, in ascending order. Reads a bounded stretch: go on at its `next_index`.
    pub async fn forward(&self, from: u64, filter: Filter) -> Result<Forward, ViewError> {
        self.read(move |views| views.forward(from, &filter)).await
    }

    /// One message, of this sender or of whoever alone used the id; `None` when it is not in the ledger or was never
    /// shown.
    pub async fn message(
        &self,
        id: MessageId,
        sender: Option<AgencyId>,
        form: Form,
    ) -> Result<Option<Shown>, ViewError> {
        self.read(move |views| views.message(id, sender.as_ref(), form)).await
    }

    /// The newest messages first.
    pub async fn list(&self, query: Query) -> Result<Page, ViewError> {
        self.read(move |views| views.list(&query)).await
    }

    /// Where a message of this agency stands; `None` when it is not one.
    pub async fn track(&self, id: MessageId) -> Result<Option<Tracked>, ViewError> {
        self.read(move |views| views.track(id)).await
    }

    /// How the node is.
    pub fn status(&self) -> Status {
        self.views.status()
    }

    /// The life of the ledger: the same for as long as the node runs.
    pub fn ledger(&self) -> Incarnation {
        self.views.ledger()
    }

    /// Folds every outcome in the ledger, in its order, into an account such as the statistics.
    pub async fn outcomes<A: Send + 'static>(
        &self,
        account: A,
        mut each: impl FnMut(&mut A, ReportedOutcome) + Send + 'static,
    ) -> Result<A, ViewError> {
        self.read(move |views| {
            let mut account = account;
            views.outcomes(&mut |outcome| each(&mut account, outcome))?;
            Ok(account)
        })
        .await
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Views) -> Result<T, ViewError> + Send + 'static,
    ) -> Result<T, ViewError> {
        let turn = Arc::clone(&self.reads).acquire_owned().await.map_err(|_| ViewError::Stopping)?;
        let views = Arc::clone(&self.views);
        let reading = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read(views.as_ref())
        });
        reading.await.unwrap_or(Err(ViewError::Stopping))
    }
}

/// Why a message was not published. Nothing of it was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// It may not be sent as it is.
    #[error("the message is refused: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Refused(Vec<Refusal>),
    /// The node has no room for now, in its queue or on its disk.
    #[error(
        "the node cannot record now: there is no room in its queue or on its disk, or its key does not sign; nothing was \
         taken, repeat later"
    )]
    Full,
    /// The directory does not believe the node's key: nothing is taken before the node has its next one.
    #[error(transparent)]
    Silenced(#[from] Silenced),
    /// The node is about to end.
    #[error("the node is stopping")]
    Stopping,
    /// The node's disk failed; whether the message was kept is known only after a restart.
    #[error("the node's disk failed")]
    Fatal,
}

/// Why reading was not recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AcknowledgeError {
    /// Which message was read is not clear.
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
    /// The node has no room for now, in its queue or on its disk.
    #[error(
        "the node cannot record now: there is no room in its queue or on its disk, or its key does not sign; nothing was \
         taken, repeat later"
    )]
    Full,
    /// The directory does not believe the node's key: nothing is taken before the node has its next one.
    #[error(transparent)]
    Silenced(#[from] Silenced),
    /// The node is about to end.
    #[error("the node is stopping")]
    Stopping,
    /// The node's disk failed.
    #[error("the node's disk failed")]
    Fatal,
}

/// More than one agency sent a message of this id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("message {id} was sent by {}: name the sender", .senders.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and by "))]
pub struct Ambiguous {
    /// The id.
    pub id: MessageId,
    /// Those who used it.
    pub senders: Vec<AgencyId>,
}

/// Why nothing can be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// Which message is meant is not clear.
    #[error(transparent)]
    Ambiguous(#[from] Ambiguous),
    /// A record does not read back as it was written.
    #[error("ledger record {index} cannot be shown: {fault}")]
    Record {
        /// Which one.
        index: u64,
        /// What is wrong with it.
        fault: String,
    },
    /// The index over the ledger failed.
    #[error("the index over the ledger failed: {fault}")]
    Index {
        /// What is wrong.
        fault: String,
    },
    /// The node is about to end.
    #[error("the node is stopping")]
    Stopping,
}
