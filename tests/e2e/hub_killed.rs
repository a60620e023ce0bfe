//! A hub that ends by SIGKILL while messages pass it, and starts again on what it has on its disk, or without.

use std::fs;

use sealpost_domain::view::DeliveryState;

use crate::harness::{DE, HK, HUB, Network, TH, ids, shipments};

#[tokio::test(flavor = "multi_thread")]
async fn of_a_hundred_messages_each_comes_once_though_the_hub_is_killed_among_them() {
    let mut network = Network::start("hub-killed").await;
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);

    let first = ids(&hk.send_all("first", shipments(&[DE, TH], 0..50)).await);
    de.has_received_at_least(10).await;
    network.kill(HUB);
    let second = ids(&hk.send_all("second", shipments(&[DE, TH], 50..100)).await);
    network.run(HUB).await;
    de.has_received_at_least(60).await;
    network.kill(HUB);
    network.run(HUB).await;

    let all = [first, second].concat();
    de.receives_exactly(&all).await;
    th.receives_exactly(&all).await;
    hk.are_delivered(&all).await;
    // Nothing that was sent again meanwhile shows a second time.
    de.receives_exactly(&all).await;
    th.receives_exactly(&all).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_lost_its_disk_loses_no_message() {
    let mut network = Network::start("hub-lost").await;
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let before = ids(&hk.send_all("before", shipments(&[DE, TH], 0..4)).await);
    hk.are_delivered(&before).await;

    // Accepted by a hub that then is gone for good, before Thailand had them.
    assert_eq!(network.terminate(TH).await.code(), Some(0));
    let meanwhile = ids(&hk.send_all("meanwhile", shipments(&[DE, TH], 4..12)).await);
    for message in &meanwhile {
        hk.reaches(*message, TH, DeliveryState::Accepted).await;
    }
    network.kill(HUB);
    network.change_journal(|journal| fs::remove_dir_all(journal).unwrap());

    network.run(HUB).await;
    network.run(TH).await;
    let all = [before, meanwhile].concat();
    network.desk(TH).await.receives_exactly(&all).await;
    hk.are_delivered(&all).await;
    de.receives_exactly(&all).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}
