//! A secret for one recipient: HPKE (RFC 9180) in base mode, single shot, with X-Wing (KEM 0x647a), HKDF-SHA256
//! (0x0001) and AES-256-GCM (0x0002).
//!
//! `info` binds the wrap to its message and its two agencies, so that a wrap cut out of one message opens in no
//! other: `"sealpost/wrap/v1"`, then message id, sender, recipient, recipient's key id and header digest, each after
//! its length (u32, big-endian). The associated data is empty. The sender is not authenticated here: the signed
//! header and its commitments do that.

use std::fmt;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use rand::CryptoRng;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use zeroize::Zeroizing;

use crate::digest::{Algorithm, key_id};

/// Bytes of an X-Wing public key.
pub const PUBLIC_KEY_SIZE: usize = 1216;
/// Bytes of an encapsulated key.
pub const ENCAPSULATED_SIZE: usize = 1120;

type PublicKey = <XWing as hpke::Kem>::PublicKey;
type PrivateKey = <XWing as hpke::Kem>::PrivateKey;
type Encapsulated = <XWing as hpke::Kem>::EncappedKey;

/// What a wrap is bound to.
#[derive(Clone, Copy, Debug)]
pub struct WrapContext<'a> {
    /// The message.
    pub message_id: &'a [u8; 16],
    /// Who sends it.
    pub sender: &'a AgencyId,
    /// For whom the wrap is.
    pub recipient: &'a AgencyId,
    /// The digest of the signed header.
    pub header_digest: &'a Digest,
}

impl WrapContext<'_> {
    fn info(&self, recipient_key: KeyId) -> Vec<u8> {
        let mut info = b"sealpost/wrap/v1".to_vec();
        let parts: [&[u8]; 5] = [
            self.message_id,
            self.sender.as_str().as_bytes(),
            self.recipient.as_str().as_bytes(),
            recipient_key.as_bytes(),
            self.header_digest.as_bytes(),
        ];
        for part in parts {
            let length = u32::try_from(part.len()).expect("ids and digests are short");
            info.extend_from_slice(&length.to_be_bytes());
            info.extend_from_slice(part);
        }
        info
    }
}

/// A wrapped secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrapped {
    /// HPKE's encapsulated key, 1120 bytes.
    pub encapsulated: Vec<u8>,
    /// The ciphertext with its tag.
    pub ciphertext: Vec<u8>,
}

/// Wraps a secret for the holder of a sealing key.
pub fn wrap(
    rng: &mut dyn CryptoRng,
    recipient_key: &SealingPublicKey,
    context: &WrapContext<'_>,
    plaintext: &[u8],
) -> Result<Wrapped, Error> {
    let (encapsulated, ciphertext) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, XWing>(
        &OpModeS::Base,
        &recipient_key.key,
        &context.info(recipient_key.id),
        plaintext,
        &[],
        &mut &mut *rng,
    )
    .map_err(|_| Error::Wrap { key: recipient_key.id })?;
    Ok(Wrapped { encapsulated: encapsulated.to_bytes().to_vec(), ciphertext })
}

/// Opens a wrap. A failure says nothing about who is to blame: another key, another message, or changed bytes.
pub fn unwrap(
    own_key: &SealingPrivateKey,
    context: &WrapContext<'_>,
    encapsulated: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let enc = Encapsulated::from_bytes(encapsulated)
        .map_err(|_| Error::Encapsulated { found: encapsulated.len() })?;
    let id = own_key.public.id;
    hpke::single_shot_open::<AesGcm256, HkdfSha256, XWing>(
        &OpModeR::Base,
        &own_key.key,
        &enc,
        &context.info(id),
        ciphertext,
        &[],
    )
    .map(Zeroizing::new)
    .map_err(|_| Error::Unwrap { key: id })
}

/// An agency's public sealing key.
#[derive(Clone)]
pub struct SealingPublicKey {
    key: Box<PublicKey>,
    id: KeyId,
}

impl SealingPublicKey {
    /// Reads a raw X-Wing public key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let key = PublicKey::from_bytes(bytes).map_err(|_| Error::PublicKey { found: bytes.len() })?;
        Ok(Self { key: Box::new(key), id: key_id(Algorithm::XWing, bytes) })
    }

    /// The raw public key, 1216 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.key.to_bytes().to_vec()
    }

    /// The name of this key.
    pub fn key_id(&self) -> KeyId {
        self.id
    }
}

impl fmt::Debug for SealingPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingPublicKey({:?})", self.id)
    }
}

/// An agency's private sealing key, wiped when dropped.
pub struct SealingPrivateKey {
    key: Box<PrivateKey>,
    seed: Box<Zeroizing<[u8; 32]>>,
    public: SealingPublicKey,
}

impl SealingPrivateKey {
    /// A new key.
    pub fn generate(rng: &mut dyn CryptoRng) -> Self {
        let mut seed = Box::new(Zeroizing::new([0; 32]));
        rng.fill_bytes(seed.as_mut_slice());
        Self::from_seed(seed)
    }

    /// The key of a 32-byte seed.
    pub fn from_seed(seed: Box<Zeroizing<[u8; 32]>>) -> Self {
        let key = Box::new(PrivateKey::from_bytes(seed.as_slice()).expect("every 32 bytes are a seed"));
        let public = XWing::sk_to_pk(&key);
        let id = key_id(Algorithm::XWing, &public.to_bytes());
        Self { key, seed, public: SealingPublicKey { key: Box::new(public), id } }
    }

