//! Certificates for real: the commands of certs/README.md, run to the letter; renewed while messages flow, and the old ones
//! revoked under connections that live.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use sealpost_client::{Connection, Error};
use tokio::time::Instant;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::harness::{
    DE, HK, HUB, Network, TH, done, eventually, ids, run, scripts, shipments, succeeded, table, told,
};

const PAGE: &str = include_str!("../../certs/README.md");

/// The page promises a second. More is allowed here, since making the list is counted too and other tests run beside this.
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn the_commands_for_development_make_a_network() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    symlink(concat!(env!("CARGO_MANIFEST_DIR"), "/../certs"), folder.path().join("certs")).unwrap();
    let scripts = scripts(PAGE);
    let (heading, script) = scripts[0];
    assert_eq!(heading, "For development");
    let printed = succeeded(script, run(folder.path(), script));
    for expected in ["Network sample.sealpost is in net", "root of HK in sample.sealpost", "list of  HK"] {
        assert!(printed.contains(expected), "{expected} in\n{printed}");
    }
}

/// Runs the scripts below a heading, each of which has to succeed; how many there are.
fn section(network: &Network, table: &Path, wanted: &str) -> usize {
    let found = scripts(PAGE).into_iter().filter(|(heading, _)| *heading == wanted);
    let printed: Vec<String> = found.map(|(_, script)| done(network, table, script)).collect();
    printed.len()
}

async fn tells(network: &Network, program: &str, text: &str) {
    eventually(&format!("{program} tells: {text}"), async || {
        let log = network.log(program);
        if log.contains(text) { Ok(()) } else { Err(log) }
    })
    .await;
}

/// Asks over a connection whether the hub serves.
async fn ask(connection: &Connection) -> Result<(), Error> {
    let request = HealthCheckRequest { service: String::new() };
    let answer = HealthClient::new(connection.channel()).check(request).await;
    answer.map(drop).map_err(|status| connection.explain(status))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_renewed_while_messages_flow_and_the_old_one_ends_with_its_connections() {
    let network = Network::start("renewal").await;
    let table = table(&network);
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let old = network.dial_hub(network.node_credentials(HK)).await.unwrap();
    let sender = hk.clone();
    let sending = tokio::spawn(async move { ids(&sender.send_all("flow", shipments(&[DE], 0..200)).await) });
    de.has_received_at_least(1).await;

    let mut count = 1; // The first is for development.
    for heading in ["A root", "A certificate", "Renewal"] {
        count += section(&network, &table, heading);
    }
    tells(&network, HK, "certificate renewed").await;
    ask(&old).await.expect("what lives goes on");
    assert!(!network.log(HUB).contains("connection closed"));

    // What the page says of a certificate that does not fit.
    let certificate = network.node_folder(HK).join("certificate.pem");
    let good = fs::read(&certificate).unwrap();
    fs::copy(network.node_folder(DE).join("certificate.pem"), &certificate).unwrap();
    tells(&network, HK, "certificate not renewed").await;
    fs::write(&certificate, good).unwrap();

    let begun = Instant::now();
    count += section(&network, &table, "Revocation lists");
    tells(&network, HUB, "connection closed").await;
    let took = begun.elapsed();
    assert!(took < PATIENCE, "closed after {took:?}");
    let mut error = ask(&old).await.expect_err("the old certificate is let in");
    // What was closed is told first; the channel then dials again by itself.
    while matches!(error, Error::Lost { .. }) {
        error = ask(&old).await.expect_err("the old certificate is let in");
    }
    assert!(told(&error).contains("revoked"), "{}", told(&error));

    count += section(&network, &table, "A key that is lost or stolen");
    assert_eq!(count, scripts(PAGE).len(), "a script of the page is not run");
    let sent = sending.await.unwrap();
    let after = ids(&hk.send_all("after", shipments(&[DE], 200..210)).await);
    let all = [sent, after].concat();
    hk.are_delivered(&all).await;
    de.receives_exactly(&all).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_leave_a_hub_whose_certificate_is_revoked_and_come_back_to_its_next_one() {
    let network = Network::start("hub-renewal").await;
    let table = table(&network);
    let (hk, th) = (network.desk(HK).await, network.desk(TH).await);
    let renews = "
cp net/hub/certificate.pem hub-1.pem
sealpost-admin csr new --key net/hub/key.pem --identity spiffe://sample.sealpost/hub/main --out hub.csr
sealpost-admin csr sign hub.csr --root net/roots/operator.pem --root-key net/roots/operator.key.pem --days 30 --out hub-2.pem
sealpost-admin crl revoke net/crls/operator.crl --certificate hub-1.pem --days 30 --out operator-2.crl \\
    --root net/roots/operator.pem --root-key net/roots/operator.key.pem";
    done(&network, &table, renews);
    // The list first: no node talks to that hub any more.
    done(&network, &table, "cp operator-2.crl net/crls/operator.crl");
    for agency in [HK, DE, TH] {
        tells(&network, agency, "the certificate of spiffe://stories.sealpost/hub/main is revoked").await;
    }
    let meanwhile = ids(&hk.send_all("meanwhile", shipments(&[TH], 0..5)).await);
    done(&network, &table, "cp hub-2.pem net/hub/certificate.pem");
    tells(&network, HUB, "certificate renewed").await;
    hk.are_delivered(&meanwhile).await;
    th.receives_exactly(&meanwhile).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}
