//! Cosignatures, as C2SP tlog-cosignature defines their first version: somebody else's signature that a checkpoint was
//! seen, and that it continues every one of that log seen before, at a time.

use crate::note::{Ed25519, KeyKind, Note, VerifierKey};

/// Bytes of a cosignature: the time, eight bytes, and the signature.
const BYTES: usize = 8 + 64;

/// What a cosigner signs: the time in seconds since 1970, and the whole text of the checkpoint.
pub fn message(text: &str, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{text}").into_bytes()
}

/// Adds a cosignature to a checkpoint, made by whoever holds the private half of `key`.
pub fn cosign<E>(
    note: &mut Note,
    key: &VerifierKey,
    time: u64,
    sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>,
) -> Result<(), E> {
    debug_assert_eq!(key.kind(), KeyKind::CosignatureV1);
    let signature = sign(&message(note.text(), time))?;
    note.add(key.signature(&[&time.to_be_bytes()[..], &signature].concat()));
    Ok(())
}

/// When this key cosigned the checkpoint, in seconds since 1970: the latest time whose signature holds.
pub fn cosigned_at(note: &Note, key: &VerifierKey, rule: &impl Ed25519) -> Option<u64> {
    let times = note.by(key).filter_map(|bytes| {
        let (time, signature) = <&[u8; BYTES]>::try_from(bytes).ok()?.split_first_chunk::<8>()?;
        let (time, signature) = (u64::from_be_bytes(*time), signature.try_into().ok()?);
        rule.holds(key.key(), &message(note.text(), time), signature).then_some(time)
    });
    if key.kind() == KeyKind::CosignatureV1 { times.max() } else { None }
}
