//! What nodes and the hub say under signature about messages: acceptances, receipts, heads and the rest.
//!
//! These are the contents. Who signed, and whether the signature holds, is decided before one of them exists.

use bytes::Bytes;

use crate::agency::AgencyId;
use crate::digest::Digest;
use crate::envelope::{DirectoryVersion, OpenedCommitment, Signature};
use crate::handling::Handling;
use crate::instant::Instant;
use crate::link::{Disposition, Head, Incarnation, Range};
use crate::message::{Category, Kind, MessageId, OperationId, Priority, SharingMode};

/// A statement as it travels and is stored: the exact bytes that were signed, and the signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The exact bytes that were signed.
    pub payload: Bytes,
    /// Over those bytes and their type.
    pub signatures: Vec<Signature>,
}

/// The type of a control frame that the hub relays between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControlType {
    /// [`Receipt`].
    Receipt,
    /// [`Heads`].
    Heads,
    /// [`Void`].
    Void,
    /// [`Resend`].
    Resend,
    /// [`NeedWrap`].
    NeedWrap,
    /// [`Resume`].
    Resume,
    /// [`ProofRequest`].
    ProofRequest,
    /// [`Proof`].
    Proof,
}

/// The hub took over a batch, durably, except for what it refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// Which life of the hub's journal.
    pub hub_incarnation: Incarnation,
    /// The batch's index in that journal.
    pub index: u64,
    /// When, by the hub's clock.
    pub accepted_at: Instant,
    /// Who submitted the batch.
    pub sender: AgencyId,
    /// SHA-256 over the header digests, in their order.
    pub batch_digest: Digest,
    /// How many envelopes the batch has.
    pub count: u32,
    /// What is not delivered.
    pub refusals: Vec<HubRefusal>,
}

/// What the hub does not deliver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubRefusal {
    /// The envelope, counted from 0 within the batch.
    pub position: u32,
    /// The recipient; `None` for the whole envelope.
    pub recipient: Option<AgencyId>,
    /// The rule.
    pub rule: String,
}

impl Accepted {
    /// The refusals that concern an envelope of the batch, counted from 0.
    pub fn refusals_of(&self, position: usize) -> impl Iterator<Item = &HubRefusal> {
        self.refusals.iter().filter(move |refusal| usize::try_from(refusal.position) == Ok(position))
    }
}

impl HubRefusal {
    /// Whether it keeps the envelope from a recipient.
    pub fn concerns(&self, recipient: &AgencyId) -> bool {
        self.recipient.as_ref().is_none_or(|refused| refused == recipient)
    }
}

/// What a recipient has settled of one sender's messages. The latest replaces all before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Who signs.
    pub recipient: AgencyId,
    /// Whose messages.
    pub sender: AgencyId,
    /// The life of the recipient's ledger.
    pub recipient_incarnation: Incarnation,
    /// Counted from 1 within that incarnation and towards this sender.
    pub number: u64,
    /// When, by the recipient's clock.
    pub made_at: Instant,
    /// What is settled, for each priority and incarnation of the sender.
    pub links: Vec<LinkReceipt>,
    /// The recipient's latest checkpoint, a signed note; empty before the first.
    pub checkpoint: Bytes,
    /// The directory that the recipient has installed.
    pub directory: DirectoryVersion,
    /// The sender's latest checkpoint that the recipient cosigned, a signed note; empty where there is none to tell.
    pub cosigned: Bytes,
    /// What was not delivered according to receipts up to this one is not told here again; 0 where nothing is left out.
    pub builds_on: u64,
}

/// What is settled on one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkReceipt {
    /// The lane.
    pub priority: Priority,
    /// The life of the sender's ledger.
    pub sender_incarnation: Incarnation,
    /// Every number up to and with this one is settled.
    pub contiguous: u64,
    /// The digest of the header at that number.
    pub chain_digest: Digest,
    /// Delivered beyond the contiguous numbers.
    pub delivered: Vec<Delivered>,
    /// Settled without being delivered.
    pub exceptions: Vec<Exception>,
    /// Read.
    pub read: Vec<Range>,
    /// For an earlier life of the sender's ledger: where the sender said that its link ended, if everything up to there
    /// is settled here under that digest. A restored sender knows by it that the numbers are those that it knows.
    pub agreed: Option<Head>,
    /// Filled by the sender without a message, and not there before.
    pub filled: Vec<Range>,
}

impl LinkReceipt {
    /// What this receipt says of one number; `None` when it is not settled.
    pub fn outcome(&self, number: u64) -> Option<Outcome<'_>> {
        if let Some(exception) = self.exceptions.iter().find(|exception| exception.number == number) {
            return Some(Outcome::Excepted(exception.disposition, &exception.rule));
        }
        if self.filled.iter().any(|range| range.contains(number)) {
            return Some(Outcome::Filled);
        }
        let settled = number <= self.contiguous
            || self.delivered.iter().any(|delivered| delivered.numbers.contains(number));
        settled.then(|| {
            if self.read.iter().any(|range| range.contains(number)) {
                Outcome::Read
            } else {
                Outcome::Delivered
            }
        })
    }
}

/// Numbers that were delivered beyond a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// Which.
    pub numbers: Range,
    /// The digest of the header at the last of them; `None` from a node that does not tell it.
    pub digest: Option<Digest>,
}

/// What a receipt says of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Durable at the recipient.
    Delivered,
    /// Also shown to an officer or taken over by a system.
    Read,
    /// Not delivered, by this rule.
    Excepted(Disposition, &'a str),
    /// Filled by the sender without a message.
    Filled,
}

