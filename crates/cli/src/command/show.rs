//! `sealpost show`: one message, whole.

mod tree;

use sealpost_client::gateway::Gateway;
use sealpost_domain::view::{Direction, Shown};
use sealpost_wire::json::Message;

use self::tree::Tree;
use super::{change, message, track};
use crate::arguments::Show;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output, time};
use crate::text;

/// What stands above the content already.
const TOLD_ABOVE: [&str; 16] = [
    "id",
    "ledger_index",
    "direction",
    "sender",
    "recipients",
    "operation",
    "sent_at",
    "recorded_at",
    "kind",
    "priority",
    "states",
    "verification",
    "erased",
    "held",
    "in_reply_to",
    "category",
];

/// What of a forward is for programs: the bytes that were signed.
const AS_SIGNED: [&str; 5] = ["header", "signatures", "salt", "body", "grant"];

/// Shows the message.
pub(super) async fn run(gateway: &Gateway, asked: &Show, out: &mut Output) -> Result<(), Failure> {
    let sender = asked.sender.as_ref();
    let shown = if asked.enclose {
        gateway.get_enclosed(asked.id, sender).await?
    } else {
        gateway.get(asked.id, sender).await?
    };
    let document = Message::from(&shown).to_line();
    if out.is_json() {
        return out.json(&document);
    }
    out.table(&mut heading(&shown))?;
    let fault = |error| Failure::new(Exit::Failed, error, "this is a fault of the program");
    let tree: Tree = serde_json::from_str(&document).map_err(fault)?;
    let (mut tree, mut replacement) = (tree.without(&TOLD_ABOVE), None);
    if let Some(mut changed) = tree.take("changed") {
        replacement = changed.take("replacement");
        out.line("\nas it was sent, which no longer holds:")?;
    }
    let forwarded = tree.take("forwarded");
    if forwarded.is_some() {
        tree.without_within(&["content", "forward"], &AS_SIGNED);
    }
    out.line(&format!("\n{tree}"))?;
    if let (Some(within), Some(forwarded)) = (forwarded, &shown.forwarded) {
        let mark = forwarded.changed.as_ref().map(|changed| format!("{} ", change::mark(changed)));
        let sender = &forwarded.sender;
        out.line(&format!("\n{}forwarded, as {sender} signed it:\n\n{within}", mark.unwrap_or_default()))?;
    }
    if let (Some(replacement), Some(changed)) = (replacement, &shown.changed) {
        out.line(&format!(
            "\n{}, what holds now by message {}:\n\n{replacement}",
            change::mark(changed),
            changed.by
        ))?;
    }
    if shown.direction == Direction::Sent {
        out.line("")?;
        out.table(&mut track::states(&shown.states))?;
    }
    Ok(())
}

fn heading(shown: &Shown) -> comfy_table::Table {
    let recipients: Vec<String> = shown.recipients.iter().map(ToString::to_string).collect();
    let verification = &shown.verification;
    let mut rows = vec![
        ("message", shown.id.to_string()),
        ("kind", format!("{}, {}, {}", shown.kind, shown.priority, shown.category)),
        ("from", shown.sender.to_string()),
        ("to", recipients.join(", ")),
    ];
    let operation = shown.operation.as_ref().map(ToString::to_string);
    rows.extend(operation.map(|operation| ("operation", operation)));
    rows.extend(shown.in_reply_to.map(|id| ("in reply to", id.to_string())));
    rows.extend(shown.changed.as_ref().map(|changed| (change::mark(changed), change::by(changed))));
    rows.push(("sent", time(shown.sent_at)));
    rows.push(("recorded", format!("{} at ledger index {}", time(shown.recorded_at), shown.index)));
    rows.push(("verified", format!("signed by key {}", verification.signing_key)));
    rows.push(("", format!("directory version {}", verification.directory_version)));
    if !verification.agreement.is_empty() {
        rows.push(("", format!("shared under agreement {}", text::line(&verification.agreement))));
    }
    if shown.direction == Direction::Received {
        rows.push(("", format!("number {} on its link", verification.link_number)));
    }
    match (&shown.erased, &shown.alert) {
        (Some(erased), _) => rows.push(("content", message::erased(erased))),
        (None, None) => rows.push(("content", message::NO_CONTENT.to_owned())),
        (None, Some(_)) => {}
    }
    if shown.held {
        rows.push(("held", "a legal hold is on it: it outlives its retention".to_owned()));
    }
    output::list(rows)
}
