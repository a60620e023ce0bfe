//! Notes, checkpoints, cosignatures and proofs as texts: the published example, and everything that is changed refused.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::convert::Infallible;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sealpost_merkle::checkpoint::{self, Checkpoint};
use sealpost_merkle::cosignature::{cosign, cosigned_at};
use sealpost_merkle::note::{self, KeyKind, KeyName, Note, VerifierKey};
use sealpost_merkle::{Hash, TlogProof, leaf_hash, node_hash};

/// The example of the signed-note document and of Go's `sumdb/note`.
const PUBLISHED_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PUBLISHED_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn strict(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key)
        .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

struct Key(SigningKey);

impl Key {
    fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    fn verifier(&self, name: &str, kind: KeyKind) -> VerifierKey {
        VerifierKey::new(KeyName::parse(name).unwrap(), kind, self.0.verifying_key().to_bytes())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the shape of a signer, which may fail")]
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], Infallible> {
        Ok(self.0.sign(message).to_bytes())
    }
}

fn checkpoint() -> Checkpoint {
    let origin = KeyName::parse("sample.sealpost/ledger/HK-CED/00ff").unwrap();
    Checkpoint { origin, size: 2, root: node_hash(&leaf_hash(b"first"), &leaf_hash(b"second")) }
}

fn signed() -> (Note, VerifierKey) {
    let key = Key::new(1);
    let verifier = key.verifier(checkpoint().origin.as_str(), KeyKind::Note);
    let note = checkpoint().sign(&verifier, |message| key.sign(message)).unwrap();
    (note, verifier)
}

#[test]
fn the_published_note_is_signed_by_the_published_key() {
    let key = VerifierKey::parse(PUBLISHED_KEY).unwrap();
    assert_eq!(key.to_string(), PUBLISHED_KEY);
    let note = Note::parse(PUBLISHED_NOTE).unwrap();
    assert_eq!(note.to_string(), PUBLISHED_NOTE);
    assert!(note.is_signed_by(&key, &strict));
    let other = PUBLISHED_NOTE.replace("your problem is", "your answer is");
    assert!(!Note::parse(&other).unwrap().is_signed_by(&key, &strict));
}

#[test]
fn a_checkpoint_is_opened_by_its_logs_key_alone() {
    let (note, key) = signed();
    let read = Note::parse(&note.to_string()).unwrap();
    assert_eq!(Checkpoint::open(&read, &key, &strict), Ok(checkpoint()));
    let stranger = Key::new(2).verifier(checkpoint().origin.as_str(), KeyKind::Note);
    let unsigned = checkpoint::Error::Unsigned { key: checkpoint().origin };
    assert_eq!(Checkpoint::open(&read, &stranger, &strict), Err(unsigned));
    let other_log = Key::new(1).verifier("sample.sealpost/ledger/DE-ZKA/00ff", KeyKind::Note);
    assert!(matches!(Checkpoint::open(&read, &other_log, &strict), Err(checkpoint::Error::Origin { .. })));
}

#[test]
fn every_changed_byte_of_a_signed_checkpoint_is_refused() {
    let (note, key) = signed();
    let text = note.to_string();
    for at in 0..text.len() {
        for with in [b'A', b'1', b'\n', b' ', b'='] {
            let mut bytes = text.clone().into_bytes();
            if bytes[at] == with {
                continue;
            }
            bytes[at] = with;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let opened =
                Note::parse(&changed).ok().and_then(|note| Checkpoint::open(&note, &key, &strict).ok());
            assert_eq!(opened, None, "byte {at} changed to {with}: {changed}");
        }
    }
}

#[test]
fn only_a_checkpoint_is_read_as_one() {
    let root = checkpoint().root;
    for text in [
        format!("origin\n02\n{root}\n"),
        format!("origin\n+2\n{root}\n"),
        format!("origin\n18446744073709551616\n{root}\n"),
        format!("origin\n2\n{root}"),
        "origin\n2\n".to_owned(),
        "origin\n2\nAAAA\n".to_owned(),
        format!("an origin\n2\n{root}\n"),
        format!("\n2\n{root}\n"),
        format!("origin\n2\n{root}\n\n"),
        format!("origin\n2\n{root}\nextension\n\n"),
    ] {
        assert!(Checkpoint::from_text(&text).is_err(), "{text:?}");
    }
    let extended = format!("origin\n2\n{root}\nan extension\n");
    assert_eq!(Checkpoint::from_text(&extended).unwrap().size, 2);
    assert_eq!(Checkpoint::from_text(&format!("origin\n0\n{}\n", Hash::of_nothing())).unwrap().size, 0);
}

