//! A message of our own gets its numbers, its signature and its record, in one step and last of all.

use std::sync::Arc;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_crypto::digest::{link_commitment, sha256};
use sealpost_crypto::dsse::{PayloadType, sign_statement};
use sealpost_crypto::seal::ContentKey;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::envelope::{
    DirectoryVersion, Header, OpenedCommitment, Recipient, Recipients, RecipientsError,
};
use sealpost_domain::handling::Handling;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Head, Incarnation, Position};
use sealpost_domain::message::{Category, Kind, MessageId, OperationId, Priority, SharingMode};
use sealpost_domain::record::{Record, Sent, StoredBody};
use sealpost_wire::envelope::{header_from_bytes, header_to_bytes};
use sealpost_wire::ledger::stored_body_to_bytes;

use super::{LinkKey, Open, Outbox, Progress};
use crate::core::facts::Fact;
use crate::core::{Core, Env, Error, Past, Round, signature_of};

/// A bucket in which content keys are kept. Its key is there already: keeping touches no disk.
pub trait Keep: Send + Sync {
    /// The body of a message at rest, its content key wrapped and bound to the message's header; `None` when the
    /// bucket has ended meanwhile.
    fn keep(
        &self,
        rng: &mut dyn CryptoRng,
        key: &ContentKey,
        header: &Digest,
        sealed: Bytes,
    ) -> Option<StoredBody>;
}

/// What a header says that its sender chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderParts {
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
}

/// A message that is sealed and allowed: all that can fail is done.
pub struct Prepared {
    /// The id that it must get: the one that officers approved. `None`: a new one.
    pub id: Option<MessageId>,
    /// What its sender chose.
    pub parts: HeaderParts,
    /// To whom, ascending, and under which agreement.
    pub recipients: Vec<(AgencyId, Digest)>,
    /// The directory under which that was decided.
    pub directory: DirectoryVersion,
    /// The sealed content.
    pub sealed: Bytes,
    /// SHA-256 of it.
    pub sealed_digest: Digest,
    /// The commitment to the content key.
    pub key_commitment: Digest,
    /// The salted digest of the body.
    pub plaintext_digest: Digest,
    /// The digest of the approvals that are sealed with it.
    pub approval_digest: Option<Digest>,
    /// The key under which the content is sealed.
    pub content_key: ContentKey,
    /// Where that key is kept.
    pub bucket: Arc<dyn Keep>,
    /// The publisher's own name for the message.
    pub idempotency: Option<Idempotency>,
    /// Who handed it in.
    pub publisher: KeyId,
}

/// What the ledger holds of a publisher's own name for a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// Its digest in the bucket of this message.
    pub digest: Digest,
    /// Its digests in all buckets: it may have been used in any of them.
    pub used_as: Vec<Digest>,
}

/// What came of a message that was to be published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It stands in the round.
    Recorded(Placed),
    /// Its key was used for the message that lies there.
    RepeatsRecord(u64),
    /// Its key is used by the message at this place of the same round.
    RepeatsPlace(usize),
    /// Another directory is in force by now, or its bucket has ended: it has to be prepared again.
    Stale,
}

/// A message that becomes durable with its round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The place of its record within the round.
    pub place: usize,
    /// The message.
    pub id: MessageId,
    /// When it was taken over.
    pub sent_at: Instant,
    /// To whom, ascending.
    pub recipients: Vec<AgencyId>,
}

impl Core {
    /// Numbers, signs and records a prepared message.
    pub fn publish(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        prepared: &Prepared,
    ) -> Result<Answer, Error> {
        if self.directory().is_none_or(|directory| directory.version != prepared.directory) {
            return Ok(Answer::Stale);
        }
        let idempotency = prepared.idempotency.as_ref();
        if let Some(key) = idempotency
            && let Some(answer) = self.outbox.used(env.past, &key.used_as)?
        {
            return Ok(answer);
        }
        let idempotency_digest = idempotency.map(|key| key.digest);
        let id = prepared.id.unwrap_or_else(|| new_id(env));

        let positions = self.outbox.next_positions(env, prepared);
        let header = header(&self.outbox.me, id, env.now, prepared, &positions)
            .map_err(|fault| Error::Contradiction { index: self.next_index(), fault: fault.to_string() })?;
        let header_bytes = header_to_bytes(&header);
        let digest = sha256(&header_bytes);
        let signature = sign_statement(env.signer, PayloadType::Header, &header_bytes)?;

        let sealed = prepared.sealed.clone();
        let Some(body) = prepared.bucket.keep(env.rng, &prepared.content_key, &digest, sealed) else {
            return Ok(Answer::Stale);
        };
        let sent = Sent {
            header: header_bytes,
            signatures: vec![signature_of(&signature)],
            commitments: positions.iter().map(|(_, commitment)| *commitment).collect(),
            idempotency_digest,
            publisher: prepared.publisher,
        };
        let place = round.record(env, Record::Sent(sent), stored_body_to_bytes(&body));
        self.outbox.hold(prepared.parts.priority, &positions, digest, idempotency_digest, place);
        let recipients = prepared.recipients.iter().map(|(agency, _)| agency.clone()).collect();
        Ok(Answer::Recorded(Placed { place, id, sent_at: env.now, recipients }))
    }
}

