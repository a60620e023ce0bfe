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

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_restarted_under_load_loses_and_doubles_nothing() {
    let mut network = Network::start("restart").await;
    let (hk, de, th) = (network.desk(HK).await, network.desk(DE).await, network.desk(TH).await);
    let publishing = async {
        let rounds = (0..6).map(|round| round * 12..(round + 1) * 12);
        let (mut from_hk, mut from_de, mut from_th) = (Vec::new(), Vec::new(), Vec::new());
        for numbers in rounds {
            let (one, other, third) = tokio::join!(
                hk.send_all("hk", shipments(&[DE, TH], numbers.clone())),
                de.send_all("de", shipments(&[HK], numbers.clone())),
                th.send_all("th", shipments(&[HK], numbers)),
            );
            from_hk.extend(ids(&one));
            from_de.extend(ids(&other));
            from_th.extend(ids(&third));
        }
        (from_hk, from_de, from_th)
    };
    let restarting = async {
        for received in [10, 40] {
            de.has_received_at_least(received).await;
            th.has_received_at_least(received).await;
            end(&mut network, HUB).await;
            network.run(HUB).await;
        }
    };
    let ((from_hk, from_de, from_th), ()) = tokio::join!(publishing, restarting);

    hk.receives_exactly(&[from_de.clone(), from_th.clone()].concat()).await;
    de.receives_exactly(&from_hk).await;
    th.receives_exactly(&from_hk).await;
    hk.are_delivered(&from_hk).await;
    de.are_delivered(&from_de).await;
    th.are_delivered(&from_th).await;
    for agency in [HK, DE, TH] {
        let log = network.log(agency);
        for lanes in ["Flash", "Bulk"] {
            let told = |line: &str| line.contains("the hub is stopping") && line.contains(lanes);
            assert!(log.lines().any(told), "{agency} was not told on {lanes}:\n{log}");
        }
    }
    network.assert_ledgers_sound().await;
    network.end().await;
}

async fn end(network: &mut Network, program: &str) {
    let begun = Instant::now();
    let ended = network.terminate(program).await;
    assert_eq!(ended.code(), Some(0), "{program}:\n{}", ended.log);
    assert!(begun.elapsed() < BOUND, "{program} took {:?}:\n{}", begun.elapsed(), ended.log);
}
