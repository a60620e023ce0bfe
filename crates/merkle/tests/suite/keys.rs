//! Ed25519 keys for the tests of notes.

use std::convert::Infallible;
use std::sync::Mutex;

use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use sealpost_merkle::key::{KeyType, VerifierKey};
use sealpost_merkle::note::{SIGNATURE_LENGTH, Signer, Verifier};

/// A key pair that remembers what it signed.
pub(crate) struct Key {
    public: VerifierKey,
    pair: SigningKey,
    signed: Mutex<Vec<Vec<u8>>>,
}

/// A public key.
pub(crate) struct Public {
    key: VerifierKey,
    point: VerifyingKey,
}

impl Key {
    pub(crate) fn from_seed(name: &str, seed: [u8; 32]) -> Self {
        Self::new(name, KeyType::Ed25519, seed)
    }

    pub(crate) fn cosigner(name: &str, seed: [u8; 32]) -> Self {
        Self::new(name, KeyType::CosignatureV1, seed)
    }

    fn new(name: &str, key_type: KeyType, seed: [u8; 32]) -> Self {
        let pair = SigningKey::from_bytes(&seed);
        let name = name.parse().expect("a name");
        let public = VerifierKey::new(name, key_type, pair.verifying_key().to_bytes());
        Self { public, pair, signed: Mutex::default() }
    }

    pub(crate) fn public(&self) -> &VerifierKey {
        &self.public
    }

    pub(crate) fn verifier(&self) -> Public {
        self.public.clone().into()
    }

    /// The messages that were signed.
    pub(crate) fn signed(&self) -> Vec<Vec<u8>> {
        self.signed.lock().expect("no test panics with it").clone()
    }
}

impl From<VerifierKey> for Public {
    fn from(key: VerifierKey) -> Self {
        let point = VerifyingKey::from_bytes(key.public_key()).expect("a point");
        Self { key, point }
    }
}

impl Signer for Key {
    type Error = Infallible;

    fn key(&self) -> &VerifierKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LENGTH], Infallible> {
        self.signed.lock().expect("no test panics with it").push(message.to_vec());
        Ok(self.pair.sign(message).to_bytes())
    }
}

impl Verifier for Public {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        self.point.verify_strict(message, &ed25519_dalek::Signature::from_bytes(signature)).is_ok()
    }
}
