//! A body under a key of its own.
//!
//! Plaintext: content length (u32, little-endian) ‖ content ‖ zeros up to a power of two, at least 1 KiB. The padded
//! size is all that an onlooker learns. AES-256-GCM with a nonce of twelve zero bytes, for the key is used once, and
//! no associated data, for the signed header names the digest of the result. The header also commits to the key:
//! AES-GCM alone does not, and a sender could make one ciphertext that opens to two texts under two keys.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rand::CryptoRng;
use sealpost_domain::digest::Digest;
use zeroize::Zeroizing;

use crate::digest::{key_commitment, sha256};

/// The largest content: with its length it fills the largest size class, 2 MiB.
pub const CONTENT_MAX: usize = CLASS_MAX - LENGTH_SIZE;

const CLASS_MIN: usize = 1 << 10;
const CLASS_MAX: usize = 1 << 21;
const LENGTH_SIZE: usize = 4;
const TAG_SIZE: usize = 16;

/// The key of one body, wiped when dropped.
#[derive(Clone)]
pub struct ContentKey(Zeroizing<[u8; 32]>);

impl ContentKey {
    /// A new key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut key = Self(Zeroizing::new([0; 32]));
        rng.fill_bytes(key.0.as_mut_slice());
        key
    }

    /// The key as it came out of a wrap.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut key = Self(Zeroizing::new([0; 32]));
        if bytes.len() != key.0.len() {
            return Err(Error::KeyLength { found: bytes.len() });
        }
        key.0.copy_from_slice(bytes);
        Ok(key)
    }

    /// The key, to be wrapped.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the signed header says about this key.
    pub fn commitment(&self) -> Digest {
        key_commitment(&self.0)
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContentKey(…)")
    }
}

/// A sealed content and what the header must say about it.
#[derive(Debug)]
pub struct Sealed {
    /// Ciphertext and tag.
    pub bytes: Vec<u8>,
    /// SHA-256 of `bytes`.
    pub digest: Digest,
    /// The key, to be wrapped for each recipient and kept under a bucket key.
    pub key: ContentKey,
    /// The commitment to the key.
    pub key_commitment: Digest,
}

/// Seals a content under a new key.
pub fn seal_content(rng: &mut dyn CryptoRng, content: &[u8]) -> Result<Sealed, Error> {
    let too_large = || Error::TooLarge { found: content.len() };
    let class = size_class(content.len()).ok_or_else(too_large)?;
    let length = u32::try_from(content.len()).map_err(|_| too_large())?;

    let mut bytes = Vec::with_capacity(class + TAG_SIZE);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(content);
    bytes.resize(class, 0);

    let key = ContentKey::generate(rng);
    cipher(&key).seal_in_place_append_tag(nonce(), Aad::empty(), &mut bytes).map_err(|_| Error::Cipher)?;
    Ok(Sealed { digest: sha256(&bytes), key_commitment: key.commitment(), bytes, key })
}

/// Opens a sealed content, if the key is the one that the signed header commits to.
pub fn open_content(
    key: &ContentKey,
    sealed: &[u8],
    commitment: &Digest,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    if key.commitment() != *commitment {
        return Err(Error::Commitment);
    }
    let class = sealed.len().checked_sub(TAG_SIZE).filter(|class| (CLASS_MIN..=CLASS_MAX).contains(class));
    if !class.is_some_and(usize::is_power_of_two) {
        return Err(Error::Size { found: sealed.len() });
    }
    let mut plain = Zeroizing::new(sealed.to_vec());
    cipher(key).open_in_place(nonce(), Aad::empty(), &mut plain).map_err(|_| Error::Cipher)?;
    plain.truncate(sealed.len() - TAG_SIZE);

    let (length, rest) = plain.split_first_chunk::<LENGTH_SIZE>().ok_or(Error::Padding)?;
    let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| Error::Padding)?;
    let (content, padding) = rest.split_at_checked(length).ok_or(Error::Padding)?;
    // One content has one sealed size and one padding: nothing can be smuggled there.
    if size_class(length) != class || padding.iter().any(|byte| *byte != 0) {
        return Err(Error::Padding);
    }
    Ok(Zeroizing::new(content.to_vec()))
}

fn size_class(content: usize) -> Option<usize> {
    let class = content.checked_add(LENGTH_SIZE)?.max(CLASS_MIN).checked_next_power_of_two()?;
    (class <= CLASS_MAX).then_some(class)
}

