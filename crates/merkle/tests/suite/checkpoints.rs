use sealpost_merkle::checkpoint::{self, Checkpoint, SignCheckpointError};
use sealpost_merkle::key::KeyType;
use sealpost_merkle::note::{self, Note, SignError, Signer as _};
use sealpost_merkle::{Hash, SIZE_MAX, cosignature};

use crate::keys::{Key, Public};
use crate::memory::leaf;
use crate::samples::{ORIGIN, cosigned, flips, log, witness};

fn open(bytes: &[u8], log: &Public, witness: &Public) -> Result<(Checkpoint, u64), checkpoint::Error> {
    let note = Note::parse(bytes)?;
    Ok((Checkpoint::open(&note, log)?, cosignature::verify(&note, witness)?))
}

#[test]
fn no_bit_of_a_cosigned_checkpoint_can_be_turned() {
    let (log, witness) = (log().verifier(), witness().verifier());
    let text = cosigned().to_string();
    let (checkpoint, time) = open(text.as_bytes(), &log, &witness).expect("honest");
    assert_eq!((checkpoint.origin(), checkpoint.size(), time), (ORIGIN, 9, 1_800_000_000));
    for changed in flips(&text) {
        let shown = String::from_utf8_lossy(&changed);
        assert!(open(&changed, &log, &witness).is_err(), "{shown}");
    }
    for at in 0..text.len() {
        assert!(open(&text.as_bytes()[..at], &log, &witness).is_err(), "cut at {at}");
        assert!(open(&text.as_bytes()[at + 1..], &log, &witness).is_err(), "begun at {at}");
        let mut without = text.clone().into_bytes();
        without.remove(at);
        assert!(open(&without, &log, &witness).is_err(), "without {at}");
        let mut with = text.clone().into_bytes();
        with.insert(at, b'\n');
        assert!(open(&with, &log, &witness).is_err(), "with a newline at {at}");
    }
}

#[test]
fn a_checkpoint_has_one_text() {
    let root = leaf(0);
    let checkpoint = Checkpoint::new("go.sum database tree", 1, root).expect("an origin may have spaces");
    assert_eq!(checkpoint.to_string(), format!("go.sum database tree\n1\n{root}\n"));
    assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint.clone()));
    let extended = checkpoint.with_extension("one").and_then(|it| it.with_extension("two")).expect("lines");
    assert_eq!(extended.to_string(), format!("go.sum database tree\n1\n{root}\none\ntwo\n"));
    assert_eq!(extended.to_string().parse(), Ok(extended));
    let empty = Checkpoint::new(ORIGIN, 0, Hash::EMPTY_ROOT).expect("the empty tree");
    assert_eq!(empty.to_string().parse(), Ok(empty));
}

#[test]
fn nothing_else_is_a_checkpoint() {
    use checkpoint::Error;
    let root = leaf(0);
    let size = |size: &str| Error::Size { size: size.to_owned() };
    for (text, expected) in [
        (String::new(), Error::Form),
        ("log\n".to_owned(), Error::Form),
        (format!("log\n1\n{root}"), Error::Form),
        (format!("\n1\n{root}\n"), Error::Line { line: 1 }),
        (format!("l\tg\n1\n{root}\n"), Error::Line { line: 1 }),
        (format!("log\n01\n{root}\n"), size("01")),
        (format!("log\n+1\n{root}\n"), size("+1")),
        (format!("log\n-1\n{root}\n"), size("-1")),
        (format!("log\n 1\n{root}\n"), size(" 1")),
        (format!("log\n\n{root}\n"), size("")),
        (format!("log\n9223372036854775808\n{root}\n"), size("9223372036854775808")),
        (format!("log\n0\n{root}\n"), Error::EmptyRoot { root }),
        (format!("log\n1\n{root}\n\n"), Error::Line { line: 4 }),
        (format!("log\n1\n{root}\none\n\n"), Error::Line { line: 5 }),
    ] {
        assert_eq!(text.parse::<Checkpoint>(), Err(expected), "{text:?}");
    }
    for hash in ["", "VlJG", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV="] {
        assert!(matches!(format!("log\n1\n{hash}\n").parse::<Checkpoint>(), Err(Error::Root(_))), "{hash}");
    }
    assert_eq!(Checkpoint::new(ORIGIN, SIZE_MAX + 1, root), Err(size("9223372036854775808")));
    assert!(Checkpoint::new(ORIGIN, SIZE_MAX, root).is_ok());
    let split = Checkpoint::new(ORIGIN, 1, root).and_then(|it| it.with_extension("one\ntwo"));
    assert_eq!(split, Err(Error::Line { line: 4 }));
}

