//! The public part of a message: its header, its recipients, and the limits that every envelope keeps.

use bytes::Bytes;

use crate::agency::AgencyId;
use crate::digest::{Digest, KeyId};
use crate::handling::Handling;
use crate::instant::Instant;
use crate::link::Position;
use crate::message::{Category, Kind, MessageId, OperationId, Priority, SharingMode};
use crate::statement::Signed;

/// The version of the header that this code reads and writes.
pub const HEADER_VERSION: u32 = 1;
/// The largest header, in bytes.
pub const HEADER_BYTES_MAX: usize = 32 * 1024;
/// The largest body (the encoded alert), in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest sealed content: the body, its approvals and padding to a power of two, and the tag.
pub const SEALED_BYTES_MAX: usize = 2 * 1024 * 1024 + 16;
/// The most recipients of one message.
pub const RECIPIENTS_MAX: usize = 64;

/// A message on its way, as it was received: nothing in it is believed yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The exact bytes of a [`Header`], as signed.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: Vec<Signature>,
    /// The sealed content.
    pub sealed: Bytes,
    /// The content key, for each recipient.
    pub wraps: Vec<Wrap>,
}

/// The content key and the link position for one recipient, sealed to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Wrap {
    /// Who can open it.
    pub recipient: AgencyId,
    /// With which of its keys.
    pub key_id: KeyId,
    /// What the key encapsulation gave.
    pub encapsulated_key: Bytes,
    /// The sealed content key and position.
    pub ciphertext: Bytes,
}

/// What only the recipients can read.
#[derive(Clone, PartialEq, Eq)]
pub struct Content {
    /// 32 random bytes that make the plaintext digest unguessable.
    pub salt: [u8; 32],
    /// The exact bytes of an alert.
    pub body: Bytes,
    /// Signed by the sender's officers.
    pub approvals: Vec<Signed>,
}

/// A version of the directory, by number and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DirectoryVersion {
    /// Counted from 1.
    pub version: u64,
    /// SHA-256 of its payload.
    pub digest: Digest,
}

/// What everyone on the way may read about a message. Its exact encoded bytes are what is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The message.
    pub id: MessageId,
    /// The agency that sends it.
    pub sender: AgencyId,
    /// When the sender's node took it over, by its clock.
    pub sent_at: Instant,
    /// What it says.
    pub kind: Kind,
    /// Its lane.
    pub priority: Priority,
    /// When the window in which to act closes.
    pub act_before: Option<Instant>,
    /// What it is about.
    pub category: Category,
    /// On whose initiative it is shared.
    pub mode: SharingMode,
    /// How it may be used.
    pub handling: Handling,
    /// The joint operation to which it belongs.
    pub operation: Option<OperationId>,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// The directory under which the sender decided.
    pub directory: DirectoryVersion,
    /// To whom.
    pub recipients: Recipients,
    /// SHA-256 of the sealed content.
    pub sealed_digest: Digest,
    /// A commitment to the content key, which AES-GCM alone does not give.
    pub key_commitment: Digest,
    /// A salted digest of the body.
    pub plaintext_digest: Digest,
    /// A digest of the officers' approvals, where there are any.
    pub approval_digest: Option<Digest>,
}

/// One recipient of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The agency.
    pub agency: AgencyId,
    /// The agreement under which it is shared.
    pub agreement: Digest,
    /// Commits to the position on the link, which only this recipient can open.
    pub link_commitment: Digest,
}

/// 1 to 64 recipients, in ascending order of agency and each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients(Vec<Recipient>);

impl Recipients {
    /// Takes recipients over as they are listed; refuses a wrong number, order or repetition.
    pub fn new(recipients: Vec<Recipient>) -> Result<Self, RecipientsError> {
        if recipients.is_empty() || recipients.len() > RECIPIENTS_MAX {
            return Err(RecipientsError::Count { found: recipients.len() });
        }
        match recipients.windows(2).find(|pair| pair[0].agency >= pair[1].agency) {
            Some(pair) => Err(RecipientsError::Order { agency: pair[1].agency.clone() }),
            None => Ok(Self(recipients)),
        }
    }

    /// The recipients, ascending.
    pub fn as_slice(&self) -> &[Recipient] {
        &self.0
    }

    /// The entry of one agency.
    pub fn get(&self, agency: &AgencyId) -> Option<&Recipient> {
        self.0.iter().find(|recipient| recipient.agency == *agency)
    }

    /// The agencies, ascending.
    pub fn agencies(&self) -> impl Iterator<Item = &AgencyId> {
        self.0.iter().map(|recipient| &recipient.agency)
    }
}

/// A list of recipients that no envelope may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientsError {
    /// None, or too many.
    #[error("found {found} recipients, expected 1 to {RECIPIENTS_MAX}")]
    Count {
        /// How many there are.
        found: usize,
    },
    /// Out of order, or twice.
    #[error("recipient {agency} is out of ascending order or listed twice")]
    Order {
        /// The agency at fault.
        agency: AgencyId,
    },
}

/// A signature, and the key that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Which key.
    pub key_id: KeyId,
    /// The signature's bytes; how they are read depends on the key's directory record.
    pub bytes: Bytes,
}

/// What a link commitment hides: the position, what stood before it, and the salt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedCommitment {
    /// The sender's incarnation and the number.
    pub position: Position,
    /// The digest of the header before, zeros before the first.
    pub previous: Digest,
    /// 32 random bytes.
    pub salt: [u8; 32],
}
