//! The key that keeps content keys at home. One bucket holds the messages of one retention class whose retention
//! ends in one month; when its file is destroyed, every body in it is gone, while leaves and tree stay.
//!
//! A kept key is nonce (12 random bytes) ‖ AES-256-GCM ciphertext (32) ‖ tag (16), with the digest of the message's
//! header as associated data, so that it cannot be moved to another message.

use std::fmt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use rand::CryptoRng;
use sealpost_domain::digest::{Digest, KeyId};
use zeroize::Zeroizing;

use crate::keyfile;
use crate::seal::ContentKey;

/// Bytes of a kept content key.
pub const KEPT_KEY_SIZE: usize = NONCE_SIZE + 32 + 16;

const NONCE_SIZE: usize = 12;

/// A bucket key, wiped when dropped.
pub struct BucketKey(Box<Zeroizing<[u8; 32]>>);

impl BucketKey {
    /// A new key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut key = Self(Box::new(Zeroizing::new([0; 32])));
        rng.fill_bytes(key.0.as_mut_slice());
        key
    }

    /// Writes a new key file: mode 0600, synced with its folder, never over another.
    pub fn create(&self, path: &Path) -> Result<(), keyfile::Error> {
        keyfile::create(path, keyfile::Kind::Bucket, &self.0)
    }

    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, keyfile::Error> {
        keyfile::read(path, keyfile::Kind::Bucket).map(Self)
    }

    /// Encrypts a content key for keeping.
    pub fn wrap(
        &self,
        rng: &mut dyn CryptoRng,
        key: &ContentKey,
        header_digest: &Digest,
    ) -> [u8; KEPT_KEY_SIZE] {
        let mut kept = [0; KEPT_KEY_SIZE];
        let (nonce, rest) = kept.split_at_mut(NONCE_SIZE);
        rng.fill_bytes(nonce);
        let mut number = [0; NONCE_SIZE];
        number.copy_from_slice(nonce);
        let (ciphertext, tag) = rest.split_at_mut(32);
        ciphertext.copy_from_slice(key.as_bytes());
        let sealed = self
            .cipher()
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(number), aad(header_digest), ciphertext)
            .expect("32 bytes are within the cipher's bounds");
        tag.copy_from_slice(sealed.as_ref());
        kept
    }

    /// Gives a kept content key back.
    pub fn unwrap(&self, kept: &[u8], header_digest: &Digest) -> Result<ContentKey, Error> {
        let (nonce, ciphertext) =
            kept.split_first_chunk::<NONCE_SIZE>().ok_or(Error { found: kept.len() })?;
        let mut plain = Zeroizing::new(ciphertext.to_vec());
        let opened = self
            .cipher()
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad(header_digest), &mut plain)
            .map_err(|_| Error { found: kept.len() })?;
        ContentKey::from_bytes(opened).map_err(|_| Error { found: kept.len() })
    }

    /// The HMAC key for the idempotency keys of this bucket's messages.
    pub fn idempotency_secret(&self) -> IdempotencySecret {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let mut secret = Box::new(Zeroizing::new([0; 32]));
        secret.copy_from_slice(hmac::sign(&key, b"sealpost/idempotency/v1").as_ref());
        IdempotencySecret(secret)
    }

    /// A name of this key that tells nothing of it: what is destroyed is recorded by it.
    pub fn id(&self) -> KeyId {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice());
        let mut id = [0; 32];
        id.copy_from_slice(hmac::sign(&key, b"sealpost/bucket-key-id/v1").as_ref());
        KeyId::new(id)
    }

    fn cipher(&self) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&AES_256_GCM, self.0.as_slice()).expect("AES-256 takes 32 bytes"))
    }
}

impl fmt::Debug for BucketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BucketKey(…)")
    }
}

/// The HMAC key for publishers' idempotency keys, wiped when dropped. It ends with its bucket; without it no guess can be
/// tried.
pub struct IdempotencySecret(Box<Zeroizing<[u8; 32]>>);

impl IdempotencySecret {
    /// A secret that was kept.
    pub fn from_key(key: &ContentKey) -> Self {
        Self(Box::new(Zeroizing::new(*key.as_bytes())))
    }

    /// The secret, as it is kept under another key.
    pub fn to_key(&self) -> ContentKey {
        ContentKey::from_bytes(self.0.as_slice()).expect("a secret has the 32 bytes of a key")
    }

    /// What a leaf holds of an idempotency key.
    pub fn digest(&self, key: &str) -> Digest {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice()), key.as_bytes());
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        Digest::new(digest)
    }
}

impl fmt::Debug for IdempotencySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencySecret(…)")
    }
}

fn aad(header_digest: &Digest) -> Aad<&[u8; 32]> {
    Aad::from(header_digest.as_bytes())
}

/// A kept key that does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the kept content key ({found} bytes, {KEPT_KEY_SIZE} expected) does not open: \
     another bucket, another message or changed bytes"
)]
pub struct Error {
    /// Bytes given.
    pub found: usize,
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn a_kept_key_opens_for_its_bucket_and_message_only() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (bucket, other) = (BucketKey::generate(&mut rng), BucketKey::generate(&mut rng));
        let (content, header) = (ContentKey::generate(&mut rng), Digest::new([1; 32]));
        let kept = bucket.wrap(&mut rng, &content, &header);

        assert_eq!(bucket.unwrap(&kept, &header).unwrap().as_bytes(), content.as_bytes());
        assert!(other.unwrap(&kept, &header).is_err());
        assert!(bucket.unwrap(&kept, &Digest::ZERO).is_err());
        assert!(bucket.unwrap(&kept[..KEPT_KEY_SIZE - 1], &header).is_err());
        assert!(bucket.unwrap(&[], &header).is_err());
        for index in 0..KEPT_KEY_SIZE {
            let mut changed = kept;
            changed[index] ^= 1;
            assert!(bucket.unwrap(&changed, &header).is_err(), "byte {index}");
        }
    }

    #[test]
    fn a_publishers_key_is_known_again_in_its_bucket_alone() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        let (bucket, other) = (BucketKey::generate(&mut rng), BucketKey::generate(&mut rng));
        let digest = bucket.idempotency_secret().digest("case-1");
        assert_eq!(bucket.idempotency_secret().digest("case-1"), digest);
        assert_ne!(bucket.idempotency_secret().digest("case-2"), digest);
        assert_ne!(other.idempotency_secret().digest("case-1"), digest);
    }

    #[test]
    fn two_wraps_of_one_key_differ() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let (bucket, content) = (BucketKey::generate(&mut rng), ContentKey::generate(&mut rng));
        let mut kept = || bucket.wrap(&mut rng, &content, &Digest::ZERO);
        assert_ne!(kept(), kept());
    }

    #[test]
    fn a_bucket_key_survives_its_file() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("routine-2031-12.key");
        let key = BucketKey::generate(&mut rng);
        key.create(&path).unwrap();
        assert_eq!(BucketKey::read(&path).unwrap().0, key.0);
    }
}