impl Outbox {
    fn used(&self, past: &dyn Past, keys: &[Digest]) -> Result<Option<Answer>, Error> {
        let place = |key| self.tentative.keys.get(key).map(|place| Answer::RepeatsPlace(*place));
        if let Some(answer) = keys.iter().find_map(place) {
            return Ok(Some(answer));
        }
        let index = match self.message_of(keys) {
            Some(index) => Some(index),
            None => past.message_of(keys)?,
        };
        Ok(index.map(Answer::RepeatsRecord))
    }

    /// The ledger index of the message that was published under a key, by any digest of it, where the index over the
    /// ledger does not have it yet: whoever asks both asks here first.
    pub fn message_of(&self, keys: &[Digest]) -> Option<u64> {
        keys.iter().find_map(|key| self.keys.get(key)).copied()
    }

    fn head(&self, key: &LinkKey) -> Head {
        let tentative = self.tentative.heads.get(key).copied();
        tentative.or_else(|| self.links.get(key).map(super::OutLink::head)).unwrap_or(Head::EMPTY)
    }

    fn next_positions(&self, env: &mut Env<'_>, prepared: &Prepared) -> Vec<(AgencyId, OpenedCommitment)> {
        let incarnation = self.incarnation;
        let priority = prepared.parts.priority;
        let next = |(recipient, _): &(AgencyId, Digest)| {
            let head = self.head(&LinkKey { recipient: recipient.clone(), priority, incarnation });
            let mut salt = [0; 32];
            env.rng.fill_bytes(&mut salt);
            let position = Position { incarnation, number: head.number + 1 };
            (recipient.clone(), OpenedCommitment { position, previous: head.digest, salt })
        };
        prepared.recipients.iter().map(next).collect()
    }

    fn hold(
        &mut self,
        priority: Priority,
        positions: &[(AgencyId, OpenedCommitment)],
        digest: Digest,
        key: Option<Digest>,
        place: usize,
    ) {
        for (recipient, commitment) in positions {
            let Position { incarnation, number } = commitment.position;
            let link = LinkKey { recipient: recipient.clone(), priority, incarnation };
            self.tentative.heads.insert(link, Head { number, digest });
        }
        if let Some(key) = key {
            self.tentative.keys.insert(key, place);
        }
    }

    pub(in crate::core) fn apply_sent(
        &mut self,
        index: u64,
        at: Instant,
        sent: &Sent,
        body: &Bytes,
    ) -> Result<(), Error> {
        let unreadable = |source| Error::Record { index, source };
        let header = header_from_bytes(&sent.header).map_err(unreadable)?;
        let digest = sha256(&sent.header);
        let mut targets = Vec::with_capacity(sent.commitments.len());
        let mut incarnation = Incarnation([0; 16]);
        for (recipient, commitment) in header.recipients.agencies().zip(&sent.commitments) {
            let number = commitment.position.number;
            incarnation = commitment.position.incarnation;
            let key = LinkKey { recipient: recipient.clone(), priority: header.priority, incarnation };
            let link = self.links.entry(key).or_default();
            link.pass_lost(number, commitment.previous, self.lost, at);
            if !link.push(number, digest, index, at) {
                let fault = format!("number {number} is not the next one towards {recipient}");
                return Err(Error::Contradiction { index, fault });
            }
            targets.push((recipient.clone(), number));
            self.touch(recipient, at);
        }
        if let Some(key) = sent.idempotency_digest {
            self.keys.insert(key, index);
            self.facts.push(Fact::KeyUsed { key, record: index });
        }
        let open = Open {
            header: digest,
            priority: header.priority,
            incarnation,
            act_before: header.act_before,
            // A window that had closed before is no news.
            overdue_told: header.act_before.is_some_and(|act_before| act_before <= at),
            size: sent.header.len() + body.len(),
            targets,
            progress: Progress::Ready,
            accepted: 0,
            promise: None,
            promised: false,
        };
        self.lanes.insert(index, open.priority, open.progress);
        self.by_header.insert(digest, index);
        self.open.insert(index, open);
        Ok(())
    }
}

fn header(
    me: &AgencyId,
    id: MessageId,
    sent_at: Instant,
    prepared: &Prepared,
    positions: &[(AgencyId, OpenedCommitment)],
) -> Result<Header, RecipientsError> {
    let HeaderParts { kind, priority, act_before, category, mode, handling, operation, in_reply_to } =
        prepared.parts.clone();
    let recipient =
        |((agency, agreement), (_, opened)): (&(AgencyId, Digest), &(AgencyId, OpenedCommitment))| {
            let Position { incarnation, number } = opened.position;
            Recipient {
                agency: agency.clone(),
                agreement: *agreement,
                link_commitment: link_commitment(&opened.salt, &incarnation.0, number, &opened.previous),
            }
        };
    Ok(Header {
        id,
        sender: me.clone(),
        sent_at,
        kind,
        priority,
        act_before,
        category,
        mode,
        handling,
        operation,
        in_reply_to,
        directory: prepared.directory,
        recipients: Recipients::new(prepared.recipients.iter().zip(positions).map(recipient).collect())?,
        sealed_digest: prepared.sealed_digest,
        key_commitment: prepared.key_commitment,
        plaintext_digest: prepared.plaintext_digest,
        approval_digest: prepared.approval_digest,
    })
}

fn new_id(env: &mut Env<'_>) -> MessageId {
    let mut random = [0; 10];
    env.rng.fill_bytes(&mut random);
    MessageId::new(u64::try_from(env.now.as_millis()).unwrap_or(0), random)
}
