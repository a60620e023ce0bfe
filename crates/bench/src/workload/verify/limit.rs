//! The same digests and signatures and nothing else, on all cores.

use std::fs;
use std::hint::black_box;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{PayloadType, VerifyError, VerifyingKey, verify_statement};
use sealpost_domain::envelope::Signature;
use sealpost_domain::record::Record;
use sealpost_ledger::History;
use sealpost_seglog::disk::{Disk, Real};
use sealpost_testkit::{Made, Network};

use crate::workload::segments;

/// How much is hashed, and how many signatures are verified, before a thread asks for more.
const PART_BYTES: usize = 1 << 20;
const PART_SIGNATURES: usize = 64;
/// So many different signatures are used again and again: what one costs does not depend on which it is.
const SIGNATURES_KEPT: usize = 4096;

/// What has to be done.
pub(super) struct Limit {
    segments: Vec<Vec<u8>>,
    headers: Vec<Header>,
    signatures: usize,
}

/// A header with its signature and the key of its sender.
struct Header {
    key: VerifyingKey,
    exact: Bytes,
    signature: Bytes,
}

/// What a thread does before it asks for more.
enum Part<'a> {
    Hash(&'a [u8]),
    Verify { first: usize, count: usize },
}

impl Limit {
    /// What verifying this ledger cannot do without. Reads all of it.
    pub(super) fn of(made: &Made) -> anyhow::Result<Self> {
        let read = |file: &std::path::PathBuf| {
            fs::read(file).with_context(|| format!("cannot read {}", file.display()))
        };
        let segments = segments(&made.dir)?.iter().map(read).collect::<Result<_, _>>()?;
        let headers = headers(made)?;
        ensure!(!headers.is_empty(), "the ledger holds no message");
        Ok(Self { segments, headers, signatures: usize::try_from(made.signed())? })
    }

    pub(super) fn bytes(&self) -> usize {
        self.segments.iter().map(Vec::len).sum()
    }

    /// Does it, on all cores.
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let hashes = self.segments.iter().flat_map(|segment| segment.chunks(PART_BYTES)).map(Part::Hash);
        let verified = (0..self.signatures).step_by(PART_SIGNATURES).map(|first| {
            let count = PART_SIGNATURES.min(self.signatures - first);
            Part::Verify { first, count }
        });
        let parts: Vec<_> = hashes.chain(verified).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
                self.part(part)?;
            }
            Ok::<_, VerifyError>(())
        };
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        thread::scope(|scope| {
            let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            threads.into_iter().try_for_each(|thread| {
                Ok(thread.join().map_err(|_| anyhow!("a thread of the reference panicked"))??)
            })
        })
    }

    fn part(&self, part: &Part<'_>) -> Result<(), VerifyError> {
        match part {
            Part::Hash(bytes) => {
                black_box(sha256(bytes));
                Ok(())
            }
            Part::Verify { first, count } => {
                let kept = self.headers.iter().cycle().skip(first % self.headers.len());
                kept.take(*count).try_for_each(|Header { key, exact, signature }| {
                    verify_statement(key, PayloadType::Header, exact, signature)
                })
            }
        }
    }
}

/// Headers of the ledger, sent and received.
fn headers(made: &Made) -> anyhow::Result<Vec<Header>> {
    let network = Network::new(made.plan.seed)?;
    let keys = [&network.own, &network.peers[0], &network.peers[1]].map(|party| party.key.verifying_key());
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let (history, _) = History::open(&disk, &made.dir, 0)?;
    let mut headers = Vec::new();
    for entry in history.scan(0) {
        let (exact, signatures) = match entry?.leaf.record {
            Record::Sent(sent) => (sent.header, sent.signatures),
            Record::Received(received) => (received.header, received.signatures),
            _ => continue,
        };
        for Signature { key_id, bytes } in signatures {
            let key = keys.iter().find(|key| key.key_id() == key_id).context("a key of nobody")?;
            headers.push(Header { key: (*key).clone(), exact: exact.clone(), signature: bytes });
        }
        if headers.len() >= SIGNATURES_KEPT {
            break;
        }
    }
    Ok(headers)
}
