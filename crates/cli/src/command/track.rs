//! `sealpost track`: how far a message of one's own came, and what the recipients of an amendment or recall answered.

use comfy_table::{Cell, Table};
use sealpost_client::gateway::Gateway;
use sealpost_domain::view::{RecipientState, Tracked};
use serde_json::{Value, json};

use super::change;
use crate::arguments::One;
use crate::failure::Failure;
use crate::output::{self, Output, state, time};
use crate::text;

/// Shows the state at each recipient, and its answer.
pub(super) async fn run(gateway: &Gateway, asked: &One, out: &mut Output) -> Result<(), Failure> {
    let tracked = gateway.track(asked.id).await?;
    if out.is_json() {
        return out.json(&document(&tracked).to_string());
    }
    let mut rows = vec![
        ("message", tracked.id.to_string()),
        ("kind", format!("{}, {}", tracked.kind, tracked.priority)),
        ("sent", time(tracked.sent_at)),
    ];
    rows.extend(tracked.act_before.map(|moment| ("act before", time(moment))));
    rows.extend(tracked.changed.as_ref().map(|changed| (change::mark(changed), change::by(changed))));
    out.table(&mut output::list(rows))?;
    out.line("")?;
    out.table(&mut states(&tracked.states))?;
    if !tracked.answers.is_empty() {
        out.line("")?;
        out.table(&mut change::answers(&tracked.answers))?;
    }
    Ok(())
}

/// The states as a table.
pub(super) fn states(states: &[RecipientState]) -> Table {
    let mut table = output::table(["RECIPIENT", "STATE", "SINCE", "RULE", "OVERDUE", "CHANGED"]);
    for recipient in states {
        table.add_row([
            Cell::new(&recipient.agency),
            state(recipient.state),
            Cell::new(time(recipient.since)),
            Cell::new(text::line(recipient.rule.as_deref().unwrap_or_default())),
            Cell::new(if recipient.overdue { "OVERDUE" } else { "" }),
            Cell::new(recipient.changed.as_ref().map(change::told).unwrap_or_default()),
        ]);
    }
    table
}

fn document(tracked: &Tracked) -> Value {
    let state = |state: &RecipientState| {
        let mut document = json!({
            "agency": state.agency.to_string(),
            "state": state.state.to_string(),
            "since": state.since.to_string(),
            "overdue": state.overdue,
        });
        if let (Some(rule), Value::Object(fields)) = (&state.rule, &mut document) {
            fields.insert("rule".to_owned(), rule.as_str().into());
        }
        if let (Some(changed), Value::Object(fields)) = (&state.changed, &mut document) {
            fields.insert("changed".to_owned(), change::told_document(changed));
        }
        document
    };
    let mut document = json!({
        "id": tracked.id.to_string(),
        "kind": tracked.kind.to_string(),
        "priority": tracked.priority.to_string(),
        "sent_at": tracked.sent_at.to_string(),
        "states": tracked.states.iter().map(state).collect::<Vec<_>>(),
    });
    if let Value::Object(fields) = &mut document {
        let act_before = tracked.act_before.map(|moment| moment.to_string().into());
        fields.extend(act_before.map(|moment| ("act_before".to_owned(), moment)));
        let changed = tracked.changed.as_ref().map(change::document);
        fields.extend(changed.map(|changed| ("changed".to_owned(), changed)));
        if !tracked.answers.is_empty() {
            let answers: Vec<Value> = tracked.answers.iter().map(change::answer_document).collect();
            fields.insert("answers".to_owned(), answers.into());
        }
    }
    document
}
