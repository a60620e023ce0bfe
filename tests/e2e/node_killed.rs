//! A node that ends by SIGKILL while messages leave it or come to it, and starts again on what it has on its disk.

use sealpost_domain::view::Direction;

use crate::harness::{DE, HK, Network, TH, ids, shipments};

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_that_is_killed_while_it_publishes_loses_and_doubles_nothing() {
    let mut network = Network::start("sender-killed").await;
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);

    // The agency's system goes on by itself when the node is back: it hands in again what was not answered.
    let sending = hk.send_all("all", shipments(&[DE, TH], 0..100));
    let (sent, ()) = tokio::join!(sending, async {
        de.has_received_at_least(1).await;
        network.kill(HK);
        network.run(HK).await;
    });
    let sent = ids(&sent);

    de.receives_exactly(&sent).await;
    th.receives_exactly(&sent).await;
    hk.are_delivered(&sent).await;
    assert_eq!(hk.messages(Direction::Sent).await.unwrap().len(), sent.len());
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_leaves_a_node_that_is_killed_right_after_it_answered() {
    let mut network = Network::start("killed-after-answer").await;
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);
    let sent = ids(&hk.send_all("all", shipments(&[DE, TH], 0..40)).await);
    network.kill(HK);
    network.run(HK).await;
    de.receives_exactly(&sent).await;
    th.receives_exactly(&sent).await;
    hk.are_delivered(&sent).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_is_killed_while_it_receives_loses_and_doubles_nothing() {
    let mut network = Network::start("recipient-killed").await;
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);
    let first = ids(&hk.send_all("first", shipments(&[DE, TH], 0..50)).await);
    de.has_received_at_least(1).await;
    network.kill(DE);
    let second = ids(&hk.send_all("second", shipments(&[DE, TH], 50..100)).await);
    let all = [first, second].concat();
    // Nobody waits for Germany.
    th.receives_exactly(&all).await;

    network.run(DE).await;
    de.receives_exactly(&all).await;
    hk.are_delivered(&all).await;
    de.receives_exactly(&all).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}
