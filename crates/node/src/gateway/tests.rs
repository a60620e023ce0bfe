//! The gateway behind its door: real certificates, real connections, and the SDK on the other side.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use sealpost_client::gateway::{Error, Gateway as Client, Outgoing, Pace};
use sealpost_client::{Error as ConnectionError, connect};
use sealpost_crypto::chains::{self, Root};
use sealpost_crypto::peer::Admitted;
use sealpost_crypto::trust::Trust;
use sealpost_domain::identity::Role;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::{MessageId, Priority};
use sealpost_domain::stats::Period;
use sealpost_domain::view::{Event, Filter, Place, Query};
use sealpost_server::acceptor::{Acceptor, Limits, Peers, Protocols};
use sealpost_server::serve::Server;
use sealpost_server::shutdown::Shutdown;
use tokio::task::JoinHandle;
use tonic::Code;

use super::Gateway;
use super::fake::{FakeNode, LEDGER, draft};

const LONG: Duration = Duration::from_secs(30);
const LIMITS: Limits = Limits {
    connections_max: 8,
    per_peer_max: 8,
    peers: Peers::Identities,
    handshakes_max: 8,
    per_address_max: 8,
    handshake_timeout: LONG,
};

/// The gateway of HK-CED over a fake node.
struct Door {
    root: Root,
    trust: Trust,
    node: FakeNode,
    address: SocketAddr,
    shutdown: Shutdown,
    serving: JoinHandle<()>,
}

impl Door {
    async fn open(node: FakeNode) -> Self {
        let root = Root::new("HK");
        let trust = Trust::new(chains::trust(&[&root]));
        let address = "127.0.0.1:0".parse().unwrap();
        Self::listen(root, trust, node, address).await
    }

    async fn listen(root: Root, trust: Trust, node: FakeNode, address: SocketAddr) -> Self {
        let home: sealpost_domain::agency::AgencyId = "HK-CED".parse().unwrap();
        let own = [Role::System, Role::Officer, Role::Auditor, Role::Node]
            .map(|role| Admitted::Agency(home.clone(), role));
        let endpoint = root.issue("spiffe://test.sealpost/HK/CED/node/main").endpoint(&trust, own);
        let acceptor = Acceptor::bind(address, endpoint, LIMITS, Protocols::Http2).await.unwrap();
        let address = acceptor.address().unwrap();
        let shutdown = Shutdown::new(Duration::from_millis(300));
        let gateway = Gateway::new(node.handle(64), home, shutdown.token());
        let server = Server::new(acceptor).add_service(gateway.into_service());
        let watched = shutdown.clone();
        let serving = tokio::spawn(async move { server.serve(&watched).await.unwrap() });
        Self { root, trust, node, address, shutdown, serving }
    }

    /// The same door, opened again after it was shut in order.
    async fn reopen(self) -> Self {
        self.shutdown.begin();
        self.serving.await.unwrap();
        Self::listen(self.root, self.trust, self.node, self.address).await
    }

    async fn client(&self, role: &str) -> Client {
        let identity = format!("spiffe://test.sealpost/HK/CED/{role}/one");
        let admitted = [Admitted::Agency("HK-CED".parse().unwrap(), Role::Node)];
        let endpoint = self.root.issue(&identity).endpoint(&self.trust, admitted);
        Client::over(connect(&self.address.to_string(), &endpoint, LONG).await.unwrap())
    }
}

fn outgoing(count: usize) -> Vec<Outgoing> {
    let outgoing = |number| Outgoing { key: Some(format!("key-{number}").parse().unwrap()), draft: draft() };
    (1..=count).map(outgoing).collect()
}

fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> Code {
    match result {
        Err(Error::Connection(ConnectionError::Answer { status, .. })) => status.code(),
        other => panic!("expected an answer of the node, found {other:?}"),
    }
}

#[tokio::test]
async fn a_system_publishes_and_every_message_is_answered_in_order() {
    let door = Door::open(FakeNode::default()).await;
    let client = door.client("system").await;
    let answers = client.publish(stream::iter(outgoing(300)), Pace::default());
    let sequences: Vec<u64> = answers.map(|answer| answer.unwrap().sequence).collect().await;
    assert_eq!(sequences, (1..=300).collect::<Vec<u64>>());
    assert_eq!(door.node.published(), 300);
}

