//! Which roots are believed, for whom, and what they have revoked.
//!
//! An identity must come from the root of its own jurisdiction, hub and operators from the hub operator's. Path
//! checking in webpki knows no such rule for URI names, so a certificate is only ever checked against the one root
//! that its identity calls for; roots sign directly, without certificates in between. A root whose revocation list is
//! missing or out of date vouches for nobody. Validity is judged with the tolerance that the domain gives all clocks.
//!
//! Lists of one root count upwards, and what one revokes, all later ones do: a list that goes on with an older one, or
//! with none, brings nobody back. Whose a list is, its signature tells; names of roots are the jurisdictions' to choose.

mod error;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sealpost_domain::agency::JurisdictionCode;
use sealpost_domain::digest::Digest;
use sealpost_domain::identity::{Identity, NetworkName};
use sealpost_domain::instant::{CLOCK_TOLERANCE, Instant, Period};
use webpki::{CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, OwnedCertRevocationList};
use x509_parser::revocation_list::CertificateRevocationList;

use crate::digest::sha256;
use crate::dsse::{VerifyError, VerifyingKey};
use crate::peer::Refusal;
use crate::revocation::{self, RevocationList};
use crate::x509::{self, Certificate};

pub use error::Error;

/// The only algorithm of certificates and handshakes.
pub(crate) static ED25519: &dyn SignatureVerificationAlgorithm = webpki::aws_lc_rs::ED25519;

/// Whose root it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RootHolder {
    /// A jurisdiction's, for its agencies.
    Jurisdiction(JurisdictionCode),
    /// The hub operator's, for hubs and operators.
    HubOperator,
}

impl RootHolder {
    /// Whose root must have signed an identity.
    pub fn of(identity: &Identity) -> Self {
        identity.root().map_or(Self::HubOperator, Self::Jurisdiction)
    }

    /// What its files are called, without their ending.
    pub fn file_stem(self) -> String {
        match self {
            Self::Jurisdiction(code) => code.to_string(),
            Self::HubOperator => "operator".to_owned(),
        }
    }

    /// What the file of its revocation list is called.
    pub fn crl_file_name(self) -> String {
        format!("{}.crl", self.file_stem())
    }
}

impl fmt::Display for RootHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Jurisdiction(code) => write!(f, "{code}"),
            Self::HubOperator => f.write_str("the hub's operator"),
        }
    }
}

/// For which end of a connection a certificate is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// By the end that connects.
    Client,
    /// By the end that listens.
    Server,
}

/// The roots of a network and their revocation lists.
#[derive(Clone, Debug)]
pub struct TrustSet {
    network: NetworkName,
    roots: BTreeMap<RootHolder, Arc<Root>>,
}

#[derive(Clone, Debug)]
struct Root {
    anchor: TrustAnchor<'static>,
    key: VerifyingKey,
    subject: Vec<u8>,
    validity: Period,
    crl: Option<Arc<Crl>>,
}

#[derive(Debug)]
struct Crl {
    digest: Digest,
    facts: RevocationList,
    list: CertRevocationList<'static>,
}

impl TrustSet {
    /// Believes nobody yet.
    pub fn new(network: NetworkName) -> Self {
        Self { network, roots: BTreeMap::new() }
    }

    /// The network that identities must be of.
    pub fn network(&self) -> &NetworkName {
        &self.network
    }

    /// Whose roots are believed.
    pub fn holders(&self) -> impl Iterator<Item = RootHolder> {
        self.roots.keys().copied()
    }

    /// Whether the revocation list of a root is known.
    pub fn has_crl(&self, holder: RootHolder) -> bool {
        self.roots.get(&holder).is_some_and(|root| root.crl.is_some())
    }

    /// Believes a root for its holder, in the place of one that was believed before.
    pub fn add_root(&mut self, holder: RootHolder, der: &CertificateDer<'_>) -> Result<(), Error> {
        let unreadable = |source| Error::Root { holder, source };
        let certificate = x509::parse(der).map_err(unreadable)?;
        if !certificate.is_ca() {
            return Err(Error::NotARoot { holder });
        }
        let anchor = webpki::anchor_from_trusted_cert(der).map_err(|_| unreadable(x509::Error::Malformed))?;
        let root = Root {
            anchor: anchor.to_owned(),
            key: x509::ed25519_key(&certificate).map_err(unreadable)?,
            subject: certificate.subject().as_raw().to_vec(),
            validity: x509::validity(&certificate),
            crl: None,
        };
        self.roots.insert(holder, Arc::new(root));
        Ok(())
    }

