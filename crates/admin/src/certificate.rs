//! Certificates for real: a root that lies on a machine of its own, requests that are carried to it, certificates and
//! revocation lists that are carried back. No private key is ever anywhere but where it was made.
//!
//! Every file that is made is new: nothing is overwritten, so that no certificate and no list is lost by a slip. It is
//! written whole or not at all, and last: what cannot be told is not made.

pub mod error;
pub mod list;
pub mod request;
pub mod root;

use sealpost_crypto::digest::sha256;
use sealpost_crypto::x509::Certificate;
use sealpost_domain::instant::Period;
use serde::Serialize;

pub use error::Error;
pub use root::OfflineRoot;

/// What is told of a root or a certificate. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Whose it is.
    pub holder: String,
    /// SHA-256 of the certificate, to be compared over another channel.
    pub sha256: String,
    /// The name of its key.
    pub key_id: String,
    /// Its serial number, for revoking it.
    pub serial: String,
    /// When it begins.
    pub valid_from: String,
    /// When it ends.
    pub valid_until: Option<String>,
}

impl Told {
    fn of_certificate(
        der: &rustls_pki_types::CertificateDer<'_>,
    ) -> Result<Self, sealpost_crypto::x509::Error> {
        let Certificate { identity, public_key, validity, serial } = Certificate::parse(der)?;
        Ok(Self::new(identity.to_string(), der, &public_key, serial, validity))
    }

    fn new(
        holder: String,
        der: &[u8],
        key: &sealpost_crypto::dsse::VerifyingKey,
        serial: String,
        validity: Period,
    ) -> Self {
        Self {
            holder,
            sha256: sha256(der).to_string(),
            key_id: key.key_id().to_string(),
            serial,
            valid_from: validity.from.to_string(),
            valid_until: validity.until.map(|until| until.to_string()),
        }
    }

    /// The same as rows for people.
    pub fn rows(&self) -> Vec<(&'static str, String)> {
        let until = self.valid_until.clone().unwrap_or_else(|| "for ever".to_owned());
        vec![
            ("holder", self.holder.clone()),
            ("sha256", self.sha256.clone()),
            ("key id", self.key_id.clone()),
            ("serial", self.serial.clone()),
            ("valid", format!("{} to {until}", self.valid_from)),
        ]
    }
}
