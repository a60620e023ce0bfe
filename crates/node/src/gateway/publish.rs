//! Publishing: many messages on their way to the disk at once, answered in the order in which they came.
//!
//! A message is handed to the node's writer before the next request is read, so that the order of a caller's messages
//! is the order of the ledger. FLASH alone overtakes. An answer is waited for while later messages are handed over, so
//! that one sync serves many. A caller with [`WINDOW`] unanswered messages is not read from until one of them is
//! answered.
//!
//! When the node cannot record a message, FLASH that came after it may be recorded already. So that a caller without
//! idempotency keys does not send it twice, the failure is told when that is known, and names it.

use std::pin::Pin;
use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, Stream, StreamExt as _};
use sealpost_domain::digest::KeyId;
use sealpost_domain::view::{Published, Refusal};
use sealpost_proto::v1 as pb;
use sealpost_wire::gateway as wire;
use sealpost_wire::status::{self, Failure};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::core::Silenced;
use crate::handle::{Handle, Publication, PublishError};

/// How many messages of one call may be unanswered.
pub(super) const WINDOW: usize = 256;
/// How often a message is offered again to a node that is full, each time after twice the pause.
const OFFERS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(5);
/// When a caller should try again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

type Answer = Result<Published, PublishError>;
type Pending = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// The answers to a stream of requests. It ends with the requests, or after the first failure that is the node's: then
/// nothing after it was taken but what the failure names.
pub(super) fn answers<S>(
    handle: Handle,
    publisher: KeyId,
    requests: S,
    stop: CancellationToken,
) -> impl Stream<Item = Result<pb::PublishResponse, Status>> + Send + 'static
where
    S: Stream<Item = Result<pb::PublishRequest, Status>> + Send + 'static,
{
    let closed = CancellationToken::new();
    let intake =
        Intake { handle, publisher, requests: requests.boxed(), stop, closed: closed.clone(), ended: false };
    let answering = stream::unfold(intake, Intake::next).buffered(WINDOW).boxed();
    stream::unfold(Some(answering), move |answering| {
        let closed = closed.clone();
        async move {
            let mut answering = answering?;
            match answering.next().await? {
                Ok(answer) => Some((Ok(answer), Some(answering))),
                Err(Ended::Otherwise(status)) => Some((Err(status), None)),
                Err(Ended::NotRecorded { sequence, why }) => {
                    closed.cancel();
                    let recorded = recorded(answering).await;
                    let status =
                        recorded.map_or_else(|status| status, |these| not_recorded(sequence, why, &these));
                    Some((Err(status), None))
                }
            }
        }
    })
}

/// Why no more is answered.
enum Ended {
    /// The node could not record this message.
    NotRecorded { sequence: u64, why: Why },
    /// Nothing is said of what was not answered.
    Otherwise(Status),
}

enum Why {
    Full,
    Silenced(Silenced),
}

/// Which of the messages that are still on their way are recorded in the end; the failure after which nobody can say it.
async fn recorded(
    mut answering: BoxStream<'_, Result<pb::PublishResponse, Ended>>,
) -> Result<Vec<u64>, Status> {
    let mut recorded = Vec::new();
    while let Some(answer) = answering.next().await {
        match answer {
            Ok(answer) if matches!(answer.result, Some(pb::publish_response::Result::Accepted(_))) => {
                recorded.push(answer.sequence);
            }
            Ok(_) | Err(Ended::NotRecorded { .. }) => {}
            Err(Ended::Otherwise(status)) => return Err(status),
        }
    }
    Ok(recorded)
}

/// Reads requests and hands messages over, one at a time.
struct Intake {
    handle: Handle,
    publisher: KeyId,
    requests: BoxStream<'static, Result<pb::PublishRequest, Status>>,
    stop: CancellationToken,
    /// Nothing more is taken, since a message was not.
    closed: CancellationToken,
    ended: bool,
}

/// An answer on its way.
type Answering = Pin<Box<dyn Future<Output = Result<pb::PublishResponse, Ended>> + Send>>;

impl Intake {
    async fn next(mut self) -> Option<(Answering, Self)> {
        if self.ended {
            return None;
        }
        let request = tokio::select! {
            biased;
            () = self.closed.cancelled() => return None,
            () = self.stop.cancelled() => Err(stopping()),
            request = self.requests.next() => request?,
        };
        let answering = match request {
            Ok(request) => self.take(request).await,
            Err(status) => {
                self.ended = true;
                futures::future::ready(Err(Ended::Otherwise(status))).boxed()
            }
        };
        Some((answering, self))
    }

