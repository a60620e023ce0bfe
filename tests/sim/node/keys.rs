//! The keys under which a node signs, as its operator keeps them.
//!
//! None is thrown away: a ledger that is put back from a copy may know nothing of the latest one, and starts under no other
//! than its own directory lists. Which those are the node decides, by [`OwnKeys::judge`].

use std::sync::Arc;

use sealpost_crypto::dsse::{Signer as _, SigningKey};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_node::own_keys::{OwnKeys, Unlisted};

use crate::network::Network;

/// The keys of one node.
pub(crate) struct Keys {
    agency: AgencyId,
    first: Arc<SigningKey>,
    /// Those that came after it, in order.
    later: Vec<Arc<SigningKey>>,
    /// The one in its configuration.
    given: Arc<SigningKey>,
}

impl Keys {
    /// The key that an agency has in the beginning.
    pub(super) fn of(agency: &AgencyId) -> Self {
        let first = Arc::new(Network::get().signing(agency));
        Self { agency: agency.clone(), given: Arc::clone(&first), first, later: Vec::new() }
    }

    /// The one in the node's configuration.
    pub(super) fn given(&self) -> &Arc<SigningKey> {
        &self.given
    }

    /// The last one that was made.
    pub(crate) fn latest(&self) -> &Arc<SigningKey> {
        self.later.last().unwrap_or(&self.first)
    }

    /// All of them, the latest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        self.later.iter().rev().chain([&self.first])
    }

    /// There is one more, which is not in the configuration yet.
    pub(crate) fn add(&mut self, next: SigningKey) {
        self.later.push(Arc::new(next));
    }

    /// Puts the latest one into the configuration, whatever the node says to it. Whether that is another one than before.
    pub(crate) fn give_latest(&mut self) -> bool {
        let latest = Arc::clone(self.latest());
        self.give(latest)
    }

    /// Puts the latest one into the configuration that a directory lists. Whether that is another one than before.
    pub(super) fn give_by(&mut self, directory: &Directory, now: Instant) -> bool {
        let listed = self.all().find(|key| self.names(key).judge(directory, now).is_ok()).cloned();
        listed.is_some_and(|listed| self.give(listed))
    }

    fn give(&mut self, key: Arc<SigningKey>) -> bool {
        let before = std::mem::replace(&mut self.given, key);
        before.key_id() != self.given.key_id()
    }

    /// As `sealpost_node::run` does before it signs anything.
    pub(super) fn judge(&self, directory: &Directory, now: Instant) -> Result<(), Unlisted> {
        self.own().judge(directory, now)
    }

    /// The names of what is in the configuration.
    pub(super) fn own(&self) -> OwnKeys {
        self.names(&self.given)
    }

    fn names(&self, signing: &SigningKey) -> OwnKeys {
        let sealing = Network::get().sealing(&self.agency).public_key().key_id();
        OwnKeys { agency: self.agency.clone(), signing: signing.key_id(), sealing: vec![sealing] }
    }
}
