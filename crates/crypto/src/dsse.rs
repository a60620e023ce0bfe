//! Signatures over exact bytes together with their type: DSSE's pre-authentication encoding under Ed25519.
//!
//! One rule of acceptance holds everywhere, `verify_strict` of `ed25519-dalek` on a canonical key that is not of low
//! order. It is the narrowest in use: what it takes, every verifier of RFC 8032 takes, with or without the cofactor, so
//! that nobody can disown a piece of evidence. What was signed is never decoded and encoded again, and is parsed only
//! after its signature was checked.
//!
//! Format: <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md>; signatures: RFC 8032.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::Ed25519KeyPair;
use ed25519_dalek as dalek;
use rand::CryptoRng;
use sealpost_domain::digest::KeyId;
use zeroize::Zeroizing;

use crate::digest::{Algorithm, key_id};
use crate::token;

/// What kind of statement is signed. A signature over one kind can never pass for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PayloadType {
    /// The header of an envelope.
    Header,
    /// The hub's acceptance of a batch.
    Accepted,
    /// A recipient's receipt.
    Receipt,
    /// A sender's vector of link heads.
    Heads,
    /// A sender's notice that a number stays without an envelope.
    Void,
    /// A recipient's request for missing numbers.
    Resend,
    /// A recipient's request for a wrap that opens.
    NeedWrap,
    /// What a side knows of a link when two ledgers meet again.
    Resume,
    /// A demand for a consistency proof.
    ProofRequest,
    /// A consistency proof.
    Proof,
    /// A version of the directory.
    Directory,
    /// A jurisdiction's statement about an agency's signing key.
    SigningKey,
    /// An agency's statement about its sealing key of an epoch.
    SealingKey,
    /// An agreement, signed by each of its parties.
    Agreement,
    /// A joint operation, signed by its lead.
    Operation,
    /// An officer's approval of a message.
    Approval,
    /// A revocation listed in the directory.
    Revocation,
    /// A permission for onward sharing.
    Permission,
}

impl PayloadType {
    /// The media type that is signed along with the payload.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Header => "application/vnd.sealpost.header.v1+protobuf",
            Self::Accepted => "application/vnd.sealpost.accepted.v1+protobuf",
            Self::Receipt => "application/vnd.sealpost.receipt.v1+protobuf",
            Self::Heads => "application/vnd.sealpost.heads.v1+protobuf",
            Self::Void => "application/vnd.sealpost.void.v1+protobuf",
            Self::Resend => "application/vnd.sealpost.resend.v1+protobuf",
            Self::NeedWrap => "application/vnd.sealpost.need-wrap.v1+protobuf",
            Self::Resume => "application/vnd.sealpost.resume.v1+protobuf",
            Self::ProofRequest => "application/vnd.sealpost.proof-request.v1+protobuf",
            Self::Proof => "application/vnd.sealpost.proof.v1+protobuf",
            Self::Directory => "application/vnd.sealpost.directory.v1+protobuf",
            Self::SigningKey => "application/vnd.sealpost.signing-key.v1+protobuf",
            Self::SealingKey => "application/vnd.sealpost.sealing-key.v1+protobuf",
            Self::Agreement => "application/vnd.sealpost.agreement.v1+protobuf",
            Self::Operation => "application/vnd.sealpost.operation.v1+protobuf",
            Self::Approval => "application/vnd.sealpost.approval.v1+protobuf",
            Self::Revocation => "application/vnd.sealpost.revocation.v1+protobuf",
            Self::Permission => "application/vnd.sealpost.permission.v1+protobuf",
        }
    }
}

/// A signature and the key that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Which key; a hint for finding it, never a reason to believe it.
    pub key_id: KeyId,
    /// The Ed25519 signature.
    pub bytes: [u8; 64],
}

/// Something that signs: a key in memory, or one in a hardware module.
pub trait Signer: Send + Sync {
    /// The public key.
    fn verifying_key(&self) -> &VerifyingKey;

    /// Its name.
    fn key_id(&self) -> KeyId {
        self.verifying_key().key_id()
    }

    /// Signs exactly these bytes.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError>;
}

/// Whoever has it at hand may sign with it.
impl<S: Signer + ?Sized> Signer for &S {
    fn verifying_key(&self) -> &VerifyingKey {
        (**self).verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        (**self).sign(message)
    }
}

