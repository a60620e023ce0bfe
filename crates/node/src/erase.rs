//! Carries out what the ledger says was erased: destroys keys, after what goes on was rewrapped. Called where blocking is
//! allowed.

use std::collections::BTreeSet;

use rand::CryptoRng;
use sealpost_crypto::digest::sha256;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::record::{Record, StoredBody};
use sealpost_ledger::{Bucket, Buckets, Entry, History, ReadError, bucket};
use sealpost_wire::ledger::stored_body_from_bytes;
use tracing::info;

use crate::core::erasures::{Erasures, Rest};

/// Why a key was not destroyed. It is tried again.
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
}

/// Every bucket that has a key, with its id.
pub fn present(buckets: &Buckets) -> Result<Vec<(Bucket, KeyId)>, bucket::Error> {
    let key = |bucket: Bucket| buckets.key_id(&bucket).map(|key| (bucket, key));
    buckets.list()?.into_iter().map(key).collect()
}

/// The buckets whose present keys are to be destroyed, and what of them goes on.
pub fn due(erasures: &Erasures, present: Vec<(Bucket, KeyId)>) -> Vec<(Bucket, Rest)> {
    let due = |(bucket, key): (Bucket, KeyId)| erasures.rest(&bucket, key).map(|rest| (bucket, rest));
    present.into_iter().filter_map(due).collect()
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
        let mut keep = |record: u64, ended: &BTreeSet<Digest>| {
            let kept = kept_at(history, record)?;
            match kept.filter(|(header, body)| is_in(body, &bucket) && !ended.contains(header)) {
                Some((header, body)) => Ok(ending.keep(rng, header, &body)?),
                None => Ok::<_, Error>(()),
            }
        };
        match rest {
            Rest::Held(records) => {
                records.into_iter().try_for_each(|record| keep(record, &BTreeSet::new()))?;
            }
            Rest::AllBut(ended) => {
                // By what the keys are bound to: a body may lie in a second record, where it came again.
                let ended = ended.into_iter().map(|record| kept_at(history, record));
                let ended: Vec<_> = ended.collect::<Result<_, _>>()?;
                let ended = ended.into_iter().flatten().map(|(header, _)| header).collect();
                (0..history.durable()).try_for_each(|record| keep(record, &ended))?;
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

/// The body of a record that lies in a bucket, with what its content key is bound to.
pub fn kept_in(entry: &Entry) -> Option<(Digest, StoredBody)> {
    let bound_to = match &entry.leaf.record {
        Record::Sent(sent) => sha256(&sent.header),
        Record::Received(received) => sha256(&received.header),
        Record::Body { header, .. } => *header,
        Record::Access { .. } | Record::Hold { .. } | Record::Erasure { .. } => Digest::new(entry.leaf.salt),
        _ => return None,
    };
    // What is damaged does not open, and nothing of it goes on.
    Some((bound_to, stored_body_from_bytes(&entry.body).ok()?))
}

#[cfg(test)]
mod tests;
