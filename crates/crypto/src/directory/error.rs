//! Why a version of the directory is not believed.

use sealpost_domain::agency::{AgencyId, JurisdictionCode};
use sealpost_domain::agreement::AgreementId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::OperationId;
use sealpost_domain::rule::Rule;

use super::subject::{Novelty, Statement, Term, Withdrawable};
use crate::dsse::VerifyError;
use crate::trust::RootHolder;
use crate::wrap::PUBLIC_KEY_SIZE;
use crate::{wrap, x509};

/// Why a version of the directory is not believed. [`Error::rule`] is the name under which docs/rules.md lists it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a directory.
    #[error("the directory cannot be read")]
    Unreadable(#[from] sealpost_wire::Error),
    /// A threshold that nobody or everybody passes.
    #[error("the directory wants {threshold} signatures of the next version and lists {keys} authority keys")]
    Threshold {
        /// How many must sign.
        threshold: u32,
        /// How many keys there are.
        keys: usize,
    },
    /// A key that the strict rule refuses.
    #[error("the authority's key {position} is not usable")]
    AuthorityKey {
        /// Counted from 1.
        position: usize,
        /// Why not.
        source: VerifyError,
    },
    /// A key of which nothing is believed orders nothing.
    #[error("the authority's key {position} ({key}) is revoked and still listed")]
    AuthorityRevoked {
        /// Counted from 1.
        position: usize,
        /// The key.
        key: KeyId,
    },
    /// Too few of the authority's keys signed.
    #[error(
        "{found} of the authority's keys in version {version} of the directory signed, expected at least {threshold}"
    )]
    Authority {
        /// The version that lists the keys.
        version: u64,
        /// How many signed.
        found: usize,
        /// How many must.
        threshold: u32,
    },
    /// It ends before it begins.
    #[error(
        "the directory was issued at {issued_at} and is valid until {valid_until}, which is not after it"
    )]
    Validity {
        /// When it was issued.
        issued_at: Instant,
        /// After which it is stale.
        valid_until: Instant,
    },
    /// A gap or a step back.
    #[error("this is version {found} of the directory, expected version {expected}")]
    Version {
        /// What it is.
        found: u64,
        /// What it should be.
        expected: u64,
    },
    /// A fork.
    #[error(
        "version {version} of the directory follows a version with digest {found}, expected {expected}: this is a fork"
    )]
    Previous {
        /// Which version.
        version: u64,
        /// What it follows.
        found: Digest,
        /// What it should follow.
        expected: Digest,
    },
    /// Another network.
    #[error("the directory is of network {found}, expected {expected}")]
    Network {
        /// What it is.
        found: NetworkName,
        /// What it should be.
        expected: NetworkName,
    },
    /// Time runs backwards.
    #[error("the directory was issued at {found}, before its predecessor of {previous}")]
    Issued {
        /// When it was issued.
        found: Instant,
        /// When the one before was.
        previous: Instant,
    },
    /// From the future.
    #[error("the directory is issued at {issued_at}, and here it is {now}: one of the two clocks is wrong")]
    Early {
        /// When it says to be issued.
        issued_at: Instant,
        /// The time here.
        now: Instant,
    },
    /// The authority cannot exchange a root.
    #[error("the root of {jurisdiction} is another than in the version before")]
    RootChanged {
        /// Whose root.
        jurisdiction: JurisdictionCode,
    },
    /// Neither the hub operator's.
    #[error("the root of the hub's operator is another than in the version before")]
    OperatorRootChanged,
    /// A root that is left out could come back as another one.
    #[error("jurisdiction {jurisdiction} is missing: once listed it stays, or its root could be exchanged")]
    JurisdictionDropped {
        /// Which one.
        jurisdiction: JurisdictionCode,
    },
    /// A revoked key would be believed again.
    #[error("the revocation of key {key} is missing: a revocation is never taken back")]
    RevocationDropped {
        /// The key.
        key: KeyId,
    },
    /// A thief would be believed for what he says was before.
    #[error(
        "the revocation of key {key} is weaker than in the version before: its reason changes to compromised only, its time \
         to an earlier one only"
    )]
    RevocationWeakened {
        /// The key.
        key: KeyId,
    },
    /// A statement that ended could be listed again.
    #[error(
        "the withdrawal of the statement with digest {digest} is missing: a withdrawal is never taken back"
    )]
    WithdrawalDropped {
        /// SHA-256 of its payload.
        digest: Digest,
    },
    /// A statement ends, and could come back without those who signed it.
    #[error("{statement}, digest {digest}, is in the version before, and here neither listed nor withdrawn")]
    NotWithdrawn {
        /// Which one.
        statement: Withdrawable,
        /// SHA-256 of its payload.
        digest: Digest,
    },
    /// A statement that ended comes back.
    #[error("{statement}, digest {digest}, is listed and withdrawn: it never comes back")]
    ListedAgain {
        /// Which one.
        statement: Withdrawable,
        /// SHA-256 of its payload.
        digest: Digest,
    },
    /// A key leaves unseen, so that another could take its place.
    #[error("signing key {key} of {agency} is in the version before, and here neither listed nor revoked")]
    KeyDropped {
        /// The key.
        key: KeyId,
        /// Whose it was.
        agency: AgencyId,
    },
    /// One key, two revocations.
    #[error("key {key} is revoked twice")]
    RevokedTwice {
        /// The key.
        key: KeyId,
    },
    /// One key, two holders.
    #[error("key {key} is listed twice, as {first} and as {second}")]
    KeyTwice {
        /// The key.
        key: KeyId,
        /// Its first place.
        first: String,
        /// Its second place.
        second: String,
    },
    /// Not a certificate of an Ed25519 key.
    #[error("the root certificate of {holder} is not usable")]
    Root {
        /// Whose root.
        holder: RootHolder,
        /// Why not.
        source: x509::Error,
    },
    /// Revocation lists name their root by its subject.
    #[error(
        "the roots of {first} and of {second} have the same subject, so that their revocation lists cannot be told apart"
    )]
    RootSubject {
        /// Whose root.
        first: RootHolder,
        /// Whose root too.
        second: RootHolder,
    },
    /// Not a certificate authority's.
    #[error(
        "the certificate listed as the root of {holder} is no certificate authority's (basic constraints)"
    )]
    NotARoot {
        /// Whose root.
        holder: RootHolder,
    },
    /// A key that the strict rule refuses.
    #[error("the hub's key {position} is not usable")]
    HubKey {
        /// Counted from 1.
        position: usize,
        /// Why not.
        source: VerifyError,
    },
    /// An agency without a root.
    #[error("agency {agency} is listed, its jurisdiction {} is not", agency.jurisdiction())]
    NoJurisdiction {
        /// The agency.
        agency: AgencyId,
    },
    /// Not signed by the root of the agency's jurisdiction.
    #[error("{statement} is not signed by the root of {jurisdiction}")]
    NotByRoot {
        /// Which key.
        statement: Statement,
        /// Whose root must sign.
        jurisdiction: JurisdictionCode,
    },
    /// Nobody shows that they have the new key.
    #[error("{statement} is new and not signed by itself")]
    NotByItself {
        /// Which key.
        statement: Statement,
    },
    /// A new key, or other terms of a listed one, for which the agency does not vouch.
    #[error(
        "{statement} {} and is not signed by a key of {agency}'s node that is in use and not revoked", novelty.told()
    )]
    NotContinued {
        /// Which key.
        statement: Statement,
        /// What is new of it.
        novelty: Novelty,
        /// Who must vouch for it.
        agency: AgencyId,
    },
    /// Not signed by the agency.
    #[error("{statement} is not signed by a node's signing key of {agency}")]
    NotByAgency {
        /// Which key.
        statement: Statement,
        /// Who must sign.
        agency: AgencyId,
    },
    /// Signed, and not what it should be.
    #[error("{statement} cannot be read")]
    Terms {
        /// Which key.
        statement: Statement,
        /// Why not.
        source: sealpost_wire::Error,
    },
    /// Another agency's key.
    #[error("{statement} was made for {found}")]
    OtherAgency {
        /// Which key.
        statement: Statement,
        /// For whom it was made.
        found: AgencyId,
    },
    /// A key that the strict rule refuses.
    #[error("{statement} is not usable")]
    SigningKey {
        /// Which key.
        statement: Statement,
        /// Why not.
        source: VerifyError,
    },
    /// Not the length of an X-Wing key.
    #[error("{statement} has {found} bytes, an X-Wing key has {PUBLIC_KEY_SIZE}")]
    SealingKeyLength {
        /// Which key.
        statement: Statement,
        /// How many it has.
        found: usize,
    },
    /// Not an X-Wing key.
    #[error("{statement} is not usable")]
    SealingKey {
        /// Which key.
        statement: Statement,
        /// Why not.
        source: wrap::Error,
    },
    /// Epochs do not ascend.
    #[error(
        "a sealing key of {agency} has epoch {found} and comes after epoch {last}, expected a higher one"
    )]
    Epoch {
        /// Whose key.
        agency: AgencyId,
        /// Its epoch.
        found: u64,
        /// The epoch before it.
        last: u64,
    },
    /// An epoch that was given out already.
    #[error(
        "a new sealing key of {agency} has epoch {found}, expected one above {last}, the last of the version before"
    )]
    EpochUsed {
        /// Whose key.
        agency: AgencyId,
        /// Its epoch.
        found: u64,
        /// The highest of the version before.
        last: u64,
    },
    /// A listed key with another epoch.
    #[error(
        "a sealing key of {agency} has epoch {found}, and {listed} in the version before: a key keeps its epoch"
    )]
    EpochChanged {
        /// Whose key.
        agency: AgencyId,
        /// Its epoch.
        found: u64,
        /// Its epoch in the version before.
        listed: u64,
    },
    /// Senders would seal to an older key again.
    #[error(
        "the highest epoch of a sealing key of {agency} is {found}, and {last} in the version before: it never falls"
    )]
    EpochFell {
        /// Whose key.
        agency: AgencyId,
        /// The highest epoch.
        found: u64,
        /// The highest of the version before.
        last: u64,
    },
    /// Not an agreement.
    #[error("agreement {position} cannot be read")]
    Agreement {
        /// Counted from 1.
        position: usize,
        /// Why not.
        source: sealpost_wire::Error,
    },
    /// Somebody would be bound who did not sign.
    #[error("agreement {agreement} is not signed by a node's signing key of its party {party}")]
    NotByParty {
        /// Which agreement.
        agreement: AgreementId,
        /// Who did not sign.
        party: AgencyId,
    },
    /// One name, two agreements.
    #[error("agreement {agreement} is listed twice")]
    AgreementTwice {
        /// Which agreement.
        agreement: AgreementId,
    },
    /// Not an operation.
    #[error("operation {position} cannot be read")]
    Operation {
        /// Counted from 1.
        position: usize,
        /// Why not.
        source: sealpost_wire::Error,
    },
    /// Not signed by its lead.
    #[error("operation {operation} is not signed by a node's signing key of its lead {lead}")]
    NotByLead {
        /// Which operation.
        operation: OperationId,
        /// Who must sign.
        lead: AgencyId,
    },
    /// A member without keys.
    #[error("operation {operation} has the member {member}, who has no node's signing key in the directory")]
    UnknownMember {
        /// Which operation.
        operation: OperationId,
        /// The member.
        member: AgencyId,
    },
    /// One name, two operations.
    #[error("operation {operation} is listed twice")]
    OperationTwice {
        /// Which operation.
        operation: OperationId,
    },
}

