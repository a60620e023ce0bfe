//! A root that lies on a machine without network: whose it is and of which network is read from its certificate, so that
//! nobody types it at the moment of signing.

use std::path::Path;
use std::sync::Arc;

use rand::CryptoRng;
use rustls_pki_types::CertificateDer;
use sealpost_crypto::dsse::Signer;
use sealpost_crypto::keyfile::Unlock;
use sealpost_crypto::root::RootCertificate;
use sealpost_crypto::signing::Signing;
use sealpost_crypto::trust::RootHolder;
use sealpost_crypto::x509;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{Instant, Period};

use super::{Error, Told};
use crate::file;
use crate::issuer::{self, Root};

/// A root with its key, and what its certificate says about it.
pub struct OfflineRoot {
    pub(super) root: Root<Arc<dyn Signer>>,
    pub(super) network: NetworkName,
    pub(super) validity: Period,
}

/// Makes the certificate of a root for a key that was made before, and writes it.
pub fn new(
    holder: RootHolder,
    network: &NetworkName,
    validity: Period,
    key: Arc<dyn Signer>,
    out: &Path,
    rng: &mut dyn CryptoRng,
) -> Result<Told, Error> {
    let root = Root::with_key(holder, network, validity, key, rng)?;
    let told = told(root.certificate(), out)?;
    file::create(out, issuer::pem(&[root.certificate()]).as_bytes())?;
    Ok(told)
}

/// The certificate of a root, and what it says.
pub(super) fn read(path: &Path) -> Result<(RootCertificate, CertificateDer<'static>), Error> {
    let der = x509::read_certificates(path)?.swap_remove(0);
    Ok((facts(&der, path)?, der))
}

/// What a root's certificate says.
pub fn show(path: &Path) -> Result<Told, Error> {
    told(&x509::read_certificates(path)?.swap_remove(0), path)
}

impl OfflineRoot {
    /// Reads a root's certificate, which must be valid, and opens its key, which must belong to it.
    pub fn open(
        certificate_file: &Path,
        key: &Signing,
        unlock: &Unlock,
        now: Instant,
    ) -> Result<Self, Error> {
        let (facts, certificate) = read(certificate_file)?;
        let RootCertificate { holder, network, validity, public_key, .. } = facts;
        if !validity.holds_at(now) {
            return Err(Error::RootValidity { holder, validity, now });
        }
        let opened = key.open(unlock)?;
        if opened.verifying_key() != &public_key {
            return Err(Error::OtherRootKey {
                certificate: certificate_file.to_owned(),
                key: key.to_string(),
            });
        }
        let root = Root::with_certificate(holder, certificate, opened)?;
        Ok(Self { root, network, validity })
    }

    /// Whose root it is.
    pub fn holder(&self) -> RootHolder {
        self.root.holder()
    }
}

fn facts(der: &CertificateDer<'_>, path: &Path) -> Result<RootCertificate, Error> {
    RootCertificate::parse(der).ok_or_else(|| Error::NotARoot { path: path.to_owned() })
}

fn told(der: &CertificateDer<'_>, path: &Path) -> Result<Told, Error> {
    let RootCertificate { holder, network, public_key, validity, serial } = facts(der, path)?;
    Ok(Told::new(format!("root of {holder} in {network}"), der, &public_key, serial, validity))
}
