//! What the single writer, the session and the views share.
//!
//! The core is behind a lock that is never held across an await. It is held for moments; while the writer decides on a round,
//! that may be as long as the disk takes: what the core let go is then read from the index, and evidence and what a peer
//! asks for again from the ledger. Nothing is written or synced under it. The core's state changes through the writer alone,
//! but for what is not recorded: which messages are on their way to the hub.

use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::view::HubStatus;
use sealpost_ledger::{Buckets, History, tree};
use sealpost_store::Projections;
use tokio::sync::{Notify, watch};

use crate::core::Core;
use crate::projection::Books;
use crate::wraps::SealingKeys;
use sealpost_server::changes::Changes;
use sealpost_server::clock::Clock;

/// Everything of a node that more than one task uses.
pub struct Shared {
    core: RwLock<Core>,
    /// Whose directory this is.
    pub network: NetworkName,
    /// What is durable.
    pub history: History,
    /// The index over it.
    pub projections: Arc<dyn Projections>,
    /// The keys of its bodies.
    pub buckets: Arc<Buckets>,
    /// The sealing keys of those whom it writes to.
    pub sealing_keys: SealingKeys,
    /// The node's clock.
    pub clock: Clock,
    /// Told when a lane may have got something to submit: FLASH, and the others.
    pub flash_ready: Notify,
    /// See `flash_ready`.
    pub bulk_ready: Notify,
    /// How the connection to the hub is.
    pub hub: watch::Sender<HubStatus>,
    /// The directory in force.
    pub directory: watch::Sender<Option<Arc<Directory>>>,
    /// Told when there is another one.
    pub directories: Changes,
    /// Everything below is durable, applied and indexed.
    pub next_index: watch::Sender<u64>,
    /// The latest checkpoint over it; `None` before the first.
    pub checkpoint: watch::Receiver<Option<tree::Signed>>,
}

impl Shared {
    /// Shares a core that has taken over the whole ledger.
    pub fn new(
        core: Core,
        network: NetworkName,
        history: History,
        projections: Arc<dyn Projections>,
        buckets: Arc<Buckets>,
        clock: Clock,
        checkpoint: watch::Receiver<Option<tree::Signed>>,
    ) -> Self {
        let hub = HubStatus { connected: false, detail: "not connected yet".to_owned(), since: clock.now() };
        Self {
            directory: watch::Sender::new(core.directory().cloned()),
            directories: Changes::default(),
            next_index: watch::Sender::new(core.next_index()),
            core: RwLock::new(core),
            network,
            history,
            projections,
            buckets,
            sealing_keys: SealingKeys::default(),
            clock,
            flash_ready: Notify::new(),
            bulk_ready: Notify::new(),
            hub: watch::Sender::new(hub),
            checkpoint,
        }
    }

    /// The core, to be read. A task that panicked while it decided left no state behind: that changes by records.
    pub fn core(&self) -> RwLockReadGuard<'_, Core> {
        self.core.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The core, to be changed.
    pub fn core_mut(&self) -> RwLockWriteGuard<'_, Core> {
        self.core.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The ledger and the index over it.
    pub fn books(&self) -> Books<'_> {
        Books { history: &self.history, index: self.projections.as_ref() }
    }

    /// The clock's time.
    pub fn now(&self) -> Instant {
        self.clock.now()
    }

    /// Whose node this is.
    pub fn agency(&self) -> AgencyId {
        self.core().agency().clone()
    }

    /// Something may be there for the hub.
    pub fn notify_lanes(&self) {
        self.flash_ready.notify_one();
        self.bulk_ready.notify_one();
    }
}
