//! Key files: made, encrypted, opened and shown. Nothing is overwritten but the file that is to be encrypted or is to get
//! another passphrase, and that in one step, after the new file was read back.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use rand::CryptoRng;
use sealpost_crypto::dsse::SigningKey;
use sealpost_crypto::keyfile::{self, Key, Outside, Protection, Unlock};
use sealpost_crypto::secret::{self, Purpose, Secret, Source};
use sealpost_crypto::wrap::SealingPrivateKey;
use sealpost_domain::digest::KeyId;
use serde::Serialize;

/// What a new key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Use {
    /// Signatures and certificates: Ed25519.
    Signing,
    /// What others seal to: X-Wing.
    Sealing,
}

/// What is told of a key. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its file.
    pub file: PathBuf,
    /// How the file is encrypted; nothing for a plain one.
    pub encryption: Option<String>,
    /// The name of the public half. Of an encrypted file that was not opened, what the file says.
    pub key_id: Option<String>,
    /// Ed25519 or X-Wing, when the file was opened.
    pub algorithm: Option<&'static str>,
    /// The public key, in hexadecimal, when the file was opened.
    pub public_key: Option<String>,
}

/// Makes a key in a new file; plain only where no passphrase is to be had and none is wanted.
pub fn new(
    path: &Path,
    purpose: Use,
    passphrase: Option<&Secret>,
    rng: &mut dyn CryptoRng,
) -> Result<Told, Error> {
    let key = match purpose {
        Use::Signing => Key::Signing(Box::new(SigningKey::generate(rng))),
        Use::Sealing => Key::Sealing(SealingPrivateKey::generate(rng)),
    };
    key.create(path, passphrase.map_or(Protection::Plain, Protection::Passphrase), rng)?;
    Told::of(path, &key)
}

/// Encrypts a plain key file in its place.
pub fn encrypt(path: &Path, passphrase: &Source, rng: &mut dyn CryptoRng) -> Result<Told, Error> {
    if Outside::read(path)?.encryption.is_some() {
        return Err(Error::Encrypted { path: path.to_owned() });
    }
    let key = Key::read(path, &Unlock::nothing())?;
    let passphrase = chosen(passphrase, path)?;
    key.replace(path, Protection::Passphrase(&passphrase), rng)?;
    Told::of(path, &key)
}

/// Gives an encrypted key file another passphrase, in its place.
pub fn change(path: &Path, unlock: &Unlock, new: &Source, rng: &mut dyn CryptoRng) -> Result<Told, Error> {
    let key = open(path, unlock)?;
    let passphrase = chosen(new, path)?;
    key.replace(path, Protection::Passphrase(&passphrase), rng)?;
    Told::of(path, &key)
}

/// Writes the key of an encrypted file into a new plain one.
pub fn decrypt(path: &Path, out: &Path, unlock: &Unlock, rng: &mut dyn CryptoRng) -> Result<Told, Error> {
    let key = open(path, unlock)?;
    key.create(out, Protection::Plain, rng)?;
    Told::of(out, &key)
}

/// What can be told of a key file. Without something to open it with, an encrypted one is not opened.
pub fn show(path: &Path, unlock: Option<&Unlock>) -> Result<Told, Error> {
    let outside = Outside::read(path)?;
    match (outside.encryption, unlock) {
        (None, _) => Told::of(path, &Key::read(path, &Unlock::nothing())?),
        (Some(_), Some(unlock)) => match Key::read(path, unlock) {
            Err(keyfile::Error::Closed { path }) => Err(Error::Closed { path, noted: outside.noted }),
            key => Told::of(path, &key?),
        },
        (encryption, None) => Ok(Told {
            file: path.to_owned(),
            encryption,
            key_id: outside.noted.map(|id| id.to_string()),
            algorithm: None,
            public_key: None,
        }),
    }
}

/// From a file or the environment alone: nobody is asked.
pub fn given(passphrase_file: Option<PathBuf>) -> Option<Unlock> {
    let is_set = || std::env::var_os(Purpose::Passphrase.variable()).is_some_and(|value| !value.is_empty());
    (passphrase_file.is_some() || is_set())
        .then(|| Unlock::from(Source::new(Purpose::Passphrase, passphrase_file)))
}

/// The passphrase under which a key file is to be written.
pub fn chosen(source: &Source, path: &Path) -> Result<Secret, Error> {
    let unknown = |source| Error::Passphrase { path: path.to_owned(), source };
    source.get(&format!("key file {}", path.display())).map_err(unknown)
}

fn open(path: &Path, unlock: &Unlock) -> Result<Key, Error> {
    if Outside::read(path)?.encryption.is_none() {
        return Err(Error::Plain { path: path.to_owned() });
    }
    Ok(Key::read(path, unlock)?)
}

impl Told {
    fn of(path: &Path, key: &Key) -> Result<Self, Error> {
        let (algorithm, public) = match key {
            Key::Signing(key) => ("Ed25519", HEXLOWER.encode(key.verifying_key().as_bytes())),
            Key::Sealing(key) => ("X-Wing", HEXLOWER.encode(&key.public_key().to_bytes())),
        };
        Ok(Self {
            file: path.to_owned(),
            encryption: Outside::read(path)?.encryption,
            key_id: Some(key.id().to_string()),
            algorithm: Some(algorithm),
            public_key: Some(public),
        })
    }

    /// For people. The public key of X-Wing, 1216 bytes, is for machines alone.
    pub fn to_text(&self) -> String {
        let plain = "none: whoever reads the file has the key";
        let mut text = format!("file        {}\n", self.file.display());
        let _ = writeln!(text, "encryption  {}", self.encryption.as_deref().unwrap_or(plain));
        let _ = writeln!(text, "key id      {}", self.key_id.as_deref().unwrap_or("the file does not say"));
        let unknown = "told when the file is opened: --passphrase-file";
        let _ = writeln!(text, "algorithm   {}", self.algorithm.unwrap_or(unknown));
        if let Some(public) = self.public_key.as_ref().filter(|public| public.len() <= 64) {
            let _ = writeln!(text, "public key  {public}");
        }
        text
    }
}

/// Why nothing was done with a key file: the file, or its passphrase, is not what the command takes (exit code 2).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error(transparent)]
    File(#[from] keyfile::Error),
    /// The passphrase under which it is to be written.
    #[error("key file {} is to be encrypted, and its passphrase cannot be had", path.display())]
    Passphrase {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: secret::Error,
    },
    /// It does not open, and was to be shown.
    #[error(
        "key file {} does not open: the passphrase is another one's, or the file was changed. It says to hold {}",
        path.display(), noted.map_or_else(|| "no key by name".to_owned(), |id| format!("key {id}"))
    )]
    Closed {
        /// The file.
        path: PathBuf,
        /// Which key it says that it holds.
        noted: Option<KeyId>,
    },
    /// Nothing to encrypt.
    #[error(
        "key file {} is encrypted already: `sealpost-admin key change` gives it another passphrase", path.display()
    )]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// Nothing to open.
    #[error("key file {} is not encrypted: `sealpost-admin key encrypt` does that", path.display())]
    Plain {
        /// The file.
        path: PathBuf,
    },
}
