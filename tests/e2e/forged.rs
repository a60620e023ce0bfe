//! An envelope in another agency's name, signed and submitted by a node that is what its certificate says.

use crate::harness::{DE, HK, HUB, HubLine, Network, Pen, TH, id, shipment};

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_that_germany_writes_in_hong_kongs_name_reaches_nobody() {
    let mut network = Network::make("forged");
    for program in [HUB, HK, TH] {
        network.run(program).await;
    }
    let (hk, th) = (network.desk(HK).await, network.desk(TH).await);
    let (mut pen, line) = (Pen::of(&network, DE), HubLine::of(&network, DE).await);

    let forged = pen.write_as(&id(HK), &shipment(&[TH], "FLASH", "never seen"));
    let honest = pen.write(&shipment(&[HK], "FLASH", "seen"));
    let refusals = line.submit(&[forged, honest]).await.unwrap();
    let [refusal] = refusals.as_slice() else { panic!("{refusals:?}") };
    assert_eq!((refusal.position, refusal.rule.as_str()), (0, "sender.forged"));
    assert_eq!(refusal.recipient, None);

    // The honest one, of the same batch and the same hand, is delivered.
    hk.has_received_at_least(1).await;
    // Hong Kong's own mail to Thailand is not disturbed by the number that was claimed in its name.
    let sent = hk.send(shipment(&[TH], "FLASH", "genuine")).await.id;
    let received = th.receives_exactly(&[sent]).await;
    assert!(received[0].verification.link_number == 1 && !received[0].gap_before);
    network.assert_ledger_sound(TH).await;
    network.end().await;
}
