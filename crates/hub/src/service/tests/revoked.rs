//! Who is revoked while connected.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_published_revocation_list_ends_the_live_calls_of_who_is_on_it_within_a_second() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let root = &stage.network.roots["DE"];
    let issued = root.issue(&format!("spiffe://{NETWORK}/DE/ZKA/node/main"));
    let roots: Vec<_> = stage.network.roots.values().collect();
    let endpoint = issued.endpoint(&Trust::new(trust(&roots)), [Admitted::Hub]);
    let connection = connect(&hub.address, &endpoint, PATIENCE).await.unwrap();
    let mut revoked = HubClient::new(connection.channel());
    let mut live = Inbox::open(&mut revoked, Priority::Urgent, None, 1).await;
    let mut kept = stage.node(&hub, "HK-CED").await;
    let mut other = Inbox::open(&mut kept, Priority::Urgent, None, 1).await;
    let mut operator = stage.client(&hub, "hub", "operator/ops").await;

    let crls =
        vec![bytes::Bytes::from(root.crl_between(&[&issued], NOW.plus(Duration::from_secs(1)), LATER))];
    let directory = Some(signed_message(&stage.network.genesis()));
    let request = pb::PublishDirectoryRequest { directory, crls };
    operator.publish_directory(request).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(1), live.told.message()).await;
    ended.expect("its stream is cut within a second").unwrap_err();
    let refused = connect(&hub.address, &endpoint, PATIENCE).await.unwrap_err();
    assert!(refused.to_string().ends_with("it is revoked"), "{refused}");

    let envelope = stage.network.envelope("DE-ZKA", &["HK-CED"], Priority::Urgent, 1);
    let mut standby = stage.node(&hub, "DE-ZKA").await;
    stage.submit(&mut standby, std::slice::from_ref(&envelope)).await;
    assert_eq!(headers(&other.deliveries(1).await), [envelope.header], "nobody else is cut");
    hub.stop().await;
}

const LATER: Instant = Instant::from_millis(NOW.as_millis() + 100_000_000_000);
