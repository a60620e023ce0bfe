//! Roots, the certificates that they sign and the revocation lists that they publish.
//!
//! Everything is Ed25519. A root signs its holders directly, without certificates in between; an identity is the one
//! URI name of its certificate. Every distinguished name is set. A root's key also signs the directory's statements
//! about the signing keys of its agencies. Time and randomness are arguments.

use std::path::Path;
use std::time::Duration;

use pem_rfc7468::LineEnding;
use rand::CryptoRng;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose, PKCS_ED25519, PublicKeyData,
    RevocationReason, RevokedCertParams, SanType, SerialNumber, SignatureAlgorithm, date_time_ymd,
};
use rustls_pki_types::CertificateDer;
use sealpost_crypto::dsse::{Signer, SigningKey, VerifyingKey};
use sealpost_crypto::keyfile;
use sealpost_crypto::revocation::Revoked;
use sealpost_crypto::trust::RootHolder;
use sealpost_crypto::x509;
use sealpost_domain::identity::{Identity, NetworkName, Role, Subject};
use sealpost_domain::instant::{Instant, Period};
use time::OffsetDateTime;

/// The root certificate of a jurisdiction or of the hub's operator, with its key: in memory, or wherever it signs.
pub struct Root<K = SigningKey> {
    holder: RootHolder,
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, Key<K>>,
}

/// A certificate with its key.
pub struct Issued {
    /// Whose it is.
    pub identity: Identity,
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// The key.
    pub key: SigningKey,
    /// The certificate's serial number, for revoking it.
    pub serial: SerialNumber,
}

/// For which ends of connections a certificate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// For whoever connects: systems, officers, auditors and operators.
    Client,
    /// For whoever listens: the hub.
    Server,
    /// For a node, which connects to the hub and listens as a gateway.
    Both,
}

impl Root {
    /// A new root with a new key.
    pub fn generate(
        holder: RootHolder,
        network: &NetworkName,
        validity: Period,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        let key = SigningKey::generate(rng);
        Self::with_key(holder, network, validity, key, rng)
    }

    /// Reads a root's certificate (PEM) and plain key file.
    pub fn read(holder: RootHolder, certificate: &Path, key: &Path) -> Result<Self, Error> {
        let key = SigningKey::read(key)?;
        Self::with_certificate(holder, x509::read_certificates(certificate)?.swap_remove(0), key)
    }
}

impl<K: Signer> Root<K> {
    /// A new root with a key that was made before.
    pub fn with_key(
        holder: RootHolder,
        network: &NetworkName,
        validity: Period,
        key: K,
        rng: &mut dyn CryptoRng,
    ) -> Result<Self, Error> {
        let mut name = DistinguishedName::new();
        let organisation = match holder {
            RootHolder::Jurisdiction(code) => {
                name.push(DnType::CountryName, code.as_str());
                format!("Sealpost jurisdiction {code}")
            }
            RootHolder::HubOperator => "Sealpost hub operator".to_owned(),
        };
        name.push(DnType::OrganizationName, organisation.as_str());
        name.push(DnType::CommonName, format!("{} root", network.as_str()));
        let mut params = params(name, validity, rng);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        // DigitalSignature: it also signs the directory's statements about signing keys.
        params.key_usages =
            vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
        let key = Key(key);
        let certificate = params.self_signed(&key).map_err(|source| Error::Sign { holder, source })?;
        Ok(Self { holder, certificate: certificate.into(), issuer: Issuer::new(params, key) })
    }

    /// A root by its certificate; that the key belongs to it is the caller's to see.
    pub fn with_certificate(
        holder: RootHolder,
        certificate: CertificateDer<'static>,
        key: K,
    ) -> Result<Self, Error> {
        let issuer = Issuer::from_ca_cert_der(&certificate, Key(key))
            .map_err(|source| Error::NotARoot { holder, source })?;
        Ok(Self { holder, certificate, issuer })
    }

    /// Whose root it is.
    pub fn holder(&self) -> RootHolder {
        self.holder
    }

    /// The certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The key, which also signs the directory's statements about signing keys.
    pub fn key(&self) -> &K {
        &self.issuer.key().0
    }

    /// A certificate with a new key. The identity is taken as given: whoever judges the certificate checks that it
    /// belongs to this root.
    pub fn issue(
        &self,
        identity: Identity,
        purpose: Purpose,
        validity: Period,
        rng: &mut dyn CryptoRng,
    ) -> Result<Issued, Error> {
        let key = SigningKey::generate(rng);
        let (certificate, serial) = self.certify(&identity, key.verifying_key(), purpose, validity, rng)?;
        Ok(Issued { identity, certificate, key, serial })
    }

