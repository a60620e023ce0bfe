//! A network of three agencies in a folder of its own: made by the administrator's library, run by the real programs.
//!
//! When a story ends its programs are killed. The folder of a story that fails is kept, and its place is told.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rustls::time_provider::DefaultTimeProvider;
use sealpost_admin::network::{self, Agency, Holder, Options, Ports};
use sealpost_admin::roster::Roster;
use sealpost_client::gateway::Gateway;
use sealpost_client::profile::Profile;
use sealpost_client::{Connection, Error, connect};
use sealpost_crypto::directory;
use sealpost_crypto::peer::{Admission, Admitted};
use sealpost_crypto::tls::{Credentials, Endpoint};
use sealpost_crypto::trust::{RootHolder, Trust};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::instant::Instant;
use sealpost_testkit::nats;
use sealpost_wire::envelope::signed_from_bytes;
use tempfile::TempDir;

use super::desk::Desk;
use super::eventually::eventually;
use super::port;
use super::program::{Ended, Program};

/// The hub, among the programs of a network.
pub(crate) const HUB: &str = "hub";
/// A second hub that keeps the same journal, where a story has one.
pub(crate) const HUB_2: &str = "hub-2";
/// An agency of each jurisdiction, and its node among the programs of a network.
pub(crate) const HK: &str = "HK-CED";
pub(crate) const DE: &str = "DE-ZKA";
pub(crate) const TH: &str = "TH-TCD";

const ROSTER: &str = include_str!("roster.toml");
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const DIRECTORY_BYTES_MAX: usize = 16 << 20;

/// A network and those of its programs that run.
pub(crate) struct Network {
    // In this order: the programs end before their folder goes.
    running: BTreeMap<String, Program>,
    /// What keeps the hub's journal, where that is not the hub itself.
    nats: Option<nats::Server>,
    /// The second hub's configuration, and where it listens.
    second: Option<(PathBuf, SocketAddr)>,
    made: network::Network,
    commands: AtomicU32,
    folder: Option<TempDir>,
}

impl Network {
    /// Makes a network in which nothing runs yet.
    pub(crate) fn make(story: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix(&format!("{story}-"))
            .tempdir_in(env!("CARGO_TARGET_TMPDIR"))
            .unwrap();
        let roster = Roster::parse(ROSTER, Path::new("roster.toml")).unwrap();
        let mut ports = port::free(1 + roster.agencies.len());
        let hub = ports.remove(0);
        let mut options = Options::new(folder.path().join("network"));
        options.ports = Ports::Listed { hub, gateways: ports };
        let made = network::init(&roster, &options, now(), &mut UnwrapErr(SysRng)).unwrap();
        // So that mail whose receipt is lost goes again while the story still listens.
        for agency in &made.agencies {
            set(&agency.config, "# resend_after = \"30s\"", "resend_after = \"2s\"");
            // And so that nodes prove their ledgers to one another meanwhile.
            set(&agency.config, "# demand_every = \"1m\"", "demand_every = \"1s\"");
        }
        fs::create_dir(folder.path().join("logs")).unwrap();
        let nats = on_jetstream().map(|program| {
            let server =
                nats::Server::start(&program, &folder.path().join("nats"), &nats::Options::default())
                    .unwrap();
            keep_on(&made.hub.config, &[server.url()], 1);
            server
        });
        Self {
            running: BTreeMap::new(),
            nats,
            second: None,
            made,
            commands: AtomicU32::new(1),
            folder: Some(folder),
        }
    }

    /// A network whose two hubs keep one journal: each on the servers that it is given, which may differ by the way to them.
    /// Every node knows both hubs.
    #[allow(dead_code, reason = "for tests/jetstream, which stands on this harness too")]
    pub(crate) fn make_with_two_hubs(story: &str, servers: [&[String]; 2], replicas: usize) -> Self {
        let mut network = Self::make(story);
        let (first, config) = (network.made.hub.address, network.made.hub.config.clone());
        let second = SocketAddr::new(first.ip(), port::free(1)[0]);
        let copy = config.with_file_name("hub-2.toml");
        fs::copy(&config, &copy).unwrap();
        set(&copy, &format!("listen = \"{first}\""), &format!("listen = \"{second}\""));
        set(&copy, "data = \"data\"", "data = \"data-2\"");
        for (config, servers) in [(&config, servers[0]), (&copy, servers[1])] {
            keep_on(config, servers, replicas);
        }
        for agency in &network.made.agencies {
            let (one, both) = (format!("[\"{first}\"]"), format!("[\"{first}\", \"{second}\"]"));
            set(&agency.config, &one, &both);
        }
        network.second = Some((copy, second));
        network
    }

