//! The signatures of one statement, looked up by the keys that are asked for.
//!
//! Whoever hands a statement in chooses how many signatures are on it; whoever reads it, of which keys it asks. So work is
//! bounded by the latter: one signature of each key is looked at and its result kept, and the payload, which may be
//! megabytes, is encoded once for all. More cannot be shared: Ed25519 hashes what is each signature's own before the
//! payload. Never here: work for a key that is not named, or for a signature of a key that is not asked for.

use std::collections::BTreeMap;

use sealpost_domain::digest::KeyId;
use sealpost_domain::statement::Signed;

use crate::dsse::{PayloadType, VerifyingKey, pae};

/// The signatures of a statement of one type, and what is known of them so far.
pub(super) struct Signatures<'s> {
    signed: &'s Signed,
    kind: PayloadType,
    /// What is signed, from the first signature that is checked.
    encoded: Option<Vec<u8>>,
    /// Whether each signature that was checked holds, by its key.
    checked: BTreeMap<KeyId, bool>,
}

impl<'s> Signatures<'s> {
    pub(super) fn new(signed: &'s Signed, kind: PayloadType) -> Self {
        Self { signed, kind, encoded: None, checked: BTreeMap::new() }
    }

    /// Whether a key signed. Its first signature decides: a statement with a second one is refused where it is read.
    pub(super) fn hold_of(&mut self, key: &VerifyingKey) -> bool {
        let id = key.key_id();
        if let Some(holds) = self.checked.get(&id) {
            return *holds;
        }
        let Some(signature) = self.signed.signatures.iter().find(|signature| signature.key_id == id) else {
            return false;
        };
        let encoded = self.encoded.get_or_insert_with(|| pae(self.kind.as_str(), &self.signed.payload));
        let holds = key.verify(encoded, &signature.bytes).is_ok();
        self.checked.insert(id, holds);
        holds
    }
}

impl VerifyingKey {
    /// Whether this key's signature is among those of a statement, and holds.
    pub fn has_signed(&self, signed: &Signed, kind: PayloadType) -> bool {
        Signatures::new(signed, kind).hold_of(self)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use sealpost_domain::envelope::Signature;

    use super::super::authority;
    use super::*;
    use crate::dsse::{Signer as _, SigningKey, sign_statement};

    const KIND: PayloadType = PayloadType::Directory;

    fn keys<const N: usize>() -> [SigningKey; N] {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        [(); N].map(|()| SigningKey::generate(&mut rng))
    }

    fn signature(key: &SigningKey, payload: &[u8]) -> Signature {
        let made = sign_statement(key, KIND, payload).unwrap();
        Signature { key_id: made.key_id, bytes: made.bytes.to_vec().into() }
    }

    fn junk(key_id: KeyId) -> Signature {
        Signature { key_id, bytes: vec![7; 64].into() }
    }

    fn signed(signatures: Vec<Signature>) -> Signed {
        Signed { payload: b"payload".to_vec().into(), signatures }
    }

    #[test]
    fn signatures_of_keys_that_nobody_asks_for_cost_no_verification() {
        let authority = keys::<5>();
        let stranger = |place: u8| junk(KeyId::new([place; 32]));
        let statement = signed((0..=255).map(stranger).collect());
        let mut signatures = Signatures::new(&statement, KIND);
        assert!(!authority.iter().any(|key| signatures.hold_of(key.verifying_key())));
        assert!(signatures.checked.is_empty() && signatures.encoded.is_none());
    }

    #[test]
    fn however_many_signatures_name_a_key_and_however_often_it_is_asked_for_one_is_verified() {
        let [key, other] = keys();
        let mut of_one = vec![junk(key.key_id()); 255];
        of_one.push(signature(&key, b"payload"));
        let statement = signed(of_one);
        let mut signatures = Signatures::new(&statement, KIND);
        for asked in [&key, &other, &key] {
            assert!(!signatures.hold_of(asked.verifying_key()), "what its first signature says");
        }
        assert_eq!(signatures.checked, [(key.key_id(), false)].into());
    }

    #[test]
    fn each_key_is_judged_by_its_own_signature_and_type() {
        let [key, other, absent] = keys();
        let statement = signed(vec![signature(&key, b"payload"), signature(&other, b"another")]);
        let mut signatures = Signatures::new(&statement, KIND);
        let holds = [&key, &other, &absent, &key].map(|key| signatures.hold_of(key.verifying_key()));
        assert_eq!(holds, [true, false, false, true]);
        assert!(!key.verifying_key().has_signed(&statement, PayloadType::Agreement));
    }

    #[test]
    fn nothing_is_verified_once_enough_of_the_authority_signed() {
        let authority_keys = keys::<5>();
        let statement = signed(authority_keys.iter().map(|key| signature(key, b"payload")).collect());
        let mut signatures = Signatures::new(&statement, KIND);
        let keys: Vec<_> = authority_keys.iter().map(|key| key.verifying_key().clone()).collect();
        authority(&mut signatures, &keys, 3, 1).unwrap();
        let first: Vec<_> = keys[..3].iter().map(VerifyingKey::key_id).collect();
        assert!(first.iter().all(|key| signatures.checked.contains_key(key)));
        assert_eq!(signatures.checked.len(), 3);
        // The version's own authority, of the same keys, costs nothing more.
        authority(&mut signatures, &keys, 3, 2).unwrap();
        assert_eq!(signatures.checked.len(), 3);
    }
}
