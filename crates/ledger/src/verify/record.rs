//! A record by itself: its body, its digests, its commitments, its signatures.

use bytes::Bytes;
use sealpost_crypto::digest::{link_commitment, record_body_digest, sha256};
use sealpost_crypto::dsse::PayloadType;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::{Header, OpenedCommitment};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Disposition, Incarnation};
use sealpost_domain::record::{Leaf, Received, Record, Sent, Settlement};
use sealpost_domain::statement::{Accepted, Receipt, Signed, Void};
use sealpost_merkle::checkpoint::Checkpoint;
use sealpost_wire::Error as Malformed;
use sealpost_wire::envelope::header_from_bytes;
use sealpost_wire::ledger::stored_body_from_bytes;
use sealpost_wire::statement::Payload;

use super::witness::Witnessed;
use super::{Counts, FaultKind, Judge, Signer};
use crate::history::Entry;

/// A record whose own content is right: what is left is its place among the others.
pub(super) struct Examined {
    pub(super) index: u64,
    pub(super) meaning: Meaning,
    /// Its body was damaged: see [`crate::repair`].
    pub(super) body_lost: bool,
}

/// What the record means for the chains.
pub(super) enum Meaning {
    Incarnation {
        agency: AgencyId,
        incarnation: Incarnation,
        /// The life before, as the record names it.
        previous: Option<Incarnation>,
    },
    Sent {
        header: Header,
        digest: Digest,
        commitments: Vec<OpenedCommitment>,
    },
    Received {
        header: Header,
        digest: Digest,
        commitment: OpenedCommitment,
        settlement: Settlement,
    },
    Void(Void),
    ReceiptSent(Receipt),
    Witness(Witnessed),
    /// A checkpoint of this ledger, by whom it is cosigned, and of which life it is.
    Cosigned(AgencyId, Incarnation, Checkpoint),
    /// The body of an earlier record came again.
    Body {
        index: u64,
        header: Digest,
        /// SHA-256 of the sealed content; `None` where it was lost once more.
        sealed: Option<Digest>,
    },
    /// The leaf of an earlier record is lost.
    Loss {
        index: u64,
        leaf_hash: Digest,
    },
    /// This leaf is lost: it may have meant anything.
    Lost,
    /// Nothing.
    Other,
}

impl Examined {
    pub(super) fn new(
        entry: Entry,
        agency: Option<&AgencyId>,
        judge: &dyn Judge,
        counts: &mut Counts,
    ) -> Result<Self, FaultKind> {
        let Entry { index, leaf, leaf_bytes: _, body, body_lost, body_differs } = entry;
        let Leaf { recorded_at, salt, body_digest, record } = leaf;
        let found = (!body.is_empty()).then(|| record_body_digest(&salt, &body));
        if found != body_digest && !body_lost {
            return Err(FaultKind::Body);
        }
        counts.bodies_lost += u64::from(body_lost);
        counts.bodies_differing += u64::from(body_differs);
        let mut examination = Examination { agency, judge, counts, recorded_at };
        let meaning = match record {
            Record::Incarnation { agency, incarnation, previous, unsent_from: _ } => {
                let previous = previous.map(|(before, _)| before);
                Meaning::Incarnation { agency, incarnation, previous }
            }
            Record::Sent(sent) => examination.sent(sent, &body)?,
            Record::Received(received) => examination.received(received, &body)?,
            Record::Accepted { statement, headers } => {
                let accepted: Accepted = parse("acceptance", &statement)?;
                examination.signed("acceptance", PayloadType::Accepted, Signer::Hub, &statement)?;
                let digests: Vec<u8> = headers.iter().flat_map(|digest| *digest.as_bytes()).collect();
                if accepted.batch_digest != sha256(&digests) || accepted.count as usize != headers.len() {
                    return Err(FaultKind::Batch);
                }
                examination.counts.accepted += 1;
                Meaning::Other
            }
            Record::ReceiptSent(statement) => Meaning::ReceiptSent(examination.receipt(&statement)?),
            Record::ReceiptReceived(statement) => {
                examination.receipt(&statement)?;
                Meaning::Other
            }
            Record::Voided(statement) => {
                let void: Void = parse("void", &statement)?;
                examination.signed("void", PayloadType::Void, Signer::Agency(&void.sender), &statement)?;
                examination.counts.voids += 1;
                Meaning::Void(void)
            }
            // Its signatures were judged when it was installed, before what follows it is examined.
            Record::Directory(_) => {
                examination.counts.directories += 1;
                examination.counts.signed += 1;
                Meaning::Other
            }
            Record::Witness(witness) => Meaning::Witness(examination.witness(witness)?),
            Record::Cosigned { peer, note } => {
                let (life, checkpoint) = examination.cosigned(&peer, &note)?;
                Meaning::Cosigned(peer, life, checkpoint)
            }
            Record::Security { .. }
            | Record::Access { .. }
            | Record::Read { .. }
            | Record::Erasure { .. }
            | Record::Hold { .. } => Meaning::Other,
            Record::Body { index, header } => {
                let stored = (!body.is_empty()).then(|| stored_body_from_bytes(&body)).transpose();
                let stored = stored.map_err(malformed("body"))?;
                Meaning::Body { index, header, sealed: stored.map(|stored| sha256(&stored.sealed)) }
            }
            Record::Loss { index, leaf_hash } => Meaning::Loss { index, leaf_hash },
        };
        Ok(Self { index, meaning, body_lost })
    }
}

