//! What is published in a run: who writes what to whom, and when.

use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Draft;
use sealpost_domain::digest::KeyId;
use sealpost_domain::message::Priority;
use sealpost_node::handle::Publication;
use sealpost_wire::json::parse_draft;
use serde_json::json;

use crate::network::agency;

/// What every text begins with: nothing else in a run does.
pub(crate) const MARKER: &str = "only-for-those-who-may-read";

/// A message that somebody is going to publish.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) at: Duration,
    pub(crate) from: AgencyId,
    pub(crate) to: Vec<AgencyId>,
    pub(crate) priority: Priority,
    /// What tells it from all others.
    pub(crate) marker: String,
}

impl Letter {
    pub(crate) fn new(number: usize, at: Duration, from: &str, to: &[&str], priority: Priority) -> Self {
        let marker = format!("{MARKER}-{number:05}.");
        Self { at, from: agency(from), to: to.iter().map(|id| agency(id)).collect(), priority, marker }
    }

    /// As it is handed in, always under the same key.
    pub(crate) fn publication(&self) -> Publication {
        Publication {
            draft: self.draft(),
            release: None,
            idempotency_key: Some(self.marker.parse().unwrap()),
            publisher: KeyId::new([9; 32]),
        }
    }

    /// People, goods and cases in it are invented.
    fn draft(&self) -> Draft {
        let to: Vec<&str> = self.to.iter().map(AgencyId::as_str).collect();
        let document = json!({
            "recipients": to,
            "priority": self.priority.as_str(),
            "category": "narcotics",
            "tlp": "AMBER",
            "grading": { "scale": "europol_4x4", "source": "B", "information": 2 },
            "purpose": "Customs enforcement; invented for a simulation",
            "retention_until": "2027-03-31",
            "content": { "suspect_shipment": {
                "mode": "sea",
                "consignor": { "name": "Example Tile Trading Ltd (invented)" },
                "suspicion": { "reason": self.marker },
            } },
        });
        parse_draft(document.to_string()).unwrap()
    }
}
