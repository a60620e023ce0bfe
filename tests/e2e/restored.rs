//! Disks that are lost, and copies that are restored: nothing is lost for good, nothing comes twice, and no number is
//! given out a second time.

use std::fs;
use std::path::{Path, PathBuf};

use sealpost_domain::message::MessageId;
use sealpost_domain::view::DeliveryState;

use crate::harness::{DE, HK, HUB, Network, Officer, TH, copy, eventually, ids, shipments};

/// The log of Hong Kong's node says it.
fn assert_told(network: &Network, expected: &str) {
    let log = network.log(HK);
    assert!(log.contains(expected), "expected {expected} in:\n{log}");
}

/// Copies a folder: files of their own, as a backup's are.
const PAGE: &str = include_str!("../../docs/ledger.md");

/// Every file below a folder, by its place in it.
fn places(folder: &Path, before: &str) -> Vec<String> {
    let mut places = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let place = format!("{before}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            places.extend(self::places(&path, &format!("{place}/")));
        } else {
            places.push(place);
        }
    }
    places
}

/// Whether the table of what lies on the disk names a place: by its name, with one `*` for any part of it, or by its folder.
fn is_on_the_page(place: &str) -> bool {
    let (_, section) = PAGE.split_once("\n## On disk\n").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    rows.map(|(name, _)| name).any(|name| {
        let (begins, ends) = name.split_once('*').unwrap_or((name, ""));
        let is_folder = name.ends_with('/');
        let has_both = place.strip_prefix(begins).is_some_and(|rest| is_folder || rest.ends_with(ends));
        has_both && (is_folder || name.contains('*') || place == name)
    })
}

/// Puts a copy in the place of a folder.
fn restore(backup: &Path, folder: &Path) {
    fs::remove_dir_all(folder).unwrap();
    copy(backup, folder);
}

/// Where an agency's node keeps its ledger and what belongs to it.
fn data(network: &Network, agency: &str) -> PathBuf {
    network.node_folder(agency).join("data")
}

