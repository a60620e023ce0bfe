//! The records of a node's ledger: what the node sent, received, was promised and did.

use bytes::Bytes;

use crate::agency::AgencyId;
use crate::digest::{Digest, KeyId};
use crate::envelope::{DirectoryVersion, OpenedCommitment, Signature};
use crate::instant::Instant;
use crate::link::{Disposition, Incarnation, Position};
use crate::message::{MessageId, Priority};
use crate::statement::Signed;

/// The largest leaf, in bytes (C2SP tlog-tiles).
pub const LEAF_BYTES_MAX: usize = 65_535;

/// What the ledger proves for ever. No personal data; the erasable body lies beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The node's clock when the record was made.
    pub recorded_at: Instant,
    /// 32 random bytes.
    pub salt: [u8; 32],
    /// A salted digest of the body; `None` where there is none.
    pub body_digest: Option<Digest>,
    /// What was recorded.
    pub record: Record,
}

/// What a leaf records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The first leaf of a ledger.
    Incarnation {
        /// Whose ledger.
        agency: AgencyId,
        /// This life of it.
        incarnation: Incarnation,
        /// The life before, and the last checkpoint known of it.
        previous: Option<(Incarnation, Bytes)>,
        /// What was published from this record on and never promised by a hub is given up: its numbers may be in use.
        unsent_from: Option<u64>,
    },
    /// The directory in force from here on. Body: its signed statement.
    Directory(DirectoryVersion),
    /// A message of our own. Body: [`StoredBody`].
    Sent(Sent),
    /// A message of a peer. Body: [`StoredBody`].
    Received(Received),
    /// The hub's promise for a batch of ours.
    Accepted {
        /// Signed by the hub.
        statement: Signed,
        /// In the order of the batch.
        headers: Vec<Digest>,
    },
    /// What we settled, as we told a peer.
    ReceiptSent(Signed),
    /// What a peer settled of ours.
    ReceiptReceived(Signed),
    /// A number without a message, ours or a peer's.
    Voided(Signed),
    /// Something that should not have happened. Body: [`Evidence`].
    Security {
        /// The rule, by its name in docs/rules.md.
        rule: String,
        /// Who is concerned.
        peer: Option<AgencyId>,
        /// The header concerned.
        header: Option<Digest>,
    },
    /// Someone read or searched, or was refused. Body: who, by name.
    Access {
        /// Pseudonymous.
        key: KeyId,
        /// What was done.
        action: String,
        /// With which message.
        message: Option<MessageId>,
        /// The rule that refused it.
        refused_by: Option<String>,
    },
    /// A message was read.
    Read {
        /// Which one.
        message: MessageId,
        /// Whose.
        sender: AgencyId,
        /// Its lane.
        priority: Priority,
        /// Its place on the link.
        position: Position,
        /// By whom, pseudonymous.
        key: KeyId,
    },
    /// Bodies are erased: a key is destroyed once this is durable. Body: who ordered it and why, a [`StoredBody`]; none where
    /// the time alone does it.
    Erasure {
        /// The bucket that ends, but for what is held by then.
        bucket: Bytes,
        /// Why.
        rule: String,
        /// One body alone.
        index: Option<u64>,
        /// The key that is destroyed, by a name that tells nothing of it.
        key: KeyId,
    },
    /// A legal hold on one body begins or ends. Body: who ordered it and why, a [`StoredBody`].
    Hold {
        /// The record whose body it is.
        index: u64,
        /// Its bucket.
        bucket: Bytes,
        /// Whether it is held from here on.
        held: bool,
    },
    /// The body of an earlier record, which was lost, came again from its sender. Body: [`StoredBody`].
    Body {
        /// Whose it is.
        index: u64,
        /// The digest of that record's header.
        header: Digest,
    },
    /// A leaf was lost; its hash stays in the tree.
    Loss {
        /// Which one.
        index: u64,
        /// Its hash.
        leaf_hash: Digest,
    },
    /// A checkpoint of a peer's ledger that we keep.
    Witness(Witness),
    /// A checkpoint of our own that a peer has cosigned.
    Cosigned {
        /// Who cosigned.
        peer: AgencyId,
        /// A signed note, with our signature and the peer's cosignature.
        note: Bytes,
    },
}

/// A checkpoint of a peer's ledger that we keep: the first of its origin, or one that was proved to continue the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Whose ledger.
    pub peer: AgencyId,
    /// A signed note, with the peer's signature and our cosignature.
    pub note: Bytes,
    /// The consistency proof from the one before; empty for the first.
    pub proof: Vec<Digest>,
    /// When the peer said it, by the peer's clock, but never far ahead of ours.
    pub made_at: Instant,
}

/// A message of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The exact bytes that were signed.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: Vec<Signature>,
    /// What the header's commitments hide, in the order of its recipients.
    pub commitments: Vec<OpenedCommitment>,
    /// A digest of the publisher's own key for the message, under a secret of its bucket.
    pub idempotency_digest: Option<Digest>,
    /// Who handed it in, pseudonymous.
    pub publisher: KeyId,
}

/// A message of a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The exact bytes that were signed.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: Vec<Signature>,
    /// What our commitment hides; `None` where it could not be opened.
    pub commitment: Option<OpenedCommitment>,
    /// Where the hub had it.
    pub cursor: Cursor,
    /// How it was settled.
    pub settlement: Settlement,
}

/// A place in the hub's journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The life of the hub's journal.
    pub hub_incarnation: Incarnation,
    /// The index.
    pub index: u64,
    /// The digest of the header delivered there.
    pub entry_digest: Digest,
}

/// How a received message was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Verified, allowed and shown.
    Delivered,
    /// Kept, not shown, by this rule.
    Excepted(Disposition, String),
}

/// The erasable part of a message at rest.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredBody {
    /// The sealed content, as sent or received.
    pub sealed: Bytes,
    /// Which bucket key the content key is wrapped under.
    pub bucket: Bytes,
    /// The nonce of that wrapping.
    pub key_nonce: [u8; 12],
    /// The wrapped content key.
    pub wrapped_key: Bytes,
}

/// What a security event leaves behind.
#[derive(Clone, PartialEq, Eq)]
pub struct Evidence {
    /// For people.
    pub detail: String,
    /// The bytes themselves.
    pub exhibits: Vec<Bytes>,
}
