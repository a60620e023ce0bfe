//! Roots, requests and revocation lists as those who make them meet them: what each command says, and what it refuses.
//! That nodes take what is made is told in the end-to-end stories.

use serde_json::Value;

use crate::desk::Desk;

const NODE: &str = "spiffe://customs.example/HK/CED/node/main";
const ROOT: &str = "--root HK.pem --root-key HK.key.pem";

/// A desk with the root of Hong Kong and a request of its node.
fn desk() -> Desk {
    let desk = Desk::empty();
    for key in ["HK.key.pem", "node.key.pem"] {
        desk.done(&format!("key new {key} --plain"));
    }
    desk.done("root new HK.pem --key HK.key.pem --network customs.example --jurisdiction HK");
    desk.done(&format!("csr new --key node.key.pem --identity {NODE} --out node.csr"));
    desk
}

#[test]
fn the_commands_tell_their_arguments() {
    let desk = desk();
    for command in ["root", "csr", "csr sign", "crl", "crl revoke"] {
        let name = format!("{}-help", command.replace(' ', "-"));
        insta::assert_snapshot!(name, desk.done(&format!("{command} -h")));
    }
}

#[test]
fn a_request_becomes_a_certificate_for_what_its_holder_does() {
    let desk = desk();
    let asked = desk.json("csr show node.csr");
    assert_eq!((&asked["identity"], &asked["root"]), (&NODE.into(), &"HK".into()));
    let digest = asked["sha256"].as_str().unwrap();
    let sign = format!("csr sign node.csr {ROOT} --days 365 --out node.pem");
    let told = desk.refused(&format!("{sign} --digest {}", "0".repeat(64)));
    assert!(told.contains(digest) && told.contains("ask its holder again"), "{told}");
    let made = desk.json(&format!("{sign} --digest {digest}"));
    assert_eq!((&made["holder"], &made["key_id"]), (&NODE.into(), &asked["key_id"]));
    assert!(desk.ended(2, &sign).contains("node.pem exists already and is never overwritten"));
    assert_eq!(desk.json("root show HK.pem")["holder"], "root of HK in customs.example");
}

#[test]
fn what_a_root_may_not_sign_is_refused_with_the_reason_and_leaves_no_file() {
    let desk = desk();
    let sign = |request: &str| format!("csr sign {request} {ROOT} --days 30 --out out.pem");
    for (identity, reason) in [
        ("spiffe://customs.example/DE/ZKA/node/main", "takes the root of DE: this is the root of HK"),
        ("spiffe://customs.example/hub/main", "takes the root of the hub's operator"),
        ("spiffe://other.example/HK/CED/node/main", "this root signs for customs.example alone"),
    ] {
        let request = format!("{}.csr", identity.len());
        desk.done(&format!("csr new --key node.key.pem --identity {identity} --out {request}"));
        let told = desk.refused(&sign(&request));
        assert!(told.contains(reason), "{told}");
        std::fs::remove_file(desk.path().join(request)).unwrap();
    }
    desk.done(&format!("csr new --key HK.key.pem --identity {NODE} --out own.csr"));
    assert!(desk.refused(&sign("own.csr")).contains("the root's own key"));
    let other = "csr sign node.csr --root HK.pem --root-key node.key.pem --days 30 --out out.pem";
    assert!(desk.ended(2, other).contains("give the root's own key"));
    desk.done(&format!("csr sign node.csr {ROOT} --days 30 --out node.pem"));
    let leaf = "csr sign node.csr --root node.pem --root-key node.key.pem --days 30 --out out.pem";
    assert!(desk.ended(2, leaf).contains("is no root certificate of Sealpost"));
    assert!(desk.ended(2, &sign("node.pem")).contains("does not hold a certificate request in PEM"));
    desk.done("root new short.pem --key HK.key.pem --network customs.example --jurisdiction HK --days 7");
    let outlives = "csr sign node.csr --root short.pem --root-key HK.key.pem --days 30 --out out.pem";
    assert!(desk.refused(outlives).contains("give fewer --days"));
    let unknown =
        "csr new --key node.key.pem --identity spiffe://customs.example/HK/CED/director/x --out out.csr";
    assert!(desk.ended(2, unknown).contains("is not an identity"));
    assert!(!desk.path().join("out.pem").exists() && !desk.path().join("out.csr").exists());
}

#[test]
fn what_was_revoked_stays_so_in_every_later_list() {
    let desk = desk();
    let signed = desk.json(&format!("csr sign node.csr {ROOT} --days 30 --out node.pem"));
    let again = desk.json(&format!("csr sign node.csr {ROOT} --days 30 --out again.pem"));
    desk.done(&format!("crl new {ROOT} --days 31 --out 1.crl"));
    let revoke = |from: u32, target: &str| {
        format!("crl revoke {from}.crl {target} {ROOT} --days 31 --out {}.crl", from + 1)
    };
    desk.done(&revoke(1, "--certificate node.pem"));
    let told = desk.refused(&revoke(2, "--certificate node.pem"));
    assert!(told.contains("is on the list of HK already"), "{told}");
    desk.done(&revoke(2, &format!("--serial {}", again["serial"].as_str().unwrap())));
    desk.done(&format!("crl renew 3.crl {ROOT} --days 31 --out 4.crl"));
    let list = desk.json("crl show 4.crl --root HK.pem");
    assert_eq!(list["number"], 4);
    assert_eq!(list["revoked"], Value::from(vec![signed["serial"].clone(), again["serial"].clone()]));

    assert!(desk.ended(2, &revoke(4, "--serial 12:zz")).contains("is no serial number"));
    // Of another root of the same name, neither a certificate nor a list is taken.
    desk.done("key new other.key.pem --plain");
    desk.done("root new other.pem --key other.key.pem --network customs.example --jurisdiction HK");
    desk.done("csr sign node.csr --root other.pem --root-key other.key.pem --days 30 --out foreign.pem");
    let told = desk.refused(&revoke(4, "--certificate foreign.pem"));
    assert!(told.contains("is not signed by this root of HK"), "{told}");
    let told = desk.refused("crl show 4.crl --root other.pem");
    assert!(told.contains("not signed by its root"), "{told}");
}

#[test]
fn a_first_list_is_not_made_beside_a_later_one_of_the_same_root() {
    let desk = desk();
    desk.done("key new DE.key.pem --plain");
    desk.done("root new DE.pem --key DE.key.pem --network customs.example --jurisdiction DE");
    let told = desk.done(&format!("crl new {ROOT} --days 31 --out HK-1.crl"));
    assert!(told.contains("for a root that has no list yet"), "{told}");
    // Another root begins beside it, and what is no list does not matter.
    std::fs::write(desk.path().join("notes.crl"), b"no list").unwrap();
    desk.done("crl new --root DE.pem --root-key DE.key.pem --days 31 --out DE-1.crl");
    desk.done(&format!("crl renew HK-1.crl {ROOT} --days 31 --out HK-2.crl"));
    std::fs::remove_file(desk.path().join("HK-1.crl")).unwrap();
    let told = desk.refused(&format!("crl new {ROOT} --days 31 --out HK-3.crl"));
    assert!(told.contains("HK-2.crl is list 2 of HK already") && told.contains("crl renew"), "{told}");
    assert!(!desk.path().join("HK-3.crl").exists());
}