    async fn take(&mut self, request: pb::PublishRequest) -> Answering {
        let (sequence, publication) = wire::publish_request(request);
        let publication = match publication {
            Ok(wire::Publication { key, draft, release }) => {
                Publication { draft, release, idempotency_key: key, publisher: self.publisher }
            }
            Err(refusals) => {
                let answer = wire::answer_message(sequence, &Err(refusals));
                return futures::future::ready(Ok(answer)).boxed();
            }
        };
        match offer(&self.handle, publication).await {
            Ok(pending) => pending.map(move |answer| answered(sequence, answer)).boxed(),
            Err(error) => {
                self.ended = true;
                futures::future::ready(answered(sequence, Err(error))).boxed()
            }
        }
    }
}

/// Hands a message over; waits a little where there is no room.
async fn offer(handle: &Handle, publication: Publication) -> Result<Pending, PublishError> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..OFFERS {
        match hand_over(handle, publication.clone()) {
            Err(PublishError::Full) => time::sleep(pause).await,
            handed_over => return handed_over,
        }
        pause *= 2;
    }
    hand_over(handle, publication)
}

/// The writer has the message when this returns, or the failure is known.
fn hand_over(handle: &Handle, publication: Publication) -> Result<Pending, PublishError> {
    let handle = handle.clone();
    let mut pending: Pending = async move { handle.publish(publication).await }.boxed();
    match pending.as_mut().now_or_never() {
        None => Ok(pending),
        Some(Err(error @ (PublishError::Full | PublishError::Stopping))) => Err(error),
        Some(answer) => Ok(futures::future::ready(answer).boxed()),
    }
}

fn answered(sequence: u64, answer: Answer) -> Result<pb::PublishResponse, Ended> {
    let told: Result<Published, Vec<Refusal>> = match answer {
        Ok(published) => Ok(published),
        Err(PublishError::Refused(refusals)) => Err(refusals),
        Err(PublishError::Full) => return Err(Ended::NotRecorded { sequence, why: Why::Full }),
        Err(PublishError::Silenced(silenced)) => {
            return Err(Ended::NotRecorded { sequence, why: Why::Silenced(silenced) });
        }
        Err(PublishError::Stopping) => return Err(Ended::Otherwise(stopping())),
        Err(PublishError::Fatal) => {
            let detail = "the node's disk failed; repeat with the same idempotency key once it runs again";
            return Err(Ended::Otherwise(Failure::Unavailable.status(detail)));
        }
    };
    Ok(wire::answer_message(sequence, &told))
}

fn stopping() -> Status {
    Failure::Unavailable.status("the node is stopping; repeat later what was not answered")
}

/// The node could not record a message; these, which came after it, it could.
fn not_recorded(sequence: u64, why: Why, recorded: &[u64]) -> Status {
    let taken = taken(sequence, recorded);
    match why {
        Why::Silenced(silenced) => Failure::Conflict.status(format!("{silenced}; {taken}")),
        Why::Full => {
            let detail = format!(
                "the node cannot record now: there is no room in its queue or on its disk, or its key does not sign; {taken}, repeat later"
            );
            // Whoever is told that it is full repeats everything.
            if recorded.is_empty() {
                status::full(detail, RETRY_AFTER)
            } else {
                Failure::Unavailable.status(detail)
            }
        }
    }
}

