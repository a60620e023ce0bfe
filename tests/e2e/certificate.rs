//! Who is let in: by a certificate of the right root, for the right door.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rustls::AlertDescription;
use rustls::time_provider::DefaultTimeProvider;
use sealpost_admin::issuer::{Purpose, Root};
use sealpost_client::Error;
use sealpost_crypto::peer::{Admission, Admitted};
use sealpost_crypto::tls::{Credentials, Endpoint};
use sealpost_crypto::trust::RootHolder;
use sealpost_domain::identity::{Identity, Role};
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_ledger::History;
use sealpost_seglog::disk::{Disk, Real};
use sealpost_server::acceptor::{Acceptor, Limits, Peers, Protocols};
use sealpost_server::serve::Server;
use sealpost_server::shutdown::Shutdown;
use sealpost_wire::ledger::evidence_from_bytes;
use serde_json::Value;

use crate::harness::{DE, HK, HUB, Network, eventually, set, shipment};

/// Always.
const PERIOD: Period = Period { from: Instant::from_millis(0), until: None };

/// What the peer told, that refused us.
fn alert<T>(dialled: Result<T, Error>) -> AlertDescription {
    match dialled {
        Ok(_) => panic!("let in"),
        Err(Error::Refused { reason, .. }) => reason.alert(),
        Err(error) => panic!("refused otherwise than by the certificate: {error}"),
    }
}

fn first(holder: &[sealpost_admin::network::Holder]) -> Credentials {
    Credentials::read(&holder[0].certificate, &holder[0].key).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_for_hong_kong_from_germanys_root_is_refused_by_the_hub() {
    let mut network = Network::make("wrong-root");
    network.run(HUB).await;
    let holder = RootHolder::Jurisdiction("DE".parse().unwrap());
    let (certificate, key) = network.root_files("DE");
    let germany = Root::read(holder, &certificate, &key).unwrap();
    let genuine = network.node_credentials(HK);
    let identity: Identity = genuine.identity().clone();
    let issued = germany.issue(identity, Purpose::Both, PERIOD, &mut UnwrapErr(SysRng)).unwrap();
    let stolen = Credentials::new(vec![issued.certificate], &issued.key).unwrap();
    assert_eq!(stolen.identity(), genuine.identity());

    assert_eq!(alert(network.dial_hub(stolen).await), AlertDescription::UnknownCA);
    eventually("the hub's log names the jurisdiction at fault", async || {
        let log = network.log(HUB);
        if log.contains("signed by the root of DE, only the root of HK may do that") {
            Ok(())
        } else {
            Err(log)
        }
    })
    .await;
    network.dial_hub(genuine).await.unwrap();
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_and_nodes_are_let_in_at_their_own_doors_alone() {
    let mut network = Network::make("doors");
    network.run(HUB).await;
    network.run(HK).await;
    let officer = |agency: &str| first(&network.agency(agency).officers);
    network.dial_gateway(HK, officer(HK)).await.unwrap();
    assert_eq!(alert(network.dial_gateway(HK, officer(DE)).await), AlertDescription::AccessDenied);
    let other_node = network.node_credentials(DE);
    assert_eq!(alert(network.dial_gateway(HK, other_node).await), AlertDescription::AccessDenied);
    assert_eq!(alert(network.dial_hub(officer(HK)).await), AlertDescription::AccessDenied);

    // An auditor is let in, and may not send.
    let auditor = first(&network.agency(HK).auditors);
    let connection = network.dial_gateway(HK, auditor).await.unwrap();
    let gateway = sealpost_client::gateway::Gateway::over(connection);
    let draft = shipment(&[DE], "FLASH", "by an auditor");
    let message = sealpost_client::gateway::Outgoing { key: None, draft };
    let answers =
        gateway.publish(futures::stream::iter([message]), sealpost_client::gateway::Pace::default());
    let answer = futures::StreamExt::next(&mut std::pin::pin!(answers)).await.unwrap();
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("caller.role"), "{error}");

    // Whoever was refused at the gateway is on the record there, once.
    let again = network.dial_gateway(HK, officer(DE)).await;
    assert_eq!(alert(again), AlertDescription::AccessDenied);
    eventually("both who came to the wrong gateway are recorded", async || {
        let log = network.log(HK);
        if log.matches("peer.refused: ").count() >= 2 { Ok(()) } else { Err(log) }
    })
    .await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let events = refused_peers(&network, HK);
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[0].contains("DE/ZKA/officer/"), "{events:?}");
    assert!(events[1].contains("DE/ZKA/node/"), "{events:?}");
    is_listed(&network, &events).await;
    network.assert_ledger_sound(HK).await;
    network.end().await;
}

