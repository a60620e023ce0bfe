//! What a ledger says about bodies: which were erased, which are held, and where those are that were lost.

use std::collections::BTreeMap;

use bytes::Bytes;
use sealpost_domain::digest::KeyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::MessageId;
use sealpost_domain::record::Record;
use sealpost_ledger::{Bucket, Entry, History, ReadError};
use sealpost_wire::envelope::header_from_bytes;

use super::Error;
use crate::core::erasures::{Erasures, Rest};
use crate::erase;

/// What is known of bodies.
#[derive(Default)]
pub(super) struct Bodies {
    erasures: Erasures,
    /// The record of a message, and the last one that holds its body, which was lost and came again.
    restored: BTreeMap<u64, u64>,
    /// The record of a message, and its bucket as an order named it.
    named: BTreeMap<u64, Bytes>,
}

impl Bodies {
    /// Reads a whole ledger.
    pub(super) fn of(history: &History) -> Result<Self, Error> {
        let mut bodies = Self::default();
        for entry in entries(history) {
            let entry = entry?;
            bodies.apply(entry.index, entry.leaf.recorded_at, &entry.leaf.record, &entry.body);
        }
        Ok(bodies)
    }

    /// What was erased, and what is held.
    pub(super) fn erasures(&self) -> &Erasures {
        &self.erasures
    }

    pub(super) fn apply(&mut self, record: u64, at: Instant, what: &Record, body: &Bytes) {
        self.erasures.apply(record, at, what, body);
        match what {
            Record::Body { index, .. } => drop(self.restored.insert(*index, record)),
            Record::Hold { index, bucket, .. } => drop(self.named.insert(*index, bucket.clone())),
            _ => {}
        }
    }

    /// The buckets whose present keys are to be destroyed, and what of them goes on.
    pub(super) fn due_to_be_destroyed(&self, present: Vec<(Bucket, KeyId)>) -> Vec<(Bucket, Rest)> {
        self.erasures.due(|record| self.restored.get(&record).copied(), present)
    }

    /// The bucket of a message's body, also where that came again, or was lost after an order had named it.
    pub(super) fn bucket_of(&self, history: &History, index: u64) -> Result<Bucket, Error> {
        let places = [Some(index), self.restored.get(&index).copied()];
        for place in places.into_iter().flatten() {
            let kept = match history.get(place) {
                Err(ReadError::Lost { .. }) => None,
                read => erase::body_in(&read.map_err(|source| Error::Read { index: place, source })?),
            };
            if let Some(body) = kept {
                return Ok(Bucket::of(&body)?);
            }
        }
        let named = self.named.get(&index).ok_or(Error::BodyLost { index })?;
        Ok(Bucket::named(named)?)
    }
}

/// The records that still have their leaves.
pub(super) fn entries(history: &History) -> impl Iterator<Item = Result<Entry, Error>> + '_ {
    (0..history.durable()).filter_map(|index| match history.get(index) {
        Err(ReadError::Lost { .. }) => None,
        read => Some(read.map_err(|source| Error::Read { index, source })),
    })
}

/// The message of a record; `None` where its leaf is lost, which alone says that.
pub(super) fn message_of(history: &History, index: u64) -> Result<Option<MessageId>, Error> {
    if index >= history.durable() {
        return Err(Error::NoMessage { index });
    }
    let entry = match history.get(index) {
        Err(ReadError::Lost { .. }) => return Ok(None),
        read => read.map_err(|source| Error::Read { index, source })?,
    };
    let header = match &entry.leaf.record {
        Record::Sent(sent) => &sent.header,
        Record::Received(received) => &received.header,
        _ => return Err(Error::NoMessage { index }),
    };
    Ok(Some(header_from_bytes(header).map_err(|_| Error::NoMessage { index })?.id))
}
