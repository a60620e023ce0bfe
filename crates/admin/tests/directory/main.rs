//! The ceremony as those who take part in it meet it: what each command says, and what it refuses before anybody signs.
//! That the result is installed by nodes is told in the end-to-end stories.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

mod revoking;
mod statements;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sealpost-admin");

const ROSTER: &str = r#"
network = "ceremony.sealpost"
[hub]
name = "main"
operators = ["ops"]
[authority]
keys = 5
threshold = 3
[[jurisdictions]]
code = "HK"
name = "Hong Kong"
[[jurisdictions]]
code = "DE"
name = "Germany"
[[agencies]]
id = "HK-CED"
name = "Hong Kong Customs and Excise Department"
officers = ["desk-1"]
[[agencies]]
id = "DE-ZKA"
name = "Zollkriminalamt"
"#;

const AGREEMENT: &str = r#"
id = "HK-DE-2026"
title = "Invented"
parties = ["HK-CED", "DE-ZKA"]
from = 2026-01-01T00:00:00Z
"#;

/// A folder with a network in `net` and the version in force in `v1`.
struct Table(TempDir);

impl Table {
    fn new() -> Self {
        let table = Self(tempfile::tempdir().unwrap());
        fs::write(table.path().join("roster.toml"), ROSTER).unwrap();
        fs::write(table.path().join("terms.toml"), AGREEMENT).unwrap();
        table.done("network init --roster roster.toml --out net");
        fs::copy(table.path().join("net/directory.bin"), table.path().join("v1")).unwrap();
        table
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &str) -> Output {
        let arguments = arguments.split_whitespace();
        Command::new(PROGRAM)
            .args(arguments)
            .current_dir(self.path())
            .env_remove("COLUMNS")
            .env_remove("SEALPOST_PASSPHRASE")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Something that has to succeed; what it tells.
    fn done(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{arguments} --output json"))).unwrap()
    }

    /// Something that has to be refused; what it tells.
    fn refused(&self, arguments: &str) -> String {
        self.ended(1, arguments)
    }

    /// Something that ends with this code; what it tells.
    fn ended(&self, code: i32, arguments: &str) -> String {
        let output = self.run(arguments);
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}\n{told}");
        told
    }

