//! What each agency may take of the workers: however much one hands in, there is a worker for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use sealpost_domain::agency::AgencyId;
use sealpost_server::pool::{Part, Pool};

/// The parts of the agencies that have a stream open.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Mutex<HashMap<AgencyId, Weak<Part>>>>);

impl Turns {
    /// The one part of an agency, for all of its streams.
    pub(super) fn of(&self, agency: &AgencyId, pool: &Pool) -> Arc<Part> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.get(agency).and_then(Weak::upgrade) {
            return part;
        }
        parts.retain(|_, part| part.strong_count() > 0);
        let part = Arc::new(pool.part());
        parts.insert(agency.clone(), Arc::downgrade(&part));
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_of_one_agency_share_its_part_and_it_ends_with_the_last_of_them() {
        let (turns, pool) = (Turns::default(), Pool::new(2));
        let [one, other] = ["TH-TCD", "HK-CED"].map(|name| name.parse::<AgencyId>().unwrap());
        let (first, second) = (turns.of(&one, &pool), turns.of(&one, &pool));
        assert!(Arc::ptr_eq(&first, &second));
        drop((first, second));
        let kept = turns.of(&other, &pool);
        assert_eq!(turns.0.lock().unwrap().len(), 1);
        drop(kept);
    }
}
