use proptest::prelude::*;
use sealpost_merkle::Hash;
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::key::{KeyName, VerifierKey};
use sealpost_merkle::note::{self, Note, SignError};
use sealpost_merkle::tlog_proof::TlogProof;

use crate::keys::Key;
use crate::samples::{ORIGIN, log, witness};

#[test]
fn unknown_signatures_are_kept_and_a_false_one_of_a_known_key_spoils_the_note() {
    let (log, stranger) = (log(), Key::from_seed(ORIGIN, [3; 32]));
    let mut note = Note::unsigned("ready\n").expect("a note");
    note.sign(&stranger).expect("signed");
    // The same name, but another key.
    let unsigned = note::Error::Unsigned { name: ORIGIN.parse().expect("a name"), id: log.public().id() };
    assert_eq!(note.verify(&log.verifier()), Err(unsigned));
    note.sign(&log).expect("signed");
    let text = note.to_string();
    let read = Note::parse(text.as_bytes()).expect("a note");
    assert_eq!((read.verify(&log.verifier()), read.to_string()), (Ok(()), text.clone()));

    let mut others = Note::unsigned("other\n").expect("a note");
    others.sign(&log).expect("signed");
    let spoilt = format!("{text}{}\n", others.signatures()[0]);
    let invalid = note::Error::Invalid { name: ORIGIN.parse().expect("a name"), id: log.public().id() };
    let spoilt = Note::parse(spoilt.as_bytes()).expect("a note");
    assert_eq!(spoilt.verify(&log.verifier()), Err(invalid));
}

#[test]
fn what_is_no_note_is_refused() {
    use note::Error;
    let line = "— a AAAAAAA=\n";
    for (text, expected) in [
        (String::new(), Error::Form),
        ("text\n".to_owned(), Error::Form),
        ("text\n\n".to_owned(), Error::Form),
        (format!("text\n{line}"), Error::Form),
        (format!("text\n\n{}", line.trim_end()), Error::Form),
        (format!("text\n\n{line}text\n"), Error::Line { line: 2 }),
        (format!("text\n\n{line}\n"), Error::Form),
        (format!("te\u{1}t\n\n{line}"), Error::Control { at: 2, byte: 1 }),
        (format!("te\rt\n\n{line}"), Error::Control { at: 2, byte: b'\r' }),
        (format!("te\tt\n\n{line}"), Error::Control { at: 2, byte: b'\t' }),
    ] {
        assert_eq!(Note::parse(text.as_bytes()), Err(expected), "{text:?}");
    }
    assert_eq!(Note::parse(b"te\xfft\n\n"), Err(Error::Encoding { at: 2 }));
    for bad in [
        "a AAAAAAA=",
        "- a AAAAAAA=",
        "—a AAAAAAA=",
        "— AAAAAAA=",
        "—  AAAAAAA=",
        "— a  AAAAAAA=",
        "— a b AAAAAAA=",
        "— a+b AAAAAAA=",
        "— a\u{a0}b AAAAAAA=",
        "— a\u{3000} AAAAAAA=",
        "— a AAAAAA==",
        "— a AAAAAAB=",
        "— a AAAAAAA",
        "— a AAAAAAA= ",
        "— a ",
        "— a",
    ] {
        assert_eq!(Note::parse(format!("text\n\n{bad}\n").as_bytes()), Err(Error::Line { line: 1 }), "{bad}");
    }
    assert_eq!(Note::unsigned(""), Err(Error::Text));
    assert_eq!(Note::unsigned("text"), Err(Error::Text));
    assert_eq!(Note::unsigned("te\0t\n"), Err(Error::Control { at: 2, byte: 0 }));
    // Empty lines within the text are none of these.
    let poem = format!("one\n\ntwo\n\n\n{line}");
    assert_eq!(Note::parse(poem.as_bytes()).expect("a note").text(), "one\n\ntwo\n\n");
}

