//! A message on its way, step by step: each program is started when its step is due.

use sealpost_domain::message::Priority;
use sealpost_domain::view::{DeliveryState, Direction, Shown};

use crate::harness::{DE, HK, HUB, Network, TH, ids, shipment, shipments};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_delivered_once_and_its_sender_sees_every_state() {
    let mut network = Network::make("delivered");
    network.run(HK).await;
    let hk = network.desk(HK).await;
    let draft = shipment(&[DE, TH], "FLASH", "seen once");
    let message = hk.send(draft.clone()).await.id;
    for recipient in [DE, TH] {
        assert_eq!(hk.state(message, recipient).await, Ok(DeliveryState::Published));
    }

    network.run(HUB).await;
    hk.reaches(message, DE, DeliveryState::Accepted).await;
    hk.reaches(message, TH, DeliveryState::Accepted).await;

    network.run(DE).await;
    hk.reaches(message, DE, DeliveryState::Delivered).await;
    assert_eq!(hk.state(message, TH).await, Ok(DeliveryState::Accepted));
    network.run(TH).await;
    hk.reaches(message, TH, DeliveryState::Delivered).await;

    let de = network.desk(DE).await;
    let received = de.receives_exactly(&[message]).await.remove(0);
    assert_eq!(received.sender.as_str(), HK);
    assert_eq!(received.alert.as_ref(), Some(draft.alert()));
    assert_eq!(received.verification.link_number, 1);
    assert_eq!(received.verification.agreement, "STORY-HK-DE");
    assert!(!received.read && !received.gap_before);

    assert_eq!(de.gateway().acknowledge(&[message], None).await.unwrap(), 1);
    hk.reaches(message, DE, DeliveryState::Read).await;
    assert_eq!(hk.state(message, TH).await, Ok(DeliveryState::Delivered));
    assert!(de.receives_exactly(&[message]).await[0].read);

    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_every_priority_come_once_to_whom_they_are_for() {
    let network = Network::start("everyone").await;
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);
    let (to_both, to_germany, from_germany) = tokio::join!(
        hk.send_all("both", shipments(&[DE, TH], 0..12)),
        hk.send_all("germany", shipments(&[DE], 12..24)),
        de.send_all("reply", shipments(&[HK], 24..36)),
    );
    let (to_both, to_germany, from_germany) = (ids(&to_both), ids(&to_germany), ids(&from_germany));
    hk.receives_exactly(&from_germany).await;
    de.receives_exactly(&[to_both.clone(), to_germany.clone()].concat()).await;
    th.receives_exactly(&to_both).await;
    hk.are_delivered(&to_both).await;
    hk.are_delivered(&to_germany).await;
    de.are_delivered(&from_germany).await;

    // What each sender keeps of its own is what it sent, in that order, but that FLASH may have overtaken others.
    let mut kept = de.messages(Direction::Sent).await.unwrap();
    let handed_in = |id| from_germany.iter().position(|sent| *sent == id);
    let is_flash = |shown: &Shown| shown.priority == Priority::Flash;
    let places = |flash| {
        let lane = kept.iter().filter(|shown| is_flash(shown) == flash);
        lane.map(|shown| handed_in(shown.id)).collect::<Vec<_>>()
    };
    assert!(places(true).is_sorted() && places(false).is_sorted(), "{:?}, {:?}", places(true), places(false));
    kept.sort_by_key(|shown| handed_in(shown.id));
    assert_eq!(kept.iter().map(|shown| shown.id).collect::<Vec<_>>(), from_germany);
    network.assert_ledgers_sound().await;
    network.end().await;
}
