//! One changed byte on the way, in every part of an envelope.

use std::slice::from_ref;

use bytes::Bytes;
use sealpost_domain::envelope::{Envelope, Signature};
use sealpost_domain::message::MessageId;

use crate::harness::{DE, HK, HUB, HubLine, Network, Pen, shipment};

/// How many envelopes go into one batch.
const BATCH: usize = 16;

fn flip(bytes: &Bytes, at: usize) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << (at % 8);
    bytes.into()
}

fn message(envelope: &Envelope) -> MessageId {
    sealpost_wire::envelope::header_from_bytes(&envelope.header).unwrap().id
}

async fn start(story: &str) -> (Network, Pen, HubLine) {
    let mut network = Network::make(story);
    network.run(HUB).await;
    network.run(HK).await;
    let (pen, line) = (Pen::of(&network, DE), HubLine::of(&network, DE).await);
    (network, pen, line)
}

/// Every one of these is refused as a whole, by one of these rules.
async fn all_refused(line: &HubLine, flipped: &[Envelope], rules: &[&str]) {
    for batch in flipped.chunks(BATCH) {
        let refusals = line.submit(batch).await.unwrap();
        let positions: Vec<usize> = refusals.iter().map(|refusal| refusal.position as usize).collect();
        assert_eq!(positions, (0..batch.len()).collect::<Vec<_>>());
        for refusal in refusals {
            assert!(refusal.recipient.is_none() && rules.contains(&refusal.rule.as_str()), "{refusal:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_header_signature_or_content_is_refused_by_the_hub() {
    let (network, mut pen, line) = start("flipped").await;
    let hk = network.desk(HK).await;
    let envelope = pen.write(&shipment(&[HK], "FLASH", "intact"));

    let headers: Vec<_> = (0..envelope.header.len())
        .step_by(5)
        .map(|at| Envelope { header: flip(&envelope.header, at), ..envelope.clone() })
        .collect();
    all_refused(&line, &headers, &["signature.invalid"]).await;

    let Signature { key_id, bytes } = envelope.signatures[0].clone();
    let signatures: Vec<_> = (0..bytes.len())
        .step_by(5)
        .map(|at| Signature { key_id, bytes: flip(&bytes, at) })
        .map(|signature| Envelope { signatures: vec![signature], ..envelope.clone() })
        .collect();
    all_refused(&line, &signatures, &["signature.invalid"]).await;
    let unsigned = Envelope { signatures: Vec::new(), ..envelope.clone() };
    all_refused(&line, &[unsigned], &["key.unknown"]).await;

    let sealed: Vec<_> = (0..envelope.sealed.len())
        .step_by(97)
        .map(|at| Envelope { sealed: flip(&envelope.sealed, at), ..envelope.clone() })
        .collect();
    all_refused(&line, &sealed, &["sealed.digest"]).await;

    // The envelope itself, after all that, is taken and comes alone.
    assert_eq!(line.submit(from_ref(&envelope)).await.unwrap(), []);
    hk.receives_exactly(&[message(&envelope)]).await;
    network.assert_ledger_sound(HK).await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_a_wrap_shows_nothing_and_an_intact_repeat_is_delivered() {
    let (network, mut pen, line) = start("wrap").await;
    let hk = network.desk(HK).await;
    let envelope = pen.write(&shipment(&[HK], "URGENT", "behind a broken wrap"));
    let mut broken = envelope.clone();
    broken.wraps[0].ciphertext = flip(&envelope.wraps[0].ciphertext, 9);
    // Only its recipient can tell.
    assert_eq!(line.submit(&[broken]).await.unwrap(), []);
    let next = pen.write(&shipment(&[HK], "URGENT", "after it"));
    assert_eq!(line.submit(from_ref(&next)).await.unwrap(), []);
    let shown = hk.receives_exactly(&[message(&next)]).await;
    assert!(shown[0].gap_before, "the number before it is still open");
    let log = network.log(HK);
    assert!(log.contains("wrap.unopened"), "the rule is missing in:\n{log}");

    assert_eq!(line.submit(from_ref(&envelope)).await.unwrap(), []);
    let shown = hk.receives_exactly(&[message(&envelope), message(&next)]).await;
    assert!(shown.iter().all(|shown| !shown.gap_before), "the gap is closed");
    network.assert_ledger_sound(HK).await;
    network.end().await;
}
