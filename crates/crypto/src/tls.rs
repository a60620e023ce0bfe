//! The TLS settings that both ends share: TLS 1.3 alone, ML-KEM with X25519 preferred, Ed25519 certificates on both
//! sides, no tickets and no resumption, for a resumed session would pass by the revocation lists.
//!
//! A configuration is made for every handshake, which costs a few reference counts: so new certificates, roots and
//! revocation lists hold at once, and the verdict on the peer comes back typed, beside the alert that the peer gets.

mod remote;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::{self, kx_group, sign};
use rustls::crypto::{CryptoProvider, SupportedKxGroup, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, PeerIncompatible, ServerConfig, SignatureScheme,
};
use sealpost_domain::identity::Identity;
use sealpost_domain::instant::Instant;

use crate::dsse::{SigningKey, VerifyingKey};
use crate::keyfile::{self, Unlock};
use crate::peer::{Admission, Refusal};
use crate::token;
use crate::trust::{ED25519, Trust, Usage};
use crate::x509::{self, Certificate};

static ALGORITHMS: WebPkiSupportedAlgorithms =
    WebPkiSupportedAlgorithms { all: &[ED25519], mapping: &[(SignatureScheme::ED25519, &[ED25519])] };

/// An own certificate and its private key.
#[derive(Clone)]
pub struct Credentials {
    certificate: Certificate,
    key: Arc<CertifiedKey>,
}

impl Credentials {
    /// Reads a certificate (PEM) and its plain key file, and makes sure that they belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        Self::read_with(certificate, key, &Unlock::nothing())
    }

    /// The same, and the key file may be encrypted.
    pub fn read_with(certificate: &Path, key: &Path, unlock: &Unlock) -> Result<Self, Error> {
        Self::new(x509::read_certificates(certificate)?, &SigningKey::read_with(key, unlock)?)
    }

    /// Takes a certificate, first in the chain, and its key.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: &SigningKey) -> Result<Self, Error> {
        let certificate = Self::of_key(&chain, key.verifying_key())?;
        let key = sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(key.to_pkcs8().as_slice()))?;
        Ok(Self { certificate, key: Arc::new(CertifiedKey::new(chain, key)) })
    }

    /// Who the certificate says that we are.
    pub fn identity(&self) -> &Identity {
        &self.certificate.identity
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Another certificate for the same key, where the key's file is not to be opened again.
    pub fn with_chain(&self, chain: Vec<CertificateDer<'static>>) -> Result<Self, Error> {
        let certificate = Self::of_key(&chain, &self.certificate.public_key)?;
        let key = Arc::new(CertifiedKey::new(chain, Arc::clone(&self.key.key)));
        Ok(Self { certificate, key })
    }

    /// The first certificate of a chain, which is for this key.
    fn of_key(chain: &[CertificateDer<'static>], key: &VerifyingKey) -> Result<Certificate, Error> {
        let certificate = Certificate::parse(chain.first().ok_or(Error::NoCertificate)?)?;
        if &certificate.public_key == key {
            Ok(certificate)
        } else {
            Err(Error::OtherKey { identity: certificate.identity })
        }
    }

    /// Whether the very same certificates are shown.
    pub fn is_same(&self, other: &Self) -> bool {
        self.key.cert == other.key.cert
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({})", self.identity())
    }
}

/// Which key exchanges an end takes part in. Post-quantum ones are preferred in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyExchange {
    /// X25519 alone too, for peers that have nothing else.
    #[default]
    Any,
    /// ML-KEM-768 with X25519 and nothing else: what is recorded today is not read when X25519 falls.
    PostQuantum,
}

impl KeyExchange {
    fn groups(self) -> Vec<&'static dyn SupportedKxGroup> {
        match self {
            Self::Any => vec![kx_group::X25519MLKEM768, kx_group::X25519],
            Self::PostQuantum => vec![kx_group::X25519MLKEM768],
        }
    }
}

