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
    for _ in 0..3 * calls::CALLS_MAX {
        // Without `open`: it waits for that.
        silent.push(hk.receive(stream::pending()).await.unwrap().into_inner());
    }
    for stream in &mut silent[..2 * calls::CALLS_MAX] {
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
