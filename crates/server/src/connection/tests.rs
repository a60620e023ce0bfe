use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sealpost_crypto::chains::{self, Issued, NOW, Root};
use sealpost_crypto::peer::{Admission, Admitted};
use sealpost_crypto::trust::{RootHolder, TrustSet};
use sealpost_domain::identity::Role;
use sealpost_domain::instant::{CLOCK_TOLERANCE, Instant};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio::time;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::*;
use crate::clock::Clock;

const NODE: &str = "spiffe://test.sealpost/HK/CED/node/main";
const LIST_ENDS: Instant = Instant::from_millis(NOW.as_millis() + 3_600_000);

const ROOM: Room = Room { all: 8, of_peer: 8, peers: Peers::Agencies };

/// A hub's door, whose list of HK ends after an hour, and whose clock is set by the tests.
struct Stage {
    hk: Root,
    node: Issued,
    roots: Roots,
    endpoint: Endpoint,
    now: Arc<AtomicI64>,
    connections: Connections,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn new() -> Self {
        let (hk, hub, folder) = (Root::new("HK"), Root::new("hub"), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("HK.crl"), hk.crl_between(&[], NOW, LIST_ENDS)).unwrap();
        std::fs::write(folder.path().join("operator.crl"), hub.crl(&[])).unwrap();
        let now = Arc::new(AtomicI64::new(NOW.as_millis()));
        let clock = {
            let now = Arc::clone(&now);
            Clock::new(move || Instant::from_millis(now.load(Ordering::Relaxed)))
        };
        let kept = folder.path().join("kept");
        let mut set = TrustSet::new(chains::trust(&[]).network().clone());
        for root in [&hk, &hub] {
            set.add_root(root.holder, &root.certificate).unwrap();
        }
        let roots =
            Roots::open(set, &[RootHolder::HubOperator], folder.path(), &kept, clock.clone()).unwrap();
        let credentials = hub.issue("spiffe://test.sealpost/hub/main").credentials();
        let admission = Admission::new([Admitted::AnyAgency(Role::Node)]);
        let endpoint = Endpoint::new(credentials, roots.trust().clone(), admission, Arc::new(clock));
        let node = hk.issue(NODE);
        Self { hk, node, roots, endpoint, now, connections: Connections::default(), _folder: folder }
    }

    /// Both ends of a connection, as they are once their handshake is done.
    async fn shake_hands(
        &self,
    ) -> (TlsStream<TcpStream>, tokio_rustls::client::TlsStream<TcpStream>, Certificate) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = self.node.endpoint(self.roots.trust(), [Admitted::Hub]);
        let (config, _) = client.client(&[b"h2"]).unwrap();
        let dial = async {
            let stream = TcpStream::connect(address).await.unwrap();
            TlsConnector::from(config).connect("localhost".try_into().unwrap(), stream).await.unwrap()
        };
        let (config, verdict) = self.endpoint.server(&[b"h2"]).unwrap();
        let accept = async {
            let (stream, _) = listener.accept().await.unwrap();
            TlsAcceptor::from(config).accept(stream).await.unwrap()
        };
        let (client, server) = tokio::join!(dial, accept);
        let certificate = verdict.get().unwrap().as_ref().unwrap().clone();
        (server, client, certificate)
    }

    fn admit(
        &self,
        stream: TlsStream<TcpStream>,
        certificate: Certificate,
    ) -> Result<Connection, Box<Refusal>> {
        let address = stream.get_ref().0.peer_addr().unwrap();
        self.connections.admit(stream, certificate, address, ROOM, &self.endpoint)
    }
}

#[tokio::test]
async fn who_is_revoked_within_its_handshake_is_not_admitted() {
    let stage = Stage::new();
    let (stream, _client, certificate) = stage.shake_hands().await;
    let list = stage.hk.crl_between(&[&stage.node], NOW.plus(Duration::from_secs(1)), LIST_ENDS);
    stage.roots.take(&[list.into()], crate::roots::Older::Refused).unwrap();
    assert!(stage.connections.close_refused(&stage.endpoint).is_empty(), "it is not on the list yet");
    let refusal = stage.admit(stream, certificate).unwrap_err();
    assert!(matches!(*refusal, Refusal::Revoked { .. }), "{refusal}");
    assert_eq!(stage.connections.count(), 0);
}