    /// Reads a revocation list: whose it is, by its issuer and its signature, and what it says.
    pub fn read_crl(&self, der: &[u8]) -> Result<(RootHolder, RevocationList), Error> {
        let crl = revocation::parse(der)?;
        let holder = self.signer(&crl)?;
        Ok((holder, RevocationList::of(holder, &crl)?))
    }

    /// Takes a revocation list that arrives, for the root that signed it; which root, and the list's number. A first one that
    /// is of the future is not taken. A later one is, since its number tells that it is later, whatever a clock says: whom it
    /// revokes must not stay in because the clock here is slow.
    pub fn take_crl(&mut self, der: &[u8], now: Instant) -> Result<(RootHolder, u64), Error> {
        let crl = revocation::parse(der)?;
        let holder = self.signer(&crl)?;
        let facts = RevocationList::of(holder, &crl)?;
        let number = facts.number;
        if facts.issued > now.plus(CLOCK_TOLERANCE) && !self.has_crl(holder) {
            return Err(Error::EarlyCrl { holder, number, issued: facts.issued, now });
        }
        self.install(holder, facts, der).map(|()| (holder, number))
    }

    /// Takes the revocation list of this root.
    pub fn install_crl(&mut self, holder: RootHolder, der: &[u8]) -> Result<(), Error> {
        let crl = revocation::parse(der)?;
        let root = self.roots.get(&holder).ok_or(Error::NoRoot { holder })?;
        if crl.issuer().as_raw() != root.subject {
            return Err(Error::ForeignCrl { holder });
        }
        root.has_signed(&crl).map_err(|source| Error::CrlSignature { holder, source })?;
        self.install(holder, RevocationList::of(holder, &crl)?, der)
    }

    /// Which root signed a list. Several may have the name that it gives.
    fn signer(&self, crl: &CertificateRevocationList<'_>) -> Result<RootHolder, Error> {
        let mut refusal = Error::UnknownCrl;
        for (holder, root) in self.roots.iter().filter(|(_, root)| root.subject == crl.issuer().as_raw()) {
            match root.has_signed(crl) {
                Ok(()) => return Ok(*holder),
                Err(source) => refusal = Error::CrlSignature { holder: *holder, source },
            }
        }
        Err(refusal)
    }

    /// Puts a list that the root signed into the place of the one before, if it goes on with that.
    fn install(&mut self, holder: RootHolder, facts: RevocationList, der: &[u8]) -> Result<(), Error> {
        let root = self.roots.get_mut(&holder).ok_or(Error::NoRoot { holder })?;
        let digest = sha256(der);
        match &root.crl {
            Some(present) if present.digest == digest => return Ok(()),
            Some(present) => facts.goes_on_with(holder, &present.facts)?,
            None => {}
        }
        let list = OwnedCertRevocationList::from_der(der).map_err(|_| Error::MalformedCrl)?.into();
        Arc::make_mut(root).crl = Some(Arc::new(Crl { digest, facts, list }));
        Ok(())
    }

    /// Decides whether a certificate names its holder rightly, now.
    pub fn judge(
        &self,
        der: &CertificateDer<'_>,
        usage: Usage,
        now: Instant,
    ) -> Result<Certificate, Refusal> {
        let certificate = Certificate::parse(der).map_err(|source| Refusal::Unreadable(Arc::new(source)))?;
        let identity = &certificate.identity;
        if identity.network() != &self.network {
            return Err(Refusal::Network { identity: identity.clone(), expected: self.network.clone() });
        }
        let holder = RootHolder::of(identity);
        let Some(root) = self.roots.get(&holder) else {
            return Err(Refusal::NoRoot { identity: identity.clone(), holder });
        };
        if !certificate.validity.holds_at(now) {
            return Err(Refusal::Validity {
                identity: identity.clone(),
                validity: certificate.validity,
                now,
            });
        }
        if !root.validity.holds_at(now) {
            return Err(Refusal::RootValidity { holder, validity: root.validity, now });
        }
        let leaf = EndEntityCert::try_from(der)
            .map_err(|_| Refusal::Unreadable(Arc::new(x509::Error::Malformed)))?;
        root.check(&leaf, &certificate, usage, now)
            .map_err(|fault| self.refusal(fault, &leaf, &certificate, usage))?;
        Ok(certificate)
    }

