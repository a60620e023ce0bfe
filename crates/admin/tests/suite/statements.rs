//! Statements before they are signed: what they say is read, and what a version would not take is told where it is made.

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_admin::ceremony::statement::Statement;
use sealpost_crypto::dsse::SigningKey;

use crate::desk::Desk;

#[test]
fn a_statement_is_read_before_it_is_signed_and_in_the_words_of_the_differences() {
    let desk = Desk::with_network();
    desk.done("directory propose agreement terms.toml --directory v1 --out agreement.pem");
    let text = desk.done("directory show agreement.pem");
    let told = desk.json("directory show agreement.pem");
    let (terms, digest) = (told["terms"].as_str().unwrap(), told["digest"].as_str().unwrap());
    for said in
        ["\"Invented\" between DE-ZKA, HK-CED", "from 2026-01-01T00:00:00Z", "kept ", "up to RED", digest]
    {
        assert!(terms.contains(said), "{said}: {terms}");
    }
    assert!(text.contains(terms) && text.contains(&format!("Digest {digest}")), "{text}");

    // Another one than was told is not signed.
    let endorse =
        "directory endorse agreement.pem --directory v1 --key net/nodes/DE-ZKA/signing.pem --digest";
    let zeros = "0".repeat(64);
    let refused = desk.refused(&format!("{endorse} {zeros}"));
    assert!(
        refused.contains(&format!("the statement has the digest {digest}, expected {zeros}")),
        "{refused}"
    );
    assert!(desk.json("directory show agreement.pem")["signed_by"].as_array().unwrap().is_empty());
    let signed = desk.done(&format!("{endorse} {digest}"));
    assert!(signed.contains(terms) && signed.contains("with 1 of its signatures"), "{signed}");

    desk.done("directory endorse agreement.pem --key net/nodes/HK-CED/signing.pem --directory v1");
    let changed = desk.json("directory add-agreement agreement.pem --base v1 --draft next");
    let changes = changed["changes"].as_array().unwrap();
    let added = changes.iter().find(|change| change["what"] == "agreement").unwrap();
    assert_eq!(added["after"], terms, "the holders of the authority's keys read the same words");
}

#[test]
fn a_sealing_key_that_no_version_would_take_is_told_where_it_is_proposed() {
    let desk = Desk::with_network();
    let propose = |agency: &str, epoch: u32, signer: &str, out: &str| {
        format!(
            "directory propose sealing-key --agency {agency} --new seal.pem --plain --epoch {epoch} --days 30 \
             --key net/nodes/{signer}/signing.pem --directory v1 --out {out}"
        )
    };
    let told = desk.refused(&propose("HK-CED", 9, "HK-CED", "no.pem"));
    assert!(told.contains("the key has epoch 9, and the next of HK-CED is 2"), "{told}");
    let told = desk.refused(&propose("HK-CED", 2, "DE-ZKA", "no.pem"));
    assert!(told.contains("rule directory.sealing_key") && told.contains("at HK-CED"), "{told}");
    let told = desk.refused(&propose("HK-CDE", 1, "HK-CED", "no.pem"));
    assert!(told.contains("HK-CDE is not listed"), "{told}");
    assert!(!desk.path().join("no.pem").exists(), "no statement is left behind");
    let told = desk.done(&propose("HK-CED", 2, "HK-CED", "good.pem"));
    assert!(told.contains("with 1 of its signatures") && told.contains("epoch 2, from "), "{told}");
    desk.done("directory rotate-key sealing good.pem --base v1 --draft next");
}

#[test]
fn only_the_signatures_that_are_asked_for_are_counted() {
    let desk = Desk::with_network();
    desk.done("directory propose signing-key --agency HK-CED --new new.pem --plain --days 30 --out key.pem");
    let told = desk.done("directory endorse key.pem --key net/roots/HK.key.pem --directory v1");
    assert!(told.contains("with 2 of its signatures"), "its own and the root's: {told}");
    // A stranger's signature in the file is none of them.
    let path = desk.path().join("key.pem");
    let mut statement = Statement::read(&path).unwrap();
    statement.sign(&SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(1))).unwrap();
    statement.replace(&path).unwrap();
    let told = desk.done("directory endorse key.pem --key net/nodes/HK-CED/signing.pem --directory v1");
    assert!(told.contains("with 3 of its signatures"), "{told}");
    assert_eq!(desk.json("directory show key.pem")["signed_by"].as_array().unwrap().len(), 4);
}

#[test]
fn a_listed_key_is_renewed_in_its_place_and_the_same_statement_changes_nothing() {
    let desk = Desk::with_network();
    let key = "net/nodes/HK-CED/signing.pem";
    desk.done(&format!(
        "directory propose signing-key --agency HK-CED --new {key} --days 900 --out longer.pem"
    ));
    let rotate = "directory rotate-key signing longer.pem --base v1 --draft next";
    let told = desk.refused(rotate);
    assert!(told.contains("not signed by the root of HK"), "{told}");
    desk.done("directory endorse longer.pem --key net/roots/HK.key.pem --directory v1");
    let told = desk.json(rotate);
    let changes = told["changes"].as_array().unwrap();
    let renewed = changes.iter().find(|change| change["what"] == "signing key").unwrap();
    assert_eq!(renewed["change"], "changed", "{told}");
    let told = desk.refused(rotate);
    assert!(told.contains("the draft would change nothing"), "{told}");
}
