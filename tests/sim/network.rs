//! The network of every run, as the administrator makes it: one for all seeds, since its keys play no part in what goes wrong.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use sealpost_admin::network::{self, Options};
use sealpost_admin::roster::Roster;
use sealpost_crypto::directory;
use sealpost_crypto::dsse::SigningKey;
use sealpost_crypto::wrap::SealingPrivateKey;
use sealpost_crypto::x509::{Certificate, read_certificates};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_domain::statement::Signed;
use tempfile::TempDir;

use crate::dice::Dice;

/// When the network is made.
pub(crate) const MADE: Instant = Instant::from_millis(1_790_000_000_000);
/// When every run begins: clocks that are wrong by minutes are still within everything that is valid.
pub(crate) const BEGIN: Instant = Instant::from_millis(MADE.as_millis() + 86_400_000);
/// Who takes part.
pub(crate) const AGENCIES: [&str; 4] = ["HK-CED", "DE-ZKA", "TH-TCD", "SG-CUS"];

/// Keys, certificates and the first directory.
pub(crate) struct Network {
    made: network::Network,
    pub(crate) genesis: Signed,
    pub(crate) directory: Directory,
    _folder: TempDir,
}

/// An agency by its name.
pub(crate) fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

/// A folder in memory where the machine has one: what lies there is synced at once.
pub(crate) fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.unwrap()
}

impl Network {
    /// The network.
    pub(crate) fn get() -> &'static Self {
        static NETWORK: OnceLock<Network> = OnceLock::new();
        NETWORK.get_or_init(|| {
            let folder = folder();
            let roster = Roster::parse(include_str!("roster.toml"), Path::new("roster.toml")).unwrap();
            let options = Options::new(folder.path().join("network"));
            let mut dice = Dice::of(0, "network");
            let made = network::init(&roster, &options, MADE, dice.rng()).unwrap();
            let (genesis, directory) = directory::read(&made.directory).unwrap();
            Self { made, genesis, directory, _folder: folder }
        })
    }

    /// The revocation lists.
    pub(crate) fn crls(&self) -> &Path {
        &self.made.crls
    }

    /// The key under which the hub signs.
    pub(crate) fn hub_key(&self) -> SigningKey {
        SigningKey::read(&self.made.hub.config.with_file_name("signing.pem")).unwrap()
    }

    /// The authority's only key.
    pub(crate) fn authority(&self) -> SigningKey {
        SigningKey::read(&self.made.authority[0]).unwrap()
    }

    /// The key of a jurisdiction's root.
    pub(crate) fn root(&self, code: &str) -> SigningKey {
        SigningKey::read(&self.made.roots.join(format!("{code}.key.pem"))).unwrap()
    }

    /// The first key under which a node signs.
    pub(crate) fn signing(&self, id: &AgencyId) -> SigningKey {
        SigningKey::read(&self.of_node(id, "signing.pem")).unwrap()
    }

    /// The key to which others seal.
    pub(crate) fn sealing(&self, id: &AgencyId) -> SealingPrivateKey {
        SealingPrivateKey::read(&self.of_node(id, "sealing-1.pem")).unwrap()
    }

    /// The certificate that a node shows.
    pub(crate) fn certificate(&self, id: &AgencyId) -> Certificate {
        certificate(&self.of_node(id, "certificate.pem"))
    }

    /// The certificate of the hub's operator.
    pub(crate) fn operator(&self) -> Certificate {
        certificate(&self.made.operators[0].certificate)
    }

    fn of_node(&self, id: &AgencyId, file: &str) -> PathBuf {
        self.made.agency(id.as_str()).unwrap().config.with_file_name(file)
    }
}

fn certificate(path: &Path) -> Certificate {
    Certificate::parse(&read_certificates(path).unwrap()[0]).unwrap()
}
