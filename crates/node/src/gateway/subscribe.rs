//! Subscribing: first what lies in the ledger, then what comes, for as long as the caller listens.
//!
//! Messages are read when the caller has room for them, and a caller that is slow holds up nobody but itself. What
//! was sent before a break is known by its index, so that nothing is missed and nothing comes twice.

use std::collections::VecDeque;
use std::time::Duration;

use futures::{Stream, stream};
use sealpost_domain::link::Incarnation;
use sealpost_domain::view::{Event, Filter, Place, Shown};
use sealpost_wire::status::Failure;
use tokio::sync::watch;
use tokio::time;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::view_failed;
use crate::handle::Handle;

/// After how much silence a caller is told that there is nothing new.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// Where to begin for a caller that goes on at a place. A place of another life of the ledger is refused: other records
/// may lie below its index now, and the caller would miss them unnoticed.
pub(super) fn admit(place: Place, ledger: Incarnation) -> Result<u64, Status> {
    let Place { index, ledger: told } = place;
    if place.holds_in(ledger) {
        return Ok(index);
    }
    let told = told.map_or_else(String::new, |told| format!(" {told}"));
    let detail = format!(
        "index {index} is of the life{told} of this ledger, which now lives as {ledger}: the node was restored from an \
         older copy or began anew, and other messages may lie below that index; begin again at 0, message ids tell \
         what is known already"
    );
    Err(Failure::Conflict.status(detail))
}

/// The messages of the ledger from an index on, and whatever follows. Ends with UNAVAILABLE when the node stops.
pub(super) fn events(
    handle: Handle,
    from: u64,
    filter: Filter,
    stop: CancellationToken,
) -> impl Stream<Item = Result<Event, Status>> + Send + 'static {
    let readable = handle.next_index();
    let lay_there = *readable.borrow();
    let reader = Reader {
        handle,
        readable,
        filter,
        stop,
        from,
        next: from,
        waiting: VecDeque::new(),
        catching_up: Some(lay_there),
        ended: false,
    };
    stream::unfold(reader, Reader::step)
}

struct Reader {
    handle: Handle,
    readable: watch::Receiver<u64>,
    filter: Filter,
    stop: CancellationToken,
    /// Where the caller began.
    from: u64,
    /// The first index that was not read yet.
    next: u64,
    /// Read, and not sent yet: at most one stretch.
    waiting: VecDeque<Shown>,
    /// Where the ledger ended when the call began, until that is reached and told.
    catching_up: Option<u64>,
    ended: bool,
}

impl Reader {
    async fn step(mut self) -> Option<(Result<Event, Status>, Self)> {
        if self.ended {
            return None;
        }
        let event = self.event().await;
        self.ended = event.is_err();
        Some((event, self))
    }

    async fn event(&mut self) -> Result<Event, Status> {
        loop {
            if let Some(shown) = self.waiting.pop_front() {
                return Ok(Event::Message(Box::new(shown)));
            }
            if self.stop.is_cancelled() {
                return Err(stopping());
            }
            if let Some(end) = self.catching_up
                && self.next >= end
            {
                self.catching_up = None;
                return self.caught_up(end);
            }
            let end = *self.readable.borrow_and_update();
            if self.next < end {
                self.read().await?;
                continue;
            }
            tokio::select! {
                () = self.stop.cancelled() => return Err(stopping()),
                changed = self.readable.changed() => changed.map_err(|_| stopping())?,
                () = time::sleep(HEARTBEAT) => return Ok(Event::Heartbeat { next_index: self.next }),
            }
        }
    }

    /// A place beyond the end is of another ledger: waiting for it would skip what comes before.
    fn caught_up(&self, end: u64) -> Result<Event, Status> {
        let (from, ledger_end) = (self.from, *self.readable.borrow());
        if from > end {
            let detail = format!(
                "index {from} lies beyond the end of this ledger, {ledger_end}; it is of another ledger, begin at 0"
            );
            return Err(Failure::Conflict.status(detail));
        }
        Ok(Event::CaughtUp { next_index: self.next })
    }

