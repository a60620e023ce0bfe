//! Signed notes, as C2SP signed-note defines them: a text, a blank line, and lines of signatures by named keys.
//!
//! ```text
//! the text, of any number of lines
//!
//! — example.org/log Az3grlgtzPICa5OS8npVmf1…
//! ```
//!
//! The bytes of a signature line are the key's id, four bytes, and the signature. Lines of keys that nobody knows are
//! kept, and mean nothing.

use std::fmt;

use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest, Sha256};

/// The longest note that is read.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
/// The most signatures of a note.
pub const SIGNATURES_MAX: usize = 64;
const DASH: &str = "\u{2014} ";

/// The name of a key, and of the log whose checkpoints it signs: not empty, without white space and plus signs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

/// What a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The text of notes: Ed25519, type 0x01.
    Note,
    /// Cosignatures of checkpoints with their time: Ed25519, type 0x04.
    CosignatureV1,
}

/// A public key that verifies notes. Written `name+id+base64(type ‖ key)`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: KeyName,
    kind: KeyKind,
    key: [u8; 32],
}

/// The rule by which Ed25519 signatures are accepted, passed in: key, message, signature.
pub trait Ed25519 {
    /// Whether the signature holds.
    fn holds(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool;
}

impl<F: Fn(&[u8; 32], &[u8], &[u8; 64]) -> bool> Ed25519 for F {
    fn holds(&self, key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        self(key, message, signature)
    }
}

/// A note, taken apart. Nothing is said about its signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// A line under a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    name: KeyName,
    key_id: [u8; 4],
    bytes: Vec<u8>,
}

/// Why something is no signed note, or no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Longer than any note that is read.
    #[error("a note of {found} bytes, allowed are {NOTE_BYTES_MAX}")]
    TooLong {
        /// How many it has.
        found: usize,
    },
    /// It holds a control character other than the line feed.
    #[error("the note holds the control character {found:?}")]
    Control {
        /// Which one.
        found: char,
    },
    /// There is no text that ends with a line feed, blank line, signatures.
    #[error("the note is not a text, a blank line and signatures, each line with its end")]
    Shape,
    /// A line under the text is no signature.
    #[error("line {line} of the signatures is not `\u{2014} name base64`")]
    Signature {
        /// Which one, from 1.
        line: usize,
    },
    /// More signatures than are read.
    #[error("more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
    /// What should be a name is none.
    #[error("`{found}` is no name of a key: expected are characters without white space and plus signs")]
    Name {
        /// What is there.
        found: String,
    },
    /// What should be a key is none.
    #[error("no verifier key: expected `name+id+base64` of an Ed25519 key whose id fits")]
    Key,
}

impl KeyName {
    /// A name from its text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let fits =
            !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+');
        if fits { Ok(Self(text.to_owned())) } else { Err(Error::Name { found: text.to_owned() }) }
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl KeyKind {
    const fn tag(self) -> u8 {
        match self {
            Self::Note => 0x01,
            Self::CosignatureV1 => 0x04,
        }
    }
}

impl VerifierKey {
    /// An Ed25519 public key under a name.
    pub fn new(name: KeyName, kind: KeyKind, key: [u8; 32]) -> Self {
        Self { name, kind, key }
    }

    /// Reads `name+id+base64`; the id must be that of name and key.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let mut parts = text.trim_end().splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(Error::Key);
        };
        let bytes = BASE64.decode(key.as_bytes()).map_err(|_| Error::Key)?;
        let (&tag, key) = bytes.split_first().ok_or(Error::Key)?;
        let kinds = [KeyKind::Note, KeyKind::CosignatureV1];
        let kind = kinds.into_iter().find(|kind| kind.tag() == tag).ok_or(Error::Key)?;
        let key = Self { name: KeyName::parse(name)?, kind, key: key.try_into().map_err(|_| Error::Key)? };
        if HEXLOWER.encode(&key.id()) == id { Ok(key) } else { Err(Error::Key) }
    }

    /// Whose key.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// What it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The raw key.
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key).
    pub fn id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(self.name.0.as_bytes())
            .chain_update([b'\n', self.kind.tag()])
            .chain_update(self.key)
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// A line with these bytes by this key.
    pub(crate) fn signature(&self, bytes: &[u8]) -> Signature {
        Signature { name: self.name.clone(), key_id: self.id(), bytes: bytes.to_vec() }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[self.kind.tag()][..], &self.key].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), BASE64.encode(&key))
    }
}

