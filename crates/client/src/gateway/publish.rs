//! Publishing many messages: a bounded number on their way, answered in order.
//!
//! When the connection is lost, what was not answered is handed in again. Idempotency keys make that safe; without
//! them the stream ends there, because nobody can say whether those messages were taken.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt as _};
use sealpost_domain::alert::Draft;
use sealpost_domain::approval::Release;
use sealpost_domain::view::{IdempotencyKey, Published, Refusal};
use sealpost_proto::v1 as pb;
use sealpost_wire::gateway as wire;
use tokio::sync::mpsc;
use tokio::time::{self, Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Response, Status, Streaming};

use super::error::{is_temporary, nothing_taken};
use super::{ANSWER_TIMEOUT, Error, Gateway};
use crate::Backoff;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// One's own name for it: what is handed in twice under one key is sent once.
    pub key: Option<IdempotencyKey>,
    /// The message.
    pub draft: Draft,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Which one, counted from 1 in the order in which they were handed in.
    pub sequence: u64,
    /// Durable in the node's ledger, or refused for these reasons.
    pub result: Result<Published, Vec<Refusal>>,
}

/// How hard to push, and for how long to try.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How many messages may be unanswered.
    pub window: NonZeroUsize,
    /// For how long a gateway that is full, stopping or away is tried again before the stream gives up.
    pub patience: Duration,
}

impl Default for Pace {
    /// 128 messages and half a minute.
    fn default() -> Self {
        Self {
            window: NonZeroUsize::new(128).unwrap_or(NonZeroUsize::MIN),
            patience: Duration::from_secs(30),
        }
    }
}

impl Gateway {
    /// Sends a message that officers have approved: durable in the node's ledger, or refused for these reasons. It is
    /// named by its id, so that repeating it after a failure is safe.
    pub async fn release(
        &self,
        draft: &Draft,
        release: &Release,
    ) -> Result<Result<Published, Vec<Refusal>>, Error> {
        let request = wire::release_request_message(1, draft, release);
        let mut client = self.client();
        let call = client.publish(stream::iter([request]));
        let mut answers = self.call(ANSWER_TIMEOUT, call).await?;
        let answer = self.call(ANSWER_TIMEOUT, async { answers.message().await.map(Response::new) }).await?;
        let unanswered =
            || self.connection.explain(Status::unavailable("the stream ended without an answer"));
        let (_, result) = wire::answer(answer.ok_or_else(unanswered)?)?;
        Ok(result)
    }

    /// Sends messages and gives an answer for each, in their order. Messages are taken from the stream as the window
    /// allows. Ends after the last answer, or with the first failure that is not a refusal.
    pub fn publish<'a>(
        &self,
        messages: impl Stream<Item = Outgoing> + Send + 'a,
        pace: Pace,
    ) -> impl Stream<Item = Result<Answer, Error>> + Send + 'a {
        let publisher = Publisher {
            gateway: self.clone(),
            messages: Some(messages.boxed()),
            unanswered: VecDeque::new(),
            call: None,
            next_sequence: 1,
            pace,
            backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE),
            failing_since: None,
        };
        stream::unfold(Some(publisher), |publisher| async {
            let mut publisher = publisher?;
            let answer = publisher.next().await?;
            let rest = answer.is_ok().then_some(publisher);
            Some((answer, rest))
        })
    }
}

struct Publisher<'a> {
    gateway: Gateway,
    /// `None` once all were taken.
    messages: Option<BoxStream<'a, Outgoing>>,
    unanswered: VecDeque<(u64, Outgoing)>,
    call: Option<Call>,
    next_sequence: u64,
    pace: Pace,
    backoff: Backoff,
    failing_since: Option<Instant>,
}

/// One call of the gateway. Its queue has room for the whole window, so that handing over never waits.
struct Call {
    requests: Option<mpsc::Sender<pb::PublishRequest>>,
    answers: Streaming<pb::PublishResponse>,
}

enum Step {
    Taken(Option<Box<Outgoing>>),
    Answered(Result<Option<pb::PublishResponse>, Status>),
}

