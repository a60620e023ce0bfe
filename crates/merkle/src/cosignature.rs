//! Cosignatures: a peer's word that at some time it saw a log stand at this checkpoint. C2SP `tlog-cosignature`, the
//! Ed25519 form.
//!
//! Whoever cosigns has verified before that the checkpoint follows from the last one it cosigned; that is not done
//! here. The signature does not cover the name of the cosigner, so one key must not serve under two names.

use crate::checkpoint::{self, Checkpoint};
use crate::key::KeyType;
use crate::note::{self, Note, SIGNATURE_LENGTH, SignError, Signature, Signer, Verifier, expect_type};

/// The greatest time that a cosignature can carry, in seconds of Unix time.
pub const TIME_MAX: u64 = i64::MAX as u64;

/// Why a checkpoint was not cosigned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error<E: std::error::Error + 'static> {
    /// The note holds no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] checkpoint::Error),
    /// The note could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError<E>),
    /// The time is too late.
    #[error("a cosignature's time is at most {TIME_MAX} seconds, not {time}")]
    Time {
        /// The time asked for.
        time: u64,
    },
}

/// Adds a cosignature with this time, in seconds of Unix time, to a note that holds a checkpoint. An earlier one by the
/// same key goes.
pub fn cosign<S: Signer + ?Sized>(note: &mut Note, signer: &S, time: u64) -> Result<(), Error<S::Error>> {
    let key = signer.key();
    expect_type(key, KeyType::CosignatureV1).map_err(SignError::from)?;
    note.text().parse::<Checkpoint>()?;
    if time > TIME_MAX {
        return Err(Error::Time { time });
    }
    let signed = signer
        .sign(&message(note, time))
        .map_err(|source| SignError::Signer { name: key.name().clone(), source })?;
    let bytes = [time.to_be_bytes().as_slice(), &signed].concat();
    Ok(note.add(Signature::by(key, bytes)).map_err(SignError::from)?)
}

/// Verifies the cosignature by this key, and returns its time in seconds of Unix time; of several the latest.
pub fn verify(note: &Note, cosigner: &(impl Verifier + ?Sized)) -> Result<u64, note::Error> {
    let key = cosigner.key();
    expect_type(key, KeyType::CosignatureV1)?;
    let times = note.verify_each(key, |bytes| {
        let (time, signature) = bytes.split_first_chunk()?;
        let signature: &[u8; SIGNATURE_LENGTH] = signature.try_into().ok()?;
        let time = u64::from_be_bytes(*time);
        let holds = time <= TIME_MAX && cosigner.verify(&message(note, time), signature);
        holds.then_some(time)
    })?;
    Ok(times.into_iter().max().unwrap_or_default())
}

/// What is signed: a header that no other signature begins with, the time, and the note's text.
fn message(note: &Note, time: u64) -> Vec<u8> {
    format!("cosignature/v1\ntime {time}\n{}", note.text()).into_bytes()
}
