//! A network of real programs on this machine: one hub and a node for each agency, on free ports of the loopback.
//!
//! The programs are child processes that are stopped with the value that owns them, whatever happens. What they say
//! goes to `logs/` in the network's folder. Nothing here looks into a node: whoever asks does so through its gateway.

mod error;
mod ports;
mod program;
mod programs;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sealpost_admin::network::{Holder, Network, Options, Ports, Selection, init};
use sealpost_admin::roster::Roster;
use sealpost_client::gateway::Gateway;
use sealpost_client::profile::Profile;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use tokio::time;

pub use error::Error;
pub use program::Program;
pub use programs::{Programs, build};

/// How long programs may take to become ready: far longer than they do, also on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const INTERVAL: Duration = Duration::from_millis(50);

/// A network whose programs run; its hub can be killed and started again.
#[derive(Debug)]
pub struct Running {
    /// The network: its files, addresses and people.
    pub network: Network,
    /// The hub, while it runs.
    pub hub: Hub,
    nodes: BTreeMap<AgencyId, Program>,
    programs: Programs,
    logs: PathBuf,
}

/// The hub of a running network.
#[derive(Debug)]
pub struct Hub {
    program: PathBuf,
    config: PathBuf,
    log: PathBuf,
    running: Option<Program>,
}

/// As whom somebody calls a gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// The agency's first system.
    System,
    /// Its first officer.
    Officer,
}

/// Makes a network in a new folder, with ports that are free now. `None`: every agency of the roster.
pub fn make(roster: &Roster, out: &Path, agencies: Option<BTreeSet<AgencyId>>) -> Result<Network, Error> {
    let count = agencies.as_ref().map_or(roster.agencies.len(), BTreeSet::len);
    let mut gateways = ports::free(count + 1)?;
    let hub = gateways.pop().unwrap_or_default();
    let options = Options {
        out: out.to_owned(),
        agencies: agencies.map_or(Selection::All, Selection::Only),
        host: Ipv4Addr::LOCALHOST.into(),
        ports: Ports::Listed { hub, gateways },
    };
    init(roster, &options, now(), &mut UnwrapErr(SysRng)).map_err(|source| Error::Init(Box::new(source)))
}

/// The time by this machine's clock.
pub fn now() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Instant::from_millis(0).plus(since)
}

impl Running {
    /// Starts hub and nodes; returns when every process runs, not yet ready.
    pub fn start(network: Network, programs: Programs, folder: &Path) -> Result<Self, Error> {
        let logs = folder.join("logs");
        std::fs::create_dir_all(&logs).map_err(|source| Error::File { path: logs.clone(), source })?;
        let mut hub = Hub::of(&network, &programs, &logs);
        hub.start()?;
        let agencies =
            network.agencies.iter().filter_map(|agency| agency.id.parse().ok()).collect::<Vec<AgencyId>>();
        let mut running = Self { network, hub, nodes: BTreeMap::new(), programs, logs };
        for agency in agencies {
            running.start_node(&agency)?;
        }
        Ok(running)
    }

    /// The agencies that take part.
    pub fn agencies(&self) -> impl Iterator<Item = &AgencyId> {
        self.nodes.keys()
    }

    /// The programs.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }

    /// Starts the node of an agency.
    pub fn start_node(&mut self, agency: &AgencyId) -> Result<(), Error> {
        let config = self.agency(agency)?.config.clone();
        let log = self.logs.join(format!("{agency}.log"));
        let program = Program::start(agency.as_str(), &self.programs.node, &config, &log)?;
        self.nodes.insert(agency.clone(), program);
        Ok(())
    }

    /// Ends the node of an agency in order.
    pub async fn stop_node(&mut self, agency: &AgencyId) -> Result<(), Error> {
        match self.nodes.remove(agency) {
            Some(program) => program.stop().await,
            None => Ok(()),
        }
    }

    /// The process of an agency's node, while it runs.
    pub fn process(&self, agency: &AgencyId) -> Option<u32> {
        self.nodes.get(agency).and_then(Program::process)
    }

