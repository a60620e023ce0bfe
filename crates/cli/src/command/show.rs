//! `sealpost show`: one message, whole.

use std::fmt::Write as _;

use sealpost_client::gateway::Gateway;
use sealpost_domain::view::{Direction, Shown};
use sealpost_wire::json::Message;
use serde_json::Value;

use super::track;
use crate::arguments::One;
use crate::failure::{Exit, Failure};
use crate::output::{self, Output, time};
use crate::text;

/// What stands above the content already.
const TOLD_ABOVE: [&str; 14] = [
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
    "in_reply_to",
    "category",
];

/// Shows the message.
pub(super) async fn run(gateway: &Gateway, asked: &One, out: &mut Output) -> Result<(), Failure> {
    let shown = gateway.get(asked.id).await?;
    let document = Message::from(&shown).to_line();
    if out.is_json() {
        return out.json(&document);
    }
    out.table(&mut heading(&shown))?;
    let fault = |error| Failure::new(Exit::Failed, error, "this is a fault of the program");
    let mut value: Value = serde_json::from_str(&document).map_err(fault)?;
    if let Value::Object(fields) = &mut value {
        fields.retain(|field, _| !TOLD_ABOVE.contains(&field.as_str()));
    }
    let mut content = String::new();
    write_value(&mut content, &value, 0);
    out.line(&format!("\n{}", content.trim_end()))?;
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
    output::list(rows)
}

/// Names and values, indented by what holds them.
fn write_value(out: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                write_field(out, &indent, &name.replace('_', " "), field, depth);
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                write_field(out, &indent, "-", entry, depth);
            }
        }
        scalar => {
            let _ = writeln!(out, "{indent}{}", scalar_text(scalar));
        }
    }
}

fn write_field(out: &mut String, indent: &str, name: &str, value: &Value, depth: usize) {
    let mark = if name == "-" { "-".to_owned() } else { format!("{name}:") };
    match value {
        Value::Array(entries) if entries.is_empty() => {
            let _ = writeln!(out, "{indent}{mark} none");
        }
        Value::Array(entries) if entries.iter().all(|entry| !entry.is_object() && !entry.is_array()) => {
            let entries: Vec<String> = entries.iter().map(scalar_text).collect();
            let _ = writeln!(out, "{indent}{mark} {}", entries.join(", "));
        }
        Value::Object(_) | Value::Array(_) => {
            let _ = writeln!(out, "{indent}{mark}");
            write_value(out, value, depth + 1);
        }
        scalar => {
            let shown = scalar_text(scalar).replace('\n', &format!("\n{indent}  "));
            let _ = writeln!(out, "{indent}{mark} {shown}");
        }
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::String(text) => text::paragraph(text),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_written_as_names_and_values() {
        let value = serde_json::json!({
            "content": { "recall": { "reason": "wrong\naddress\u{1b}[2J" } },
            "handling": ["H0", "H2"],
            "late": false,
            "legs": [{ "from_port": "HKHKG" }, { "from_port": "DEHAM" }],
            "purpose": "customs",
        });
        let mut shown = String::new();
        write_value(&mut shown, &value, 0);
        assert_eq!(
            shown,
            "content:\n  recall:\n    reason: wrong\n      address\\u{1b}[2J\nhandling: H0, H2\nlate: no\nlegs:\n  -\n    \
             from port: HKHKG\n  -\n    from port: DEHAM\npurpose: customs\n"
        );
    }
}
