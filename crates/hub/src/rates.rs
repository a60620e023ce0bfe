//! How fast each agency may go on: a budget of envelopes and of bytes for each of its flows, so that no agency takes the
//! processor, the disk or the line for itself.
//!
//! Decided purely, by a time that is passed in. A flow that is ahead of its budget is told how long to wait: whoever
//! serves it reads nothing of it for so long. One that is too far ahead is refused, and nothing of that is charged.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sealpost_domain::agency::AgencyId;

/// How much may come at once after a rest: what this long allows.
pub const BURST: Duration = Duration::from_secs(10);
/// The longest time for which a flow is slowed down before it is refused.
pub const SLOWED_MAX: Duration = Duration::from_secs(5);

/// What has a budget of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// FLASH that is submitted.
    Flash,
    /// All other mail that is submitted.
    Mail,
    /// What nodes say to one another.
    Control,
}

/// How much of a flow there may be in a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Envelopes, or frames.
    pub items: u64,
    /// Bytes on the wire.
    pub bytes: u64,
}

/// The rates of all flows of one agency.
#[derive(Clone, Copy, Debug)]
pub struct Rates {
    /// Of FLASH.
    pub flash: Rate,
    /// Of all other mail.
    pub mail: Rate,
    /// Of statements between nodes.
    pub control: Rate,
}

/// What a flow is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is charged, and goes on after this time.
    After(Duration),
    /// It is too far ahead, and nothing is charged. After this time there is room.
    Refused(Duration),
}

/// The budgets of all agencies. The caller asks for agencies that the directory lists, and for nobody else: so their
/// number is bounded.
#[derive(Debug)]
pub struct Budgets {
    rates: Rates,
    budgets: Mutex<BTreeMap<(AgencyId, Flow), Budget>>,
}

/// One flow's budget.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    items: Bucket,
    bytes: Bucket,
}

/// A token bucket, by the time at which it will be full again.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    full_at: Duration,
}

impl Budgets {
    /// Full budgets for everybody.
    pub fn new(rates: Rates) -> Self {
        Self { rates, budgets: Mutex::default() }
    }

    /// Charges a flow for so many items of so many bytes together. `now` is the time since any moment that stays the same.
    pub fn take(&self, agency: &AgencyId, flow: Flow, items: u64, bytes: u64, now: Duration) -> Turn {
        let rate = match flow {
            Flow::Flash => self.rates.flash,
            Flow::Mail => self.rates.mail,
            Flow::Control => self.rates.control,
        };
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry((agency.clone(), flow)).or_default();
        let wait = budget.items.wait(now).max(budget.bytes.wait(now));
        if wait > SLOWED_MAX {
            return Turn::Refused(wait);
        }
        budget.items.charge(items, rate.items, now);
        budget.bytes.charge(bytes, rate.bytes, now);
        Turn::After(wait)
    }
}

impl Bucket {
    /// How long until what was charged before is within the budget.
    fn wait(self, now: Duration) -> Duration {
        self.full_at.saturating_sub(now).saturating_sub(BURST)
    }

    /// One charge may be larger than the bucket: the next ones wait for it.
    fn charge(&mut self, amount: u64, per_second: u64, now: Duration) {
        let nanos = u128::from(amount) * 1_000_000_000 / u128::from(per_second.max(1));
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        self.full_at = self.full_at.max(now).saturating_add(cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::agency;

    const SECOND: Duration = Duration::from_secs(1);
    const RATES: Rates = Rates {
        flash: Rate { items: 2, bytes: 1000 },
        mail: Rate { items: 10, bytes: 1000 },
        control: Rate { items: 10, bytes: 1000 },
    };

    #[test]
    fn a_flow_is_free_within_its_burst_then_slowed_then_refused_and_free_again() {
        let budgets = Budgets::new(RATES);
        let one = |now| budgets.take(&agency("HK-CED"), Flow::Mail, 1, 1, now);
        for taken in 0..=100 {
            assert_eq!(one(SECOND), Turn::After(Duration::ZERO), "{taken} of ten seconds' 100");
        }
        assert_eq!(one(SECOND), Turn::After(SECOND / 10));
        assert_eq!(one(SECOND), Turn::After(SECOND / 5));
        while let Turn::After(wait) = one(SECOND) {
            assert!(wait <= SLOWED_MAX);
        }
        let Turn::Refused(wait) = one(SECOND) else { panic!("refused") };
        assert_eq!(
            (wait, one(SECOND)),
            (SLOWED_MAX + SECOND / 10, Turn::Refused(wait)),
            "nothing is charged"
        );
        assert_eq!(one(SECOND + wait), Turn::After(Duration::ZERO));
        assert_eq!(one(1000 * SECOND), Turn::After(Duration::ZERO));
        assert!(matches!(one(Duration::ZERO), Turn::Refused(_)), "a clock that goes back gives nothing");
    }

    #[test]
    fn in_the_long_run_nobody_gets_more_than_the_rate() {
        let budgets = Budgets::new(RATES);
        let mut taken = 0;
        for tick in 0..=100_000 {
            let turn = budgets.take(&agency("HK-CED"), Flow::Mail, 1, 1, tick * Duration::from_millis(1));
            taken += u64::from(matches!(turn, Turn::After(_)));
        }
        // A hundred seconds, what a burst allows, and what is charged while the flow is slowed down.
        assert_eq!(taken, 100 * 10 + 10 * 10 + 5 * 10 + 1);
    }

    #[test]
    fn bytes_count_as_well_and_a_charge_above_the_burst_is_paid_by_those_after_it() {
        let budgets = Budgets::new(RATES);
        let large = |flow| budgets.take(&agency("HK-CED"), flow, 1, 60_000, Duration::ZERO);
        assert_eq!(large(Flow::Mail), Turn::After(Duration::ZERO));
        assert_eq!(large(Flow::Mail), Turn::Refused(50 * SECOND));
    }

    #[test]
    fn every_agency_and_flow_has_a_budget_of_its_own() {
        let budgets = Budgets::new(RATES);
        let take = |id, flow| budgets.take(&agency(id), flow, 1000, 1, Duration::ZERO);
        assert_eq!(take("HK-CED", Flow::Mail), Turn::After(Duration::ZERO));
        assert!(matches!(take("HK-CED", Flow::Mail), Turn::Refused(_)));
        for (id, flow) in [("HK-CED", Flow::Flash), ("HK-CED", Flow::Control), ("DE-ZKA", Flow::Mail)] {
            assert_eq!(take(id, flow), Turn::After(Duration::ZERO), "{id} {flow:?}");
        }
    }
}
