//! Between the handle and the single writer: drafts become sealed messages on the pool, those of a lane in the order in
//! which they came, and a key that was used before is answered with the message of that time.

use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use rand::CryptoRng;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::rule::Rule;
use sealpost_domain::view::{Published, Refusal};
use sealpost_server::program::with_causes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tracing::error;

use crate::core::outbox::Prepared;
use crate::engine::{Input, Outcome};
use crate::handle::{AcknowledgeError, Command, Publication, PublishError, ViewError};
use crate::pool::Pool;
use crate::prepare::{self, Preparer};
use crate::projection;
use crate::queue;
use crate::shared::Shared;
use crate::views::{LedgerViews, index_fault};

/// How many messages of one lane are being prepared at a time.
const PREPARING_MAX: usize = 64;
/// How many messages and acknowledgements of one lane wait for the writer at a time.
const WAITING_MAX: usize = 512;
/// How often a message is prepared again because the directory changed meanwhile.
const PREPARATIONS_MAX: u32 = 3;

/// A message to be published, and who waits for what became of it.
struct Asked {
    publication: Arc<Publication>,
    answer: PublishAnswer,
}

type PublishAnswer = oneshot::Sender<Result<Published, PublishError>>;

/// Takes the commands of a [`Handle`](crate::handle::Handle).
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
    views: Arc<LedgerViews>,
    preparer: Arc<Preparer>,
    pool: Pool,
    engine: queue::Sender<Input>,
}

/// What became of a draft before the writer saw it.
enum Draft {
    Prepared(Box<Prepared>),
    /// Its key was used for the message at this ledger index.
    Repeats(u64),
}

impl Publisher {
    /// Prepares on `pool`, and hands on to the writer behind `engine`.
    pub fn new(
        shared: Arc<Shared>,
        views: Arc<LedgerViews>,
        preparer: Preparer,
        pool: Pool,
        engine: queue::Sender<Input>,
    ) -> Self {
        Self { shared, views, preparer: Arc::new(preparer), pool, engine }
    }

    /// Works until every handle is gone, and everything that was taken is answered. FLASH waits for no other message.
    pub async fn run(self, commands: queue::Receiver<Command>) {
        let queue::Receiver { express, ordinary } = commands;
        tokio::join!(self.clone().work_off(express), self.work_off(ordinary));
    }

    /// Takes the commands of one lane.
    async fn work_off(self, mut commands: mpsc::Receiver<Command>) {
        let (mut preparing, mut unprepared) = (FuturesOrdered::new(), 0);
        let mut waiting = JoinSet::new();
        let mut taken = Vec::with_capacity(PREPARING_MAX);
        let mut open = true;
        while open || !preparing.is_empty() || !waiting.is_empty() {
            let room = PREPARING_MAX - unprepared;
            tokio::select! {
                biased;
                Some(drafted) = preparing.next(), if !preparing.is_empty() => {
                    for (asked, draft) in drafted {
                        unprepared -= 1;
                        self.hand_on(asked, draft, &mut waiting).await;
                    }
                }
                Some(_) = waiting.join_next(), if !waiting.is_empty() => {}
                count = commands.recv_many(&mut taken, room), if open && room > 0 && waiting.len() < WAITING_MAX => {
                    open = count > 0;
                    let mut asked = Vec::with_capacity(count);
                    for command in taken.drain(..) {
                        match command {
                            Command::Publish(publication, answer) => {
                                asked.push(Asked { publication: publication.into(), answer });
                            }
                            Command::Acknowledge { messages, sender, reader, answer } => {
                                waiting.spawn(self.clone().acknowledge(messages, sender, reader, answer));
                            }
                        }
                    }
                    unprepared += asked.len();
                    preparing.extend(self.pool.chunks(asked).map(|chunk| self.clone().prepare(chunk)));
                }
            }
        }
    }

