//! Why no certificate, request or list is made.

use std::path::PathBuf;

use sealpost_crypto::trust::RootHolder;
use sealpost_crypto::{keyfile, request, signing, token, trust, x509};
use sealpost_domain::digest::Digest;
use sealpost_domain::identity::{Identity, NetworkName};
use sealpost_domain::instant::{Instant, Period};

use crate::{file, issuer};

/// Why nothing is made. No part of a file is left behind.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that is not read or written.
    #[error(transparent)]
    File(#[from] file::Error),
    /// A key file.
    #[error(transparent)]
    Key(#[from] keyfile::Error),
    /// A token.
    #[error(transparent)]
    Token(#[from] token::Error),
    /// A certificate file.
    #[error(transparent)]
    Certificate(#[from] x509::Error),
    /// A revocation list.
    #[error(transparent)]
    List(#[from] trust::Error),
    /// The root could not sign.
    #[error(transparent)]
    Issuer(#[from] issuer::Error),
    /// A request could not be made.
    #[error("the request cannot be made")]
    Make(#[source] rcgen::Error),
    /// A request that is not proven, or asks for too much.
    #[error("the request {} is refused", path.display())]
    Request {
        /// The file.
        path: PathBuf,
        /// Why.
        source: request::Error,
    },
    /// Not the request that was told of.
    #[error("the request {} has the SHA-256 {found}, and not {expected}: ask its holder again", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// Its digest.
        found: Digest,
        /// What was told over the other channel.
        expected: Digest,
    },
    /// Not a root, or none that was made for Sealpost.
    #[error(
        "{} is no root certificate of Sealpost: expected one that `sealpost-admin root new` or `network init` made",
        path.display()
    )]
    NotARoot {
        /// The file.
        path: PathBuf,
    },
    /// A pair that is none.
    #[error("{} is for another key than {key}: give the root's own key", certificate.display())]
    OtherRootKey {
        /// The certificate's file.
        certificate: PathBuf,
        /// Where the key is.
        key: String,
    },
    /// A root that ended, or a clock that is wrong.
    #[error(
        "the root of {holder} is valid from {} to {}, and the clock here says {now}", validity.from, end(validity)
    )]
    RootValidity {
        /// Whose root.
        holder: RootHolder,
        /// When it is valid.
        validity: Period,
        /// When it was used.
        now: Instant,
    },
    /// Of another network.
    #[error("{identity} belongs to another network: this root signs for {expected} alone")]
    Network {
        /// Who asks.
        identity: Identity,
        /// The root's network.
        expected: NetworkName,
    },
    /// Of another jurisdiction.
    #[error(
        "{identity} takes the root of {wanted}: this is the root of {holder}, and nobody would believe it"
    )]
    OtherRoot {
        /// Who it is about.
        identity: Identity,
        /// Whose root it takes.
        wanted: RootHolder,
        /// Whose root this is.
        holder: RootHolder,
    },
    /// Made with another key.
    #[error("the certificate in {} is not signed by this root of {holder}, which cannot revoke it", path.display())]
    Foreign {
        /// The certificate's file.
        path: PathBuf,
        /// Whose root.
        holder: RootHolder,
    },
    /// A key in two offices.
    #[error(
        "{identity} asks for a certificate for the root's own key: make a key for it (`sealpost-admin key new`)"
    )]
    KeyOfTheRoot {
        /// Who asks.
        identity: Identity,
    },
    /// Longer than its root.
    #[error(
        "the certificate would be valid to {}, and the root of {holder} ends at {}: give fewer --days",
        end(asked),
        end(root)
    )]
    Outlives {
        /// Whose root.
        holder: RootHolder,
        /// When the root is valid.
        root: Period,
        /// When the certificate would be.
        asked: Period,
    },
    /// Not a serial number.
    #[error("`{found}` is no serial number: expected 1 to 20 bytes in hexadecimal, with or without colons")]
    Serial {
        /// What was given.
        found: String,
    },
    /// Not the first list.
    #[error(
        "{} is list {number} of {holder} already: `sealpost-admin crl renew` goes on with the latest, so that what was revoked \
         stays so", path.display()
    )]
    Begun {
        /// The list that is there.
        path: PathBuf,
        /// Its number.
        number: u64,
        /// Whose list.
        holder: RootHolder,
    },
    /// A clock that went back.
    #[error("the list before was issued at {previous}, and the clock here says {now}: set it first")]
    Clock {
        /// When the list before was issued.
        previous: Instant,
        /// What the clock says.
        now: Instant,
    },
    /// Twice.
    #[error("the certificate {serial} is on the list of {holder} already")]
    RevokedAlready {
        /// Its serial number.
        serial: String,
        /// Whose list.
        holder: RootHolder,
    },
}

impl Error {
    /// Whether the files or arguments are at fault, and not what they ask for.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::File(_)
                | Self::Key(_)
                | Self::Token(_)
                | Self::Certificate(_)
                | Self::NotARoot { .. }
                | Self::OtherRootKey { .. }
                | Self::Serial { .. }
                | Self::Request { source: request::Error::Io(_) | request::Error::Pem(_), .. }
        )
    }
}

impl From<signing::Error> for Error {
    fn from(error: signing::Error) -> Self {
        match error {
            signing::Error::File(error) => Self::Key(error),
            signing::Error::Token(error) => Self::Token(error),
        }
    }
}

fn end(period: &Period) -> String {
    period.until.map_or_else(|| "no end".to_owned(), |until| until.to_string())
}
