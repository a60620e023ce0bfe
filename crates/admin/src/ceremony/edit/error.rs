//! Why a draft is not changed as asked.

use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::agreement::AgreementId;
use sealpost_domain::digest::KeyId;
use sealpost_domain::message::OperationId;

/// What is not there, or there already. What to do about it is told by [`ceremony::Error`](crate::ceremony::Error::remedy).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// An agency is new only once.
    #[error("{0} is listed already")]
    AgencyListed(AgencyId),
    /// A jurisdiction comes with its first agency alone.
    #[error("jurisdiction {0} is listed already")]
    JurisdictionListed(JurisdictionCode),
    /// A new agency without a key of each kind.
    #[error(
        "{agency} would have {signing} signing and {sealing} sealing keys, expected one of each at least"
    )]
    KeysMissing {
        /// The agency.
        agency: AgencyId,
        /// How many keys to sign it would have.
        signing: usize,
        /// How many keys to seal to it would have.
        sealing: usize,
    },
    /// A statement of another kind in the place of one about a key.
    #[error("{0} is no key")]
    NoKey(String),
    /// A key of another agency.
    #[error("{key} is not {expected}'s")]
    OtherAgency {
        /// Which key.
        key: String,
        /// Whose it is.
        found: AgencyId,
        /// Whose was wanted.
        expected: AgencyId,
    },
    /// An agency that is to get another key.
    #[error("{0} is not listed")]
    KeyOfUnlisted(AgencyId),
    /// An agency that proposes a key by a version that does not list it.
    #[error("{0} is not listed")]
    ProposedByUnlisted(AgencyId),
    /// An agency that is to be stopped.
    #[error("{0} is not listed")]
    NoAgency(AgencyId),
    /// A statement of another kind in the place of one about a sealing key.
    #[error("{0} is no sealing key")]
    NoSealingKey(String),
    /// A sealing key that leaves an epoch out, or comes back to one.
    #[error("the key has epoch {found}, and the next of {agency} is {next}")]
    NotNextEpoch {
        /// Whose key.
        agency: AgencyId,
        /// Its epoch.
        found: u64,
        /// The one that comes next.
        next: u64,
    },
    /// A statement of another kind in the place of an agreement.
    #[error("{0} is no agreement")]
    NotAnAgreement(String),
    /// An agreement with somebody who is not there.
    #[error("{party} is a party of agreement {agreement} and not listed")]
    PartyUnlisted {
        /// The agreement.
        agreement: AgreementId,
        /// The party.
        party: AgencyId,
    },
    /// A statement of another kind in the place of an operation.
    #[error("{0} is no operation")]
    NotAnOperation(String),
    /// Keys that are listed without their ids, or the other way round.
    #[error("found {found} --id, expected {expected}: one for each --add")]
    Unpaired {
        /// How many ids.
        found: usize,
        /// How many keys.
        expected: usize,
    },
    /// A key with another id than its holder told.
    #[error("the public key {public} has the id {found}, expected {expected}")]
    OtherId {
        /// The key, hexadecimal.
        public: String,
        /// Its id.
        found: KeyId,
        /// What was told.
        expected: KeyId,
    },
    /// A key of authority or hub that is to go.
    #[error("{whose} has no key {key}")]
    NotTheirs {
        /// The authority or the hub.
        whose: &'static str,
        /// The key.
        key: KeyId,
    },
    /// A revocation that is never taken back, and weakened neither.
    #[error("key {0} is revoked already")]
    RevokedAlready(KeyId),
    /// A key of nobody.
    #[error("no key of this directory has the id {0}")]
    UnknownKey(KeyId),
    /// An agency that is stopped.
    #[error("all keys of {0} are revoked already")]
    StoppedAlready(AgencyId),
    /// An agreement that is to end.
    #[error("agreement {0} is not listed")]
    NoAgreement(AgreementId),
    /// An operation that is to end.
    #[error("operation {0} is not listed")]
    NoOperation(OperationId),
    /// Nothing that is to be revoked.
    #[error("nothing is named that is to be revoked")]
    NothingNamed,
}
