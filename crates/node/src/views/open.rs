//! One record of the ledger as a message.

use std::collections::BTreeSet;

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Alert, Draft, DraftParts, Enclosed, List};
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::envelope::{Content, Header, OpenedCommitment, Signature};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Position;
use sealpost_domain::record::{Record, Settlement, StoredBody};
use sealpost_domain::time::OffsetTime;
use sealpost_domain::view::{Changed, DeliveryState, Direction, Erased, RecipientState, Shown, Verification};
use sealpost_ledger::{Buckets, Entry, bucket};
use sealpost_server::program::with_causes;
use sealpost_wire::envelope::header_from_bytes;
use sealpost_wire::ledger::stored_body_from_bytes;
use tracing::warn;

use crate::core::Core;
use crate::core::erasures::Erasures;
use crate::core::outbox::{Outbox, Standing, Stands};
use crate::verify;

/// A message that was recorded.
pub(super) struct Message {
    pub(super) index: u64,
    pub(super) header: Header,
    /// The exact bytes of the header.
    bytes: Bytes,
    digest: Digest,
    pub(super) recorded_at: Instant,
    signatures: Vec<Signature>,
    route: Route,
    /// What lies beside its leaf; `None` where nothing does, and why not where that is no body.
    body: Result<Option<StoredBody>, String>,
    /// How its body was erased, if it was.
    erased: Option<Erased>,
}

enum Route {
    /// Its positions, in the order of its recipients.
    Sent(Vec<OpenedCommitment>),
    Received(OpenedCommitment),
}

impl Message {
    /// The message that a record holds; `None` for records that are none and for what is not shown.
    pub(super) fn of(entry: Entry, erasures: &Erasures) -> Result<Option<Self>, String> {
        let Entry { index, leaf, body, .. } = entry;
        let (bytes, signatures, route) = match leaf.record {
            Record::Sent(sent) => (sent.header, sent.signatures, Route::Sent(sent.commitments)),
            Record::Received(received) if received.settlement == Settlement::Delivered => {
                let commitment = received.commitment.ok_or("it was delivered without a position")?;
                (received.header, received.signatures, Route::Received(commitment))
            }
            _ => return Ok(None),
        };
        let header = header_from_bytes(&bytes).map_err(|error| error.to_string())?;
        let digest = sha256(&bytes);
        let body = (!body.is_empty()).then(|| stored_body_from_bytes(&body)).transpose();
        let body = body.map_err(|error| error.to_string());
        let stored = body.as_ref().ok().and_then(Option::as_ref);
        let erased = stored.and_then(|stored| erasures.of(index, &stored.bucket).cloned());
        Ok(Some(Self {
            index,
            header,
            bytes,
            digest,
            recorded_at: leaf.recorded_at,
            signatures,
            route,
            body,
            erased,
        }))
    }

    pub(super) fn direction(&self) -> Direction {
        match self.route {
            Route::Sent(_) => Direction::Sent,
            Route::Received(_) => Direction::Received,
        }
    }

    /// Its position on the link from its sender, for messages that were received.
    pub(super) fn received_at(&self) -> Option<Position> {
        match &self.route {
            Route::Sent(_) => None,
            Route::Received(commitment) => Some(commitment.position),
        }
    }

    /// Whether a draft asks for this header.
    pub(super) fn is_of(&self, draft: &Draft) -> bool {
        let DraftParts {
            recipients,
            operation,
            priority,
            act_before,
            category,
            handling,
            sharing,
            in_reply_to,
            alert: _,
        } = draft.parts();
        let header = &self.header;
        let named: BTreeSet<&AgencyId> = recipients.iter().collect();
        header.kind == draft.kind()
            && (named.is_empty() || named.into_iter().eq(header.recipients.agencies()))
            && header.operation == *operation
            && header.priority == *priority
            && header.act_before == act_before.map(OffsetTime::instant)
            && header.category == *category
            && header.handling == *handling
            && header.mode == *sharing
            && header.in_reply_to == *in_reply_to
    }

    /// What it says; `None` once its body was erased, or lost.
    pub(super) fn open(&self, buckets: &Buckets) -> Result<Option<Alert>, String> {
        Ok(self.unsealed(buckets)?.map(|(_, alert)| alert))
    }

    /// The message as it can be shown to others, in the bytes that its sender signed; `None` once its body was erased.
    pub(super) fn enclose(&self, buckets: &Buckets) -> Result<Option<Enclosed>, String> {
        let Some((content, _)) = self.unsealed(buckets)? else { return Ok(None) };
        let signatures = List::new(self.signatures.clone()).map_err(|error| error.to_string())?;
        Ok(Some(Enclosed { header: self.bytes.clone(), signatures, salt: content.salt, body: content.body }))
    }

