//! What can be wrong with a ledger.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::link::{Incarnation, Link};
use sealpost_merkle::{Hash, checkpoint, proof};

use super::Refusal;
use crate::history::ReadError;

/// The first thing that is wrong with a ledger.
#[derive(Debug, thiserror::Error)]
#[error("record {index}")]
pub struct Fault {
    /// The record.
    pub index: u64,
    /// What is wrong with it.
    #[source]
    pub kind: FaultKind,
}

/// What is wrong with a record.
#[derive(Debug, thiserror::Error)]
pub enum FaultKind {
    /// It cannot be read.
    #[error("the record cannot be read")]
    Unreadable(#[source] ReadError),
    /// The body is not the one that its leaf names.
    #[error("the body is not the one that the leaf names")]
    Body,
    /// The body of a directory is lost: nobody knows whose the keys are from here on.
    #[error("the directory that it installs is lost: restore the ledger from a backup")]
    DirectoryLost,
    /// A body that came again is not that of the record that it names.
    #[error("the body that came again is not that of record {index}")]
    Restored {
        /// The record that it names.
        index: u64,
    },
    /// A loss that is told of a record whose leaf has another hash.
    #[error("it tells the loss of another leaf than that of record {index}")]
    Loss {
        /// The record that it names.
        index: u64,
    },
    /// Something inside cannot be parsed.
    #[error("the {what} cannot be parsed")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// Why.
        source: sealpost_wire::Error,
    },
    /// The verifier does not believe a signature.
    #[error("the {what} is not signed as it must be")]
    Signature {
        /// Of what.
        what: &'static str,
        /// Why not.
        source: Refusal,
    },
    /// The sealed content is not the one that the header names.
    #[error("the sealed content is not the one that the header names")]
    Sealed,
    /// A commitment in the header does not open to the position beside it.
    #[error("the commitment to {agency} does not open to number {number}")]
    Commitment {
        /// The recipient.
        agency: AgencyId,
        /// The number that it should open to.
        number: u64,
    },
    /// The header has another number of recipients than there are commitments, or we are not among them.
    #[error("the header's recipients do not fit the record")]
    Recipients,
    /// It should be ours, or should not be.
    #[error("the message is from {found}")]
    Sender {
        /// Who sent it.
        found: AgencyId,
    },
    /// A number of our own that is not the next one on its link.
    #[error("number {found} on {link}, expected {expected}")]
    Number {
        /// The link.
        link: Link,
        /// The number that was given.
        found: u64,
        /// The next one.
        expected: u64,
    },
    /// A header that names another predecessor than stands before it.
    #[error("number {number} on {link} names another predecessor than the one before it")]
    Chain {
        /// The link.
        link: Link,
        /// The number.
        number: u64,
    },
    /// A message that was delivered before.
    #[error("number {number} on {link} was delivered before")]
    Twice {
        /// The link.
        link: Link,
        /// The number.
        number: u64,
    },
    /// The position is of an incarnation that is not that of the records around it.
    #[error("incarnation {found}, expected {expected}")]
    Incarnation {
        /// The one that the record states.
        found: Incarnation,
        /// The one under which the segment was written.
        expected: Incarnation,
    },
    /// The records are not those over which a checkpoint was signed.
    #[error(
        "{checkpoint} was signed over {size} records with the root {signed}, these have the root {found}"
    )]
    Root {
        /// Which checkpoint.
        checkpoint: String,
        /// Its size.
        size: u64,
        /// The root that was signed.
        signed: Hash,
        /// The root of the records.
        found: Hash,
    },
    /// A checkpoint is not signed as it must be, or is not one of this ledger.
    #[error("{checkpoint} is not believed")]
    Checkpoint {
        /// Which checkpoint.
        checkpoint: String,
        /// Why not.
        source: Refusal,
    },
    /// The ledger is shorter than a checkpoint.
    #[error("{checkpoint} covers {size} records, the ledger ends before that")]
    Shorter {
        /// Which checkpoint.
        checkpoint: String,
        /// Its size.
        size: u64,
    },
    /// A new incarnation names another one before it than there is.
    #[error("the incarnation before it is {expected}, the record names {}", named(*found))]
    Previous {
        /// The one that the record names.
        found: Option<Incarnation>,
        /// The one before it.
        expected: Incarnation,
    },
    /// The first record of an incarnation is another one.
    #[error("an incarnation begins here, but the record does not say so")]
    Beginning,
    /// The hub's statement is about another batch.
    #[error("the acceptance is not about the headers beside it")]
    Batch,
    /// What should be the checkpoint of a ledger is none.
    #[error("the {what} is no checkpoint")]
    Note {
        /// Whose.
        what: &'static str,
        /// Why not.
        source: checkpoint::Error,
    },
    /// The checkpoint names no life of the ledger.
    #[error("the {what} has the origin {origin:?}, which names no life of a ledger")]
    Origin {
        /// Whose.
        what: &'static str,
        /// Its first line.
        origin: String,
    },
    /// A checkpoint of a peer that is kept after one that covers as much or more.
    #[error("the checkpoint of {peer} covers {found} records, the one that was kept before it {kept}")]
    WitnessSize {
        /// The peer.
        peer: AgencyId,
        /// Its size.
        found: u64,
        /// The size of the one before.
        kept: u64,
    },
    /// A checkpoint of a peer that is not proved to continue the one before.
    #[error("the checkpoint of {peer} over {new} records is not proved to continue the one over {old}")]
    WitnessProof {
        /// The peer.
        peer: AgencyId,
        /// The size of the one before.
        old: u64,
        /// Its size.
        new: u64,
        /// Why not.
        source: proof::Error,
    },
    /// A receipt of ours that promises more than the ledger holds.
    #[error("the receipt counts {link} up to {receipted}, the ledger holds it up to {held}")]
    Receipt {
        /// The link.
        link: Link,
        /// Up to where the receipt counts.
        receipted: u64,
        /// Up to where every number is in the ledger.
        held: u64,
    },
}

impl FaultKind {
    /// Whether the record itself is at fault; otherwise a checkpoint over the records up to it is.
    pub fn is_of_the_record(&self) -> bool {
        !matches!(self, Self::Root { .. } | Self::Checkpoint { .. } | Self::Shorter { .. })
    }
}

fn named(incarnation: Option<Incarnation>) -> String {
    incarnation.map_or_else(|| "none".to_owned(), |incarnation| incarnation.to_string())
}
