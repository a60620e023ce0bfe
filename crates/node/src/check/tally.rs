//! How many records of each kind a ledger has, and what became of the bodies of messages.

use std::collections::BTreeMap;

use bytes::Bytes;
use sealpost_domain::record::Record;
use sealpost_ledger::Entry;
use serde::Serialize;

use super::Books;
use crate::erase;

/// How many records of each kind there are, and what became of the bodies of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// Records by their kind, as `ledger.proto` names it; kinds of which there is none are left out, and so are leaves that
    /// are lost.
    pub kinds: BTreeMap<&'static str, u64>,
    /// The bodies of messages, sent and received.
    pub bodies: Bodies,
}

/// What became of the bodies of messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Bodies {
    /// All that lie here as ciphertext, whether they open or not.
    pub messages: u64,
    /// Those whose keys the ledger says to be destroyed.
    pub erased: u64,
    /// Those on which a legal hold is.
    pub held: u64,
}

/// Takes the records of a ledger in their order. What it keeps grows with buckets and orders, not with messages.
#[derive(Default)]
struct Counting {
    tally: Tally,
    buckets: BTreeMap<Bytes, InBucket>,
    /// Bodies that were erased alone, with their buckets.
    alone: BTreeMap<u64, Bytes>,
    /// Bodies that are held, with their buckets.
    held: BTreeMap<u64, Bytes>,
}

/// The bodies of one bucket.
#[derive(Clone, Copy, Default)]
struct InBucket {
    bodies: u64,
    /// The record by which it ended last, and how many bodies lay before that.
    ended: Option<(u64, u64)>,
}

impl Books {
    /// The tally of the first records; up to what cannot be read, which whoever verifies has named.
    pub(super) fn tally(&self, records: u64) -> Tally {
        let mut counting = Counting::default();
        let readable = self.entries().map_while(Result::ok);
        readable.take_while(|entry| entry.index < records).for_each(|entry| counting.count(&entry));
        counting.end()
    }
}

impl Counting {
    fn count(&mut self, entry: &Entry) {
        let record = &entry.leaf.record;
        *self.tally.kinds.entry(kind(record)).or_default() += 1;
        match record {
            Record::Sent(_) | Record::Received(_) | Record::Body { .. } => {
                if let Some(body) = erase::body_in(entry) {
                    self.bucket(&body.bucket).bodies += 1;
                    self.tally.bodies.messages += 1;
                }
            }
            Record::Erasure { bucket, index: Some(index), .. } => {
                self.alone.insert(*index, bucket.clone());
            }
            Record::Erasure { bucket, index: None, .. } => {
                let bucket = self.bucket(bucket);
                bucket.ended = Some((entry.index, bucket.bodies));
            }
            Record::Hold { index, bucket, held: true } => drop(self.held.insert(*index, bucket.clone())),
            Record::Hold { index, held: false, .. } => drop(self.held.remove(index)),
            _ => {}
        }
    }

    fn end(self) -> Tally {
        let Self { mut tally, buckets, alone, held } = self;
        let ended = |bucket: &Bytes| buckets.get(bucket).and_then(|bucket| bucket.ended);
        let with_it = |(index, bucket): &(&u64, &Bytes)| ended(bucket).is_some_and(|(at, _)| **index < at);
        let with_buckets: u64 =
            buckets.values().filter_map(|bucket| bucket.ended).map(|(_, bodies)| bodies).sum();
        let spared = held.iter().filter(with_it).count() as u64;
        let before = alone.iter().filter(|body| !with_it(body)).count() as u64;
        tally.bodies.erased = with_buckets.saturating_sub(spared) + before;
        tally.bodies.held = held.len() as u64;
        tally
    }

    fn bucket(&mut self, name: &Bytes) -> &mut InBucket {
        // A copy: the body would be kept in memory with it.
        self.buckets.entry(Bytes::copy_from_slice(name)).or_default()
    }
}

fn kind(record: &Record) -> &'static str {
    match record {
        Record::Incarnation { .. } => "incarnation",
        Record::Directory(_) => "directory",
        Record::Sent(_) => "sent",
        Record::Received(_) => "received",
        Record::Accepted { .. } => "accepted",
        Record::ReceiptSent(_) => "receipt_sent",
        Record::ReceiptReceived(_) => "receipt_received",
        Record::Voided(_) => "voided",
        Record::Security { .. } => "security",
        Record::Access { .. } => "access",
        Record::Read { .. } => "read",
        Record::Erasure { .. } => "erasure",
        Record::Loss { .. } => "loss",
        Record::Witness(_) => "witness",
        Record::Cosigned { .. } => "cosigned",
        Record::Body { .. } => "body",
        Record::Hold { .. } => "hold",
    }
}

