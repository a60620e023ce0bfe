//! From a key to a request, and from a request to a certificate.

use std::path::Path;

use pem_rfc7468::LineEnding;
use rand::CryptoRng;
use sealpost_crypto::dsse::Signer;
use sealpost_crypto::request::Request;
use sealpost_crypto::trust::RootHolder;
use sealpost_domain::digest::Digest;
use sealpost_domain::identity::Identity;
use sealpost_domain::instant::Period;
use serde::Serialize;

use super::{Error, OfflineRoot, Told};
use crate::file;
use crate::issuer::{self, Purpose};

/// What is told of a request. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// Who asks.
    pub identity: String,
    /// SHA-256 of the request, to be compared over another channel.
    pub sha256: String,
    /// The name of the key.
    pub key_id: String,
    /// Whose root has to sign.
    pub root: String,
}

impl Asked {
    fn of(request: &Request) -> Self {
        Self {
            identity: request.identity.to_string(),
            sha256: request.digest.to_string(),
            key_id: request.public_key.key_id().to_string(),
            root: RootHolder::of(&request.identity).to_string(),
        }
    }

    /// The same as rows for people.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("identity", self.identity.clone()),
            ("sha256", self.sha256.clone()),
            ("key id", self.key_id.clone()),
            ("root", format!("of {}", self.root)),
        ]
    }
}

/// Makes a request for the holder of a key, and writes it.
pub fn new(identity: &Identity, key: &dyn Signer, out: &Path) -> Result<Asked, Error> {
    let der = issuer::request(identity, key).map_err(Error::Make)?;
    let made = Request::parse(&der).map_err(|source| Error::Request { path: out.to_owned(), source })?;
    let text = pem_rfc7468::encode_string("CERTIFICATE REQUEST", LineEnding::LF, &der)
        .expect("the label is valid and the buffer is as long as the library says");
    file::create(out, text.as_bytes())?;
    Ok(Asked::of(&made))
}

/// What a request asks for, once it is proven.
pub fn show(path: &Path) -> Result<Asked, Error> {
    Ok(Asked::of(&read(path)?))
}

/// Judges a request, signs what it may have, and writes the certificate with that of the root.
pub fn sign(
    path: &Path,
    digest: Option<Digest>,
    root: &OfflineRoot,
    validity: Period,
    out: &Path,
    rng: &mut dyn CryptoRng,
) -> Result<Told, Error> {
    let request = read(path)?;
    if let Some(expected) = digest.filter(|digest| *digest != request.digest) {
        return Err(Error::Digest { path: path.to_owned(), found: request.digest, expected });
    }
    judge(&request, root, validity)?;
    let Request { identity, public_key, .. } = &request;
    let (certificate, _) = root.root.certify(identity, public_key, Purpose::of(identity), validity, rng)?;
    let told = Told::of_certificate(&certificate)?;
    file::create(out, issuer::pem(&[&certificate, root.root.certificate()]).as_bytes())?;
    Ok(told)
}

fn read(path: &Path) -> Result<Request, Error> {
    Request::read(path).map_err(|source| Error::Request { path: path.to_owned(), source })
}

/// Whether this root may give that certificate.
fn judge(request: &Request, root: &OfflineRoot, validity: Period) -> Result<(), Error> {
    let identity = &request.identity;
    if identity.network() != &root.network {
        return Err(Error::Network { identity: identity.clone(), expected: root.network.clone() });
    }
    let (holder, wanted) = (root.holder(), RootHolder::of(identity));
    if holder != wanted {
        return Err(Error::OtherRoot { identity: identity.clone(), wanted, holder });
    }
    if &request.public_key == root.root.key().verifying_key() {
        return Err(Error::KeyOfTheRoot { identity: identity.clone() });
    }
    if root.validity.until < validity.until {
        return Err(Error::Outlives { holder, root: root.validity, asked: validity });
    }
    Ok(())
}
