//! Networks to measure: invented agencies with real certificates, keys and programs.
//!
//! The hub is always the real program in a process of its own. Nodes are the real programs too, or [`Station`]s of this
//! process, which speak to the hub as a node does and only count what comes.

pub(crate) mod envelopes;
pub(crate) mod live;
pub(crate) mod process;
mod roster;
pub(crate) mod station;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustls::time_provider::DefaultTimeProvider;
use sealpost_admin::network::Network;
use sealpost_crypto::directory;
use sealpost_crypto::peer::{Admission, Admitted};
use sealpost_crypto::tls::{Credentials, Endpoint};
use sealpost_crypto::trust::{RootHolder, Trust, TrustSet};
use sealpost_demo::network::{self, Hub, Programs, Running};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::identity::Role;
use tempfile::TempDir;

use crate::workload::Context;
use process::Process;
use station::Station;

/// How long a hub may take to become ready, and between two looks.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(1);

/// A network that was made; nothing of it runs yet.
pub(crate) struct Net {
    pub(crate) network: Network,
    pub(crate) directory: Directory,
    programs: Programs,
    /// Gone with the value; none where another process made the network.
    folder: Option<TempDir>,
}

/// A hub that serves, without nodes.
pub(crate) struct Served {
    pub(crate) hub: Hub,
    pub(crate) process: Process,
    /// From its start until it answered.
    pub(crate) ready_after: Duration,
}

impl Net {
    /// A network of so many agencies, the first of which may write to all others.
    pub(crate) fn make(context: &Context, agencies: usize) -> anyhow::Result<Self> {
        let programs =
            Programs::beside_this_one().context("the programs are needed: cargo build --release --bins")?;
        let folder = context.place.folder()?;
        let network = network::make(&roster::of(agencies)?, &folder.path().join("network"), None)?;
        let (_, directory) = directory::read(&network.directory)?;
        Ok(Self { network, directory, programs, folder: Some(folder) })
    }

    /// The network in a folder, which another process made.
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let network = Network::read(folder).with_context(|| format!("no network in {}", folder.display()))?;
        let (_, directory) = directory::read(&network.directory)?;
        Ok(Self { network, directory, programs: Programs::beside_this_one()?, folder: None })
    }

    /// Where it lies.
    pub(crate) fn root(&self) -> anyhow::Result<&Path> {
        parent(&self.network.directory)
    }

    /// The agency with this place in the roster.
    pub(crate) fn agency(&self, place: usize) -> anyhow::Result<AgencyId> {
        let listed =
            self.network.agencies.get(place).with_context(|| format!("there is no agency {place}"))?;
        Ok(listed.id.parse()?)
    }

    /// So many agencies from this place on.
    pub(crate) fn agencies(&self, from: usize, count: usize) -> anyhow::Result<Vec<AgencyId>> {
        (from..from + count).map(|place| self.agency(place)).collect()
    }

    /// Starts all real programs.
    pub(crate) fn run(self) -> anyhow::Result<(Running, Option<TempDir>)> {
        let root = self.root()?.to_owned();
        let running = Running::start(self.network, self.programs, &root)?;
        Ok((running, self.folder))
    }

    /// Lets the hub keep its journal in streams of this name, on these servers.
    pub(crate) fn keep_journal(&self, name: &str, servers: &[String]) -> anyhow::Result<()> {
        const BEGINNING: &str = "[journal]\n";
        const END: &str = "\n[limits]\n";
        let config = &self.network.hub.config;
        let text = std::fs::read_to_string(config)?;
        let (before, rest) = text.split_once(BEGINNING).context("the hub's configuration has [journal]")?;
        let (_, after) = rest.split_once(END).context("and [limits] behind it")?;
        let replicas = servers.len();
        let journal =
            format!("kind = \"jetstream\"\nservers = {servers:?}\nname = {name:?}\nreplicas = {replicas}\n");
        std::fs::write(config, format!("{before}{BEGINNING}{journal}{END}{after}"))?;
        Ok(())
    }

    /// Starts the hub on an empty data folder, and waits until it serves.
    pub(crate) async fn serve(&self) -> anyhow::Result<Served> {
        match std::fs::remove_dir_all(&self.network.hub.data) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).context("the last round's data cannot be removed");
            }
            _ => {}
        }
        let logs = self.root()?.join("logs");
        std::fs::create_dir_all(&logs)?;
        let mut hub = Hub::of(&self.network, &self.programs, &logs);
        let begun = Instant::now();
        hub.start()?;
        let process = Process::of(hub.process())?;
        let station = self.station(0)?;
        while station.connect().await.is_err() {
            hub.alive()?;
            anyhow::ensure!(begun.elapsed() < PATIENCE, "the hub does not serve after {PATIENCE:?}");
            tokio::time::sleep(LOOK).await;
        }
        Ok(Served { hub, process, ready_after: begun.elapsed() })
    }

    /// An agency's node in this process.
    pub(crate) fn station(&self, place: usize) -> anyhow::Result<Station> {
        let agency = self.agency(place)?;
        let folder = self.node_folder(place)?;
        let endpoint = self.endpoint(&folder, Admitted::Hub)?;
        Ok(Station::new(agency, self.network.hub.address.to_string(), endpoint))
    }

    /// Both ends of a connection between the agency's node and the hub, without either program.
    pub(crate) fn ends(&self, place: usize) -> anyhow::Result<[Endpoint; 2]> {
        let node = self.endpoint(&self.node_folder(place)?, Admitted::Hub)?;
        let hub = parent(&self.network.hub.config)?;
        Ok([node, self.endpoint(hub, Admitted::Agency(self.agency(place)?, Role::Node))?])
    }

    /// Where the keys of an agency's node are.
    pub(crate) fn node_folder(&self, place: usize) -> anyhow::Result<PathBuf> {
        let listed =
            self.network.agencies.get(place).with_context(|| format!("there is no agency {place}"))?;
        Ok(parent(&listed.config)?.to_owned())
    }

    fn endpoint(&self, folder: &Path, admitted: Admitted) -> anyhow::Result<Endpoint> {
        let credentials = Credentials::read(&folder.join("certificate.pem"), &folder.join("key.pem"))?;
        let trust = Trust::new(self.trusted()?);
        Ok(Endpoint::new(credentials, trust, Admission::new([admitted]), Arc::new(DefaultTimeProvider)))
    }

    fn trusted(&self) -> anyhow::Result<TrustSet> {
        let mut trusted = directory::trust_set(&self.directory)?;
        let holders: Vec<RootHolder> = trusted.holders().collect();
        for holder in holders {
            let name = match holder {
                RootHolder::Jurisdiction(code) => format!("{code}.crl"),
                RootHolder::HubOperator => "operator.crl".to_owned(),
            };
            let path = self.network.crls.join(name);
            let list = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            trusted.install_crl(holder, &list)?;
        }
        Ok(trusted)
    }
}

fn parent(file: &Path) -> anyhow::Result<&Path> {
    file.parent().with_context(|| format!("{} lies in no folder", file.display()))
}
