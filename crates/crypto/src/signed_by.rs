//! Which listed key made a signature: the one answer for hub, node and ledger.
//!
//! Which keys are listed, and believed at that time, is the caller's to say.

use sealpost_domain::digest::KeyId;
use sealpost_domain::envelope::Signature;

use crate::dsse::{PayloadType, VerifyError, VerifyingKey, verify_statement};

/// No listed key made one of the signatures.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    /// None of the keys that are named is listed.
    #[error("no signature names a listed key; named are {named:?}")]
    UnknownKey {
        /// The keys that are named.
        named: Vec<KeyId>,
    },
    /// A listed key is named, and did not make the signature.
    #[error("the signature of key {key} is wrong")]
    Wrong {
        /// The key; the last one, where there are more.
        key: KeyId,
        /// Why.
        source: VerifyError,
    },
}

/// A listed public key, as the caller has it.
pub trait PublicKey {
    /// The key, ready to verify with.
    fn ready(self) -> Result<VerifyingKey, VerifyError>;
}

/// Its bytes.
impl PublicKey for &[u8] {
    fn ready(self) -> Result<VerifyingKey, VerifyError> {
        VerifyingKey::from_bytes(self)
    }
}

/// Read before: reading takes a fifth of the time that verifying takes.
impl PublicKey for &VerifyingKey {
    fn ready(self) -> Result<VerifyingKey, VerifyError> {
        Ok(self.clone())
    }
}

/// Read before, and perhaps no key that could be used: whatever names it is wrong.
impl PublicKey for &Result<VerifyingKey, VerifyError> {
    fn ready(self) -> Result<VerifyingKey, VerifyError> {
        self.clone()
    }
}

/// The first signature that a listed key made over these bytes, with what `listed` says of that key.
///
/// `listed` gives the key, and whatever else is known of it. A signature of a key that is not listed is passed
/// over: a sender may have added that of a later key.
pub fn signed_by<'s, P: PublicKey, K>(
    kind: PayloadType,
    payload: &[u8],
    signatures: &'s [Signature],
    listed: impl Fn(KeyId) -> Option<(P, K)>,
) -> Result<(K, &'s Signature), NotSigned> {
    let mut wrong = None;
    for signature in signatures {
        let Some((key, known)) = listed(signature.key_id) else { continue };
        let verified = key.ready().and_then(|key| verify_statement(&key, kind, payload, &signature.bytes));
        match verified {
            Ok(()) => return Ok((known, signature)),
            Err(source) => wrong = Some(NotSigned::Wrong { key: signature.key_id, source }),
        }
    }
    let unknown = || NotSigned::UnknownKey { named: signatures.iter().map(|other| other.key_id).collect() };
    Err(wrong.unwrap_or_else(unknown))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;

    use super::*;
    use crate::dsse::{Signer as _, SigningKey, sign_statement};

    const KIND: PayloadType = PayloadType::Receipt;

    fn signature(key: &SigningKey, payload: &[u8]) -> Signature {
        let made = sign_statement(key, KIND, payload).unwrap();
        Signature { key_id: made.key_id, bytes: made.bytes.to_vec().into() }
    }

    #[test]
    fn one_signature_of_a_listed_key_is_enough_and_says_whose_it_is() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let [listed, later] = [(); 2].map(|()| SigningKey::generate(&mut rng));
        let keys = |id| (id == listed.key_id()).then(|| (&listed.verifying_key().as_bytes()[..], "ours"));
        let signatures = [signature(&later, b"payload"), signature(&listed, b"payload")];
        assert_eq!(signed_by(KIND, b"payload", &signatures, keys), Ok(("ours", &signatures[1])));

        let other = [signature(&listed, b"another payload"), signature(&later, b"payload")];
        let wrong = signed_by(KIND, b"payload", &other, keys);
        assert!(matches!(wrong, Err(NotSigned::Wrong { key, .. }) if key == listed.key_id()));
        let unknown = signed_by(KIND, b"payload", &signatures[..1], keys);
        assert_eq!(unknown, Err(NotSigned::UnknownKey { named: vec![later.key_id()] }));
        assert!(signed_by(PayloadType::Heads, b"payload", &signatures, keys).is_err(), "another type");
    }
}
