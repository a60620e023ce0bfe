//! The ceremony as those who take part in it meet it: what each command says, and what it refuses before anybody signs.
//! That the result is installed by nodes is told in the end-to-end stories.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::desk::{Desk, ROSTER};

/// The page of a command, and those of all commands below it.
fn pages(desk: &Desk, command: &str, pages: &mut String) {
    let page = desk.done(&format!("{command} -h"));
    writeln!(pages, "=== {command}\n{page}").unwrap();
    let below = page.split_once("\nCommands:\n").map_or("", |(_, below)| below);
    let names = below.lines().take_while(|line| !line.is_empty());
    // A name stands two spaces in; what goes on below it, further.
    for name in names.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' '))) {
        let name = name.split_whitespace().next().unwrap();
        if name != "help" {
            self::pages(desk, &format!("{command} {name}"), pages);
        }
    }
}

#[test]
fn every_command_says_what_it_does() {
    let desk = Desk::empty();
    let mut told = String::new();
    pages(&desk, "directory", &mut told);
    for command in ["directory rotate-key hub", "directory propose operation", "directory details"] {
        assert!(told.contains(&format!("=== {command}\n")), "{command} is not found");
    }
    insta::assert_snapshot!("directory-help", told);
}

#[test]
fn a_draft_tells_how_many_signed_and_who_is_missing() {
    let desk = Desk::with_network();
    desk.done("directory renew --valid-for 30 --base v1 --draft next");
    desk.sign("next", "v1", &[2, 4]);
    let told = desk.json("directory show next --base v1");
    let quorum = &told["signatures"][0];
    assert_eq!((&told["complete"], &quorum["threshold"]), (&false.into(), &3.into()));
    let missing: Vec<_> =
        quorum["missing"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    let expected = [1, 3, 5].map(|key| desk.key(&format!("net/authority/key-{key}.pem")).0);
    assert_eq!(missing, expected);
    let text = desk.done("directory show next --base v1");
    assert!(text.contains("Signed by 2 of the authority of version 1, which asks for 3: too few"), "{text}");
    assert!(text.contains(&format!("  missing     key {}\n", expected[2])), "{text}");

    let told = desk.refused("directory sign next --base v1 --key net/authority/key-2.pem");
    assert!(told.contains("has signed already"), "{told}");
    let told = desk.refused("directory sign next --base v1 --key net/nodes/HK-CED/signing.pem");
    assert!(told.contains("is a key of HK-CED's node, expected one of the authority's keys"), "{told}");
    let zeros = "0".repeat(64);
    let told = desk
        .refused(&format!("directory sign next --base v1 --key net/authority/key-1.pem --digest {zeros}"));
    assert!(told.contains(&format!("expected {zeros}")), "{told}");
    let digest = told.split_whitespace().nth(6).unwrap().trim_end_matches(',').to_owned();
    desk.done(&format!("directory sign next --base v1 --key net/authority/key-1.pem --digest {digest}"));
    assert_eq!(desk.json("directory show next --base v1")["complete"], true);
    let text = desk.done("directory show next --base v1");
    assert!(
        text.contains(&format!("  not needed  key {}\n", expected[1])) && !text.contains("missing"),
        "{text}"
    );

    let changed = desk.json("directory renew --valid-for 31 --base v1 --draft next");
    assert_eq!(changed["dropped_signatures"], 3, "a change is over other bytes");
    assert_eq!(
        desk.json("directory show next --base v1")["signatures"][0]["missing"].as_array().unwrap().len(),
        5
    );
}

#[test]
fn a_draft_that_was_changed_under_its_signatures_is_refused() {
    let desk = Desk::with_network();
    desk.done("directory renew --valid-for 30 --base v1 --draft next");
    desk.sign("next", "v1", &[1]);
    let path = desk.path().join("next");
    let mut bytes = fs::read(&path).unwrap();
    let name = bytes.windows(15).position(|text| text == b"Zollkriminalamt").unwrap();
    bytes[name] = b'X';
    fs::write(&path, bytes).unwrap();
    for command in
        ["show next --base v1", "sign next --base v1 --key net/authority/key-2.pem", "diff next --base v1"]
    {
        let told = desk.refused(&format!("directory {command}"));
        assert!(told.contains("does not hold") && told.contains("directory.authority"), "{told}");
    }
}

#[test]
fn an_agreement_is_signed_by_its_parties_alone_and_by_all_of_them() {
    let desk = Desk::with_network();
    desk.done("directory propose agreement terms.toml --directory v1 --out agreement.pem");
    let told = desk.refused("directory add-agreement agreement.pem --base v1 --draft next");
    assert!(told.contains("rule directory.agreement") && told.contains("at DE-ZKA"), "{told}");
    assert!(!desk.path().join("next").exists(), "nothing is begun by what is refused");
    for stranger in ["net/authority/key-1.pem", "net/roots/HK.key.pem", "net/hub/signing.pem"] {
        let told = desk.refused(&format!("directory endorse agreement.pem --key {stranger} --directory v1"));
        assert!(told.contains("signed by the nodes of DE-ZKA, HK-CED"), "{told}");
        assert!(told.contains("what to do: sign where one of those keys lies"), "{told}");
    }
    desk.done("directory endorse agreement.pem --key net/nodes/DE-ZKA/signing.pem --directory v1");
    let told = desk.refused("directory add-agreement agreement.pem --base v1 --draft next");
    assert!(told.contains("of its party HK-CED"), "{told}");
    desk.done("directory endorse agreement.pem --key net/nodes/HK-CED/signing.pem --directory v1");
    let changed = desk.json("directory add-agreement agreement.pem --base v1 --draft next");
    let added =
        changed["changes"].as_array().unwrap().iter().find(|change| change["change"] == "added").unwrap();
    assert_eq!((&added["what"], &added["name"]), (&"agreement".into(), &"HK-DE-2026".into()));
    let told = desk.refused("directory add-agreement agreement.pem --base v1 --draft next");
    assert!(told.contains("listed twice") && told.contains("revoke --agreement HK-DE-2026"), "{told}");
    let text = desk.done("directory diff next --base v1");
    assert!(text.contains("+ agreement HK-DE-2026: \"Invented\" between DE-ZKA, HK-CED"), "{text}");
}

#[test]
fn a_revocation_is_for_ever_and_a_draft_of_another_version_is_told() {
    let desk = Desk::with_network();
    let key = desk.key("net/nodes/DE-ZKA/signing.pem").0;
    desk.done("directory renew --valid-for 30 --base v1 --draft other");
    desk.done(&format!("directory revoke --key {key} --reason superseded --base v1 --draft v2"));
    let told = desk.refused(&format!("directory revoke --key {key} --reason cessation --base v1 --draft v2"));
    assert!(told.contains("revoked already"), "{told}");
    let unknown = "1".repeat(64);
    let told =
        desk.refused(&format!("directory revoke --key {unknown} --reason cessation --base v1 --draft v2"));
    assert!(told.contains("no key of this directory has the id"), "{told}");
    desk.sign("v2", "v1", &[1, 2, 3]);

    // A draft that follows the first version knows nothing of the second, nor of what that revokes.
    for command in [
        "sign other --base v2 --key net/authority/key-1.pem",
        "show other --base v2",
        "renew --valid-for 9 --base v2 --draft other",
    ] {
        let told = desk.refused(&format!("directory {command}"));
        assert!(told.contains("directory.chain") && told.contains("begin it anew"), "{told}");
    }
    let carried = desk.json("directory renew --valid-for 30 --base v2 --draft v3");
    assert_eq!(carried["version"], 3);
    assert_eq!(desk.json("directory show v3 --base v2")["revocations"][0]["key"], key.as_str());
}

#[test]
fn an_agency_comes_with_its_keys_and_its_own_jurisdiction() {
    let desk = Desk::with_network();
    desk.done(
        "directory propose signing-key --agency HK-POL --new pol.pem --plain --days 30 --out pol-signing.pem",
    );
    desk.done("directory propose sealing-key --agency HK-POL --new pol-seal.pem --plain --epoch 1 --days 30 --key pol.pem --out pol-sealing.pem");
    let add = "directory add-agency HK-POL --name Police --base v1 --draft next --key pol-signing.pem";
    let told = desk.refused(add);
    assert!(told.contains("1 signing and 0 sealing keys") && told.contains("propose sealing-key"), "{told}");
    let told = desk.refused(&format!("{add} --key pol-sealing.pem"));
    assert!(told.contains("directory.signing_key") && told.contains("HK.key.pem"), "{told}");
    desk.done("directory endorse pol-signing.pem --key net/roots/HK.key.pem --directory v1");
    let told =
        desk.refused(&format!("{add} --key pol-sealing.pem --root net/roots/HK.pem --jurisdiction Hong"));
    assert!(told.contains("jurisdiction HK is listed already"), "{told}");
    desk.done(&format!("{add} --key pol-sealing.pem"));
    assert_eq!(desk.json("directory show next --base v1")["agencies"].as_array().unwrap().len(), 3);
    let told =
        desk.refused("directory add-agency DE-ZKA --name Again --key pol-signing.pem --base v1 --draft next");
    assert!(told.contains("listed already") && told.contains("rotate-key"), "{told}");

    let other = "directory add-agency TH-TCD --name Thailand --base v1 --draft next --key th-1 --key th-2";
    desk.done("directory propose signing-key --agency TH-TCD --new th.pem --plain --days 30 --out th-1");
    desk.done("directory propose sealing-key --agency TH-TCD --new th-seal.pem --plain --epoch 1 --days 30 --key th.pem --out th-2");
    let told = desk.refused(other);
    assert!(told.contains("its jurisdiction TH is not") && told.contains("--root TH.pem"), "{told}");
}

#[test]
fn it_is_told_by_whose_keys_a_version_was_judged() {
    let desk = Desk::with_network();
    for (base, next) in [("v1", "v2"), ("v2", "v3")] {
        desk.done(&format!("directory renew --valid-for 30 --base {base} --draft {next}"));
        desk.sign(next, base, &[1, 2, 3]);
    }
    let told = desk.json("directory show v2");
    assert_eq!((&told["judged"]["by"], &told["judged"]["base_version"]), (&"itself".into(), &Value::Null));
    let text = desk.done("directory show v2");
    assert!(text.contains("Judged by itself: by the authority and the roots that it lists itself"), "{text}");
    let told = desk.json("directory show v2 --base v1");
    assert_eq!((&told["judged"]["by"], &told["judged"]["base_version"]), (&"base".into(), &1.into()));
    let text = desk.done("directory diff v2 --base v1");
    assert!(text.contains("Judged as the successor of version 1"), "{text}");

    // Neither the version after the next one nor an earlier one follows from the base.
    for (version, base, number) in [("v3", "v1", 1), ("v1", "v3", 3)] {
        let told = desk.json(&format!("directory diff {version} --base {base}"));
        assert_eq!(
            (&told["judged"]["by"], &told["judged"]["base_version"]),
            (&"itself".into(), &number.into())
        );
        assert_eq!(told["changes"][0]["what"], "version");
        let text = desk.done(&format!("directory diff {version} --base {base}"));
        let expected = format!("Judged by itself, since it does not follow version {number} directly");
        assert!(text.contains(&expected), "{text}");
    }

    // A stranger's network of the same name: its own keys are enough for itself, and for nobody who has a base.
    desk.done("network init --roster roster.toml --out forged");
    fs::copy(desk.path().join("forged/directory.bin"), desk.path().join("f1")).unwrap();
    for (base, next) in [("f1", "f2"), ("f2", "f3")] {
        desk.done(&format!("directory renew --valid-for 30 --base {base} --draft {next}"));
        for key in 1..=3 {
            desk.done(&format!("directory sign {next} --base {base} --key forged/authority/key-{key}.pem"));
        }
    }
    let told = desk.json("directory diff f3 --base v1");
    assert_eq!(told["judged"]["by"], "itself");
    let quorums = told["signatures"].as_array().unwrap();
    assert_eq!(quorums[0]["authority_of_version"], 1);
    assert!(quorums[0]["signed"].as_array().unwrap().is_empty(), "nobody of the authority that is known");
    let text = desk.done("directory diff f3 --base v1");
    assert!(text.contains("Signed by 0 of the authority of version 1, which asks for 3: too few"), "{text}");
    let told = desk.refused("directory diff f2 --base v1");
    assert!(told.contains("directory.chain"), "{told}");

    let other = ROSTER.replace("ceremony.sealpost", "other.sealpost");
    fs::write(desk.path().join("other.toml"), other).unwrap();
    desk.done("network init --roster other.toml --out other");
    let told = desk.refused("directory diff other/directory.bin --base v1");
    assert!(told.contains("other.sealpost"), "{told}");
}

#[test]
fn whoever_repeats_a_step_is_told_that_nothing_is_left_to_do() {
    let desk = Desk::with_network();
    desk.done(
        "directory propose sealing-key --agency HK-CED --new seal.pem --plain --epoch 2 --days 30 \
         --key net/nodes/HK-CED/signing.pem --out seal-2",
    );
    desk.done("directory new-key key-6.pem --plain");
    let (id, public) = desk.key("key-6.pem");
    for (step, fault) in [
        ("sealing seal-2".to_owned(), "would change nothing"),
        (format!("authority --add {public} --id {id}"), "rule directory.key"),
    ] {
        let rotate = format!("directory rotate-key {step} --base v1 --draft v2");
        desk.done(&rotate);
        let told = desk.refused(&rotate);
        assert!(told.contains(fault) && told.contains("nothing is left to do"), "{told}");
    }
    let told = desk.refused("directory show v1 --base v1");
    assert!(told.contains("--base is version 1 already") && told.contains("the version before"), "{told}");
    fs::write(desk.path().join("bad.toml"), "id = \"HK-DE-2027\"").unwrap();
    let told = desk.ended(2, "directory propose agreement bad.toml --directory v1 --out agreement.pem");
    assert!(told.contains("error: bad.toml has ") && !told.contains("roster"), "{told}");
}
