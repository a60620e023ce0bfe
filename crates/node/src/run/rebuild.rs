//! The state of a node from its ledger: every record is applied in order, as it was when it was made.

mod take_over;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_crypto::directory;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::Record;
use sealpost_domain::statement::Signed;
use sealpost_ledger::tree::Files;
use sealpost_ledger::{Bucket, Buckets, Commits, Draft, History, Ledger, Options, Start};
use sealpost_seglog::disk::{Disk, Real};
use sealpost_seglog::frame::Fault;
use sealpost_store::{Basis, Opened as OpenedStore, Projections, Store};
use sealpost_wire::envelope::signed_to_bytes;
use tracing::{info, warn};

use super::continuity::{self, Continuity, Found, Standing};
use super::new_life::Cause;
use super::{Error, Places, checkpoints};
use crate::config::NodeConfig;
use crate::core::{Core, Opener, Policies, Unbelieved};
use crate::pool::Random;
use crate::projection;
use sealpost_server::clock::Clock;
use sealpost_server::program::with_causes;

/// What a node begins with: its ledger, and what is known from it. `S` is the index over it.
pub struct Opened<S> {
    /// The ledger.
    pub ledger: Ledger,
    /// What its records amount to.
    pub core: Core,
    /// The index over it.
    pub store: Arc<S>,
    /// Leaves that are lost, and no record tells it yet.
    untold: BTreeMap<u64, Digest>,
    /// The last record of each bucket that has a body in it.
    pub(super) buckets: BTreeMap<Bytes, u64>,
}

/// Verifies a directory against the one before it, as the ledger and the session do.
fn opener() -> Opener {
    Box::new(|signed, previous| {
        directory::verify(signed, previous)
            .map_err(|error| Unbelieved { rule: error.rule(), fault: with_causes(&error) })
    })
}

/// [`open`] on a thread that may block.
pub(super) async fn open_apart(
    config: &NodeConfig,
    places: &Places,
    clock: &Clock,
    genesis: &Signed,
    random: &Random,
) -> Result<Opened<Store>, Error> {
    let (config, places, clock) = (config.clone(), places.clone(), clock.clone());
    let (random, genesis) = (Arc::clone(random), genesis.clone());
    let runtime = tokio::runtime::Handle::current();
    let opening = move || runtime.block_on(open(&config, &places, &clock, &genesis, random.as_ref()));
    tokio::task::spawn_blocking(opening).await.map_err(|_| Error::Interrupted)?
}

/// Opens the ledger, and rebuilds from it what is known. Blocks on the disk.
async fn open(
    config: &NodeConfig,
    places: &Places,
    clock: &Clock,
    genesis: &Signed,
    random: &(dyn Fn() -> Box<dyn CryptoRng + Send> + Send + Sync),
) -> Result<Opened<Store>, Error> {
    let boot_id = continuity::boot_id().map_err(Error::System)?;
    let found = continuity::examine(places, &boot_id).map_err(Error::System)?;
    let index = |incarnation: Incarnation, ledger_next| {
        let basis =
            Basis { boot_id: &boot_id, incarnation: incarnation.0, ledger_next, schema: projection::SCHEMA };
        let (store, opened) = Store::open(&places.index, &basis)?;
        if let OpenedStore::Rebuild { reason } = opened {
            info!(%reason, "the index is made anew from the ledger");
        }
        Ok(store)
    };
    let opening = Opening {
        agency: &config.agency,
        policies: Policies { outbox: config.outbox.policy, witness: config.witness },
        disk: Arc::new(Real),
        commits: Commits::Thread,
        places,
        index: &index,
        now: clock.now(),
    };
    let note = |standing: Standing| continuity::note(places, standing, &boot_id).map_err(Error::System);
    opening.begin(found, &note, genesis, random().as_mut()).await
}

/// How a ledger is opened.
pub struct Opening<'a, S> {
    /// Whose it is.
    pub agency: &'a AgencyId,
    /// When the node tries and asks again.
    pub policies: Policies,
    /// What it lies on.
    pub disk: Arc<dyn Disk>,
    /// Who writes to it.
    pub commits: Commits,
    /// Where it lies, and its tree.
    pub places: &'a Places,
    /// Opens the index over a ledger of this life, with so many records.
    pub index: &'a (dyn Fn(Incarnation, u64) -> Result<S, Error> + Sync),
    /// The node's clock.
    pub now: Instant,
}

