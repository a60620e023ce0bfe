//! Who goes on too fast, has too much waiting, or too many streams: told so, and nobody else is concerned.

use sealpost_wire::status::retry_after;

use super::*;
use crate::rates::Rate;

/// More than a burst and what is slowed down, at one envelope a second.
const TOO_MANY: u8 = 40;

async fn refused(node: &mut HubClient<Channel>, envelopes: &[Envelope]) -> Status {
    let batch = pb::SubmitRequest { batch: 1, envelopes: envelopes.iter().map(envelope_message).collect() };
    let mut answers = node.submit(stream::iter([batch])).await.unwrap().into_inner();
    within(answers.message()).await.unwrap_err()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_too_fast_is_told_when_to_come_back_and_flash_and_all_others_go_on() {
    let stage = Stage::of(Network::of_friends());
    let mut config = stage.config();
    let slow = Rate { items: 1, bytes: 1 << 30 };
    (config.limits.mail, config.limits.flash) = (slow, slow);
    let hub = stage.start_as(&config).await;
    let (mut hk, mut th) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "TH-TCD").await);
    let of = |sender: &str, priority, seed| stage.network.envelope(sender, &["DE-ZKA"], priority, seed);
    let flood: Vec<_> = (1..=TOO_MANY).map(|seed| of("HK-CED", Priority::Routine, seed)).collect();
    assert_eq!(stage.submit(&mut hk, &flood).await.refusals, [], "a burst, and what is charged after it");

    let more = of("HK-CED", Priority::Routine, 99);
    let status = refused(&mut hk, std::slice::from_ref(&more)).await;
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    let hint = retry_after(&status).unwrap();
    assert!(hint > Duration::ZERO && hint <= Duration::from_secs(TOO_MANY.into()), "{hint:?}");

    let flash = of("HK-CED", Priority::Flash, 100);
    assert_eq!(stage.submit(&mut hk, std::slice::from_ref(&flash)).await.refusals, []);
    let theirs = of("TH-TCD", Priority::Routine, 101);
    assert_eq!(stage.submit(&mut th, std::slice::from_ref(&theirs)).await.refusals, []);
    let mut de = stage.node(&hub, "DE-ZKA").await;
    let mut inbox = Inbox::open(&mut de, Priority::Routine, None, 100).await;
    let came = headers(&inbox.deliveries(flood.len() + 1).await);
    assert_eq!(came.last(), Some(&theirs.header), "what was refused was not taken");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_of_one_sender_is_bounded_until_it_is_fetched_and_bars_no_other_mail() {
    let stage = Stage::of(Network::of_friends());
    let mut config = stage.config();
    config.limits.sender_bytes = 1;
    let hub = stage.start_as(&config).await;
    let (mut hk, mut th) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "TH-TCD").await);
    let of = |sender: &str, to: &[&str], seed| stage.network.envelope(sender, to, Priority::Routine, seed);
    let told = |accepted: &Accepted| {
        let told = |refusal: &HubRefusal| (refusal.position, refusal.recipient.clone(), refusal.rule.clone());
        accepted.refusals.iter().map(told).collect::<Vec<_>>()
    };
    let full = |position| (position, Some(agency("DE-ZKA")), "sender.full".to_owned());
    let mail = [of("HK-CED", &["DE-ZKA"], 1), of("HK-CED", &["DE-ZKA", "TH-TCD"], 2)];
    assert_eq!(told(&stage.submit(&mut hk, &mail).await), [full(1)], "Thailand fetches its mail");
    assert_eq!(told(&stage.submit(&mut th, &[of("TH-TCD", &["DE-ZKA"], 3)]).await), [], "another sender");
    hub.stop().await;

    let hub = stage.start_as(&config).await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    assert_eq!(told(&stage.submit(&mut hk, &mail[1..]).await)[0], full(0), "a restart forgets nothing");
    let mut inbox = Inbox::open(&mut de, Priority::Routine, None, 10).await;
    let waiting = inbox.deliveries(2).await;
    inbox.acknowledge(waiting[1].index).await;
    // Until the settlement is applied there is no room.
    let mut accepted = stage.submit(&mut hk, &mail[1..]).await;
    while told(&accepted).contains(&full(0)) {
        accepted = stage.submit(&mut hk, &mail[1..]).await;
    }
    assert_eq!(headers(&inbox.deliveries(1).await), [header(&mail[1])]);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agency_has_a_few_streams_of_a_kind_and_the_newest_of_them_work() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let mut hk = stage.node(&hub, "HK-CED").await;
    let mut silent = Vec::new();
    let most = Method::Receive.most();
    for _ in 0..3 * most {
        // Without `open`: it waits for that.
        silent.push(hk.receive(stream::pending()).await.unwrap().into_inner());
    }
    for stream in &mut silent[..2 * most] {
        assert_eq!(within(stream.message()).await.unwrap_err().code(), Code::Aborted);
    }
    let mut de = stage.node(&hub, "DE-ZKA").await;
    let mut inbox = Inbox::open(&mut de, Priority::Routine, None, 10).await;
    let envelope = stage.routine(1);
    stage.submit(&mut hk, std::slice::from_ref(&envelope)).await;
    assert_eq!(headers(&inbox.deliveries(1).await), [envelope.header]);
    drop((silent, inbox));
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flash_beside_other_mail_in_one_batch_is_refused_with_what_to_do() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let mut hk = stage.node(&hub, "HK-CED").await;
    let flash = stage.network.envelope("HK-CED", &["DE-ZKA"], Priority::Flash, 1);
    for mixed in [[stage.routine(2), flash.clone()], [flash.clone(), stage.routine(2)]] {
        let status = refused(&mut hk, &mixed).await;
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains("FLASH in batches of its own"), "{status}");
    }
    let mut unreadable = stage.routine(3);
    unreadable.header = bytes::Bytes::from_static(b"\xff");
    let accepted = stage.submit(&mut hk, &[flash, unreadable]).await;
    assert_eq!(accepted.refusals.len(), 1, "what cannot be read is of no kind: {:?}", accepted.refusals);
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_streams_is_paid_for_and_refused_above_the_budget() {
    let stage = Stage::new();
    let mut config = stage.config();
    config.limits.control = Rate { items: 1, bytes: 1 << 30 };
    let hub = stage.start_as(&config).await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    let mut opening = stream::iter(0..TOO_MANY).map(|_| {
        let mut hk = hk.clone();
        async move { hk.control(stream::pending()).await.map(drop) }
    });
    let mut opening = opening.by_ref().buffer_unordered(TOO_MANY.into());
    let refused = loop {
        if let Err(status) = within(opening.next()).await.expect("one is refused") {
            break status;
        }
    };
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    assert!(retry_after(&refused).unwrap() > Duration::ZERO);
    drop(opening);
    let envelope = stage.network.envelope("DE-ZKA", &["HK-CED"], Priority::Routine, 1);
    stage.submit(&mut de, &[envelope]).await;
    hk.watch_directory(pb::WatchDirectoryRequest { after_version: 0 }).await.unwrap_err();
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_is_refused_is_dropped_and_its_stream_goes_on() {
    let stage = Stage::new();
    let hub = stage.start().await;
    let (mut hk, mut de) = (stage.node(&hub, "HK-CED").await, stage.node(&hub, "DE-ZKA").await);
    let frame = |kind: i32| pb::ControlFrame {
        from: String::new(),
        to: "DE-ZKA".to_owned(),
        r#type: kind,
        statement: Some(signed_message(&stage.network.genesis())),
    };
    let unreadable = [frame(999), pb::ControlFrame { statement: None, ..frame(1) }];
    let readable = frame(pb::ControlType::Void.into());
    let frames = stream::iter(unreadable.into_iter().chain([readable.clone()])).chain(stream::pending());
    let mut told = de.control(stream::pending()).await.unwrap().into_inner();
    let mut answers = hk.control(frames).await.unwrap().into_inner();
    let relayed = tokio::select! {
        relayed = within(told.message()) => relayed.unwrap().unwrap(),
        ended = answers.message() => panic!("the stream ended: {ended:?}"),
    };
    assert_eq!(relayed.r#type, readable.r#type);
    hub.stop().await;
}
