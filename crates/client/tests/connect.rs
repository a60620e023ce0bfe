//! The client's connection against the server's door, over loopback sockets.

#![allow(clippy::unwrap_used, reason = "a test ends where something is not as it must be")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::routing::get;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use sealpost_client::{Connection, Error, connect};
use sealpost_crypto::chains::{self, Issued, Root};
use sealpost_crypto::peer::{Admitted, Refusal};
use sealpost_crypto::tls::{Endpoint, KeyExchange};
use sealpost_crypto::trust::{Trust, TrustSet};
use sealpost_domain::identity::Role;
use sealpost_server::acceptor::{Acceptor, Limits, Peers, Protocols, Reason};
use sealpost_server::connection::{Connections, Peer};
use sealpost_server::serve::{self, Health, Server};
use sealpost_server::shutdown::Shutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

const NODE: &str = "spiffe://test.sealpost/HK/CED/node/main";
const HUB: &str = "spiffe://test.sealpost/hub/main";
const LONG: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits {
    connections_max: 8,
    per_peer_max: 8,
    peers: Peers::Identities,
    handshakes_max: 8,
    per_address_max: 8,
    handshake_timeout: LONG,
};

/// A running hub's door, and everything that is needed to knock at it.
struct Network {
    hk: Root,
    trust: Trust,
    node: Issued,
    address: SocketAddr,
    connections: Connections,
    health: Health,
    shutdown: Shutdown,
    serving: JoinHandle<Result<(), serve::Error>>,
}

impl Network {
    async fn start(limits: Limits) -> Self {
        let (hk, hub) = (Root::new("HK"), Root::new("hub"));
        let trust = Trust::new(chains::trust(&[&hk, &hub]));
        let endpoint = hub.issue(HUB).endpoint(&trust, [Admitted::AnyAgency(Role::Node)]);
        let address = "127.0.0.1:0".parse().unwrap();
        let acceptor = Acceptor::bind(address, endpoint, limits, Protocols::Http2AndHttp1).await.unwrap();
        let (address, connections) = (acceptor.address().unwrap(), acceptor.connections());
        let who = |Extension(peer): Extension<Peer>| async move { peer.identity().to_string() };
        let server = Server::with_rest(acceptor, axum::Router::new().route("/who", get(who)));
        let (health, shutdown) = (server.health(), Shutdown::new(Duration::from_millis(200)));
        let watched = shutdown.clone();
        let serving = tokio::spawn(async move { server.serve(&watched).await });
        let node = hk.issue(NODE);
        Self { hk, trust, node, address, connections, health, shutdown, serving }
    }

    fn endpoint(&self, issued: &Issued) -> Endpoint {
        issued.endpoint(&self.trust, [Admitted::Hub])
    }

    async fn connect_as(&self, issued: &Issued) -> Result<Connection, Error> {
        connect(&self.address.to_string(), &self.endpoint(issued), LONG).await
    }

    async fn connect(&self) -> Result<Connection, Error> {
        self.connect_as(&self.node).await
    }
}

async fn check(connection: &Connection) -> Result<(), Error> {
    let request = HealthCheckRequest { service: String::new() };
    let checked = HealthClient::new(connection.channel()).check(request).await;
    checked.map(drop).map_err(|status| connection.explain(status))
}

#[tokio::test]
async fn both_ends_know_each_other_once_connected() {
    let network = Network::start(LIMITS).await;
    let connection = network.connect().await.unwrap();
    assert_eq!(connection.peer().unwrap().to_string(), HUB);
    check(&connection).await.unwrap();
    assert_eq!(network.connections.count(), 1);
}

