//! Why there is no connection, or no longer one: told apart, for each has another remedy.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::AlertDescription;
use sealpost_crypto::peer::Refusal;
use sealpost_crypto::tls;
use tonic::{Status, transport};

/// Why a connection failed or a call on it has no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a host and port.
    #[error("`{address}` is no address: expected a host and port such as hub.example:7443")]
    Address {
        /// What was given.
        address: String,
    },
    /// The own certificate, key or settings.
    #[error("the own certificate cannot be used")]
    Setup(#[from] tls::Error),
    /// Nobody answers there: a network, a name or a program that is down.
    #[error("{address} cannot be reached")]
    Unreachable {
        /// Where.
        address: String,
        /// Why not.
        source: Arc<io::Error>,
    },
    /// Too slow an answer.
    #[error("{address} did not answer within {timeout:?}")]
    Timeout {
        /// Where.
        address: String,
        /// How long was waited.
        timeout: Duration,
    },
    /// The peer does not want us.
    #[error("{address} refused our certificate: {reason}")]
    Refused {
        /// Who refused.
        address: String,
        /// What it told.
        reason: RefusedBecause,
    },
    /// We do not want the peer.
    #[error("{address} shows a certificate that we refuse")]
    WrongPeer {
        /// Who was refused.
        address: String,
        /// Why.
        #[source]
        refusal: Box<Refusal>,
    },
    /// Something that is not Sealpost, or a broken line.
    #[error("the TLS handshake with {address} failed")]
    Handshake {
        /// With whom.
        address: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// It starts, ends or is full.
    #[error("{address} takes no work now")]
    NotServing {
        /// Who.
        address: String,
    },
    /// The connection broke.
    #[error("the connection to {address} was lost")]
    Lost {
        /// To whom.
        address: String,
        /// How.
        #[source]
        source: Box<Status>,
    },
    /// The connection could not be made for a reason within the HTTP layer.
    #[error("no HTTP/2 connection to {address}")]
    Http {
        /// To whom.
        address: String,
        /// Why.
        source: transport::Error,
    },
    /// The peer answered with an error.
    #[error("{address} answered {:?}: {}", .status.code(), .status.message())]
    Answer {
        /// Who.
        address: String,
        /// What.
        status: Box<Status>,
    },
}

/// What a peer that refused our certificate told about it, in TLS's own words and ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedBecause(AlertDescription);

impl RefusedBecause {
    /// Only alerts that speak of certificates.
    pub(crate) fn from_alert(alert: AlertDescription) -> Option<Self> {
        let about_certificates = matches!(
            alert,
            AlertDescription::BadCertificate
                | AlertDescription::UnsupportedCertificate
                | AlertDescription::CertificateRevoked
                | AlertDescription::CertificateExpired
                | AlertDescription::CertificateUnknown
                | AlertDescription::CertificateRequired
                | AlertDescription::UnknownCA
                | AlertDescription::AccessDenied
        );
        about_certificates.then_some(Self(alert))
    }

    /// The TLS alert.
    pub fn alert(self) -> AlertDescription {
        self.0
    }
}

impl fmt::Display for RefusedBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            AlertDescription::BadCertificate => "it holds no identity that it can read",
            AlertDescription::UnsupportedCertificate => "it is not made for clients (clientAuth)",
            AlertDescription::CertificateRevoked => "it is revoked",
            AlertDescription::CertificateExpired => {
                "it has expired or is not valid yet; renew it, or check both clocks"
            }
            AlertDescription::CertificateRequired => "none was shown",
            AlertDescription::UnknownCA => {
                "it does not come from the root that our jurisdiction has there, or the revocation list that it has \
                 of that root is not current"
            }
            AlertDescription::AccessDenied => "our role is not admitted at this address",
            _ => "for a reason that it does not tell; its log does",
        })
    }
}