/// The same for whoever shares it.
impl<S: Signer + ?Sized> Signer for Arc<S> {
    fn verifying_key(&self) -> &VerifyingKey {
        (**self).verifying_key()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        (**self).sign(message)
    }
}

/// Signs a payload under its type.
pub fn sign_statement(
    signer: &dyn Signer,
    kind: PayloadType,
    payload: &[u8],
) -> Result<Signature, SignError> {
    let bytes = signer.sign(&pae(kind.as_str(), payload))?;
    Ok(Signature { key_id: signer.key_id(), bytes })
}

/// Checks a payload's signature. The key is the caller's choice, from the directory.
pub fn verify_statement(
    key: &VerifyingKey,
    kind: PayloadType,
    payload: &[u8],
    signature: &[u8],
) -> Result<(), VerifyError> {
    key.verify(&pae(kind.as_str(), payload), signature)
}

/// DSSE's pre-authentication encoding: `DSSEv1 LEN(type) type LEN(body) body`.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// An Ed25519 private key in memory, wiped when dropped.
pub struct SigningKey {
    /// Kept, beside what the library keeps, to be written to a key file; boxed, so that a move leaves no copy.
    seed: Box<Zeroizing<[u8; 32]>>,
    pair: Ed25519KeyPair,
    public: VerifyingKey,
}

impl SigningKey {
    /// A new key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut seed = Box::new(Zeroizing::new([0; 32]));
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_seed(seed)
    }

    /// The key of a seed (the private key of RFC 8032).
    pub fn from_seed(seed: Box<Zeroizing<[u8; 32]>>) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).expect("every 32 bytes are a seed");
        let public = dalek::SigningKey::from_bytes(&seed).verifying_key();
        Self { seed, pair, public: VerifyingKey::known(public) }
    }

    /// The public half.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }
}

impl Signer for SigningKey {
    fn verifying_key(&self) -> &VerifyingKey {
        &self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignError> {
        let refuse = || SignError { key: self.key_id(), source: None };
        let signature = self.pair.try_sign(message).map_err(|_| refuse())?;
        signature.as_ref().try_into().map_err(|_| refuse())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({:?})", self.key_id())
    }
}

/// An Ed25519 public key that is canonical and of full order.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    point: dalek::VerifyingKey,
    id: KeyId,
}

impl VerifyingKey {
    /// Reads a raw public key. Low order and non-canonical encodings are refused: under the first anyone can sign,
    /// under the second one key has two names.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, VerifyError> {
        let raw: &[u8; 32] = bytes.try_into().map_err(|_| VerifyError::KeyLength { found: bytes.len() })?;
        let point = dalek::VerifyingKey::from_bytes(raw).map_err(|_| VerifyError::KeyPoint)?;
        if point.to_edwards().compress().as_bytes() != raw {
            return Err(VerifyError::KeyEncoding);
        }
        if point.is_weak() {
            return Err(VerifyError::KeyOrder);
        }
        Ok(Self::known(point))
    }

    fn known(point: dalek::VerifyingKey) -> Self {
        let id = key_id(Algorithm::Ed25519, point.as_bytes());
        Self { point, id }
    }

    /// The raw public key.
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.point.as_bytes()
    }

    /// The name of this key.
    pub fn key_id(&self) -> KeyId {
        self.id
    }

    /// Checks a signature over exactly these bytes.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), VerifyError> {
        let bytes: &[u8; 64] =
            signature.try_into().map_err(|_| VerifyError::SignatureLength { found: signature.len() })?;
        self.point
            .verify_strict(message, &dalek::Signature::from_bytes(bytes))
            .map_err(|_| VerifyError::Signature { key: self.id })
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({:?})", self.id)
    }
}

/// The signer did not answer with a signature.
#[derive(Debug, thiserror::Error)]
#[error("key {key} made no signature")]
pub struct SignError {
    /// The key that was asked.
    pub key: KeyId,
    /// What its token says.
    pub source: Option<Box<token::Error>>,
}