    /// A file of mode 0600 with a passphrase.
    fn passphrase(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The id of a key, and its public half.
    fn key(&self, file: &str) -> (String, String) {
        let told = self.json(&format!("directory whose --key {file}"));
        (told["id"].as_str().unwrap().to_owned(), told["public"].as_str().unwrap().to_owned())
    }

    /// Signs a draft with these keys of the authority.
    fn sign(&self, draft: &str, base: &str, keys: &[u32]) {
        for key in keys {
            self.done(&format!("directory sign {draft} --base {base} --key net/authority/key-{key}.pem"));
        }
    }
}

#[test]
fn every_command_says_what_it_does() {
    let table = Table(tempfile::tempdir().unwrap());
    let mut pages = String::new();
    for command in [
        "",
        "show",
        "diff",
        "whose",
        "new-key",
        "propose",
        "propose signing-key",
        "propose sealing-key",
        "propose agreement",
        "propose operation",
        "endorse",
        "add-agency",
        "add-agreement",
        "add-operation",
        "rotate-key",
        "rotate-key signing",
        "rotate-key authority",
        "revoke",
        "renew",
        "sign",
        "publish",
        "details",
    ] {
        let page = table.done(&format!("directory {command} -h"));
        writeln!(pages, "=== directory {command}\n{page}").unwrap();
    }
    insta::assert_snapshot!("directory-help", pages);
}

#[test]
fn a_draft_tells_how_many_signed_and_who_is_missing() {
    let table = Table::new();
    table.done("directory renew --valid-for 30 --base v1 --draft next");
    table.sign("next", "v1", &[2, 4]);
    let told = table.json("directory show next --base v1");
    let quorum = &told["signatures"][0];
    assert_eq!((&told["complete"], &quorum["threshold"]), (&false.into(), &3.into()));
    let missing: Vec<_> =
        quorum["missing"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    let expected = [1, 3, 5].map(|key| table.key(&format!("net/authority/key-{key}.pem")).0);
    assert_eq!(missing, expected);
    let text = table.done("directory show next --base v1");
    assert!(text.contains("Signed by 2 of the authority of version 1, which asks for 3: too few"), "{text}");
    assert!(text.contains(&format!("missing  key 5  {}", expected[2])), "{text}");

    let told = table.refused("directory sign next --base v1 --key net/authority/key-2.pem");
    assert!(told.contains("has signed already"), "{told}");
    let told = table.refused("directory sign next --base v1 --key net/nodes/HK-CED/signing.pem");
    assert!(told.contains("is a key of HK-CED's node, expected one of the authority's keys"), "{told}");
    let zeros = "0".repeat(64);
    let told = table
        .refused(&format!("directory sign next --base v1 --key net/authority/key-1.pem --digest {zeros}"));
    assert!(told.contains(&format!("expected {zeros}")), "{told}");
    let digest = told.split_whitespace().nth(6).unwrap().trim_end_matches(',').to_owned();
    table.done(&format!("directory sign next --base v1 --key net/authority/key-1.pem --digest {digest}"));
    assert_eq!(table.json("directory show next --base v1")["complete"], true);

    let changed = table.json("directory renew --valid-for 31 --base v1 --draft next");
    assert_eq!(changed["dropped_signatures"], 3, "a change is over other bytes");
    assert_eq!(
        table.json("directory show next --base v1")["signatures"][0]["missing"].as_array().unwrap().len(),
        5
    );
}

#[test]
fn a_draft_that_was_changed_under_its_signatures_is_refused() {
    let table = Table::new();
    table.done("directory renew --valid-for 30 --base v1 --draft next");
    table.sign("next", "v1", &[1]);
    let path = table.path().join("next");
    let mut bytes = fs::read(&path).unwrap();
    let name = bytes.windows(15).position(|text| text == b"Zollkriminalamt").unwrap();
    bytes[name] = b'X';
    fs::write(&path, bytes).unwrap();
    for command in
        ["show next --base v1", "sign next --base v1 --key net/authority/key-2.pem", "diff next --base v1"]
    {
        let told = table.refused(&format!("directory {command}"));
        assert!(told.contains("does not hold") && told.contains("directory.authority"), "{told}");
    }
}

#[test]
fn an_agreement_is_signed_by_its_parties_alone_and_by_all_of_them() {
    let table = Table::new();
    table.done("directory propose agreement terms.toml --directory v1 --out agreement.pem");
    let told = table.refused("directory add-agreement agreement.pem --base v1 --draft next");
    assert!(told.contains("rule directory.agreement") && told.contains("at DE-ZKA"), "{told}");
    assert!(!table.path().join("next").exists(), "nothing is begun by what is refused");
    for stranger in ["net/authority/key-1.pem", "net/roots/HK.key.pem", "net/hub/signing.pem"] {
        let told = table.refused(&format!("directory endorse agreement.pem --key {stranger} --directory v1"));
        assert!(told.contains("signed by the nodes of DE-ZKA, HK-CED"), "{told}");
    }
    table.done("directory endorse agreement.pem --key net/nodes/DE-ZKA/signing.pem --directory v1");
    let told = table.refused("directory add-agreement agreement.pem --base v1 --draft next");
    assert!(told.contains("of its party HK-CED"), "{told}");
    table.done("directory endorse agreement.pem --key net/nodes/HK-CED/signing.pem --directory v1");
    let changed = table.json("directory add-agreement agreement.pem --base v1 --draft next");
    let added =
        changed["changes"].as_array().unwrap().iter().find(|change| change["change"] == "added").unwrap();
    assert_eq!((&added["what"], &added["name"]), (&"agreement".into(), &"HK-DE-2026".into()));
    let told = table.refused("directory add-agreement agreement.pem --base v1 --draft next");
    assert!(told.contains("listed twice") && told.contains("revoke --agreement HK-DE-2026"), "{told}");
    let text = table.done("directory diff next --base v1");
    assert!(text.contains("+ agreement HK-DE-2026: \"Invented\" between DE-ZKA, HK-CED"), "{text}");
}

#[test]
fn a_jurisdiction_signs_for_its_own_agencies_and_for_none_behind_their_back() {
    let table = Table::new();
    table.done("directory propose signing-key --agency HK-CED --new new.pem --plain --days 30 --out key.pem");
    let told = table.refused("directory rotate-key signing key.pem --base v1 --draft next");
    assert!(told.contains("not signed by the root of HK") && told.contains("HK.key.pem"), "{told}");
    let told = table.refused("directory endorse key.pem --key net/roots/DE.key.pem --directory v1");
    assert!(told.contains("is the root of DE") && told.contains("signed by the root of HK"), "{told}");
    table.done("directory endorse key.pem --key net/roots/HK.key.pem --directory v1");
    let told = table.refused("directory rotate-key signing key.pem --base v1 --draft next");
    assert!(told.contains("not signed by a key of HK-CED's node that is in use"), "{told}");
    assert!(told.contains("at HK-CED") && told.contains("directory revoke --key"), "{told}");

    // Vouched for by the present key; or, where that is lost, in a version that revokes it.
    let old = table.key("net/nodes/HK-CED/signing.pem").0;
    table.done(&format!("directory revoke --key {old} --reason compromised --base v1 --draft lost"));
    table.done("directory rotate-key signing key.pem --base v1 --draft lost");
    table.done("directory endorse key.pem --key net/nodes/HK-CED/signing.pem --directory v1");
    table.done("directory rotate-key signing key.pem --base v1 --draft next");
    let text = table.done("directory diff lost --base v1");
    assert!(text.contains(&format!("+ revocation {old}: compromised")), "{text}");
}

#[test]
fn a_revocation_is_for_ever_and_a_draft_of_another_version_is_told() {
    let table = Table::new();
    let key = table.key("net/nodes/DE-ZKA/signing.pem").0;
    table.done("directory renew --valid-for 30 --base v1 --draft other");
    table.done(&format!("directory revoke --key {key} --reason superseded --base v1 --draft v2"));
    let told =
        table.refused(&format!("directory revoke --key {key} --reason cessation --base v1 --draft v2"));
    assert!(told.contains("revoked already"), "{told}");
    let unknown = "1".repeat(64);
    let told =
        table.refused(&format!("directory revoke --key {unknown} --reason cessation --base v1 --draft v2"));
    assert!(told.contains("no key of this directory has the id"), "{told}");
    table.sign("v2", "v1", &[1, 2, 3]);

    // A draft that follows the first version knows nothing of the second, nor of what that revokes.
    for command in [
        "sign other --base v2 --key net/authority/key-1.pem",
        "show other --base v2",
        "renew --valid-for 9 --base v2 --draft other",
    ] {
        let told = table.refused(&format!("directory {command}"));
        assert!(told.contains("directory.chain") && told.contains("begin it anew"), "{told}");
    }
    let carried = table.json("directory renew --valid-for 30 --base v2 --draft v3");
    assert_eq!(carried["version"], 3);
    assert_eq!(table.json("directory show v3 --base v2")["revocations"][0]["key"], key.as_str());
}

#[test]
fn three_of_five_replace_two_and_the_next_version_asks_the_old_and_the_new() {
    let table = Table::new();
    for key in [6, 7] {
        table.done(&format!("directory new-key net/authority/key-{key}.pem --plain"));
    }
    let lost = table.key("net/authority/key-5.pem").0;
    let [(six_id, six), (seven_id, seven)] =
        [6, 7].map(|key| table.key(&format!("net/authority/key-{key}.pem")));
    table.done(&format!("directory revoke --key {lost} --reason compromised --base v1 --draft v2"));
    table.done(&format!(
        "directory rotate-key authority --add {six} --id {six_id} --add {seven} --id {seven_id} --threshold 4 --base v1 --draft v2"
    ));
    table.sign("v2", "v1", &[1, 2, 6, 7]);
    let told = table.json("directory show v2 --base v1");
    assert_eq!(told["complete"], false, "two of the old authority are not enough");
    table.sign("v2", "v1", &[3]);
    let told = table.json("directory show v2 --base v1");
    assert_eq!(told["complete"], true);
    let signed = |place: usize| told["signatures"][place]["signed"].as_array().unwrap().len();
    assert_eq!((signed(0), signed(1)), (3, 5));

    // Nobody listens there.
    let port = nobody();
    let output = table.run(&format!(
        "directory publish v2 --base v1 --hub 127.0.0.1:{port} --crls net/crls \
         --certificate net/operators/ops/certificate.pem --key net/operators/ops/key.pem"
    ));
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{told}");
    assert!(told.contains("the hub did not take the version") && told.contains("what to do:"), "{told}");
}

#[test]
fn an_agency_comes_with_its_keys_and_its_own_jurisdiction() {
    let table = Table::new();
    table.done(
        "directory propose signing-key --agency HK-POL --new pol.pem --plain --days 30 --out pol-signing.pem",
    );
    table.done("directory propose sealing-key --agency HK-POL --new pol-seal.pem --plain --epoch 1 --days 30 --key pol.pem --out pol-sealing.pem");
    let add = "directory add-agency HK-POL --name Police --base v1 --draft next --key pol-signing.pem";
    let told = table.refused(add);
    assert!(told.contains("1 signing and 0 sealing keys") && told.contains("propose sealing-key"), "{told}");
    let told = table.refused(&format!("{add} --key pol-sealing.pem"));
    assert!(told.contains("directory.signing_key") && told.contains("HK.key.pem"), "{told}");
    table.done("directory endorse pol-signing.pem --key net/roots/HK.key.pem --directory v1");
    let told =
        table.refused(&format!("{add} --key pol-sealing.pem --root net/roots/HK.pem --jurisdiction Hong"));
    assert!(told.contains("jurisdiction HK is listed already"), "{told}");
    table.done(&format!("{add} --key pol-sealing.pem"));
    assert_eq!(table.json("directory show next --base v1")["agencies"].as_array().unwrap().len(), 3);
    let told = table
        .refused("directory add-agency DE-ZKA --name Again --key pol-signing.pem --base v1 --draft next");
    assert!(told.contains("listed already") && told.contains("rotate-key"), "{told}");

    let other = "directory add-agency TH-TCD --name Thailand --base v1 --draft next --key th-1 --key th-2";
    table.done("directory propose signing-key --agency TH-TCD --new th.pem --plain --days 30 --out th-1");
    table.done("directory propose sealing-key --agency TH-TCD --new th-seal.pem --plain --epoch 1 --days 30 --key th.pem --out th-2");
    let told = table.refused(other);
    assert!(told.contains("its jurisdiction TH is not") && told.contains("--root TH.pem"), "{told}");
}

#[test]
fn revocation_lists_that_go_with_a_version_are_compared_with_those_in_force() {
    let table = Table::new();
    table.done("directory renew --valid-for 30 --base v1 --draft next");
    let same = table.done("directory diff next --base v1 --crls net/crls --list net/crls/HK.crl");
    assert!(!same.contains("revocation list"), "{same}");
    fs::create_dir(table.path().join("none")).unwrap();
    let new = table.done("directory diff next --base v1 --crls none --list net/crls/HK.crl");
    assert!(
        new.contains("+ revocation list HK: number 1, issued ") && new.contains("revokes nothing"),
        "{new}"
    );
    fs::write(table.path().join("no.crl"), b"no list").unwrap();
    let told = table.refused("directory diff next --base v1 --crls none --list no.crl");
    assert!(told.contains("no revocation list"), "{told}");

    // Hub and nodes would refuse it: begun anew, where there is one.
    let root = "--root net/roots/HK.pem --root-key net/roots/HK.key.pem --days 30";
    let made = table.done(&format!("crl new {root} --out anew.crl"));
    assert!(made.contains("for a root that has no list yet"), "{made}");
    let told = table.refused("directory diff next --base v1 --crls net/crls --list anew.crl");
    assert!(told.contains("revocation list 1 of HK is not taken: number 1 is in force"), "{told}");
    assert!(told.contains("crl renew"), "{told}");
    table.done(&format!("crl renew net/crls/HK.crl {root} --out next.crl"));
    let later = table.done("directory diff next --base v1 --crls net/crls --list next.crl");
    assert!(later.contains("revocation list HK") && later.contains("number 2"), "{later}");
}

/// Where nobody listens.
fn nobody() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn keys_that_are_made_along_the_way_are_encrypted_and_sign_with_their_passphrase_alone() {
    let table = Table::new();
    table.passphrase("phrase", "correct horse");
    table.passphrase("other", "battery staple");
    let encrypted = |file: &str| {
        let text = fs::read_to_string(table.path().join(file)).unwrap();
        assert!(text.contains("BEGIN ENCRYPTED PRIVATE KEY"), "{file}");
    };
    let signing = "directory propose signing-key --agency HK-POL --new pol.pem --days 30 --out pol-1";
    let sealing = "directory propose sealing-key --agency HK-POL --new seal.pem --epoch 1 --days 30 --key pol.pem --out pol-2";
    // Nobody gives a passphrase: no key is made, and none is left plain by accident.
    for command in [signing, "directory new-key key-6.pem"] {
        assert!(table.ended(2, command).contains("no passphrase is given"), "{command}");
    }
    assert!(!table.path().join("pol.pem").exists() && !table.path().join("key-6.pem").exists());

    table.done(&format!("{signing} --passphrase-file phrase"));
    encrypted("pol.pem");
    // The passphrase opens the key that signs, or no key is made either.
    assert!(table.ended(2, &format!("{sealing} --passphrase-file other")).contains("does not open"));
    assert!(!table.path().join("seal.pem").exists());
    table.done(&format!("{sealing} --passphrase-file phrase"));
    encrypted("seal.pem");
    assert_eq!(
        table.json("key show seal.pem --passphrase-file phrase")["algorithm"],
        "X-Wing",
        "it is the key that was proposed"
    );
    let again = sealing.replace("pol-2", "pol-3");
    table.done(&format!("{again} --passphrase-file phrase"));
    assert!(table.ended(2, &format!("{again} --plain")).contains("no passphrase is given"), "it is read");
    table.done("directory endorse pol-1 --key net/roots/HK.key.pem --directory v1");
    table.done("directory add-agency HK-POL --name Police --base v1 --draft v2 --key pol-1 --key pol-2");

    table.done("directory new-key key-6.pem --passphrase-file phrase");
    encrypted("key-6.pem");
    assert!(table.ended(2, "directory whose --key key-6.pem").contains("no passphrase is given"));
    let told = table.json("directory whose --key key-6.pem --passphrase-file phrase");
    let [six, id] = ["public", "id"].map(|which| told[which].as_str().unwrap());
    table.done(&format!("directory rotate-key authority --add {six} --id {id} --base v1 --draft v2"));
    let sign = "directory sign v2 --base v1 --key key-6.pem";
    assert!(table.ended(2, &format!("{sign} --passphrase-file other")).contains("does not open"));
    table.done(&format!("{sign} --passphrase-file phrase"));
    table.sign("v2", "v1", &[1, 2, 3]);

    // The operator's key opens before anybody is called.
    table.done("key encrypt net/operators/ops/key.pem --passphrase-file phrase");
    let publish = format!(
        "directory publish v2 --base v1 --hub 127.0.0.1:{} --crls net/crls \
         --certificate net/operators/ops/certificate.pem --key net/operators/ops/key.pem",
        nobody()
    );
    assert!(table.ended(2, &publish).contains("no passphrase is given"));
    assert!(table.ended(2, &format!("{publish} --passphrase-file other")).contains("does not open"));
    let told = table.ended(3, &format!("{publish} --passphrase-file phrase"));
    assert!(told.contains("the hub did not take the version"), "{told}");
}

#[test]
fn a_key_on_a_token_that_cannot_be_had_is_a_wrong_argument() {
    let table = Table::new();
    table.passphrase("pin", "314159");
    table.done("directory renew --valid-for 30 --base v1 --draft v2");
    let token = "pkcs11:token=authority;object=key-1?module-path=/nowhere/libp11.so&pin-source=pin";
    for command in [
        format!("directory sign v2 --base v1 --key {token}"),
        format!("directory whose --key {token}"),
        format!("directory propose signing-key --agency HK-CED --new {token} --days 30 --out key.pem"),
        format!("csr new --key {token} --identity spiffe://ceremony.sealpost/operator/ops --out ops.csr"),
        format!("crl new --root net/roots/HK.pem --root-key {token} --days 30 --out HK.crl"),
        format!("root new HK.pem --key {token} --network ceremony.sealpost --jurisdiction HK"),
    ] {
        let told = table.ended(2, &command);
        assert!(told.contains("the PKCS#11 module /nowhere/libp11.so cannot be used"), "{told}");
    }
    let told = table.ended(2, "directory sign v2 --base v1 --key pkcs11:object=key-1;pin-value=271828");
    assert!(told.contains("expected pkcs11:token=LABEL"), "{told}");
}

#[test]
fn it_is_told_by_whose_keys_a_version_was_judged() {
    let table = Table::new();
    for (base, next) in [("v1", "v2"), ("v2", "v3")] {
        table.done(&format!("directory renew --valid-for 30 --base {base} --draft {next}"));
        table.sign(next, base, &[1, 2, 3]);
    }
    let told = table.json("directory show v2");
    assert_eq!((&told["judged"]["by"], &told["judged"]["base_version"]), (&"itself".into(), &Value::Null));
    let text = table.done("directory show v2");
    assert!(text.contains("Judged by itself: by the authority and the roots that it lists itself"), "{text}");
    let told = table.json("directory show v2 --base v1");
    assert_eq!((&told["judged"]["by"], &told["judged"]["base_version"]), (&"base".into(), &1.into()));
    let text = table.done("directory diff v2 --base v1");
    assert!(text.contains("Judged as the successor of version 1"), "{text}");

    // Neither the version after the next one nor an earlier one follows from the base.
    for (version, base, number) in [("v3", "v1", 1), ("v1", "v3", 3)] {
        let told = table.json(&format!("directory diff {version} --base {base}"));
        assert_eq!(
            (&told["judged"]["by"], &told["judged"]["base_version"]),
            (&"itself".into(), &number.into())
        );
        assert_eq!(told["changes"][0]["what"], "version");
        let text = table.done(&format!("directory diff {version} --base {base}"));
        let expected = format!("Judged by itself, since it does not follow version {number} directly");
        assert!(text.contains(&expected), "{text}");
    }

    // A stranger's network of the same name: its own keys are enough for itself, and for nobody who has a base.
    table.done("network init --roster roster.toml --out forged");
    fs::copy(table.path().join("forged/directory.bin"), table.path().join("f1")).unwrap();
    for (base, next) in [("f1", "f2"), ("f2", "f3")] {
        table.done(&format!("directory renew --valid-for 30 --base {base} --draft {next}"));
        for key in 1..=3 {
            table.done(&format!("directory sign {next} --base {base} --key forged/authority/key-{key}.pem"));
        }
    }
    let told = table.json("directory diff f3 --base v1");
    assert_eq!(told["judged"]["by"], "itself");
    let quorums = told["signatures"].as_array().unwrap();
    assert_eq!(quorums[0]["authority_of_version"], 1);
    assert!(quorums[0]["signed"].as_array().unwrap().is_empty(), "nobody of the authority that is known");
    let text = table.done("directory diff f3 --base v1");
    assert!(text.contains("Signed by 0 of the authority of version 1, which asks for 3: too few"), "{text}");
    let told = table.refused("directory diff f2 --base v1");
    assert!(told.contains("directory.chain"), "{told}");

    let other = ROSTER.replace("ceremony.sealpost", "other.sealpost");
    fs::write(table.path().join("other.toml"), other).unwrap();
    table.done("network init --roster other.toml --out other");
    let told = table.refused("directory diff other/directory.bin --base v1");
    assert!(told.contains("other.sealpost"), "{told}");
}
