//! A certificate's identity: exactly one URI name, a SPIFFE id of the network, on an Ed25519 key.
//!
//! Reading believes nothing: whether a certificate holds is decided in [`crate::trust`].

use std::io;
use std::path::{Path, PathBuf};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{self, PemObject as _};
use sealpost_domain::identity::{self, Identity};
use sealpost_domain::instant::{Instant, Period};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::OID_SIG_ED25519;
use x509_parser::prelude::FromDer as _;
use x509_parser::time::ASN1Time;

use crate::dsse::{VerifyError, VerifyingKey};
use crate::file;

/// No file of certificates is larger: one of ours has less than a thousand bytes.
const CHAIN_BYTES_MAX: u64 = 1 << 20;

/// What is read of a certificate.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Who its holder claims to be.
    pub identity: Identity,
    /// The holder's key.
    pub public_key: VerifyingKey,
    /// When it is valid.
    pub validity: Period,
    /// Its serial number within its root, hexadecimal with colons, as CRLs and `openssl` show it.
    pub serial: String,
}

impl Certificate {
    /// Reads a certificate in DER.
    pub fn parse(der: &CertificateDer<'_>) -> Result<Self, Error> {
        let certificate = parse(der)?;
        let mut uris = uri_names(&certificate)?.into_iter();
        let (Some(uri), None) = (uris.next(), uris.next()) else {
            return Err(Error::Names { found: uri_names(&certificate)?.len() });
        };
        Ok(Self {
            identity: uri.parse()?,
            public_key: ed25519_key(&certificate)?,
            validity: validity(&certificate),
            serial: certificate.raw_serial_as_string(),
        })
    }
}

/// Reads the certificates of a PEM file: at least one, in their order.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let text =
        file::read(path, CHAIN_BYTES_MAX).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    let refuse = |source| Error::Pem { path: path.to_owned(), source };
    let found: Vec<_> = CertificateDer::pem_slice_iter(&text).collect::<Result<_, _>>().map_err(refuse)?;
    if found.is_empty() {
        return Err(refuse(pem::Error::NoItemsFound));
    }
    Ok(found)
}

/// The Ed25519 key of a root certificate.
pub fn root_key(der: &CertificateDer<'_>) -> Result<VerifyingKey, Error> {
    ed25519_key(&parse(der)?)
}

/// Whether a certificate is signed by that key, whatever else holds of it.
pub fn is_signed_by(der: &CertificateDer<'_>, key: &VerifyingKey) -> bool {
    parse(der).is_ok_and(|certificate| {
        let signed: &[u8] = certificate.tbs_certificate.as_ref();
        key.verify(signed, &certificate.signature_value.data).is_ok()
    })
}

pub(crate) fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, Error> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(Error::Malformed),
    }
}

pub(crate) fn ed25519_key(certificate: &X509Certificate<'_>) -> Result<VerifyingKey, Error> {
    let key = certificate.public_key();
    if key.algorithm.algorithm != OID_SIG_ED25519 {
        return Err(Error::Algorithm { found: key.algorithm.algorithm.to_id_string() });
    }
    Ok(VerifyingKey::from_bytes(&key.subject_public_key.data)?)
}

pub(crate) fn validity(certificate: &X509Certificate<'_>) -> Period {
    let validity = certificate.validity();
    Period { from: instant(validity.not_before), until: Some(instant(validity.not_after)) }
}

pub(crate) fn instant(time: ASN1Time) -> Instant {
    Instant::from_millis(time.timestamp().saturating_mul(1000))
}

fn uri_names<'a>(certificate: &X509Certificate<'a>) -> Result<Vec<&'a str>, Error> {
    let names = certificate.subject_alternative_name().map_err(|_| Error::Malformed)?;
    let uris = names.into_iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    Ok(uris.collect())
}

/// Why a certificate or a file of them is not understood.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file system refused.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No PEM, or of another kind.
    #[error("{path} does not hold a certificate in PEM")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        source: pem::Error,
    },
    /// Not the DER of a certificate.
    #[error("this is no X.509 certificate")]
    Malformed,
    /// No URI name, or several.
    #[error("the certificate has {found} URI names, expected exactly one: its holder's SPIFFE id")]
    Names {
        /// How many there are.
        found: usize,
    },
    /// The URI name is not an identity.
    #[error(transparent)]
    Identity(#[from] identity::Error),
    /// Another key algorithm.
    #[error("the certificate's key has algorithm {found}, expected Ed25519 (1.3.101.112)")]
    Algorithm {
        /// The object identifier.
        found: String,
    },
    /// A key that the strict rule refuses.
    #[error("the certificate's key is not usable")]
    Key(#[from] VerifyError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chains::Root;

    const OFFICER: &str = "spiffe://test.sealpost/HK/CED/officer/desk-1";

    #[test]
    fn the_only_uri_name_is_the_identity() {
        let issued = Root::new("HK").issue(OFFICER);
        let certificate = Certificate::parse(&issued.certificate).unwrap();
        assert_eq!(certificate.identity.to_string(), OFFICER);
        assert_eq!(&certificate.public_key, issued.key.verifying_key());
    }

    #[test]
    fn no_name_two_names_and_other_names_are_refused() {
        let root = Root::new("HK");
        let parse = |names: &[&str]| Certificate::parse(&root.issue_names(names).certificate).unwrap_err();
        assert!(matches!(parse(&[]), Error::Names { found: 0 }));
        assert!(matches!(parse(&[OFFICER, OFFICER]), Error::Names { found: 2 }));
        assert!(matches!(parse(&["https://test.sealpost/HK/CED/officer/desk-1"]), Error::Identity(_)));
    }

    #[test]
    fn bytes_that_are_no_certificate_are_refused() {
        let der = Root::new("HK").issue(OFFICER).certificate;
        let mut longer = der.to_vec();
        longer.push(0);
        for bytes in [&[][..], &der[..der.len() - 1], &longer] {
            assert!(matches!(Certificate::parse(&CertificateDer::from(bytes)), Err(Error::Malformed)));
        }
    }
}
