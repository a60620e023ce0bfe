//! What goes out again because its time came: the hub promised it, and no receipt followed.
//!
//! That guards against a hub that loses what it promised and does not say so. It must not stand in the way of anything
//! else: it goes behind what was not promised yet, and not at all while nothing suggests a loss. A recipient that was not
//! heard since the promise is away, and the hub keeps its mail; one that came back just now, or whose receipts keep coming,
//! is on its way to it. What such a recipient really misses it asks for by itself. Once a day it goes again all the same.

use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;

use super::{Open, Outbox, Progress};

/// After how long what was promised is sent again whatever is heard: a hub may have lost it for somebody who is away.
const REPEATED_AFTER: Duration = Duration::from_hours(24);

impl Outbox {
    /// A message that was taken out cannot be sent now: it is tried again later.
    pub fn defer(&mut self, index: u64, now: Instant) {
        let again_at = now.plus(self.policy.resend_after);
        self.move_to(index, Progress::Deferred { again_at });
    }

    /// A peer says something.
    pub(in crate::core) fn heard(&mut self, peer: &AgencyId, now: Instant) {
        self.peers.entry(peer.clone()).or_default().heard_at = Some(now);
    }

    /// A peer greets, or answers a greeting: one of both has just come back.
    pub(in crate::core) fn met(&mut self, peer: &AgencyId, now: Instant) {
        self.peers.entry(peer.clone()).or_default().met_at = Some(now);
    }

    /// Puts everything that is due to be sent again into its lane. How many there were.
    pub fn send_due_again(&mut self, now: Instant) -> usize {
        let mut count = 0;
        for index in self.lanes.take_due(now) {
            let Some(next) = self.open.get(&index).map(|open| self.when_due(open, now)) else { continue };
            count += usize::from(matches!(next, Progress::Ready | Progress::Repeat { .. }));
            self.move_to(index, next);
        }
        count
    }

    /// What becomes of a message whose time came.
    fn when_due(&self, open: &Open, now: Instant) -> Progress {
        let Progress::Accepted { hub, at, .. } = open.progress else { return Progress::Ready };
        if !open.promised {
            return Progress::Ready;
        }
        if now.since(at) >= REPEATED_AFTER {
            return Progress::Repeat { hub };
        }
        if open.targets.iter().any(|(recipient, _)| self.may_have_lost(recipient, at, now)) {
            return Progress::Repeat { hub };
        }
        // After as long as it has waited, so that looking costs little.
        let waited = now.since(at).clamp(self.policy.resend_after, self.policy.resend_after_max);
        Progress::Accepted { hub, at, again_at: now.plus(waited) }
    }

    /// Whether a recipient that has not receipted what was promised at this time should have done so.
    fn may_have_lost(&self, recipient: &AgencyId, promised_at: Instant, now: Instant) -> bool {
        let Some(peer) = self.peers.get(recipient) else { return false };
        let is_heard = peer.heard_at.is_some_and(|heard| heard >= promised_at);
        let is_just = |at: Option<Instant>| at.is_some_and(|at| now.since(at) < self.policy.resend_after);
        is_heard && !is_just(peer.receipted_at) && !is_just(peer.met_at)
    }
}
