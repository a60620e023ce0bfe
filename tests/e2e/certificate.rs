//! Who is let in: by a certificate of the right root, for the right door.

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rustls::AlertDescription;
use sealpost_admin::issuer::{Purpose, Root};
use sealpost_client::Error;
use sealpost_crypto::tls::Credentials;
use sealpost_crypto::trust::RootHolder;
use sealpost_domain::identity::Identity;
use sealpost_domain::instant::{Instant, Period};

use crate::harness::{DE, HK, HUB, Network, eventually, shipment};

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