/// Why a public key or a signature is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not 32 bytes.
    #[error("an Ed25519 public key has 32 bytes, found {found}")]
    KeyLength {
        /// Bytes given.
        found: usize,
    },
    /// No point of the curve.
    #[error("the public key is no point of the curve")]
    KeyPoint,
    /// A second encoding of a point.
    #[error("the public key is not in its canonical encoding")]
    KeyEncoding,
    /// A point of low order, under which signatures prove nothing.
    #[error("the public key has low order: anyone could sign for it")]
    KeyOrder,
    /// Not 64 bytes.
    #[error("an Ed25519 signature has 64 bytes, found {found}")]
    SignatureLength {
        /// Bytes given.
        found: usize,
    },
    /// Another key, other bytes, another type, or a signature that the strict rule refuses.
    #[error("the signature does not verify under key {key}")]
    Signature {
        /// The key that was used.
        key: KeyId,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the DSSE protocol document.
    #[test]
    fn pae_equals_the_published_vector() {
        let encoded = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(encoded, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    /// RFC 8032, section 7.1, test 2.
    #[test]
    fn signatures_equal_the_published_vector() {
        let key = key("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
        assert_eq!(
            key.verifying_key().as_bytes(),
            &bytes::<32>("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
        );
        let signature: [u8; 64] = bytes(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        );
        assert_eq!(key.sign(&[0x72]).unwrap(), signature);
        key.verifying_key().verify(&[0x72], &signature).unwrap();
    }

    #[test]
    fn a_signature_holds_for_its_type_bytes_and_key_only() {
        let (mine, other) = (key(&"11".repeat(32)), key(&"22".repeat(32)));
        let signature = sign_statement(&mine, PayloadType::Header, b"header").unwrap();
        let check = |key: &SigningKey, kind, payload: &[u8]| {
            verify_statement(key.verifying_key(), kind, payload, &signature.bytes)
        };
        assert_eq!(signature.key_id, mine.verifying_key().key_id());
        check(&mine, PayloadType::Header, b"header").unwrap();
        assert!(check(&mine, PayloadType::Receipt, b"header").is_err());
        assert!(check(&mine, PayloadType::Header, b"heade").is_err());
        assert!(check(&other, PayloadType::Header, b"header").is_err());
    }

    #[test]
    fn every_flipped_bit_of_a_signature_is_refused() {
        let key = key(&"11".repeat(32));
        let good = key.sign(b"message").unwrap();
        for bit in 0..512 {
            let mut bad = good;
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(key.verifying_key().verify(b"message", &bad).is_err(), "bit {bit}");
        }
        assert!(key.verifying_key().verify(b"message", &good[..63]).is_err());
    }

    /// S + L is the same scalar: a lax verifier would accept a second signature that the key never made.
    #[test]
    fn a_malleable_signature_is_refused() {
        const ORDER: &str = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
        let key = key(&"11".repeat(32));
        let mut signature = key.sign(b"message").unwrap();
        let mut carry = 0;
        for (byte, order) in signature[32..].iter_mut().zip(bytes::<32>(ORDER)) {
            let sum = u16::from(*byte) + u16::from(order) + carry;
            *byte = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        assert!(key.verifying_key().verify(b"message", &signature).is_err());
    }

    /// The eight points of low order and their other encodings, as listed by libsodium.
    #[test]
    fn keys_of_low_order_or_with_a_second_encoding_are_refused() {
        for (text, reason) in [
            ("0000000000000000000000000000000000000000000000000000000000000000", VerifyError::KeyOrder),
            ("0100000000000000000000000000000000000000000000000000000000000000", VerifyError::KeyOrder),
            ("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", VerifyError::KeyOrder),
            ("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", VerifyError::KeyOrder),
            ("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", VerifyError::KeyOrder),
            ("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", VerifyError::KeyEncoding),
            ("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", VerifyError::KeyEncoding),
            ("0100000000000000000000000000000000000000000000000000000000000080", VerifyError::KeyEncoding),
        ] {
            assert_eq!(VerifyingKey::from_bytes(&bytes::<32>(text)), Err(reason), "{text}");
        }
        assert_eq!(VerifyingKey::from_bytes(&[1; 31]), Err(VerifyError::KeyLength { found: 31 }));
    }

    #[test]
    fn a_signing_key_shows_nothing_of_its_secret() {
        let shown = format!("{:?}", key(&"11".repeat(32)));
        assert!(!shown.contains("1111"), "{shown}");
    }

    fn key(seed: &str) -> SigningKey {
        SigningKey::from_seed(Box::new(Zeroizing::new(bytes(seed))))
    }

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        std::array::from_fn(|index| u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).unwrap())
    }
}
