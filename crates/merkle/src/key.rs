//! The names and public keys of those who sign notes, as text: C2SP `signed-note`, the section on verifier keys.
//!
//! A verifier key is public: `name+id+base64(type ‖ public key)`. Whether its 32 bytes are a point on the curve is for the
//! [`crate::note::Verifier`] to say.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

/// The length of an Ed25519 public key in bytes.
pub const PUBLIC_KEY_LENGTH: usize = 32;

/// The name of a key: not empty, no white space, no `+`, no control characters. A log's name is its origin, and looks like
/// an URL without scheme.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// The four bytes that tell keys of one name apart. They are an address, not a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; 4]);

/// What a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// The text of a note, with Ed25519.
    Ed25519,
    /// A time and the text of a checkpoint, with Ed25519: C2SP `tlog-cosignature`, version 1.
    CosignatureV1,
}

/// A public key with its name and use.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: KeyName,
    key_type: KeyType,
    public_key: [u8; PUBLIC_KEY_LENGTH],
}

/// What is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The name does not fit into a note.
    #[error(
        "a key's name has neither white space nor plus nor control characters and is not empty, unlike {name:?}"
    )]
    Name {
        /// The name, cut after 64 characters.
        name: String,
    },
    /// The text has not the three parts of a verifier key.
    #[error(
        "a verifier key is name+id+key, with the id in eight lower-case hexadecimal digits and the key in base64"
    )]
    Form,
    /// The key is of a type that is not known here.
    #[error("key {name} has type {found:#04x}, where 0x01 (Ed25519) or 0x04 (cosignature/v1) is expected")]
    Type {
        /// The key's name.
        name: KeyName,
        /// The type that was found.
        found: u8,
    },
    /// The key is too long or too short.
    #[error("key {name} has {bytes} bytes, not {PUBLIC_KEY_LENGTH}")]
    Length {
        /// The key's name.
        name: KeyName,
        /// How many bytes it has.
        bytes: usize,
    },
    /// The identifier belongs to another key.
    #[error("key {name} has the id {computed}, not {found}")]
    Id {
        /// The key's name.
        name: KeyName,
        /// The identifier in the text.
        found: KeyId,
        /// The identifier that follows from name, type and key.
        computed: KeyId,
    },
}

impl KeyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl KeyId {
    /// The identifier with these bytes.
    pub const fn from_bytes(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }

    /// The identifier's bytes.
    pub const fn as_bytes(&self) -> &[u8; 4] {
        &self.0
    }
}

impl KeyType {
    /// The byte that stands for the type.
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }
}

impl VerifierKey {
    /// The key with this name, use and 32 bytes of Ed25519 public key.
    pub const fn new(name: KeyName, key_type: KeyType, public_key: [u8; PUBLIC_KEY_LENGTH]) -> Self {
        Self { name, key_type, public_key }
    }

    /// Its name.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// What it signs.
    pub const fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// The Ed25519 public key.
    pub const fn public_key(&self) -> &[u8; PUBLIC_KEY_LENGTH] {
        &self.public_key
    }

    /// Its identifier: the first four bytes of SHA-256(name ‖ 0A ‖ type ‖ public key).
    pub fn id(&self) -> KeyId {
        let digest = Sha256::new()
            .chain_update(&self.name.0)
            .chain_update([b'\n', self.key_type.byte()])
            .chain_update(self.public_key)
            .finalize();
        KeyId([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl FromStr for KeyName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        let forbidden = |character: char| character.is_whitespace() || character < ' ' || character == '+';
        if name.is_empty() || name.contains(forbidden) {
            return Err(Error::Name { name: name.chars().take(64).collect() });
        }
        Ok(Self(name.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        HEXLOWER.encode_display(&self.0).fmt(formatter)
    }
}

impl FromStr for VerifierKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::Form);
        };
        let name: KeyName = name.parse()?;
        let id = HEXLOWER.decode(id.as_bytes()).map_err(|_| Error::Form)?;
        let found = KeyId(id.try_into().map_err(|_| Error::Form)?);
        let key = BASE64.decode(key.as_bytes()).map_err(|_| Error::Form)?;
        let (key_type, public_key) = key.split_first().ok_or(Error::Form)?;
        let key_type = match key_type {
            0x01 => KeyType::Ed25519,
            0x04 => KeyType::CosignatureV1,
            &found => return Err(Error::Type { name, found }),
        };
        let Ok(public_key) = public_key.try_into() else {
            return Err(Error::Length { name, bytes: public_key.len() });
        };
        let key = Self::new(name, key_type, public_key);
        let computed = key.id();
        if found == computed { Ok(key) } else { Err(Error::Id { name: key.name, found, computed }) }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.key_type.byte()], self.public_key.as_slice()].concat();
        write!(formatter, "{}+{}+{}", self.name, self.id(), BASE64.encode_display(&key))
    }
}