#[tokio::test]
async fn a_connection_does_not_outlive_the_list_that_would_have_to_show_that_it_is_not_revoked() {
    let stage = Stage::new();
    let (stream, _client, certificate) = stage.shake_hands().await;
    let mut connection = stage.admit(stream, certificate).unwrap();
    // From here on the hours pass while nothing happens.
    time::pause();
    let closing = stage.connections.keep_closing_refused(&stage.roots, &stage.endpoint);
    let closed = async {
        let still_open = time::timeout(Duration::from_hours(1), connection.read_u8()).await;
        assert!(still_open.is_err(), "the list is current");
        let ended = LIST_ENDS.plus(CLOCK_TOLERANCE);
        stage.now.store(ended.as_millis(), Ordering::Relaxed);
        time::timeout(Duration::from_hours(1), connection.read_u8()).await.expect("nobody closed it")
    };
    let error = tokio::select! {
        closed = closed => closed.unwrap_err(),
        () = closing => panic!("it is kept up"),
    };
    assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
}

/// Lists connections of these identities one after the other, and says which of them live then.
fn living(room: Room, identities: &[&str]) -> Vec<usize> {
    living_after(room, identities, |_| {})
}

/// The same, after something was done to them.
fn living_after(room: Room, identities: &[&str], done: impl Fn(&Connections)) -> Vec<usize> {
    let (root, connections) = (Root::new("HK"), Connections::default());
    let certificate = Certificate::parse(&root.issue(NODE).certificate).unwrap();
    let mut listed = Vec::new();
    for identity in identities {
        let identity: Identity = format!("spiffe://test.sealpost/{identity}").parse().unwrap();
        let party = Party::of(&identity, room.peers);
        let peer = Peer::new(Certificate { identity, ..certificate.clone() }, ([127, 0, 0, 1], 1).into());
        let (der, closing) = (CertificateDer::from(Vec::new()), CancellationToken::new());
        listed.push((connections.list(Entry { peer, party, der, closing: closing.clone() }, room), closing));
    }
    done(&connections);
    (0..).zip(&listed).filter(|(_, (_, closing))| !closing.is_cancelled()).map(|(at, _)| at).collect()
}

#[test]
fn all_certificates_of_an_agency_count_together_and_operators_by_themselves() {
    let peers =
        ["HK/CED/node/a", "HK/CED/node/b", "DE/ZKA/node/a", "operator/a", "operator/b", "HK/CED/node/c"];
    let room = Room { all: 100, of_peer: 2, peers: Peers::Agencies };
    assert_eq!(living(room, &peers), [1, 2, 3, 4, 5], "the oldest of the agency is closed");
    assert_eq!(living(Room { peers: Peers::Identities, ..room }, &peers), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_full_door_takes_the_newcomer_and_who_has_most_loses_its_oldest() {
    let room = Room { all: 4, of_peer: 3, peers: Peers::Agencies };
    let (hk, de, th, jp) = ("HK/CED/node/a", "DE/ZKA/node/a", "TH/TCD/node/a", "JP/CUS/node/a");
    assert_eq!(living(room, &[de, hk, hk, hk, th]), [0, 2, 3, 4]);
    assert_eq!(living(room, &[de, hk, hk, hk, th, hk]), [0, 3, 4, 5], "it has most itself");
    assert_eq!(living(Room { all: 3, ..room }, &[de, hk, th, jp]), [1, 2, 3], "of all the same: the oldest");
    assert_eq!(living(Room { all: 1, ..room }, &[de, hk]), [1]);
}

#[test]
fn without_room_in_the_system_who_has_most_loses_its_oldest() {
    let room = Room { all: 100, of_peer: 100, peers: Peers::Agencies };
    let (hk, de) = ("HK/CED/node/a", "DE/ZKA/node/a");
    assert_eq!(living_after(room, &[de, hk, hk], Connections::give_way), [0, 2]);
    let twice = |connections: &Connections| (0..2).for_each(|_| connections.give_way());
    assert_eq!(living_after(room, &[de, hk, hk], twice), [2], "of all the same: the oldest");
    assert!(living_after(room, &[], Connections::give_way).is_empty());
}