/// The command lists these refusals of Hong Kong's node, each by itself, and nothing that is not asked for.
async fn is_listed(network: &Network, details: &[String]) {
    let told = async |arguments: &[&str]| {
        let ended = network.ledger(HK, &[&["events"], arguments].concat()).await;
        assert_eq!(ended.code(), Some(0), "{arguments:?}: {}", ended.log);
        ended.stdout
    };
    let all = told(&[]).await;
    let lines: Vec<&str> = all.lines().collect();
    assert_eq!(lines.len(), 2, "{all}");
    for (line, detail) in lines.iter().zip(details) {
        assert!(line.contains(" peer.refused - ") && line.ends_with(detail.as_str()), "{line}");
    }
    let documents = told(&["--kind", "peer", "--since", "2026-01-01", "--output", "json"]).await;
    let documents: Vec<Value> = documents.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let shown: Vec<_> = documents.iter().map(|event| event["detail"].as_str().unwrap()).collect();
    assert_eq!(shown, details);
    assert!(documents.iter().all(|event| event["kind"] == "peer.refused" && event["peer"].is_null()));
    let second = documents[1]["recorded_at"].as_str().unwrap();
    assert!(told(&["--since", second]).await.ends_with(&format!("{}\n", details[1])), "from that moment on");
    for nothing in [["--kind", "directory.fork"], ["--since", "9000-01-01"]] {
        assert_eq!(told(&nothing).await, "", "{nothing:?}");
    }
    let mistyped = network.ledger(HK, &["events", "--kind", "peer.refuse"]).await;
    assert!(mistyped.code() == Some(2) && mistyped.log.contains("docs/rules.md"), "{}", mistyped.log);
}

/// What an agency's ledger records of who was refused.
fn refused_peers(network: &Network, agency: &str) -> Vec<String> {
    let (disk, folder): (Arc<dyn Disk>, _) =
        (Arc::new(Real), network.node_folder(agency).join("data/ledger"));
    let (history, _) = History::open(&disk, &folder, 0).unwrap();
    let entries = history.scan(0).map(Result::unwrap);
    let refused = entries.filter(|entry| {
        matches!(&entry.leaf.record, Record::Security { rule, .. } if Rule::PeerRefused == *rule.as_str())
    });
    refused.map(|entry| evidence_from_bytes(&entry.body).unwrap().detail).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_the_hub_gets_no_mail_and_is_on_the_record_of_the_node_that_dialled() {
    let mut network = Network::make("impostor");
    // On the hub's address somebody answers with the certificate of Germany's node.
    let impostor = network.node_credentials(DE);
    let trust = network.trust();
    let admission = Admission::new([Admitted::AnyAgency(Role::Node)]);
    let endpoint = Endpoint::new(impostor, trust, admission, Arc::new(DefaultTimeProvider));
    let limits = Limits {
        connections_max: 8,
        per_peer_max: 8,
        peers: Peers::Identities,
        handshakes_max: 8,
        per_address_max: 8,
        handshake_timeout: Duration::from_secs(5),
    };
    let address = network.hub_address().parse().unwrap();
    let acceptor = Acceptor::bind(address, endpoint, limits, Protocols::Http2).await.unwrap();
    let shutdown = Shutdown::new(Duration::from_millis(100));
    let stop = shutdown.clone();
    let serving = tokio::spawn(async move { Server::new(acceptor).serve(&stop).await });

    network.run(HK).await;
    let sent = network.desk(HK).await.send(shipment(&[DE], "FLASH", "for the hub alone")).await.id;
    eventually("the impostor is recorded", async || {
        let log = network.log(HK);
        if log.contains("peer.refused: ") { Ok(()) } else { Err(log) }
    })
    .await;
    shutdown.begin();
    serving.await.unwrap().unwrap();
    // When the hub is back, the mail goes out.
    for program in [HUB, DE] {
        network.run(program).await;
    }
    network.desk(DE).await.receives_exactly(&[sent]).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let events = refused_peers(&network, HK);
    assert_eq!(events.len(), 1, "once, however often it dialled: {events:?}");
    assert!(events[0].contains("DE/ZKA/node/") && events[0].contains("only the hub"), "{events:?}");
    network.assert_ledger_sound(HK).await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_demands_post_quantum_key_exchange_works() {
    let mut network = Network::make("post-quantum");
    let demand =
        |config: &Path| set(config, "\n# require_post_quantum = false\n", "\nrequire_post_quantum = true\n");
    demand(&network.folder().join("hub/hub.toml"));
    demand(&network.agency(HK).config.clone());
    for program in [HUB, HK, DE] {
        network.run(program).await;
    }
    let sent = network.desk(HK).await.send(shipment(&[DE], "FLASH", "kept secret for long")).await.id;
    network.desk(DE).await.receives_exactly(&[sent]).await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_of_the_same_name_with_other_roots_is_refused() {
    let mut network = Network::make("ours");
    let theirs = Network::make("theirs");
    network.run(HUB).await;
    let impostor = theirs.node_credentials(HK);
    assert_eq!(impostor.identity(), network.node_credentials(HK).identity());
    assert_eq!(alert(network.dial_hub(impostor).await), AlertDescription::UnknownCA);
    network.end().await;
}
