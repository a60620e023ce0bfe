//! Who calls: what the certificate says, who publishes directories, and files at fault.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn control_frames_carry_the_agency_of_the_certificate() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    let frame = pb::ControlFrame {
        from: "TH-TCD".to_owned(),
        to: "DE-ZKA".to_owned(),
        r#type: pb::ControlType::Heads.into(),
        statement: Some(signed_message(&stage.network.genesis())),
    };
    let _sending = hk.control(stream::iter([frame.clone()]).chain(stream::pending())).await.unwrap();
    let mut told = de.control(stream::pending()).await.unwrap().into_inner();
    let relayed = within(told.message()).await.unwrap().unwrap();
    assert_eq!(relayed, pb::ControlFrame { from: "HK-CED".to_owned(), ..frame });
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_directory_reaches_the_nodes_and_decides_from_then_on() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let mut hk = stage.node(&hub, "HK-CED").await;
    let mut operator = stage.client(&hub, "hub", "operator/ops").await;
    let watching = pb::WatchDirectoryRequest { after_version: 0 };
    let mut updates = hk.watch_directory(watching).await.unwrap().into_inner();
    let first = within(updates.message()).await.unwrap().unwrap();
    assert_eq!(signed(first.directory.unwrap()).unwrap(), stage.network.genesis());
    assert_eq!(first.crls.len(), 4);
    assert_eq!(first.in_force.map(|in_force| in_force.version), Some(1));

    let genesis = sealpost_crypto::directory::verify(&stage.network.genesis(), None).unwrap();
    let second = stage.network.next_version(&genesis, &["HK-CED", "TH-TCD"]);
    let request = pb::PublishDirectoryRequest { directory: Some(signed_message(&second)), crls: vec![] };
    let refused = hk.publish_directory(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "a node is no operator");
    assert_eq!(operator.publish_directory(request.clone()).await.unwrap().into_inner().version, 2);
    let told = within(updates.message()).await.unwrap().unwrap();
    assert_eq!(signed(told.directory.unwrap()).unwrap(), second);
    let in_force = told.in_force.unwrap();
    assert_eq!(
        (in_force.version, in_force.digest),
        (2, bytes::Bytes::copy_from_slice(sha256(&second.payload).as_bytes()))
    );
    assert_eq!(operator.publish_directory(request).await.unwrap().into_inner().version, 2, "asked again");
    let older = Some(signed_message(&stage.network.genesis()));
    let older = pb::PublishDirectoryRequest { directory: older, crls: vec![] };
    let refused = operator.publish_directory(older).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "not the next version");

    let accepted = stage.submit(&mut hk, &[stage.routine(1)]).await;
    assert_eq!(accepted.refusals[0].rule, "agency.unknown", "Germany left");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_node_may_not_use_the_lanes_and_a_stopping_hub_says_so() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let mut operator = stage.client(&hub, "hub", "operator/ops").await;
    let refused = operator.submit(stream::pending()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let mut de = stage.node(&hub, "DE-ZKA").await;
    let mut inbox = Inbox::open(&mut de, Priority::Routine, None, 1).await;
    let mut submitting = de.submit(stream::pending()).await.unwrap().into_inner();
    hub.shutdown.begin();
    let soon = |drain: &pb::Drain| drain.reconnect_after_ms <= 250;
    let told = inbox.next().await;
    assert!(matches!(&told, pb::receive_response::Event::Drain(drain) if soon(drain)), "{told:?}");
    let answer = within(submitting.message()).await.unwrap().unwrap();
    assert!(
        matches!(&answer.event, Some(pb::submit_response::Event::Drain(drain)) if soon(drain)),
        "{answer:?}"
    );
    drop((inbox, submitting, de, operator));
    within(hub.task).await.unwrap().unwrap();
}

#[tokio::test]
async fn faults_of_the_files_are_told_by_their_key() {
    let stage = Stage::new();
    run::check(&stage.config()).unwrap();
    let break_file = |name: &str| std::fs::write(stage.folder.path().join(name), b"nonsense").unwrap();
    break_file("directory.bin");
    let error = run::check(&stage.config()).unwrap_err();
    assert!(error.is_configuration() && error.to_string().starts_with("[directory] genesis: "), "{error}");
    std::fs::remove_file(Path::new(stage.folder.path()).join("signing.pem")).unwrap();
    let error = run::check(&stage.config()).unwrap_err();
    assert!(error.to_string().starts_with("[keys] signing: "), "{error}");
}
