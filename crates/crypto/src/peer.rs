//! Who may be on the other end of a connection, and why not.

use std::fmt;
use std::sync::Arc;

use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::identity::{Identity, NetworkName, Role, Subject};
use sealpost_domain::instant::{Instant, Period};

use crate::trust::{RootHolder, TrustSet, Usage};
use crate::x509::{self, Certificate};

/// Whom a door lets in. Whoever is in no line of it stays outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission(Vec<Admitted>);

/// One line of an [`Admission`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// A role, of whatever agency.
    AnyAgency(Role),
    /// A role of one agency.
    Agency(AgencyId, Role),
    /// The hub.
    Hub,
    /// People who operate the hub.
    Operator,
}

impl Admission {
    /// Lets in whoever matches a line.
    pub fn new(lines: impl IntoIterator<Item = Admitted>) -> Self {
        Self(lines.into_iter().collect())
    }

    /// Whether somebody is let in.
    pub fn admits(&self, identity: &Identity) -> bool {
        self.0.iter().any(|line| match (line, identity.subject()) {
            (Admitted::AnyAgency(admitted), Subject::Agency { role, .. }) => admitted == role,
            (Admitted::Agency(home, admitted), Subject::Agency { agency, role, .. }) => {
                home == agency && admitted == role
            }
            (Admitted::Hub, Subject::Hub(_)) | (Admitted::Operator, Subject::Operator(_)) => true,
            (Admitted::AnyAgency(_) | Admitted::Agency(..), Subject::Hub(_) | Subject::Operator(_))
            | (Admitted::Hub | Admitted::Operator, _) => false,
        })
    }

    /// Decides about whoever shows a certificate: is it rightly theirs, and is this their door?
    pub fn judge(
        &self,
        trust: &TrustSet,
        certificate: &CertificateDer<'_>,
        usage: Usage,
        now: Instant,
    ) -> Result<Certificate, Refusal> {
        let certificate = trust.judge(certificate, usage, now)?;
        if self.admits(&certificate.identity) {
            Ok(certificate)
        } else {
            Err(Refusal::NotAdmitted { identity: certificate.identity, admitted: self.clone() })
        }
    }
}

impl fmt::Display for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, line) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match line {
                Admitted::AnyAgency(role) => write!(f, "any agency's {role}")?,
                Admitted::Agency(agency, role) => write!(f, "{agency}'s {role}")?,
                Admitted::Hub => f.write_str("the hub")?,
                Admitted::Operator => f.write_str("the hub's operator")?,
            }
        }
        Ok(())
    }
}

/// Why a peer is refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// No identity in it.
    #[error("the certificate cannot be read as an identity")]
    Unreadable(#[source] Arc<x509::Error>),
    /// Of another network.
    #[error("{identity} belongs to another network, this one is {expected}")]
    Network {
        /// Who was claimed.
        identity: Identity,
        /// This network.
        expected: NetworkName,
    },
    /// The directory lists no root for them.
    #[error("{identity}: no root certificate of {holder} is known; the directory must list it")]
    NoRoot {
        /// Who was claimed.
        identity: Identity,
        /// Whose root is missing.
        holder: RootHolder,
    },
    /// Signed by a root that is believed for others only.
    #[error("{identity} is signed by the root of {found}, only the root of {expected} may do that")]
    WrongRoot {
        /// Who was claimed.
        identity: Identity,
        /// Who signed.
        found: RootHolder,
        /// Who should have.
        expected: RootHolder,
    },
    /// Signed by nobody that is known.
    #[error("{identity} is signed by an unknown root, expected the root of {expected}")]
    UnknownRoot {
        /// Who was claimed.
        identity: Identity,
        /// Who should have signed.
        expected: RootHolder,
    },
    /// Too early or too late.
    #[error("the certificate of {identity} {}", outside(.validity, *.now))]
    Validity {
        /// Who was claimed.
        identity: Identity,
        /// When the certificate is valid.
        validity: Period,
        /// When it was judged.
        now: Instant,
    },
    /// Its root is too early or too late.
    #[error("the root certificate of {holder} {}", outside(.validity, *.now))]
    RootValidity {
        /// Whose root.
        holder: RootHolder,
        /// When the root is valid.
        validity: Period,
        /// When it was judged.
        now: Instant,
    },
    /// Revoked.
    #[error("the certificate of {identity} is revoked")]
    Revoked {
        /// Who was claimed.
        identity: Identity,
    },
    /// Whether it is revoked cannot be known.
    #[error("{identity}: no revocation list of {holder} is known, so nobody of it is let in")]
    NoCrl {
        /// Who was claimed.
        identity: Identity,
        /// Whose list is missing.
        holder: RootHolder,
    },
    /// Whether it is revoked is no longer known.
    #[error("{identity}: the revocation list of {holder} ended at {ended}; a current one is needed")]
    StaleCrl {
        /// Who was claimed.
        identity: Identity,
        /// Whose list.
        holder: RootHolder,
        /// When its successor was due.
        ended: Instant,
    },
    /// Made for the other end of a connection.
    #[error("the certificate of {identity} is not made for the {} of a connection", match .usage {
        Usage::Client => "connecting end (clientAuth)",
        Usage::Server => "listening end (serverAuth)",
    })]
    Usage {
        /// Who was claimed.
        identity: Identity,
        /// For what it was shown.
        usage: Usage,
    },
    /// The path checker found something else.
    #[error("the certificate of {identity} does not hold")]
    Path {
        /// Who was claimed.
        identity: Identity,
        /// What it found.
        #[source]
        fault: webpki::Error,
    },
    /// Rightly themselves, at the wrong door.
    #[error("{identity} is not admitted here: only {admitted}")]
    NotAdmitted {
        /// Who it is.
        identity: Identity,
        /// Who is admitted.
        admitted: Admission,
    },
}

fn outside(validity: &Period, now: Instant) -> String {
    match validity.until {
        Some(until) if until <= now => format!("expired at {until}"),
        _ => format!("is not valid before {}; the clock here says {now}", validity.from),
    }
}

/// What the peer is told: the kind of fault, in the alerts that TLS has for it.
impl From<&Refusal> for CertificateError {
    fn from(refusal: &Refusal) -> Self {
        match refusal {
            Refusal::Unreadable(_) => Self::BadEncoding,
            Refusal::Validity { .. } => Self::Expired,
            Refusal::Revoked { .. } => Self::Revoked,
            Refusal::Usage { .. } => Self::InvalidPurpose,
            Refusal::NotAdmitted { .. } => Self::ApplicationVerificationFailure,
            Refusal::Network { .. }
            | Refusal::NoRoot { .. }
            | Refusal::WrongRoot { .. }
            | Refusal::UnknownRoot { .. }
            | Refusal::RootValidity { .. }
            | Refusal::NoCrl { .. }
            | Refusal::StaleCrl { .. }
            | Refusal::Path { .. } => Self::UnknownIssuer,
        }
    }
}
