//! Revoking, and reading of it: whose keys, what they signed, and what never comes back.

use crate::desk::Desk;

impl Desk {
    /// Lists the agreement of `terms.toml` in a draft of the second version, and signs that as `v2`.
    fn with_agreement(&self) {
        self.done("directory propose agreement terms.toml --directory v1 --out agreement.pem");
        for agency in ["DE-ZKA", "HK-CED"] {
            let key = format!("net/nodes/{agency}/signing.pem");
            self.done(&format!("directory endorse agreement.pem --key {key} --directory v1"));
        }
        self.done("directory add-agreement agreement.pem --base v1 --draft v2");
        self.sign("v2", "v1", &[1, 2, 3]);
    }
}

#[test]
fn whose_keys_a_draft_revokes_is_told_and_a_stopped_agency_does_not_look_sound() {
    let desk = Desk::with_network();
    desk.done("directory revoke --agency HK-CED --reason cessation --base v1 --draft v2");
    let text = desk.done("directory diff v2 --base v1");
    let node = desk.key("net/nodes/HK-CED/signing.pem").0;
    let line = text.lines().find(|line| line.contains(&format!("revocation {node}"))).unwrap();
    assert!(line.ends_with("; signing key of HK-CED for node"), "{line}");
    assert!(text.contains("; sealing key of HK-CED, epoch 1\n"), "{text}");

    let shown = desk.done("directory show v2 --base v1");
    let row = |text: &str, agency: &str| {
        text.lines().find(|line| line.starts_with(&format!(" {agency}"))).unwrap().to_owned()
    };
    let stopped = row(&shown, "HK-CED");
    assert_eq!(stopped.matches("0 (1 revoked)").count(), 2, "{stopped}");
    let before = row(&desk.done("directory show v1"), "HK-CED");
    let until = before.split_whitespace().last().unwrap();
    assert!(until.ends_with('Z') && !stopped.contains(until), "to nobody is sealed any more: {stopped}");
    assert!(shown.contains("signing key of HK-CED for node"), "{shown}");
}

#[test]
fn roots_and_keys_of_authority_and_hub_are_shown_to_be_compared() {
    let desk = Desk::with_network();
    let text = desk.done("directory show v1");
    let told = desk.json("directory show v1");
    for (file, found) in [
        (
            "HK",
            &told["jurisdictions"].as_array().unwrap().iter().find(|one| one["code"] == "HK").unwrap()["root"],
        ),
        ("operator", &told["operator_root"]),
    ] {
        let der =
            sealpost_crypto::x509::read_certificates(&desk.path().join(format!("net/roots/{file}.pem")));
        let fingerprint = sealpost_crypto::digest::sha256(&der.unwrap()[0]).to_string();
        assert_eq!(found, &fingerprint);
        assert!(text.contains(&fingerprint), "{text}");
    }
    for key in 1..=5 {
        let id = desk.key(&format!("net/authority/key-{key}.pem")).0;
        assert_eq!(told["authority_keys"][key - 1], id);
        assert!(text.contains(&id), "{text}");
    }
    let hub = desk.key("net/hub/signing.pem").0;
    assert!(told["hub_keys"][0] == hub && text.contains(&hub), "{text}");
}

