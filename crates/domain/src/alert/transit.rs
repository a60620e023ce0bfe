//! Goods or a person passing through a third jurisdiction, and who should act there.

use super::consignment::{Leg, Suspicion};
use super::person::Person;
use super::text::{Line, List};
use crate::agency::AgencyId;
use crate::identifier::{Identifier, UnLocode};
use crate::names::named;
use crate::time::OffsetTime;

/// A transit that one agency asks others to act on, or to let pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitCase {
    /// What or who passes through.
    pub subject: TransitSubject,
    /// Where it passes through.
    pub transit_point: UnLocode,
    /// How it comes there.
    pub inbound: Leg,
    /// How it leaves.
    pub outbound: Leg,
    /// When action is possible.
    pub window: Window,
    /// What is asked for.
    pub instruction: Instruction,
    /// Who should act.
    pub acts: List<AgencyId>,
    /// Who must not act, so that the delivery stays controlled.
    pub stands_off: List<AgencyId>,
    /// Why.
    pub suspicion: Suspicion,
}

/// What or who passes through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransitSubject {
    /// Goods.
    Goods(TransitGoods),
    /// A person.
    Person(Person),
}

/// Goods in transit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitGoods {
    /// What they are called.
    pub description: Line,
    /// Containers, waybills, bags and the like.
    pub identifiers: List<Identifier>,
}

/// The time in which action is possible; it closes after it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// When it opens, usually on arrival.
    pub opens: OffsetTime,
    /// When it closes, usually on departure of the outbound leg.
    pub closes: OffsetTime,
}

named! {
    /// What is asked of those who act.
    pub enum Instruction: "instruction" {
        /// Stop it.
        Intercept = "intercept",
        /// Examine it and decide there.
        Examine = "examine",
        /// Watch it and report.
        Observe = "observe",
        /// Controlled delivery: let it run.
        LetItRun = "let_it_run",
    }
}