/// What it takes to examine one record.
pub(super) struct Examination<'a> {
    /// Whose ledger it is; unknown before its first record.
    pub(super) agency: Option<&'a AgencyId>,
    pub(super) judge: &'a dyn Judge,
    pub(super) counts: &'a mut Counts,
    recorded_at: Instant,
}

impl Examination<'_> {
    fn sent(&mut self, sent: Sent, body: &Bytes) -> Result<Meaning, FaultKind> {
        let Sent { header: exact, signatures, commitments, idempotency_digest: _, publisher: _ } = sent;
        let header = header_from_bytes(&exact).map_err(malformed("header"))?;
        let believed = self.judge.header(&header, &exact, &signatures, self.recorded_at);
        self.believed("header", believed)?;
        check_sealed(&header, body)?;
        let recipients = header.recipients.as_slice();
        if recipients.len() != commitments.len() {
            return Err(FaultKind::Recipients);
        }
        for (recipient, commitment) in recipients.iter().zip(&commitments) {
            check_commitment(&recipient.agency, recipient.link_commitment, commitment)?;
        }
        self.counts.sent += 1;
        Ok(Meaning::Sent { header, digest: sha256(&exact), commitments })
    }

    fn received(&mut self, received: Received, body: &Bytes) -> Result<Meaning, FaultKind> {
        let Received { header: exact, signatures, commitment, cursor: _, settlement } = received;
        self.counts.received += 1;
        if matches!(settlement, Settlement::Excepted(Disposition::Quarantined, _)) {
            // Kept because something about it is wrong: nothing is checked but where it stands, if it says so.
            return Ok(match (header_from_bytes(&exact), commitment) {
                (Ok(header), Some(commitment)) => {
                    Meaning::Received { header, digest: sha256(&exact), commitment, settlement }
                }
                _ => Meaning::Other,
            });
        }
        let header = header_from_bytes(&exact).map_err(malformed("header"))?;
        let believed = self.judge.header(&header, &exact, &signatures, self.recorded_at);
        self.believed("header", believed)?;
        check_sealed(&header, body)?;
        let Some(commitment) = commitment else { return Err(FaultKind::Recipients) };
        let agency = self.agency.ok_or(FaultKind::Beginning)?;
        let recipient = header.recipients.get(agency).ok_or(FaultKind::Recipients)?;
        check_commitment(agency, recipient.link_commitment, &commitment)?;
        Ok(Meaning::Received { header, digest: sha256(&exact), commitment, settlement })
    }

    fn receipt(&mut self, statement: &Signed) -> Result<Receipt, FaultKind> {
        let receipt: Receipt = parse("receipt", statement)?;
        self.signed("receipt", PayloadType::Receipt, Signer::Agency(&receipt.recipient), statement)?;
        self.counts.receipts += 1;
        Ok(receipt)
    }

    fn signed(
        &mut self,
        what: &'static str,
        kind: PayloadType,
        signer: Signer<'_>,
        statement: &Signed,
    ) -> Result<(), FaultKind> {
        let believed = self.judge.statement(kind, signer, statement, self.recorded_at);
        self.believed(what, believed)
    }

    pub(super) fn believed(
        &mut self,
        what: &'static str,
        outcome: Result<(), super::Refusal>,
    ) -> Result<(), FaultKind> {
        outcome.map_err(|source| FaultKind::Signature { what, source })?;
        self.counts.signed += 1;
        Ok(())
    }
}

/// Whether a commitment in a header opens to the position beside it.
fn check_commitment(
    agency: &AgencyId,
    committed: Digest,
    opened: &OpenedCommitment,
) -> Result<(), FaultKind> {
    let OpenedCommitment { position, previous, salt } = opened;
    if link_commitment(salt, &position.incarnation.0, position.number, previous) == committed {
        return Ok(());
    }
    Err(FaultKind::Commitment { agency: agency.clone(), number: position.number })
}

/// Who must have signed is written inside, so that it is parsed first; nothing else of it is used before.
fn parse<P: Payload>(what: &'static str, statement: &Signed) -> Result<P, FaultKind> {
    P::from_payload(&statement.payload).map_err(malformed(what))
}

/// A body that was erased one day, or lost, is not there; one that is there is the header's.
fn check_sealed(header: &Header, body: &Bytes) -> Result<(), FaultKind> {
    if body.is_empty() {
        return Ok(());
    }
    let stored = stored_body_from_bytes(body).map_err(malformed("body"))?;
    if sha256(&stored.sealed) == header.sealed_digest { Ok(()) } else { Err(FaultKind::Sealed) }
}

fn malformed(what: &'static str) -> impl FnOnce(Malformed) -> FaultKind {
    move |source| FaultKind::Malformed { what, source }
}
