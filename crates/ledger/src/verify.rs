//! Verifies a whole ledger: checksums, contiguous indices, leaves with their bodies, signatures, and the link chains
//! of what was sent and what each peer sent. Stops at the first thing that is wrong, and names it.
//!
//! A record is judged in two steps: by itself (`record`), and by its place among those before it (`chains`).
//! Signatures are the affair of the [`Verifier`], which is shown the directories as they were installed.

mod by_directory;
mod chains;
mod record;

use bytes::Bytes;
use sealpost_crypto::dsse::PayloadType;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::envelope::{DirectoryVersion, Header, Signature};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Incarnation, Link};
use sealpost_domain::statement::Signed;

use crate::history::{History, ReadError};
pub use by_directory::{ByDirectory, Error as SignatureError};
use chains::Chains;
use record::Examined;

/// Why a verifier does not believe a signature.
pub type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// Decides on signatures. Called in the order of the ledger, so that keys are judged by the directory that was
/// installed at that index.
pub trait Verifier {
    /// A directory was installed; `body` is its signed statement.
    fn directory(&mut self, version: DirectoryVersion, body: &Bytes) -> Result<(), Refusal>;

    /// A header, ours or a peer's, as recorded at a time.
    fn header(
        &mut self,
        header: &Header,
        exact: &Bytes,
        signatures: &[Signature],
        recorded_at: Instant,
    ) -> Result<(), Refusal>;

    /// A statement of the hub, or of an agency.
    fn statement(
        &mut self,
        kind: PayloadType,
        signer: Signer<'_>,
        signed: &Signed,
        recorded_at: Instant,
    ) -> Result<(), Refusal>;
}

/// Who must have signed a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signer<'a> {
    /// The hub.
    Hub,
    /// The node of an agency.
    Agency(&'a AgencyId),
}

/// What was verified.
#[derive(Debug, Default)]
pub struct Report {
    /// How much there was, up to the fault if there is one.
    pub counts: Counts,
    /// The first thing that is wrong.
    pub fault: Option<Fault>,
}

/// How much was verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of every kind.
    pub records: u64,
    /// Messages of our own.
    pub sent: u64,
    /// Messages of peers, delivered or not.
    pub received: u64,
    /// Signed acceptances of the hub.
    pub accepted: u64,
    /// Receipts, given and got.
    pub receipts: u64,
    /// Numbers filled without a message.
    pub voids: u64,
    /// Directories installed.
    pub directories: u64,
    /// Headers and statements whose signatures were believed.
    pub signed: u64,
    /// Chains, one for each link and incarnation.
    pub chains: u64,
}

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
    /// The first record of an incarnation is another one.
    #[error("an incarnation begins here, but the record does not say so")]
    Beginning,
    /// The hub's statement is about another batch.
    #[error("the acceptance is not about the headers beside it")]
    Batch,
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

/// Verifies every record that the history holds. `progress` is told the number of records verified, after each.
pub fn verify(history: &History, verifier: &mut dyn Verifier, progress: &mut dyn FnMut(u64)) -> Report {
    let mut report = Report::default();
    let mut chains = Chains::new(history.incarnations());
    for (index, entry) in (0..).zip(history.scan(0)) {
        let judged = entry
            .map_err(FaultKind::Unreadable)
            .and_then(|entry| Examined::new(entry, chains.agency(), verifier, &mut report.counts))
            .and_then(|examined| chains.place(examined));
        if let Err(kind) = judged {
            report.fault = Some(Fault { index, kind });
            break;
        }
        report.counts.records += 1;
        progress(report.counts.records);
    }
    report.counts.chains = chains.count();
    report
}
