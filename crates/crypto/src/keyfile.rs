//! Private keys on disk.
//!
//! Signing and sealing keys are PKCS#8 version 1 in PEM, which OpenSSL 3 reads as well (it refuses version 2), plain or
//! encrypted under a passphrase; a bucket key has a PEM label of its own and is never encrypted, since destroying it is
//! what it is for. A file is created with mode 0600, never overwritten, and synced together
//! with its folder before the caller hears of success. A file that its group or others may read is refused.
//!
//! Each kind has one exact encoding (RFC 8410; draft-connolly-cfrg-xwing-kem), so a file is compared with it, and
//! nothing of ASN.1 needs to be understood but how a file is encrypted.

mod encrypted;
mod error;
mod unlock;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use pem_rfc7468::LineEnding;
use rand::CryptoRng;
use sealpost_domain::digest::KeyId;
use zeroize::Zeroizing;

use crate::dsse::SigningKey;
use crate::file;
use crate::secret::Secret;
use crate::wrap::SealingPrivateKey;
use encrypted::{Cost, Refusal};

pub use error::Error;
pub use unlock::Unlock;

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

    /// The secret, if this is the kind's encoding of one.
    fn decode(self, der: &[u8]) -> Option<Box<Zeroizing<[u8; 32]>>> {
        let secret: &[u8; 32] = der.strip_prefix(self.prefix())?.try_into().ok()?;
        let mut seed = Box::new(Zeroizing::new([0; 32]));
        seed.copy_from_slice(secret);
        Some(seed)
    }
}

/// How a new key file is kept from those who read the disk.
#[derive(Clone, Copy, Debug)]
pub enum Protection<'a> {
    /// By its mode alone.
    Plain,
    /// Encrypted.
    Passphrase(&'a Secret),
}

impl SigningKey {
    /// Writes a new key file, plain.
    pub fn create(&self, path: &Path) -> Result<(), Error> {
        create(path, Kind::Signing, self.seed())
    }

    /// Reads a plain key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_with(path, &Unlock::nothing())
    }

    /// Reads a key file, plain or encrypted.
    pub fn read_with(path: &Path, unlock: &Unlock) -> Result<Self, Error> {
        match Key::read_as(path, Some(Kind::Signing), unlock)? {
            Key::Signing(key) => Ok(*key),
            Key::Sealing(_) => Err(Error::content(path, Kind::Signing)),
        }
    }

    /// PKCS#8 version 1 in DER.
    pub fn to_pkcs8(&self) -> Zeroizing<Vec<u8>> {
        Kind::Signing.encode(self.seed())
    }
}

impl SealingPrivateKey {
    /// Writes a new key file, plain.
    pub fn create(&self, path: &Path) -> Result<(), Error> {
        create(path, Kind::Sealing, self.seed())
    }

    /// Reads a plain key file.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Self::read_with(path, &Unlock::nothing())
    }

    /// Reads a key file, plain or encrypted.
    pub fn read_with(path: &Path, unlock: &Unlock) -> Result<Self, Error> {
        match Key::read_as(path, Some(Kind::Sealing), unlock)? {
            Key::Sealing(key) => Ok(key),
            Key::Signing(_) => Err(Error::content(path, Kind::Sealing)),
        }
    }
}

/// A private key that may be encrypted.
#[derive(Debug)]
pub enum Key {
    /// Ed25519: of a node, the hub, a root, the authority, an officer, or of a certificate.
    Signing(Box<SigningKey>),
    /// X-Wing: to which others seal.
    Sealing(SealingPrivateKey),
}

impl Key {
    /// Reads a key file of either kind, plain or encrypted.
    pub fn read(path: &Path, unlock: &Unlock) -> Result<Self, Error> {
        Self::read_as(path, None, unlock)
    }

