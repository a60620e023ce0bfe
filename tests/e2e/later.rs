//! A header of a later version: what is signed is kept to the byte, also where it is not understood.

use std::path::Path;
use std::slice::from_ref;
use std::sync::Arc;

use bytes::Bytes;
use sealpost_domain::envelope::Envelope;
use sealpost_domain::record::{Received, Record};
use sealpost_ledger::History;
use sealpost_seglog::disk::{Disk, Real};
use sealpost_wire::envelope::{header_from_bytes, header_to_bytes};

use crate::harness::{DE, HK, HUB, HubLine, Network, Pen, TH, eventually, id, shipment};

/// Field 4000, a text: tag, length and "later"; then field 4001, a number in more bytes than it needs.
const LATER: &[u8] = b"\x82\xfa\x01\x05later\x88\xfa\x01\x81\x80\x00";

/// What an agency's ledger has received.
fn received(data: &Path) -> Vec<Received> {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let (history, _) = History::open(&disk, &data.join("ledger"), 0).unwrap();
    let records = history.scan(0).map(|entry| entry.unwrap().leaf.record);
    records
        .filter_map(|record| match record {
            Record::Received(received) => Some(received),
            _ => None,
        })
        .collect()
}

/// How often these bytes stand in the files below a folder.
fn occurrences(folder: &Path, bytes: &[u8]) -> usize {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            if path.is_dir() {
                occurrences(&path, bytes)
            } else {
                std::fs::read(&path).unwrap().windows(bytes.len()).filter(|window| *window == bytes).count()
            }
        })
        .sum()
}

fn assert_kept(network: &Network, agency: &str, envelope: &Envelope) {
    let all = received(&network.agency(agency).data);
    let [received] = all.as_slice() else { panic!("one message is received, {} are there", all.len()) };
    assert_eq!(received.header, envelope.header, "the header, to the byte");
    assert_eq!(received.signatures, envelope.signatures);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_with_an_unknown_field_is_stored_forwarded_and_verified_to_the_byte() {
    let mut network = Network::make("later");
    for program in [HUB, DE] {
        network.run(program).await;
    }
    // Thailand is away at first, so that the hub has to keep the message for it.
    let (mut pen, line) = (Pen::of_later_version(&network, HK, LATER), HubLine::of(&network, HK).await);
    let envelope = pen.write(&shipment(&[DE, TH], "URGENT", "from a later version"));
    assert!(envelope.header.ends_with(LATER));
    let understood = header_to_bytes(&header_from_bytes(&envelope.header).unwrap());
    assert_eq!(
        [&understood[..], LATER].concat(),
        envelope.header,
        "decoding and encoding would lose the field"
    );
    assert_eq!(line.submit(from_ref(&envelope)).await.unwrap(), []);

    // From the hub's memory, and, after its end, from its disk.
    let message = header_from_bytes(&envelope.header).unwrap().id;
    let shown = network.desk(DE).await.receives_exactly(&[message]).await;
    assert_eq!(shown[0].sender, id(HK));
    network.kill(HUB);
    assert!(occurrences(network.journal(), &envelope.header) >= 1, "the journal has the header");
    network.run(HUB).await;
    network.run(TH).await;
    network.desk(TH).await.receives_exactly(&[message]).await;

    for agency in [DE, TH] {
        assert_kept(&network, agency, &envelope);
        network.assert_ledger_sound(agency).await;
    }
    // Again after a restart, when the state is made of the records.
    assert_eq!(network.terminate(DE).await.code(), Some(0));
    network.run(DE).await;
    network.desk(DE).await.receives_exactly(&[message]).await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_field_that_is_added_or_taken_away_on_the_way_is_refused() {
    let mut network = Network::make("later-added");
    network.run(HUB).await;
    network.run(HK).await;
    let (mut pen, line) = (Pen::of_later_version(&network, DE, LATER), HubLine::of(&network, DE).await);
    let envelope = pen.write(&shipment(&[HK], "URGENT", "from a later version"));
    let cut = envelope.header.slice(..envelope.header.len() - LATER.len());
    let longer = Bytes::from([&envelope.header[..], LATER].concat());
    let changed = [cut, longer].map(|header| Envelope { header, ..envelope.clone() });
    let refusals = line.submit(&changed).await.unwrap();
    let rules: Vec<_> = refusals.iter().map(|refusal| refusal.rule.as_str()).collect();
    assert_eq!(rules, ["signature.invalid"; 2]);

    assert_eq!(line.submit(from_ref(&envelope)).await.unwrap(), []);
    let hk = network.desk(HK).await;
    eventually("the message arrives, and nothing else", async || {
        let count = received(&network.agency(HK).data).len();
        if count == 1 { Ok(()) } else { Err(format!("{count} are received")) }
    })
    .await;
    assert_eq!(hk.messages(sealpost_domain::view::Direction::Received).await.unwrap().len(), 1);
    network.end().await;
}
