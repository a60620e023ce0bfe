//! Who takes part, by the directory in force: asked when a node calls, and again with every version while its streams
//! live. A certificate alone does not do: it may outlive the word of the directory by months.

use futures::stream::{self, BoxStream, StreamExt as _};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_wire::status::Failure;
use tonic::Status;

use crate::view::View;

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

/// A stream of an agency's node; it ends with the reason as soon as the agency takes part no more.
pub(super) fn as_long_as_it_does<T: Send + 'static>(
    view: &View,
    agency: AgencyId,
    stream: BoxStream<'static, Result<T, Status>>,
) -> BoxStream<'static, Result<T, Status>> {
    let mut directories = view.directories();
    let stopped = Box::pin(async move {
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
    });
    stream::unfold(Some((stream, stopped)), |parts| async move {
        let (mut stream, mut stopped) = parts?;
        tokio::select! {
            biased;
            status = &mut stopped => Some((Err(status), None)),
            next = stream.next() => next.map(|next| (next, Some((stream, stopped)))),
        }
    })
    .boxed()
}
