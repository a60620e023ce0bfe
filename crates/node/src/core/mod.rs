//! The node's single writer: what is recorded, in which order, and what follows from it.
//!
//! Pure: clock, randomness and signer are arguments ([`Env`]), the disk and the network are the caller's. A caller
//! gathers decisions in a [`Round`], appends the round's records in their order, and then does one of two things:
//!
//! * they are durable: it hands each of them to [`Core::apply`], the only place where state changes, and sends what
//!   the round says;
//! * they are not: it calls [`Core::forget`], and nothing of the round ever happened.
//!
//! After a restart the same [`Core::apply`] gets every record of the ledger in order, so that there is one way to a
//! state and not two.
//!
//! Never here: awaiting, files, sockets, the content of a message.

mod calendar;
mod directories;
pub mod erasures;
mod error;
pub mod facts;
pub mod inbox;
mod keys;
pub mod outbox;
mod past;
mod resume;
mod round;
mod security;
mod statement;
pub mod witness;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::Signer;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::Record;
use sealpost_domain::statement::{Receipt, Void};
use sealpost_wire::statement::Payload as _;

pub use directories::{Directories, Installing, NotInstalled, Opener, Unbelieved};
use erasures::Erasures;
pub use error::Error;
use inbox::Inbox;
pub use keys::{KeyFault, Silenced};
use outbox::Outbox;
pub use past::Past;
use resume::Meetings;
pub use round::{Outgoing, Round};
pub use security::{Alarm, Security};
pub use statement::Said;
pub(crate) use statement::Statement;
use statement::sign;
pub(crate) use statement::{sign_with, signature_of};
use witness::Witnessing;

/// What the core is given from outside.
pub struct Env<'a> {
    /// The node's clock.
    pub now: Instant,
    /// Random numbers.
    pub rng: &'a mut dyn CryptoRng,
    /// The node's signing key.
    pub signer: &'a dyn Signer,
    /// The ledger's latest checkpoint, a signed note; empty before the first.
    pub checkpoint: Bytes,
    /// The durable records.
    pub past: &'a dyn Past,
}

/// By how much a clock is set back at most while statements go on from where they were: one that had been wrong for more is
/// to be right at once.
const SET_BACK_MAX: Duration = Duration::from_hours(1);

/// When the node tries and asks again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policies {
    /// What it sends.
    pub outbox: outbox::Policy,
    /// Proofs of peers.
    pub witness: witness::Policy,
}

/// Everything that the node knows about its links, and decides on.
pub struct Core {
    me: AgencyId,
    incarnation: Incarnation,
    next: u64,
    /// The directories in force.
    pub directories: Directories,
    /// What the node sends.
    pub outbox: Outbox,
    /// What the node receives.
    pub inbox: Inbox,
    /// What should not have happened.
    pub security: Security,
    /// What is known of peers' ledgers.
    pub witness: Witnessing,
    /// What was erased, and what is held.
    pub erasures: Erasures,
    meetings: Meetings,
    /// The latest time that this node has told anybody.
    dated: Option<Instant>,
}

impl Core {
    /// The core of an agency's node before the first record of its ledger, which now lives as `incarnation`.
    pub fn new(me: AgencyId, incarnation: Incarnation, policies: Policies, opener: Opener) -> Self {
        Self {
            outbox: Outbox::new(me.clone(), incarnation, policies.outbox),
            inbox: Inbox::new(me.clone(), incarnation),
            directories: Directories::new(opener),
            security: Security::default(),
            witness: Witnessing::new(policies.witness),
            erasures: Erasures::default(),
            meetings: Meetings::default(),
            dated: None,
            me,
            incarnation,
            next: 0,
        }
    }

    /// Whose node this is.
    pub fn agency(&self) -> &AgencyId {
        &self.me
    }

    /// This life of its ledger.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Whether everyone has said what he has, since nothing proved that this ledger is not an older copy of itself: who
    /// is in the directory, since the copy may lack all that was ever sent to him, and who was sent to and left it.
    pub fn has_heard_all(&self) -> bool {
        let agencies = self.directory().into_iter().flat_map(|directory| directory.agencies.keys());
        let others = agencies.filter(|agency| **agency != self.me);
        !self.is_rolled_back() && self.outbox.has_heard(others)
    }

    /// Nothing proves that this ledger is not an older copy of itself, from this record on: no peer is sent to before it
    /// said what it has.
    pub fn await_peers(&mut self, unproven_from: u64) {
        self.outbox.close_all(unproven_from);
    }