#[test]
fn a_log_speaks_for_itself_alone() {
    let other = Checkpoint::new("ledger.example/station", 1, leaf(0)).expect("a checkpoint");
    let origin =
        checkpoint::Error::Origin { found: "ledger.example/station".to_owned(), expected: ORIGIN.to_owned() };
    let refused = other.sign(&log()).expect_err("not its ledger");
    assert_eq!(refused, SignCheckpointError::Refused(origin.clone()));
    // It signs the other's checkpoint all the same, as a plain note.
    let mut note = Note::unsigned(&other.to_string()).expect("a note");
    note.sign(&log()).expect("signed");
    assert_eq!(Checkpoint::open(&note, &log().verifier()), Err(origin));
}

#[test]
fn a_key_does_only_what_its_type_is_for() {
    let (log, witness) = (log(), witness());
    let mut note = cosigned();
    let wrong = |name: &Key, found, expected| note::Error::KeyType {
        name: name.public().name().clone(),
        found,
        expected,
    };
    let plain = wrong(&witness, KeyType::CosignatureV1, KeyType::Ed25519);
    let timed = wrong(&log, KeyType::Ed25519, KeyType::CosignatureV1);
    assert_eq!(note.verify(&witness.verifier()), Err(plain.clone()));
    assert_eq!(cosignature::verify(&note, &log.verifier()), Err(timed.clone()));
    assert_eq!(note.sign(&witness), Err(SignError::Refused(plain)));
    let refused = cosignature::cosign(&mut note, &log, 1).expect_err("not a cosigner");
    assert_eq!(refused, cosignature::Error::Sign(SignError::Refused(timed)));
    assert_eq!(note, cosigned());
}

#[test]
fn a_cosignature_is_for_checkpoints_at_times_that_fit() {
    let witness = witness();
    let mut note = Note::unsigned("no checkpoint\n").expect("a note");
    let refused = cosignature::cosign(&mut note, &witness, 1).expect_err("no checkpoint");
    assert!(matches!(refused, cosignature::Error::Checkpoint(_)), "{refused}");
    let mut note = cosigned();
    let late = cosignature::TIME_MAX + 1;
    let refused = cosignature::cosign(&mut note, &witness, late).expect_err("too late");
    assert_eq!(refused, cosignature::Error::Time { time: late });
    assert!(witness.signed().is_empty(), "nothing of it was signed");
    // A later cosignature takes the place of the earlier one.
    cosignature::cosign(&mut note, &witness, cosignature::TIME_MAX).expect("cosigned");
    assert_eq!(note.signatures().len(), 2);
    assert_eq!(cosignature::verify(&note, &witness.verifier()), Ok(cosignature::TIME_MAX));
}

/// The note with one more line: a cosignature that holds, with this time.
fn with_cosignature(note: &Note, witness: &Key, time: u64) -> Note {
    let message = format!("cosignature/v1\ntime {time}\n{}", note.text());
    let signature = witness.sign(message.as_bytes()).expect("a key in memory");
    let id = witness.public().id();
    let bytes = [id.as_bytes(), time.to_be_bytes().as_slice(), &signature].concat();
    let line = format!("— {} {}", witness.public().name(), data_encoding::BASE64.encode(&bytes));
    Note::parse(format!("{note}{line}\n").as_bytes()).expect("a note")
}

#[test]
fn the_latest_of_a_cosigners_times_counts_and_each_has_to_hold() {
    let (log, witness) = (log(), witness());
    let mut note = Checkpoint::new(ORIGIN, 1, leaf(0)).expect("a checkpoint").sign(&log).expect("signed");
    for (time, latest) in [(7, 7), (9, 9), (8, 9)] {
        note = with_cosignature(&note, &witness, time);
        assert_eq!(cosignature::verify(&note, &witness.verifier()), Ok(latest));
    }
    let late = with_cosignature(&note, &witness, cosignature::TIME_MAX + 1);
    let invalid = note::Error::Invalid { name: witness.public().name().clone(), id: witness.public().id() };
    assert_eq!(cosignature::verify(&late, &witness.verifier()), Err(invalid));
}
