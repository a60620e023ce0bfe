//! The single writer at work: it gathers what waits into a round, appends the round's records with one sync, applies
//! them, and only then sends, answers and acknowledges.
//!
//! While a round is being synced the next one gathers by itself; there is no timer. A full disk refuses a round whole:
//! publishers are told to come back, what the hub delivered is taken from it again. So does a key that does not sign, as
//! one on a token that is away. A disk that fails ends the node, and so does the index over the ledger, whoever meets that.

mod answers;
mod gather;
mod input;
mod pace;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_crypto::dsse::Signer;
use sealpost_domain::digest::KeyId;
use sealpost_domain::message::Priority;
use sealpost_domain::record::Record;
use sealpost_ledger::{Bucket, Ledger, append, tree};
use sealpost_seglog::append::{Error as LogError, Fatal};
use sealpost_server::program::with_causes;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use tracing::{debug, error, info, warn};

use crate::core::erasures::Late;
use crate::core::{self, Env, Outgoing, Round, Silenced};
use crate::erase;
use crate::projection::Changes;
use crate::queue;
use crate::shared::Shared;
use answers::Answers;
pub use input::{Broken, Input, Mark, Outcome, SettledUpTo};
use pace::Pace;

/// How long nothing is tried after the disk refused a round.
const FULL_PAUSE: Duration = Duration::from_millis(100);
/// How often it is told that the disk is still full.
const FULL_TOLD_EVERY: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_millis(250);
/// How often it is looked which buckets have ended.
const BUCKETS_EVERY: Duration = Duration::from_secs(30);
/// How often it is told that buckets do not end though their months are over.
const LATE_TOLD_EVERY: Duration = Duration::from_hours(24);

/// The single writer of a node's ledger.
pub struct Engine {
    shared: Arc<Shared>,
    ledger: Ledger,
    inputs: queue::Receiver<Input>,
    /// To the hub. What does not fit is dropped: it is repeated until it arrived.
    outgoing: mpsc::Sender<Outgoing>,
    signer: Arc<dyn Signer>,
    rng: Box<dyn CryptoRng + Send>,
    pace: Pace,
    /// When it was told last that the disk is full, while it is.
    told_full_at: Option<Instant>,
    /// When it was looked last which buckets have ended.
    buckets_at: Option<Instant>,
    /// When it was told last that the key does not sign, while it does not.
    told_unsigned_at: Option<Instant>,
    /// When it was told last that buckets do not end though their months are over.
    told_late_at: Option<Instant>,
}

/// Why the writer ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] Fatal),
    /// The ledger or the key is not what it has to be.
    #[error(transparent)]
    Core(#[from] core::Error),
    /// The index over the ledger failed.
    #[error(transparent)]
    Index(#[from] sealpost_store::Error),
    /// A peer proved that the ledger lost its end.
    #[error(
        "a peer showed a later message of this node than its ledger holds: the ledger is an older copy of itself. \
         Nothing more is sent in this life of it; the next start begins a new one"
    )]
    RolledBack,
    /// Somebody closed the ledger.
    #[error("the ledger was closed while the node was running")]
    Closed,
}

impl Engine {
    /// A writer that takes `inputs` and hands what is for peers to `outgoing`.
    pub fn new(
        shared: Arc<Shared>,
        ledger: Ledger,
        inputs: queue::Receiver<Input>,
        outgoing: mpsc::Sender<Outgoing>,
        signer: Arc<dyn Signer>,
        rng: Box<dyn CryptoRng + Send>,
    ) -> Self {
        Self {
            shared,
            ledger,
            inputs,
            outgoing,
            signer,
            rng,
            pace: Pace::default(),
            told_full_at: None,
            buckets_at: None,
            told_unsigned_at: None,
            told_late_at: None,
        }
    }

    /// Works until every sender of inputs is gone and what they sent is settled.
    pub async fn run(mut self) -> Result<(), Error> {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while let Some(inputs) = self.gather(&mut tick).await {
            // Whoever reads of the index may have met that first, and cannot end the node.
            if self.shared.projections.has_failed() {
                return Err(sealpost_store::Error::Failed.into());
            }
            self.round(inputs).await?;
        }
        // What was settled last is still to be receipted, so that the next start owes nothing.
        self.pace = Pace::default();
        self.round(Vec::new()).await
    }

    /// What waits; nothing when receipts or the clock ask for a round; `None` at the end.
    async fn gather(&mut self, tick: &mut Interval) -> Option<Vec<Input>> {
        let mut first = None;
        let owed = self.shared.core().inbox.owed();
        let receipts_due = self.pace.due(owed, Instant::now());
        tokio::select! {
            biased;
            input = self.inputs.recv() => first = Some(input?),
            () = sleep_until(receipts_due.unwrap_or_else(Instant::now)), if receipts_due.is_some() => {}
            _ = tick.tick() => {}
        }
        Some(gather::round(first, &mut self.inputs))
    }