#[test]
fn what_a_stolen_key_signed_is_told_when_it_is_declared_compromised() {
    let desk = Desk::with_network();
    desk.with_agreement();
    let key = desk.key("net/nodes/HK-CED/signing.pem").0;
    let sealing = desk.json("directory show v2 --base v1")["agencies"][1]["sealing_keys"][0]["id"].clone();
    let sealing = sealing.as_str().unwrap();
    let revoke = format!("directory revoke --key {key} --base v2");
    // Superseded by another one, everybody has it in hand: nothing is doubtful.
    let told = desk.json(&format!("{revoke} --reason superseded --draft v3"));
    assert!(told["signed_by_compromised_keys"].as_array().unwrap().is_empty(), "{told}");
    let told = desk.done(&format!("{revoke} --reason compromised --draft stolen"));
    for (what, how) in [
        ("agreement HK-DE-2026", "`directory revoke --agreement HK-DE-2026`".to_owned()),
        ("of HK-CED, epoch 1", format!("`directory revoke --key {sealing} --reason compromised`")),
    ] {
        assert!(told.contains(what) && told.contains(&how), "{told}");
    }
    // It is told as long as it stands.
    let told =
        desk.done(&format!("directory revoke --key {sealing} --reason compromised --base v2 --draft stolen"));
    assert!(!told.contains("epoch 1: `") && told.contains("--agreement HK-DE-2026"), "{told}");

    // That a key is stolen may be found out after it was superseded.
    desk.sign("v3", "v2", &[1, 2, 3]);
    let told = desk.json(&format!("directory revoke --key {key} --reason compromised --base v3 --draft v4"));
    let changes = told["changes"].as_array().unwrap();
    let changed = changes.iter().find(|change| change["what"] == "revocation").unwrap();
    let since = |side: &str| changed[side].as_str().unwrap().split_once(", ").unwrap().1.to_owned();
    assert_eq!(changed["change"], "changed");
    assert!(changed["after"].as_str().unwrap().starts_with("compromised"), "{changed}");
    assert_eq!(since("before"), since("after"), "its time stays");
    let told =
        desk.refused(&format!("directory revoke --key {key} --reason superseded --base v3 --draft v4"));
    assert!(told.contains("revoked already"), "{told}");
}

#[test]
fn an_agreement_that_ended_is_withdrawn_by_itself_and_never_comes_back() {
    let desk = Desk::with_network();
    desk.with_agreement();
    let digest = desk.json("directory show agreement.pem")["digest"].clone();
    let told = desk.done("directory revoke --agreement HK-DE-2026 --base v2 --draft v3");
    assert!(told.contains(&format!("+ withdrawal {}", digest.as_str().unwrap())), "{told}");
    // Until it is published it is only a draft.
    desk.done("directory add-agreement agreement.pem --base v2 --draft v3");
    assert!(desk.json("directory show v3 --base v2")["withdrawn"].as_array().unwrap().is_empty());
    desk.done("directory revoke --agreement HK-DE-2026 --base v2 --draft v3");
    desk.sign("v3", "v2", &[1, 2, 3]);
    assert_eq!(desk.json("directory show v3 --base v2")["withdrawn"][0], digest);

    let told = desk.refused("directory add-agreement agreement.pem --base v3 --draft v4");
    assert!(told.contains("rule directory.agreement") && told.contains("it never comes back"), "{told}");
    assert!(told.contains("signs it anew"), "{told}");
    desk.done("directory renew --valid-for 30 --base v3 --draft v4");
    assert_eq!(desk.json("directory show v4 --base v3")["withdrawn"][0], digest, "carried on");
}

#[test]
fn a_key_of_the_authority_is_listed_with_its_id_and_no_id_is_taken_for_a_key() {
    let desk = Desk::with_network();
    desk.done("directory new-key net/authority/key-6.pem --plain");
    let (id, public) = desk.key("net/authority/key-6.pem");
    for holder in ["authority", "hub"] {
        let rotate =
            |arguments: &str| format!("directory rotate-key {holder} {arguments} --base v1 --draft {holder}");
        let told = desk.refused(&rotate(&format!("--add {id} --id {id}")));
        assert!(told.contains("expected") && told.contains("`directory whose` tells them"), "{told}");
        let told = desk.refused(&rotate(&format!("--add {public} --add {public} --id {id}")));
        assert!(told.contains("found 1 --id, expected 2"), "{told}");
        assert_eq!(desk.run(&rotate(&format!("--add {public}"))).status.code(), Some(2), "--id is asked for");
        desk.done(&rotate(&format!("--add {public} --id {id}")));
    }
}
