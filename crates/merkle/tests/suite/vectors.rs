//! Published values: the reference trees of Certificate Transparency, and the notes of the Go checksum database and of
//! the C2SP specifications.

use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::hash::leaf_hash;
use sealpost_merkle::key::VerifierKey;
use sealpost_merkle::note::Note;
use sealpost_merkle::proof::{verify_consistency, verify_inclusion};
use sealpost_merkle::{Hash, Tile, Tree, cosignature, prove};

use crate::keys::{Key, Public};
use crate::memory::Memory;

const LEAVES: [&str; 8] =
    ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];

const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

/// Old size, new size, proof.
const CONSISTENCY: [(u64, u64, &[&str]); 4] = [
    (1, 1, &[]),
    (
        1,
        8,
        &[
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        &[
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (
        2,
        5,
        &[
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        ],
    ),
];

/// Index, size, proof.
const INCLUSION: [(u64, u64, &[&str]); 4] = [
    (0, 1, &[]),
    (1, 2, &["6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"]),
    (2, 3, &["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
    (
        5,
        8,
        &[
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal")
}

fn hashes(hex: &[&str]) -> Vec<Hash> {
    hex.iter().map(|hex| Hash::from_bytes(bytes(hex).try_into().expect("32 bytes"))).collect()
}

/// The reference tree of one size, with its tiles.
fn reference(size: usize) -> (Tree, Memory) {
    let (mut tree, mut tiles) = (Tree::new(), Memory::default());
    for leaf in &LEAVES[..size] {
        assert_eq!(tree.append(leaf_hash(&bytes(leaf))), Vec::<(Tile, Vec<u8>)>::new());
    }
    tiles.0.extend(tree.partial());
    (tree, tiles)
}

#[test]
fn the_reference_trees_have_their_published_roots() {
    for (size, root) in hashes(&ROOTS).into_iter().enumerate() {
        let (tree, tiles) = reference(size);
        assert_eq!(tree.root(), root, "size {size}");
        assert_eq!(prove::root(size as u64, &tiles), Ok(root), "size {size}");
    }
}

#[test]
fn the_reference_trees_have_their_published_proofs() {
    let roots = hashes(&ROOTS);
    for (index, size, proof) in INCLUSION {
        let (tree, tiles) = reference(usize::try_from(size).expect("small"));
        assert_eq!(prove::inclusion(index, size, &tiles), Ok(hashes(proof)), "leaf {index} of {size}");
        let leaf = leaf_hash(&bytes(LEAVES[usize::try_from(index).expect("small")]));
        assert_eq!(verify_inclusion(&leaf, index, size, &tree.root(), &hashes(proof)), Ok(()));
    }
    for (old, new, proof) in CONSISTENCY {
        let (tree, tiles) = reference(usize::try_from(new).expect("small"));
        assert_eq!(prove::consistency(old, new, &tiles), Ok(hashes(proof)), "{old} to {new}");
        let old_root = roots[usize::try_from(old).expect("small")];
        assert_eq!(verify_consistency(old, &old_root, new, &tree.root(), &hashes(proof)), Ok(()));
    }
}

const PETER_PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SEED: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH_PUBLIC: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const PETER_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

#[test]
fn the_published_note_is_made_and_verified() {
    let seed = data_encoding::BASE64.decode(PETER_SEED.as_bytes()).expect("base64");
    let peter = Key::from_seed("PeterNeumann", seed[1..].try_into().expect("32 bytes"));
    assert_eq!(peter.public().to_string(), PETER_PUBLIC);
    let mut note = Note::unsigned(TEXT).expect("text");
    note.sign(&peter).expect("signed");
    assert_eq!(note.to_string(), format!("{TEXT}\n{PETER_LINE}"));

    let both = Note::parse(format!("{TEXT}\n{PETER_LINE}{ENOCH_LINE}").as_bytes()).expect("a note");
    assert_eq!(both.text(), TEXT);
    for key in [PETER_PUBLIC, ENOCH_PUBLIC] {
        let key: VerifierKey = key.parse().expect("a key");
        assert_eq!(both.verify(&Public::from(key)), Ok(()));
    }
}

#[test]
fn no_part_of_a_published_key_and_no_change_to_it_is_a_key() {
    for start in 0..PETER_PUBLIC.len() {
        for end in start + 1..=PETER_PUBLIC.len() {
            let whole = (start, end) == (0, PETER_PUBLIC.len());
            let part = &PETER_PUBLIC[start..end];
            assert_eq!(part.parse::<VerifierKey>().is_ok(), whole, "{part}");
        }
    }
    for at in 0..PETER_PUBLIC.len() {
        let mut bytes = PETER_PUBLIC.as_bytes().to_vec();
        bytes[at] += 1;
        let changed = String::from_utf8(bytes).expect("ASCII");
        assert!(changed.parse::<VerifierKey>().is_err(), "{changed}");
    }
    for other in [
        // A longer key and an unknown type, each with the identifier that fits it.
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert!(other.parse::<VerifierKey>().is_err(), "{other}");
    }
}

/// A checkpoint with a cosignature as the specification shows it; its keys are not published.
const COSIGNED: &str = "example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
";

#[test]
fn the_published_checkpoint_is_read_and_written_alike() {
    let note = Note::parse(COSIGNED.as_bytes()).expect("a note");
    assert_eq!(note.to_string(), COSIGNED);
    let checkpoint: Checkpoint = note.text().parse().expect("a checkpoint");
    assert_eq!(checkpoint.origin(), "example.com/behind-the-sofa");
    assert_eq!(checkpoint.size(), 20_852_163);
    assert_eq!(checkpoint.to_string(), note.text());
    let witness = &note.signatures()[1];
    assert_eq!(witness.name().as_str(), "witness.example.com/w1");
    assert_eq!(witness.bytes().len(), 8 + 64);
    assert_eq!(witness.bytes()[..8], 1_679_315_147_u64.to_be_bytes());
}

#[test]
fn a_cosigner_signs_the_message_of_the_specification() {
    let mut note = Note::parse(COSIGNED.as_bytes()).expect("a note");
    let witness = Key::cosigner("witness.example.com/w2", [7; 32]);
    cosignature::cosign(&mut note, &witness, 1_679_315_147).expect("cosigned");
    let message = "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n\
                   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    assert_eq!(witness.signed(), [message.as_bytes()]);
    assert_eq!(cosignature::verify(&note, &witness.verifier()), Ok(1_679_315_147));
}