    /// The index of the record that is applied next.
    pub fn next_index(&self) -> u64 {
        self.next
    }

    /// The directory in force; `None` before the first was recorded.
    pub fn directory(&self) -> Option<&Arc<Directory>> {
        self.directories.current()
    }

    /// Takes over a record that is durable: live after its append, and again after a restart.
    pub fn apply(
        &mut self,
        index: u64,
        recorded_at: Instant,
        record: &Record,
        body: &Bytes,
    ) -> Result<(), Error> {
        if index != self.next {
            return Err(Error::Order { expected: self.next, found: index });
        }
        let unreadable = |source| Error::Record { index, source };
        match record {
            Record::Directory(version) => self.apply_directory(index, *version, body)?,
            Record::Sent(sent) => self.outbox.apply_sent(index, recorded_at, sent, body)?,
            Record::Accepted { statement, headers } => {
                self.outbox.apply_accepted(index, recorded_at, statement, headers)?;
            }
            Record::ReceiptReceived(statement) => {
                let receipt = Receipt::from_payload(&statement.payload).map_err(unreadable)?;
                self.outbox.apply_receipt(recorded_at, &receipt, sha256(&statement.payload));
            }
            Record::Received(received) => self.inbox.apply_received(index, received)?,
            Record::Body { index: of, .. } => {
                self.inbox.apply_body(index, *of);
                self.erasures.apply(index, recorded_at, record, body);
            }
            Record::ReceiptSent(statement) => {
                let receipt = Receipt::from_payload(&statement.payload).map_err(unreadable)?;
                self.inbox.apply_receipt(&receipt, statement);
                if !receipt.cosigned.is_empty() {
                    self.witness.apply_told(&receipt.sender);
                }
            }
            Record::Read { sender, priority, position, .. } => {
                self.inbox.apply_read(sender, *priority, *position);
            }
            Record::Voided(statement) => {
                let void = Void::from_payload(&statement.payload).map_err(unreadable)?;
                if void.sender == self.me {
                    self.outbox.apply_void(recorded_at, &void, statement);
                } else {
                    self.inbox.apply_void(index, &void);
                }
            }
            Record::Security { rule, header, .. } => {
                self.security.apply(rule, *header);
                self.meetings.apply_security(rule);
            }
            Record::Incarnation { incarnation, unsent_from, .. } => {
                self.meetings.begin_life();
                self.outbox.begin_life(*incarnation);
                if let Some(from) = unsent_from {
                    self.outbox.withdraw_unsent(*from, recorded_at);
                }
            }
            Record::Witness(_) | Record::Cosigned { .. } => {
                self.apply_witnessing(index, recorded_at, record)?;
            }
            Record::Erasure { .. } | Record::Hold { .. } => {
                self.erasures.apply(index, recorded_at, record, body);
            }
            Record::Access { .. } | Record::Loss { .. } => {}
        }
        self.dated = self.dated.max(Some(recorded_at));
        self.next = index + 1;
        Ok(())
    }

    fn apply_directory(&mut self, index: u64, version: DirectoryVersion, body: &Bytes) -> Result<(), Error> {
        let before = self.directory().cloned();
        self.directories.apply(index, version, body)?;
        if before.is_some_and(|before| self.has_lost_a_key_since(&before)) {
            self.outbox.key_ended();
        }
        Ok(())
    }

    /// The date of a statement that is made now: never before that of an earlier one, also where the clock was set back,
    /// since peers tell by it which of two was made later.
    fn date(&mut self, now: Instant) -> Instant {
        let before = self.dated.filter(|before| before.since(now) <= SET_BACK_MAX);
        let date = before.map_or(now, |before| before.max(now));
        self.dated = Some(date);
        date
    }

    /// Takes over a record whose leaf is lost: whatever it said, it is not known any more.
    pub fn apply_lost(&mut self, index: u64) -> Result<(), Error> {
        if index != self.next {
            return Err(Error::Order { expected: self.next, found: index });
        }
        self.outbox.apply_lost();
        self.next = index + 1;
        Ok(())
    }

    /// The records of the round were not kept: nothing of it happened.
    pub fn forget(&mut self) {
        self.outbox.forget();
        self.inbox.forget();
        self.witness.forget();
    }

    /// The records of the round are durable and applied: what was held for them is no longer needed.
    pub fn settled(&mut self) {
        self.outbox.settled();
        self.inbox.forget();
        self.witness.forget();
    }
}

#[cfg(test)]
mod tests;
