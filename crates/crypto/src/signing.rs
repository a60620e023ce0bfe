//! A signing key by the place where it lies: in a file, or on a PKCS#11 token.
//!
//! Programs that are configured name a token in a table of their own; on a command line it is a PKCS#11 URI (RFC 7512):
//! `pkcs11:token=HK;object=root?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=/run/keys/pin`. Every other text
//! is the path of a file.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::dsse::{Signer, SigningKey};
use crate::keyfile::{self, Unlock};
use crate::token::uri::{self, SCHEME};
use crate::token::{self, Place};

/// Where a signing key is.
#[derive(Clone, Debug)]
pub enum Signing {
    /// In this file.
    File(PathBuf),
    /// On a token.
    Token(Place),
}

impl Signing {
    /// Reads the file, or opens the token and lets it sign once.
    pub fn open(&self, unlock: &Unlock) -> Result<Arc<dyn Signer>, Error> {
        match self {
            Self::File(path) => Ok(Arc::new(SigningKey::read_with(path, unlock)?)),
            Self::Token(place) => Ok(token::open(place)?),
        }
    }
}

impl FromStr for Signing {
    type Err = uri::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // The scheme of a URI is written in either case.
        let scheme = text.get(..SCHEME.len()).unwrap_or_default();
        if scheme.eq_ignore_ascii_case(SCHEME) {
            uri::parse(text).map(Self::Token)
        } else {
            Ok(Self::File(text.into()))
        }
    }
}

impl fmt::Display for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Token(place) => write!(f, "the key with {} on token {:?}", place.key, place.token),
        }
    }
}

/// Why there is no signing key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error(transparent)]
    File(#[from] keyfile::Error),
    /// The token.
    #[error(transparent)]
    Token(#[from] token::Error),
}
