//! Messages to send. People, goods and cases in them are invented.

use std::time::Duration;

use sealpost_domain::alert::Draft;
use sealpost_domain::time::OffsetTime;
use sealpost_wire::json::parse_draft;
use serde_json::json;

use super::network::now;

const YEAR: Duration = Duration::from_hours(24 * 365);

/// A suspect shipment, told apart from others by the reason of the suspicion.
pub(crate) fn shipment(to: &[&str], priority: &str, reason: &str) -> Draft {
    let kept_until = OffsetTime::from_instant(now().plus(YEAR)).unwrap().date();
    let document = json!({
        "recipients": to,
        "priority": priority,
        "category": "narcotics",
        "tlp": "AMBER",
        "handling": ["H1"],
        "grading": { "scale": "europol_4x4", "source": "B", "information": 2 },
        "purpose": "Customs enforcement; invented for a test",
        "retention_until": kept_until.to_string(),
        "content": { "suspect_shipment": {
            "mode": "sea",
            "consignor": { "name": "Example Tile Trading Ltd (invented)", "country": "HK" },
            "suspicion": { "reason": reason },
        } },
    });
    parse_draft(document.to_string()).unwrap()
}

/// Numbered shipments in all three priorities.
pub(crate) fn shipments(to: &[&str], numbers: std::ops::Range<usize>) -> Vec<Draft> {
    let priority = |number: usize| ["ROUTINE", "FLASH", "URGENT", "ROUTINE"][number % 4];
    numbers.map(|number| shipment(to, priority(number), &format!("invented reason {number}"))).collect()
}
