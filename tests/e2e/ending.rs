//! SIGTERM: programs end in order, soon, and lose nothing.

use std::time::{Duration, Instant};

use sealpost_domain::view::{Event, Filter};

use crate::harness::{DE, HK, HUB, Network, TH, ids, shipments};

/// More than the grace that programs give their streams.
const BOUND: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn programs_end_with_code_zero_in_bounded_time_and_lose_nothing() {
    let mut network = Network::start("ending").await;
    let (hk, th) = (network.desk(HK).await, network.desk(TH).await);
    let before = ids(&hk.send_all("before", shipments(&[DE, TH], 0..4)).await);
    th.receives_exactly(&before).await;

    // Somebody listens to each gateway, and mail for Thailand is under way, when the end comes.
    let mut subscriptions =
        [hk.gateway().subscribe(0, Filter::default()), th.gateway().subscribe(0, Filter::default())];
    for subscription in &mut subscriptions {
        assert!(matches!(subscription.next().await.unwrap(), Event::Message(_)));
    }
    let meanwhile = hk.send_all("meanwhile", shipments(&[DE, TH], 4..24));
    let (meanwhile, ()) = tokio::join!(meanwhile, end(&mut network, TH));
    for program in [HUB, HK, DE] {
        end(&mut network, program).await;
    }

    for program in [HK, HUB, DE, TH] {
        network.run(program).await;
    }
    let all = [before, ids(&meanwhile)].concat();
    th.receives_exactly(&all).await;
    network.desk(DE).await.receives_exactly(&all).await;
    hk.are_delivered(&all).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}

async fn end(network: &mut Network, program: &str) {
    let begun = Instant::now();
    let ended = network.terminate(program).await;
    assert_eq!(ended.code(), Some(0), "{program}:\n{}", ended.log);
    assert!(begun.elapsed() < BOUND, "{program} took {:?}:\n{}", begun.elapsed(), ended.log);
}
