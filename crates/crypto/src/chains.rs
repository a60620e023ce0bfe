//! Roots, certificates and revocation lists made on the spot: for tests alone.

use std::sync::Arc;
use std::time::Duration;

use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ED25519, RevokedCertParams, SanType,
    SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, UnixTime};
use rustls::time_provider::TimeProvider;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use x509_parser::time::ASN1Time;

use crate::dsse::SigningKey;
use crate::peer::{Admission, Admitted};
use crate::tls::{Credentials, Endpoint};
use crate::trust::{RootHolder, Trust, TrustSet, Usage};

/// The network of the tests.
pub const NETWORK: &str = "test.sealpost";
/// The moment at which the tests happen: 2026-01-15T08:00:00Z.
pub const NOW: Instant = Instant::from_millis(1_768_464_000_000);

const DECADE: Duration = Duration::from_hours(24 * 3650);

/// A root with its key.
pub struct Root {
    /// Whose root it is.
    pub holder: RootHolder,
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
    /// Its key, which also signs the keys of its agencies.
    pub key: SigningKey,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
pub struct Issued {
    /// The certificate.
    pub certificate: CertificateDer<'static>,
    /// The key.
    pub key: SigningKey,
}

impl Issued {
    /// As an end of connections takes them.
    pub fn credentials(&self) -> Credentials {
        Credentials::new(vec![self.certificate.clone()], &self.key).expect("a fresh pair")
    }

    /// An end of connections at the moment of the tests.
    pub fn endpoint(&self, trust: &Trust, admitted: impl IntoIterator<Item = Admitted>) -> Endpoint {
        let admission = Admission::new(admitted);
        Endpoint::new(self.credentials(), trust.clone(), admission, Arc::new(FixedClock(NOW)))
    }
}

impl Root {
    /// The root of a jurisdiction (`HK`), or of the hub's operator (`hub`).
    pub fn new(holder: &str) -> Self {
        let mut params = params(&format!("{holder} root"), NOW.minus(DECADE), NOW.plus(DECADE));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let (key, pair) = key();
        let certificate = params.self_signed(&pair).expect("a root signs itself");
        let holder = match holder {
            "hub" => RootHolder::HubOperator,
            code => RootHolder::Jurisdiction(code.parse().expect("a jurisdiction")),
        };
        Self { holder, certificate: certificate.into(), key, issuer: Issuer::new(params, pair) }
    }

    /// A certificate for both ends of connections.
    pub fn issue(&self, identity: &str) -> Issued {
        self.issue_names(&[identity])
    }

    /// One with any number of URI names.
    pub fn issue_names(&self, names: &[&str]) -> Issued {
        self.sign(names, &BOTH, NOW.minus(DECADE), NOW.plus(DECADE))
    }

    /// One for one end of connections.
    pub fn issue_for(&self, identity: &str, usage: Usage) -> Issued {
        let purpose = match usage {
            Usage::Client => ExtendedKeyUsagePurpose::ClientAuth,
            Usage::Server => ExtendedKeyUsagePurpose::ServerAuth,
        };
        self.sign(&[identity], &[purpose], NOW.minus(DECADE), NOW.plus(DECADE))
    }

    /// One that is valid for a time.
    pub fn issue_between(&self, identity: &str, from: Instant, until: Instant) -> Issued {
        self.sign(&[identity], &BOTH, from, until)
    }

    /// A current revocation list, of which there is one number for each second.
    pub fn crl(&self, revoked: &[&Issued]) -> Vec<u8> {
        self.crl_between(revoked, NOW, NOW.plus(DECADE))
    }

    /// A current revocation list of that number.
    pub fn crl_numbered(&self, number: u64, revoked: &[&Issued]) -> Vec<u8> {
        self.list(number, revoked, NOW, NOW.plus(DECADE))
    }

    /// A revocation list that is issued at `from`, a time that is its number too, and whose successor is due at `until`.
    pub fn crl_between(&self, revoked: &[&Issued], from: Instant, until: Instant) -> Vec<u8> {
        self.list(u64::try_from(from.as_millis() / 1000).expect("after 1970"), revoked, from, until)
    }

    fn list(&self, number: u64, revoked: &[&Issued], from: Instant, until: Instant) -> Vec<u8> {
        let revoked_certs = revoked.iter().map(|issued| RevokedCertParams {
            serial_number: serial(&issued.certificate),
            revocation_time: moment(from).to_datetime(),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: moment(from).to_datetime(),
            next_update: moment(until).to_datetime(),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("the root signs its list").der().to_vec()
    }

    fn sign(
        &self,
        names: &[&str],
        purposes: &[ExtendedKeyUsagePurpose],
        from: Instant,
        until: Instant,
    ) -> Issued {
        let mut params = params(&format!("holder {}", names.len()), from, until);
        params.subject_alt_names =
            names.iter().map(|name| SanType::URI((*name).try_into().expect("ASCII"))).collect();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = purposes.to_vec();
        let (key, pair) = key();
        let certificate = params.signed_by(&pair, &self.issuer).expect("the root signs");
        Issued { certificate: certificate.into(), key }
    }
}

/// Believes these roots, which have revoked nothing.
pub fn trust(roots: &[&Root]) -> TrustSet {
    let mut set = TrustSet::new(NetworkName::parse(NETWORK).expect("a network"));
    for root in roots {
        set.add_root(root.holder, &root.certificate).expect("a root");
        let crl = root.crl_between(&[], NOW.minus(DECADE), NOW.plus(DECADE));
        set.install_crl(root.holder, &crl).expect("its list");
    }
    set
}

/// A clock that stands.
#[derive(Debug)]
pub struct FixedClock(pub Instant);

impl TimeProvider for FixedClock {
    fn current_time(&self) -> Option<UnixTime> {
        let millis = u64::try_from(self.0.as_millis()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_millis(millis)))
    }
}

const BOTH: [ExtendedKeyUsagePurpose; 2] =
    [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];

fn params(name: &str, from: Instant, until: Instant) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (moment(from).to_datetime(), moment(until).to_datetime());
    params
}

fn key() -> (SigningKey, KeyPair) {
    let key = SigningKey::generate(&mut UnwrapErr(SysRng));
    let pkcs8 = key.to_pkcs8();
    let pair =
        KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8.as_slice()), &PKCS_ED25519);
    (key, pair.expect("version 1 is read"))
}

fn serial(certificate: &CertificateDer<'_>) -> SerialNumber {
    let certificate = crate::x509::parse(certificate).expect("made here");
    SerialNumber::from_slice(certificate.raw_serial())
}

fn moment(instant: Instant) -> ASN1Time {
    ASN1Time::from_timestamp(instant.as_millis() / 1000).expect("within the years of X.509")
}