    /// Lets every program that starts from now on tell all that it can tell.
    pub(crate) fn tell_everything(&self) {
        let configs = self.made.agencies.iter().map(|agency| &agency.config);
        for config in configs.chain([&self.made.hub.config]) {
            set(config, "# level = \"info\"", "level = \"trace\"");
        }
    }

    /// Makes a network and starts all of it.
    pub(crate) async fn start(story: &str) -> Self {
        let mut network = Self::make(story);
        for program in [HUB, HK, DE, TH] {
            network.launch(program);
        }
        for program in [HUB, HK, DE, TH] {
            network.ready(program).await;
        }
        network
    }

    /// Starts one of its programs and waits until it serves.
    pub(crate) async fn run(&mut self, program: &str) {
        self.launch(program);
        self.ready(program).await;
    }

    /// Starts a node whose clock is ahead, and waits until it serves.
    pub(crate) async fn run_ahead(&mut self, agency: &str, ahead: Duration) {
        let (config, seconds) = (self.agency(agency).config.clone(), ahead.as_secs().to_string());
        let arguments = [config.as_os_str(), seconds.as_ref()];
        let program = Program::start("examples/node_at", agency, arguments, &self.logs());
        assert!(self.running.insert(agency.to_owned(), program).is_none(), "{agency} runs already");
        self.ready(agency).await;
    }

    /// Ends one of its programs in the middle of whatever it does: SIGKILL.
    pub(crate) fn kill(&mut self, program: &str) {
        self.take(program).kill();
    }

    /// Asks one of its programs to end: SIGTERM.
    pub(crate) async fn terminate(&mut self, program: &str) -> Ended {
        self.take(program).terminate().await
    }

    /// Waits until one of its programs ends by itself.
    pub(crate) async fn ends(&mut self, program: &str) -> Ended {
        self.take(program).end().await
    }

    /// Ends all that runs, in order, and fails if a program says that it did not end well.
    pub(crate) async fn end(mut self) {
        let programs: Vec<String> = self.running.keys().cloned().collect();
        for program in programs {
            let ended = self.terminate(&program).await;
            assert_eq!(ended.code(), Some(0), "{program} after SIGTERM:\n{}", ended.log);
        }
    }

    /// The process of a program.
    pub(crate) fn pid(&self, program: &str) -> u32 {
        self.running[program].pid()
    }

    /// What a program has told so far.
    pub(crate) fn log(&self, program: &str) -> String {
        self.running[program].log()
    }

    /// The system of an agency, at the gateway of its node.
    pub(crate) async fn desk(&self, agency: &str) -> Desk {
        let profile = self.profile(agency);
        let gateway =
            eventually("a connection to the gateway", async || Gateway::connect(&profile).await).await;
        Desk::new(agency, gateway)
    }

    /// Lets a program of the network do one thing and end.
    pub(crate) async fn command(&self, binary: &str, arguments: &[&str]) -> Ended {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        Program::start(binary, &format!("command-{number}"), arguments, &self.logs()).end().await
    }

    /// Starts a program of the network that is told more while it runs.
    pub(crate) fn listening_command(&self, binary: &str, arguments: &[&str]) -> Program {
        let number = self.commands.fetch_add(1, Ordering::Relaxed);
        Program::start_listening(binary, &format!("command-{number}"), arguments, &self.logs())
    }

    /// `sealpost-node ledger …` at an agency, whether or not its node runs.
    pub(crate) async fn ledger(&self, agency: &str, arguments: &[&str]) -> Ended {
        let config = self.agency(agency).config.to_str().unwrap();
        self.command("sealpost-node", &[&["ledger", "--config", config], arguments].concat()).await
    }

