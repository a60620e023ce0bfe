//! A ledger's checkpoint as the tests of texts use it.

use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_merkle::cosignature;
use sealpost_merkle::note::Note;

use crate::keys::Key;
use crate::memory::Memory;

pub(crate) const ORIGIN: &str = "ledger.example/harbour";

pub(crate) fn log() -> Key {
    Key::from_seed(ORIGIN, [1; 32])
}

pub(crate) fn witness() -> Key {
    Key::cosigner("witness.example/north", [2; 32])
}

/// A checkpoint of nine leaves, signed by the log and cosigned.
pub(crate) fn cosigned() -> Note {
    let (tree, _) = Memory::of(9);
    let checkpoint = Checkpoint::new(ORIGIN, 9, tree.root()).expect("a checkpoint");
    let mut note = checkpoint.sign(&log()).expect("signed");
    cosignature::cosign(&mut note, &witness(), 1_800_000_000).expect("cosigned");
    note
}

/// The text with one bit turned, for each of its bits.
pub(crate) fn flips(text: &str) -> impl Iterator<Item = Vec<u8>> {
    (0..text.len() * 8).map(move |bit| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    })
}
