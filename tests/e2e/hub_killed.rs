//! A hub that ends by SIGKILL while messages pass it, and starts again on what it has on its disk.

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
