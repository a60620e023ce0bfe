//! Who takes part, by the directory in force: asked when a node calls, and again with every version while its streams
//! live. A certificate alone does not do: it may outlive the word of the directory by months.

use std::sync::Arc;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_wire::status::Failure;
use tonic::Status;

use super::Parts;

/// Whether the directory lets an agency's node use the lanes.
pub(super) fn judge(directory: Option<&Directory>, agency: &AgencyId) -> Result<(), Status> {
    let why = match directory {
        Some(directory) if directory.takes_part(agency) => return Ok(()),
        Some(directory) if directory.agencies.contains_key(agency) => {
            format!("the directory has revoked every key of {agency}'s node")
        }
        _ => format!("the directory does not list {agency}"),
    };
    Err(Failure::Forbidden.status(why))
}

/// Waits until an agency takes part no more, and says why.
pub(super) async fn no_longer(parts: Arc<Parts>, agency: AgencyId) -> Status {
    let mut directories = parts.view.directories();
    loop {
        let judged = judge(directories.borrow_and_update().as_deref(), &agency);
        if let Err(stopped) = judged {
            return stopped;
        }
        if directories.changed().await.is_err() {
            // The hub is ending, and says so itself.
            std::future::pending::<()>().await;
        }
    }
}