/// Nobody was caught with two messages at one number.
fn assert_no_equivocation(network: &Network, programs: &[&str]) {
    for program in programs {
        let log = network.log(program);
        assert!(
            !log.contains("link.equivocation") && !log.contains("link.broken_chain"),
            "{program}:\n{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_lost_its_disk_gets_everything_again() {
    let mut network = Network::start("disk-lost").await;
    let hk = network.desk(HK).await;
    let before = ids(&hk.send_all("before", shipments(&[DE, TH], 0..20)).await);
    hk.are_delivered(&before).await;
    assert_eq!(network.terminate(DE).await.code(), Some(0));
    fs::remove_dir_all(data(&network, DE)).unwrap();
    network.run(DE).await;
    network.desk(DE).await.receives_exactly(&before).await;
    eventually("the loss is recorded", async || {
        network.log(HK).contains("peer.lost_records").then_some(()).ok_or("it is not told")
    })
    .await;

    // Once more, with mail that waits: by that it may see what it misses, and ask for it, before it is heard.
    assert_eq!(network.terminate(DE).await.code(), Some(0));
    fs::remove_dir_all(data(&network, DE)).unwrap();
    let meanwhile = ids(&hk.send_all("meanwhile", shipments(&[DE], 20..25)).await);
    network.run(DE).await;
    let all = [before, meanwhile].concat();
    network.desk(DE).await.receives_exactly(&all).await;
    hk.are_delivered(&all).await;
    assert_no_equivocation(&network, &[HK, DE, TH]);
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_restored_from_an_older_copy_goes_on_as_a_new_life() {
    let mut network = Network::start("restored").await;
    let (hk, th) = (network.desk(HK).await, network.desk(TH).await);
    let first = ids(&hk.send_all("first", shipments(&[DE, TH], 0..10)).await);
    hk.are_delivered(&first).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let (folder, backup) = (data(&network, HK), network.node_folder(HK).join("backup"));
    copy(&folder, &backup);
    network.run(HK).await;
    let forgotten = ids(&hk.send_all("forgotten", shipments(&[DE, TH], 10..20)).await);
    let told = ids(&th.send_all("told", shipments(&[HK], 20..24)).await);
    hk.are_delivered(&forgotten).await;
    th.are_delivered(&told).await;

    assert_eq!(network.terminate(HK).await.code(), Some(0));
    restore(&backup, &folder);
    network.run(HK).await;
    assert_told(&network, "as a backup that is restored: a new life of it begins");
    let after = ids(&hk.send_all("after", shipments(&[DE, TH], 24..30)).await);
    hk.are_delivered(&after).await;
    let all = [first, forgotten, after].concat();
    network.desk(DE).await.receives_exactly(&all).await;
    th.receives_exactly(&all).await;
    let places = places(&folder, "");
    assert!(places.iter().any(|place| place.starts_with("tree.before-")), "{places:?}");
    for place in &places {
        assert!(is_on_the_page(place), "{place} is not in docs/ledger.md, On disk");
    }
    // What it had received and lost came again.
    network.desk(HK).await.receives_exactly(&told).await;
    assert_no_equivocation(&network, &[HK, DE, TH]);
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_nodes_folder_that_was_copied_file_by_file_goes_on_as_a_new_life() {
    let mut network = Network::start("copied-running").await;
    let hk = network.desk(HK).await;
    let first = ids(&hk.send_all("first", shipments(&[DE, TH], 0..10)).await);
    hk.are_delivered(&first).await;
    let (folder, backup) = (data(&network, HK), network.node_folder(HK).join("backup"));
    // In the order of their names, while it works: the tree and its checkpoint come last.
    for part in ["buckets", "ledger"] {
        copy(&folder.join(part), &backup.join(part));
    }
    fs::copy(folder.join("life"), backup.join("life")).unwrap();
    let forgotten = ids(&hk.send_all("forgotten", shipments(&[DE, TH], 10..20)).await);
    hk.are_delivered(&forgotten).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    copy(&folder.join("tree"), &backup.join("tree"));

    restore(&backup, &folder);
    network.run(HK).await;
    assert_told(&network, "the checkpoint that was copied covers more records");
    let after = ids(&hk.send_all("after", shipments(&[DE, TH], 20..25)).await);
    hk.are_delivered(&after).await;
    network.desk(DE).await.receives_exactly(&[first, forgotten, after].concat()).await;
    assert_no_equivocation(&network, &[HK, DE, TH]);
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_goes_on_in_another_life_of_the_ledger_skips_nothing_unnoticed() {
    let mut network = Network::start("watch-restored").await;
    let (hk, th) = (network.desk(HK).await, network.desk(TH).await);
    let first = ids(&th.send_all("first", shipments(&[HK], 0..2)).await);
    th.are_delivered(&first).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let (folder, backup) = (data(&network, HK), network.node_folder(HK).join("backup"));
    copy(&folder, &backup);
    network.run(HK).await;
    let second = ids(&th.send_all("second", shipments(&[HK], 2..6)).await);
    th.are_delivered(&second).await;
    let state = network.node_folder(HK).join("watch.json");
    let watch = ["watch", "--once", "--state", state.to_str().unwrap()];
    let officer = Officer::of(&network, HK);
    assert_eq!(officer.documents(&watch).await.len(), 6);
    let stored: serde_json::Value = serde_json::from_slice(&fs::read(&state).unwrap()).unwrap();
    drop(officer);

    assert_eq!(network.terminate(HK).await.code(), Some(0));
    restore(&backup, &folder);
    network.run(HK).await;
    let third = ids(&th.send_all("third", shipments(&[HK], 6..16)).await);
    hk.receives_exactly(&[first, second, third].concat()).await;
    let officer = Officer::of(&network, HK);
    let status = officer.document(&["status"]).await;
    // The place is not beyond the end: the index alone would be taken.
    assert!(status["ledger"]["next_index"].as_u64() > stored["next_index"].as_u64(), "{status} {stored}");
    let refused = officer.run(&watch).await;
    assert_eq!(refused.code(), Some(1), "{}{}", refused.stdout, refused.log);
    assert!(refused.log.contains(stored["ledger"].as_str().unwrap()), "{}", refused.log);
    assert!(refused.log.contains("begin again with --from 0"), "{}", refused.log);
    assert_eq!(officer.documents(&[&watch[..], &["--from", "0"]].concat()).await.len(), 16);
    assert_eq!(officer.documents(&watch).await.len(), 0);
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_set_back_unseen_is_shown_it_before_it_sends_anything() {
    let mut network = Network::start("set-back").await;
    let hk = network.desk(HK).await;
    let first = ids(&hk.send_all("first", shipments(&[DE], 0..3)).await);
    hk.are_delivered(&first).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let (folder, backup) = (data(&network, HK), network.node_folder(HK).join("backup"));
    copy(&folder, &backup);
    network.run(HK).await;
    let forgotten = ids(&hk.send_all("forgotten", shipments(&[DE], 3..6)).await);
    hk.are_delivered(&forgotten).await;
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    assert_eq!(network.terminate(DE).await.code(), Some(0));

    // As a machine that is set back with its disk: nothing tells the files from those that were there.
    restore(&backup, &folder);
    fs::remove_file(folder.join("life")).unwrap();
    network.run(HK).await;
    let unsent = ids(&hk.send_all("unsent", shipments(&[DE], 6..7)).await);
    network.run(DE).await;
    let ended = network.ends(HK).await;
    assert_eq!(ended.code(), Some(1), "{}", ended.log);
    assert!(ended.log.contains("ledger.rolled_back"), "{}", ended.log);

    network.run(HK).await;
    assert_told(
        &network,
        "a peer showed what this node signed later (ledger.rolled_back): a new life of it begins",
    );
    hk.reaches(unsent[0], DE, DeliveryState::Withdrawn).await;
    let again = ids(&hk.send_all("again", shipments(&[DE], 6..7)).await);
    hk.are_delivered(&again).await;
    let all: Vec<MessageId> = [first, forgotten, again].concat();
    network.desk(DE).await.receives_exactly(&all).await;
    assert_no_equivocation(&network, &[HK, DE]);
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_restored_from_an_older_copy_loses_no_message() {
    let mut network = Network::start("hub-restored").await;
    let hk = network.desk(HK).await;
    let first = ids(&hk.send_all("first", shipments(&[DE, TH], 0..5)).await);
    hk.are_delivered(&first).await;
    network.terminate(HUB).await;
    let backup = network.node_folder(HK).join("hub-backup");
    network.change_journal(|journal| copy(journal, &backup));
    network.run(HUB).await;
    let second = ids(&hk.send_all("second", shipments(&[DE, TH], 5..10)).await);
    hk.are_delivered(&second).await;
    // Promised for Thailand alone, and forgotten with the copy.
    assert_eq!(network.terminate(TH).await.code(), Some(0));
    let third = ids(&hk.send_all("third", shipments(&[DE, TH], 10..15)).await);
    for message in &third {
        hk.reaches(*message, TH, DeliveryState::Accepted).await;
        hk.reaches(*message, DE, DeliveryState::Delivered).await;
    }
    network.terminate(HUB).await;
    network.change_journal(|journal| restore(&backup, journal));
    network.run(HUB).await;
    network.run(TH).await;
    let fourth = ids(&hk.send_all("fourth", shipments(&[DE, TH], 15..20)).await);
    let all = [first, second, third, fourth].concat();
    network.desk(TH).await.receives_exactly(&all).await;
    network.desk(DE).await.receives_exactly(&all).await;
    hk.are_delivered(&all).await;
    eventually("the hub's step back is recorded", async || {
        let told = [HK, DE, TH].iter().any(|node| network.log(node).contains("hub.rolled_back"));
        told.then_some(()).ok_or("it is not told")
    })
    .await;
    assert_no_equivocation(&network, &[HK, DE, TH]);
    network.assert_ledgers_sound().await;
    network.end().await;
}
