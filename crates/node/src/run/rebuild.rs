//! The state of a node from its ledger: every record is applied in order, as it was when it was made.

use std::fs;
use std::sync::Arc;

use rand::CryptoRng;
use sealpost_crypto::directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::Record;
use sealpost_domain::statement::Signed;
use sealpost_ledger::{Draft, Ledger, Options};
use sealpost_seglog::disk::Real;
use sealpost_store::{Basis, Opened as OpenedStore, Projections as _, Store};
use sealpost_wire::envelope::signed_to_bytes;
use tracing::{info, warn};

use super::{Error, Places, checkpoints};
use crate::config::NodeConfig;
use crate::core::{Core, Opener, Policies};
use crate::projection::{self, Changes};
use sealpost_server::clock::Clock;

/// How many records one change of the index covers.
const BATCH: u64 = 1024;
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What a node begins with.
pub(super) struct Opened {
    pub(super) ledger: Ledger,
    pub(super) core: Core,
    pub(super) store: Arc<Store>,
}

/// Verifies a directory against the one before it, as the ledger and the session do.
fn opener() -> Opener {
    Box::new(|signed, previous| directory::verify(signed, previous).map_err(|error| error.to_string()))
}

/// Opens the ledger, and rebuilds from it what is known. Blocks on the disk.
pub(super) fn open(
    config: &NodeConfig,
    places: &Places,
    clock: &Clock,
    genesis: &Signed,
    random: &(dyn Fn() -> Box<dyn CryptoRng + Send> + Send + Sync),
) -> Result<Opened, Error> {
    let mut rng = random();
    let now = clock.now();
    let options = Options { known_durable: checkpoints::known_durable(&places.tree)?, ..Options::default() };
    let (ledger, recovery) =
        Ledger::open(Arc::new(Real), &places.ledger, &config.agency, now, rng.as_mut(), options)?;
    if let Some(torn) = &recovery.torn {
        warn!(?torn, "the end of the ledger was torn and is cut: it was never acknowledged");
    }
    let policies = Policies { outbox: config.outbox.policy, witness: config.witness };
    let core = Core::new(config.agency.clone(), ledger.incarnation(), policies, opener());
    let (store, opened) = Store::open(
        &places.index,
        &Basis {
            boot_id: fs::read_to_string(BOOT_ID).map_err(Error::System)?.trim(),
            incarnation: ledger.incarnation().0,
            ledger_next: ledger.next(),
            schema: projection::SCHEMA,
        },
    )?;
    if let OpenedStore::Rebuild { reason } = opened {
        info!(?reason, "the index is made anew from the ledger");
    }
    let mut rebuilding = Opened { ledger, core, store: Arc::new(store) };
    rebuilding.take_over(0)?;
    rebuilding.provision(genesis, now, rng.as_mut())?;
    info!(
        records = rebuilding.core.next_index(),
        incarnation = %rebuilding.core.incarnation(),
        outstanding = rebuilding.core.outbox.outstanding(),
        "ledger open"
    );
    Ok(rebuilding)
}

impl Opened {
    /// Applies the records from an index on, to the core and where it lacks them to the index.
    fn take_over(&mut self, first: u64) -> Result<(), Error> {
        let (applied, end) = (self.store.applied(), self.ledger.durable());
        let mut changes: Option<(u64, Changes<'_>)> = None;
        for entry in self.ledger.scan(first) {
            let entry = entry?;
            let (index, leaf) = (entry.index, &entry.leaf);
            self.core.apply(index, leaf.recorded_at, &leaf.record, &entry.body)?;
            if index < applied {
                continue;
            }
            let (last, mut noted) = changes.take().unwrap_or_else(|| {
                let next = end.min(index + BATCH);
                (next - 1, Changes::new(self.store.as_ref(), next))
            });
            noted.note(index, &leaf.record)?;
            if index == last {
                noted.apply()?;
            } else {
                changes = Some((last, noted));
            }
        }
        Ok(())
    }

    /// A ledger without a directory begins with the one that the operator provisioned.
    fn provision(&mut self, genesis: &Signed, now: Instant, rng: &mut dyn CryptoRng) -> Result<(), Error> {
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
        tokio::runtime::Handle::current().block_on(pending).map_err(|error| Error::First(error.into()))?;
        self.take_over(first)
    }
}

#[cfg(test)]
mod tests;
