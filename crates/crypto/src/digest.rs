//! Every digest of the protocol, each under a label of its own, so that no value can be taken for another.

use sealpost_domain::digest::{Digest, KeyId};
use sha2::{Digest as _, Sha256};

/// Public key algorithms, by the names under which key ids are made and the directory lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Signatures (RFC 8032).
    Ed25519,
    /// Sealing: ML-KEM-768 with X25519.
    XWing,
}

impl Algorithm {
    /// The name that enters the key id.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "Ed25519",
            Self::XWing => "X-Wing",
        }
    }
}

/// Plain SHA-256.
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::new(Sha256::digest(bytes).into())
}

/// What the signed header says about the content key: AES-GCM alone does not commit to its key.
pub fn key_commitment(content_key: &[u8; 32]) -> Digest {
    labelled("sealpost/key/v1", &[content_key])
}

/// What the signed header says about the body. The salt keeps short bodies from being guessed.
pub fn plaintext_digest(salt: &[u8; 32], body: &[u8]) -> Digest {
    labelled("sealpost/plaintext/v1", &[salt, body])
}

/// What the signed header says about a position on a link: only the recipient, who is told the salt, can open it.
pub fn link_commitment(salt: &[u8; 32], incarnation: &[u8; 16], number: u64, previous: &Digest) -> Digest {
    labelled("sealpost/link/v1", &[salt, incarnation, &number.to_be_bytes(), previous.as_bytes()])
}

/// What a ledger's leaf says about the body beside it. The salt keeps short bodies from being guessed.
pub fn record_body_digest(salt: &[u8; 32], body: &[u8]) -> Digest {
    labelled("sealpost/record-body/v1", &[salt, body])
}

/// The name of a public key.
pub fn key_id(algorithm: Algorithm, public_key: &[u8]) -> KeyId {
    let digest = labelled(algorithm.name(), &[&[0], public_key]);
    KeyId::new(*digest.as_bytes())
}

fn labelled(label: &str, parts: &[&[u8]]) -> Digest {
    let mut hash = Sha256::new_with_prefix(label);
    for part in parts {
        hash.update(part);
    }
    Digest::new(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed with Python's `hashlib`.
    #[test]
    fn digests_equal_those_of_another_implementation() {
        let salt = [1; 32];
        assert_eq!(
            sha256(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(key_commitment(&[7; 32]).to_string(), KEY);
        assert_eq!(plaintext_digest(&salt, b"body").to_string(), PLAINTEXT);
        assert_eq!(link_commitment(&salt, &[2; 16], 3, &Digest::ZERO).to_string(), LINK);
        assert_eq!(record_body_digest(&salt, b"body").to_string(), RECORD_BODY);
        assert_eq!(key_id(Algorithm::Ed25519, &[9; 32]).to_string(), ED25519);
        assert_eq!(key_id(Algorithm::XWing, &[9; 1216]).to_string(), XWING);
    }

    const KEY: &str = "fba73e9295fe24a3e6651e997876385ccc7f5277e97f20f79f798a7eba53bb8c";
    const PLAINTEXT: &str = "3eb889a0699ce0b2017dab4aca8bab8fda27bd1c29ca4cb3e04dbb4b3d7bf4bc";
    const LINK: &str = "9eb779aec3c2fb9b32be65fb0c92fd470d33ca7068e3e14a268914565a16747b";
    const RECORD_BODY: &str = "11ed7b86dec76a775030ca0059716912cf48d15954b6cdf22cda272f6c03732d";
    const ED25519: &str = "75a5d6407b2a5cb045f75b02b639bb6349187b535cb61e6c3523963ae8072630";
    const XWING: &str = "1210415c281e4583b9afce264913235dbd394064afb995ba8d357eca1d40b370";
}
