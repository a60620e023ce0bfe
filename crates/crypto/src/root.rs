//! What the certificate of a root says about it, in the names that `sealpost-admin root new` writes: country, and the
//! common name `<network> root`.

use rustls::pki_types::CertificateDer;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Period;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::dsse::VerifyingKey;
use crate::trust::RootHolder;
use crate::x509;

/// A root by its certificate. Nothing is believed by it: directories say which roots are.
#[derive(Clone, Debug)]
pub struct RootCertificate {
    /// Whose root it says to be.
    pub holder: RootHolder,
    /// For which network it signs.
    pub network: NetworkName,
    /// Its key.
    pub public_key: VerifyingKey,
    /// When it is valid.
    pub validity: Period,
    /// Its serial number, hexadecimal with colons.
    pub serial: String,
}

impl RootCertificate {
    /// Reads a certificate in DER; nothing where it is no root's, or none that was made for Sealpost.
    pub fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        let certificate = x509::parse(der).ok()?;
        let name = certificate.subject();
        if !certificate.is_ca() || certificate.issuer() != name {
            return None;
        }
        let holder = match name.iter_country().next().map(AttributeTypeAndValue::as_str) {
            Some(code) => RootHolder::Jurisdiction(code.ok()?.parse().ok()?),
            None => RootHolder::HubOperator,
        };
        Some(Self {
            holder,
            network: NetworkName::parse(common_name(name)?.strip_suffix(" root")?)?,
            public_key: x509::ed25519_key(&certificate).ok()?,
            validity: x509::validity(&certificate),
            serial: certificate.raw_serial_as_string(),
        })
    }
}

fn common_name<'a>(name: &'a X509Name<'_>) -> Option<&'a str> {
    name.iter_common_name().next().and_then(|name| name.as_str().ok())
}
