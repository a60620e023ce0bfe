//! An envelope whose position its sender signed: judged, and recorded where it is new.

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::{DirectoryVersion, OpenedCommitment, Signature};
use sealpost_domain::link::{Arrival, Position, Settled};
use sealpost_domain::message::Priority;
use sealpost_domain::record::{self, Cursor, Record, Settlement, StoredBody};
use sealpost_domain::rule::Rule;
use sealpost_wire::envelope::header_from_bytes;
use sealpost_wire::ledger::stored_body_to_bytes;

use super::{Inbox, LinkKey, Tentative};
use crate::core::past::exhibits_of;
use crate::core::{Alarm, Core, Env, Error, Round};

/// An envelope whose signature and position are verified.
#[derive(Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Who sent it.
    pub sender: AgencyId,
    /// Its lane.
    pub priority: Priority,
    /// The exact bytes of its header.
    pub header: Bytes,
    /// SHA-256 of them.
    pub digest: Digest,
    /// Over those bytes.
    pub signatures: Vec<Signature>,
    /// Its position on the link.
    pub commitment: OpenedCommitment,
    /// Where the hub had it.
    pub cursor: Cursor,
    /// Whether it is shown, or by which rule it is not.
    pub settlement: Settlement,
    /// Its content as it is kept; `None` where there is no key that opens it.
    pub body: Option<StoredBody>,
    /// The same in the bucket of its own retention, where it opens and is refused by now: one that was delivered before, and
    /// whose body was lost, goes back there.
    pub again: Option<StoredBody>,
    /// What is a security matter about it, though its position is proven.
    pub alarm: Option<Alarm>,
    /// The directory by which all that was judged.
    pub directory: DirectoryVersion,
}

/// What became of an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It stands in the round.
    Recorded,
    /// It was settled before.
    Duplicate,
    /// It was settled before, its body had been lost, and stands in the round.
    Restored,
    /// It is not taken; an alarm says why.
    Alarmed,
    /// It lies too far ahead, as others before it on its link: it is asked for again when its turn comes.
    Postponed,
    /// It was verified under another directory than the one in force: nothing is recorded, it has to be verified again.
    Outdated,
}

impl Core {
    /// Judges an envelope by its position, and records it where it is new. Whatever comes of it, the hub may forget
    /// it once the round is durable, unless it has to be verified again.
    pub fn arrived(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        arrived: Arrived,
    ) -> Result<Judged, Error> {
        // A reader of the ledger judges each record by the directory before it: keys, agreements, operations and all.
        if self.directory().is_none_or(|directory| directory.version != arrived.directory) {
            return Ok(Judged::Outdated);
        }
        let OpenedCommitment { position, previous, .. } = arrived.commitment;
        let key = LinkKey {
            sender: arrived.sender.clone(),
            priority: arrived.priority,
            incarnation: position.incarnation,
        };
        let digests = (arrived.digest, previous);
        let (rule, detail) = match self.inbox.judge(env.past, &key, position.number, digests)? {
            Arrival::Next | Arrival::AfterGap if !self.inbox.admits(&key) => (
                Rule::LinkTooMany,
                format!("{} begins one more link, in incarnation {}", arrived.sender, position.incarnation),
            ),
            Arrival::Next | Arrival::AfterGap => {
                self.take(env, round, key, arrived);
                return Ok(Judged::Recorded);
            }
            Arrival::Duplicate if self.inbox.is_void(&key, position.number) => (
                Rule::LinkVoidDelivered,
                format!(
                    "number {} was filled without a message by its sender, and came all the same",
                    position.number
                ),
            ),
            Arrival::Duplicate if self.restore(env, round, &key, &arrived) => {
                return Ok(Judged::Restored);
            }
            Arrival::Duplicate => {
                self.inbox.repeat_receipt(&arrived.sender);
                return Ok(Judged::Duplicate);
            }
            Arrival::Equivocation { first } => {
                (Rule::LinkEquivocation, format!("number {} was settled by header {first}", position.number))
            }
            Arrival::BrokenChain { settled } => (
                Rule::LinkBrokenChain,
                format!("number {} names another predecessor than {settled}", position.number),
            ),
            Arrival::TooFarAhead { contiguous } => {
                if !self.inbox.expect_far(&key, position.number, env.now) {
                    return Ok(Judged::Postponed);
                }
                (
                    Rule::LinkTooFarAhead,
                    format!("number {} came while everything is settled up to {contiguous}", position.number),
                )
            }
        };
        let mut exhibits: Vec<Bytes> = vec![arrived.header];
        exhibits.extend(arrived.signatures.into_iter().map(|signature| signature.bytes));
        exhibits.extend(self.contradicted(env, round, &key, position.number, rule)?);
        let alarm =
            Alarm { rule, peer: Some(arrived.sender), header: Some(arrived.digest), detail, exhibits };
        self.alarm(env, round, alarm);
        Ok(Judged::Alarmed)
    }