    async fn read(&mut self) -> Result<(), Status> {
        let forward = self.handle.forward(self.next, self.filter.clone()).await.map_err(view_failed)?;
        if forward.next_index <= self.next {
            // A stretch that leads nowhere would be read for ever.
            let detail = format!("the ledger cannot be read beyond index {}", self.next);
            return Err(Failure::Internal.status(detail));
        }
        self.next = forward.next_index;
        self.waiting = forward.messages.into();
        Ok(())
    }
}

fn stopping() -> Status {
    Failure::Unavailable.status("the node is stopping; go on later at the last index plus one")
}

#[cfg(test)]
mod tests {
    use futures::stream::BoxStream;
    use futures::{FutureExt as _, StreamExt as _};
    use sealpost_domain::message::Priority;
    use tonic::Code;

    use super::super::fake::FakeNode;
    use super::*;

    fn subscribe(
        node: &FakeNode,
        from: u64,
        stop: &CancellationToken,
    ) -> BoxStream<'static, Result<Event, Status>> {
        events(node.handle(1), from, Filter::default(), stop.clone()).boxed()
    }

    fn index(event: Option<Result<Event, Status>>) -> u64 {
        match event {
            Some(Ok(Event::Message(shown))) => shown.index,
            other => panic!("expected a message, got {other:?}"),
        }
    }

    #[tokio::test]
    async fn first_comes_the_ledger_then_the_mark_then_what_is_new() {
        let node = FakeNode::with_messages(150);
        let mut events = subscribe(&node, 20, &CancellationToken::new());
        for expected in 20..150 {
            assert_eq!(index(events.next().await), expected);
        }
        assert_eq!(events.next().await.unwrap().unwrap(), Event::CaughtUp { next_index: 150 });
        node.receive(Priority::Flash);
        assert_eq!(index(events.next().await), 150);
    }

    #[tokio::test]
    async fn a_filter_hides_messages_and_the_place_to_go_on_still_advances() {
        let node = FakeNode::with_messages(5);
        let filter = Filter { priorities: vec![Priority::Flash], ..Filter::default() };
        let events = events(node.handle(1), 0, filter, CancellationToken::new());
        tokio::pin!(events);
        assert_eq!(events.next().await.unwrap().unwrap(), Event::CaughtUp { next_index: 5 });
        node.receive(Priority::Routine);
        node.receive(Priority::Flash);
        assert_eq!(index(events.next().await), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_told() {
        let node = FakeNode::with_messages(0);
        let mut events = subscribe(&node, 0, &CancellationToken::new());
        assert_eq!(events.next().await.unwrap().unwrap(), Event::CaughtUp { next_index: 0 });
        assert_eq!(events.next().await.unwrap().unwrap(), Event::Heartbeat { next_index: 0 });
    }

    #[tokio::test]
    async fn nothing_is_read_ahead_of_a_caller_that_does_not_listen() {
        let node = FakeNode::with_messages(1000);
        let mut events = subscribe(&node, 0, &CancellationToken::new());
        assert_eq!(index(events.next().await), 0);
        assert_eq!(node.stretches_read(), 1);
    }

    #[tokio::test]
    async fn a_place_of_another_ledger_is_refused() {
        let node = FakeNode::with_messages(5);
        let mut events = subscribe(&node, 6, &CancellationToken::new());
        assert_eq!(events.next().await.unwrap().unwrap_err().code(), Code::FailedPrecondition);
        assert!(events.next().await.is_none());
    }

    #[tokio::test]
    async fn a_stopping_node_ends_the_stream() {
        let node = FakeNode::with_messages(0);
        let stop = CancellationToken::new();
        let mut events = subscribe(&node, 0, &stop);
        assert!(events.next().await.unwrap().is_ok());
        assert!(events.next().now_or_never().is_none());
        stop.cancel();
        assert_eq!(events.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
    }
}
