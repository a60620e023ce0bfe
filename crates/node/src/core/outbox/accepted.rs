//! The hub's promises and refusals, and the voids that answer a refusal: every number of a link is filled.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{Accepted, ControlType, HubRefusal, Signed, Void, VoidReason};
use sealpost_domain::view::DeliveryState;
use sealpost_wire::statement::Payload as _;

use super::entry::{Moved, has_arrived};
use super::{LinkKey, Outbox, Progress, Promise, Stream};
use crate::core::facts::Fact;
use crate::core::past::{Place, exhibits, exhibits_of};
use crate::core::{Alarm, Core, Env, Error, Past, Round, sign};

/// How often the distance between two sendings is doubled at most.
const DOUBLINGS_MAX: u32 = 16;
/// The same while the hub has no room: when it has, the message is not to wait for long.
const DOUBLINGS_FULL_MAX: u32 = 3;

impl Core {
    /// Records the hub's promise for a batch, and fills the numbers of what it refuses. The caller has verified the
    /// statement, and that it is about these headers.
    pub fn accepted(
        &mut self,
        env: &mut Env<'_>,
        round: &mut Round,
        statement: &Signed,
        accepted: &Accepted,
        headers: Vec<Digest>,
    ) -> Result<(), Error> {
        let mut voids = Vec::new();
        for refusal in &accepted.refusals {
            voids.extend(self.outbox.refused(env.past, refusal, &headers, env.now));
        }
        let before = self.outbox.promised_before(accepted, &headers);
        round.record(env, Record::Accepted { statement: statement.clone(), headers }, bytes::Bytes::new());
        if let Some(before) = before {
            let detail = format!(
                "the hub promises index {} of its journal after index {} of the same life: it is an older copy",
                accepted.index, before.index
            );
            let mut evidence = exhibits(statement);
            evidence.extend(exhibits_of(env.past, round, Place::Ledger(before.record)));
            let (rule, header) = (Rule::HubRolledBack, Some(accepted.batch_digest));
            self.alarm(env, round, Alarm { rule, peer: None, header, detail, exhibits: evidence });
        }
        for void in voids {
            fill(env, round, &void)?;
        }
        Ok(())
    }
}

/// Fills a number of ours without a message: signed, recorded, and told to its recipient.
pub(super) fn fill(env: &mut Env<'_>, round: &mut Round, void: &Void) -> Result<(), Error> {
    let signed = sign(env, void)?;
    round.record(env, Record::Voided(signed.clone()), bytes::Bytes::new());
    round.send(void.recipient.clone(), ControlType::Void, signed);
    Ok(())
}

/// Why a number is filled whose message the hub refuses. One that its recipient had settled goes again because a later
/// life of that ledger lacks it; what it became then stays, and an agreement may have ended since.
fn reason(state: DeliveryState) -> VoidReason {
    match state {
        DeliveryState::Delivered | DeliveryState::Read | DeliveryState::Quarantined => VoidReason::Ended,
        _ => VoidReason::Refused,
    }
}

impl Outbox {
    /// The voids that answer one refusal.
    fn refused(&self, past: &dyn Past, refusal: &HubRefusal, headers: &[Digest], now: Instant) -> Vec<Void> {
        if Rule::decides_nothing(&refusal.rule) {
            return Vec::new();
        }
        let position = usize::try_from(refusal.position).ok();
        let Some(header) = position.and_then(|position| headers.get(position)) else { return Vec::new() };
        let Some(index) = self.by_header.get(header) else { return Vec::new() };
        let Some(open) = self.open.get(index) else { return Vec::new() };
        let Some((Record::Sent(sent), _)) = past.record(*index) else { return Vec::new() };
        let void = |(recipient, number): &(AgencyId, u64)| {
            let (priority, incarnation) = (open.priority, open.incarnation);
            let key = LinkKey { recipient: recipient.clone(), priority, incarnation };
            let state = self.links.get(&key)?.place(*number)?.state();
            self.void_of(&key, *number, &sent, reason(state), now)
        };
        open.targets.iter().filter(|(agency, _)| refusal.concerns(agency)).filter_map(void).collect()
    }

