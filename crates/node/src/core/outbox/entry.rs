//! One message on one link: how far it came, and what may follow.

use sealpost_domain::instant::Instant;
use sealpost_domain::link::Disposition;
use sealpost_domain::view::DeliveryState;

use super::Standing;

/// The place of a message whose leaf is lost.
pub(super) const LOST: u64 = u64::MAX;

/// A message on a link.
pub(super) struct Entry {
    /// Where it lies in the ledger.
    pub(super) index: u64,
    state: DeliveryState,
    since: Instant,
    rule: Option<Box<str>>,
}

impl Entry {
    pub(super) fn new(index: u64, state: DeliveryState, since: Instant) -> Self {
        Self { index, state, since, rule: None }
    }

    pub(super) fn move_to(&mut self, state: DeliveryState, rule: Option<&str>, at: Instant) {
        (self.state, self.since) = (state, at);
        self.rule = rule.map(Into::into);
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { state: self.state, since: self.since, rule: self.rule.as_deref().map(str::to_owned) }
    }

    pub(super) fn state(&self) -> DeliveryState {
        self.state
    }

    /// When that was recorded.
    pub(super) fn since(&self) -> Instant {
        self.since
    }
}

/// What is known of a number that was given out.
pub(super) enum Place<'l> {
    Here(&'l Entry),
    /// It is delivered or read, and the index knows the rest.
    LetGo(DeliveryState),
}

impl Place<'_> {
    pub(super) fn state(&self) -> DeliveryState {
        match self {
            Self::Here(entry) => entry.state,
            Self::LetGo(state) => *state,
        }
    }

    /// Whether it is not known what the message was.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Here(entry) if entry.index == LOST)
    }
}

/// A message that moved on.
pub(super) struct Moved {
    /// Where it lies in the ledger.
    pub(super) index: u64,
    /// By that, it is settled.
    pub(super) settled: bool,
}

/// How a message stands that its recipient excepted.
pub(super) fn state_of(disposition: Disposition) -> DeliveryState {
    match disposition {
        Disposition::Refused => DeliveryState::Refused,
        Disposition::Quarantined => DeliveryState::Quarantined,
    }
}

/// Whether the recipient has the message.
pub(super) fn has_arrived(state: DeliveryState) -> bool {
    matches!(state, DeliveryState::Delivered | DeliveryState::Read)
}

/// Only the recipient settles what it holds: its word beats the hub's refusal and our own void, and what it excepted
/// is not delivered by a later count.
pub(super) fn may_follow(before: DeliveryState, after: DeliveryState) -> bool {
    use DeliveryState::{Accepted, Delivered, Published, Quarantined, Read, Refused, Withdrawn};
    match before {
        Published => after != Published,
        Accepted => !matches!(after, Published | Accepted),
        Delivered => after == Read,
        Refused | Withdrawn => matches!(after, Delivered | Read),
        Quarantined | Read => false,
    }
}
