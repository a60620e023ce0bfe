//! Private keys on disk.
//!
//! Signing and sealing keys are PKCS#8 version 1 in PEM, which OpenSSL 3 reads as well (it refuses version 2); a
//! bucket key has a PEM label of its own. A file is created with mode 0600, never overwritten, and synced together
//! with its folder before the caller hears of success. A file that its group or others may read is refused.
//!
//! Each kind has one exact encoding (RFC 8410; draft-connolly-cfrg-xwing-kem), so a file is compared with it, and
//! nothing of ASN.1 needs to be understood.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use pem_rfc7468::LineEnding;
use zeroize::Zeroizing;

use crate::dsse::SigningKey;
use crate::wrap::SealingPrivateKey;

/// No key file is larger.
const FILE_SIZE_MAX: u64 = 16 << 10;

/// What a key file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An Ed25519 private key.
    Signing,
    /// The seed of an X-Wing key.
    Sealing,
    /// A bucket key.
    Bucket,
}

impl Kind {
    const fn label(self) -> &'static str {
        match self {
            Self::Signing | Self::Sealing => "PRIVATE KEY",
            Self::Bucket => "SEALPOST BUCKET KEY",
        }
    }

    /// What stands before the 32 secret bytes.
    const fn prefix(self) -> &'static [u8] {
        match self {
            // SEQUENCE { 0, { 1.3.101.112 }, OCTET STRING { OCTET STRING seed } }
            Self::Signing => b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20",
            // SEQUENCE { 0, { 1.3.6.1.4.1.62253.25722 }, OCTET STRING seed }
            Self::Sealing => {
                b"\x30\x34\x02\x01\x00\x30\x0d\x06\x0b\x2b\x06\x01\x04\x01\x83\xe6\x2d\x81\xc8\x7a\x04\x20"
            }
            Self::Bucket => b"",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Signing => "an Ed25519 private key (PKCS#8 version 1, PEM)",
            Self::Sealing => "an X-Wing private key (PKCS#8 version 1, PEM)",
            Self::Bucket => "a bucket key",
        }
    }

    fn encode(self, secret: &[u8; 32]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([self.prefix(), secret].concat())
    }
}

impl SigningKey {
    /// Writes a new key file.
    pub fn create(&self, path: &Path) -> Result<(), Error> {
        create(path, Kind::Signing, self.seed())
    }

    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        read(path, Kind::Signing).map(Self::from_seed)
    }

    /// PKCS#8 version 1 in DER.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Kind::Signing.encode(self.seed())
    }
}

impl SealingPrivateKey {
    /// Writes a new key file.
    pub fn create(&self, path: &Path) -> Result<(), Error> {
        create(path, Kind::Sealing, self.seed())
    }

    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        read(path, Kind::Sealing).map(Self::from_seed)
    }
}

pub(crate) fn create(path: &Path, kind: Kind, secret: &[u8; 32]) -> Result<(), Error> {
    let io = |action| move |source| Error::Io { action, path: path.to_owned(), source };
    let text = pem_rfc7468::encode_string(kind.label(), LineEnding::LF, &kind.encode(secret))
        .map(Zeroizing::new)
        .map_err(|_| Error::Content { path: path.to_owned(), expected: kind.name() })?;
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = match opened {
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::Exists { path: path.to_owned() });
        }
        opened => opened.map_err(io("create"))?,
    };
    file.write_all(text.as_bytes()).map_err(io("write"))?;
    file.sync_all().map_err(io("sync"))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync the folder of"))
}

