//! The files that a configuration names, and those in the data folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealpost_crypto::directory;
use sealpost_crypto::dsse::Signer;
use sealpost_crypto::tls::{Credentials, Endpoint};
use sealpost_crypto::trust::{RootHolder, TrustSet, Usage};
use sealpost_crypto::wrap::SealingPrivateKey;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::identity::{Role, Subject};
use sealpost_domain::statement::Signed;

use super::Error;
use crate::config::NodeConfig;
use crate::own_keys::OwnKeys;
use sealpost_server::clock::Clock;
use sealpost_server::renewal::Renewal;
use sealpost_server::roots::Roots;

/// Where a node keeps what it writes.
#[derive(Clone, Debug)]
pub struct Places {
    /// The ledger's segments.
    pub ledger: PathBuf,
    /// The keys of its bodies: backed up apart from it.
    pub buckets: PathBuf,
    /// The Merkle tree over it and its checkpoint; all but the checkpoint may be deleted.
    pub tree: PathBuf,
    /// The index over it, which may be deleted.
    pub index: PathBuf,
    /// Revocation lists that the hub relayed.
    pub crls: PathBuf,
    /// How the ledger is known again.
    pub life: PathBuf,
}

impl Places {
    /// The places in the data folder of a configuration.
    pub fn of(config: &NodeConfig) -> Self {
        Self::under(&config.data)
    }

    /// The places in a data folder.
    pub fn under(data: &Path) -> Self {
        let place = |name: &str| data.join(name);
        Self {
            ledger: place("ledger"),
            buckets: place("buckets"),
            tree: place("tree"),
            index: place("index"),
            crls: place("crls"),
            life: place("life"),
        }
    }
}

/// The files that a configuration names, read and checked as far as they can be without the ledger.
pub struct Files {
    agency: AgencyId,
    /// The key under which the node signs.
    pub signing: Arc<dyn Signer>,
    /// The keys to which others seal.
    pub sealing: Vec<SealingPrivateKey>,
    /// Its certificate.
    pub credentials: Credentials,
    /// The directory to begin with.
    pub genesis: Signed,
    /// The same, verified.
    pub directory: Directory,
}

impl Files {
    /// Reads and checks the files.
    pub fn read(config: &NodeConfig, clock: &Clock) -> Result<Self, Error> {
        let key = |key| move |source| Error::Key { key, source: Box::new(source) };
        let unlock = config.passphrase.unlock();
        let signing = config.signing.open(&unlock).map_err(key("signing"))?;
        let sealing = config.sealing.iter().map(|path| SealingPrivateKey::read_with(path, &unlock));
        let sealing = sealing.collect::<Result<_, _>>().map_err(|error| key("sealing")(error.into()))?;
        let credentials = config.tls.credentials(&unlock)?;
        let is_ours = matches!(
            credentials.identity().subject(),
            Subject::Agency { agency, role: Role::Node, .. } if *agency == config.agency
        );
        if !is_ours {
            let found = credentials.identity().clone();
            return Err(Error::Identity { found, expected: config.agency.clone() });
        }
        let (genesis, directory) = directory::read(&config.genesis)?;
        let files = Self { agency: config.agency.clone(), signing, sealing, credentials, genesis, directory };
        Roots::check(trust_set(&files.directory)?, &files.needed_roots(), &config.crls, clock)?;
        files.warn_of_age(clock);
        Ok(files)
    }

    /// The roots without whose revocation lists this node could do nothing: its own, and that of the hub.
    pub fn needed_roots(&self) -> [RootHolder; 2] {
        [RootHolder::Jurisdiction(self.agency.jurisdiction()), RootHolder::HubOperator]
    }

    /// The names of its keys.
    pub fn own_keys(&self) -> OwnKeys {
        OwnKeys {
            agency: self.agency.clone(),
            signing: self.signing.key_id(),
            sealing: self.sealing.iter().map(|own| own.public_key().key_id()).collect(),
        }
    }

    fn warn_of_age(&self, clock: &Clock) {
        let valid_until = self.directory.valid_until;
        if valid_until < clock.now() {
            tracing::warn!(%valid_until, "the provisioned directory is stale: expected is a later one from the hub");
        }
    }
}

/// The roots that a directory lists.
pub(super) fn trust_set(directory: &Directory) -> Result<TrustSet, Error> {
    directory::trust_set(directory).map_err(Error::Root)
}

/// Looks at the files again while the node runs. It shows its certificate as both ends of connections.
pub(super) fn renewal(config: &NodeConfig, door: &Endpoint, to_hub: Endpoint, roots: &Arc<Roots>) -> Renewal {
    let ends = vec![(door.clone(), Usage::Server), (to_hub, Usage::Client)];
    let (tls, passphrase, crls) = (config.tls.clone(), config.passphrase.clone(), config.crls.clone());
    Renewal::new(tls, passphrase, crls, ends, Arc::clone(roots))
}
