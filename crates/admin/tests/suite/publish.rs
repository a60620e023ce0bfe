//! What goes to the hub, as an operator meets it. That hub and nodes take it is told in the end-to-end stories.

use std::fs;

use crate::desk::{Desk, nobody};

#[test]
fn revocation_lists_that_go_with_a_version_are_compared_with_those_in_force() {
    let desk = Desk::with_network();
    desk.done("directory renew --valid-for 30 --base v1 --draft next");
    let same = desk.done("directory diff next --base v1 --crls net/crls --list net/crls/HK.crl");
    assert!(!same.contains("revocation list"), "{same}");
    fs::create_dir(desk.path().join("none")).unwrap();
    let new = desk.done("directory diff next --base v1 --crls none --list net/crls/HK.crl");
    assert!(
        new.contains("+ revocation list HK: number 1, issued ") && new.contains("revokes nothing"),
        "{new}"
    );
    fs::write(desk.path().join("no.crl"), b"no list").unwrap();
    let told = desk.refused("directory diff next --base v1 --crls none --list no.crl");
    assert!(told.contains("no revocation list"), "{told}");

    // Hub and nodes would refuse it: begun anew, where there is one.
    let root = "--root net/roots/HK.pem --root-key net/roots/HK.key.pem --days 30";
    let made = desk.done(&format!("crl new {root} --out anew.crl"));
    assert!(made.contains("for a root that has no list yet"), "{made}");
    let told = desk.refused("directory diff next --base v1 --crls net/crls --list anew.crl");
    assert!(told.contains("revocation list 1 of HK is not taken: number 1 is in force"), "{told}");
    assert!(told.contains("crl renew"), "{told}");
    desk.done(&format!("crl renew net/crls/HK.crl {root} --out next.crl"));
    let later = desk.done("directory diff next --base v1 --crls net/crls --list next.crl");
    assert!(later.contains("revocation list HK") && later.contains("number 2"), "{later}");
}

/// Hands something to a hub that nobody runs, as the operator of the network.
fn publish(what: &str) -> String {
    format!(
        "directory publish {what} --base v1 --hub 127.0.0.1:{} --crls net/crls \
         --certificate net/operators/ops/certificate.pem --key net/operators/ops/key.pem",
        nobody()
    )
}

#[test]
fn nobody_but_an_operator_publishes_and_the_hub_need_not_be_asked() {
    let desk = Desk::with_network();
    desk.done("directory renew --valid-for 30 --base v1 --draft v2");
    desk.sign("v2", "v1", &[1, 2, 3]);
    let as_node = publish("v2").replace("net/operators/ops/", "net/nodes/HK-CED/");
    let told = desk.ended(4, &as_node);
    assert!(told.contains("spiffe://ceremony.sealpost/HK/CED/node/main's, who does not operate"), "{told}");
    assert!(told.contains("what to do: --certificate is to be an operator's"), "{told}");
    assert!(desk.ended(3, &publish("v2")).contains("cannot be reached"));
}

#[test]
fn a_revocation_list_goes_alone_and_what_is_none_is_told_by_its_file() {
    let desk = Desk::with_network();
    assert!(desk.ended(3, &publish("--list net/crls/HK.crl")).contains("cannot be reached"));
    assert!(desk.ended(2, &publish("")).contains("required arguments were not provided"));
    let told = desk.ended(1, &publish("--list net/crls/HK.crl --list net/roots/HK.pem"));
    assert!(told.contains("net/roots/HK.pem cannot be used as a revocation list"), "{told}");
    assert!(told.contains("no revocation list (X.509 CRL version 2 in DER)"), "{told}");
    // What follows no version in force is no base.
    desk.done("directory renew --valid-for 30 --base v1 --draft v2");
    let told = desk.refused(&publish("--list net/crls/HK.crl").replace("--base v1", "--base v2"));
    assert!(
        told.contains("ask another holder or an operator") && told.contains("A draft is no base"),
        "{told}"
    );
}
