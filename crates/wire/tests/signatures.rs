//! How many signatures each kind of statement takes: as many as the largest agreement has parties where all of them sign, few
//! elsewhere, and of each key one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use bytes::Bytes;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::envelope::{Content, Signature};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{Listing, signed_directory_from_bytes};
use sealpost_wire::envelope::{
    content_from_bytes, content_to_bytes, signed, signed_by_one, signed_message, signed_to_bytes,
};

/// A statement with so many signatures.
fn signed_times(count: usize) -> Signed {
    let signature = |place: usize| {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&place.to_be_bytes());
        Signature { key_id: KeyId::new(id), bytes: Bytes::from_static(&[7; 64]) }
    };
    Signed { payload: Bytes::from_static(b"a payload"), signatures: (0..count).map(signature).collect() }
}

/// What is said against so many signatures.
fn fault<T, E: ToString>(read: Result<T, E>) -> Option<String> {
    read.err().map(|error| error.to_string())
}

fn listing(agreements: Vec<Signed>) -> Listing {
    Listing {
        network: NetworkName::parse("test.sealpost").unwrap(),
        version: 1,
        previous: Digest::ZERO,
        issued_at: Instant::from_millis(1),
        valid_until: Instant::from_millis(2),
        authority_keys: vec![[1; 32]],
        threshold: 1,
        operator_root: Bytes::from_static(b"a certificate"),
        hub_keys: vec![[2; 32]],
        jurisdictions: Vec::new(),
        agencies: Vec::new(),
        agreements,
        operations: Vec::new(),
        revocations: Vec::new(),
        withdrawn: Vec::new(),
    }
}

#[test]
fn a_version_of_the_directory_takes_256_signatures_and_no_more() {
    let read = |count| signed_directory_from_bytes(&signed_to_bytes(&signed_times(count)).into());
    assert_eq!(read(256).unwrap(), signed_times(256));
    assert_eq!(fault(read(257)).unwrap(), "SignedStatement.signatures: has 257 entries, allowed are 256");
}

#[test]
fn an_agreement_in_the_directory_takes_256_signatures_and_no_more() {
    let read = |count| Listing::from_payload(&listing(vec![signed_times(count)]).to_payload());
    assert_eq!(read(256).unwrap().agreements, [signed_times(256)]);
    assert!(fault(read(257)).unwrap().contains("has 257 entries, allowed are 256"));
    assert_eq!(fault(signed(signed_message(&signed_times(256)))), None);
}

#[test]
fn a_statement_of_one_signer_takes_a_key_and_its_successors() {
    let read = |count| signed_by_one(signed_message(&signed_times(count)));
    assert_eq!(read(4).unwrap(), signed_times(4));
    assert!(fault(read(5)).unwrap().contains("has 5 entries, allowed are 4"));
}

#[test]
fn an_approval_takes_as_many_as_ever() {
    let read = |count| {
        let approvals = vec![signed_times(count)];
        let content = Content { salt: [3; 32], body: Bytes::from_static(b"a body"), approvals };
        content_from_bytes(&Bytes::copy_from_slice(&content_to_bytes(&content)))
    };
    assert_eq!(read(64).unwrap().approvals, [signed_times(64)]);
    assert!(fault(read(65)).unwrap().contains("has 65 entries, allowed are 64"));
}

#[test]
fn a_second_signature_of_one_key_is_refused_in_every_kind_of_statement() {
    let twice = |place: usize| {
        let mut statement = signed_times(3);
        statement.signatures[2].key_id = statement.signatures[place].key_id;
        statement.signatures[2].bytes = Bytes::from_static(b"another signature");
        statement
    };
    for place in [0, 1] {
        let statement = twice(place);
        let key = statement.signatures[place].key_id;
        let expected = format!("SignedStatement.signatures: has a second one of key {key}");
        let version = signed_directory_from_bytes(&signed_to_bytes(&statement).into());
        assert_eq!(fault(version), Some(expected.clone()));
        assert_eq!(fault(signed(signed_message(&statement))), Some(expected.clone()));
        assert_eq!(fault(signed_by_one(signed_message(&statement))), Some(expected.clone()));
        let listed = Listing::from_payload(&listing(vec![statement.clone()]).to_payload());
        assert!(fault(listed).unwrap().contains(&expected));
        let content =
            Content { salt: [3; 32], body: Bytes::from_static(b"a body"), approvals: vec![statement] };
        let content = content_from_bytes(&Bytes::copy_from_slice(&content_to_bytes(&content)));
        assert_eq!(fault(content), Some(expected));
    }
}