/// A number that was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// The number.
    pub number: u64,
    /// How it was settled.
    pub disposition: Disposition,
    /// The rule that decided.
    pub rule: String,
}

/// Where a sender's links to one recipient stand. The latest replaces all before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// Who signs.
    pub sender: AgencyId,
    /// To whom.
    pub recipient: AgencyId,
    /// When, by the sender's clock.
    pub made_at: Instant,
    /// The ends of the links.
    pub links: Vec<LinkHead>,
    /// The latest receipt that the sender holds.
    pub receipt: Option<HeldReceipt>,
    /// The sender's latest checkpoint, a signed note; empty before the first.
    pub checkpoint: Bytes,
    /// The directory that the sender has installed.
    pub directory: DirectoryVersion,
    /// The recipient's latest checkpoint that the sender cosigned, a signed note; empty before the first.
    pub cosigned: Bytes,
}

/// A receipt of a peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldReceipt {
    /// The life of the peer's ledger.
    pub incarnation: Incarnation,
    /// Its number in that life.
    pub number: u64,
    /// SHA-256 of its payload: a ledger that was set back uses numbers again.
    pub digest: Digest,
}

/// The end of one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkHead {
    /// The lane.
    pub priority: Priority,
    /// The life of the sender's ledger.
    pub incarnation: Incarnation,
    /// The last number and its digest.
    pub head: Head,
    /// Whether more is to come.
    pub activity: Activity,
}

/// Whether a link is still being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// More heads follow.
    Active,
    /// The last head of a burst.
    Last,
}

/// The sender fills a number without a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Void {
    /// Who signs.
    pub sender: AgencyId,
    /// To whom.
    pub recipient: AgencyId,
    /// The lane.
    pub priority: Priority,
    /// The life of the sender's ledger.
    pub incarnation: Incarnation,
    /// The number.
    pub number: u64,
    /// The header that had it.
    pub header: Digest,
    /// The header before it.
    pub previous: Digest,
    /// Why.
    pub reason: VoidReason,
    /// When, by the sender's clock.
    pub made_at: Instant,
}

/// Why a number has no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoidReason {
    /// The hub refused it.
    Refused,
    /// The sender took it back.
    Withdrawn,
    /// Its body was erased.
    Erased,
    /// An earlier life of the recipient's ledger had it, and the rules let it go no more.
    Ended,
}

/// A recipient asks for numbers that it misses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resend {
    /// Who asks.
    pub recipient: AgencyId,
    /// Who is asked.
    pub sender: AgencyId,
    /// The lane.
    pub priority: Priority,
    /// The life of the sender's ledger.
    pub incarnation: Incarnation,
    /// What is missing.
    pub numbers: Vec<Range>,
    /// When.
    pub made_at: Instant,
}

/// A recipient could not open its wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeedWrap {
    /// Who asks.
    pub recipient: AgencyId,
    /// Who is asked.
    pub sender: AgencyId,
    /// Of which headers.
    pub headers: Vec<Digest>,
    /// When.
    pub made_at: Instant,
}

/// What one node knows of its links with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// Who speaks.
    pub from: AgencyId,
    /// To whom.
    pub to: AgencyId,
    /// The life of the speaker's ledger.
    pub incarnation: Incarnation,
    /// Where the speaker sends.
    pub sent: Vec<LinkHead>,
    /// Where the speaker receives: what is settled without a gap.
    pub received: Vec<LinkHead>,
    /// When.
    pub made_at: Instant,
    /// Asks for an answer that names this.
    pub greeting: Option<Greeting>,
    /// The greeting that is answered.
    pub answers: Option<Greeting>,
    /// The last headers of the addressee, where it names others: it may have lost records.
    pub returned: Vec<ReturnedHeader>,
}

/// What an answer names, so that an old one is not taken for it: 8 random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greeting(pub [u8; 8]);

/// A header shown to the agency that signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedHeader {
    /// The exact bytes.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: Vec<Signature>,
    /// The position that its commitment hides.
    pub commitment: OpenedCommitment,
}

/// A node asks a peer to prove that its ledger only grew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofRequest {
    /// Who asks.
    pub from: AgencyId,
    /// Who is asked.
    pub to: AgencyId,
    /// The ledger's origin line.
    pub origin: String,
    /// The smaller tree.
    pub first_size: u64,
    /// The larger tree.
    pub second_size: u64,
    /// When.
    pub made_at: Instant,
}

/// A consistency proof of RFC 6962.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Who answers.
    pub from: AgencyId,
    /// Who asked.
    pub to: AgencyId,
    /// The ledger's origin line.
    pub origin: String,
    /// The smaller tree.
    pub first_size: u64,
    /// The larger tree.
    pub second_size: u64,
    /// The proof's nodes.
    pub hashes: Vec<Digest>,
    /// When.
    pub made_at: Instant,
}

/// An officer releases a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Which one.
    pub message: MessageId,
    /// Of which agency.
    pub sender: AgencyId,
    /// To whom, as expanded at release.
    pub recipients: Vec<AgencyId>,
    /// What it says.
    pub kind: Kind,
    /// How it may be used.
    pub handling: Handling,
    /// When the window closes.
    pub act_before: Option<Instant>,
    /// The message that it answers or is about.
    pub in_reply_to: Option<MessageId>,
    /// What it is about.
    pub category: Category,
    /// On whose initiative it is shared.
    pub mode: SharingMode,
    /// The joint operation to which it belongs.
    pub operation: Option<OperationId>,
    /// Its lane.
    pub priority: Priority,
    /// Its salted digest.
    pub plaintext_digest: Digest,
    /// When.
    pub approved_at: Instant,
}

#[cfg(test)]
mod tests;