    async fn prepare(self, asked: Vec<Asked>) -> Vec<(Asked, Result<Draft, PublishError>)> {
        let publications = asked.iter().map(|asked| Arc::clone(&asked.publication)).collect();
        let drafts = self.drafts(publications).await;
        asked.into_iter().zip(drafts).collect()
    }

    /// The drafts of messages of one lane, one for each.
    async fn drafts(&self, publications: Vec<Arc<Publication>>) -> Vec<Result<Draft, PublishError>> {
        let count = publications.len();
        let directory = self.shared.directory.borrow().clone();
        let (Some(first), Some(directory)) = (publications.first(), directory) else {
            return stopping(count);
        };
        let (priority, now) = (first.draft.parts().priority, self.shared.now());
        let (shared, preparer) = (Arc::clone(&self.shared), Arc::clone(&self.preparer));
        let work = move |rng: &mut dyn CryptoRng| {
            let sealed = |publication: &Arc<Publication>| {
                seal_unless_repeated(&shared, &preparer, publication, &directory, now, rng)
            };
            publications.iter().map(sealed).collect::<Vec<_>>()
        };
        let Ok(drafts) = self.pool.run(priority, work).await else { return stopping(count) };
        let told = |drafted: Result<Draft, prepare::Error>| {
            drafted.map_err(|error| match error {
                prepare::Error::Refused(refusals) => PublishError::Refused(refusals),
                prepare::Error::Bucket(_) | prepare::Error::Ledger(_) => {
                    error!(error = with_causes(&error), "no message can be prepared");
                    self.cannot()
                }
            })
        };
        drafts.into_iter().map(told).collect()
    }

    /// The draft of one message.
    async fn draft(&self, publication: &Arc<Publication>) -> Result<Draft, PublishError> {
        self.drafts(vec![Arc::clone(publication)]).await.pop().unwrap_or(Err(PublishError::Stopping))
    }

    /// What is told where something here could not be read: by an index that failed the node ends, so that nobody is to wait.
    fn cannot(&self) -> PublishError {
        if self.shared.projections.has_failed() { PublishError::Stopping } else { PublishError::Full }
    }

    /// Gives a prepared message its place in the order; its answer is awaited apart.
    async fn hand_on(&self, asked: Asked, draft: Result<Draft, PublishError>, waiting: &mut JoinSet<()>) {
        let Asked { publication, answer } = asked;
        match draft {
            Ok(Draft::Prepared(prepared)) => match self.place(prepared).await {
                Ok(outcome) => {
                    waiting.spawn(self.clone().conclude(publication, answer, outcome));
                }
                Err(error) => tell(answer, Err(error)),
            },
            Ok(Draft::Repeats(index)) => {
                let this = self.clone();
                waiting.spawn(async move { tell(answer, this.repeated(publication, index).await) });
            }
            Err(error) => tell(answer, Err(error)),
        }
    }

    async fn place(
        &self,
        prepared: Box<Prepared>,
    ) -> Result<oneshot::Receiver<Result<Outcome, PublishError>>, PublishError> {
        let (answer, outcome) = oneshot::channel();
        let lane = self.engine.for_mail(prepared.parts.priority);
        let input = Input::Publish { prepared, answer };
        lane.send(input).await.map_err(|_| PublishError::Stopping)?;
        Ok(outcome)
    }

    async fn conclude(
        self,
        publication: Arc<Publication>,
        answer: PublishAnswer,
        mut outcome: oneshot::Receiver<Result<Outcome, PublishError>>,
    ) {
        for _ in 0..PREPARATIONS_MAX {
            match outcome.await.unwrap_or(Err(PublishError::Stopping)) {
                Ok(Outcome::Published(published)) => return tell(answer, Ok(published)),
                Ok(Outcome::Repeats(index)) => return tell(answer, self.repeated(publication, index).await),
                Err(error) => return tell(answer, Err(error)),
                Ok(Outcome::Stale) => {}
            }
            outcome = match self.draft(&publication).await {
                Ok(Draft::Repeats(index)) => return tell(answer, self.repeated(publication, index).await),
                Err(error) => return tell(answer, Err(error)),
                Ok(Draft::Prepared(prepared)) => match self.place(prepared).await {
                    Ok(outcome) => outcome,
                    Err(error) => return tell(answer, Err(error)),
                },
            };
        }
        tell(answer, Err(PublishError::Full));
    }

