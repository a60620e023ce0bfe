//! Which mail waits for which within the hub: FLASH for FLASH alone.

use sealpost_domain::message::Priority;
use sealpost_server::pool::Lane;

/// The lane of a priority.
pub fn lane(priority: Priority) -> Lane {
    match priority {
        Priority::Flash => Lane::Express,
        Priority::Urgent | Priority::Routine => Lane::Ordinary,
    }
}