impl<S: Projections> Opening<'_, S> {
    /// Opens the ledger as what it was found to be, and rebuilds from it what is known; `note` keeps what is known of it for
    /// the next start. A new one begins with the directory `genesis`. Blocks on the disk.
    pub async fn begin(
        &self,
        found: Found,
        note: &(dyn Fn(Standing) -> Result<(), Error> + Sync),
        genesis: &Signed,
        rng: &mut dyn CryptoRng,
    ) -> Result<Opened<S>, Error> {
        let mut opened = match found.continuity {
            Continuity::Copied => self.anew_from_copy(rng, found.unproven_from)?,
            Continuity::Shortened => {
                let covered = checkpoints::known_durable(&self.places.tree)?;
                let opened = self.anew(rng, Cause::EndLost, covered, found.unproven_from);
                opened.map_err(|error| self.explained(covered, error))?
            }
            Continuity::Asked => self.anew(rng, Cause::Asked, 0, found.unproven_from)?,
            Continuity::New | Continuity::Same | Continuity::Unproven => self.as_it_is(rng)?,
        };
        let mut standing = Standing::Proven;
        // A lost leaf may have given out a number: none of this life is given out any more.
        if opened.core.is_rolled_back() || !opened.untold.is_empty() {
            let is_older = opened.core.is_rolled_back();
            let unsent_from = found.unproven_from.or(is_older.then_some(0));
            opened.close().await?;
            let cause = if is_older { Cause::ShownByPeer } else { Cause::LeafGivenUp };
            opened = self.anew(rng, cause, 0, unsent_from)?;
        } else if found.continuity == Continuity::Unproven {
            let unproven_from = found.unproven_from.unwrap_or(opened.core.next_index());
            standing = Standing::Unproven(unproven_from);
            info!(
                "the machine was started since, or the ledger is not known: each peer is asked what it has of ours first"
            );
            opened.core.await_peers(unproven_from);
        }
        opened.tell_losses(self.now, rng).await?;
        note(standing)?;
        opened.provision(genesis, self.now, rng).await?;
        info!(
            records = opened.core.next_index(),
            incarnation = %opened.core.incarnation(),
            outstanding = opened.core.outbox.outstanding(),
            "ledger open"
        );
        Ok(opened)
    }

    /// Goes on with the ledger as it is.
    fn as_it_is(&self, rng: &mut dyn CryptoRng) -> Result<Opened<S>, Error> {
        let known_durable = checkpoints::known_durable(&self.places.tree)?;
        let opened = self.open(rng, Options { known_durable, ..Options::default() });
        opened.map_err(|error| self.explained(known_durable, error))
    }

    /// Begins a new life of a copy. It brings its own checkpoint, and holds what that covers; but where the copy was taken
    /// while the node ran, the checkpoint may have been copied last, and cover more.
    fn anew_from_copy(&self, rng: &mut dyn CryptoRng, unsent_from: Option<u64>) -> Result<Opened<S>, Error> {
        let covered = checkpoints::known_durable(&self.places.tree)?;
        match self.anew(rng, Cause::Copied, covered, unsent_from) {
            Err(Error::Ledger(source)) => {
                // What was being written while it was copied is cut, as after a crash.
                let Some((held, None | Some(Fault::Short { .. }))) = self.records_without_checkpoint(covered)
                else {
                    return Err(source.into());
                };
                warn!(
                    covered,
                    held,
                    "the checkpoint that was copied covers more records than the ledger that was copied before it: the \
                     new life goes on from those"
                );
                self.anew(rng, Cause::Copied, 0, unsent_from)
            }
            opened => opened,
        }
    }

    /// An error as what it is, where the ledger only ends before what a checkpoint over so many records says.
    fn explained(&self, covered: u64, error: Error) -> Error {
        let Error::Ledger(source) = error else { return error };
        match self.records_without_checkpoint(covered) {
            Some((held, None | Some(Fault::Short { .. }))) => {
                Error::EndLost { tree: self.places.tree.clone(), covered, held, source: Box::new(source) }
            }
            _ => Error::Ledger(source),
        }
    }

    /// How many records there are where nothing but the checkpoint says that there were more, and what lies behind them.
    fn records_without_checkpoint(&self, covered: u64) -> Option<(u64, Option<Fault>)> {
        let (_, recovery) = History::open(&self.disk, &self.places.ledger, 0).ok()?;
        (recovery.next < covered).then(|| (recovery.next, recovery.torn.map(|torn| torn.fault)))
    }

    /// Begins a new life of the ledger. The checkpoint that is known of the life before stays in its first record; the
    /// tree beside it may be of records that are not here, and is put aside.
    /// What was published from `unsent_from` on and never promised by a hub is given up.
    fn anew(
        &self,
        rng: &mut dyn CryptoRng,
        cause: Cause,
        known_durable: u64,
        unsent_from: Option<u64>,
    ) -> Result<Opened<S>, Error> {
        let known = Files::at(&self.places.tree).checkpoint()?;
        let checkpoint = known.map_or_else(Bytes::new, |signed| signed.to_bytes());
        let start = Start::Anew { checkpoint, unsent_from };
        let opened = self.open(rng, Options { known_durable, start, ..Options::default() })?;
        let incarnation = opened.ledger.incarnation();
        let aside = self.places.tree.with_extension(format!("before-{incarnation}"));
        if self.places.tree.exists() {
            fs::rename(&self.places.tree, &aside).map_err(Error::System)?;
        }
        warn!(
            %incarnation,
            tree_before = %aside.display(),
            "{}: a new life of it begins. {}",
            cause.told(),
            cause.remedy()
        );
        Ok(opened)
    }

    fn open(&self, rng: &mut dyn CryptoRng, options: Options) -> Result<Opened<S>, Error> {
        let Self { agency, policies, disk, commits, places, index, now } = self;
        let options = Options { commits: *commits, ..options };
        let (ledger, recovery) = Ledger::open(Arc::clone(disk), &places.ledger, agency, *now, rng, options)?;
        if let Some(torn) = &recovery.torn {
            warn!(?torn, "the end of the ledger was torn and is cut: it was never acknowledged");
        }
        let core = Core::new((*agency).clone(), ledger.incarnation(), *policies, opener());
        let store = index(ledger.incarnation(), ledger.next())?;
        let mut opened = Opened {
            ledger,
            core,
            store: Arc::new(store),
            untold: BTreeMap::new(),
            buckets: BTreeMap::new(),
        };
        opened.take_over(0)?;
        Ok(opened)
    }
}