    /// On which stream a batch was promised; `None` where nobody waits for any of it.
    fn stream_of(&self, headers: &[Digest]) -> Option<Stream> {
        let open = headers.iter().find_map(|header| self.open.get(self.by_header.get(header)?))?;
        Some(if open.priority == Priority::Flash { Stream::Flash } else { Stream::Bulk })
    }

    /// The promise of the same life of the hub that this one should have followed.
    fn promised_before(&self, accepted: &Accepted, headers: &[Digest]) -> Option<Promise> {
        let before = self.promised.get(&self.stream_of(headers)?)?;
        (before.hub == accepted.hub_incarnation && before.index >= accepted.index).then_some(*before)
    }

    pub(in crate::core) fn apply_accepted(
        &mut self,
        index: u64,
        at: Instant,
        statement: &Signed,
        headers: &[Digest],
    ) -> Result<(), Error> {
        let accepted =
            Accepted::from_payload(&statement.payload).map_err(|source| Error::Record { index, source })?;
        if self.promised_before(&accepted, headers).is_some() {
            self.hub_forgot(at);
        }
        if let Some(stream) = self.stream_of(headers) {
            let promise = Promise { hub: accepted.hub_incarnation, index: accepted.index, record: index };
            self.promised.insert(stream, promise);
        }
        for (position, header) in headers.iter().enumerate() {
            let Some(message) = self.by_header.get(header).copied() else { continue };
            let Some(open) = self.open.get_mut(&message) else { continue };
            open.accepted += 1;
            open.promise = Some(index);
            let not_promised = |refusal: &HubRefusal| {
                Rule::decides_nothing(&refusal.rule)
                    && open.targets.iter().any(|(agency, _)| refusal.concerns(agency))
            };
            open.promised = !accepted.refusals_of(position).any(not_promised);
            let full = accepted.refusals_of(position).any(|refusal| Rule::is_full(&refusal.rule));
            let doublings = (open.accepted - 1).min(if full { DOUBLINGS_FULL_MAX } else { DOUBLINGS_MAX });
            let distance = self.policy.resend_after * 2_u32.pow(doublings);
            let again_at = at.plus(distance.min(self.policy.resend_after_max));
            let (priority, incarnation) = (open.priority, open.incarnation);
            let targets = open.targets.clone();
            self.move_to(message, Progress::Accepted { hub: accepted.hub_incarnation, at, again_at });
            for (recipient, number) in targets {
                let refusal = accepted.refusals_of(position).find(|refusal| refusal.concerns(&recipient));
                let (state, rule) = match refusal {
                    Some(refusal) if Rule::decides_nothing(&refusal.rule) => continue,
                    Some(refusal) => (DeliveryState::Refused, Some(refusal.rule.as_str())),
                    None => (DeliveryState::Accepted, None),
                };
                if state == DeliveryState::Refused {
                    let key = LinkKey { recipient: recipient.clone(), priority, incarnation };
                    self.give_up_reopened(&key, number);
                }
                self.settle((&recipient, priority, incarnation), number, state, rule, at);
            }
        }
        Ok(())
    }

    pub(in crate::core) fn apply_void(&mut self, at: Instant, void: &Void, statement: &Signed) {
        let key = LinkKey {
            recipient: void.recipient.clone(),
            priority: void.priority,
            incarnation: void.incarnation,
        };
        if let Some(link) = self.links.get_mut(&key) {
            link.keep_void(void.number, statement.clone());
        }
        if void.reason == VoidReason::Withdrawn {
            let link = (&void.recipient, void.priority, void.incarnation);
            self.settle(link, void.number, DeliveryState::Withdrawn, None, at);
        }
    }

    /// Moves a message on towards one recipient.
    pub(super) fn settle(
        &mut self,
        (recipient, priority, incarnation): (&AgencyId, Priority, Incarnation),
        number: u64,
        state: DeliveryState,
        rule: Option<&str>,
        at: Instant,
    ) {
        let key = LinkKey { recipient: recipient.clone(), priority, incarnation };
        let moved = self.links.get_mut(&key).and_then(|link| link.advance(number, state, rule, at));
        let Some(Moved { index, settled }) = moved else { return };
        if has_arrived(state) {
            let chain = key.chain();
            self.facts.push(Fact::Arrived { chain, number, record: index, state, since: at });
        }
        if settled {
            self.close(index, recipient);
        }
    }
}