    async fn round(&mut self, inputs: Vec<Input>) -> Result<(), Error> {
        let drained = self.inputs.is_empty();
        let mut answers = Answers::default();
        let silenced = self.shared.core().silenced(self.signer.key_id(), self.shared.now());
        let decided = match &silenced {
            None => self.decide(inputs, drained, &mut answers),
            Some(silenced) => self.turn_away(inputs, silenced, &mut answers),
        };
        let speaks = silenced.is_none();
        if !speaks {
            // What is owed would be tried again at once, for ever.
            tokio::time::sleep(FULL_PAUSE).await;
        }
        let mut round = match decided {
            Ok(round) => round,
            Err(Error::Core(unsigned)) if unsigned.is_unsigned() => {
                self.shared.core_mut().forget();
                if self.told_unsigned_at.is_none_or(|told| told.elapsed() >= FULL_TOLD_EVERY) {
                    warn!(error = with_causes(&unsigned), "nothing is recorded until the key signs");
                    self.told_unsigned_at = Some(Instant::now());
                }
                answers.refuse(&self.shared);
                tokio::time::sleep(FULL_PAUSE).await;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if speaks && !round.records().is_empty() && self.told_unsigned_at.take().is_some() {
            info!("the key signs again");
        }
        if round.records().is_empty() {
            self.shared.core_mut().forget();
            answers.settle(None, &self.shared);
            self.send(&mut round);
            return Ok(());
        }
        match self.ledger.append(round.records().to_vec()).await {
            Ok(appended) => {
                if self.told_full_at.take().is_some() {
                    info!("there is space again");
                }
                self.apply(appended.first, &mut round)?;
                answers.settle(Some(appended.first), &self.shared);
                if round.records().iter().any(|draft| matches!(draft.record, Record::Erasure { .. })) {
                    self.erase(erase::present(&self.shared.buckets));
                }
                Ok(())
            }
            Err(refused) => {
                self.shared.core_mut().forget();
                self.refused(refused, answers)?;
                // What is owed would be tried again at once, for ever.
                tokio::time::sleep(FULL_PAUSE).await;
                Ok(())
            }
        }
    }

    fn decide(&mut self, inputs: Vec<Input>, drained: bool, answers: &mut Answers) -> Result<Round, Error> {
        let shared = Arc::clone(&self.shared);
        let buckets = self.buckets();
        let mut core = shared.core_mut();
        let checkpoint = shared.checkpoint.borrow().as_ref().map_or_else(Bytes::new, tree::Signed::to_bytes);
        let (rng, signer) = (self.rng.as_mut(), self.signer.as_ref());
        let mut env = Env { now: shared.now(), rng, signer, checkpoint, past: &shared.books() };
        let mut round = Round::default();
        // Computed from what is durable, so before anything of this round.
        let (owed, looked_at) = (core.inbox.owed(), Instant::now());
        let mut failed = None;
        if self.pace.is_due(owed, !drained, looked_at) {
            match core.receipts(&mut env, &mut round) {
                Ok(()) => self.pace.made(owed, looked_at),
                Err(error) => failed = Some(error.into()),
            }
        }
        for input in inputs {
            match &failed {
                None => failed = answers.decide(input, &mut core, &mut env, &mut round).err(),
                Some(failed) => answers.pass_over(input, failed),
            }
        }
        if let Some(failed) = failed {
            return Err(failed);
        }
        if round.records().iter().any(|draft| matches!(draft.record, Record::Directory(_))) {
            // It may not believe our own key: nothing more is signed before it is in force.
            return Ok(round);
        }
        let late = core.end_buckets(&mut env, &mut round, &buckets);
        if let Some(Late { buckets, awaited }) = late
            && self.told_late_at.is_none_or(|told| told.elapsed() >= LATE_TOLD_EVERY)
        {
            warn!(buckets, "the retention of bodies is over, and they do not end; awaited are {awaited}");
            self.told_late_at = Some(Instant::now());
        }
        let again = core.calendar(&mut env, &mut round)?;
        if again > 0 {
            debug!(messages = again, "messages without receipt are sent again");
        }
        let lanes = [Priority::Flash, Priority::Urgent, Priority::Routine];
        if core.outbox.has_ready(&lanes) {
            shared.notify_lanes();
        }
        Ok(round)
    }

    /// The directory in force does not believe our key: whatever was signed now would be believed by nobody, and would
    /// make a ledger that does not verify. Only a later version of the directory is taken.
    fn turn_away(
        &mut self,
        inputs: Vec<Input>,
        silenced: &Silenced,
        answers: &mut Answers,
    ) -> Result<Round, Error> {
        if self.told_unsigned_at.is_none_or(|told| told.elapsed() >= FULL_TOLD_EVERY) {
            error!("{silenced}");
            self.told_unsigned_at = Some(Instant::now());
        }
        let shared = Arc::clone(&self.shared);
        let mut core = shared.core_mut();
        let (rng, signer) = (self.rng.as_mut(), self.signer.as_ref());
        let past = &shared.books();
        let mut env = Env { now: shared.now(), rng, signer, checkpoint: Bytes::new(), past };
        let mut round = Round::default();
        for input in inputs {
            answers.turn_away(input, silenced, &mut core, &mut env, &mut round)?;
        }
        Ok(round)
    }

    /// The records are durable: they change the state, and can be read. What is said to peers goes out before the index is
    /// written, which no peer sees; messages of ours after it, since their answers are judged by it.
    fn apply(&mut self, first: u64, round: &mut Round) -> Result<(), Error> {
        let mut core = self.shared.core_mut();
        let mut index = first;
        let mut new_directory = false;
        for draft in round.records() {
            core.apply(index, draft.recorded_at, &draft.record, &draft.body)?;
            new_directory |= matches!(draft.record, Record::Directory(_));
            index += 1;
        }
        core.settled();
        let directory = core.directory().cloned();
        let rolled_back = core.is_rolled_back();
        let facts = core.take_facts();
        drop(core);
        // Nothing goes out under a directory before that is in force, nor of a ledger that lost its end.
        let at_once = !rolled_back && !new_directory;
        if at_once {
            self.send(round);
        }
        let mut changes = Changes::new(self.shared.projections.as_ref(), index);
        for (index, draft) in (first..).zip(round.records()) {
            changes.note(index, &draft.record)?;
        }
        changes.note_facts(facts);
        changes.apply()?;
        self.shared.core_mut().indexed();
        if new_directory {
            self.shared.directory.send_replace(directory);
            self.shared.directories.tell();
        }
        self.shared.next_index.send_replace(index);
        for alarm in round.alarms() {
            warn!(%alarm, "recorded as a security matter");
        }
        if rolled_back {
            return Err(Error::RolledBack);
        }
        if !at_once {
            self.send(round);
        }
        self.shared.notify_lanes();
        Ok(())
    }

    /// The buckets that have a key, when it is time to look which of them have ended. A key that ended before and could
    /// not be destroyed is destroyed now.
    fn buckets(&mut self) -> Vec<(Bucket, KeyId)> {
        if self.buckets_at.is_some_and(|before| before.elapsed() < BUCKETS_EVERY) {
            return Vec::new();
        }
        self.buckets_at = Some(Instant::now());
        let present = erase::present(&self.shared.buckets);
        // A key that this destroys is known to be: its bucket does not end by it once more.
        self.erase(present.clone());
        present
    }

    /// Destroys those of the present keys that are recorded as destroyed: a few files each time. What fails is tried again at
    /// the next look.
    fn erase(&mut self, present: Vec<(Bucket, KeyId)>) {
        let Shared { buckets, history, .. } = self.shared.as_ref();
        let due = self.shared.core().due_to_be_destroyed(present);
        erase::tell(&erase::carry_out(due, buckets, history, self.rng.as_mut()));
    }

    fn send(&self, round: &mut Round) {
        for outgoing in round.take_outgoing() {
            if self.outgoing.try_send(outgoing).is_err() {
                debug!("a statement for a peer is not sent now, and will be repeated");
            }
        }
    }

    fn refused(&mut self, refused: append::Error, answers: Answers) -> Result<(), Error> {
        match refused {
            append::Error::Log(LogError::Fatal(fatal)) => {
                answers.fail(&self.shared);
                Err(fatal.into())
            }
            append::Error::Log(LogError::Closed | LogError::Moved { .. }) => {
                answers.fail(&self.shared);
                Err(Error::Closed)
            }
            append::Error::Log(full @ (LogError::NoSpace { .. } | LogError::Full { .. })) => {
                if self.told_full_at.is_none_or(|told| told.elapsed() >= FULL_TOLD_EVERY) {
                    warn!(error = %full, "nothing is recorded until there is space");
                    self.told_full_at = Some(Instant::now());
                }
                answers.refuse(&self.shared);
                Ok(())
            }
            impossible => {
                error!(error = %impossible, "a round of records cannot be appended");
                answers.refuse(&self.shared);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests;
