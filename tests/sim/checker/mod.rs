//! Every promise of ARCHITECTURE.md, checked by what was seen from outside and by what lies in the ledgers in the end.
//!
//! Nothing here asks the programs what they believe: not their states, not their indices. A promise is one function.

mod ledger;
mod promises;

use std::collections::BTreeMap;

use sealpost_domain::agency::AgencyId;

use crate::history::Seen;
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
}

/// Checks everything.
pub(crate) async fn check(world: &mut World, plan: &Plan) -> Result<(), Violation> {
    let evidence = ledger::gather(world, plan).await?;
    promises::all(&evidence)
}
