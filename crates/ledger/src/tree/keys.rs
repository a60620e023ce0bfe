//! A node's keys as those of its ledger's checkpoints: signed notes know names, the node's keys do not.
//!
//! The rule of acceptance is the one that holds for all evidence, [`VerifyingKey::verify`].

use std::sync::Arc;

use sealpost_crypto::dsse::{self, SignError, VerifyingKey};
use sealpost_merkle::key::{KeyName, KeyType, VerifierKey};
use sealpost_merkle::note::{SIGNATURE_LENGTH, Signer, Verifier};

/// A node's key as the verifier of the checkpoints of one ledger, in the text form that others read.
pub fn verifier_key(origin: &KeyName, key: &VerifyingKey) -> VerifierKey {
    VerifierKey::new(origin.clone(), KeyType::Ed25519, *key.as_bytes())
}

/// Signs the checkpoints of one ledger.
pub struct NoteSigner {
    key: VerifierKey,
    signer: Arc<dyn dsse::Signer>,
}

/// Cosigns the checkpoints of any ledger.
pub struct Cosigner<'a> {
    key: VerifierKey,
    signer: &'a dyn dsse::Signer,
}

/// Verifies cosignatures.
pub struct CosignatureVerifier<'a> {
    key: VerifierKey,
    verifying: &'a VerifyingKey,
}

/// Verifies the checkpoints of one ledger.
pub struct NoteVerifier<'a> {
    key: VerifierKey,
    verifying: &'a VerifyingKey,
}

impl NoteSigner {
    /// Signs for the ledger of this name.
    pub fn new(origin: &KeyName, signer: Arc<dyn dsse::Signer>) -> Self {
        Self { key: verifier_key(origin, signer.verifying_key()), signer }
    }

    /// The node's key.
    pub fn verifying_key(&self) -> &VerifyingKey {
        self.signer.verifying_key()
    }
}

impl Signer for NoteSigner {
    type Error = SignError;

    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LENGTH], SignError> {
        self.signer.sign(message)
    }
}

impl<'a> Cosigner<'a> {
    /// Cosigns under this name.
    pub fn new(name: &KeyName, signer: &'a dyn dsse::Signer) -> Self {
        let key = VerifierKey::new(name.clone(), KeyType::CosignatureV1, *signer.verifying_key().as_bytes());
        Self { key, signer }
    }
}

impl Signer for Cosigner<'_> {
    type Error = SignError;

    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LENGTH], SignError> {
        self.signer.sign(message)
    }
}

impl<'a> CosignatureVerifier<'a> {
    /// Verifies what the node with this key cosigned under this name.
    pub fn new(name: &KeyName, verifying: &'a VerifyingKey) -> Self {
        let key = VerifierKey::new(name.clone(), KeyType::CosignatureV1, *verifying.as_bytes());
        Self { key, verifying }
    }
}

impl Verifier for CosignatureVerifier<'_> {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        self.verifying.verify(message, signature).is_ok()
    }
}

impl<'a> NoteVerifier<'a> {
    /// Verifies what the node with this key signed for the ledger of this name.
    pub fn new(origin: &KeyName, verifying: &'a VerifyingKey) -> Self {
        Self { key: verifier_key(origin, verifying), verifying }
    }
}

impl Verifier for NoteVerifier<'_> {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        self.verifying.verify(message, signature).is_ok()
    }
}
