//! One group of the writer: what was queued is written together, synced once, applied in order and answered.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::{Arc, mpsc};

use sealpost_crypto::directory;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::Signed;
use sealpost_seglog::append;
use sealpost_wire::hub::{Entry, Event, SubmittedEnvelope};

use super::reserve::Settling;
use super::{Batch, Command, Failure, OWED_AGAIN, PublishError, Refused, Reserve, Settlement};
use crate::core::Effect;
use crate::hot;
use crate::journal::Journal;
use crate::verify::Sound;
use crate::view::View;
use sealpost_server::clock::Clock;

/// After so many bytes a group takes no further batch.
const GROUP_BYTES: usize = 4 << 20;

/// Whoever commits: the only owner of the journal.
pub(super) struct Committer {
    journal: Journal,
    view: Arc<View>,
    clock: Clock,
    reserve: Reserve,
    /// How far each lane of each recipient is settled, as long as that is not written: a full disk takes it later.
    owed: BTreeMap<(AgencyId, Priority), u64>,
    /// When that was last written.
    settled_at: Option<Instant>,
}

/// What is committed together.
#[derive(Default)]
struct Group {
    batches: Vec<Batch>,
    settlements: Vec<Settlement>,
    bytes: usize,
}

impl Group {
    fn add(&mut self, command: Command) -> Option<Command> {
        match command {
            Command::Batch(batch) => {
                self.bytes += batch.bytes;
                self.batches.push(batch);
                None
            }
            Command::Settle(settlement) => {
                self.settlements.push(settlement);
                None
            }
            alone @ (Command::Publish { .. } | Command::Close) => Some(alone),
        }
    }
}

impl Committer {
    pub(super) fn new(journal: Journal, view: Arc<View>, clock: Clock, reserve: Reserve) -> Self {
        Self { journal, view, clock, reserve, owed: BTreeMap::new(), settled_at: None }
    }

