//! To whom a message may not go: told by rule, at the first door that it comes to.

use sealpost_domain::view::Refusal;

use crate::harness::{DE, HK, HUB, HubLine, Network, Pen, TH, id, shipment};

fn told(refusals: &[Refusal]) -> Vec<(&str, &str)> {
    refusals.iter().map(|refusal| (refusal.path.as_str(), refusal.rule.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_to_an_unknown_agency_is_refused_whole_with_its_rule() {
    let network = Network::start("unknown").await;
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let refusals = hk.refused(shipment(&[DE, "FR-DGDDI"], "FLASH", "to nobody")).await;
    assert_eq!(told(&refusals), [("recipients[1]", "agency.unknown")]);
    assert!(refusals[0].detail.contains("FR-DGDDI"), "{refusals:?}");
    // Germany, named beside it, gets the next message and nothing of that one.
    let sent = hk.send(shipment(&[DE], "FLASH", "to Germany")).await.id;
    de.receives_exactly(&[sent]).await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_without_an_agreement_is_refused_by_the_senders_own_node() {
    let network = Network::start("no-agreement").await;
    let (de, th, hk) = (network.desk(DE).await, network.desk(TH).await, network.desk(HK).await);
    let refusals = de.refused(shipment(&[HK, TH], "FLASH", "not covered")).await;
    assert_eq!(told(&refusals), [("recipients[1]", "agreement.none")]);
    let to_thailand = hk.send(shipment(&[TH], "FLASH", "covered")).await.id;
    th.receives_exactly(&[to_thailand]).await;
    let to_hong_kong = de.send(shipment(&[HK], "FLASH", "covered")).await.id;
    hk.receives_exactly(&[to_hong_kong]).await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_cites_an_agreement_of_others_is_refused_by_the_hub() {
    let mut network = Network::make("cited");
    for program in [HUB, HK, TH] {
        network.run(program).await;
    }
    let (hk, th) = (network.desk(HK).await, network.desk(TH).await);
    let (mut pen, line) = (Pen::of(&network, DE), HubLine::of(&network, DE).await);
    let refusals = line.submit(&[pen.write(&shipment(&[HK, TH], "URGENT", "half covered"))]).await.unwrap();
    let [refusal] = refusals.as_slice() else { panic!("{refusals:?}") };
    assert_eq!(refusal.recipient, Some(id(TH)));
    assert_eq!((refusal.position, refusal.rule.as_str()), (0, "agreement.none"));

    hk.has_received_at_least(1).await;
    let sent = hk.send(shipment(&[TH], "URGENT", "covered")).await.id;
    th.receives_exactly(&[sent]).await;
    network.end().await;
}