impl Note {
    /// A note without signatures. The text ends with a line feed and holds no other control character.
    pub fn new(text: String) -> Result<Self, Error> {
        check_characters(&text)?;
        if text.ends_with('\n') { Ok(Self { text, signatures: Vec::new() }) } else { Err(Error::Shape) }
    }

    /// Takes a signed note apart.
    pub fn parse(note: &str) -> Result<Self, Error> {
        check_characters(note)?;
        // The text may hold blank lines: the last one before a signature ends it.
        let end = note.rfind(&format!("\n\n{DASH}")).ok_or(Error::Shape)?;
        let (text, lines) = (&note[..=end], &note[end + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(Error::Shape)?;
        let mut signatures = Vec::new();
        for (line, text) in (1..).zip(lines.split('\n')) {
            if line > SIGNATURES_MAX {
                return Err(Error::TooManySignatures);
            }
            signatures.push(Signature::parse(text).ok_or(Error::Signature { line })?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, with the line feed at its end: what is signed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines under it.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature over the text, made by whoever holds the private half of `key`.
    pub fn sign<E>(
        &mut self,
        key: &VerifierKey,
        sign: impl FnOnce(&[u8]) -> Result<[u8; 64], E>,
    ) -> Result<(), E> {
        let signature = sign(self.text.as_bytes())?;
        self.add(key.signature(&signature));
        Ok(())
    }

    /// Adds a line.
    pub(crate) fn add(&mut self, signature: Signature) {
        self.signatures.push(signature);
    }

    /// Whether this key signed the text.
    pub fn is_signed_by(&self, key: &VerifierKey, rule: &impl Ed25519) -> bool {
        key.kind == KeyKind::Note
            && self.by(key).any(|bytes| {
                bytes.try_into().is_ok_and(|signature| rule.holds(&key.key, self.text.as_bytes(), signature))
            })
    }

    /// The bytes of the signatures that claim to be of this key.
    pub(crate) fn by<'a>(&'a self, key: &'a VerifierKey) -> impl Iterator<Item = &'a [u8]> {
        let id = key.id();
        let claims = move |signature: &&Signature| signature.name == key.name && signature.key_id == id;
        self.signatures.iter().filter(claims).map(|signature| signature.bytes.as_slice())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for Signature { name, key_id, bytes } in &self.signatures {
            writeln!(f, "{DASH}{name} {}", BASE64.encode(&[key_id, bytes.as_slice()].concat()))?;
        }
        Ok(())
    }
}

impl Signature {
    /// Whose key is said to have made it.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, bytes) = line.strip_prefix(DASH)?.split_once(' ')?;
        let bytes = BASE64.decode(bytes.as_bytes()).ok()?;
        let (key_id, bytes) = bytes.split_first_chunk::<4>()?;
        let name = KeyName::parse(name).ok()?;
        (!bytes.is_empty()).then(|| Self { name, key_id: *key_id, bytes: bytes.to_vec() })
    }
}

fn check_characters(text: &str) -> Result<(), Error> {
    if text.len() > NOTE_BYTES_MAX {
        return Err(Error::TooLong { found: text.len() });
    }
    let control = text.chars().find(|c| *c < ' ' && *c != '\n');
    control.map_or(Ok(()), |found| Err(Error::Control { found }))
}
