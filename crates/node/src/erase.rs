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

/// A key that was not destroyed though it has ended. It is tried again, twice a minute and at every start.
#[derive(Debug, thiserror::Error)]
#[error("the key of bucket {bucket}, which has ended, is not destroyed")]
pub struct Undestroyed {
    /// Whose key it is.
    pub bucket: Bucket,
    /// Why not.
    #[source]
    pub error: Box<Error>,
}

/// Why a key was not destroyed.
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

/// Every bucket that has a key, with its id, after what failed of earlier endings was tried again. What cannot be read or
/// overwritten is told, and holds up no other.
pub fn present(buckets: &Buckets) -> Vec<(Bucket, KeyId)> {
    if let Err(error) = buckets.recover() {
        error!(error = with_causes(&error), "a key that has ended could not be destroyed");
    }
    let unread = |error: bucket::Error| {
        error!(error = with_causes(&error), "it cannot be seen whether a key has ended");
    };
    let listed = buckets.list().map_err(unread).unwrap_or_default();
    let key = |bucket: Bucket| Some((buckets.key_id(&bucket).map_err(unread).ok()?, bucket));
    listed.into_iter().filter_map(key).map(|(key, bucket)| (bucket, key)).collect()
}

/// Destroys keys, after what goes on was rewrapped; those that were not destroyed. One holds up no other.
pub fn carry_out(
    due: Vec<(Bucket, Rest)>,
    buckets: &Buckets,
    history: &History,
    rng: &mut dyn CryptoRng,
) -> Vec<Undestroyed> {
    let mut undestroyed = Vec::new();
    for (bucket, rest) in due {
        match end(&bucket, rest, buckets, history, rng) {
            Ok(()) => info!(%bucket, "the key was destroyed"),
            Err(error) => undestroyed.push(Undestroyed { bucket, error: Box::new(error) }),
        }
    }
    undestroyed
}

/// The same before a node starts: keys that were put back from a backup bring nothing back. A held body that is lost keeps
/// its bucket, which is told, and its node starts: it may come again. So does a node whose disk cannot overwrite a key that
/// no longer has the name of one.
pub fn carry_out_at_start(
    due: Vec<(Bucket, Rest)>,
    buckets: &Buckets,
    history: &History,
    rng: &mut dyn CryptoRng,
) -> Result<(), Undestroyed> {
    let undestroyed = carry_out(due, buckets, history, rng);
    let is_told = |failed: &Undestroyed| {
        matches!(*failed.error, Error::HeldLost { .. } | Error::Bucket(bucket::Error::Ended { .. }))
    };
    let (told, others): (Vec<_>, Vec<_>) = undestroyed.into_iter().partition(is_told);
    tell(&told);
    others.into_iter().next().map_or(Ok(()), Err)
}

/// Tells which keys were not destroyed.
pub fn tell(undestroyed: &[Undestroyed]) {
    for failed in undestroyed {
        error!(error = with_causes(failed), "a key that has ended could not be destroyed");
    }
}

fn end(
    bucket: &Bucket,
    rest: Rest,
    buckets: &Buckets,
    history: &History,
    rng: &mut dyn CryptoRng,
) -> Result<(), Error> {
    let mut ending = buckets.ending(rng, bucket)?;
    match rest {
        Rest::Held(records) => {
            for record in records {
                let kept = entry_at(history, record)?.as_ref().and_then(kept_in);
                let (bound_to, body) =
                    kept.filter(|(_, body)| is_in(body, bucket)).ok_or(Error::HeldLost { index: record })?;
                ending.keep(rng, bound_to, &body)?;
            }
        }
        Rest::AllBut(records) => {
            let ended = Ended::of(records, history)?;
            for record in 0..history.durable() {
                let Some(entry) = entry_at(history, record)?.filter(|entry| !ended.includes(entry)) else {
                    continue;
                };
                if let Some((bound_to, body)) = kept_in(&entry).filter(|(_, body)| is_in(body, bucket)) {
                    ending.keep(rng, bound_to, &body)?;
                }
            }
        }
    }
    Ok(ending.conclude(rng)?)
}

/// Bodies that ended alone.
struct Ended {
    records: BTreeSet<u64>,
    /// What their content keys are bound to: a body may lie in a second record, where its message came again.
    bound_to: BTreeSet<Digest>,
}

impl Ended {
    fn of(records: Vec<u64>, history: &History) -> Result<Self, Error> {
        let mut bound_to = BTreeSet::new();
        for record in &records {
            // Known from the leaf, also where the body there is lost.
            let entry = entry_at(history, *record)?;
            bound_to.extend(entry.as_ref().and_then(self::bound_to).map(Bound::digest));
        }
        Ok(Self { records: records.into_iter().collect(), bound_to })
    }

    fn includes(&self, entry: &Entry) -> bool {
        let is_of = match &entry.leaf.record {
            Record::Body { index, .. } => *index,
            _ => entry.index,
        };
        let is_bound = |bound: Bound<'_>| self.bound_to.contains(&bound.digest());
        self.records.contains(&is_of) || bound_to(entry).is_some_and(is_bound)
    }
}

fn is_in(body: &StoredBody, bucket: &Bucket) -> bool {
    body.bucket == bucket.to_bytes()
}

/// The record at an index; `None` where its leaf is lost: nothing is left of it that could go on.
fn entry_at(history: &History, index: u64) -> Result<Option<Entry>, Error> {
    match history.get(index) {
        Err(ReadError::Lost { .. }) => Ok(None),
        read => Ok(Some(read.map_err(|source| Error::Record { index, source })?)),
    }
}

/// What the content key of a body is bound to.
enum Bound<'e> {
    /// The digest of a header.
    Header(&'e [u8]),
    /// A digest.
    Digest(Digest),
}

impl Bound<'_> {
    fn digest(self) -> Digest {
        match self {
            Self::Header(header) => sha256(header),
            Self::Digest(digest) => digest,
        }
    }
}

/// The body of a record that lies in a bucket, with what its content key is bound to.
pub fn kept_in(entry: &Entry) -> Option<(Digest, StoredBody)> {
    let bound_to = bound_to(entry)?.digest();
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