    /// The public half.
    pub fn public_key(&self) -> &SealingPublicKey {
        &self.public
    }

    /// The name of the public half.
    pub fn key_id(&self) -> KeyId {
        self.public.id
    }

    pub(crate) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }
}

impl fmt::Debug for SealingPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingPrivateKey({:?})", self.public.id)
    }
}

/// Why a secret cannot be wrapped or a wrap not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No X-Wing public key.
    #[error("no X-Wing public key: expected {PUBLIC_KEY_SIZE} bytes within the modulus, found {found} bytes")]
    PublicKey {
        /// Bytes given.
        found: usize,
    },
    /// No encapsulated key.
    #[error("an encapsulated key has {ENCAPSULATED_SIZE} bytes, found {found}")]
    Encapsulated {
        /// Bytes given.
        found: usize,
    },
    /// The library refused to wrap.
    #[error("nothing can be wrapped for sealing key {key}")]
    Wrap {
        /// The recipient's key.
        key: KeyId,
    },
    /// Another key, another message or changed bytes.
    #[error("the wrap does not open under sealing key {key}")]
    Unwrap {
        /// The own key.
        key: KeyId,
    },
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn a_wrap_opens_for_its_recipient_and_message_only() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let (thai, other) = (SealingPrivateKey::generate(&mut rng), SealingPrivateKey::generate(&mut rng));
        let (hk, th): (AgencyId, AgencyId) = ("HK-CED".parse().unwrap(), "TH-TCD".parse().unwrap());
        let digest = Digest::new([5; 32]);
        let context =
            WrapContext { message_id: &[1; 16], sender: &hk, recipient: &th, header_digest: &digest };
        let wrapped = wrap(&mut rng, thai.public_key(), &context, b"secret").unwrap();
        assert_eq!(wrapped.encapsulated.len(), ENCAPSULATED_SIZE);

        let open = |key, context: &WrapContext<'_>| {
            unwrap(key, context, &wrapped.encapsulated, &wrapped.ciphertext).map(|plain| plain.to_vec())
        };
        assert_eq!(open(&thai, &context).unwrap(), b"secret");
        assert!(open(&other, &context).is_err());
        assert!(open(&thai, &WrapContext { message_id: &[2; 16], ..context }).is_err());
        assert!(open(&thai, &WrapContext { sender: &th, ..context }).is_err());
        assert!(open(&thai, &WrapContext { recipient: &hk, ..context }).is_err());
        assert!(open(&thai, &WrapContext { header_digest: &Digest::ZERO, ..context }).is_err());
    }

    #[test]
    fn changed_or_cut_wraps_are_refused() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let key = SealingPrivateKey::generate(&mut rng);
        let hk: AgencyId = "HK-CED".parse().unwrap();
        let context =
            WrapContext { message_id: &[1; 16], sender: &hk, recipient: &hk, header_digest: &Digest::ZERO };
        let Wrapped { encapsulated, ciphertext } =
            wrap(&mut rng, key.public_key(), &context, b"secret").unwrap();
        for index in (0..ENCAPSULATED_SIZE).step_by(97).chain([ENCAPSULATED_SIZE - 1]) {
            let mut changed = encapsulated.clone();
            changed[index] ^= 1;
            assert!(unwrap(&key, &context, &changed, &ciphertext).is_err(), "encapsulated byte {index}");
        }
        for index in 0..ciphertext.len() {
            let mut changed = ciphertext.clone();
            changed[index] ^= 1;
            assert!(unwrap(&key, &context, &encapsulated, &changed).is_err(), "ciphertext byte {index}");
        }
        assert_eq!(
            unwrap(&key, &context, &encapsulated[1..], &ciphertext),
            Err(Error::Encapsulated { found: ENCAPSULATED_SIZE - 1 })
        );
        assert!(unwrap(&key, &context, &encapsulated, &[]).is_err());
    }

    /// Made by the Python package `cryptography` 48 (KEM `MLKEM768_X25519`) for the seed 00 01 02 … 1f. `tests/interop`
    /// compares both ways, with fresh keys.
    #[test]
    fn a_wrap_of_another_implementation_opens() {
        let made: String = include_str!("../testdata/wrap-by-pyca.b64").split_whitespace().collect();
        let made = data_encoding::BASE64.decode(made.as_bytes()).unwrap();
        let (encapsulated, ciphertext) = made.split_at(ENCAPSULATED_SIZE);
        let key = SealingPrivateKey::from_seed(Box::new(Zeroizing::new(std::array::from_fn(|index| {
            u8::try_from(index).unwrap()
        }))));
        let (hk, th): (AgencyId, AgencyId) = ("HK-CED".parse().unwrap(), "TH-TCD".parse().unwrap());
        let header_digest = &Digest::new([5; 32]);
        let context = WrapContext { message_id: &[1; 16], sender: &hk, recipient: &th, header_digest };
        assert_eq!(unwrap(&key, &context, encapsulated, ciphertext).unwrap().as_slice(), b"secret");
    }

    #[test]
    fn public_keys_are_read_back_and_checked() {
        let key = SealingPrivateKey::generate(&mut ChaCha20Rng::seed_from_u64(3));
        let bytes = key.public_key().to_bytes();
        assert_eq!(SealingPublicKey::from_bytes(&bytes).unwrap().key_id(), key.key_id());
        assert!(SealingPublicKey::from_bytes(&bytes[1..]).is_err());
        assert!(SealingPublicKey::from_bytes(&[0xff; PUBLIC_KEY_SIZE]).is_err(), "beyond the modulus");
    }
}
