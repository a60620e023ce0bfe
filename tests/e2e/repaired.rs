//! Records that a disk damaged: the node names them and does not start; what is lost comes again from its sender or from
//! an export, or is given up; and everything else stays proven.

use std::fs;
use std::path::Path;

use sealpost_domain::message::MessageId;
use sealpost_domain::view::{Direction, Shown};

use crate::harness::{DE, Ended, HK, Network, Officer, eventually, ids, shipments};
use crate::ledger::segments;

/// Where a frame says how long its leaf is, and where the leaf begins.
const LEAF_LENGTH_AT: usize = 24;
const FRAME_HEADER_BYTES: usize = 36;
const FRAME_MAGIC: &[u8] = b"\x93SPF";

/// Which part of a record is damaged.
#[derive(Clone, Copy)]
enum Part {
    Leaf,
    Body,
}

/// Flips a bit of the one record whose leaf holds these bytes.
fn damage(data: &Path, bytes: &[u8], part: Part) {
    let mut flipped = 0;
    for path in segments(data) {
        let mut content = fs::read(&path).unwrap();
        let Some(inside) = content.windows(bytes.len()).position(|window| window == bytes) else { continue };
        let frame = (0..inside).rev().find(|at| content[*at..].starts_with(FRAME_MAGIC)).unwrap();
        let length = |at: usize| u32::from_le_bytes(content[frame + at..][..4].try_into().unwrap()) as usize;
        let (leaf, body) = (length(LEAF_LENGTH_AT), length(LEAF_LENGTH_AT + 4));
        let at = match part {
            Part::Leaf => inside,
            Part::Body => frame + FRAME_HEADER_BYTES + leaf + body / 2,
        };
        content[at] ^= 0x10;
        fs::write(&path, content).unwrap();
        flipped += 1;
    }
    assert_eq!(flipped, 1, "records in {}", data.display());
}

async fn ledger(network: &Network, agency: &str, arguments: &[&str]) -> Ended {
    let config = network.agency(agency).config.to_str().unwrap();
    network.command("sealpost-node", &[&["ledger", "--config", config], arguments].concat()).await
}

/// The command ended with this code and told this.
fn assert_told(ended: &Ended, code: i32, told: &str) {
    let all = [ended.stdout.as_str(), ended.log.as_str()].concat();
    assert_eq!(ended.code(), Some(code), "{all}");
    assert!(all.contains(told), "expected {told:?} in:\n{all}");
}

/// The node does not start: it names the record, and the command that goes on from there.
async fn assert_does_not_start(network: &Network, agency: &str, index: u64) {
    let config = network.agency(agency).config.to_str().unwrap();
    let ended = network.command("sealpost-node", &["run", "--config", config]).await;
    assert_told(&ended, 1, &format!("record {index} is damaged"));
    assert_told(&ended, 1, "sealpost-node ledger repair");
}