#[test]
fn a_note_is_bounded_and_takes_what_a_reader_has_to() {
    let line = "— a AAAAAAA=\n";
    let at_most = format!("text\n\n{}", line.repeat(note::SIGNATURES_MAX));
    assert!(Note::parse(at_most.as_bytes()).is_ok());
    let too_many = format!("{at_most}{line}");
    assert_eq!(Note::parse(too_many.as_bytes()), Err(note::Error::Signatures));
    let mut full = Note::parse(at_most.as_bytes()).expect("a note");
    assert_eq!(full.sign(&log()), Err(SignError::Refused(note::Error::Signatures)));

    let large = data_encoding::BASE64.encode(&vec![7; 4 + 5_000]);
    let sixteen = format!("text\n\n{}", format!("— post.quantum {large}\n").repeat(16));
    assert!(Note::parse(sixteen.as_bytes()).is_ok());
    let bytes = note::BYTES_MAX + 1;
    assert_eq!(Note::parse(&vec![b'a'; bytes]), Err(note::Error::Size { bytes }));
}

#[test]
fn a_signature_is_added_as_long_as_the_note_can_be_read_back() {
    let length = format!("— {ORIGIN} {}\n", data_encoding::BASE64.encode(&[0; 68])).len();
    for spare in [0, 1] {
        let text = format!("{}\n", "a".repeat(note::BYTES_MAX - 1 - length - spare));
        let mut note = Note::unsigned(&text).expect("a note");
        let bytes = text.len() + 1 + length;
        if spare == 0 {
            assert_eq!(note.sign(&log()), Err(SignError::Refused(note::Error::Size { bytes })));
            assert_eq!(note.signatures(), []);
        } else {
            assert_eq!(note.sign(&log()), Ok(()));
            assert_eq!(note.to_string().len(), note::BYTES_MAX);
            assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note));
        }
    }
}

#[test]
fn a_name_fits_into_a_signature_line() {
    for name in ["a", ORIGIN, "Wächter", "a-b_c.d/e:f"] {
        assert_eq!(name.parse::<KeyName>().expect("a name").as_str(), name);
    }
    for name in ["", " ", "a b", "a+b", "a\n", "a\tb", "\u{2003}", "a\u{2028}b", "a\u{85}b", "a\0"] {
        assert!(name.parse::<KeyName>().is_err(), "{name:?}");
    }
}

#[test]
fn a_key_has_one_text_for_each_use() {
    for key in [log(), witness()] {
        let text = key.public().to_string();
        assert_eq!(text.parse::<VerifierKey>().as_ref(), Ok(key.public()));
        assert!(text.to_uppercase().parse::<VerifierKey>().is_err());
    }
    let (plain, timed) = (Key::from_seed("a", [1; 32]), Key::cosigner("a", [1; 32]));
    assert_ne!(plain.public().id(), timed.public().id(), "one pair has an id for each use");
}

proptest! {
    #[test]
    fn what_parses_is_written_back_byte_for_byte(
        text in "(c2sp.org/tlog-proof@v1\n)?(extra VlJG\n)?(index [0-9]{1,3}\n)?([a-z0-9 ]{0,3}\n){0,3}\n(— [a-b+]{1,2} [A-Z]{7}=\n){0,2}"
    ) {
        if let Ok(note) = Note::parse(text.as_bytes()) {
            prop_assert_eq!(note.to_string(), text.as_str());
        }
        if let Ok(checkpoint) = text.parse::<Checkpoint>() {
            prop_assert_eq!(checkpoint.to_string(), text.as_str());
        }
        if let Ok(proof) = TlogProof::parse(text.as_bytes()) {
            prop_assert_eq!(proof.to_string(), text.as_str());
        }
    }

    #[test]
    fn no_bytes_make_a_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
        let _ = (Note::parse(&bytes), Note::parse(text.as_bytes()), TlogProof::parse(&bytes));
        let with_header = [b"c2sp.org/tlog-proof@v1\nindex 1\n", bytes.as_slice()].concat();
        let _ = TlogProof::parse(&with_header);
        let _ = (text.parse::<Checkpoint>(), text.parse::<VerifierKey>(), text.parse::<Hash>());
    }
}
