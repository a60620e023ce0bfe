//! A ledger that somebody, or a disk, has changed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::harness::{DE, HK, Network, ids, shipments};

/// The segments below a folder.
pub(crate) fn segments(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(segments(&path));
        } else if path.extension().is_some_and(|extension| extension == "seg") {
            found.push(path);
        }
    }
    found
}

/// Flips a bit of the one place in the segments where these bytes stand.
fn damage(folder: &Path, bytes: &[u8]) {
    let mut flipped = 0;
    for path in segments(folder) {
        let mut content = fs::read(&path).unwrap();
        let places: Vec<usize> = (0..content.len()).filter(|at| content[*at..].starts_with(bytes)).collect();
        for at in &places {
            content[*at] ^= 0x10;
        }
        if !places.is_empty() {
            fs::write(&path, content).unwrap();
        }
        flipped += places.len();
    }
    assert_eq!(flipped, 1, "places in {}", folder.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_in_a_ledger_is_named_by_its_record() {
    let mut network = Network::start("damaged").await;
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let sent = hk.send_all("all", shipments(&[DE], 0..20)).await;
    hk.are_delivered(&ids(&sent)).await;
    de.receives_exactly(&ids(&sent)).await;
    network.terminate(HK).await;
    assert_eq!(network.verify_ledger(HK).await.code(), Some(0));

    let victim = &sent[5];
    damage(&network.agency(HK).data, victim.id.as_bytes());
    let record = format!("record {}", victim.index);
    let verified = network.verify_ledger(HK).await;
    let told = [verified.stdout.as_str(), verified.log.as_str()].concat();
    assert_eq!(verified.code(), Some(1), "{told}");
    assert!(told.contains(&record), "expected {record} in:\n{told}");

    // A node does not begin on such a ledger.
    let config = network.agency(HK).config.to_str().unwrap();
    let ended = network.command("sealpost-node", &["run", "--config", config]).await;
    assert_eq!(ended.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains(&record), "expected {record} in:\n{}", ended.log);
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_was_cut_or_replaced_by_an_older_copy_is_noticed_by_its_own_checkpoint() {
    let mut network = Network::start("cut").await;
    let hk = network.desk(HK).await;
    let data = network.agency(HK).data.clone();
    let segment = data.join("ledger/00000000000000000000.seg");
    let early = hk.send_all("early", shipments(&[DE], 0..5)).await;
    hk.are_delivered(&ids(&early)).await;
    network.terminate(HK).await;
    let older = fs::read(&segment).unwrap();
    network.run(HK).await;
    let hk = network.desk(HK).await;
    let later = hk.send_all("later", shipments(&[DE], 5..10)).await;
    hk.are_delivered(&ids(&later)).await;
    network.terminate(HK).await;

    // Without any checkpoint nothing is compared with anything: that is no success.
    let (stored, kept) = (data.join("tree/checkpoint"), data.join("kept"));
    fs::rename(&stored, &kept).unwrap();
    let config = network.agency(HK).config.to_str().unwrap();
    let verify = ["ledger", "--config", config, "verify"];
    let verified = network.command("sealpost-node", &verify).await;
    assert_eq!(verified.code(), Some(1), "{}{}", verified.stdout, verified.log);
    assert!(
        verified.stdout.contains("there is no checkpoint, neither stored nor given"),
        "{}",
        verified.stdout
    );
    assert!(verified.stdout.contains("no checkpoint vouches for the records"), "{}", verified.stdout);
    let since = [&verify[..], &["--since", kept.to_str().unwrap()]].concat();
    let verified = network.command("sealpost-node", &since).await;
    assert_eq!(verified.code(), Some(0), "{}{}", verified.stdout, verified.log);
    assert!(verified.stdout.contains("the ledger holds"), "{}", verified.stdout);
    fs::rename(&kept, &stored).unwrap();

    // What was written last is gone, as after an operator put an older copy in its place.
    fs::write(&segment, older).unwrap();
    let verified = network.verify_ledger(HK).await;
    assert_eq!(verified.code(), Some(1), "{}{}", verified.stdout, verified.log);
    assert!(verified.stdout.contains("the ledger's checkpoint covers"), "{}", verified.stdout);
    let config = network.agency(HK).config.to_str().unwrap();
    let ended = network.command("sealpost-node", &["run", "--config", config]).await;
    assert_eq!(ended.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("it was durable"), "{}", ended.log);
    assert!(ended.log.contains("it lost its end") && ended.log.contains("ledger anew"), "{}", ended.log);
    // It does so once an operator decides.
    let anew = network.command("sealpost-node", &["ledger", "--config", config, "anew"]).await;
    assert_eq!(anew.code(), Some(0), "{}", anew.log);
    network.run(HK).await;
    let asked = "its operator asks for it (ledger anew): a new life of it begins";
    assert!(network.log(HK).contains(asked), "{}", network.log(HK));
    network.desk(DE).await.receives_exactly(&ids(&[early, later].concat())).await;
    network.end().await;
}