    /// Waits until a node's gateway serves (gRPC health) and gives a connection to it.
    pub async fn gateway(&mut self, agency: &AgencyId, caller: Caller) -> Result<Gateway, Error> {
        let profile = self.profile(agency, caller)?;
        let begun = time::Instant::now();
        loop {
            let error = match Gateway::connect(&profile).await {
                Ok(gateway) => return Ok(gateway),
                Err(error) => error,
            };
            if let Some(program) = self.nodes.get_mut(agency) {
                program.running()?;
            }
            if !error.is_temporary() {
                return Err(Error::Gateway { agency: agency.clone(), source: Box::new(error) });
            }
            if begun.elapsed() > PATIENCE {
                let name = agency.to_string();
                return Err(Error::NotReady { name, patience: PATIENCE, source: Box::new(error) });
            }
            time::sleep(INTERVAL).await;
        }
    }

    /// Waits until every node is connected to the hub, whose own health each of them asked for.
    pub async fn connected(&mut self, gateways: &BTreeMap<AgencyId, Gateway>) -> Result<(), Error> {
        let begun = time::Instant::now();
        for (agency, gateway) in gateways {
            loop {
                let status = gateway.status().await;
                let detail = match status {
                    Ok(status) if status.hub.connected => break,
                    Ok(status) => status.hub.detail,
                    Err(error) => {
                        return Err(Error::Gateway { agency: agency.clone(), source: Box::new(error) });
                    }
                };
                self.alive()?;
                if begun.elapsed() > PATIENCE {
                    return Err(Error::NotConnected { agency: agency.clone(), patience: PATIENCE, detail });
                }
                time::sleep(INTERVAL).await;
            }
        }
        Ok(())
    }

    /// An error if a program has ended that should run.
    pub fn alive(&mut self) -> Result<(), Error> {
        self.hub.alive()?;
        self.nodes.values_mut().try_for_each(Program::running)
    }

    /// How somebody of an agency reaches its gateway.
    pub fn profile(&self, agency: &AgencyId, caller: Caller) -> Result<Profile, Error> {
        let listed = self.agency(agency)?;
        let (what, holders) = match caller {
            Caller::System => ("system", &listed.systems),
            Caller::Officer => ("officer", &listed.officers),
        };
        let holder = holders.first().ok_or_else(|| Error::NotThere { what, agency: agency.to_string() })?;
        Ok(self.profile_of(agency.clone(), listed.gateway.to_string(), holder))
    }

    fn profile_of(&self, agency: AgencyId, gateway: String, holder: &Holder) -> Profile {
        Profile {
            agency,
            gateway,
            certificate: holder.certificate.clone(),
            key: holder.key.clone(),
            passphrase_file: None,
            roots: self.network.directory.clone(),
            crls: self.network.crls.clone(),
        }
    }

    /// Ends all programs in order: the nodes first, together, then the hub. Tells the first that did not.
    pub async fn stop(mut self) -> Result<(), Error> {
        let nodes = std::mem::take(&mut self.nodes).into_values().map(Program::stop);
        let ended = futures::future::join_all(nodes).await;
        self.hub.stop().await?;
        ended.into_iter().collect()
    }

    fn agency(&self, agency: &AgencyId) -> Result<&sealpost_admin::network::Agency, Error> {
        let listed = self.network.agency(agency.as_str());
        listed.ok_or_else(|| Error::NotThere { what: "node", agency: agency.to_string() })
    }
}

impl Hub {
    /// The hub of a network, not started; what it says will go to a folder of logs.
    pub fn of(network: &Network, programs: &Programs, logs: &Path) -> Self {
        Self {
            program: programs.hub.clone(),
            config: network.hub.config.clone(),
            log: logs.join("hub.log"),
            running: None,
        }
    }

    /// An error if it has ended that should run.
    pub fn alive(&mut self) -> Result<(), Error> {
        self.running.as_mut().map_or(Ok(()), Program::running)
    }

    /// Its process, while it runs.
    pub fn process(&self) -> Option<u32> {
        self.running.as_ref().and_then(Program::process)
    }

    /// Starts it.
    pub fn start(&mut self) -> Result<(), Error> {
        self.running = Some(Program::start("hub", &self.program, &self.config, &self.log)?);
        Ok(())
    }

    /// Ends it at once, as a power failure would.
    pub async fn kill(&mut self) -> Result<(), Error> {
        match self.running.take() {
            Some(program) => program.kill().await,
            None => Ok(()),
        }
    }

    /// Ends it in order.
    pub async fn stop(&mut self) -> Result<(), Error> {
        match self.running.take() {
            Some(program) => program.stop().await,
            None => Ok(()),
        }
    }
}
