//! Agencies that the directory stops, or does not list any more, while they are connected.

use sealpost_domain::statement::Signed;

use super::*;

/// What ends a stream.
async fn end_of<T>(stream: &mut Streaming<T>) -> Status {
    loop {
        match within(stream.message()).await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a reason"),
            Err(status) => return status,
        }
    }
}

/// Germany is connected in every way while this version is published.
async fn is_cut_off(stage: &Stage, version: Signed, why: &str) {
    let hub = stage.start().await;
    let (mut de, mut hk) = (stage.node(&hub, "DE-ZKA").await, stage.node(&hub, "HK-CED").await);
    let watching = pb::WatchDirectoryRequest { after_version: 1 };
    let mut inbox = Inbox::open(&mut de, Priority::Urgent, None, 1).await;
    let mut control = de.control(stream::pending()).await.unwrap().into_inner();
    let mut submitting = de.submit(stream::pending()).await.unwrap().into_inner();
    let mut watched = de.watch_directory(watching).await.unwrap().into_inner();
    let mut others = hk.watch_directory(watching).await.unwrap().into_inner();
    let mut other_inbox = Inbox::open(&mut hk, Priority::Routine, None, 1).await;

    let mut operator = stage.client(&hub, "hub", "operator/ops").await;
    let request = pb::PublishDirectoryRequest { directory: Some(signed_message(&version)), crls: vec![] };
    operator.publish_directory(request).await.unwrap();
    let ends = [
        end_of(&mut inbox.told).await,
        end_of(&mut control).await,
        end_of(&mut submitting).await,
        end_of(&mut watched).await,
    ];
    for end in &ends {
        assert_eq!((end.code(), end.message().contains(why)), (Code::PermissionDenied, true), "{end}");
    }
    let refused = [
        de.receive(stream::pending()).await.map(drop),
        de.control(stream::pending()).await.map(drop),
        de.submit(stream::pending()).await.map(drop),
        de.watch_directory(watching).await.map(drop),
    ];
    assert_eq!(refused.map(|refused| refused.unwrap_err().code()), [Code::PermissionDenied; 4]);

    // Nobody else is.
    let mut told = within(others.message()).await.unwrap().unwrap();
    while told.directory.is_none() {
        told = within(others.message()).await.unwrap().unwrap();
    }
    assert_eq!(signed(told.directory.unwrap()).unwrap(), version);
    hub.shutdown.begin();
    assert!(matches!(other_inbox.next().await, pb::receive_response::Event::Drain(_)));
    drop((inbox, other_inbox, control, submitting, watched, others, de, hk, operator));
    within(hub.task).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_whose_keys_are_all_revoked_is_cut_off_at_once_and_stays_out() {
    let stage = Stage::new();
    let genesis = sealpost_crypto::directory::verify(&stage.network.genesis(), None).unwrap();
    let stops = stage.network.stopping(&genesis, "DE-ZKA");
    is_cut_off(&stage, stops, "has revoked every key of DE-ZKA's node").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_that_left_the_directory_is_cut_off_at_once() {
    let stage = Stage::new();
    let genesis = sealpost_crypto::directory::verify(&stage.network.genesis(), None).unwrap();
    let without = stage.network.next_version(&genesis, &["HK-CED", "TH-TCD"]);
    is_cut_off(&stage, without, "does not list DE-ZKA").await;
}