impl Publisher<'_> {
    async fn next(&mut self) -> Option<Result<Answer, Error>> {
        loop {
            if self.messages.is_none() && self.unanswered.is_empty() {
                return None;
            }
            let step = match self.step().await {
                Ok(step) => step,
                Err(error) => match self.endure(error).await {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                },
            };
            match step {
                Step::Taken(Some(message)) => self.hand_over(*message),
                Step::Taken(None) => self.finish(),
                Step::Answered(Ok(Some(answer))) => return Some(self.answered(answer)),
                Step::Answered(Ok(None)) => {
                    let ended = Status::unavailable("the node ended the call");
                    if let Err(error) = self.endure(self.gateway.connection.explain(ended)).await {
                        return Some(Err(error));
                    }
                }
                Step::Answered(Err(status)) => {
                    if let Err(error) = self.endure(self.gateway.connection.explain(status)).await {
                        return Some(Err(error));
                    }
                }
            }
        }
    }

    /// Waits for whatever comes first: an answer, or another message when the window has room.
    async fn step(&mut self) -> Result<Step, crate::Error> {
        let call = match self.call.take() {
            Some(call) => call,
            None => self.open().await?,
        };
        let call = self.call.insert(call);
        let (room, messages) = (self.unanswered.len() < self.pace.window.get(), &mut self.messages);
        let taken = async {
            match messages {
                Some(messages) if room => messages.next().await,
                _ => std::future::pending().await,
            }
        };
        Ok(tokio::select! {
            biased;
            answer = call.answers.message() => Step::Answered(answer),
            message = taken => Step::Taken(message.map(Box::new)),
        })
    }

    /// Calls the gateway and hands in what was not answered.
    async fn open(&mut self) -> Result<Call, crate::Error> {
        let (requests, queue) = mpsc::channel(self.pace.window.get());
        for (sequence, message) in &self.unanswered {
            let request = wire::publish_request_message(*sequence, message.key.as_ref(), &message.draft);
            // There is room for the whole window.
            let _ = requests.try_send(request);
        }
        let opened = self.gateway.client().publish(ReceiverStream::new(queue)).await;
        let answers = opened.map_err(|status| self.gateway.connection.explain(status))?.into_inner();
        let requests = self.messages.is_some().then_some(requests);
        Ok(Call { requests, answers })
    }

    fn hand_over(&mut self, message: Outgoing) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let request = wire::publish_request_message(sequence, message.key.as_ref(), &message.draft);
        if let Some(requests) = self.call.as_ref().and_then(|call| call.requests.as_ref()) {
            // A queue that is closed belongs to a call that failed: its answers say so, and the message is kept.
            let _ = requests.try_send(request);
        }
        self.unanswered.push_back((sequence, message));
    }

    /// No more messages: the node learns it by the end of the requests.
    fn finish(&mut self) {
        self.messages = None;
        if let Some(call) = &mut self.call {
            call.requests = None;
        }
    }

    fn answered(&mut self, answer: pb::PublishResponse) -> Result<Answer, Error> {
        let (found, result) = wire::answer(answer)?;
        let expected = self.unanswered.front().map_or(self.next_sequence, |(sequence, _)| *sequence);
        if found != expected {
            return Err(Error::OutOfOrder { found, expected });
        }
        self.unanswered.pop_front();
        self.failing_since = None;
        self.backoff.reset();
        Ok(Answer { sequence: found, result })
    }

    /// Waits before another attempt, or gives up.
    async fn endure(&mut self, error: crate::Error) -> Result<(), Error> {
        self.call = None;
        if !is_temporary(&error) {
            return Err(error.into());
        }
        let unsafe_to_repeat = self.unanswered.iter().any(|(_, message)| message.key.is_none());
        if unsafe_to_repeat && !nothing_taken(&error) {
            return Err(Error::Unanswered { count: self.unanswered.len(), source: Box::new(error) });
        }
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if since.elapsed() >= self.pace.patience {
            return Err(error.into());
        }
        let pause = self.backoff.next(&mut rand::rng());
        time::sleep(pause).await;
        Ok(())
    }
}
