//! Messages as they lie in the ledger, opened for those who ask.
//!
//! Reads the durable records and the index over them. Nothing is kept in memory but what is being shown; nothing is
//! decided here, since what is recorded was verified before.

mod change;
mod known;
mod open;
mod outcomes;

use std::sync::Arc;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Draft, Enclosed};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::MessageId;
use sealpost_domain::view::{
    Covered, DeliveryState, Filter, Form, Page, PeerStatus, Published, Query, RecipientState, Sending, Shown,
    Status, Tracked,
};
use sealpost_ledger::ReadError;
use sealpost_server::program::with_causes;

use crate::core::facts::Arrived;
use crate::core::inbox::ReadMessage;
use crate::core::outbox::{Standing, Stands};
use crate::handle::{Ambiguous, FORWARD_MAX, Forward, ReportedOutcome, ViewError, Views};
use crate::projection::{self, Listed};
use crate::shared::Shared;
use change::Depth;
use open::Message;

/// How many entries of the index are looked at a time.
const SCAN: usize = 256;

/// The views of a running node.
pub struct LedgerViews {
    shared: Arc<Shared>,
}

impl LedgerViews {
    /// The views over what a node shares.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn read(&self, index: u64) -> Result<Option<Message>, ViewError> {
        let mut entry = match self.shared.history.get(index) {
            // Of a lost leaf nothing is left that could be shown.
            Err(ReadError::Lost { .. }) => return Ok(None),
            read => read.map_err(|error| record_fault(index, &error))?,
        };
        let restored = entry.body_lost.then(|| self.shared.core().inbox.body_restored_in(index)).flatten();
        if let Some(restored) = restored {
            let again = self.shared.history.get(restored);
            entry.body = again.map_err(|error| record_fault(restored, &error))?.body;
        }
        Message::of(entry, &self.shared.core().erasures).map_err(|fault| ViewError::Record { index, fault })
    }

    /// The message at an entry of the index, when the filter admits it.
    fn admitted(&self, listed: Listed, filter: &Filter) -> Result<Option<Shown>, ViewError> {
        let by_kind = filter.kinds.is_empty() || filter.kinds.contains(&listed.kind);
        if !by_kind || filter.direction.is_some_and(|wanted| wanted != listed.direction) {
            return Ok(None);
        }
        let Some(message) = self.read(listed.index)? else { return Ok(None) };
        let read = message.is_read(&self.shared.core());
        if !filter.admits(&message.header, message.direction(), read) {
            return Ok(None);
        }
        self.show(&message).map(Some)
    }

    fn show(&self, message: &Message) -> Result<Shown, ViewError> {
        let fault = |fault| ViewError::Record { index: message.index, fault };
        let alert = message.open(&self.shared.buckets).map_err(fault)?;
        let states = self.states(message)?;
        let changed = self.changed(&message.header, Depth::Content)?;
        let forwarded = alert.as_ref().map(|alert| self.forwarded(alert)).transpose()?.flatten();
        Ok(Shown { forwarded, ..message.show(&self.shared.core(), alert, states, changed) })
    }

    /// The message as it can be shown to others; `None` once its body was erased.
    fn enclose(&self, message: &Message) -> Result<Option<Enclosed>, ViewError> {
        message
            .enclose(&self.shared.buckets)
            .map_err(|fault| ViewError::Record { index: message.index, fault })
    }

    /// The message of ours at an index, if it is what a draft would send again.
    pub fn repeated(&self, draft: &Draft, index: u64) -> Result<Option<Published>, ViewError> {
        let Some(message) = self.read(index)? else { return Ok(None) };
        let fault = |fault| ViewError::Record { index, fault };
        let alert = message.open(&self.shared.buckets).map_err(fault)?;
        // Of an erased body nothing is left that could be compared.
        let same = message.is_of(draft) && alert.is_none_or(|alert| alert == *draft.alert());
        Ok(same.then(|| Published {
            id: message.header.id,
            index,
            at: message.header.sent_at,
            recipients: message.header.recipients.agencies().cloned().collect(),
            repeated_key: true,
        }))
    }

    /// Those of the messages that were received, with their positions.
    pub fn received(
        &self,
        ids: &[MessageId],
        sender: Option<&AgencyId>,
    ) -> Result<Vec<ReadMessage>, ViewError> {
        let me = self.shared.agency();
        let mut found = Vec::new();
        for id in ids {
            let index = self.find(*id, sender, |of| *of != me)?;
            let message = index.map(|index| self.read(index)).transpose()?.flatten();
            let position = message.as_ref().and_then(Message::received_at);
            if let (Some(message), Some(position)) = (message, position) {
                let header = message.header;
                found.push(ReadMessage {
                    message: *id,
                    sender: header.sender,
                    priority: header.priority,
                    position,
                });
            }
        }
        Ok(found)
    }

    /// Where the message of an id lies: that of the sender, or the only one of a sender that counts.
    fn find(
        &self,
        id: MessageId,
        sender: Option<&AgencyId>,
        counts: impl Fn(&AgencyId) -> bool,
    ) -> Result<Option<u64>, ViewError> {
        let projections = self.shared.projections.as_ref();
        if let Some(sender) = sender {
            let found = counts(sender).then(|| projection::index_of(projections, id, sender));
            return found.transpose().map(Option::flatten).map_err(index_fault);
        }
        let mut namesakes = projection::namesakes(projections, id).map_err(index_fault)?;
        namesakes.retain(|(of, _)| counts(of));
        match namesakes.as_slice() {
            [] => Ok(None),
            [(_, index)] => Ok(Some(*index)),
            more => {
                let senders = more.iter().map(|(of, _)| of.clone()).collect();
                Err(Ambiguous { id, senders }.into())
            }
        }
    }

    fn standing(&self, stands: Stands) -> Result<Standing, ViewError> {
        match stands {
            Stands::Known(standing) => Ok(standing),
            Stands::Indexed(chain, number) => {
                let arrived = projection::arrived(self.shared.projections.as_ref(), &chain, number);
                let Arrived { state, since, .. } = arrived.map_err(index_fault)?;
                Ok(Standing { state, since, rule: None })
            }
        }
    }

    fn states(&self, message: &Message) -> Result<Vec<RecipientState>, ViewError> {
        let now = self.shared.now();
        let standings = message.standings(&self.shared.core().outbox);
        let state = |(agency, stands): (AgencyId, Stands)| {
            let standing = self.standing(stands)?;
            Ok(RecipientState {
                changed: self.told(&message.header, &agency)?,
                agency,
                overdue: is_overdue(message.header.act_before, &standing, now),
                state: standing.state,
                since: standing.since,
                rule: message.rule_at(standing),
            })
        };
        standings.into_iter().map(state).collect()
    }
}