    /// Checks an agency's ledger, whether or not its node runs.
    pub(crate) async fn verify_ledger(&self, agency: &str) -> Ended {
        self.ledger(agency, &["verify"]).await
    }

    /// Fails unless the ledgers of all agencies are sound.
    pub(crate) async fn assert_ledgers_sound(&self) {
        for agency in [HK, DE, TH] {
            self.assert_ledger_sound(agency).await;
        }
    }

    /// Fails unless an agency's ledger is sound.
    pub(crate) async fn assert_ledger_sound(&self, agency: &str) {
        let ended = self.verify_ledger(agency).await;
        assert_eq!(ended.code(), Some(0), "ledger of {agency}:\n{}\n{}", ended.stdout, ended.log);
    }

    /// An agency as it was made.
    pub(crate) fn agency(&self, agency: &str) -> &Agency {
        self.made.agency(agency).unwrap()
    }

    /// Who a system of an agency is, and where its gateway is.
    pub(crate) fn profile(&self, agency: &str) -> Profile {
        let made = self.agency(agency);
        let Holder { certificate, key, .. } = &made.systems[0];
        Profile {
            agency: id(agency),
            gateway: made.gateway.to_string(),
            certificate: certificate.clone(),
            key: key.clone(),
            passphrase_file: None,
            roots: self.made.directory.clone(),
            crls: self.made.crls.clone(),
        }
    }

    /// The directory that all of it was provisioned with.
    pub(crate) fn directory(&self) -> Directory {
        let bytes = fs::read(&self.made.directory).unwrap();
        let signed = signed_from_bytes(&bytes.into(), DIRECTORY_BYTES_MAX).unwrap();
        directory::verify(&signed, None).unwrap()
    }

    /// The certificate and the key of an agency's node.
    pub(crate) fn node_credentials(&self, agency: &str) -> Credentials {
        let folder = self.node_folder(agency);
        Credentials::read(&folder.join("certificate.pem"), &folder.join("key.pem")).unwrap()
    }

    /// Where the keys of an agency's node are.
    pub(crate) fn node_folder(&self, agency: &str) -> &Path {
        self.agency(agency).config.parent().unwrap()
    }

    /// Where all of it was made.
    pub(crate) fn folder(&self) -> &Path {
        self.made.directory.parent().unwrap()
    }

    /// Where the hub listens.
    pub(crate) fn hub_address(&self) -> String {
        self.made.hub.address.to_string()
    }

    /// Where what is on its way through the hub is kept.
    pub(crate) fn journal(&self) -> &Path {
        self.nats.as_ref().map_or(&self.made.hub.data, nats::Server::store)
    }

    /// Does something to what is on its way, while nobody works on it. The hub must not run.
    pub(crate) fn change_journal(&mut self, change: impl FnOnce(&Path)) {
        match &mut self.nats {
            None => change(&self.made.hub.data),
            Some(server) => {
                server.kill().unwrap();
                change(server.store());
                server.resume().unwrap();
            }
        }
    }

    /// The certificate and the key file of a root.
    pub(crate) fn root_files(&self, jurisdiction: &str) -> (PathBuf, PathBuf) {
        let file = |suffix| self.made.roots.join(format!("{jurisdiction}{suffix}"));
        (file(".pem"), file(".key.pem"))
    }

    /// Connects to the hub with these credentials.
    pub(crate) async fn dial_hub(&self, credentials: Credentials) -> Result<Connection, Error> {
        self.dial(&self.made.hub.address.to_string(), credentials, Admitted::Hub).await
    }

    /// Connects to the gateway of an agency's node with these credentials.
    pub(crate) async fn dial_gateway(
        &self,
        agency: &str,
        credentials: Credentials,
    ) -> Result<Connection, Error> {
        let node = Admitted::Agency(id(agency), sealpost_domain::identity::Role::Node);
        self.dial(&self.agency(agency).gateway.to_string(), credentials, node).await
    }

    async fn dial(
        &self,
        address: &str,
        credentials: Credentials,
        peer: Admitted,
    ) -> Result<Connection, Error> {
        let admission = Admission::new([peer]);
        let endpoint = Endpoint::new(credentials, self.trust(), admission, Arc::new(DefaultTimeProvider));
        connect(address, &endpoint, CONNECT_TIMEOUT).await
    }

