//! The files of deploy/jetstream as they are, but for hosts, ports and paths: three servers with TLS that let hubs alone in, and
//! let them do what they need and nothing else.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, PKCS_ED25519, SanType,
};
use sealpost_domain::link::Incarnation;
use sealpost_hub::config::{HubConfig, Journal as Kept};
use sealpost_hub::core::State;
use sealpost_hub::journal::jetstream::check::{Verdict, check};
use sealpost_hub::journal::jetstream::{EngineError, Error, Fresh, JetStream, Settings};
use sealpost_hub::journal::{Journal, Said};
use sealpost_server::config;
use sealpost_testkit::nats::{Server, free_ports};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::fixture::{Network, agency};
use crate::servers::program;
use crate::suite::{Hub, Subject, batch, envelope};

const NATS: &str = include_str!("../../deploy/jetstream/nats.conf");
const SERVERS: [&str; 3] = [
    include_str!("../../deploy/jetstream/nats-1.conf"),
    include_str!("../../deploy/jetstream/nats-2.conf"),
    include_str!("../../deploy/jetstream/nats-3.conf"),
];
const HUB: &str = include_str!("../../deploy/jetstream/hub.toml");

/// An authority for the servers and the hubs, and what it vouched for, in files.
struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(folder: &Path) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = named("servers and hubs (invented)");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(folder.join("ca.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
        Self { folder: folder.to_owned(), issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key, as `NAME.pem` and `NAME-key.pem`.
    fn vouch(&self, name: &str, subject: &str) -> [PathBuf; 2] {
        let key = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = named(subject);
        params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let files = [self.folder.join(format!("{name}.pem")), self.folder.join(format!("{name}-key.pem"))];
        for (file, text) in files.iter().zip([certificate.pem(), key.serialize_pem()]) {
            std::fs::write(file, text).unwrap();
            std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
        files
    }
}

fn named(subject: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, subject);
    name
}

/// The servers, and the configuration of the hubs.
struct Deployed {
    runtime: Runtime,
    settings: Settings,
    monitors: Vec<String>,
    authority: Authority,
    _servers: Vec<Server>,
    folder: TempDir,
}

/// Replaces what is there.
fn replaced(text: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(text.to_owned(), |text, (before, after)| {
        assert!(text.contains(before), "{before} is there");
        text.replace(before, after)
    })
}

impl Deployed {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(&folder.path().join("authority"));
        authority.vouch("server", "server");
        // The one of the routes has files of other names in the same place.
        let of_routes = Authority::new(&folder.path().join("authority-of-routes"));
        of_routes.vouch("route", "route");
        for file in ["route.pem", "route-key.pem"] {
            std::fs::copy(of_routes.folder.join(file), authority.folder.join(file)).unwrap();
        }
        std::fs::copy(of_routes.folder.join("ca.pem"), authority.folder.join("route-ca.pem")).unwrap();
        authority.vouch("nats", "sealpost-hub");
        let keys = authority.folder.display().to_string();
        let ports: [u16; 9] = free_ports().unwrap();
        let (clients, rest) = ports.split_at(3);
        let (routes, monitors) = rest.split_at(3);
        let mut servers = Vec::new();
        for number in 0..3 {
            let home = folder.path().join(format!("server-{number}"));
            let listen = |port: u16| format!("\"127.0.0.1:{port}\"");
            let route = |at: usize| format!("tls://127.0.0.1:{}", routes[at]);
            let common = replaced(
                NATS,
                &[
                    ("\"0.0.0.0:4222\"", &listen(clients[number])),
                    ("\"0.0.0.0:6222\"", &listen(routes[number])),
                    ("\"127.0.0.1:8222\"", &listen(monitors[number])),
                    ("tls://nats-1.example:6222", &route(0)),
                    ("tls://nats-2.example:6222", &route(1)),
                    ("tls://nats-3.example:6222", &route(2)),
                    ("/var/lib/nats", &home.join("store").display().to_string()),
                    ("/etc/nats", &keys),
                    ("100GB", "1GB"),
                ],
            );
            // One file: what is included lies beside the others.
            let text = replaced(SERVERS[number], &[("include \"nats.conf\"", &common)]);
            servers.push(Server::configured(&program(), &home, &text, clients[number]).unwrap());
        }
        let address = |at: usize| format!("tls://127.0.0.1:{}", clients[at]);
        let hub = replaced(
            HUB,
            &[
                ("tls://nats-1.example:4222", &address(0)),
                ("tls://nats-2.example:4222", &address(1)),
                ("tls://nats-3.example:4222", &address(2)),
                ("/etc/sealpost/hub/nats-ca.pem", &format!("{keys}/ca.pem")),
                ("/etc/sealpost/hub/nats", &format!("{keys}/nats")),
            ],
        );
        let config: HubConfig = config::parse(&hub, Path::new("hub.toml")).unwrap();
        let Kept::JetStream(settings) = config.journal else { panic!("it is kept on the servers") };
        let monitors = monitors.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let runtime = Runtime::new().unwrap();
        Self { runtime, settings, monitors, authority, _servers: servers, folder }
    }

    /// What the servers told.
    fn logs(&self) -> String {
        let log = |number: usize| self.folder.path().join(format!("server-{number}/nats.log"));
        (0..3).map(|number| std::fs::read_to_string(log(number)).unwrap()).collect()
    }

    fn try_open(&self, settings: &Settings) -> Result<(JetStream, State), Error> {
        let fresh = Fresh { incarnation: Incarnation(rand::random()), proposer: rand::random() };
        self.runtime.block_on(JetStream::open(settings, fresh))
    }

    /// The journal opened under another certificate.
    fn refusal(&self, identity: [PathBuf; 2]) -> String {
        let [certificate, key] = identity;
        let other = Settings { identity: Some((certificate, key)), ..self.settings.clone() };
        match self.try_open(&other).map(drop).unwrap_err() {
            error @ Error::Engine(EngineError::Connect { .. }) => error.to_string(),
            other => panic!("{other}"),
        }
    }
}

impl Subject for Deployed {
    fn open(&self) -> (Box<dyn Journal>, State) {
        let opened = self.try_open(&self.settings);
        let (journal, state) = opened.unwrap_or_else(|error| panic!("{error:?}\n{}", self.logs()));
        (Box::new(journal), state)
    }
}

#[test]
fn hubs_can_do_all_that_they_need_and_strangers_nothing() {
    let (deployed, network) = (Deployed::start(), Network::new());
    let mut hub = Hub::founded(&deployed, &network);
    let mut other = Hub::open(&deployed);
    for _ in 0..300 {
        hub.propose(vec![batch(&[envelope(&network, 1)])]);
    }
    hub.follow_until("all come back", |hub| hub.landed.len() > 300);
    other.follow_until("the other hub has them", |other| other.state.digest() == hub.state.digest());
    let waiting = hub.waiting();
    let (last, first) = (waiting[waiting.len() - 1].0, waiting[0].1);
    assert!(other.journal.reader().payload(&first.payload).is_ok());
    hub.settle(last);
    let is_gone = |hub: &Hub| hub.journal.reader().payload(&first.payload).is_err();
    hub.follow_until("settled bodies are deleted", is_gone);

    let (one, mut two) = (hub.journal.neighbours().unwrap(), other.journal.neighbours().unwrap());
    let heard = deployed.runtime.block_on(async {
        loop {
            // Whoever has not subscribed yet does not hear it.
            one.say.send(Said::Sits(agency("DE-ZKA"))).await.unwrap();
            let patience = std::time::Duration::from_millis(100);
            if let Ok(heard) = tokio::time::timeout(patience, two.hear.recv()).await {
                return heard;
            }
        }
    });
    assert_eq!(heard, Some(Said::Sits(agency("DE-ZKA"))));

    let monitors: Vec<_> = deployed.monitors.iter().map(|monitor| monitor.parse().unwrap()).collect();
    let findings = deployed.runtime.block_on(check(&deployed.settings, &monitors)).unwrap();
    assert!(findings.iter().all(|finding| finding.verdict == Verdict::Sound), "{findings:#?}");
    let stranger = deployed.authority.vouch("stranger", "stranger");
    let refusal = deployed.refusal(stranger);
    assert!(refusal.contains("authorization"), "{refusal}");
}

#[test]
fn a_hub_can_do_nothing_to_the_streams_but_what_it_needs() {
    let (deployed, network) = (Deployed::start(), Network::new());
    let hub = Hub::founded(&deployed, &network);
    deployed.runtime.block_on(async {
        let Settings { servers, ca, identity, .. } = &deployed.settings;
        let (certificate, key) = identity.clone().unwrap();
        let options = async_nats::ConnectOptions::new()
            .add_root_certificates(ca.clone().unwrap())
            .add_client_certificate(certificate, key)
            .request_timeout(Some(std::time::Duration::from_millis(500)));
        let client = options.connect(servers).await.unwrap();
        let forbidden = [
            "$JS.API.STREAM.PURGE.sealpost-journal",
            "$JS.API.STREAM.DELETE.sealpost-journal",
            "$JS.API.STREAM.UPDATE.sealpost-journal",
            "$JS.API.STREAM.MSG.DELETE.sealpost-journal",
            "$JS.API.STREAM.CREATE.other",
            "somewhere.else",
        ];
        for subject in forbidden {
            assert!(client.request(subject, "{}".into()).await.is_err(), "{subject}");
        }
    });
    assert_eq!(Hub::open(&deployed).state.digest(), hub.state.digest());
}

#[test]
fn servers_let_no_hub_in_that_another_authority_vouches_for() {
    let deployed = Deployed::start();
    let elsewhere = Authority::new(&deployed.folder.path().join("elsewhere"));
    let refusal = deployed.refusal(elsewhere.vouch("nats", "sealpost-hub"));
    assert!(refusal.contains("none of tls://") && !refusal.contains("timed out"), "{refusal}");
}
