//! What somebody at an agency's gateway does and sees.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::{StreamExt as _, stream};
use sealpost_client::gateway::{Gateway, Outgoing, Pace};
use sealpost_domain::alert::{Draft, Enclosed};
use sealpost_domain::message::MessageId;
use sealpost_domain::view::{DeliveryState, Direction, Event, Filter, Published, Refusal, Shown};

use super::eventually::eventually;
use super::network::{id, told};

/// A place at an agency's gateway.
#[derive(Clone)]
pub(crate) struct Desk {
    agency: String,
    gateway: Gateway,
}

impl Desk {
    pub(super) fn new(agency: &str, gateway: Gateway) -> Self {
        Self { agency: agency.to_owned(), gateway }
    }

    /// The gateway itself.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Sends a message that has to be taken.
    pub(crate) async fn send(&self, draft: Draft) -> Published {
        self.send_all("one", vec![draft]).await.remove(0)
    }

    /// Sends messages that have to be taken, each under a key of its own, so that a node that ends meanwhile is asked
    /// again; gives the answers in the order of the messages.
    pub(crate) async fn send_all(&self, name: &str, drafts: Vec<Draft>) -> Vec<Published> {
        let count = drafts.len();
        let key = |number| format!("{name}-{number}-{:016x}", rand::random::<u64>()).parse().unwrap();
        let messages =
            drafts.into_iter().enumerate().map(|(number, draft)| Outgoing { key: Some(key(number)), draft });
        let pace = Pace { patience: Duration::from_mins(1), ..Pace::default() };
        let answers: Vec<_> = self.gateway.publish(stream::iter(messages), pace).collect().await;
        let taken = answers.into_iter().map(|answer| match answer {
            Ok(answer) => answer.result.unwrap_or_else(|refusals| panic!("refused: {refusals:?}")),
            Err(error) => panic!("{}: {}", self.agency, told(&error)),
        });
        let taken: Vec<Published> = taken.collect();
        assert_eq!(taken.len(), count);
        taken
    }

    /// Hands in a message that has to be refused.
    pub(crate) async fn refused(&self, draft: Draft) -> Vec<Refusal> {
        let messages = stream::iter([Outgoing { key: None, draft }]);
        let answers: Vec<_> = self.gateway.publish(messages, Pace::default()).collect().await;
        let [Ok(answer)] = answers.as_slice() else { panic!("expected one answer, got {answers:?}") };
        answer.result.clone().expect_err("the message was taken")
    }

    /// Every message in the ledger of that direction, as a subscription from the beginning gives them.
    pub(crate) async fn messages(&self, direction: Direction) -> Result<Vec<Shown>, String> {
        let filter = Filter { direction: Some(direction), ..Filter::default() };
        let mut subscription = self.gateway.subscribe(0, filter);
        let mut found = Vec::new();
        loop {
            match subscription.next().await.map_err(|error| told(&error))? {
                Event::Message(shown) => found.push(*shown),
                Event::CaughtUp { .. } => return Ok(found),
                Event::Heartbeat { .. } => {}
            }
        }
    }

    /// Waits until this many messages were received.
    pub(crate) async fn has_received_at_least(&self, count: usize) {
        eventually(&format!("{} receives {count} messages", self.agency), async || {
            let found = self.messages(Direction::Received).await?.len();
            if found >= count { Ok(()) } else { Err(format!("it has {found}")) }
        })
        .await;
    }

    /// Waits until these messages were received, and fails if any came twice or any other came.
    pub(crate) async fn receives_exactly(&self, expected: &[MessageId]) -> Vec<Shown> {
        let wanted: BTreeSet<String> = expected.iter().map(ToString::to_string).collect();
        assert_eq!(wanted.len(), expected.len(), "the sender's node gave an id twice");
        eventually(&format!("{} receives {} messages", self.agency, wanted.len()), async || {
            let found = self.messages(Direction::Received).await?;
            let mut times: BTreeMap<String, u32> = BTreeMap::new();
            for shown in &found {
                *times.entry(shown.id.to_string()).or_default() += 1;
            }
            for (message, times) in &times {
                assert!(wanted.contains(message), "{}: {message} was not for it", self.agency);
                assert_eq!(*times, 1, "{}: {message} came {times} times", self.agency);
            }
            if times.len() == wanted.len() {
                Ok(found)
            } else {
                Err(format!("{} of {} came", times.len(), wanted.len()))
            }
        })
        .await
    }

    /// Waits until a message is shown here.
    pub(crate) async fn has(&self, message: MessageId) {
        eventually(&format!("{message} arrives"), async || {
            self.gateway.get(message, None).await.map(drop).map_err(|error| told(&error))
        })
        .await;
    }

    /// A message as it is enclosed in a forward, once it is here.
    pub(crate) async fn enclosed(&self, message: MessageId) -> Enclosed {
        self.has(message).await;
        self.gateway.get_enclosed(message, None).await.unwrap().enclosed.unwrap()
    }

    /// Where a message stands with one recipient.
    pub(crate) async fn state(&self, message: MessageId, recipient: &str) -> Result<DeliveryState, String> {
        let tracked = self.gateway.track(message).await.map_err(|error| told(&error))?;
        let state = tracked.states.iter().find(|state| state.agency == id(recipient));
        Ok(state.ok_or_else(|| format!("{recipient} is not among its recipients"))?.state)
    }

    /// Waits until a message has come to a state with one recipient, and no further.
    pub(crate) async fn reaches(&self, message: MessageId, recipient: &str, wanted: DeliveryState) {
        eventually(&format!("{wanted} at {recipient}"), async || {
            let state = self.state(message, recipient).await?;
            if state == wanted { Ok(()) } else { Err(format!("it is {state}")) }
        })
        .await;
    }

    /// Waits until every one of these messages is receipted by all its recipients.
    pub(crate) async fn are_delivered(&self, messages: &[MessageId]) {
        for message in messages {
            eventually(&format!("the receipts for {message}"), async || {
                let tracked = self.gateway.track(*message).await.map_err(|error| told(&error))?;
                let open = tracked.states.iter().find(|state| state.state != DeliveryState::Delivered);
                open.map_or(Ok(()), |open| Err(format!("{} is {}", open.agency, open.state)))
            })
            .await;
        }
    }
}

/// The ids of published messages.
pub(crate) fn ids(published: &[Published]) -> Vec<MessageId> {
    published.iter().map(|published| published.id).collect()
}
