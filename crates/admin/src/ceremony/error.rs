//! Why a step of the ceremony is refused, and what to do about it.

use std::path::PathBuf;

use sealpost_crypto::{directory, dsse, keyfile, signing, tls, token, trust, wrap, x509};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::identity::Identity;
use sealpost_domain::message::OperationId;

use tonic::Code;

use super::{edit, remedy};
use crate::{file, roster};

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file that is not read or written.
    #[error(transparent)]
    File(#[from] file::Error),
    /// The version in force.
    #[error("the version in force cannot be used")]
    Base(#[source] directory::FileError),
    /// A file that is no draft.
    #[error("{} does not hold a signed directory", path.display())]
    NoDraft {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: sealpost_wire::Error,
    },
    /// A file that is no statement.
    #[error("{} does not hold a statement for a directory: {fault}", path.display())]
    NoStatement {
        /// The file.
        path: PathBuf,
        /// Why not.
        fault: String,
    },
    /// A statement of another kind than is needed.
    #[error("{} holds {found}, expected {expected}", path.display())]
    OtherStatement {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: &'static str,
        /// What is needed.
        expected: &'static str,
    },
    /// The file of terms.
    #[error(transparent)]
    Terms(#[from] roster::Error),
    /// A key file.
    #[error(transparent)]
    Key(#[from] keyfile::Error),
    /// A key on a token.
    #[error(transparent)]
    Token(#[from] token::Error),
    /// A file that holds something else than a key that signs.
    #[error("{} holds {found}, expected an Ed25519 private key, which signs", path.display())]
    NotASigner {
        /// The file.
        path: PathBuf,
        /// What it holds.
        found: &'static str,
    },
    /// A statement that readers would not take, whoever signs it.
    #[error("nobody could read the statement")]
    Unlistable(#[source] sealpost_wire::Error),
    /// A certificate file.
    #[error(transparent)]
    Certificate(#[from] x509::Error),
    /// The key made no signature.
    #[error(transparent)]
    Sign(#[from] dsse::SignError),
    /// Nodes would refuse it.
    #[error("nodes would refuse this version, by rule {}", .0.rule())]
    Refused(#[from] directory::Error),
    /// Whoever signs has no say in the statement.
    #[error("key {key} is {whose}, and {statement} is signed by {expected}")]
    WrongSigner {
        /// The key.
        key: KeyId,
        /// Whose it is, by the directory.
        whose: String,
        /// What was to be signed.
        statement: String,
        /// Who signs it.
        expected: String,
    },
    /// A key that orders nothing.
    #[error("key {key} is {whose}, expected one of the authority's keys")]
    NotAuthority {
        /// The key.
        key: KeyId,
        /// Whose it is, by the directory.
        whose: String,
    },
    /// It signed before.
    #[error("key {key} has signed already")]
    SignedAlready {
        /// The key.
        key: KeyId,
    },
    /// A signature that does not hold.
    #[error(
        "the signature of key {key} does not hold, by rule directory.authority: what it signed was changed afterwards"
    )]
    SignatureBroken {
        /// The key.
        key: KeyId,
    },
    /// Not what the others sign.
    #[error("the {what} has the digest {found}, expected {expected}")]
    OtherDigest {
        /// What was to be signed.
        what: &'static str,
        /// Its own.
        found: Digest,
        /// The one that was told.
        expected: Digest,
    },
    /// What is to change is not there, or there already.
    #[error(transparent)]
    Edit(#[from] edit::Error),
    /// Agencies that make no agreement or operation.
    #[error(transparent)]
    Parties(#[from] agreement::Error),
    /// Nothing would change.
    #[error("the draft would change nothing")]
    NoChange,
    /// A secret could not be sealed or opened.
    #[error(transparent)]
    Wrap(#[from] wrap::Error),
    /// Details that cannot be sealed or opened.
    #[error("the details of the operation cannot be sealed or opened")]
    Details(#[from] sealpost_crypto::details::Error),
    /// Somebody to whom nothing can be sealed.
    #[error("{0} has no sealing key that is valid now")]
    NoSealingKey(AgencyId),
    /// An operation of which nobody has details.
    #[error("operation {0} is not listed")]
    NoOperation(OperationId),
    /// An operation that says nothing but its terms.
    #[error("nothing is said of operation {0} but its terms")]
    NoDetails(OperationId),
    /// The certificate of whoever publishes.
    #[error("the operator's certificate cannot be used")]
    Credentials(#[from] tls::Error),
    /// A certificate of somebody else.
    #[error("the certificate is {identity}'s, who does not operate the hub")]
    NotOperator {
        /// Whose it is.
        identity: Identity,
    },
    /// The roots of a directory.
    #[error("the roots cannot be used")]
    Trust(#[from] trust::Error),
    /// A revocation list.
    #[error("{} cannot be used as a revocation list", path.display())]
    List {
        /// Its file.
        path: PathBuf,
        /// Why not.
        source: trust::Error,
    },
    /// The hub was not reached, or refused.
    #[error("the hub did not take what was to be published")]
    Hub(#[from] sealpost_client::Error),
}

impl From<signing::Error> for Error {
    fn from(error: signing::Error) -> Self {
        match error {
            signing::Error::File(error) => Self::Key(error),
            signing::Error::Token(error) => Self::Token(error),
        }
    }
}

impl Error {
    /// What to do about it; empty where the error says it all.
    pub fn remedy(&self) -> String {
        match self {
            Self::Base(_) => {
                "--base is the version in force, your own copy: ask another holder or an operator for what was published \
                 last, and compare its digest over another channel. A draft is no base before it was published"
                    .to_owned()
            }
            Self::Refused(error) => remedy::of(error),
            Self::Edit(error) => remedy::of_edit(error),
            Self::Parties(_) => "name two or more agencies that are listed".to_owned(),
            Self::NoSealingKey(_) => {
                "`directory rotate-key sealing` lists another, once the agency proposed it".to_owned()
            }
            Self::NoOperation(_) => "`directory show` tells what is listed".to_owned(),
            Self::SignatureBroken { .. } | Self::OtherDigest { .. } => {
                "carry it again from the machine that made it, and compare its digest: do not sign another"
                    .to_owned()
            }
            Self::WrongSigner { .. } => {
                "sign where one of those keys lies; `directory whose --key KEY --directory FILE` tells whose a key is".to_owned()
            }
            Self::NotASigner { .. } => {
                "name the key's own file; `key show FILE` tells what a key file holds".to_owned()
            }
            Self::NoChange => {
                "what was asked for stands in the draft already: nothing is left to do".to_owned()
            }
            Self::NotAuthority { .. } => "`directory show` lists the authority's keys".to_owned(),
            Self::NotOperator { .. } => {
                "--certificate is to be an operator's, spiffe://NETWORK/operator/NAME, by the root of the hub's operator"
                    .to_owned()
            }
            Self::List { .. } => {
                "`crl show FILE --root ROOT` tells what a list is: it is DER, as `crl new`, `revoke` and `renew` make it"
                    .to_owned()
            }
            Self::Hub(error) => remedy::of_hub(error).to_owned(),
            _ => String::new(),
        }
    }

    /// What the program ends with, as docs/exit-codes.md lists it.
    pub fn exit_code(&self) -> u8 {
        use sealpost_client::Error as Hub;
        match self {
            Self::File(_)
            | Self::Base(directory::FileError::Unreadable { .. })
            | Self::NoStatement { .. }
            | Self::OtherStatement { .. }
            | Self::NotASigner { .. }
            | Self::Terms(_)
            | Self::Key(_)
            | Self::Token(_)
            | Self::Certificate(_)
            | Self::Credentials(_)
            | Self::Hub(Hub::Address { .. } | Hub::Setup(_)) => 2,
            Self::NotOperator { .. } | Self::Hub(Hub::Refused { .. } | Hub::WrongPeer { .. }) => 4,
            Self::Hub(Hub::Answer { status, .. }) => match status.code() {
                Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => 3,
                Code::PermissionDenied | Code::Unauthenticated => 4,
                _ => 1,
            },
            Self::Hub(_) => 3,
            _ => 1,
        }
    }
}
