//! What the ledger holds, read again where a decision needs something of an earlier one.

use bytes::Bytes;
use sealpost_domain::digest::Digest;
use sealpost_domain::record::Record;
use sealpost_domain::statement::Signed;
use sealpost_store::Error as IndexError;

use super::Round;
use super::facts::{Chain, SettledBy};

/// The durable records, and the facts in them that were let go here: the index over the ledger has them. An index that
/// lacks one says so by an error, and is not believed again.
pub trait Past {
    /// The record at an index and its body's size; `None` where it cannot be read.
    fn record(&self, index: u64) -> Option<(Record, usize)>;
    /// What settled a number that was let go.
    fn settled(&self, chain: &Chain, number: u64) -> Result<SettledBy, IndexError>;
    /// Where the message of ours lies whose number was let go.
    fn sent(&self, chain: &Chain, number: u64) -> Result<u64, IndexError>;
    /// Where the message lies that was published under a key, by any digest of it.
    fn message_of(&self, keys: &[Digest]) -> Result<Option<u64>, IndexError>;
}

/// Where a record is: durable, or still in the round that is being decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// At this index of the ledger.
    Ledger(u64),
    /// At this place of the round.
    Round(usize),
}

/// The bytes that somebody signed, as evidence: payload and signatures.
pub(super) fn exhibits_of(past: &dyn Past, round: &Round, place: Place) -> Vec<Bytes> {
    let record = match place {
        Place::Ledger(index) => past.record(index).map(|(record, _)| record),
        Place::Round(place) => round.records().get(place).map(|draft| draft.record.clone()),
    };
    match record {
        Some(Record::Received(received)) => {
            let signatures = received.signatures.into_iter().map(|signature| signature.bytes);
            std::iter::once(received.header).chain(signatures).collect()
        }
        Some(
            Record::Voided(statement)
            | Record::ReceiptReceived(statement)
            | Record::Accepted { statement, .. },
        ) => exhibits(&statement),
        _ => Vec::new(),
    }
}

/// A statement as evidence: its payload and its signatures.
pub(super) fn exhibits(statement: &Signed) -> Vec<Bytes> {
    let signatures = statement.signatures.iter().map(|signature| signature.bytes.clone());
    std::iter::once(statement.payload.clone()).chain(signatures).collect()
}
