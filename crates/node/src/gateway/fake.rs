//! A node behind the handle that publishes and receives at the tests' bidding.

use std::sync::{Arc, Mutex, PoisonError};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::fault::Collector;
use sealpost_domain::alert::{Alert, AlertParts, Content, Draft, DraftParts, Grading, GradingScale, Recall};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::handling::{Handling, Tlp};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::{Category, Kind, MessageId, Priority, SharingMode};
use sealpost_domain::view::{
    Direction, Filter, Form, Page, Published, Query, Shown, Status, Tracked, Verification,
};
use sealpost_server::pool::Lane;
use tokio::sync::watch;

use crate::handle::{Command, FORWARD_MAX, Forward, Handle, PublishError, ReportedOutcome, ViewError, Views};
use crate::queue;

/// The life of its ledger.
pub(super) const LEDGER: Incarnation = Incarnation([4; 16]);

/// A node without a disk.
#[derive(Clone)]
pub(super) struct FakeNode {
    shelf: Arc<Shelf>,
    pace: watch::Sender<Pace>,
}

/// What the node does with commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// Takes and answers one, and no more.
    Single,
    /// Takes them and keeps the answers back.
    Holding,
    /// Takes and answers them.
    Answering,
    /// Has room for FLASH alone.
    FlashAlone,
}

struct Shelf {
    messages: Mutex<Vec<Shown>>,
    stretches: Mutex<usize>,
    published: watch::Sender<usize>,
    next_index: watch::Sender<u64>,
}

impl Default for FakeNode {
    fn default() -> Self {
        Self::at(Pace::Answering)
    }
}

impl FakeNode {
    fn at(pace: Pace) -> Self {
        let shelf = Shelf {
            messages: Mutex::default(),
            stretches: Mutex::default(),
            published: watch::Sender::new(0),
            next_index: watch::Sender::new(0),
        };
        Self { shelf: Arc::new(shelf), pace: watch::Sender::new(pace) }
    }

    pub(super) fn holding_answers() -> Self {
        Self::at(Pace::Holding)
    }

    pub(super) fn taking_one() -> Self {
        Self::at(Pace::Single)
    }

    pub(super) fn refusing_all_but_flash() -> Self {
        Self::at(Pace::FlashAlone)
    }

    pub(super) fn with_messages(count: u64) -> Self {
        let node = Self::default();
        (0..count).for_each(|_| node.receive(Priority::Routine));
        node
    }

    pub(super) fn release(&self) {
        self.pace.send_replace(Pace::Answering);
    }

    /// Commands that were taken.
    pub(super) fn published(&self) -> usize {
        *self.shelf.published.borrow()
    }

    pub(super) async fn wait_for(&self, published: usize) {
        let mut counter = self.shelf.published.subscribe();
        counter.wait_for(|count| *count >= published).await.expect("the sender lives as long as the node");
    }

    pub(super) fn stretches_read(&self) -> usize {
        *lock(&self.shelf.stretches)
    }

    pub(super) fn receive(&self, priority: Priority) {
        let mut messages = lock(&self.shelf.messages);
        let index = messages.len() as u64;
        messages.push(shown(index, priority));
        self.shelf.next_index.send_replace(index + 1);
    }

    /// A handle whose queue has room for some commands.
    pub(super) fn handle(&self, room: usize) -> Handle {
        let (sender, receiver) = queue::queue(room);
        tokio::spawn(answer(Arc::clone(&self.shelf), self.pace.subscribe(), receiver));
        let views: Arc<dyn Views> = Arc::clone(&self.shelf) as _;
        Handle::new(sender, views, self.shelf.next_index.subscribe())
    }
}

async fn answer(shelf: Arc<Shelf>, mut pace: watch::Receiver<Pace>, mut commands: queue::Receiver<Command>) {
    let mut held = Vec::new();
    loop {
        let takes = *pace.borrow() != Pace::Single || *shelf.published.borrow() == 0;
        tokio::select! {
            command = commands.recv(), if takes => match command {
                Some((Lane::Ordinary, Command::Publish(_, answer))) if *pace.borrow() == Pace::FlashAlone => {
                    let _ = answer.send(Err(PublishError::Full));
                }
                Some((_, Command::Publish(_, answer))) => {
                    shelf.published.send_modify(|count| *count += 1);
                    held.push(answer);
                }
                Some((_, Command::Acknowledge { messages, answer, .. })) => {
                    let _ = answer.send(Ok(u32::try_from(messages.len()).unwrap_or(u32::MAX)));
                }
                None => return,
            },
            changed = pace.changed() => if changed.is_err() { return },
        }
        if *pace.borrow() != Pace::Holding {
            for answer in held.drain(..) {
                let _ = answer.send(Ok(published()));
            }
        }
    }
}

