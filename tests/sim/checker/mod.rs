//! Every promise of ARCHITECTURE.md, checked by what was seen from outside and by what lies in the ledgers in the end.
//!
//! Nothing here asks the programs what they believe: not their states, not their indices. A promise is one function.

mod complete;
mod ledger;
mod promises;

use std::collections::BTreeMap;
use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;

use crate::history::{Event, Seen};
use crate::letters::Letter;
use crate::plan::Plan;
use crate::world::World;
pub(crate) use ledger::Book;

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub(crate) struct Violation {
    pub(crate) promise: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
}

impl Violation {
    pub(crate) fn of(promise: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { promise, expected: expected.into(), found: found.into() }
    }
}

/// What is known of a run from outside.
pub(crate) struct Evidence {
    pub(crate) seen: Vec<Seen>,
    pub(crate) letters: BTreeMap<String, Letter>,
    pub(crate) books: BTreeMap<AgencyId, Book>,
    /// What lies on the hub's disk.
    pub(crate) hub_files: Vec<Vec<u8>>,
    /// The marker of a FLASH that has to overtake a burst.
    pub(crate) overtakes: Option<String>,
    /// Which headers each entry of the hub's journal has.
    pub(crate) journal: BTreeMap<u64, Vec<Digest>>,
    /// Whether that was lost or set back.
    pub(crate) journal_lost: bool,
}

impl Evidence {
    /// Whether an agency's ledger was lost or set back after a moment.
    fn lost_after(&self, id: &AgencyId, at: Duration) -> bool {
        self.seen
            .iter()
            .any(|seen| seen.at >= at && matches!(&seen.event, Event::LedgerLost { of } if of == id))
    }

    /// Whether it ever was.
    fn lost(&self, id: &AgencyId) -> bool {
        self.lost_after(id, Duration::ZERO)
    }
}

/// Checks everything.
pub(crate) async fn check(world: &mut World, plan: &Plan) -> Result<(), Violation> {
    let evidence = ledger::gather(world, plan).await?;
    promises::all(&evidence)
}