fn taken(sequence: u64, recorded: &[u64]) -> String {
    let named: Vec<String> = recorded.iter().map(u64::to_string).collect();
    match recorded {
        [] => format!("from sequence {sequence} on nothing was taken"),
        _ => format!("from sequence {sequence} on only FLASH was taken: {}", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;

    use super::super::fake::{FakeNode, draft, draft_of};
    use super::*;
    use crate::core::KeyFault;
    use sealpost_domain::message::Priority;

    const PUBLISHER: KeyId = KeyId::new([5; 32]);

    type Request = Result<pb::PublishRequest, Status>;

    fn requests(sequences: impl IntoIterator<Item = u64>) -> Vec<Request> {
        let request = |sequence| Ok(wire::publish_request_message(sequence, None, &draft()));
        sequences.into_iter().map(request).collect()
    }

    fn outcome(answer: Result<pb::PublishResponse, Status>) -> Result<(u64, bool), Code> {
        let (sequence, result) = wire::answer(answer.map_err(|status| status.code())?).unwrap();
        Ok((sequence, result.is_ok()))
    }

    async fn outcomes(
        answers: impl Stream<Item = Result<pb::PublishResponse, Status>>,
    ) -> Vec<Result<(u64, bool), Code>> {
        answers.map(outcome).collect().await
    }

    #[tokio::test]
    async fn answers_keep_the_order_of_the_requests_and_refused_messages_do_not_end_the_stream() {
        let node = FakeNode::default();
        let malformed = pb::PublishRequest { sequence: 2, ..pb::PublishRequest::default() };
        let mut requests = requests([1, 3]);
        requests.insert(1, Ok(malformed));
        let requests = stream::iter(requests);
        let answers = answers(node.handle(16), PUBLISHER, requests, CancellationToken::new());
        assert_eq!(outcomes(answers).await, [Ok((1, true)), Ok((2, false)), Ok((3, true))]);
        assert_eq!(node.published(), 2);
    }

    #[tokio::test]
    async fn later_messages_are_handed_over_while_earlier_ones_are_on_their_way_to_the_disk() {
        let node = FakeNode::holding_answers();
        let requests = stream::iter(requests(1..=10)).chain(stream::pending());
        let answers = answers(node.handle(16), PUBLISHER, requests, CancellationToken::new());
        tokio::pin!(answers);
        // One poll is enough: nothing waits for an answer.
        assert!(answers.next().now_or_never().is_none());
        node.wait_for(10).await;
        node.release();
        for sequence in 1..=10 {
            assert_eq!(outcome(answers.next().await.unwrap()), Ok((sequence, true)));
        }
    }

    #[tokio::test]
    async fn a_caller_is_not_read_from_beyond_the_window() {
        let node = FakeNode::holding_answers();
        let requests = stream::iter(requests(1..=3 * WINDOW as u64));
        let answers = answers(node.handle(4 * WINDOW), PUBLISHER, requests, CancellationToken::new());
        tokio::pin!(answers);
        assert!(answers.next().now_or_never().is_none());
        node.wait_for(WINDOW).await;
        assert!(answers.next().now_or_never().is_none());
        assert_eq!(node.published(), WINDOW);
        node.release();
        assert_eq!(outcome(answers.next().await.unwrap()), Ok((1, true)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_node_takes_nothing_more_and_says_so() {
        let node = FakeNode::taking_one();
        let requests = stream::iter(requests(1..=4));
        let answers = answers(node.handle(1), PUBLISHER, requests, CancellationToken::new());
        tokio::pin!(answers);
        assert_eq!(outcome(answers.next().await.unwrap()), Ok((1, true)));
        // The second fills the queue, the third finds no room for a while, and the fourth is not offered.
        assert!(time::timeout(Duration::from_secs(10), answers.next()).await.is_err());
        node.release();
        assert_eq!(outcome(answers.next().await.unwrap()), Ok((2, true)));
        let status = answers.next().await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert!(status.metadata().contains_key("grpc-retry-pushback-ms"));
        assert!(answers.next().await.is_none());
        assert_eq!(node.published(), 2);
    }

    #[tokio::test]
    async fn flash_that_was_recorded_after_a_message_that_was_not_is_named() {
        let node = FakeNode::refusing_all_but_flash();
        let mut requests = requests([1, 2, 4]);
        requests.insert(2, Ok(wire::publish_request_message(3, None, &draft_of(Priority::Flash))));
        let requests = stream::iter(requests).chain(stream::pending());
        let answers = answers(node.handle(16), PUBLISHER, requests, CancellationToken::new());
        let answers: Vec<_> = answers.collect().await;
        let [Err(status)] = answers.as_slice() else { panic!("{answers:?}") };
        // Not RESOURCE_EXHAUSTED, by which all would be repeated.
        assert_eq!(status.code(), Code::Unavailable);
        let told = "from sequence 1 on only FLASH was taken: 3, repeat";
        assert!(status.message().contains(told), "{}", status.message());
    }

    #[test]
    fn a_node_whose_key_is_revoked_says_so_and_not_that_it_is_full() {
        let key = KeyId::new([7; 32]);
        let silenced = Silenced { key, version: 3, fault: KeyFault::Revoked };
        let status = not_recorded(12, Why::Silenced(silenced.clone()), &[]);
        assert_eq!(status.code(), Code::FailedPrecondition);
        for told in [
            "is revoked in directory version 3",
            "docs/directory.md",
            "from sequence 12 on",
            &key.to_string(),
        ] {
            assert!(status.message().contains(told), "expected {told} in {}", status.message());
        }
        let ended = Silenced { fault: KeyFault::NotValid, ..silenced };
        let status = not_recorded(12, Why::Silenced(ended), &[]);
        assert!(status.message().contains("is not valid now by directory version 3"), "{}", status.message());
    }

    #[tokio::test]
    async fn what_was_taken_is_answered_when_the_node_stops() {
        let node = FakeNode::holding_answers();
        let stop = CancellationToken::new();
        let requests = stream::iter(requests([1])).chain(stream::pending());
        let answers = answers(node.handle(16), PUBLISHER, requests, stop.clone());
        tokio::pin!(answers);
        assert!(answers.next().now_or_never().is_none());
        stop.cancel();
        node.wait_for(1).await;
        node.release();
        assert_eq!(outcomes(answers).await, [Ok((1, true)), Err(Code::Unavailable)]);
    }
}