/// What one end of connections needs: who it is, whom it believes and whom it admits.
#[derive(Clone, Debug)]
pub struct Endpoint {
    credentials: Arc<RwLock<Credentials>>,
    trust: Trust,
    admission: Arc<Admission>,
    clock: Arc<dyn TimeProvider>,
    provider: Arc<CryptoProvider>,
}

impl Endpoint {
    /// An end that judges certificates by `clock`.
    pub fn new(
        credentials: Credentials,
        trust: Trust,
        admission: Admission,
        clock: Arc<dyn TimeProvider>,
    ) -> Self {
        let provider = CryptoProvider {
            kx_groups: KeyExchange::default().groups(),
            signature_verification_algorithms: ALGORITHMS,
            ..aws_lc_rs::default_provider()
        };
        Self {
            credentials: Arc::new(RwLock::new(credentials)),
            trust,
            admission: Arc::new(admission),
            clock,
            provider: Arc::new(provider),
        }
    }

    /// The same end, for these key exchanges.
    #[must_use]
    pub fn exchanging(self, exchange: KeyExchange) -> Self {
        let provider =
            CryptoProvider { kx_groups: exchange.groups(), ..CryptoProvider::clone(&self.provider) };
        Self { provider: Arc::new(provider), ..self }
    }

    /// Who we are.
    pub fn identity(&self) -> Identity {
        self.credentials().identity().clone()
    }

    /// Whom we believe.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Whether a certificate can take the place of the present one: of the same identity, and taken by whoever judges as
    /// this end does.
    pub fn judge_renewal(&self, credentials: &Credentials, usage: Usage) -> Result<(), Error> {
        let present = self.identity();
        if &present != credentials.identity() {
            return Err(Error::OtherIdentity { present, found: credentials.identity().clone() });
        }
        let leaf = credentials.key.cert.first().ok_or(Error::NoCertificate)?;
        let now = self.clock.current_time().map_or(Instant::from_millis(0), instant);
        let judged = self.trust.current().judge(leaf, usage, now);
        judged.map(drop).map_err(|refusal| Error::Refused(Box::new(refusal)))
    }

    /// Shows another certificate from the next handshake on. Its identity must be the same.
    pub fn renew(&self, credentials: Credentials) -> Result<(), Error> {
        let mut present = self.credentials.write().unwrap_or_else(PoisonError::into_inner);
        if present.identity() != credentials.identity() {
            let (present, found) = (present.identity().clone(), credentials.identity().clone());
            return Err(Error::OtherIdentity { present, found });
        }
        *present = credentials;
        Ok(())
    }

    /// Judges a peer's certificate again, as a handshake would now.
    pub fn judge(&self, certificate: &CertificateDer<'_>, usage: Usage) -> Result<Certificate, Refusal> {
        let now = self.clock.current_time().map_or(Instant::from_millis(0), instant);
        self.admission.judge(&self.trust.current(), certificate, usage, now)
    }

    /// For one handshake of the listening end.
    pub fn server(&self, protocols: &[&[u8]]) -> Result<(Arc<ServerConfig>, Verdict), Error> {
        let verifier = self.verifier();
        let verdict = Verdict(Arc::clone(&verifier.verdict));
        let mut config =
            ServerConfig::builder_with_details(Arc::clone(&self.provider), Arc::clone(&self.clock))
                .with_protocol_versions(&[&TLS13])?
                .with_client_cert_verifier(Arc::new(verifier))
                .with_cert_resolver(Arc::new(SingleCertAndKey::from(self.credentials().key)));
        config.alpn_protocols = owned(protocols);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok((Arc::new(config), verdict))
    }

