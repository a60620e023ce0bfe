//! Groups of the writer: what was queued is proposed together, comes back from the journal when it is durable, is applied in
//! order and answered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_server::program::with_causes;

use super::gathered::{GROUP_BATCHES, GROUP_BYTES, Gathered, draft, hot};
use super::publication::Publication;
use super::reserve::Settling;
use super::{Batch, Command, Failure, OWED_AGAIN, Refused, Reserve, Settlement};
use crate::core::Effect;
use crate::journal::{Committed, Draft, Free, Journal, Proposal, ProposeError, Ticket};
use crate::view::View;
use sealpost_server::clock::Clock;

/// Whoever commits: the only owner of the journal.
pub(super) struct Committer {
    pub(super) journal: Box<dyn Journal>,
    pub(super) view: Arc<View>,
    pub(super) clock: Clock,
    reserve: Reserve,
    /// What waits until the journal is ready for it.
    gathered: Gathered,
    /// What was proposed and did not come back, the oldest first.
    pub(super) flights: VecDeque<Flight>,
    /// How far each lane of each recipient is settled, as long as that is not proposed: a full disk takes it later.
    owed: BTreeMap<RecipientLane, u64>,
    /// When that was last proposed.
    settled_at: Option<Instant>,
}

/// A lane of a recipient.
type RecipientLane = (AgencyId, Priority);

/// A proposal on its way through the journal, with those who wait for it.
pub(super) struct Flight {
    pub(super) ticket: Ticket,
    pub(super) batches: Vec<Batch>,
    pub(super) settled: BTreeMap<RecipientLane, u64>,
    pub(super) publication: Option<Publication>,
}

impl Committer {
    pub(super) fn new(journal: Box<dyn Journal>, view: Arc<View>, clock: Clock, reserve: Reserve) -> Self {
        Self {
            journal,
            view,
            clock,
            reserve,
            gathered: Gathered::default(),
            flights: VecDeque::new(),
            owed: BTreeMap::new(),
            settled_at: None,
        }
    }

