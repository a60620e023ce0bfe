//! Roots, requests and revocation lists as those who make them meet them: what each command says, and what it refuses.
//! That nodes take what is made is told in the end-to-end stories.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_sealpost-admin");
const NODE: &str = "spiffe://customs.example/HK/CED/node/main";
const ROOT: &str = "--root HK.pem --root-key HK.key.pem";

/// A folder with the root of Hong Kong and a request of its node.
struct Table(TempDir);

impl Table {
    fn new() -> Self {
        let table = Self(tempfile::tempdir().unwrap());
        for key in ["HK.key.pem", "node.key.pem"] {
            table.done(&format!("key new {key} --plain"));
        }
        table.done("root new HK.pem --key HK.key.pem --network customs.example --jurisdiction HK");
        table.done(&format!("csr new --key node.key.pem --identity {NODE} --out node.csr"));
        table
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run(&self, arguments: &str) -> Output {
        let arguments = arguments.split_whitespace();
        Command::new(PROGRAM).args(arguments).current_dir(self.path()).env_remove("COLUMNS").output().unwrap()
    }

    fn done(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.done(&format!("{arguments} --output json"))).unwrap()
    }

    /// Something that has to be refused with that code; what it tells.
    fn refused(&self, code: i32, arguments: &str) -> String {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}\n{text}");
        assert!(output.stdout.is_empty());
        text
    }
}

#[test]
fn the_commands_tell_their_arguments() {
    let table = Table::new();
    for command in ["root", "csr", "csr sign", "crl", "crl revoke"] {
        let name = format!("{}-help", command.replace(' ', "-"));
        insta::assert_snapshot!(name, table.done(&format!("{command} -h")));
    }
}

#[test]
fn a_request_becomes_a_certificate_for_what_its_holder_does() {
    let table = Table::new();
    let asked = table.json("csr show node.csr");
    assert_eq!((&asked["identity"], &asked["root"]), (&NODE.into(), &"HK".into()));
    let digest = asked["sha256"].as_str().unwrap();
    let sign = format!("csr sign node.csr {ROOT} --days 365 --out node.pem");
    let told = table.refused(1, &format!("{sign} --digest {}", "0".repeat(64)));
    assert!(told.contains(digest) && told.contains("ask its holder again"), "{told}");
    let made = table.json(&format!("{sign} --digest {digest}"));
    assert_eq!((&made["holder"], &made["key_id"]), (&NODE.into(), &asked["key_id"]));
    assert!(table.refused(2, &sign).contains("node.pem exists already and is never overwritten"));
    assert_eq!(table.json("root show HK.pem")["holder"], "root of HK in customs.example");
}

#[test]
fn what_a_root_may_not_sign_is_refused_with_the_reason_and_leaves_no_file() {
    let table = Table::new();
    let sign = |request: &str| format!("csr sign {request} {ROOT} --days 30 --out out.pem");
    for (identity, reason) in [
        ("spiffe://customs.example/DE/ZKA/node/main", "takes the root of DE: this is the root of HK"),
        ("spiffe://customs.example/hub/main", "takes the root of the hub's operator"),
        ("spiffe://other.example/HK/CED/node/main", "this root signs for customs.example alone"),
    ] {
        let request = format!("{}.csr", identity.len());
        table.done(&format!("csr new --key node.key.pem --identity {identity} --out {request}"));
        let told = table.refused(1, &sign(&request));
        assert!(told.contains(reason), "{told}");
        std::fs::remove_file(table.path().join(request)).unwrap();
    }
    table.done(&format!("csr new --key HK.key.pem --identity {NODE} --out own.csr"));
    assert!(table.refused(1, &sign("own.csr")).contains("the root's own key"));
    let other = "csr sign node.csr --root HK.pem --root-key node.key.pem --days 30 --out out.pem";
    assert!(table.refused(2, other).contains("give the root's own key"));
    table.done(&format!("csr sign node.csr {ROOT} --days 30 --out node.pem"));
    let leaf = "csr sign node.csr --root node.pem --root-key node.key.pem --days 30 --out out.pem";
    assert!(table.refused(2, leaf).contains("is no root certificate of Sealpost"));
    assert!(table.refused(2, &sign("node.pem")).contains("does not hold a certificate request in PEM"));
    table.done("root new short.pem --key HK.key.pem --network customs.example --jurisdiction HK --days 7");
    let outlives = "csr sign node.csr --root short.pem --root-key HK.key.pem --days 30 --out out.pem";
    assert!(table.refused(1, outlives).contains("give fewer --days"));
    let unknown =
        "csr new --key node.key.pem --identity spiffe://customs.example/HK/CED/director/x --out out.csr";
    assert!(table.refused(2, unknown).contains("is not an identity"));
    assert!(!table.path().join("out.pem").exists() && !table.path().join("out.csr").exists());
}

#[test]
fn what_was_revoked_stays_so_in_every_later_list() {
    let table = Table::new();
    let signed = table.json(&format!("csr sign node.csr {ROOT} --days 30 --out node.pem"));
    let again = table.json(&format!("csr sign node.csr {ROOT} --days 30 --out again.pem"));
    table.done(&format!("crl new {ROOT} --days 31 --out 1.crl"));
    let revoke = |from: u32, target: &str| {
        format!("crl revoke {from}.crl {target} {ROOT} --days 31 --out {}.crl", from + 1)
    };
    table.done(&revoke(1, "--certificate node.pem"));
    let told = table.refused(1, &revoke(2, "--certificate node.pem"));
    assert!(told.contains("is on the list of HK already"), "{told}");
    table.done(&revoke(2, &format!("--serial {}", again["serial"].as_str().unwrap())));
    table.done(&format!("crl renew 3.crl {ROOT} --days 31 --out 4.crl"));
    let list = table.json("crl show 4.crl --root HK.pem");
    assert_eq!(list["number"], 4);
    assert_eq!(list["revoked"], Value::from(vec![signed["serial"].clone(), again["serial"].clone()]));

    assert!(table.refused(2, &revoke(4, "--serial 12:zz")).contains("is no serial number"));
    // Of another root of the same name, neither a certificate nor a list is taken.
    table.done("key new other.key.pem --plain");
    table.done("root new other.pem --key other.key.pem --network customs.example --jurisdiction HK");
    table.done("csr sign node.csr --root other.pem --root-key other.key.pem --days 30 --out foreign.pem");
    let told = table.refused(1, &revoke(4, "--certificate foreign.pem"));
    assert!(told.contains("is not signed by this root of HK"), "{told}");
    let told = table.refused(1, "crl show 4.crl --root other.pem");
    assert!(told.contains("not signed by its root"), "{told}");
}