async fn received(network: &Network, agency: &str, message: MessageId) -> Shown {
    let desk = network.desk(agency).await;
    let all = desk.messages(Direction::Received).await.unwrap();
    all.into_iter().find(|shown| shown.id == message).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_a_disk_damaged_comes_again_from_its_sender() {
    let mut network = Network::start("repaired").await;
    let hk = network.desk(HK).await;
    let sent = ids(&hk.send_all("all", shipments(&[DE], 0..9)).await);
    network.desk(DE).await.receives_exactly(&sent).await;
    hk.are_delivered(&sent).await;
    let victim = sent[4];
    let before = received(&network, DE, victim).await;
    assert!(before.alert.is_some());
    assert_told(&ledger(&network, DE, &["repair"]).await, 1, "in use by another process");
    assert_eq!(network.terminate(DE).await.code(), Some(0));
    assert_told(&ledger(&network, DE, &["repair"]).await, 0, "nothing is damaged");

    damage(&network.agency(DE).data, victim.as_bytes(), Part::Body);
    assert_does_not_start(&network, DE, before.index).await;
    let repaired = ledger(&network, DE, &["repair"]).await;
    assert_told(&repaired, 0, &format!("record {}: the leaf of a received message holds", before.index));
    assert_told(&repaired, 0, "the node can be started");
    let without = format!("without body, all else holds: records {}\n", before.index);
    assert_told(&network.verify_ledger(DE).await, 0, &without);

    network.run(DE).await;
    eventually("the body comes again", async || {
        let shown = received(&network, DE, victim).await;
        if shown.alert.is_some() { Ok(()) } else { Err("it is shown without content") }
    })
    .await;
    assert_eq!(received(&network, DE, victim).await, before);
    let desk = network.desk(DE).await;
    desk.receives_exactly(&sent).await;
    let verified = network.verify_ledger(DE).await;
    assert_told(&verified, 0, "1 bodies were damaged and are listed; 1 came again");
    assert!(!verified.stdout.contains("without body"), "{}", verified.stdout);

    assert_eq!(network.terminate(DE).await.code(), Some(0));
    network.run(DE).await;
    assert_eq!(received(&network, DE, victim).await, before, "also after a restart");
    let more = ids(&hk.send_all("more", shipments(&[DE], 9..11)).await);
    hk.are_delivered(&more).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_that_a_disk_damaged_comes_back_from_an_export() {
    let mut network = Network::start("leaf-back").await;
    let hk = network.desk(HK).await;
    let sent = hk.send_all("all", shipments(&[DE], 0..6)).await;
    hk.are_delivered(&ids(&sent)).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let (data, victim) = (network.agency(HK).data.clone(), &sent[2]);
    let export = data.join("export");
    assert_told(&ledger(&network, HK, &["export", export.to_str().unwrap()]).await, 0, "records are in");

    damage(&data, victim.id.as_bytes(), Part::Leaf);
    assert_does_not_start(&network, HK, victim.index).await;
    let undecided = ledger(&network, HK, &["repair"]).await;
    assert_told(&undecided, 1, &format!("record {}: its leaf does not hold", victim.index));
    assert_does_not_start(&network, HK, victim.index).await;
    let bundle = fs::read_dir(export.join("tile/entries/000.p")).unwrap().next().unwrap().unwrap().path();
    let entry = ["repair", "--entry", bundle.to_str().unwrap()];
    assert_told(&ledger(&network, HK, &entry).await, 0, "leaf and body hold");
    assert_told(&ledger(&network, HK, &entry).await, 1, "holds the leaf of no damaged record");

    network.run(HK).await;
    let more = ids(&hk.send_all("more", shipments(&[DE], 6..8)).await);
    hk.are_delivered(&[ids(&sent), more].concat()).await;
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaf_that_nobody_has_is_given_up_and_no_number_is_given_out_twice() {
    let mut network = Network::start("given-up").await;
    let hk = network.desk(HK).await;
    let sent = hk.send_all("all", shipments(&[DE], 0..6)).await;
    hk.are_delivered(&ids(&sent)).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    // The last one of its link: nothing behind it shows which number it had.
    let victim = &sent[5];
    damage(&network.agency(HK).data, victim.id.as_bytes(), Part::Leaf);
    let index = victim.index.to_string();
    let given_up = ledger(&network, HK, &["repair", "--accept-loss", &index]).await;
    assert_told(&given_up, 0, "its leaf is given up; its hash stays in the tree");
    assert_told(&given_up, 0, "begins a new life");

    network.run(HK).await;
    let more = ids(&hk.send_all("more", shipments(&[DE], 6..12)).await);
    hk.are_delivered(&more).await;
    let all = [ids(&sent), more.clone()].concat();
    network.desk(DE).await.receives_exactly(&all).await;
    let lost = format!("lost but for their hashes in the tree: records {index}\n");
    assert_told(&network.verify_ledger(HK).await, 0, &lost);
    let log = network.log(DE);
    assert!(!log.contains("link.equivocation") && !log.contains("link.broken_chain"), "{log}");

    // The same at the recipient: what it gave up comes again.
    let victim = received(&network, DE, more[1]).await;
    assert_eq!(network.terminate(DE).await.code(), Some(0));
    damage(&network.agency(DE).data, more[1].as_bytes(), Part::Leaf);
    let given_up = ledger(&network, DE, &["repair", "--accept-loss", &victim.index.to_string()]).await;
    assert_told(&given_up, 0, "its leaf is given up; its hash stays in the tree");
    network.run(DE).await;
    network.desk(DE).await.receives_exactly(&all).await;
    let again = received(&network, DE, more[1]).await;
    assert_eq!(again.alert, victim.alert);
    assert!(again.index > victim.index);
    assert_told(&network.verify_ledger(DE).await, 0, "lost but for their hashes");

    // The loss is told once, and one new life is enough.
    let begins = "was given up for good (ledger repair --accept-loss): a new life of it begins";
    let life = |network: &Network| network.log(HK).matches(begins).count();
    assert_eq!(life(&network), 1);
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    network.run(HK).await;
    assert_eq!(life(&network), 1, "one is enough");
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_content_a_disk_lost_is_shown_as_such() {
    let mut network = Network::start("content-lost").await;
    let hk = network.desk(HK).await;
    let sent = hk.send_all("all", shipments(&[DE], 0..2)).await;
    hk.are_delivered(&ids(&sent)).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let victim = &sent[0];
    damage(&network.agency(HK).data, victim.id.as_bytes(), Part::Body);
    let repaired = ledger(&network, HK, &["repair"]).await;
    assert_told(&repaired, 0, &format!("record {}: the leaf of a sent message holds", victim.index));

    network.run(HK).await;
    let officer = Officer::of(&network, HK);
    let lost = "(lost on the node's disk)";
    assert_told(&officer.run(&["show", &victim.id.to_string()]).await, 0, lost);
    let whole = officer.run(&["show", &sent[1].id.to_string()]).await;
    assert!(!whole.stdout.contains(lost), "{}", whole.stdout);
    network.end().await;
}