#[test]
fn what_is_no_note_is_refused() {
    let line = "\u{2014} name AAAAAAE=\n";
    for (note, why) in [
        (format!("text\n{line}"), "no blank line"),
        (format!("text\n\n{line}more"), "no end"),
        (format!("text\n\n{line}\u{2014} name\n"), "no signature"),
        (format!("text\n\n{line}\u{2014} a+b AAAAAAE=\n"), "a name with a plus sign"),
        (format!("text\n\n{line}\u{2014} name AAAA\n"), "nothing behind the id"),
        (format!("text\n\n{line}- name AAAAAAE=\n"), "another dash"),
        (format!("te\rxt\n\n{line}"), "a control character"),
        (format!("text\n\n{}", line.repeat(65)), "too many"),
        (format!("{}\n\n{line}", "x".repeat(65_536)), "too long"),
        (String::new(), "nothing"),
    ] {
        assert!(Note::parse(&note).is_err(), "{why}");
    }
    let blank = Note::parse(&format!("one\n\ntwo\n\n{line}")).unwrap();
    assert_eq!((blank.text(), blank.signatures().len()), ("one\n\ntwo\n", 1));
    for key in
        ["", "name", "name+c74f20a3", "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"]
    {
        assert_eq!(VerifierKey::parse(key), Err(note::Error::Key), "{key}");
    }
}

#[test]
fn a_cosignature_holds_for_its_time_text_and_key() {
    let (mut note, log) = signed();
    let witness = Key::new(3);
    let key = witness.verifier("sample.sealpost/node/DE-ZKA", KeyKind::CosignatureV1);
    let parsed = VerifierKey::parse(&key.to_string()).unwrap();
    assert_eq!((parsed.kind(), parsed.id()), (KeyKind::CosignatureV1, key.id()));
    cosign(&mut note, &key, 1_768_464_000, |message| witness.sign(message)).unwrap();
    cosign(&mut note, &key, 1_768_464_060, |message| witness.sign(message)).unwrap();
    let note = Note::parse(&note.to_string()).unwrap();
    assert_eq!(cosigned_at(&note, &key, &strict), Some(1_768_464_060));
    assert_eq!(Checkpoint::open(&note, &log, &strict), Ok(checkpoint()), "the log's own signature stays");
    assert!(!note.is_signed_by(&key, &strict), "a cosignature is no signature of the note");

    let other = Key::new(4).verifier("sample.sealpost/node/DE-ZKA", KeyKind::CosignatureV1);
    assert_eq!(cosigned_at(&note, &other, &strict), None);
    let moved = note.to_string().replacen("\n2\n", "\n3\n", 1);
    assert_eq!(cosigned_at(&Note::parse(&moved).unwrap(), &key, &strict), None);
}

#[test]
fn a_proof_travels_as_text_and_holds_for_its_leaf_alone() {
    let (note, key) = signed();
    let proof = TlogProof::new(1, vec![leaf_hash(b"first")], &note);
    let text = proof.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nindex 1\n"), "{text}");
    let read = TlogProof::parse(&text).unwrap();
    assert_eq!(read, proof);
    assert_eq!(read.verify(b"second", &key, &strict).unwrap(), checkpoint());
    assert!(read.verify(b"first", &key, &strict).is_err());
    let extra = text.replace("index", "extra AAAA\nindex");
    assert!(TlogProof::parse(&extra).unwrap().verify(b"second", &key, &strict).is_ok());
    for changed in [
        text.replace("index 1", "index 0"),
        text.replace("index 1", "index 01"),
        text.replace("@v1", "@v2"),
        text.replace("\n\n", "\n"),
        text.replace("index 1\n", "index 1\nAAAA\n"),
        text.replace("index 1\n", &format!("index 1\n{}\n", leaf_hash(b"first"))),
        text.replace("\n2\n", "\n3\n"),
    ] {
        let held =
            TlogProof::parse(&changed).is_ok_and(|proof| proof.verify(b"second", &key, &strict).is_ok());
        assert!(!held, "{changed}");
    }
}
