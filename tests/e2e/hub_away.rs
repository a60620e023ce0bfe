//! A hub that is down when messages are published.

use sealpost_domain::view::DeliveryState;

use crate::harness::{DE, HK, HUB, Network, TH, eventually, ids, shipments, told};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_published_while_the_hub_is_down_is_delivered_when_it_is_back() {
    let mut network = Network::start("hub-away").await;
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);
    let before = ids(&hk.send_all("before", shipments(&[DE, TH], 0..3)).await);
    hk.are_delivered(&before).await;

    assert_eq!(network.terminate(HUB).await.code(), Some(0));
    eventually("Hong Kong's node says that the hub is away", async || {
        let status = hk.gateway().status().await.map_err(|error| told(&error))?;
        if status.hub.connected { Err(status.hub.detail) } else { Ok(()) }
    })
    .await;
    let meanwhile = ids(&hk.send_all("meanwhile", shipments(&[DE, TH], 3..9)).await);
    assert_eq!(hk.state(meanwhile[0], DE).await, Ok(DeliveryState::Published));
    assert_eq!(hk.gateway().status().await.unwrap().outstanding, 12);

    network.run(HUB).await;
    let all = [before, meanwhile].concat();
    de.receives_exactly(&all).await;
    th.receives_exactly(&all).await;
    hk.are_delivered(&all).await;
    eventually("nothing is outstanding", async || {
        let status = hk.gateway().status().await.map_err(|error| told(&error))?;
        if status.hub.connected && status.outstanding == 0 { Ok(()) } else { Err(format!("{status:?}")) }
    })
    .await;
    network.end().await;
}
