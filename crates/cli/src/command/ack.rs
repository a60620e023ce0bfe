//! `sealpost ack`: the messages were read.

use sealpost_client::gateway::Gateway;
use serde_json::json;

use crate::arguments::Many;
use crate::failure::Failure;
use crate::output::Output;

/// How many messages one call takes.
const CALL_MAX: usize = 1000;

/// Acknowledges the messages; those that are unknown, sent or read already change nothing.
pub(super) async fn run(gateway: &Gateway, asked: &Many, out: &mut Output) -> Result<(), Failure> {
    let mut acknowledged = 0;
    for ids in asked.ids.chunks(CALL_MAX) {
        acknowledged += gateway.acknowledge(ids, asked.sender.as_ref()).await?;
    }
    if out.is_json() {
        return out.json(&json!({ "acknowledged": acknowledged }).to_string());
    }
    let count = asked.ids.len();
    out.line(&format!("{acknowledged} of {count} were unread until now; their senders will see READ"))
}