    /// For one handshake of the connecting end.
    pub fn client(&self, protocols: &[&[u8]]) -> Result<(Arc<ClientConfig>, Verdict), Error> {
        let verifier = self.verifier();
        let verdict = Verdict(Arc::clone(&verifier.verdict));
        let mut config =
            ClientConfig::builder_with_details(Arc::clone(&self.provider), Arc::clone(&self.clock))
                .with_protocol_versions(&[&TLS13])?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(verifier))
                .with_client_cert_resolver(Arc::new(SingleCertAndKey::from(self.credentials().key)));
        config.alpn_protocols = owned(protocols);
        config.resumption = Resumption::disabled();
        Ok((Arc::new(config), verdict))
    }

    /// What is shown now.
    pub fn credentials(&self) -> Credentials {
        self.credentials.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn verifier(&self) -> Verifier {
        Verifier {
            trust: self.trust.clone(),
            admission: Arc::clone(&self.admission),
            verdict: Arc::default(),
        }
    }
}

/// Whether a handshake ended because the peer offered no key exchange that is taken here.
pub fn lacks_key_exchange(error: &io::Error) -> bool {
    let fault = error.get_ref().and_then(|fault| fault.downcast_ref::<rustls::Error>());
    let none = PeerIncompatible::NoKxGroupsInCommon;
    fault.is_some_and(|fault| *fault == rustls::Error::PeerIncompatible(none))
}

fn owned(protocols: &[&[u8]]) -> Vec<Vec<u8>> {
    protocols.iter().map(|protocol| protocol.to_vec()).collect()
}

/// What a handshake found out about the peer; empty until its certificate came.
#[derive(Clone, Debug)]
pub struct Verdict(Arc<OnceLock<Result<Certificate, Refusal>>>);

impl Verdict {
    /// The peer's certificate, or why it was refused.
    pub fn get(&self) -> Option<&Result<Certificate, Refusal>> {
        self.0.get()
    }
}

/// Both ends judge in the same way: by identity and never by host name, which the peer does not choose.
#[derive(Debug)]
struct Verifier {
    trust: Trust,
    admission: Arc<Admission>,
    verdict: Arc<OnceLock<Result<Certificate, Refusal>>>,
}

impl Verifier {
    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        usage: Usage,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let judge = || self.admission.judge(&self.trust.current(), certificate, usage, instant(now));
        match self.verdict.get_or_init(judge) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(rustls::Error::InvalidCertificate(refusal.into())),
        }
    }
}

impl ClientCertVerifier for Verifier {
    /// No hints: a client has one certificate, and the list of roots is nobody else's business.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.judge(end_entity, Usage::Client, now).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &ALGORITHMS)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.judge(end_entity, Usage::Server, now).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(PeerIncompatible::Tls12NotOffered.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &ALGORITHMS)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

fn instant(time: UnixTime) -> Instant {
    Instant::from_millis(i64::try_from(time.as_secs()).unwrap_or(i64::MAX).saturating_mul(1000))
}

/// Why an end cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An empty chain.
    #[error("no certificate is given")]
    NoCertificate,
    /// The certificate's file.
    #[error(transparent)]
    Certificate(#[from] x509::Error),
    /// The key's file.
    #[error(transparent)]
    Key(#[from] keyfile::Error),
    /// The key's token.
    #[error(transparent)]
    Token(#[from] token::Error),
    /// A pair that is none.
    #[error("the certificate of {identity} is for another key than the one in the key file")]
    OtherKey {
        /// Whose certificate.
        identity: Identity,
    },
    /// A renewal that is none.
    #[error("the certificate is of {found}, and this is {present}: a renewal keeps the identity")]
    OtherIdentity {
        /// Who we are.
        present: Identity,
        /// Whose certificate it is.
        found: Identity,
    },
    /// A renewal that nobody would let in.
    #[error("peers would refuse it")]
    Refused(#[source] Box<Refusal>),
    /// The TLS library refused the settings.
    #[error("the TLS library refused the settings")]
    Tls(#[from] rustls::Error),
}

#[cfg(test)]
mod tests;
