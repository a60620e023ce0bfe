//! What the hub knows, for everybody who reads: written by the writer's thread alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::message::Priority;
use tokio::sync::{Notify, broadcast, watch};

use crate::core::State;
use crate::hot::Hot;

/// Publications of revocation lists that may wait to be taken.
const LISTS_AHEAD: usize = 64;

/// The state, the latest envelopes, and the bells that ring when there is more.
pub struct View {
    state: RwLock<State>,
    /// The latest envelopes.
    pub hot: Hot,
    bells: Mutex<HashMap<(AgencyId, Priority), Arc<Notify>>>,
    directory: watch::Sender<Option<Arc<Directory>>>,
    lists: broadcast::Sender<Vec<Bytes>>,
}

impl View {
    /// Begins with a state.
    pub fn new(state: State, hot: Hot) -> Self {
        let directory = watch::Sender::new(state.directory().cloned());
        let lists = broadcast::Sender::new(LISTS_AHEAD);
        Self { state: RwLock::new(state), hot, bells: Mutex::default(), directory, lists }
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

    /// Revocation lists, as they are published.
    pub fn lists(&self) -> broadcast::Receiver<Vec<Bytes>> {
        self.lists.subscribe()
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

    pub(crate) fn announce_lists(&self, lists: Vec<Bytes>) {
        // Fails when nobody listens.
        let _ = self.lists.send(lists);
    }

    pub(crate) fn announce(&self, directory: Option<Arc<Directory>>) {
        self.directory.send_replace(directory);
    }
}