    /// A certificate for a key that its holder keeps, and its serial number. Nothing is judged here either.
    pub fn certify(
        &self,
        identity: &Identity,
        key: &VerifyingKey,
        purpose: Purpose,
        validity: Period,
        rng: &mut dyn CryptoRng,
    ) -> Result<(CertificateDer<'static>, SerialNumber), Error> {
        let uri = identity.to_string();
        let mut name = DistinguishedName::new();
        match identity.agency() {
            Some(agency) => {
                name.push(DnType::CountryName, agency.jurisdiction().as_str());
                name.push(DnType::OrganizationName, agency.as_str());
            }
            None => name.push(DnType::OrganizationName, "Sealpost hub operator"),
        }
        // The last two parts of the identity, such as `officer/desk-1`.
        let holder: Vec<&str> = uri.rsplitn(3, '/').take(2).collect();
        name.push(DnType::CommonName, holder.into_iter().rev().collect::<Vec<_>>().join(" "));
        let mut params = params(name, validity, rng);
        let sign = |source| Error::Sign { holder: self.holder, source };
        params.subject_alt_names = vec![SanType::URI(uri.as_str().try_into().map_err(sign)?)];
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = purpose.usages();
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&Public(key), &self.issuer).map_err(sign)?;
        let serial = params.serial_number.unwrap_or_else(|| SerialNumber::from(0));
        Ok((certificate.into(), serial))
    }

    /// The revocation list of that number, DER: issued at the period's start, the next one due at its end.
    pub fn crl(&self, number: u64, current: Period, revoked: &[Revoked]) -> Result<Vec<u8>, Error> {
        let revoked_certs = revoked.iter().map(|revoked| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&revoked.serial),
            revocation_time: moment(revoked.revoked_at),
            reason_code: Some(RevocationReason::Unspecified),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: moment(current.from),
            next_update: moment(current.until.unwrap_or(END)),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let sign = |source| Error::Sign { holder: self.holder, source };
        Ok(params.signed_by(&self.issuer).map_err(sign)?.der().to_vec())
    }
}

impl Purpose {
    /// What whoever has this identity does.
    pub fn of(identity: &Identity) -> Self {
        match identity.subject() {
            Subject::Hub(_) => Self::Server,
            Subject::Agency { role: Role::Node, .. } => Self::Both,
            Subject::Agency { role: Role::System | Role::Officer | Role::Auditor, .. }
            | Subject::Operator(_) => Self::Client,
        }
    }

    fn usages(self) -> Vec<ExtendedKeyUsagePurpose> {
        match self {
            Self::Client => vec![ExtendedKeyUsagePurpose::ClientAuth],
            Self::Server => vec![ExtendedKeyUsagePurpose::ServerAuth],
            Self::Both => vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth],
        }
    }
}

/// X.509 writes no later year.
const END: Instant = Instant::from_millis(253_402_300_799_000);

fn params(name: DistinguishedName, validity: Period, rng: &mut dyn CryptoRng) -> CertificateParams {
    let mut serial = [0; 16];
    rng.fill_bytes(&mut serial);
    // A positive number of 16 bytes (RFC 5280, section 4.1.2.2).
    serial[0] = serial[0] & 0x7f | 0x40;
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    (params.not_before, params.not_after) = (moment(validity.from), moment(validity.until.unwrap_or(END)));
    params
}

/// A chain of certificates in PEM, the holder's first.
pub fn pem(chain: &[&CertificateDer<'_>]) -> String {
    let encode = |certificate: &&CertificateDer<'_>| {
        pem_rfc7468::encode_string("CERTIFICATE", LineEnding::LF, certificate)
            .expect("the label is valid and the buffer is as long as the library says")
    };
    chain.iter().map(encode).collect()
}

/// Certificates and lists count whole seconds, from 1970 to [`END`].
fn moment(instant: Instant) -> OffsetDateTime {
    let seconds = instant.as_millis().clamp(0, END.as_millis()) / 1000;
    date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds.unsigned_abs())
}

/// A request for a certificate of that identity, DER, signed by its key.
pub fn request(identity: &Identity, key: &dyn Signer) -> Result<Vec<u8>, rcgen::Error> {
    let mut params = CertificateParams::default();
    // The root writes the names of the certificate itself; the identity is all that is asked for.
    params.distinguished_name = DistinguishedName::new();
    params.subject_alt_names = vec![SanType::URI(identity.to_string().as_str().try_into()?)];
    Ok(params.serialize_request(&Key(key))?.der().to_vec())
}

/// The public half of a key that somebody else has.
struct Public<'k>(&'k VerifyingKey);

impl PublicKeyData for Public<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

/// Lets the certificate library sign with our key, so that no second copy of it is made.
struct Key<K>(K);

impl<K: Signer> PublicKeyData for Key<K> {
    fn der_bytes(&self) -> &[u8] {
        self.0.verifying_key().as_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl<K: Signer> rcgen::SigningKey for Key<K> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.0.sign(message);
        signature.map(|bytes| bytes.to_vec()).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// Why there is no certificate or revocation list.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key file of a root.
    #[error(transparent)]
    Key(#[from] keyfile::Error),
    /// The certificate file of a root.
    #[error(transparent)]
    Certificate(#[from] x509::Error),
    /// Another certificate.
    #[error("the certificate given as the root of {holder} is not usable for signing others")]
    NotARoot {
        /// Whose root.
        holder: RootHolder,
        /// Why not.
        source: rcgen::Error,
    },
    /// It could not be made.
    #[error("the root of {holder} could not sign")]
    Sign {
        /// Whose root.
        holder: RootHolder,
        /// Why not.
        source: rcgen::Error,
    },
}