/// Whether `act_before` passed without delivery.
fn is_overdue(act_before: Option<Instant>, standing: &Standing, now: Instant) -> bool {
    let undelivered = matches!(standing.state, DeliveryState::Published | DeliveryState::Accepted);
    undelivered && act_before.is_some_and(|act_before| act_before < now)
}

impl Views for LedgerViews {
    fn forward(&self, first: u64, filter: &Filter) -> Result<Forward, ViewError> {
        let end = *self.shared.next_index.borrow();
        let mut messages = Vec::new();
        let listed = projection::from(self.shared.projections.as_ref(), first, SCAN).map_err(index_fault)?;
        let exhausted = listed.len() < SCAN;
        let mut next_index = first;
        for entry in listed {
            if entry.index >= end {
                break;
            }
            if messages.len() == FORWARD_MAX {
                return Ok(Forward { messages, next_index });
            }
            messages.extend(self.admitted(entry, filter)?);
            next_index = entry.index + 1;
        }
        if exhausted {
            next_index = end.max(first);
        }
        Ok(Forward { messages, next_index })
    }

    fn message(
        &self,
        id: MessageId,
        sender: Option<&AgencyId>,
        form: Form,
    ) -> Result<Option<Shown>, ViewError> {
        let index = self.find(id, sender, |_| true)?;
        let Some(message) = index.map(|index| self.read(index)).transpose()?.flatten() else {
            return Ok(None);
        };
        let enclosed = match form {
            Form::Shown => None,
            Form::Enclosed => self.enclose(&message)?,
        };
        Ok(Some(Shown { enclosed, ..self.show(&message)? }))
    }

