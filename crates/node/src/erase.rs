//! Carries out what the ledger says was erased: destroys keys, after what goes on was rewrapped. Called where blocking is
//! allowed.

use std::collections::BTreeSet;

use rand::CryptoRng;
use sealpost_crypto::digest::sha256;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::record::{Record, StoredBody};
use sealpost_ledger::{Bucket, Buckets, Entry, History, ReadError, bucket};
use sealpost_server::program::with_causes;
use sealpost_wire::ledger::stored_body_from_bytes;
use tracing::{error, info};

use crate::core::erasures::Rest;

/// Why a key was not destroyed. It is tried again, twice a minute and at every start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of keys.
    #[error(transparent)]
    Bucket(#[from] bucket::Error),
    /// A record of a body that goes on cannot be read: its key is not destroyed, since the body would end with it.
    #[error("record {index}, whose body goes on, cannot be read")]
    Record {
        /// Which one.
        index: u64,
        /// Why.
        source: ReadError,
    },
    /// A held body is not there, and its key would end with the others.
    #[error(
        "the body of record {index}, on which a legal hold is, is lost: the key of its bucket is not destroyed before it is \
         put back from a backup, or released"
    )]
    HeldLost {
        /// Which one.
        index: u64,
    },
}

/// Every bucket that has a key, with its id. One that cannot be read is told, and holds up no other.
pub fn present(buckets: &Buckets) -> Vec<(Bucket, KeyId)> {
    let unread = |error: bucket::Error| {
        error!(error = with_causes(&error), "it cannot be seen whether a key has ended");
    };
    let listed = buckets.list().map_err(unread).unwrap_or_default();
    let key = |bucket: Bucket| Some((buckets.key_id(&bucket).map_err(unread).ok()?, bucket));
    listed.into_iter().filter_map(key).map(|(key, bucket)| (bucket, key)).collect()
}

/// Destroys keys, after what goes on was rewrapped.
pub fn carry_out(
    due: Vec<(Bucket, Rest)>,
    buckets: &Buckets,
    history: &History,
    rng: &mut dyn CryptoRng,
) -> Result<(), Error> {
    for (bucket, rest) in due {
        let mut ending = buckets.ending(rng, &bucket)?;
        match rest {
            Rest::Held(records) => {
                for record in records {
                    let held = kept_at(history, record)?.filter(|(_, body)| is_in(body, &bucket));
                    let (header, body) = held.ok_or(Error::HeldLost { index: record })?;
                    ending.keep(rng, header, &body)?;
                }
            }
            Rest::AllBut(ended) => {
                // By what the keys are bound to: a body may lie in a second record, where it came again.
                let ended = ended.into_iter().map(|record| kept_at(history, record));
                let ended: Vec<_> = ended.collect::<Result<_, _>>()?;
                let ended: BTreeSet<Digest> = ended.into_iter().flatten().map(|(header, _)| header).collect();
                for record in 0..history.durable() {
                    let kept = kept_at(history, record)?;
                    let goes_on =
                        kept.filter(|(header, body)| is_in(body, &bucket) && !ended.contains(header));
                    if let Some((header, body)) = goes_on {
                        ending.keep(rng, header, &body)?;
                    }
                }
            }
        }
        ending.conclude(rng)?;
        info!(%bucket, "the key was destroyed");
    }
    Ok(())
}

fn is_in(body: &StoredBody, bucket: &Bucket) -> bool {
    body.bucket == bucket.to_string()
}

fn kept_at(history: &History, index: u64) -> Result<Option<(Digest, StoredBody)>, Error> {
    match history.get(index) {
        // Of a lost leaf nothing is left that could go on.
        Err(ReadError::Lost { .. }) => Ok(None),
        read => Ok(kept_in(&read.map_err(|source| Error::Record { index, source })?)),
    }
}

/// What the content key of a body is bound to.
enum Bound<'e> {
    /// The digest of a header.
    Header(&'e [u8]),
    /// A digest.
    Digest(Digest),
}

/// The body of a record that lies in a bucket, with what its content key is bound to.
pub fn kept_in(entry: &Entry) -> Option<(Digest, StoredBody)> {
    let bound_to = match bound_to(entry)? {
        Bound::Header(header) => sha256(header),
        Bound::Digest(digest) => digest,
    };
    // What is damaged does not open, and nothing of it goes on.
    Some((bound_to, stored_body_from_bytes(&entry.body).ok()?))
}

/// The body of a record that lies in a bucket.
pub fn body_in(entry: &Entry) -> Option<StoredBody> {
    bound_to(entry)?;
    stored_body_from_bytes(&entry.body).ok()
}

fn bound_to(entry: &Entry) -> Option<Bound<'_>> {
    Some(match &entry.leaf.record {
        Record::Sent(sent) => Bound::Header(&sent.header),
        Record::Received(received) => Bound::Header(&received.header),
        Record::Body { header, .. } => Bound::Digest(*header),
        Record::Access { .. } | Record::Hold { .. } | Record::Erasure { .. } => {
            Bound::Digest(Digest::new(entry.leaf.salt))
        }
        // Their bodies, if they have one, lie in no bucket. A kind that is added says here where its body lies: it would
        // end with the others.
        Record::Incarnation { .. }
        | Record::Directory(_)
        | Record::Accepted { .. }
        | Record::ReceiptSent(_)
        | Record::ReceiptReceived(_)
        | Record::Voided(_)
        | Record::Security { .. }
        | Record::Read { .. }
        | Record::Loss { .. }
        | Record::Witness(_)
        | Record::Cosigned { .. } => return None,
    })
}

#[cfg(test)]
mod tests;