    /// The message of that time, if it says the same.
    async fn repeated(&self, publication: Arc<Publication>, index: u64) -> Result<Published, PublishError> {
        let views = Arc::clone(&self.views);
        let priority = publication.draft.parts().priority;
        let compared = self.pool.run(priority, move |_| views.repeated(&publication.draft, index)).await;
        match compared {
            Ok(Ok(Some(published))) => Ok(published),
            Ok(Ok(None)) => Err(PublishError::Refused(vec![Refusal {
                path: "idempotency_key".to_owned(),
                rule: Rule::IdempotencyOtherContent.to_string(),
                detail: "found a key that was used for a message with another content; choose a new one"
                    .to_owned(),
            }])),
            Ok(Err(error)) => {
                error!(%error, "the message of an idempotency key cannot be read");
                Err(self.cannot())
            }
            Err(_) => Err(PublishError::Stopping),
        }
    }

    async fn acknowledge(
        self,
        messages: Vec<MessageId>,
        sender: Option<AgencyId>,
        reader: KeyId,
        answer: oneshot::Sender<Result<u32, AcknowledgeError>>,
    ) {
        let views = Arc::clone(&self.views);
        let found =
            self.pool.run(Priority::Routine, move |_| views.received(&messages, sender.as_ref())).await;
        let messages = match found {
            Ok(Ok(found)) => found,
            Ok(Err(ViewError::Ambiguous(ambiguous))) => {
                let _ = answer.send(Err(ambiguous.into()));
                return;
            }
            failed => {
                error!(failed = ?failed.err(), "messages that were read cannot be found");
                // Whoever asked may be gone.
                let _ = answer.send(Err(match self.cannot() {
                    PublishError::Full => AcknowledgeError::Full,
                    _ => AcknowledgeError::Stopping,
                }));
                return;
            }
        };
        let input = Input::Acknowledge { messages, reader, answer };
        if let Err(mpsc::error::SendError(Input::Acknowledge { answer, .. })) =
            self.engine.ordinary().send(input).await
        {
            let _ = answer.send(Err(AcknowledgeError::Stopping));
        }
    }
}

/// Seals a draft, unless its key was used before.
fn seal_unless_repeated(
    shared: &Shared,
    preparer: &Preparer,
    publication: &Publication,
    directory: &Directory,
    now: Instant,
    rng: &mut dyn CryptoRng,
) -> Result<Draft, prepare::Error> {
    if let Some(key) = &publication.idempotency_key {
        let used_as = preparer.used_as(key)?;
        // In this order: what the core lets go, the index has.
        let unindexed = shared.core().outbox.message_of(&used_as);
        let indexed = || projection::message_of(shared.projections.as_ref(), &used_as);
        let found = unindexed.map_or_else(indexed, |index| Ok(Some(index)));
        if let Some(index) = found.map_err(index_fault)? {
            return Ok(Draft::Repeats(index));
        }
    }
    Ok(Draft::Prepared(Box::new(preparer.prepare(publication, directory, now, rng)?)))
}

fn stopping(count: usize) -> Vec<Result<Draft, PublishError>> {
    std::iter::repeat_with(|| Err(PublishError::Stopping)).take(count).collect()
}

fn tell(answer: PublishAnswer, outcome: Result<Published, PublishError>) {
    // A publisher that went away learns of its message by its idempotency key.
    let _ = answer.send(outcome);
}

#[cfg(test)]
mod tests;
