//! A certificate whose key signs elsewhere, such as on a token.
//!
//! A handshake waits for the signature on the thread that drives it: for a command that opens one connection, not for a
//! server with many.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::SignatureAlgorithm;
use rustls::pki_types::CertificateDer;
use rustls::sign::{self, CertifiedKey};

use super::{Credentials, Error, SignatureScheme};
use crate::dsse::Signer;
use crate::keyfile::Unlock;
use crate::signing::Signing;
use crate::{token, x509};

impl Credentials {
    /// Reads a certificate (PEM), and its key from a file or a token; makes sure that they belong together.
    pub fn open(certificate: &Path, key: &Signing, unlock: &Unlock) -> Result<Self, Error> {
        match key {
            Signing::File(key) => Self::read_with(certificate, key, unlock),
            Signing::Token(place) => Self::remote(x509::read_certificates(certificate)?, token::open(place)?),
        }
    }

    /// Takes a certificate, first in the chain, and whatever signs with its key.
    pub fn remote(chain: Vec<CertificateDer<'static>>, key: Arc<dyn Signer>) -> Result<Self, Error> {
        let certificate = Self::of_key(&chain, key.verifying_key())?;
        Ok(Self { certificate, key: Arc::new(CertifiedKey::new(chain, Arc::new(Remote(key)))) })
    }
}

/// What the TLS library asks for signatures.
#[derive(Clone)]
struct Remote(Arc<dyn Signer>);

impl sign::SigningKey for Remote {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn sign::Signer>> {
        offered.contains(&SignatureScheme::ED25519).then(|| Box::new(self.clone()) as Box<dyn sign::Signer>)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::ED25519
    }
}

impl sign::Signer for Remote {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature = self.0.sign(message);
        signature.map(|bytes| bytes.to_vec()).map_err(|error| rustls::Error::General(told(&error)))
    }

    fn scheme(&self) -> SignatureScheme {
        SignatureScheme::ED25519
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({:?})", self.0.key_id())
    }
}

/// The library's error has no source: so the token's words stand in its text.
fn told(error: &crate::dsse::SignError) -> String {
    match &error.source {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