#[tokio::test]
async fn a_refused_client_learns_the_reason_every_time() {
    let network = Network::start(LIMITS).await;
    let officer = network.hk.issue("spiffe://test.sealpost/HK/CED/officer/desk-1");
    for round in 0..20 {
        let refusal = network.connect_as(&officer).await.unwrap_err();
        assert!(matches!(refusal, Error::Refused { .. }), "round {round}: {refusal:?}");
        assert!(refusal.to_string().ends_with("our role is not admitted at this address"), "{refusal}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_the_hub_is_refused() {
    let mut network = Network::start(LIMITS).await;
    let hub = network.hk.issue("spiffe://test.sealpost/HK/CED/system/customs");
    let endpoint = hub.endpoint(&network.trust, [Admitted::AnyAgency(Role::Node)]);
    let acceptor =
        Acceptor::bind("127.0.0.1:0".parse().unwrap(), endpoint, LIMITS, Protocols::Http2).await.unwrap();
    network.address = acceptor.address().unwrap();
    let shutdown = network.shutdown.clone();
    tokio::spawn(async move { Server::new(acceptor).serve(&shutdown).await });
    let error = network.connect().await.unwrap_err();
    let Error::WrongPeer { refusal, .. } = error else {
        panic!("expected the client to refuse, found {error:?}")
    };
    assert!(matches!(*refusal, Refusal::NotAdmitted { .. }), "{refusal}");
}

#[tokio::test]
async fn an_absent_a_silent_and_a_foreign_server_are_told_apart() {
    let network = Network::start(LIMITS).await;
    let endpoint = network.endpoint(&network.node);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();

    let silent = connect(&address, &endpoint, Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(silent, Error::Timeout { .. }), "{silent:?}");

    let foreign = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut stream2, _) = listener.accept().await.unwrap();
        stream.shutdown().await.unwrap();
        stream2.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        let _ = stream2.read_to_end(&mut Vec::new()).await;
    });
    let broken = connect(&address, &endpoint, LONG).await.unwrap_err();
    assert!(matches!(broken, Error::Handshake { .. }), "{broken:?}");
    foreign.await.unwrap();

    let absent = connect(&address, &endpoint, LONG).await.unwrap_err();
    assert!(matches!(absent, Error::Unreachable { .. }), "{absent:?}");
    for text in ["", "hub", "hub:", "a b:1"] {
        let invalid = connect(text, &endpoint, LONG).await.unwrap_err();
        assert!(matches!(invalid, Error::Address { .. } | Error::Unreachable { .. }), "{text}: {invalid:?}");
    }
}

#[tokio::test]
async fn a_revoked_peers_live_connection_is_closed_and_it_does_not_come_back() {
    let network = Network::start(LIMITS).await;
    let other = network.hk.issue("spiffe://test.sealpost/HK/CED/node/standby");
    let (revoked, kept) = (network.connect().await.unwrap(), network.connect_as(&other).await.unwrap());

    let mut set = TrustSet::clone(&network.trust.current());
    set.install_crl(network.hk.holder, &network.hk.crl(&[&network.node])).unwrap();
    network.trust.replace(set);
    let hub = network.hk.issue(NODE).endpoint(&network.trust, [Admitted::AnyAgency(Role::Node)]);
    let closed = network.connections.close_refused(&hub);
    assert_eq!(closed.len(), 1);
    assert!(matches!(closed[0].1, Refusal::Revoked { .. }), "{}", closed[0].1);

    while network.connections.count() > 1 {
        tokio::task::yield_now().await;
    }
    // The channel dials again by itself, and now is refused.
    let mut error = check(&revoked).await.unwrap_err();
    while matches!(error, Error::Lost { .. }) {
        error = check(&revoked).await.unwrap_err();
    }
    assert!(error.to_string().ends_with("it is revoked"), "{error:?}");
    check(&kept).await.unwrap();
}

#[tokio::test]
async fn who_is_refused_is_told_with_the_reason_and_no_more_than_there_is_room_for() {
    let network = Network::start(LIMITS).await;
    let endpoint = network.node.endpoint(&network.trust, [Admitted::AnyAgency(Role::Officer)]);
    let endpoint = endpoint.exchanging(KeyExchange::PostQuantum);
    let (told, mut refused) = mpsc::channel(1);
    let acceptor = Acceptor::bind("127.0.0.1:0".parse().unwrap(), endpoint, LIMITS, Protocols::Http2);
    let acceptor = acceptor.await.unwrap().telling(told);
    let address = acceptor.address().unwrap();
    let shutdown = network.shutdown.clone();
    tokio::spawn(async move { Server::new(acceptor).serve(&shutdown).await });

    let other_role = network.hk.issue(NODE).endpoint(&network.trust, [Admitted::AnyAgency(Role::Node)]);
    let at = address.to_string();
    for _ in 0..3 {
        let refused = connect(&at, &other_role, LONG).await.unwrap_err();
        assert!(matches!(refused, Error::Refused { .. }), "nobody waits for whom it is told: {refused}");
    }
    let mut reason = refused.recv().await.unwrap().reason;
    let Reason::Certificate(refusal) = &reason else { panic!("it is the role: {reason}") };
    assert!(matches!(**refusal, Refusal::NotAdmitted { .. }), "{refusal}");

    // One that knows X25519 alone. It may find no room while those of before are told.
    let provider = CryptoProvider { kx_groups: vec![kx_group::X25519], ..aws_lc_rs::default_provider() };
    let config = ClientConfig::builder_with_provider(Arc::new(provider)).with_protocol_versions(&[&TLS13]);
    let config = config.unwrap().with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let config = Arc::new(config);
    while !matches!(reason, Reason::KeyExchange) {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = "hub.invalid".try_into().unwrap();
        TlsConnector::from(Arc::clone(&config)).connect(name, stream).await.unwrap_err();
        reason = refused.recv().await.unwrap().reason;
    }
}

