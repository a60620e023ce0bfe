//! What became of a message later, for people.

use comfy_table::{Cell, Color, Table};
use sealpost_domain::answer::{Change, Effect};
use sealpost_domain::view::{Answered, Changed, RecipientAnswer};
use serde_json::{Value, json};

use crate::output::{self, time};
use crate::text;

/// How a change is marked wherever its message is shown.
pub(super) fn mark(changed: &Changed) -> &'static str {
    marked(changed.effect)
}

fn marked(effect: Effect) -> &'static str {
    match effect {
        Effect::Amended => "AMENDED",
        Effect::Recalled => "RECALLED",
    }
}

/// What one recipient was told.
pub(super) fn told(change: &Change) -> String {
    format!("{} by {}", marked(change.effect), change.by)
}

/// What one recipient was told, for programs.
pub(super) fn told_document(change: &Change) -> Value {
    json!({
        "effect": change.effect.as_str(),
        "by": change.by.to_string(),
        "sent_at": change.sent_at.to_string(),
    })
}

/// By which message and when, and why where that is known.
pub(super) fn by(changed: &Changed) -> String {
    let reason = changed.reason.as_ref().map(|reason| format!(": {}", text::line(reason.as_str())));
    format!("by {}, sent {}{}", changed.by, time(changed.sent_at), reason.unwrap_or_default())
}

/// What each recipient of an amendment or a recall answered, as a table.
pub(super) fn answers(answers: &[RecipientAnswer]) -> Table {
    let mut table = output::table(["RECIPIENT", "ANSWER", "AT", "BY", "NOTE", "LATE"]);
    for RecipientAnswer { agency, answered, late } in answers {
        let late = Cell::new(if *late { "LATE" } else { "" }).fg(Color::Red);
        let agency = Cell::new(agency);
        match answered {
            None => table.add_row([agency, Cell::new("none yet"), "".into(), "".into(), "".into(), late]),
            Some(Answered { answer, note, by, at }) => table.add_row([
                agency,
                Cell::new(answer.map_or("(erased)", |answer| answer.as_str())),
                Cell::new(time(*at)),
                Cell::new(by),
                Cell::new(text::line(note.as_ref().map_or("", |note| note.as_str()))),
                late,
            ]),
        };
    }
    table
}

/// A change for programs.
pub(super) fn document(changed: &Changed) -> Value {
    json!({
        "effect": changed.effect.as_str(),
        "by": changed.by.to_string(),
        "sent_at": changed.sent_at.to_string(),
        "recorded_at": changed.recorded_at.to_string(),
    })
}

/// An answer for programs.
pub(super) fn answer_document(answer: &RecipientAnswer) -> Value {
    let mut document = json!({ "agency": answer.agency.to_string(), "late": answer.late });
    if let (Some(Answered { answer, note, by, at }), Value::Object(fields)) =
        (&answer.answered, &mut document)
    {
        fields.insert("by".to_owned(), by.to_string().into());
        fields.insert("at".to_owned(), at.to_string().into());
        fields.extend(answer.map(|answer| ("answer".to_owned(), answer.as_str().into())));
        fields.extend(note.as_ref().map(|note| ("note".to_owned(), note.as_str().into())));
    }
    document
}