    /// Its content; `None` once its body was erased.
    fn unsealed(&self, buckets: &Buckets) -> Result<Option<(Content, Alert)>, String> {
        let Some(stored) = self.body.as_ref().map_err(Clone::clone)? else { return Ok(None) };
        let key = match buckets.content_key(stored, &self.digest) {
            Ok(key) => key,
            Err(bucket::Error::Erased { .. }) => return Ok(None),
            // Its bucket goes on under another key. One message that does not open holds up no other.
            Err(error @ bucket::Error::Kept { .. }) => {
                if self.erased.is_none() {
                    warn!(record = self.index, error = with_causes(&error), "a body does not open");
                }
                return Ok(None);
            }
            Err(error) => return Err(error.to_string()),
        };
        let opened = verify::open(&self.header, &key, &stored.sealed);
        opened.map(Some).map_err(|rule| format!("its body does not open: {rule}"))
    }

    pub(super) fn is_read(&self, core: &Core) -> bool {
        match &self.route {
            Route::Sent(_) => false,
            Route::Received(commitment) => {
                core.inbox.is_read(&self.header.sender, self.header.priority, commitment.position)
            }
        }
    }

    /// Where it stands at each recipient; empty for messages that were received.
    pub(super) fn standings(&self, outbox: &Outbox) -> Vec<(AgencyId, Stands)> {
        let Route::Sent(commitments) = &self.route else { return Vec::new() };
        let standing = |(agency, commitment): (&AgencyId, &OpenedCommitment)| {
            let position = commitment.position;
            let stands =
                outbox.standing(agency, self.header.priority, position.incarnation, position.number)?;
            Some((agency.clone(), stands))
        };
        self.header.recipients.agencies().zip(commitments).filter_map(standing).collect()
    }

    /// The rule by which it came to stand as it does at a recipient: of what was withdrawn because its body was erased
    /// before it left, the one by which that was erased.
    pub(super) fn rule_at(&self, standing: Standing) -> Option<String> {
        let Standing { state, since, rule } = standing;
        let was_withdrawn = state == DeliveryState::Withdrawn;
        let erased = self.erased.as_ref().filter(|erased| was_withdrawn && erased.at <= since);
        rule.or_else(|| Some(erased?.rule.clone()))
    }

    pub(super) fn show(
        &self,
        core: &Core,
        alert: Option<Alert>,
        states: Vec<RecipientState>,
        changed: Option<Changed>,
    ) -> Shown {
        let Header {
            id,
            sender,
            sent_at,
            kind,
            priority,
            act_before,
            category,
            mode,
            handling,
            operation,
            in_reply_to,
            recipients,
            ..
        } = self.header.clone();
        let position = self.received_at();
        let is_closed = alert.is_none();
        Shown {
            index: self.index,
            direction: self.direction(),
            id,
            recipients: recipients.agencies().cloned().collect(),
            operation,
            sent_at,
            recorded_at: self.recorded_at,
            kind,
            priority,
            act_before,
            category,
            mode,
            handling,
            in_reply_to,
            alert,
            verification: Verification {
                signing_key: self
                    .signatures
                    .first()
                    .map_or(KeyId::new([0; 32]), |signature| signature.key_id),
                header: self.digest,
                directory_version: core.directories.version_at(self.index),
                link_number: position.map_or(0, |position| position.number),
                agreement: self.agreement(core),
            },
            read: self.is_read(core),
            late: position.is_some() && act_before.is_some_and(|act_before| act_before < self.recorded_at),
            gap_before: position
                .is_some_and(|position| core.inbox.has_gap_before(&sender, priority, position)),
            sender,
            states,
            changed,
            enclosed: None,
            forwarded: None,
            erased: self.erased.clone().filter(|_| is_closed),
            held: core.erasures.is_held(self.index),
        }
    }

    /// The agreement for us, or the one for all recipients of a message of our own.
    fn agreement(&self, core: &Core) -> String {
        let recipients = self.header.recipients.as_slice().iter();
        let cited: BTreeSet<Digest> = match self.route {
            Route::Sent(_) => recipients.map(|recipient| recipient.agreement).collect(),
            Route::Received(_) => recipients
                .filter(|recipient| recipient.agency == *core.agency())
                .map(|recipient| recipient.agreement)
                .collect(),
        };
        let one = if cited.len() == 1 { cited.first() } else { None };
        let listed = one.and_then(|digest| core.directory()?.agreement(*digest));
        listed.map_or_else(String::new, |agreement| agreement.id.to_string())
    }
}
