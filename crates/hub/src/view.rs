//! What the hub knows, for everybody who reads: written by the writer's thread alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::message::Priority;
use tokio::sync::{Notify, watch};

use crate::core::State;
use crate::hot::Hot;

/// The state, the latest envelopes, and the bells that ring when there is more.
pub struct View {
    state: RwLock<State>,
    /// The latest envelopes.
    pub hot: Hot,
    bells: Mutex<HashMap<(AgencyId, Priority), Arc<Notify>>>,
    directory: watch::Sender<Option<Arc<Directory>>>,
}

impl View {
    /// Begins with a state.
    pub fn new(state: State, hot: Hot) -> Self {
        let directory = watch::Sender::new(state.directory().cloned());
        Self { state: RwLock::new(state), hot, bells: Mutex::default(), directory }
    }

    /// The state, for a moment: never across an await, since the writer waits for it.
    pub fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The directory in force.
    pub fn directory(&self) -> Option<Arc<Directory>> {
        self.directory.borrow().clone()
    }

    /// The directory, whenever it changes.
    pub fn directories(&self) -> watch::Receiver<Option<Arc<Directory>>> {
        self.directory.subscribe()
    }

    /// What rings when more waits for a recipient in one lane. It may ring for nothing.
    pub fn bell(&self, recipient: &AgencyId, priority: Priority) -> Arc<Notify> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(bells.entry((recipient.clone(), priority)).or_default())
    }

    pub(crate) fn ring(&self, recipient: AgencyId, priority: Priority) {
        let bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&(recipient, priority)) {
            bell.notify_one();
        }
    }

    /// For the writer alone.
    pub(crate) fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn announce(&self, directory: Option<Arc<Directory>>) {
        self.directory.send_replace(directory);
    }
}