impl<S: Projections> Opened<S> {
    async fn close(self) -> Result<(), Error> {
        let Self { ledger, core: _, store, untold: _, buckets: _ } = self;
        ledger.close().await.map_err(|fatal| Error::Writer(fatal.into()))?;
        drop(store);
        Ok(())
    }

    /// The buckets of bodies that were not erased, and whose keys are not there.
    pub(super) fn without_keys(&self, buckets: &Buckets) -> Result<Vec<Bucket>, Error> {
        let mut missing = Vec::new();
        for (name, last) in &self.buckets {
            let Ok(bucket) = Bucket::named(name) else { continue };
            if self.core.erasures.of(*last, name).is_none() && buckets.is_missing(&bucket)? {
                missing.push(bucket);
            }
        }
        Ok(missing)
    }

    /// Records the losses that no record tells yet.
    async fn tell_losses(&mut self, now: Instant, rng: &mut dyn CryptoRng) -> Result<(), Error> {
        let mut draft = |(index, leaf_hash): (&u64, &Digest)| {
            let (mut salt, leaf_hash) = ([0; 32], *leaf_hash);
            rng.fill_bytes(&mut salt);
            let record = Record::Loss { index: *index, leaf_hash };
            Draft { recorded_at: now, salt, record, body: Bytes::new() }
        };
        let drafts: Vec<Draft> = self.untold.iter().map(&mut draft).collect();
        if drafts.is_empty() {
            return Ok(());
        }
        warn!(records = ?self.untold.keys(), "the leaves of these records are lost: recorded");
        let first = self.core.next_index();
        let pending = self.ledger.enqueue_waiting(drafts).await.map_err(Error::Loss)?;
        pending.await.map_err(|error| Error::Loss(error.into()))?;
        self.take_over(first)
    }

    /// A ledger without a directory begins with the one that the operator provisioned.
    async fn provision(
        &mut self,
        genesis: &Signed,
        now: Instant,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), Error> {
        let provisioned = directory::verify(genesis, self.core.directory().map(AsRef::as_ref));
        let version = match (provisioned, self.core.directory()) {
            (Ok(directory), _) => directory.version,
            // It is in the ledger already, or an older one than that.
            (Err(_), Some(_)) => return Ok(()),
            (Err(error), None) => {
                let fault = error.to_string();
                return Err(crate::core::Error::Directory { index: self.core.next_index(), fault }.into());
            }
        };
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let draft = Draft {
            recorded_at: now,
            salt,
            record: Record::Directory(version),
            body: signed_to_bytes(genesis).into(),
        };
        let first = self.core.next_index();
        let pending = self.ledger.enqueue(vec![draft]).map_err(Error::First)?;
        pending.await.map_err(|error| Error::First(error.into()))?;
        self.take_over(first)
    }
}

#[cfg(test)]
mod tests;