    fn read_as(path: &Path, expected: Option<Kind>, unlock: &Unlock) -> Result<Self, Error> {
        let file = Contents::read(path, expected)?;
        let opened = match file.label.as_str() {
            encrypted::LABEL => {
                let passphrase = unlock.passphrase(path)?;
                encrypted::open(&file.der, &passphrase).map_err(|refusal| Error::refused(path, refusal))?
            }
            label if label == Kind::Signing.label() => file.der,
            _ => return Err(Error::no_key(path, expected)),
        };
        let key = Self::decode(&opened, expected).ok_or_else(|| match file.label.as_str() {
            // What opens by chance under another passphrase has no form.
            encrypted::LABEL if Self::decode(&opened, None).is_none() => {
                Error::refused(path, Refusal::Closed)
            }
            _ => Error::no_key(path, expected),
        })?;
        match encrypted::noted(&file.text).map_err(|refusal| Error::refused(path, refusal))? {
            Some(noted) if noted != key.id() => Err(Error::Changed { path: path.to_owned(), noted }),
            _ => Ok(key),
        }
    }

    fn decode(der: &[u8], expected: Option<Kind>) -> Option<Self> {
        let is = |kind| expected.is_none_or(|expected| expected == kind);
        let as_kind = |kind: Kind| is(kind).then(|| kind.decode(der)).flatten();
        if let Some(seed) = as_kind(Kind::Signing) {
            return Some(Self::Signing(Box::new(SigningKey::from_seed(seed))));
        }
        as_kind(Kind::Sealing).map(|seed| Self::Sealing(SealingPrivateKey::from_seed(seed)))
    }

    /// The name of its public half.
    pub fn id(&self) -> KeyId {
        match self {
            Self::Signing(key) => key.verifying_key().key_id(),
            Self::Sealing(key) => key.public_key().key_id(),
        }
    }

    /// Writes a new key file.
    pub fn create(
        &self,
        path: &Path,
        protection: Protection<'_>,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), Error> {
        write_new(path, self.text(path, protection, Cost::USUAL, rng)?.as_bytes())
    }

    /// Puts this key into the place of the one in a key file, in one step, once it was written and read back. A file with
    /// other names or behind a link is refused: the old content would stay there.
    pub fn replace(
        &self,
        path: &Path,
        protection: Protection<'_>,
        rng: &mut dyn CryptoRng,
    ) -> Result<(), Error> {
        has_one_name(path)?;
        let mut beside = path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        self.create(&beside, protection, rng)?;
        let replaced = self
            .is_in(&beside, protection)
            .and_then(|()| fs::rename(&beside, path).map_err(|source| Error::io("replace", path, source)));
        if replaced.is_err() {
            // What stays behind would stop the next attempt; the key itself is still in its old place.
            let _ = fs::remove_file(&beside);
        }
        replaced.and_then(|()| sync_folder(path))
    }

    fn is_in(&self, path: &Path, protection: Protection<'_>) -> Result<(), Error> {
        let unlock = match protection {
            Protection::Plain => Unlock::nothing(),
            Protection::Passphrase(passphrase) => Unlock::with(passphrase.clone()),
        };
        if Self::read(path, &unlock)?.id() == self.id() {
            Ok(())
        } else {
            Err(Error::Changed { path: path.to_owned(), noted: self.id() })
        }
    }

    fn text(
        &self,
        path: &Path,
        protection: Protection<'_>,
        cost: Cost,
        rng: &mut dyn CryptoRng,
    ) -> Result<Zeroizing<String>, Error> {
        let (kind, seed) = match self {
            Self::Signing(key) => (Kind::Signing, key.seed()),
            Self::Sealing(key) => (Kind::Sealing, key.seed()),
        };
        match protection {
            Protection::Plain => plain_text(path, kind, seed),
            Protection::Passphrase(passphrase) => {
                encrypted::seal(&kind.encode(seed), self.id(), passphrase, cost, rng)
                    .map(Zeroizing::new)
                    .ok_or_else(|| Error::content(path, kind))
            }
        }
    }
}

