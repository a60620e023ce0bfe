//! Signed notes: a text and, below an empty line, who signed it. C2SP `signed-note`.
//!
//! A note that was parsed is well formed and has one textual form; nothing is verified yet, and its text must not be
//! acted upon before [`Note::verify`] or what is built on it. Signatures by keys that nobody here knows are kept and
//! ignored. No signature is computed here: [`Signer`] and [`Verifier`] do that.

use std::fmt;

use data_encoding::BASE64;

use crate::key::{KeyId, KeyName, KeyType, VerifierKey};

/// The most bytes that a note may have. Sixteen of the longest post-quantum signatures, which every reader has to take,
/// need less than half of it.
pub const BYTES_MAX: usize = 256 * 1024;

/// The most signatures that a note may carry.
pub const SIGNATURES_MAX: usize = 100;

/// The length of an Ed25519 signature in bytes.
pub const SIGNATURE_LENGTH: usize = 64;

/// Whoever signs with one key.
pub trait Signer {
    /// Why a signature could not be made.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The public half of the key.
    fn key(&self) -> &VerifierKey;

    /// The Ed25519 signature over exactly these bytes.
    fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_LENGTH], Self::Error>;
}

/// Whoever verifies with one public key that is trusted.
pub trait Verifier {
    /// The key.
    fn key(&self) -> &VerifierKey;

    /// Whether the Ed25519 signature over exactly these bytes is by this key.
    fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool;
}

impl<V: Verifier + ?Sized> Verifier for &V {
    fn key(&self) -> &VerifierKey {
        (**self).key()
    }

    fn verify(&self, message: &[u8], signature: &[u8; SIGNATURE_LENGTH]) -> bool {
        (**self).verify(message, signature)
    }
}

/// A text with its signatures. As text it is what is stored and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<Signature>,
}

/// One signature line. It says who claims to have signed; the bytes mean what the type of that key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    name: KeyName,
    id: KeyId,
    bytes: Vec<u8>,
}

/// What is not a note, or is not signed as it must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The note is too long.
    #[error("a note has at most {BYTES_MAX} bytes, not {bytes}")]
    Size {
        /// How many bytes it has.
        bytes: usize,
    },
    /// The note is no text.
    #[error("a note is UTF-8, and byte {at} is not")]
    Encoding {
        /// Where the first bad byte is.
        at: usize,
    },
    /// A control character other than newline.
    #[error("a note has no control characters but newlines, and byte {at} is {byte:#04x}")]
    Control {
        /// Where the first one is.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// The text has no end.
    #[error("the text of a note ends with a newline")]
    Text,
    /// Nothing stands below the text.
    #[error("a note is a text, an empty line and one or more signature lines that all end with a newline")]
    Form,
    /// A line is none of a signature.
    #[error("signature line {line} is not: em dash, name, base64 of a key id and a signature")]
    Line {
        /// Which one, from 1.
        line: usize,
    },
    /// Too many signatures.
    #[error("a note has at most {SIGNATURES_MAX} signatures")]
    Signatures,
    /// The key is for something else.
    #[error("key {name} is of type {found:?}, where {expected:?} is needed")]
    KeyType {
        /// The key's name.
        name: KeyName,
        /// The type that it has.
        found: KeyType,
        /// The type that is needed.
        expected: KeyType,
    },
    /// The key did not sign.
    #[error("the note has no signature by {name}+{id}")]
    Unsigned {
        /// The key's name.
        name: KeyName,
        /// The key's identifier.
        id: KeyId,
    },
    /// The key's signature is false.
    #[error("the signature by {name}+{id} does not hold")]
    Invalid {
        /// The key's name.
        name: KeyName,
        /// The key's identifier.
        id: KeyId,
    },
}

/// Why a note could not be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError<E: std::error::Error + 'static> {
    /// The note, the key or the time does not fit.
    #[error(transparent)]
    Refused(#[from] Error),
    /// The signer failed.
    #[error("the key {name} cannot sign")]
    Signer {
        /// The key's name.
        name: KeyName,
        /// Why.
        source: E,
    },
}

impl Note {
    /// The note with this text, which ends with a newline, and no signature yet.
    pub fn unsigned(text: &str) -> Result<Self, Error> {
        check_characters(text)?;
        if !text.ends_with('\n') {
            return Err(Error::Text);
        }
        Ok(Self { text: text.to_owned(), signatures: Vec::new() })
    }

