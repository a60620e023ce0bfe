//! What is appended to a ledger, and why it may be refused.

use bytes::Bytes;
use sealpost_crypto::digest::record_body_digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::{LEAF_BYTES_MAX, Leaf, Record};
use sealpost_seglog as seglog;
use sealpost_wire::ledger::leaf_to_bytes;

/// An append in the queue: a future of where the records lie. Dropping it does not take the append back.
pub type Pending = seglog::Pending;

/// A record that is to be appended.
#[derive(Clone)]
pub struct Draft {
    /// The node's clock.
    pub recorded_at: Instant,
    /// 32 random bytes, for the salted digests of this record.
    pub salt: [u8; 32],
    /// What the leaf says.
    pub record: Record,
    /// What lies beside it; empty where there is nothing.
    pub body: Bytes,
}

/// Why nothing of an append was kept.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The leaf is larger than C2SP allows.
    #[error("the leaf has {found} bytes, allowed are {LEAF_BYTES_MAX}")]
    LeafTooLarge {
        /// How many it would have.
        found: usize,
    },
    /// The log did not take it.
    #[error(transparent)]
    Log(#[from] seglog::append::Error),
}

impl Draft {
    /// The leaf and the body, as they are written.
    pub(crate) fn into_record(self) -> Result<seglog::Record, Error> {
        let Self { recorded_at, salt, record, body } = self;
        let body_digest = (!body.is_empty()).then(|| record_body_digest(&salt, &body));
        let leaf = leaf_to_bytes(&Leaf { recorded_at, salt, body_digest, record });
        if leaf.len() > LEAF_BYTES_MAX {
            return Err(Error::LeafTooLarge { found: leaf.len() });
        }
        Ok(seglog::Record { leaf, body })
    }
}
