//! A root that lies on a machine without network: whose it is and of which network is read from its certificate, so that
//! nobody types it at the moment of signing.

use std::path::Path;
use std::sync::Arc;

use rand::CryptoRng;
use rustls_pki_types::CertificateDer;
use sealpost_crypto::dsse::Signer;
use sealpost_crypto::keyfile::Unlock;
use sealpost_crypto::signing::Signing;
use sealpost_crypto::trust::RootHolder;
use sealpost_crypto::x509;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{Instant, Period};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

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

/// The certificate of a root, and whose it is.
pub(super) fn read(path: &Path) -> Result<(RootHolder, NetworkName, CertificateDer<'static>), Error> {
    let certificate = certificate(path)?;
    let Facts { holder, network, .. } = Facts::of(&certificate, path)?;
    Ok((holder, network, certificate))
}

/// What a root's certificate says.
pub fn show(path: &Path) -> Result<Told, Error> {
    told(&certificate(path)?, path)
}

impl OfflineRoot {
    /// Reads a root's certificate, which must be valid, and opens its key, which must belong to it.
    pub fn open(
        certificate_file: &Path,
        key: &Signing,
        unlock: &Unlock,
        now: Instant,
    ) -> Result<Self, Error> {
        let certificate = certificate(certificate_file)?;
        let Facts { holder, network, validity, .. } = Facts::of(&certificate, certificate_file)?;
        if !validity.holds_at(now) {
            return Err(Error::RootValidity { holder, validity, now });
        }
        let public = x509::root_key(&certificate)?;
        let opened = key.open(unlock)?;
        if opened.verifying_key() != &public {
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

fn certificate(path: &Path) -> Result<CertificateDer<'static>, Error> {
    Ok(x509::read_certificates(path)?.swap_remove(0))
}

fn told(certificate: &CertificateDer<'_>, path: &Path) -> Result<Told, Error> {
    let Facts { holder, network, validity, serial } = Facts::of(certificate, path)?;
    let key = x509::root_key(certificate)?;
    Ok(Told::new(format!("root of {holder} in {network}"), certificate, &key, serial, validity))
}

struct Facts {
    holder: RootHolder,
    network: NetworkName,
    validity: Period,
    serial: String,
}

impl Facts {
    /// Reads the names that [`Root`] writes.
    fn of(der: &CertificateDer<'_>, path: &Path) -> Result<Self, Error> {
        let refuse = || Error::NotARoot { path: path.to_owned() };
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| refuse())?;
        let name = certificate.subject();
        let network = common_name(name).and_then(|name| name.strip_suffix(" root"));
        let network = network.and_then(NetworkName::parse).ok_or_else(refuse)?;
        let holder = match name.iter_country().next().map(AttributeTypeAndValue::as_str) {
            Some(Ok(code)) => RootHolder::Jurisdiction(code.parse().map_err(|_| refuse())?),
            Some(Err(_)) => return Err(refuse()),
            None => RootHolder::HubOperator,
        };
        if !certificate.is_ca() || certificate.issuer() != name {
            return Err(refuse());
        }
        let moment =
            |time: x509_parser::time::ASN1Time| Instant::from_millis(time.timestamp().saturating_mul(1000));
        let validity = certificate.validity();
        let validity = Period { from: moment(validity.not_before), until: Some(moment(validity.not_after)) };
        Ok(Self { holder, network, validity, serial: certificate.raw_serial_as_string() })
    }
}

fn common_name<'a>(name: &'a X509Name<'_>) -> Option<&'a str> {
    name.iter_common_name().next().and_then(|name| name.as_str().ok())
}