    /// Reads a note. Its signatures are not verified.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > BYTES_MAX {
            return Err(Error::Size { bytes: bytes.len() });
        }
        let note = str::from_utf8(bytes).map_err(|error| Error::Encoding { at: error.valid_up_to() })?;
        // The text may have empty lines of its own: the last one divides.
        let divide = note.rfind("\n\n").ok_or(Error::Form)?;
        let mut parsed = Self::unsigned(&note[..=divide])?;
        let lines = note[divide + 2..].strip_suffix('\n').ok_or(Error::Form)?;
        check_characters(lines)?;
        for (line, text) in (1..).zip(lines.split('\n')) {
            if line > SIGNATURES_MAX {
                return Err(Error::Signatures);
            }
            parsed.signatures.push(Signature::parse(text).ok_or(Error::Line { line })?);
        }
        Ok(parsed)
    }

    /// The text, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures in their order, verified or not.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }

    /// Adds a signature at the end. An earlier one by the same name and key id goes.
    pub fn add(&mut self, signature: Signature) -> Result<(), Error> {
        let others = |other: &Signature| (&other.name, other.id) != (&signature.name, signature.id);
        let kept: Vec<_> = self.signatures.iter().filter(|other| others(other)).cloned().collect();
        let bytes = kept.iter().map(Signature::line_length).sum::<usize>();
        let bytes = self.text.len() + 1 + bytes + signature.line_length();
        if kept.len() >= SIGNATURES_MAX {
            return Err(Error::Signatures);
        }
        if bytes > BYTES_MAX {
            return Err(Error::Size { bytes });
        }
        self.signatures = kept;
        self.signatures.push(signature);
        Ok(())
    }

    /// Signs the text with a key of type [`KeyType::Ed25519`].
    pub fn sign<S: Signer + ?Sized>(&mut self, signer: &S) -> Result<(), SignError<S::Error>> {
        let key = signer.key();
        expect_type(key, KeyType::Ed25519)?;
        let signed = signer
            .sign(self.text.as_bytes())
            .map_err(|source| SignError::Signer { name: key.name().clone(), source })?;
        Ok(self.add(Signature::by(key, signed.to_vec()))?)
    }

    /// Verifies that a key of type [`KeyType::Ed25519`] signed the text.
    pub fn verify(&self, verifier: &(impl Verifier + ?Sized)) -> Result<(), Error> {
        let key = verifier.key();
        expect_type(key, KeyType::Ed25519)?;
        self.verify_each(key, |bytes| {
            let signature = bytes.try_into().ok()?;
            verifier.verify(self.text.as_bytes(), signature).then_some(())
        })
        .map(drop)
    }

    /// Verifies every signature by this key: one at least, and a false one spoils the note. Returns what `verify` gave for
    /// each.
    pub(crate) fn verify_each<R>(
        &self,
        key: &VerifierKey,
        verify: impl Fn(&[u8]) -> Option<R>,
    ) -> Result<Vec<R>, Error> {
        let id = key.id();
        let results: Option<Vec<R>> = self
            .signatures
            .iter()
            .filter(|signature| signature.name == *key.name() && signature.id == id)
            .map(|signature| verify(&signature.bytes))
            .collect();
        match results {
            None => Err(Error::Invalid { name: key.name().clone(), id }),
            Some(results) if results.is_empty() => Err(Error::Unsigned { name: key.name().clone(), id }),
            Some(results) => Ok(results),
        }
    }
}

impl Signature {
    /// The signature by this key, in the form that its type has.
    pub(crate) fn by(key: &VerifierKey, bytes: Vec<u8>) -> Self {
        Self { name: key.name().clone(), id: key.id(), bytes }
    }

    fn parse(line: &str) -> Option<Self> {
        let (name, base64) = line.strip_prefix("— ")?.split_once(' ')?;
        let bytes = BASE64.decode(base64.as_bytes()).ok()?;
        let (id, signature) = bytes.split_first_chunk()?;
        let signature =
            Self { name: name.parse().ok()?, id: KeyId::from_bytes(*id), bytes: signature.to_vec() };
        (!signature.bytes.is_empty()).then_some(signature)
    }

    /// The name of the key.
    pub const fn name(&self) -> &KeyName {
        &self.name
    }

    /// The identifier of the key.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The signature's bytes without the key's identifier.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn line_length(&self) -> usize {
        "— ".len() + self.name.as_str().len() + 1 + BASE64.encode_len(4 + self.bytes.len()) + 1
    }
}

impl fmt::Display for Note {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(formatter, "{signature}"))
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = [self.id.as_bytes(), self.bytes.as_slice()].concat();
        write!(formatter, "— {} {}", self.name, BASE64.encode_display(&bytes))
    }
}

/// Refuses a key that is for something else.
pub(crate) fn expect_type(key: &VerifierKey, expected: KeyType) -> Result<(), Error> {
    let found = key.key_type();
    if found == expected {
        return Ok(());
    }
    Err(Error::KeyType { name: key.name().clone(), found, expected })
}

fn check_characters(text: &str) -> Result<(), Error> {
    if text.len() > BYTES_MAX {
        return Err(Error::Size { bytes: text.len() });
    }
    let control = text.bytes().zip(0..).find(|&(byte, _)| byte < b' ' && byte != b'\n');
    control.map_or(Ok(()), |(byte, at)| Err(Error::Control { at, byte }))
}
