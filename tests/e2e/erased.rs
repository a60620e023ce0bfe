//! What has ended is gone: from the disk, from the memory of the node, and from every backup of its ledger; and what stays is
//! proven as before.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use sealpost_crypto::digest::sha256;
use sealpost_domain::alert::Draft;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::MessageId;
use sealpost_domain::record::Record;
use sealpost_domain::time::{Date, OffsetTime};
use sealpost_domain::view::Direction;
use sealpost_ledger::{Buckets, History};
use sealpost_seglog::disk::{Disk, Real};
use sealpost_wire::json::parse_draft;
use sealpost_wire::ledger::stored_body_from_bytes;
use serde_json::{Value, json};

use crate::canary::scan::{self, Forms};
use crate::harness::{DE, HK, Network, Officer, eventually, ids, now, shipment};

const MARKER: &str = "ERASED3f61c09be1-";

/// The last day of this month, and its end.
fn this_month() -> (Date, Instant) {
    let today = OffsetTime::from_instant(now()).unwrap().date();
    let end = today.month().ends_at();
    let last = OffsetTime::from_instant(Instant::from_millis(end.as_millis() - 1)).unwrap().date();
    (last, end)
}

/// A shipment that may be kept until the end of this month.
fn ending(number: usize) -> Draft {
    let reason = format!("{} {MARKER} ", "invented ".repeat(200));
    let draft = shipment(&[DE], "URGENT", &format!("{reason}{number}"));
    let mut document: Value = serde_json::from_str(&sealpost_wire::json::draft_to_string(&draft)).unwrap();
    document["retention_until"] = json!(this_month().0.to_string());
    parse_draft(document.to_string()).unwrap()
}

async fn ledger(network: &Network, arguments: &[&str]) -> String {
    let ended = network.ledger(DE, arguments).await;
    assert_eq!(ended.code(), Some(0), "{arguments:?}: {}{}", ended.stdout, ended.log);
    ended.stdout
}