impl Views for Shelf {
    fn forward(&self, from: u64, filter: &Filter) -> Result<Forward, ViewError> {
        *lock(&self.stretches) += 1;
        let messages = lock(&self.messages);
        let stretch: Vec<&Shown> =
            messages.iter().filter(|shown| shown.index >= from).take(FORWARD_MAX).collect();
        let next_index = stretch.last().map_or(from, |last| last.index + 1);
        let wanted =
            |shown: &&&Shown| filter.priorities.is_empty() || filter.priorities.contains(&shown.priority);
        Ok(Forward {
            messages: stretch.iter().filter(wanted).map(|shown| (*shown).clone()).collect(),
            next_index,
        })
    }

    fn message(
        &self,
        id: MessageId,
        _sender: Option<&AgencyId>,
        _form: Form,
    ) -> Result<Option<Shown>, ViewError> {
        Ok(lock(&self.messages).iter().find(|shown| shown.id == id).cloned())
    }

    fn list(&self, query: &Query) -> Result<Page, ViewError> {
        let messages = lock(&self.messages);
        let below =
            messages.iter().rev().filter(|shown| query.before.is_none_or(|before| shown.index < before));
        let mut found: Vec<Shown> = below.take(query.limit() as usize + 1).cloned().collect();
        let more = found.len() > query.limit() as usize;
        found.truncate(query.limit() as usize);
        Ok(Page { messages: found, more })
    }

    fn track(&self, _id: MessageId) -> Result<Option<Tracked>, ViewError> {
        Ok(None)
    }

    fn status(&self) -> Status {
        unreachable!("no test asks how the fake is")
    }

    fn ledger(&self) -> Incarnation {
        LEDGER
    }

    fn outcomes(&self, _each: &mut dyn FnMut(ReportedOutcome)) -> Result<(), ViewError> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn agency(text: &str) -> AgencyId {
    text.parse().unwrap()
}

fn alert() -> Alert {
    let collector = Collector::default();
    let grading = Grading::read(&collector.root(), GradingScale::Europol, "B", 2).unwrap();
    Alert::new(AlertParts {
        grading,
        purpose: "prevention of smuggling".parse().unwrap(),
        handling_text: None,
        retention_until: "2027-01-31".parse().unwrap(),
        content: Content::Recall(Recall { reason: "sent to the wrong agency".parse().unwrap() }),
    })
    .unwrap()
}

pub(super) fn draft() -> Draft {
    draft_of(Priority::Routine)
}

pub(super) fn draft_of(priority: Priority) -> Draft {
    Draft::new(DraftParts {
        recipients: vec![agency("DE-ZKA")],
        operation: None,
        priority,
        act_before: None,
        category: Category::Narcotics,
        handling: Handling::new(Tlp::Amber, []),
        sharing: SharingMode::Spontaneous,
        in_reply_to: Some(MessageId::new(1, [1; 10])),
        alert: alert(),
    })
    .unwrap()
}

fn published() -> Published {
    Published {
        id: MessageId::new(1, [2; 10]),
        index: 1,
        at: Instant::from_millis(1),
        recipients: vec![agency("DE-ZKA")],
        repeated_key: false,
    }
}

fn shown(index: u64, priority: Priority) -> Shown {
    Shown {
        index,
        direction: Direction::Received,
        id: MessageId::new(index, [3; 10]),
        sender: agency("DE-ZKA"),
        recipients: vec![agency("HK-CED")],
        operation: None,
        sent_at: Instant::from_millis(1),
        recorded_at: Instant::from_millis(2),
        kind: Kind::Recall,
        priority,
        act_before: None,
        category: Category::Narcotics,
        mode: SharingMode::Spontaneous,
        handling: Handling::new(Tlp::Amber, []),
        in_reply_to: None,
        alert: Some(alert()),
        verification: Verification {
            signing_key: KeyId::new([7; 32]),
            header: Digest::ZERO,
            directory_version: 1,
            link_number: index + 1,
            agreement: "CMAA-2023".to_owned(),
        },
        read: false,
        late: false,
        gap_before: false,
        states: Vec::new(),
        changed: None,
        enclosed: None,
        forwarded: None,
        erased: None,
        held: false,
    }
}