    fn list(&self, query: &Query) -> Result<Page, ViewError> {
        let limit = usize::try_from(query.limit()).unwrap_or(usize::MAX);
        let mut end = query.before.unwrap_or(u64::MAX);
        let mut messages = Vec::new();
        loop {
            let listed =
                projection::below(self.shared.projections.as_ref(), end, SCAN).map_err(index_fault)?;
            let exhausted = listed.len() < SCAN;
            for entry in listed {
                end = entry.index;
                let Some(shown) = self.admitted(entry, &query.filter)? else { continue };
                if messages.len() == limit {
                    return Ok(Page { messages, more: true });
                }
                messages.push(shown);
            }
            if exhausted {
                return Ok(Page { messages, more: false });
            }
        }
    }

    fn track(&self, id: MessageId) -> Result<Option<Tracked>, ViewError> {
        let index = self.find(id, Some(&self.shared.agency()), |_| true)?;
        let own = index.map(|index| self.read(index)).transpose()?.flatten();
        let Some(message) = own else { return Ok(None) };
        Ok(Some(Tracked {
            states: self.states(&message)?,
            changed: self.changed(&message.header, Depth::Fact)?,
            answers: self.answers(&message)?,
            id,
            kind: message.header.kind,
            priority: message.header.priority,
            sent_at: message.header.sent_at,
            act_before: message.header.act_before,
        }))
    }

    fn status(&self) -> Status {
        let core = self.shared.core();
        let directory = core.directory();
        let (sent, mut received) = (core.outbox.traffic(), core.inbox.traffic());
        let missing = core.inbox.missing();
        for agency in sent.keys().chain(missing.keys()) {
            received.entry(agency.clone()).or_default();
        }
        let peer = |(agency, received)| {
            let traffic = sent.get(&agency).copied().unwrap_or_default();
            let standing = core.witness.standing(&agency).unwrap_or_default();
            let covered = |(records, at)| Covered { records, at };
            PeerStatus {
                outstanding: traffic.outstanding,
                sent: traffic.sent,
                received,
                missing: missing.get(&agency).copied().unwrap_or_default(),
                sending: if core.outbox.is_open_to(&agency) { Sending::Open } else { Sending::AwaitsPeer },
                agency,
                kept: standing.kept.map(covered),
                cosigned: standing.cosigned.map(covered),
                directory_version: standing.directory,
            }
        };
        Status {
            agency: core.agency().clone(),
            network: self.shared.network.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            hub: self.shared.hub.borrow().clone(),
            ledger_next_index: core.next_index(),
            ledger_incarnation: core.incarnation(),
            directory_version: directory.map_or(0, |directory| directory.version.version),
            directory_digest: directory.map(|directory| directory.version.digest),
            directory_valid_until: directory
                .map_or(Instant::from_millis(0), |directory| directory.valid_until),
            outstanding: core.outbox.outstanding(),
            peers: received.into_iter().map(peer).collect(),
        }
    }

    fn ledger(&self) -> Incarnation {
        self.shared.core().incarnation()
    }

    fn outcomes(&self, each: &mut dyn FnMut(ReportedOutcome)) -> Result<(), ViewError> {
        outcomes::each(self, each)
    }
}

fn record_fault(index: u64, error: &ReadError) -> ViewError {
    ViewError::Record { index, fault: error.to_string() }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over where they arise")]
pub(crate) fn index_fault(error: sealpost_store::Error) -> ViewError {
    ViewError::Index { fault: with_causes(&error) }
}

#[cfg(test)]
mod tests;