    /// Whose certificates are believed.
    pub(crate) fn trust(&self) -> Trust {
        let directory = self.directory();
        let mut trusted = directory::trust_set(&directory).unwrap();
        let jurisdictions = directory.jurisdictions.keys().copied().map(RootHolder::Jurisdiction);
        for holder in jurisdictions.chain([RootHolder::HubOperator]) {
            let list = fs::read(self.made.crls.join(holder.crl_file_name())).unwrap();
            trusted.install_crl(holder, &list).unwrap();
        }
        Trust::new(trusted)
    }

    /// Starts one of its programs and does not wait: it may end by itself.
    pub(crate) fn launch(&mut self, name: &str) {
        let (binary, config) = match name {
            HUB => ("sealpost-hub", &self.made.hub.config),
            HUB_2 => ("sealpost-hub", &self.second.as_ref().expect("there are two").0),
            agency => ("sealpost-node", &self.agency(agency).config),
        };
        let arguments = ["run".as_ref(), "--config".as_ref(), config.as_os_str()];
        let program = Program::start(binary, name, arguments, &self.logs());
        assert!(self.running.insert(name.to_owned(), program).is_none(), "{name} runs already");
    }

    async fn ready(&mut self, name: &str) {
        eventually(&format!("{name} serves"), async || {
            self.running.get_mut(name).expect("it was launched").assert_running();
            match name {
                HUB | HUB_2 => {
                    let operator = &self.made.operators[0];
                    let credentials = Credentials::read(&operator.certificate, &operator.key).unwrap();
                    let second = self.second.as_ref().filter(|_| name == HUB_2).map(|(_, address)| *address);
                    let address = second.unwrap_or(self.made.hub.address).to_string();
                    let dialled = self.dial(&address, credentials, Admitted::Hub).await;
                    dialled.map(drop).map_err(|error| told(&error))
                }
                agency => {
                    let profile = self.profile(agency);
                    Gateway::connect(&profile).await.map(drop).map_err(|error| told(&error))
                }
            }
        })
        .await;
    }

    fn take(&mut self, program: &str) -> Program {
        self.running.remove(program).unwrap_or_else(|| panic!("{program} does not run"))
    }

    /// Where the logs of all programs are.
    pub(crate) fn logs(&self) -> PathBuf {
        self.folder.as_ref().expect("it goes with the network").path().join("logs")
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.running.clear();
        if let Some(folder) = self.folder.take()
            && thread::panicking()
        {
            let kept = folder.keep();
            #[expect(clippy::print_stderr, reason = "the test harness shows it beside the failure")]
            {
                eprintln!("the network of this story and its logs are kept in {}", kept.display());
            }
        }
    }
}

/// The NATS server on which the hubs of all stories keep their journals, where `SEALPOST_STORIES_ON` asks for it.
fn on_jetstream() -> Option<PathBuf> {
    let asked = std::env::var_os("SEALPOST_STORIES_ON").is_some_and(|journal| journal == "jetstream");
    asked.then(|| nats::program().expect("NATS_SERVER names the server"))
}

/// Lets a hub keep its journal on servers.
pub(crate) fn keep_on(config: &Path, servers: &[String], replicas: usize) {
    let lines = format!("kind = \"jetstream\"\nservers = {servers:?}\nreplicas = {replicas}");
    set(config, "# kind = \"seglog\"", &lines);
}

/// An error with all that led to it.
pub(crate) fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// An agency's id.
pub(crate) fn id(agency: &str) -> AgencyId {
    agency.parse().unwrap()
}

/// This machine's clock.
pub(crate) fn now() -> Instant {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Instant::from_millis(0).plus(since)
}

/// Replaces a line of a configuration that is there exactly once.
pub(crate) fn set(config: &Path, before: &str, after: &str) {
    let text = fs::read_to_string(config).unwrap();
    assert_eq!(text.matches(before).count(), 1, "{before} in {}", config.display());
    fs::write(config, text.replace(before, after)).unwrap();
}