impl Error {
    /// The rule that the version breaks, as docs/rules.md lists it.
    pub fn rule(&self) -> Rule {
        match self {
            Self::Unreadable(_) => Rule::DirectoryMalformed,
            Self::Threshold { .. }
            | Self::AuthorityKey { .. }
            | Self::AuthorityRevoked { .. }
            | Self::Authority { .. } => Rule::DirectoryAuthority,
            Self::Validity { .. }
            | Self::Version { .. }
            | Self::Previous { .. }
            | Self::Network { .. }
            | Self::Issued { .. }
            | Self::Early { .. }
            | Self::RootChanged { .. }
            | Self::OperatorRootChanged
            | Self::JurisdictionDropped { .. } => Rule::DirectoryChain,
            Self::RevocationDropped { .. }
            | Self::RevocationWeakened { .. }
            | Self::RevokedTwice { .. }
            | Self::WithdrawalDropped { .. } => Rule::DirectoryRevocation,
            Self::KeyDropped { .. } => Rule::DirectorySigningKey,
            Self::NotWithdrawn { statement, .. } | Self::ListedAgain { statement, .. } => match statement {
                Withdrawable::Agreement(_) => Rule::DirectoryAgreement,
                Withdrawable::Operation(_) => Rule::DirectoryOperation,
            },
            Self::KeyTwice { .. } => Rule::DirectoryKeyTwice,
            Self::Root { .. } | Self::NotARoot { .. } | Self::RootSubject { .. } => Rule::DirectoryRoot,
            Self::HubKey { .. } => Rule::DirectoryHubKey,
            Self::NoJurisdiction { .. } => Rule::DirectoryJurisdiction,
            Self::NotByRoot { statement, .. }
            | Self::NotByItself { statement, .. }
            | Self::NotContinued { statement, .. }
            | Self::NotByAgency { statement, .. }
            | Self::Terms { statement, .. }
            | Self::OtherAgency { statement, .. }
            | Self::SigningKey { statement, .. }
            | Self::SealingKeyLength { statement, .. }
            | Self::SealingKey { statement, .. } => match statement.term() {
                Term::SigningKey => Rule::DirectorySigningKey,
                Term::SealingKey => Rule::DirectorySealingKey,
            },
            Self::Epoch { .. }
            | Self::EpochUsed { .. }
            | Self::EpochChanged { .. }
            | Self::EpochFell { .. } => Rule::DirectorySealingKey,
            Self::Agreement { .. } | Self::NotByParty { .. } | Self::AgreementTwice { .. } => {
                Rule::DirectoryAgreement
            }
            Self::Operation { .. }
            | Self::NotByLead { .. }
            | Self::UnknownMember { .. }
            | Self::OperationTwice { .. } => Rule::DirectoryOperation,
        }
    }
}
