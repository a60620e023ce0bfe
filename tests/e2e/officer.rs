//! An officer's day with the `sealpost` command.

use std::fs;
use std::path::Path;

use sealpost_wire::json::draft_to_string_pretty;
use serde_json::Value;

use crate::harness::{DE, HK, HUB, Network, Officer, TH, eventually, shipment};

fn write(network: &Network, name: &str, text: &str) -> String {
    let path = network.node_folder(HK).join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_goes_from_one_officers_file_to_anothers_screen_and_back_comes_read() {
    let network = Network::start("officer").await;
    let (hong_kong, germany) = (Officer::of(&network, HK), Officer::of(&network, DE));
    let draft = shipment(&[DE, TH], "FLASH", "an invented suitcase on belt 12");
    let file = write(&network, "alert.json", &draft_to_string_pretty(&draft));

    let sent = hong_kong.document(&["send", &file]).await;
    assert_eq!((&sent["result"], &sent["repeated"]), (&"published".into(), &false.into()));
    let id = sent["id"].as_str().unwrap();
    hong_kong.sees(id, &[(DE, "DELIVERED"), (TH, "DELIVERED")]).await;

    let inbox = germany.document(&["inbox", "--unread"]).await;
    assert_eq!((&inbox["id"], &inbox["sender"]), (&id.into(), &HK.into()));
    let shown = germany.run(&["show", id]).await;
    assert!(shown.stdout.contains("an invented suitcase on belt 12"), "{}", shown.stdout);
    assert!(germany.run(&["inbox"]).await.stdout.contains(id));
    germany.documents(&["ack", id]).await;
    hong_kong.sees(id, &[(DE, "READ"), (TH, "DELIVERED")]).await;
    assert_eq!(germany.documents(&["inbox", "--unread"]).await, Vec::<Value>::new());

    // The same file again is the same message.
    let again = hong_kong.document(&["send", &file]).await;
    assert_eq!((&again["id"], &again["repeated"]), (&id.into(), &true.into()));
    assert_eq!(germany.documents(&["watch", "--from", "0", "--once"]).await.len(), 1);
    let status = hong_kong.document(&["status"]).await;
    assert_eq!(status["agency"], HK);
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_told_with_its_exit_code() {
    let mut network = Network::make("officer-fails");
    network.run(HUB).await;
    network.run(DE).await;
    let fails = async |profile: &Path, arguments: &[&str], code: i32, expected: &str| {
        let officer = Officer { network: &network, profile: profile.to_owned() };
        let ended = officer.run(arguments).await;
        assert_eq!(ended.code(), Some(code), "sealpost {arguments:?}:\n{}{}", ended.stdout, ended.log);
        assert!(ended.log.contains(expected), "expected {expected} in:\n{}", ended.log);
    };
    let germany = Officer::of(&network, DE).profile;
    let text = |to| draft_to_string_pretty(&shipment(&[to], "FLASH", "never sent"));
    let to_thailand = write(&network, "to-thailand.json", &text(TH));
    fails(&germany, &["send", &to_thailand], 1, "agreement.none").await;
    let unknown = "0199a3f2-5b80-7c41-9f0e-2d5b7a1c4e61";
    fails(&germany, &["show", unknown], 1, unknown).await;

    // Hong Kong's node does not run.
    fails(&Officer::of(&network, HK).profile, &["status"], 3, "cannot be reached").await;

    // An auditor may not send.
    let auditor = &network.agency(DE).auditors[0];
    let profile = germany.parent().unwrap().join("auditor.toml");
    let told = fs::read_to_string(&germany).unwrap();
    let told: String = told
        .lines()
        .map(|line| match line.split(' ').next() {
            Some("certificate") => format!("certificate = {:?}\n", auditor.certificate),
            Some("key") => format!("key = {:?}\n", auditor.key),
            _ => format!("{line}\n"),
        })
        .collect();
    fs::write(&profile, told).unwrap();
    let to_hong_kong = write(&network, "to-hong-kong.json", &text(HK));
    fails(&profile, &["send", &to_hong_kong], 4, "caller.role").await;
    network.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_malformed_message_is_told_wherever_it_stands() {
    let mut network = Network::make("officer-malformed");
    network.run(HUB).await;
    network.run(HK).await;
    let officer = Officer::of(&network, HK);
    let malformed = r#"{"priority":"URGENT"}"#;

    // Alone in its file.
    let file = write(&network, "malformed.json", malformed);
    let ended = officer.run(&["send", &file]).await;
    assert_eq!(ended.code(), Some(1), "{}{}", ended.stdout, ended.log);
    assert!(ended.log.contains("line 1: tlp: "), "{}", ended.log);
    assert!(ended.log.contains("1 message: 0 published, 1 refused"), "{}", ended.log);
    let ended = officer.run(&["send", &file, "--output", "json"]).await;
    assert_eq!(ended.code(), Some(1), "{}{}", ended.stdout, ended.log);
    let told: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&told["line"], &told["result"]), (&1.into(), &"refused".into()));
    assert!(told["faults"].as_array().unwrap().iter().any(|fault| fault["path"] == "tlp"), "{told}");

    // The last one on a pipe, when everything before it was answered.
    let mut sending = officer.start(&["send", "-"]);
    let draft = serde_json::to_string(
        &serde_json::from_str::<Value>(&draft_to_string_pretty(&shipment(&[DE], "FLASH", "good"))).unwrap(),
    );
    sending.tell(&format!("{}\n", draft.unwrap()));
    eventually("the answer to the first line", async || {
        if sending.stdout().contains("line 1: ") { Ok(()) } else { Err(sending.log()) }
    })
    .await;
    sending.tell(malformed);
    let ended = sending.end().await;
    assert_eq!(ended.code(), Some(1), "{}{}", ended.stdout, ended.log);
    assert!(ended.log.contains("line 2: tlp: "), "{}", ended.log);
    assert!(ended.log.contains("2 messages: 1 published, 1 refused"), "{}", ended.log);
    network.end().await;
}
