//! Why the core cannot go on. None of it is a peer's doing: those are refused by a rule and recorded.

use sealpost_crypto::dsse::SignError;
use sealpost_merkle::cosignature;

/// The node's own ledger or key is not what it has to be; the program ends.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Records have to come in their order.
    #[error("record {expected} has to be applied next, found record {found}")]
    Order {
        /// The next one.
        expected: u64,
        /// The one that came.
        found: u64,
    },
    /// A record holds bytes that this node would not have written.
    #[error("record {index} cannot be read")]
    Record {
        /// Which one.
        index: u64,
        /// What is wrong with it.
        source: sealpost_wire::Error,
    },
    /// A record contradicts the ones before it.
    #[error("record {index} contradicts the ledger before it: {fault}")]
    Contradiction {
        /// Which one.
        index: u64,
        /// In what.
        fault: String,
    },
    /// A directory in the ledger does not verify.
    #[error("the directory in record {index} does not verify: {fault}")]
    Directory {
        /// Which one.
        index: u64,
        /// Why.
        fault: String,
    },
    /// Nobody knows whose the keys are from here on.
    #[error("the directory in record {index} is lost: restore the ledger from a backup")]
    DirectoryLost {
        /// Which one.
        index: u64,
    },
    /// The index over the ledger failed, or lacks something.
    #[error(transparent)]
    Index(#[from] sealpost_store::Error),
    /// The node cannot speak for its agency.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The node cannot cosign.
    #[error("cannot cosign a peer's checkpoint")]
    Cosign(#[from] cosignature::Error<SignError>),
}

impl Error {
    /// Whether nothing is wrong but that the key did not sign, as one on a token that is away.
    pub fn is_unsigned(&self) -> bool {
        matches!(self, Self::Sign(_) | Self::Cosign(cosignature::Error::Sign(_)))
    }
}
