use sealpost_merkle::note;
use sealpost_merkle::tlog_proof::{self, TlogProof};
use sealpost_merkle::{cosignature, prove};

use crate::memory::{Memory, leaf};
use crate::samples::{cosigned, flips, log, witness};

#[test]
fn no_bit_of_a_proof_file_can_be_turned() {
    let log = log().verifier();
    let (_, tiles) = Memory::of(9);
    let hashes = prove::inclusion(5, 9, &tiles).expect("the tiles are there");
    let proof = TlogProof::new(5, hashes, cosigned()).expect("a proof");
    let text = proof.to_string();
    assert_eq!(TlogProof::parse(text.as_bytes()).as_ref(), Ok(&proof));
    let checkpoint = proof.verify(&leaf(5), &log).expect("honest");
    assert_eq!(checkpoint.size(), 9);
    assert_eq!(cosignature::verify(proof.checkpoint(), &witness().verifier()), Ok(1_800_000_000));
    assert!(matches!(proof.verify(&leaf(4), &log), Err(tlog_proof::Error::Proof(_))));

    let verify = |bytes: &[u8]| -> Result<(), tlog_proof::Error> {
        let proof = TlogProof::parse(bytes)?;
        proof.verify(&leaf(5), &log)?;
        Ok(cosignature::verify(proof.checkpoint(), &witness().verifier()).map(drop)?)
    };
    assert_eq!(verify(text.as_bytes()), Ok(()));
    for changed in flips(&text) {
        assert!(verify(&changed).is_err(), "{}", String::from_utf8_lossy(&changed));
    }
    for at in 0..text.len() {
        assert!(verify(&text.as_bytes()[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn a_proof_file_is_laid_out_as_specified() {
    let note = cosigned();
    let hashes = vec![leaf(0), leaf(1)];
    let (first, second) = (leaf(0), leaf(1));
    let proof = TlogProof::new(10, hashes, note.clone()).expect("a proof");
    assert_eq!(proof.to_string(), format!("c2sp.org/tlog-proof@v1\nindex 10\n{first}\n{second}\n\n{note}"));
    let proof = proof.with_extra(b"VRF".to_vec()).expect("a proof");
    let text = format!("c2sp.org/tlog-proof@v1\nextra VlJG\nindex 10\n{first}\n{second}\n\n{note}");
    assert_eq!(proof.to_string(), text);
    let parsed = TlogProof::parse(text.as_bytes()).expect("a proof");
    assert_eq!((parsed.index(), parsed.extra(), parsed.hashes()), (10, &b"VRF"[..], &[first, second][..]));
    let single = format!("c2sp.org/tlog-proof@v1\nindex 0\n\n{note}");
    assert!(TlogProof::parse(single.as_bytes()).expect("a proof of a single leaf").hashes().is_empty());
}

#[test]
fn a_file_that_is_laid_out_otherwise_is_refused_by_line() {
    use tlog_proof::Error;
    let (hash, note) = (leaf(0), cosigned());
    let header = tlog_proof::HEADER;
    let line = |line| Error::Line { line };
    for (text, expected) in [
        (format!("c2sp.org/tlog-proof@v2\nindex 0\n\n{note}"), Error::Header),
        (header.to_owned(), Error::Header),
        (format!("{header}\n"), line(2)),
        (format!("{header}\n\n{note}"), line(2)),
        (format!("{header}\nindex 01\n\n{note}"), line(2)),
        (format!("{header}\nindex -1\n\n{note}"), line(2)),
        (format!("{header}\nindex +1\n\n{note}"), line(2)),
        (format!("{header}\nindex 18446744073709551616\n\n{note}"), line(2)),
        (format!("{header}\nindex 0 \n\n{note}"), line(2)),
        (format!("{header}\nextra \nindex 0\n\n{note}"), line(2)),
        (format!("{header}\nextra !\nindex 0\n\n{note}"), line(2)),
        (format!("{header}\nextra VlJG\nextra VlJG\nindex 0\n\n{note}"), line(3)),
        (format!("{header}\nindex 0\nextra VlJG\n\n{note}"), line(3)),
        (format!("{header}\nindex 0\n{hash}\nVlJG\n\n{note}"), line(4)),
        (format!("{header}\nindex 0\n{hash}\n"), line(4)),
        (
            format!("{header}\nindex 0\n{}\n{note}", format!("{hash}\n").repeat(70)),
            Error::Hashes { hashes: 64 },
        ),
        (format!("{header}\nindex 0\n\n"), Error::Note(note::Error::Form)),
    ] {
        assert_eq!(TlogProof::parse(text.as_bytes()), Err(expected), "{text}");
    }
    let many = TlogProof::new(0, vec![hash; 64], note.clone());
    assert_eq!(many, Err(Error::Hashes { hashes: 64 }));
    let bytes = tlog_proof::EXTRA_MAX + 1;
    let large = TlogProof::new(0, vec![], note).and_then(|proof| proof.with_extra(vec![0; bytes]));
    assert_eq!(large, Err(Error::Extra { bytes }));
}