    /// Records what is new on its link.
    fn take(&mut self, env: &mut Env<'_>, round: &mut Round, key: LinkKey, arrived: Arrived) {
        let OpenedCommitment { position: Position { number, .. }, previous, .. } = arrived.commitment;
        let body = arrived.body.as_ref().map_or_else(Bytes::new, stored_body_to_bytes);
        let received = record::Received {
            header: arrived.header,
            signatures: arrived.signatures,
            commitment: Some(arrived.commitment),
            cursor: arrived.cursor,
            settlement: arrived.settlement,
        };
        let place = round.record(env, Record::Received(received), body);
        self.inbox.expect_before(&key, number, env.now);
        self.inbox.got(&arrived.sender, arrived.priority, arrived.digest, env.now);
        self.inbox.hold(key, number, Tentative { digest: arrived.digest, previous, place });
        if let Some(alarm) = arrived.alarm {
            self.alarm(env, round, alarm);
        }
    }

    /// What the record says that another one contradicts: the second piece of evidence.
    pub(super) fn contradicted(
        &self,
        env: &Env<'_>,
        round: &Round,
        key: &LinkKey,
        number: u64,
        rule: Rule,
    ) -> Result<Vec<Bytes>, Error> {
        let numbers: &[u64] = match rule {
            Rule::LinkEquivocation | Rule::LinkVoidDelivered => &[number],
            // Its predecessor and its successor: one of them was settled before.
            Rule::LinkBrokenChain => &[number.saturating_sub(1), number.saturating_add(1)],
            _ => &[],
        };
        let mut exhibits = Vec::new();
        for number in numbers {
            if let Some(place) = self.inbox.settled_at(env.past, key, *number)? {
                exhibits.extend(exhibits_of(env.past, round, place));
            }
        }
        Ok(exhibits)
    }
}

impl Inbox {
    fn is_void(&self, key: &LinkKey, number: u64) -> bool {
        self.links.get(key).is_some_and(|link| link.received.is_void(number))
    }

    pub(in crate::core) fn apply_received(
        &mut self,
        index: u64,
        received: &record::Received,
    ) -> Result<(), Error> {
        let header = header_from_bytes(&received.header).map_err(|source| Error::Record { index, source })?;
        self.cursors.insert(header.priority, received.cursor);
        let peer = self.peers.entry(header.sender.clone()).or_default();
        peer.received += 1;
        let Some(commitment) = &received.commitment else { return Ok(()) };
        peer.settle();
        let settled = match &received.settlement {
            Settlement::Delivered => Settled::Delivered,
            Settlement::Excepted(disposition, rule) => Settled::Excepted(*disposition, rule.clone()),
        };
        let key = LinkKey {
            sender: header.sender,
            priority: header.priority,
            incarnation: commitment.position.incarnation,
        };
        let digests = (sha256(&received.header), commitment.previous);
        self.settle(key, commitment.position.number, digests, settled, index);
        Ok(())
    }
}
