//! `sealpost inbox`: what lies in the ledger, the newest first.

use sealpost_client::gateway::Gateway;
use sealpost_domain::view::{self, Query};
use sealpost_wire::json::Message;

use super::message;
use crate::arguments::Inbox;
use crate::failure::Failure;
use crate::output::{Output, talk};

/// Lists messages; as many calls are made as the limit asks for.
pub(super) async fn run(gateway: &Gateway, asked: Inbox, out: &mut Output) -> Result<(), Failure> {
    let filter = asked.filter.into_filter();
    let (mut missing, mut before) = (asked.limit, asked.before);
    let mut table = message::table();
    let mut more = true;
    while more && missing > 0 {
        let query = Query { filter: filter.clone(), limit: missing.min(view::LIST_MAX), before };
        let page = gateway.list(&query).await?;
        for shown in &page.messages {
            if out.is_json() {
                out.json(&Message::from(shown).to_line())?;
            } else {
                table.add_row(message::row(shown));
            }
        }
        missing = missing.saturating_sub(u32::try_from(page.messages.len()).unwrap_or(u32::MAX));
        before = page.messages.last().map(|last| last.index).or(before);
        more = page.more && !page.messages.is_empty();
    }
    if out.is_json() {
        return Ok(());
    }
    if table.is_empty() {
        talk("no messages");
        return Ok(());
    }
    out.table(&mut table)?;
    if let (true, Some(before)) = (more, before) {
        out.flush()?;
        talk(&format!("there are more: sealpost inbox --before {before}"));
    }
    Ok(())
}