#[tokio::test]
async fn the_role_in_the_certificate_decides() {
    let door = Door::open(FakeNode::with_messages(1)).await;
    let auditor = door.client("auditor").await;
    assert_eq!(code(auditor.list(&Query::default()).await), Code::PermissionDenied);
    let mut answers = Box::pin(auditor.publish(stream::iter(outgoing(1)), Pace::default()));
    assert_eq!(code(answers.next().await.unwrap()), Code::PermissionDenied);
    assert!(auditor.stats(Period::default()).await.is_ok());
    let system = door.client("system").await;
    assert_eq!(code(system.stats(Period::default()).await), Code::PermissionDenied);
    assert_eq!(system.list(&Query::default()).await.unwrap().messages.len(), 1);
    assert_eq!(door.node.published(), 0);
}

#[tokio::test]
async fn what_is_not_there_is_said_so() {
    let door = Door::open(FakeNode::default()).await;
    let client = door.client("officer").await;
    let id = MessageId::new(1, [9; 10]);
    assert_eq!(code(client.get(id, None).await), Code::NotFound);
    assert_eq!(code(client.track(id).await), Code::NotFound);
    assert_eq!(client.acknowledge(&[id], None).await.unwrap(), 1);
}

#[tokio::test]
async fn a_place_of_another_life_of_the_ledger_is_refused_and_not_skipped_over() {
    let door = Door::open(FakeNode::with_messages(5)).await;
    let client = door.client("officer").await;
    let mut listening = client.subscribe(3, Filter::default());
    assert_eq!(listening.next().await.unwrap().next_index(), 4);
    let place = Place { index: 4, ledger: Some(LEDGER) };
    assert_eq!(listening.place(), place);
    assert_eq!(client.subscribe_at(place, Filter::default()).next().await.unwrap().next_index(), 5);

    let other = Some(Incarnation([9; 16]));
    let mut stale = client.subscribe_at(Place { ledger: other, ..place }, Filter::default());
    let error = stale.next().await.unwrap_err();
    assert!(!error.is_temporary());
    assert_eq!(code::<()>(Err(error)), Code::FailedPrecondition);
    // Nothing lies below 0.
    let mut again = client.subscribe_at(Place { index: 0, ledger: other }, Filter::default());
    assert_eq!(again.next().await.unwrap().next_index(), 1);
    assert_eq!(again.place().ledger, Some(LEDGER));
}

#[tokio::test]
async fn listening_goes_on_where_it_broke_off_when_the_node_was_restarted() {
    let door = Door::open(FakeNode::with_messages(3)).await;
    let mut listening = door.client("officer").await.subscribe(0, Filter::default());
    for expected in 0..3 {
        assert_eq!(listening.next().await.unwrap().next_index(), expected + 1);
    }
    assert_eq!(listening.next().await.unwrap(), Event::CaughtUp { next_index: 3 });
    let door = door.reopen().await;
    door.node.receive(Priority::Flash);
    let error = listening.next().await.unwrap_err();
    assert!(error.is_temporary(), "{error:?}");
    let mut next = listening.next().await;
    while next.as_ref().is_err_and(Error::is_temporary) {
        next = listening.next().await;
    }
    let Event::Message(shown) = next.unwrap() else { panic!("expected the message that came meanwhile") };
    assert_eq!(shown.index, 3);
}

#[tokio::test]
async fn publishing_goes_on_when_the_node_was_restarted_and_repeats_what_was_not_answered() {
    let door = Door::open(FakeNode::default()).await;
    let client = door.client("system").await;
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let messages = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let mut answers = Box::pin(client.publish(messages, Pace::default()));
    let mut waiting = outgoing(2).into_iter();
    sender.send(waiting.next().unwrap()).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap().sequence, 1);
    let door = door.reopen().await;
    sender.send(waiting.next().unwrap()).await.unwrap();
    drop(sender);
    assert_eq!(answers.next().await.unwrap().unwrap().sequence, 2);
    assert!(answers.next().await.is_none());
    assert_eq!(door.node.published(), 2);
}

#[tokio::test]
async fn a_message_without_a_key_is_not_repeated_blindly() {
    let door = Door::open(FakeNode::holding_answers()).await;
    let client = door.client("system").await;
    let message = Outgoing { key: None, draft: draft() };
    let mut answers = Box::pin(client.publish(stream::iter([message]), Pace::default()));
    let node = door.node.clone();
    let cut = async {
        node.wait_for(1).await;
        door.shutdown.begin();
    };
    let (answer, ()) = tokio::join!(answers.next(), cut);
    assert!(matches!(answer, Some(Err(Error::Unanswered { count: 1, .. }))), "{answer:?}");
}