    /// Gives the path checker's finding the name that an operator can act on.
    fn refusal(
        &self,
        fault: webpki::Error,
        leaf: &EndEntityCert<'_>,
        certificate: &Certificate,
        usage: Usage,
    ) -> Refusal {
        let Certificate { identity, validity, .. } = certificate;
        let (identity, holder) = (identity.clone(), RootHolder::of(identity));
        match fault {
            webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey => {
                match self.roots.iter().find(|(_, root)| root.signed(leaf, validity.from, usage)) {
                    Some((found, _)) => Refusal::WrongRoot { identity, found: *found, expected: holder },
                    None => Refusal::UnknownRoot { identity, expected: holder },
                }
            }
            webpki::Error::CertRevoked => Refusal::Revoked { identity },
            webpki::Error::UnknownRevocationStatus => Refusal::NoCrl { identity, holder },
            webpki::Error::CrlExpired { next_update, .. } => {
                let seconds = i64::try_from(next_update.as_secs()).unwrap_or(i64::MAX);
                let ended = Instant::from_millis(seconds.saturating_mul(1000));
                Refusal::StaleCrl { identity, holder, ended }
            }
            webpki::Error::RequiredEkuNotFoundContext(_) => Refusal::Usage { identity, usage },
            fault => Refusal::Path { identity, fault },
        }
    }
}

impl Root {
    fn has_signed(&self, crl: &CertificateRevocationList<'_>) -> Result<(), VerifyError> {
        self.key.verify(crl.tbs_cert_list.as_ref(), &crl.signature_value.data)
    }

    /// Signature, purpose and revocation. The path checker takes one moment for everything: it gets one within the
    /// certificate's validity, which was judged before, and within the tolerance for the list.
    fn check(
        &self,
        leaf: &EndEntityCert<'_>,
        certificate: &Certificate,
        usage: Usage,
        now: Instant,
    ) -> Result<(), webpki::Error> {
        let crl = self.crl.as_ref().ok_or(webpki::Error::UnknownRevocationStatus)?;
        let lists = [&crl.list];
        let revocation = webpki::RevocationOptionsBuilder::new(&lists)
            .map_err(|_| webpki::Error::UnknownRevocationStatus)?
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build();
        let moment = now.minus(CLOCK_TOLERANCE).max(certificate.validity.from);
        self.verify(leaf, usage, moment, Some(revocation))
    }

    /// Whether this root signed it, asked for a moment at which the certificate is valid.
    fn signed(&self, leaf: &EndEntityCert<'_>, moment: Instant, usage: Usage) -> bool {
        let verdict = self.verify(leaf, usage, moment, None);
        !matches!(verdict, Err(webpki::Error::UnknownIssuer | webpki::Error::InvalidSignatureForPublicKey))
    }

    fn verify(
        &self,
        leaf: &EndEntityCert<'_>,
        usage: Usage,
        moment: Instant,
        revocation: Option<webpki::RevocationOptions<'_>>,
    ) -> Result<(), webpki::Error> {
        let purpose = match usage {
            Usage::Client => KeyUsage::client_auth(),
            Usage::Server => KeyUsage::server_auth(),
        };
        let seconds = u64::try_from(moment.as_millis() / 1000).unwrap_or(0);
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let anchors = std::slice::from_ref(&self.anchor);
        leaf.verify_for_usage(&[ED25519], anchors, &[], time, purpose, revocation, None).map(drop)
    }
}

/// The trust set of a running program, exchanged when the directory or a revocation list changes.
#[derive(Clone, Debug)]
pub struct Trust(Arc<RwLock<Arc<TrustSet>>>);

impl Trust {
    /// Starts with a set.
    pub fn new(set: TrustSet) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(set))))
    }

    /// The set that holds now.
    pub fn current(&self) -> Arc<TrustSet> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes another set. Connections that live are the server's to judge again.
    pub fn replace(&self, set: TrustSet) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(set);
    }
}

#[cfg(test)]
mod tests;