pub(crate) fn read(path: &Path, kind: Kind) -> Result<Box<Zeroizing<[u8; 32]>>, Error> {
    let io = |action| move |source| Error::Io { action, path: path.to_owned(), source };
    let file = File::open(path).map_err(io("open"))?;
    let metadata = file.metadata().map_err(io("examine"))?;
    let mode = metadata.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(Error::Readable { path: path.to_owned(), mode });
    }
    let refuse = || Error::Content { path: path.to_owned(), expected: kind.name() };
    if metadata.len() > FILE_SIZE_MAX {
        return Err(refuse());
    }
    // With room for the whole file from the start, no copy is left behind by growing.
    let mut text = Zeroizing::new(Vec::with_capacity(usize::try_from(FILE_SIZE_MAX).unwrap_or(0)));
    file.take(FILE_SIZE_MAX).read_to_end(&mut text).map_err(io("read"))?;
    let (label, der) = pem_rfc7468::decode_vec(&text).map_err(|_| refuse())?;
    let der = Zeroizing::new(der);
    if label != kind.label() {
        return Err(refuse());
    }
    let secret: &[u8; 32] =
        der.strip_prefix(kind.prefix()).and_then(|secret| secret.try_into().ok()).ok_or_else(refuse)?;
    let mut seed = Box::new(Zeroizing::new([0; 32]));
    seed.copy_from_slice(secret);
    Ok(seed)
}

/// Why a key file is not written or not used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Never overwritten: what it holds may be the only copy.
    #[error("key file {path} exists already and is never overwritten: move it away, or give another path")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Others may read it.
    #[error(
        "key file {path} has mode {mode:04o}: others may read it; make a new key, or run `chmod 600 {path}`"
    )]
    Readable {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds something else.
    #[error("key file {path} does not hold {expected}")]
    Content {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        expected: &'static str,
    },
    /// The file system refused.
    #[error("cannot {action} key file {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use ed25519_dalek::pkcs8::{DecodePrivateKey as _, KeypairBytes};
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    use super::*;

    #[test]
    fn signing_keys_are_read_back_and_by_other_readers_of_pkcs8() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.pem");
        let key = SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(1));
        key.create(&path).unwrap();

        assert_eq!(SigningKey::read(&path).unwrap().verifying_key(), key.verifying_key());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        let other = KeypairBytes::from_pkcs8_pem(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(&other.secret_key, key.seed());
        assert_eq!(other.public_key, None, "version 1");
        aws_lc_rs::signature::Ed25519KeyPair::from_pkcs8(&key.to_pkcs8()).unwrap();
    }

    /// Appendix of draft-connolly-cfrg-xwing-kem: the key 00 01 02 … 1f.
    #[test]
    fn sealing_keys_equal_the_example_of_the_draft() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealing.pem");
        let seed = Box::new(Zeroizing::new(std::array::from_fn(|index| u8::try_from(index).unwrap())));
        let key = SealingPrivateKey::from_seed(seed);
        key.create(&path).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "-----BEGIN PRIVATE KEY-----\n\
             MDQCAQAwDQYLKwYBBAGD5i2ByHoEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZ\n\
             GhscHR4f\n\
             -----END PRIVATE KEY-----\n"
        );
        assert_eq!(SealingPrivateKey::read(&path).unwrap().key_id(), key.key_id());
    }

    #[test]
    fn a_key_file_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.pem");
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        SigningKey::generate(&mut rng).create(&path).unwrap();
        let before = fs::read(&path).unwrap();
        let error = SigningKey::generate(&mut rng).create(&path).unwrap_err();
        assert!(matches!(error, Error::Exists { .. }), "{error}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.pem");
        SigningKey::generate(&mut ChaCha20Rng::seed_from_u64(3)).create(&path).unwrap();
        for mode in [0o640, 0o604, 0o620, 0o601] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let error = SigningKey::read(&path).unwrap_err();
            assert!(matches!(error, Error::Readable { .. }), "{mode:o}: {error}");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }

    #[test]
    fn another_kind_of_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealing.pem");
        SealingPrivateKey::generate(&mut ChaCha20Rng::seed_from_u64(4)).create(&path).unwrap();
        assert!(matches!(SigningKey::read(&path).unwrap_err(), Error::Content { .. }));
        for text in ["", "-----BEGIN PRIVATE KEY-----\n", "MDQCAQAw"] {
            fs::write(&path, text).unwrap();
            assert!(matches!(SealingPrivateKey::read(&path).unwrap_err(), Error::Content { .. }), "{text}");
        }
    }
}
