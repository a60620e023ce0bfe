//! A signing key that never leaves a PKCS#11 token: an HSM, a card, or `SoftHSM`.
//!
//! The key is found by the label of its token and its own label or id, and has to be the only one. Its public half is
//! read from the token too, and a first signature proves that the two belong together. Every signature is verified
//! before anybody sees it. Whenever the token does not answer, its session is opened anew; a PIN that was refused is
//! never tried again, since tokens lock themselves.
//!
//! A module is loaded at run time, which a static program can do only beside the very glibc that it was built with: the
//! feature `pkcs11` can be left out.

#[cfg(feature = "pkcs11")]
mod pkcs11;
pub mod uri;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use sealpost_domain::digest::KeyId;

use crate::dsse::Signer;
use crate::secret::{self, Source};

/// Where a key is.
#[derive(Clone, Debug)]
pub struct Place {
    /// The library that the token's maker delivers.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// Which of its keys.
    pub key: Wanted,
    /// Where the PIN comes from.
    pub pin: Source,
}

/// A key of a token, by its label, its id or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// `CKA_LABEL`.
    pub label: Option<String>,
    /// `CKA_ID`.
    pub id: Option<Vec<u8>>,
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = self.label.as_ref().map(|label| format!("label {label:?}"));
        let id = self.id.as_ref().map(|id| format!("id {}", HEXLOWER.encode(id)));
        f.write_str(&[label, id].into_iter().flatten().collect::<Vec<_>>().join(" and "))
    }
}

/// Opens a key of a token. Asks for the PIN where nothing names it.
#[cfg(feature = "pkcs11")]
pub fn open(place: &Place) -> Result<Arc<dyn Signer>, Error> {
    let pin = place.pin.get(&format!("token {:?}", place.token)).map_err(Error::Pin)?;
    Ok(Arc::new(pkcs11::TokenKey::open(place.clone(), &pin)?))
}

/// This program was built without.
#[cfg(not(feature = "pkcs11"))]
pub fn open(_: &Place) -> Result<Arc<dyn Signer>, Error> {
    Err(Error::NotBuilt)
}

/// Why a key of a token cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A static build.
    #[error(
        "this program was built without PKCS#11: take one that was built with the feature `pkcs11`, or a key file"
    )]
    NotBuilt,
    /// Nobody gives the PIN.
    #[error("the PIN of the token cannot be had")]
    Pin(#[source] secret::Error),
    /// The module.
    #[error(
        "the PKCS#11 module {} cannot be used: expected the library of the token's maker, such as \
         /usr/lib/softhsm/libsofthsm2.so", module.display()
    )]
    Module {
        /// Its path.
        module: PathBuf,
        /// Why not.
        source: Cause,
    },
    /// No such token is there.
    #[error(
        "there is no token {token:?}: the module shows {}; is it plugged in and initialised, and may this user reach it?",
        shown(found)
    )]
    NoToken {
        /// Its label.
        token: String,
        /// Those that are there.
        found: Vec<String>,
    },
    /// Two of one name.
    #[error("{found} tokens are called {token:?}: give each a label of its own")]
    SeveralTokens {
        /// Their label.
        token: String,
        /// How many.
        found: usize,
    },
    /// The token refuses the PIN.
    #[error(
        "token {token:?} refuses the PIN; it is not tried again, so that the token does not lock itself: correct it, and \
         start again"
    )]
    RefusedPin {
        /// The token.
        token: String,
        /// Its words.
        source: Cause,
    },
    /// No such key, or several.
    #[error("token {token:?} has {found} {what} with {key}, expected exactly one, of type Ed25519")]
    Keys {
        /// The token.
        token: String,
        /// Private or public keys.
        what: &'static str,
        /// Which one is wanted.
        key: Wanted,
        /// How many there are.
        found: usize,
    },
    /// Something else than a public key.
    #[error("token {token:?} shows no Ed25519 public key for the key with {key}")]
    PublicKey {
        /// The token.
        token: String,
        /// Which key.
        key: Wanted,
    },
    /// It signs otherwise than its public half says.
    #[error(
        "the key with {key} on token {token:?} made a signature that its public key {id} does not verify"
    )]
    Mismatch {
        /// The token.
        token: String,
        /// Which key.
        key: Wanted,
        /// The public key.
        id: KeyId,
    },
    /// The token was exchanged.
    #[error("token {token:?} came back with another key: {found}, expected {expected}")]
    OtherKey {
        /// The token.
        token: String,
        /// The key that it has now.
        found: KeyId,
        /// The key that it had.
        expected: KeyId,
    },
    /// The token failed.
    #[error("token {token:?} does not {action}")]
    Token {
        /// The token.
        token: String,
        /// What it was asked to do.
        action: &'static str,
        /// Its words.
        source: Cause,
    },
    /// It failed a moment ago.
    #[error("token {token:?} failed a moment ago, and is tried again soon")]
    Away {
        /// The token.
        token: String,
    },
}

/// What the PKCS#11 library says.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Cause(String);

fn shown(labels: &[String]) -> String {
    if labels.is_empty() { "none".to_owned() } else { labels.join(", ") }
}