/// The keys that open a message, in every form in which they lie somewhere: that of its bucket, and its own.
fn keys(data: &Path, message: MessageId) -> Forms {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let (history, _) = History::open(&disk, &data.join("ledger"), 0).unwrap();
    let buckets = Buckets::read_only(&data.join("buckets"));
    let content_key = (0..history.durable()).find_map(|index| {
        let entry = history.get(index).unwrap();
        let Record::Received(received) = entry.leaf.record else { return None };
        let header = sealpost_wire::envelope::header_from_bytes(&received.header).unwrap();
        let body = stored_body_from_bytes(&entry.body).unwrap();
        (header.id == message)
            .then(|| buckets.content_key(&body, &sha256(&received.header)).unwrap().as_bytes().to_vec())
    });
    let [file] = &buckets.list().unwrap()[..] else { panic!("one bucket") };
    let file = fs::read_to_string(data.join("buckets").join(format!("{file}.key"))).unwrap();
    let bucket_key = BASE64.decode(file.lines().nth(1).unwrap().as_bytes()).unwrap();
    assert_eq!(bucket_key.len(), 32);
    let as_text = BASE64.encode(&bucket_key).into_bytes();
    Forms::exactly(vec![bucket_key, as_text, content_key.unwrap()])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_over_takes_its_bodies_along_but_for_what_is_held() {
    let mut network = Network::start("erased").await;
    let (hk, de) = (network.desk(HK).await, network.desk(DE).await);
    let sent = ids(&hk.send_all("ending", (0..20).map(ending).collect()).await);
    de.receives_exactly(&sent).await;
    hk.are_delivered(&sent[..20]).await;
    let (gone, held) = (sent[0], sent[7]);
    let data = network.agency(DE).data.clone();

    // Before: the same search finds the clear text where it is worked on, and the keys in memory and on the disk.
    let clear = Arc::new(Forms::of(MARKER));
    scan::seen_while_read(&clear, &de, Direction::Received, network.pid(DE)).await;
    let index = de.gateway().get(held, None).await.unwrap().index.to_string();
    drop(de);
    assert_eq!(network.terminate(DE).await.code(), Some(0));
    let keys = keys(&data, gone);
    assert!(!scan::files(&keys, &data.join("buckets")).found.is_empty(), "the key is on the disk");
    let named = held.to_string();
    let hold = ["hold", &index, "--message", &named, "--reason", "Court order 12, by M. Sample (invented)"];
    let told = ledger(&network, &hold).await;
    assert!(told.contains(&held.to_string()), "{told}");
    assert!(ledger(&network, &["held"]).await.contains("Court order 12"));
    let orders: Value = serde_json::from_str(&ledger(&network, &["held", "--output", "json"]).await).unwrap();
    assert_eq!((&orders[0]["order"], &orders[0]["message"]), (&json!("hold"), &json!(named)));
    copy(&data.join("ledger"), &data.with_extension("backup"));

    // The month is over for it, and for whom it exchanges mail with.
    assert_eq!(network.terminate(HK).await.code(), Some(0));
    let ahead = this_month().1.plus(Duration::from_hours(2)).since(now());
    for agency in [HK, DE] {
        network.run_ahead(agency, ahead).await;
    }
    eventually("the key is destroyed", async || {
        network.log(DE).contains("the key was destroyed").then_some(()).ok_or("not yet")
    })
    .await;
    for forms in [&keys, clear.as_ref()] {
        let memory = scan::memory(forms, network.pid(DE));
        assert!(memory.bytes > 0 && memory.found.is_empty(), "in memory:\n{}", memory.found.join("\n"));
        for folder in [&data, &data.with_extension("backup"), &network.logs()] {
            let files = scan::files(forms, folder);
            assert!(files.bytes > 0 && files.found.is_empty(), "on the disk:\n{}", files.found.join("\n"));
        }
    }
    for agency in [HK, DE] {
        assert_eq!(network.terminate(agency).await.code(), Some(0));
    }

    network.run(DE).await;
    let de = network.desk(DE).await;
    let shown = de.gateway().get(gone, None).await.unwrap();
    assert_eq!((shown.alert, shown.held), (None, false));
    assert_eq!(shown.erased.unwrap().rule, "erasure.retention");
    let shown = de.gateway().get(held, None).await.unwrap();
    assert!(shown.held && shown.erased.is_none() && shown.alert.is_some(), "what is held is there");
    let verified: Value =
        serde_json::from_str(&ledger(&network, &["verify", "--output", "json"]).await).unwrap();
    assert_eq!(verified["bodies"], json!({ "messages": 20, "erased": 19, "held": 1 }));
    let kinds = &verified["kinds"];
    assert_eq!((&kinds["received"], &kinds["hold"], &kinds["erasure"]), (&json!(20), &json!(1), &json!(1)));
    let told = ledger(&network, &["verify"]).await;
    assert!(told.contains("20 bodies of messages: 19 erased, 1 held"), "{told}");
    assert!(told.contains(", 1 hold, ") && told.contains(", 20 received, "), "{told}");
    let officer = Officer::of(&network, DE);
    let told = officer.run(&["show", &gone.to_string()]).await;
    assert!(told.stdout.contains("its retention was over"), "{}", told.stdout);
    network.assert_ledger_sound(DE).await;
    drop(de);

    // Released, and erased before anything else of it would end.
    assert_eq!(network.terminate(DE).await.code(), Some(0));
    let release =
        ["release", &index, "--message", &named, "--reason", "Case closed, by M. Sample (invented)"];
    ledger(&network, &release).await;
    assert!(ledger(&network, &["held"]).await.contains("no legal hold"));
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_body_is_erased_before_its_time_and_the_others_stay() {
    let mut network = Network::start("erased-one").await;
    let hk = network.desk(HK).await;
    let sent = ids(&hk.send_all("all", (0..5).map(ending).collect()).await);
    let de = network.desk(DE).await;
    de.receives_exactly(&sent).await;
    let index = de.gateway().get(sent[2], None).await.unwrap().index.to_string();
    let config = network.agency(DE).config.to_str().unwrap().to_owned();
    let [message, other] = [sent[2], sent[3]].map(|message| message.to_string());
    let reason = network.agency(DE).data.with_extension("reason");
    fs::write(&reason, "Informant at risk (invented)\n").unwrap();
    let reason = reason.to_str().unwrap();
    let erase = ["ledger", "--config", &config, "erase", &index, "--reason-file", reason];
    let erase = [&erase[..], &["--message", &message]].concat();
    let refused = network.command("sealpost-node", &erase).await;
    assert_eq!(refused.code(), Some(1));
    assert!(refused.log.contains("stop its node first"), "{}", refused.log);
    drop(de);
    assert_eq!(network.terminate(DE).await.code(), Some(0));
    let mistyped = [&erase[..7], &["--message", &other]].concat();
    let mistyped = network.command("sealpost-node", &mistyped).await;
    assert_eq!(mistyped.code(), Some(1));
    assert!(mistyped.log.contains("nothing was ordered"), "{}", mistyped.log);
    let told = ledger(&network, &erase[3..]).await;
    assert!(told.contains("is erased"), "{told}");
    let again = network.command("sealpost-node", &erase).await;
    assert_eq!(again.code(), Some(1));
    assert!(again.log.contains("was erased before"), "{}", again.log);
    assert!(
        ledger(&network, &["orders"]).await.contains("Informant at risk"),
        "who reads the ledger is told why"
    );

    network.run(DE).await;
    let de = network.desk(DE).await;
    for (place, message) in sent.iter().enumerate() {
        let shown = de.gateway().get(*message, None).await.unwrap();
        assert_eq!(shown.alert.is_none(), place == 2, "message {place}");
        assert_eq!(
            shown.erased.map(|erased| erased.rule),
            (place == 2).then(|| "erasure.ordered".to_owned())
        );
    }
    network.assert_ledgers_sound().await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_does_not_start_without_the_keys_of_its_bodies() {
    let mut network = Network::start("keys-missing").await;
    let hk = network.desk(HK).await;
    let sent = hk.send(ending(1)).await.id;
    let de = network.desk(DE).await;
    de.receives_exactly(&[sent]).await;
    drop(de);
    assert_eq!(network.terminate(DE).await.code(), Some(0));
    let keys = network.agency(DE).data.join("buckets");
    let away = keys.with_extension("away");
    fs::rename(&keys, &away).unwrap();
    let config = network.agency(DE).config.to_str().unwrap().to_owned();
    let ended = network.command("sealpost-node", &["run", "--config", &config]).await;
    assert_eq!(ended.code(), Some(1));
    let bucket = format!("message.{}", this_month().0.month());
    assert!(ended.log.contains(&bucket) && ended.log.contains("put it back"), "{}", ended.log);

    // Lost for good: its operator says so, and the node goes on with what is left.
    fs::write(keys.join(format!("{bucket}.lost")), "").unwrap();
    network.run(DE).await;
    assert_eq!(network.desk(DE).await.gateway().get(sent, None).await.unwrap().alert, None);
    assert_eq!(network.terminate(DE).await.code(), Some(0));

    // Found again: it opens as before.
    fs::remove_dir_all(&keys).unwrap();
    fs::rename(&away, &keys).unwrap();
    network.run(DE).await;
    assert!(network.desk(DE).await.gateway().get(sent, None).await.unwrap().alert.is_some());
    network.end().await;
}