#[cfg(test)]
mod tests {
    use sealpost_domain::digest::{Digest, KeyId};
    use sealpost_domain::record::{Leaf, StoredBody};
    use sealpost_wire::ledger::stored_body_to_bytes;

    use super::*;
    use crate::fixture::NOW;

    const MARCH: &[u8] = b"message.2027-03";
    const APRIL: &[u8] = b"message.2027-04";

    fn tally(records: Vec<(Record, Option<&'static [u8]>)>) -> Tally {
        let mut counting = Counting::default();
        for (index, (record, bucket)) in (0..).zip(records) {
            let body = bucket.map_or_else(Bytes::new, |bucket| {
                let wrapped_key = Bytes::from_static(&[1; 48]);
                let sealed = Bytes::from_static(&[2; 32]);
                let bucket = Bytes::from_static(bucket);
                stored_body_to_bytes(&StoredBody { sealed, bucket, key_nonce: [3; 12], wrapped_key })
            });
            let leaf = Leaf { recorded_at: NOW, salt: [0; 32], body_digest: None, record };
            let (leaf_bytes, body_lost) = (Bytes::new(), false);
            counting.count(&Entry { index, leaf, leaf_bytes, body, body_lost, body_differs: false });
        }
        counting.end()
    }

    /// A body: of a message that came again, since that says the least beside it.
    fn message(bucket: &'static [u8]) -> (Record, Option<&'static [u8]>) {
        (Record::Body { index: 0, header: Digest::ZERO }, Some(bucket))
    }

    fn erasure(bucket: &'static [u8], index: Option<u64>) -> (Record, Option<&'static [u8]>) {
        let (bucket, key) = (Bytes::from_static(bucket), KeyId::new([0; 32]));
        (Record::Erasure { bucket, rule: "erasure.ordered".to_owned(), index, key }, None)
    }

    fn hold(bucket: &'static [u8], index: u64, held: bool) -> (Record, Option<&'static [u8]>) {
        (Record::Hold { index, bucket: Bytes::from_static(bucket), held }, Some(b"evidence.2028-03"))
    }

    fn bodies(records: Vec<(Record, Option<&'static [u8]>)>) -> (u64, u64, u64) {
        let Bodies { messages, erased, held } = tally(records).bodies;
        (messages, erased, held)
    }

    #[test]
    fn a_bucket_takes_along_what_lay_in_it_but_for_what_is_held() {
        let beginning = || vec![message(MARCH), message(MARCH), message(MARCH), message(APRIL)];
        assert_eq!(bodies(beginning()), (4, 0, 0));
        let mut ended = beginning();
        ended.extend([hold(MARCH, 1, true), erasure(MARCH, None), message(MARCH)]);
        assert_eq!(bodies(ended.clone()), (5, 2, 1), "what came later has the next key");
        ended.extend([hold(MARCH, 1, false), erasure(MARCH, None)]);
        assert_eq!(bodies(ended), (5, 4, 0), "released, and ended with the rest");
    }

    #[test]
    fn a_body_that_was_erased_alone_is_counted_once_though_its_bucket_ends_later() {
        let mut records = vec![message(MARCH), message(MARCH), message(APRIL), erasure(MARCH, Some(0))];
        assert_eq!(bodies(records.clone()), (3, 1, 0));
        records.push(erasure(MARCH, None));
        assert_eq!(bodies(records.clone()), (3, 2, 0));
        records.push(erasure(APRIL, Some(2)));
        assert_eq!(bodies(records), (3, 3, 0));
    }

    #[test]
    fn records_are_counted_by_their_kind() {
        let security =
            || (Record::Security { rule: "key.unknown".to_owned(), peer: None, header: None }, None);
        let records =
            vec![security(), message(MARCH), security(), hold(MARCH, 1, true), hold(MARCH, 1, false)];
        let expected = [("body", 1), ("hold", 2), ("security", 2)];
        assert_eq!(tally(records).kinds, expected.into());
    }
}
