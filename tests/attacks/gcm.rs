//! AES-256-GCM taken apart (NIST SP 800-38D), with the nonce of twelve zero bytes under which contents are sealed: what a
//! malicious sender needs for ciphertexts that the shipped code does not make.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, UnboundCipherKey};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 16;

/// One key.
pub(crate) struct Gcm {
    cipher: EncryptingKey,
}

impl Gcm {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let key = UnboundCipherKey::new(&AES_256, key).unwrap();
        Self { cipher: EncryptingKey::ecb(key).unwrap() }
    }

    /// AES of a block that holds one number.
    fn block(&self, number: u128) -> u128 {
        let mut block = number.to_be_bytes();
        self.cipher.encrypt(&mut block).unwrap();
        u128::from_be_bytes(block)
    }

    /// The key of the hash.
    fn hash_key(&self) -> u128 {
        self.block(0)
    }

    /// What hides the hash in the tag.
    fn mask(&self) -> u128 {
        self.block(1)
    }

    /// What the text is added to, from its first byte on.
    pub(crate) fn keystream(&self, length: usize) -> Vec<u8> {
        let blocks = (2..).flat_map(|number| self.block(number).to_be_bytes());
        blocks.take(length).collect()
    }

    /// The tag of a ciphertext of whole blocks.
    pub(crate) fn tag(&self, ciphertext: &[u8]) -> [u8; BLOCK] {
        (ghash(self.hash_key(), ciphertext) ^ self.mask()).to_be_bytes()
    }

    /// Ciphertext and tag of a text of whole blocks.
    pub(crate) fn seal(&self, text: &[u8]) -> Vec<u8> {
        let stream = self.keystream(text.len());
        let mut sealed: Vec<u8> = text.iter().zip(stream).map(|(text, stream)| text ^ stream).collect();
        sealed.extend(self.tag(&sealed));
        sealed
    }

    /// The text, if the tag fits.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (ciphertext, tag) = sealed.split_last_chunk::<BLOCK>()?;
        let stream = self.keystream(ciphertext.len());
        let text = ciphertext.iter().zip(stream).map(|(byte, stream)| byte ^ stream).collect();
        (self.tag(ciphertext) == *tag).then_some(text)
    }
}

/// Gives a ciphertext one tag under two keys, by changing its last block, and appends it.
///
/// The hash is linear. The last block enters it times H²: it is chosen so that it makes up for all that the two hashes
/// and masks differ in.
pub(crate) fn agree(first: &Gcm, second: &Gcm, mut ciphertext: Vec<u8>) -> Vec<u8> {
    let last = ciphertext.len() - BLOCK;
    ciphertext[last..].fill(0);
    let [one, other] = [first, second].map(|key| u128::from_be_bytes(key.tag(&ciphertext)));
    let [square, other_square] = [first, second].map(|key| multiply(key.hash_key(), key.hash_key()));
    let free = multiply(one ^ other, inverse(square ^ other_square));
    ciphertext[last..].copy_from_slice(&free.to_be_bytes());
    ciphertext.extend(first.tag(&ciphertext));
    ciphertext
}

fn ghash(key: u128, ciphertext: &[u8]) -> u128 {
    let (blocks, rest) = ciphertext.as_chunks::<BLOCK>();
    assert!(rest.is_empty(), "whole blocks");
    let lengths = ciphertext.len() as u128 * 8;
    let blocks = blocks.iter().map(|block| u128::from_be_bytes(*block));
    blocks.chain([lengths]).fold(0, |hash, block| multiply(hash ^ block, key))
}

/// Multiplication in the field, whose bits run from the left (SP 800-38D, 6.3).
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
    let (mut power, mut product) = (x, 1 << 127);
    for _ in 1..128 {
        power = multiply(power, power);
        product = multiply(product, power);
    }
    product
}

#[test]
fn it_seals_and_opens_as_the_shipped_code_does() {
    use rand::SeedableRng as _;
    use sealpost_crypto::seal::seal_content;

    let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(4);
    let sealed = seal_content(&mut rng, b"a content").unwrap();
    let own = Gcm::new(sealed.key.as_bytes());
    let text = own.open(&sealed.bytes).unwrap();
    assert_eq!(text[..4 + 9], *b"\x09\x00\x00\x00a content");
    assert_eq!(own.seal(&text), sealed.bytes);
}