fn cipher(key: &ContentKey) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key.as_bytes()).expect("AES-256 takes 32 bytes"))
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// Why a content cannot be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More than fits into the largest size class.
    #[error("the content has {found} bytes, at most {CONTENT_MAX} can be sealed")]
    TooLarge {
        /// Bytes given.
        found: usize,
    },
    /// Not 32 bytes.
    #[error("a content key has 32 bytes, found {found}")]
    KeyLength {
        /// Bytes given.
        found: usize,
    },
    /// The signed header commits to another key.
    #[error("the content key is not the one that the signed header commits to")]
    Commitment,
    /// No size class.
    #[error("{found} bytes are no sealed content: expected a power of two from 1 KiB to 2 MiB, and 16 bytes")]
    Size {
        /// Bytes given.
        found: usize,
    },
    /// Changed bytes, or another key.
    #[error("the sealed content does not open under its key: it was changed")]
    Cipher,
    /// The length or the padding is not what sealing makes.
    #[error("the sealed content opens to a wrong length or padding")]
    Padding,
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn content_comes_back_from_its_size_class(content in prop::collection::vec(any::<u8>(), 0..5000), seed: u64) {
            let sealed = seal_content(&mut ChaCha20Rng::seed_from_u64(seed), &content).unwrap();
            prop_assert!((sealed.bytes.len() - 16).is_power_of_two());
            prop_assert!(sealed.bytes.len() >= 1024 + 16);
            let opened = open_content(&sealed.key, &sealed.bytes, &sealed.key_commitment).unwrap();
            prop_assert_eq!(opened.as_slice(), content);
        }
    }

    #[test]
    fn size_classes_have_exact_edges() {
        for (content, class) in [(0, 1024), (1020, 1024), (1021, 2048), (2044, 2048), (CONTENT_MAX, 1 << 21)]
        {
            assert_eq!(size_class(content), Some(class), "{content}");
        }
        assert_eq!(size_class(CONTENT_MAX + 1), None);
        assert_eq!(size_class(usize::MAX), None);
    }

    #[test]
    fn every_flipped_byte_is_refused() {
        let sealed = seal(b"canary");
        for index in 0..sealed.bytes.len() {
            let mut bytes = sealed.bytes.clone();
            bytes[index] ^= 1;
            assert_eq!(
                open_content(&sealed.key, &bytes, &sealed.key_commitment).unwrap_err(),
                Error::Cipher,
                "byte {index}"
            );
        }
    }

    /// GHASH is linear: whoever chooses both keys can find one ciphertext that both open. So the tag proves nothing
    /// about the key, and the commitment must decide before the cipher is asked.
    #[test]
    fn a_ciphertext_of_two_keys_opens_under_the_committed_one_only() {
        let (first, second) =
            (ContentKey::from_bytes(&[1; 32]).unwrap(), ContentKey::from_bytes(&[2; 32]).unwrap());
        let sealed = two_key_ciphertext(&first, &second);
        for key in [&first, &second] {
            let mut plain = sealed.clone();
            cipher(key).open_in_place(nonce(), Aad::empty(), &mut plain).expect("the tag fits both keys");
        }
        let commitment = first.commitment();
        assert_ne!(open_content(&first, &sealed, &commitment), Err(Error::Commitment));
        assert_eq!(open_content(&second, &sealed, &commitment), Err(Error::Commitment));
    }

    #[test]
    fn padding_and_length_are_checked() {
        let key = ContentKey::from_bytes(&[3; 32]).unwrap();
        let open = |plain: Vec<u8>| {
            let mut bytes = plain;
            cipher(&key).seal_in_place_append_tag(nonce(), Aad::empty(), &mut bytes).unwrap();
            open_content(&key, &bytes, &key.commitment()).map(|content| content.to_vec())
        };
        let plain = |length: u32, class: usize| {
            let mut plain = length.to_le_bytes().to_vec();
            plain.resize(class, 0);
            plain
        };
        assert_eq!(open(plain(3, 1024)), Ok(vec![0; 3]));
        let mut smuggled = plain(3, 1024);
        smuggled[1023] = 1;
        assert_eq!(open(smuggled), Err(Error::Padding));
        assert_eq!(open(plain(1021, 1024)), Err(Error::Padding));
        assert_eq!(open(plain(u32::MAX, 1024)), Err(Error::Padding));
        assert_eq!(open(plain(3, 2048)), Err(Error::Padding), "a larger class than needed");
        assert_eq!(open(plain(3, 1000)), Err(Error::Size { found: 1016 }));
        assert_eq!(open_content(&key, &[], &key.commitment()), Err(Error::Size { found: 0 }));
    }

    fn seal(content: &[u8]) -> Sealed {
        seal_content(&mut ChaCha20Rng::seed_from_u64(1), content).unwrap()
    }

    fn two_key_ciphertext(first: &ContentKey, second: &ContentKey) -> Vec<u8> {
        let (h1, h2) = (block(first, 0), block(second, 0));
        let (mask1, mask2) = (block(first, 1), block(second, 1));
        let mut bytes = vec![0x5a; CLASS_MIN];
        let last = CLASS_MIN - 16;
        bytes[last..].fill(0);
        // The last block enters each hash times H²; it is chosen so that both tags become one.
        let difference = ghash(h1, &bytes) ^ mask1 ^ ghash(h2, &bytes) ^ mask2;
        let free = multiply(difference, inverse(multiply(h1, h1) ^ multiply(h2, h2)));
        bytes[last..].copy_from_slice(&free.to_be_bytes());
        let tag = ghash(h1, &bytes) ^ mask1;
        bytes.extend_from_slice(&tag.to_be_bytes());
        bytes
    }

    /// AES of a block that holds one number.
    fn block(key: &ContentKey, number: u128) -> u128 {
        let key = UnboundCipherKey::new(&AES_256, key.as_bytes()).unwrap();
        let mut block = number.to_be_bytes();
        EncryptingKey::ecb(key).unwrap().encrypt(&mut block).unwrap();
        u128::from_be_bytes(block)
    }

    fn ghash(h: u128, ciphertext: &[u8]) -> u128 {
        let blocks = ciphertext.chunks_exact(16).map(|chunk| u128::from_be_bytes(chunk.try_into().unwrap()));
        let lengths = ciphertext.len() as u128 * 8;
        blocks.chain([lengths]).fold(0, |hash, block| multiply(hash ^ block, h))
    }

    /// Multiplication in GCM's field, whose bits run from the left (NIST SP 800-38D, 6.3).
    fn multiply(x: u128, mut y: u128) -> u128 {
        let mut product = 0;
        for bit in (0..128).rev() {
            if x >> bit & 1 == 1 {
                product ^= y;
            }
            y = (y >> 1) ^ ((y & 1) * (0xe1 << 120));
        }
        product
    }

    /// x to the power of 2¹²⁸ − 2.
    fn inverse(x: u128) -> u128 {
        let mut power = x;
        let mut product = 1 << 127;
        for _ in 1..128 {
            power = multiply(power, power);
            product = multiply(product, power);
        }
        product
    }
}