    /// Proposes one group, what came first and what is queued behind it, and applies what was committed.
    pub(super) fn turn(
        &mut self,
        first: Command,
        queue: &mpsc::Receiver<Command>,
    ) -> Result<ControlFlow<()>, Failure> {
        let mut alone = self.gathered.add(first);
        while alone.is_none() && self.gathered.bytes < GROUP_BYTES {
            match queue.try_recv() {
                Ok(next) => alone = self.gathered.add(next),
                Err(_) => break,
            }
        }
        if let Some(Command::Committed) = alone {
            self.follow()?;
        }
        self.commit()?;
        match alone {
            Some(Command::Publish { signed, done }) => self.publish(signed, done)?,
            Some(Command::Lists { lists, done }) => self.publish_lists(lists, done)?,
            Some(Command::Close) => return Ok(ControlFlow::Break(())),
            Some(Command::Batch(_) | Command::Settle(_) | Command::Committed) | None => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether settlements wait for room on the disk.
    pub(super) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Whether something that was taken over did not come back.
    pub(super) fn is_waiting(&self) -> bool {
        !self.flights.is_empty() || !self.gathered.batches.is_empty()
    }

    /// Tries once more to write what waits for room on the disk.
    pub(super) fn again(&mut self) -> Result<(), Failure> {
        self.commit()
    }

    /// Nothing more is coming.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.again()?;
        Ok(self.journal.close()?)
    }

    /// Proposes what was gathered, if the journal is ready for it.
    fn commit(&mut self) -> Result<(), Failure> {
        while self.journal.is_ready() {
            let (mut batches, settlements) = self.gathered.take();
            let at = self.clock.now();
            self.owe(settlements);
            if batches.is_empty() && self.owed.is_empty() {
                break;
            }
            let free = self.free();
            // What is settled makes room for bodies, and needs none of it.
            let settled = if self.may_settle(free.entries, at) { self.take_owed() } else { BTreeMap::new() };
            self.keep_reserve(free.least(), &mut batches);
            if batches.is_empty() && settled.is_empty() {
                self.forget()?;
                if self.gathered.batches.is_empty() {
                    break;
                }
                continue;
            }
            self.propose(at, batches, settled)?;
            if self.gathered.batches.is_empty() {
                break;
            }
        }
        Ok(())
    }

    /// Proposes batches behind what is settled; where there is no room for both, what is settled alone.
    fn propose(
        &mut self,
        at: Instant,
        mut batches: Vec<Batch>,
        settled: BTreeMap<RecipientLane, u64>,
    ) -> Result<(), Failure> {
        loop {
            let settlements = settled.iter().map(|((recipient, priority), index)| Draft::Settled {
                recipient: recipient.clone(),
                priority: *priority,
                index: *index,
            });
            let drafts = settlements.chain(batches.iter().map(draft)).collect();
            match self.journal.propose(Proposal { at, drafts }) {
                Ok(ticket) => {
                    if !settled.is_empty() {
                        self.settled_at = Some(at);
                    }
                    self.flights.push_back(Flight { ticket, batches, settled, publication: None });
                    return self.follow();
                }
                Err(ProposeError::Failed(failed)) => return Err(failed.into()),
                Err(error) => {
                    let without = batches.is_empty() || settled.is_empty();
                    refuse(&mut batches, &error);
                    if without {
                        self.owed.extend(settled);
                        return self.forget();
                    }
                }
            }
        }
    }

    /// Notes what recipients have. What is settled already, or was never there, is not worth an entry.
    fn owe(&mut self, settlements: Vec<Settlement>) {
        let state = self.view.state();
        for Settlement { recipient, priority, place, .. } in settlements {
            // A node that comes from another hub may know more than was applied here.
            let waits = state.waits_up_to(&recipient, priority, place) || place.entry() >= state.next();
            let of = (recipient, priority);
            let proposed = self.flights.iter().any(|flight| flight.settled.get(&of) >= Some(&place.index()));
            if waits && !proposed {
                let owed = self.owed.entry(of).or_default();
                *owed = place.index().max(*owed);
            }
        }
    }

    /// What is settled, as much as goes into one proposal beside the batches.
    fn take_owed(&mut self) -> BTreeMap<RecipientLane, u64> {
        let later = self.owed.keys().nth(GROUP_BATCHES).cloned().map(|of| self.owed.split_off(&of));
        std::mem::replace(&mut self.owed, later.unwrap_or_default())
    }

    /// How much of the disk is free. One that does not say so says when it is full.
    fn free(&self) -> Free {
        self.journal.free().unwrap_or_else(|error| {
            tracing::warn!(%error, "the journal does not say how much room it has");
            Free { entries: u64::MAX, bodies: u64::MAX }
        })
    }

    /// Whether what is settled may be written now. Where little is left, that of each lane is written together: who
    /// acknowledges one by one would otherwise fill what is left with it.
    fn may_settle(&self, free: u64, now: Instant) -> bool {
        match self.reserve.settling(free) {
            Settling::AtOnce => true,
            Settling::Seldom => {
                // A clock that was set back has told nothing about how long ago it was.
                self.settled_at.is_none_or(|last| last > now || now.since(last) >= OWED_AGAIN)
            }
            Settling::NotNow => false,
        }
    }

    /// Deletes what nothing that is applied waits for.
    fn forget(&mut self) -> Result<(), Failure> {
        Ok(self.journal.applied(&self.view.state())?)
    }

    /// Refuses the batches that would go into the reserve.
    fn keep_reserve(&self, mut free: u64, batches: &mut Vec<Batch>) {
        let does_not_fit = |batch: &mut Batch| match self.reserve.after(free, batch.lane, batch.bytes) {
            Some(left) => {
                free = left;
                false
            }
            None => true,
        };
        let refused: Vec<_> = batches.extract_if(.., does_not_fit).collect();
        if !refused.is_empty() {
            tracing::warn!(
                free,
                batches = refused.len(),
                "batches refused: the journal has only its reserve left"
            );
            tell(refused, &Refused::DiskFull);
        }
    }

    /// Applies everything that was committed, by whomever, and tells everybody concerned.
    pub(super) fn follow(&mut self) -> Result<(), Failure> {
        loop {
            self.forget()?;
            let Some(committed) = self.journal.committed()? else { return Ok(()) };
            let own = self.flights.front().is_some_and(|flight| Some(flight.ticket) == committed.ticket);
            let flight = own.then(|| self.flights.pop_front()).flatten();
            self.apply(&committed, flight)?;
        }
    }

    /// Applies entries, of which those of the flight's batches come last.
    fn apply(&mut self, committed: &Committed, flight: Option<Flight>) -> Result<(), Failure> {
        let Committed { first, entries, .. } = committed;
        let (mut batches, publication) = match flight {
            Some(flight) => (flight.batches, flight.publication),
            None => (Vec::new(), None),
        };
        // Before they are seen to wait: whoever delivers goes on by itself, and would read them from the disk.
        for (index, batch) in (*first..).skip(entries.len() - batches.len()).zip(&mut batches) {
            self.view.hot.insert(index, hot(std::mem::take(&mut batch.envelopes)));
        }
        let (mut answers, mut deliveries) = (Vec::new(), BTreeSet::new());
        {
            let mut state = self.view.change();
            for (index, entry) in (*first..).zip(entries) {
                for effect in state.step(index, entry).map_err(Failure::Fault)? {
                    match effect {
                        Effect::Accepted(acceptance) => answers.push(acceptance),
                        Effect::Deliver { recipient, priority, .. } => {
                            deliveries.insert((recipient, priority));
                        }
                        Effect::DirectoryChanged => self.view.announce(state.directory().cloned()),
                        Effect::Lists(lists) => self.view.announce_lists(lists),
                        Effect::DirectoryOvertaken => {
                            tracing::warn!(index, "another version of the directory came first");
                        }
                    }
                }
            }
            if state.backlog() == 0 {
                self.view.hot.clear();
            }
        }
        for (batch, acceptance) in batches.into_iter().zip(answers) {
            drop(batch.room);
            // The caller may have gone; what was taken over stays taken over.
            let _ = batch.done.send(Ok(acceptance));
        }
        if let Some(publication) = publication {
            self.published(publication);
        }
        for (recipient, priority) in deliveries {
            self.view.ring(recipient, priority);
        }
        Ok(())
    }
}

impl From<&ProposeError> for Refused {
    fn from(error: &ProposeError) -> Self {
        match error {
            ProposeError::NoRoom(_) => Self::DiskFull,
            ProposeError::Refused(_) | ProposeError::Failed(_) => Self::Stopping,
        }
    }
}

/// Tells the senders that nothing was taken.
fn refuse(batches: &mut Vec<Batch>, error: &ProposeError) {
    if !batches.is_empty() {
        tracing::warn!(error = with_causes(error), batches = batches.len(), "batches refused");
    }
    tell(batches.drain(..), &Refused::from(error));
}

fn tell(batches: impl IntoIterator<Item = Batch>, refused: &Refused) {
    for batch in batches {
        drop(batch.room);
        // The caller may have gone.
        let _ = batch.done.send(Err(refused.clone()));
    }
}
