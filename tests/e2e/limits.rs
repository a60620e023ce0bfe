//! A hub with small budgets: senders are slowed down and told to wait, and nothing is lost.

use crate::harness::{DE, HK, HUB, Network, TH, ids, set, shipment, shipments};

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_above_its_budget_waits_as_told_and_loses_nothing_while_flash_and_others_go_on() {
    let mut network = Network::make("limits");
    let config = network.folder().join("hub/hub.toml");
    set(&config, "# envelopes_per_second = 2000", "envelopes_per_second = 1");
    for program in [HUB, HK, DE, TH] {
        network.run(program).await;
    }
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);
    let backlog = ids(&hk.send_all("backlog", shipments(&[DE], 0..60)).await);
    let flash = hk.send(shipment(&[DE], "FLASH", "overtakes the backlog")).await;
    hk.are_delivered(&[flash.id]).await;
    let theirs = ids(&th.send_all("theirs", shipments(&[HK], 0..3)).await);
    th.are_delivered(&theirs).await;

    hk.receives_exactly(&theirs).await;
    de.receives_exactly(&[backlog, vec![flash.id]].concat()).await;
    assert!(network.log(HK).contains("the hub takes no more now"), "{}", network.log(HK));
    network.assert_ledgers_sound().await;
    network.end().await;
}
