//! Which body segments are still needed.

use std::collections::BTreeMap;

use sealpost_wire::hub::BodyLocation;

/// How many deliveries wait for a body of each segment.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    waiting: BTreeMap<u64, u64>,
}

impl Bodies {
    /// One more delivery waits for a body.
    pub(super) fn hold(&mut self, payload: &BodyLocation) {
        *self.waiting.entry(payload.segment).or_default() += 1;
    }

    /// One delivery less waits for it.
    pub(super) fn release(&mut self, payload: &BodyLocation) {
        if let Some(count) = self.waiting.get_mut(&payload.segment) {
            *count -= 1;
            if *count == 0 {
                self.waiting.remove(&payload.segment);
            }
        }
    }

    /// The first segment for which something waits. All before it can be deleted whole.
    pub(super) fn first_segment(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(segment, _)| *segment)
    }
}