#[tokio::test]
async fn who_connected_to_a_hub_that_is_revoked_since_notices_when_it_asks_again() {
    let hub = Root::new("hub");
    let mut network = Network::start(LIMITS).await;
    let issued = hub.issue(HUB);
    let trust = Trust::new(chains::trust(&[&network.hk, &hub]));
    let endpoint = issued.endpoint(&trust, [Admitted::AnyAgency(Role::Node)]);
    let acceptor = Acceptor::bind("127.0.0.1:0".parse().unwrap(), endpoint, LIMITS, Protocols::Http2);
    let acceptor = acceptor.await.unwrap();
    network.address = acceptor.address().unwrap();
    let shutdown = network.shutdown.clone();
    tokio::spawn(async move { Server::new(acceptor).serve(&shutdown).await });
    let own = network.node.endpoint(&trust, [Admitted::Hub]);
    let connection = connect(&network.address.to_string(), &own, LONG).await.unwrap();
    connection.judge_again(&own).unwrap();

    let mut set = TrustSet::clone(&trust.current());
    set.install_crl(hub.holder, &hub.crl(&[&issued])).unwrap();
    trust.replace(set);
    let Err(Error::WrongPeer { refusal, .. }) = connection.judge_again(&own) else { panic!("it is revoked") };
    assert!(matches!(*refusal, Refusal::Revoked { .. }), "{refusal}");
}

#[tokio::test]
async fn a_full_door_takes_the_newest_and_slow_handshakes_hold_nobody_up() {
    let limits = Limits { connections_max: 1, handshakes_max: 2, ..LIMITS };
    let network = Network::start(limits).await;
    let slow = [(); 4].map(|()| TcpStream::connect(network.address));
    let slow = futures::future::join_all(slow).await;
    let first = network.connect().await.unwrap();
    let second = network.connect().await.unwrap();
    check(&second).await.unwrap();
    // The older one is closed for the newer.
    while network.connections.count() > 1 {
        tokio::task::yield_now().await;
    }
    drop((slow, first));
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_is_cut() {
    let limits = Limits { handshake_timeout: Duration::from_millis(50), ..LIMITS };
    let network = Network::start(limits).await;
    let mut slow = TcpStream::connect(network.address).await.unwrap();
    assert_eq!(slow.read_to_end(&mut Vec::new()).await.unwrap(), 0);
}

#[tokio::test]
async fn rest_handlers_see_the_same_identity() {
    let network = Network::start(LIMITS).await;
    let (config, _) = network.endpoint(&network.node).client(&[b"http/1.1"]).unwrap();
    let stream = TcpStream::connect(network.address).await.unwrap();
    let name = "hub.invalid".try_into().unwrap();
    let mut stream = TlsConnector::from(config).connect(name, stream).await.unwrap();
    stream.write_all(b"GET /who HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.ends_with(NODE.as_bytes()), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_server_that_takes_no_work_says_so_and_ends_in_order() {
    let network = Network::start(LIMITS).await;
    let connection = network.connect().await.unwrap();
    network.health.not_serving().await;
    let error = network.connect().await.unwrap_err();
    assert!(matches!(error, Error::NotServing { .. }), "{error:?}");

    network.shutdown.begin();
    network.serving.await.unwrap().unwrap();
    assert_eq!(network.connections.count(), 0);
    let mut error = check(&connection).await.unwrap_err();
    while matches!(error, Error::Lost { .. }) {
        error = check(&connection).await.unwrap_err();
    }
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_stream_that_does_not_end_is_cut_after_the_grace() {
    let network = Network::start(LIMITS).await;
    let connection = network.connect().await.unwrap();
    let request = HealthCheckRequest { service: String::new() };
    let mut watching = HealthClient::new(connection.channel()).watch(request).await.unwrap().into_inner();
    watching.message().await.unwrap().expect("the first status");
    network.shutdown.begin();
    network.serving.await.unwrap().unwrap();
    while let Ok(Some(_)) = watching.message().await {}
    assert_eq!(network.connections.count(), 0);
}