    /// Commits one group: what came first and what is queued behind it.
    pub(super) fn turn(
        &mut self,
        first: Command,
        queue: &mpsc::Receiver<Command>,
    ) -> Result<ControlFlow<()>, Failure> {
        let mut group = Group::default();
        let mut alone = group.add(first);
        while alone.is_none() && group.bytes < GROUP_BYTES {
            match queue.try_recv() {
                Ok(next) => alone = group.add(next),
                Err(_) => break,
            }
        }
        self.commit(group)?;
        match alone {
            Some(Command::Publish { signed, done }) => {
                let published = self.publish(signed)?;
                // The caller may have stopped waiting; the version is in force.
                let _ = done.send(published);
            }
            Some(Command::Close) => return Ok(ControlFlow::Break(())),
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Whether settlements wait for room on the disk.
    pub(super) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Tries once more to write what waits for room on the disk.
    pub(super) fn again(&mut self) -> Result<(), Failure> {
        self.commit(Group::default())
    }

    /// Nothing more is coming.
    pub(super) fn end(mut self) -> Result<(), Failure> {
        self.again()?;
        self.journal.sync().map_err(Failure::Disk)
    }

    fn commit(&mut self, group: Group) -> Result<(), Failure> {
        let Group { mut batches, settlements, .. } = group;
        let at = self.clock.now();
        self.owe(settlements);
        if batches.is_empty() && self.owed.is_empty() {
            return Ok(());
        }
        let free = self.free();
        let mut entries = Vec::new();
        if self.may_settle(free, at) {
            entries.extend(self.owed.iter().map(|(lane, index)| settled(at, lane, *index)));
        }
        let settled = entries.len();
        self.keep_reserve(free, &mut batches);
        match self.write_batches(at, &batches) {
            Ok(written) => entries.extend(written),
            Err(refused) => refuse(&mut batches, refused)?,
        }
        if entries.is_empty() {
            return self.forget();
        }
        let first = match self.journal.write_entries(&entries) {
            Ok(first) => first,
            // What was settled stays owed.
            Err(refused) => {
                refuse(&mut batches, refused)?;
                return self.forget();
            }
        };
        if !batches.is_empty() {
            self.journal.sync().map_err(Failure::Disk)?;
        }
        if settled > 0 {
            self.owed.clear();
            self.settled_at = Some(at);
        }
        self.apply(first, &entries, batches)
    }

    /// Notes what recipients have. What is settled already, or was never there, is not worth an entry.
    fn owe(&mut self, settlements: Vec<Settlement>) {
        let state = self.view.state();
        for Settlement { recipient, priority, place, .. } in settlements {
            if state.waits_up_to(&recipient, priority, place) {
                let owed = self.owed.entry((recipient, priority)).or_default();
                *owed = place.index().max(*owed);
            }
        }
    }

    /// How much of the disk is free. One that does not say so says when it is full.
    fn free(&self) -> u64 {
        self.journal.free().unwrap_or_else(|error| {
            tracing::warn!(%error, "the disk does not say how much of it is free");
            u64::MAX
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
        self.journal.forget_settled(&self.view.state()).map_err(Failure::Disk)
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
                "batches refused: only the reserve of the disk is left"
            );
            tell(refused, &Refused::DiskFull);
        }
    }

    /// Bodies first: the entries name where they lie.
    fn write_batches(&mut self, at: Instant, batches: &[Batch]) -> Result<Vec<Entry>, append::Error> {
        let envelopes = batches.iter().flat_map(|batch| &batch.envelopes);
        let payloads = envelopes.map(|sound| sound.payload.clone()).collect();
        let mut locations = self.journal.write_bodies(payloads)?.into_iter();
        let entry = |batch: &Batch| {
            let submitted = batch.envelopes.iter().zip(locations.by_ref()).map(|(sound, payload)| {
                let (header, signatures) = (sound.header.clone(), sound.signatures.clone());
                SubmittedEnvelope { header, signatures, payload, wrapped: sound.wrapped }
            });
            let envelopes = submitted.collect();
            Entry { at, event: Event::Batch { sender: batch.sender.clone(), envelopes } }
        };
        Ok(batches.iter().map(entry).collect())
    }

    /// Applies entries that are written, of which those of `batches` come last, and tells everybody concerned.
    fn apply(&mut self, first: u64, entries: &[Entry], mut batches: Vec<Batch>) -> Result<(), Failure> {
        // Before they are seen to wait: whoever delivers goes on by itself, and would read them from the disk.
        for (index, batch) in (first..).skip(entries.len() - batches.len()).zip(&mut batches) {
            self.view.hot.insert(index, hot(std::mem::take(&mut batch.envelopes)));
        }
        let (mut answers, mut deliveries) = (Vec::new(), BTreeSet::new());
        {
            let mut state = self.view.change();
            for (index, entry) in (first..).zip(entries) {
                for effect in state.step(index, entry).map_err(Failure::Fault)? {
                    match effect {
                        Effect::Accepted(acceptance) => answers.push(acceptance),
                        Effect::Deliver { recipient, priority, .. } => {
                            deliveries.insert((recipient, priority));
                        }
                        Effect::DirectoryChanged => self.view.announce(state.directory().cloned()),
                    }
                }
            }
            if state.backlog() == 0 {
                self.view.hot.clear();
            }
        }
        self.forget()?;
        for (batch, acceptance) in batches.into_iter().zip(answers) {
            drop(batch.room);
            // The caller may have gone; what was taken over stays taken over.
            let _ = batch.done.send(Ok(acceptance));
        }
        for (recipient, priority) in deliveries {
            self.view.ring(recipient, priority);
        }
        Ok(())
    }

    /// A directory is an entry by itself: it must verify against the one in force when it is applied.
    fn publish(&mut self, signed: Signed) -> Result<Result<Arc<Directory>, PublishError>, Failure> {
        let previous = self.view.directory();
        let at = self.clock.now();
        let directory = match directory::verify_now(&signed, previous.as_deref(), at) {
            Ok(directory) => Arc::new(directory),
            Err(error) => return Ok(Err(PublishError::Directory(Box::new(error)))),
        };
        let entries = [Entry { at, event: Event::Directory(signed) }];
        match self.journal.write_entries(&entries) {
            Ok(first) => {
                self.journal.sync().map_err(Failure::Disk)?;
                self.apply(first, &entries, Vec::new())?;
                Ok(Ok(directory))
            }
            Err(append::Error::Fatal(fatal)) => Err(Failure::Disk(fatal)),
            Err(error) => Ok(Err(Refused::from(error).into())),
        }
    }
}

/// What is kept in memory to be delivered.
fn hot(envelopes: Vec<Sound>) -> Arc<[hot::Envelope]> {
    let envelope = |sound: Sound| hot::Envelope {
        header: sound.header,
        signatures: sound.signatures,
        payload: sound.content,
    };
    envelopes.into_iter().map(envelope).collect()
}

fn settled(at: Instant, (recipient, priority): &(AgencyId, Priority), index: u64) -> Entry {
    Entry { at, event: Event::Settled { recipient: recipient.clone(), priority: *priority, index } }
}

impl From<append::Error> for Refused {
    fn from(error: append::Error) -> Self {
        match error {
            append::Error::NoSpace { .. } => Self::DiskFull,
            _ => Self::Stopping,
        }
    }
}

/// Tells the senders that nothing was taken; a disk that failed is the end.
fn refuse(batches: &mut Vec<Batch>, error: append::Error) -> Result<(), Failure> {
    if let append::Error::Fatal(fatal) = error {
        return Err(Failure::Disk(fatal));
    }
    if !batches.is_empty() {
        tracing::warn!(%error, batches = batches.len(), "batches refused");
    }
    tell(batches.drain(..), &Refused::from(error));
    Ok(())
}

fn tell(batches: impl IntoIterator<Item = Batch>, refused: &Refused) {
    for batch in batches {
        drop(batch.room);
        // The caller may have gone.
        let _ = batch.done.send(Err(refused.clone()));
    }
}