/// What can be told of a key file without its passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outside {
    /// How it is encrypted; `None` when it is not.
    pub encryption: Option<String>,
    /// Which key it says that it holds.
    pub noted: Option<KeyId>,
}

impl Outside {
    /// Reads a key file as far as that goes without a passphrase.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let file = Contents::read(path, None)?;
        let refused = |refusal| Error::refused(path, refusal);
        let noted = encrypted::noted(&file.text).map_err(refused)?;
        let encryption = match file.label.as_str() {
            encrypted::LABEL => Some(encrypted::describe(&file.der).ok_or_else(|| refused(Refusal::Scheme))?),
            label if label == Kind::Signing.label() => None,
            _ => return Err(Error::no_key(path, None)),
        };
        Ok(Self { encryption, noted })
    }
}

/// A file as it is.
struct Contents {
    text: Zeroizing<Vec<u8>>,
    label: String,
    der: Zeroizing<Vec<u8>>,
}

impl Contents {
    fn read(path: &Path, expected: Option<Kind>) -> Result<Self, Error> {
        let io = |action| move |source| Error::io(action, path, source);
        let file = file::open(path).map_err(io("open"))?;
        let metadata = file.metadata().map_err(io("examine"))?;
        let mode = metadata.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(Error::Readable { path: path.to_owned(), mode });
        }
        let refuse = || Error::no_key(path, expected);
        let text = file::read_secret(&file, FILE_SIZE_MAX).map_err(|source| match source.kind() {
            io::ErrorKind::FileTooLarge => refuse(),
            _ => Error::io("read", path, source),
        })?;
        let (label, der) = pem_rfc7468::decode_vec(&text).map_err(|_| refuse())?;
        let (label, der) = (label.to_owned(), Zeroizing::new(der));
        Ok(Self { text, label, der })
    }
}

pub(crate) fn create(path: &Path, kind: Kind, secret: &[u8; 32]) -> Result<(), Error> {
    write_new(path, plain_text(path, kind, secret)?.as_bytes())
}

pub(crate) fn read(path: &Path, kind: Kind) -> Result<Box<Zeroizing<[u8; 32]>>, Error> {
    let file = Contents::read(path, Some(kind))?;
    let is_labelled = file.label == kind.label();
    is_labelled.then(|| kind.decode(&file.der)).flatten().ok_or_else(|| Error::content(path, kind))
}

fn plain_text(path: &Path, kind: Kind, secret: &[u8; 32]) -> Result<Zeroizing<String>, Error> {
    pem_rfc7468::encode_string(kind.label(), LineEnding::LF, &kind.encode(secret))
        .map(Zeroizing::new)
        .map_err(|_| Error::content(path, kind))
}

fn write_new(path: &Path, text: &[u8]) -> Result<(), Error> {
    let io = |action| move |source| Error::io(action, path, source);
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = match opened {
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => {
            return Err(Error::Exists { path: path.to_owned() });
        }
        opened => opened.map_err(io("create"))?,
    };
    fill(path, &mut file, text)
}

/// Writes a file that this call made, whole, or takes it away again: half a key would bar the next attempt.
fn fill(path: &Path, file: &mut File, text: &[u8]) -> Result<(), Error> {
    let io = |action| move |source| Error::io(action, path, source);
    let written = file.write_all(text).map_err(io("write"));
    let kept = written.and_then(|()| file.sync_all().map_err(io("sync"))).and_then(|()| sync_folder(path));
    if kept.is_err() {
        let _ = fs::remove_file(path);
    }
    kept
}

fn has_one_name(path: &Path) -> Result<(), Error> {
    let found = fs::symlink_metadata(path).map_err(|source| Error::io("examine", path, source))?;
    if found.is_symlink() {
        return Err(Error::Link { path: path.to_owned() });
    }
    match found.nlink() {
        0 | 1 => Ok(()),
        names => Err(Error::Names { path: path.to_owned(), names }),
    }
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| Error::io("sync the folder of", path, source))
}

#[cfg(test)]
mod tests;
