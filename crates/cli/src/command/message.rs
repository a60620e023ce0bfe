//! A message in one row.

use comfy_table::{Cell, Table};
use sealpost_domain::rule::Rule;
use sealpost_domain::view::{DeliveryState, Direction, Erased, Shown};

use super::change;
use crate::output::{self, priority, time};
use crate::text;

/// How many identifiers stand in a row.
const IDENTIFIERS_MAX: usize = 3;

/// What stands in the place of a content that is not there.
pub(super) const NO_CONTENT: &str = "(lost on the node's disk)";

/// How the content of a message was erased.
pub(super) fn erased(Erased { record, at, rule }: &Erased) -> String {
    let why = if Rule::ErasureRetention == *rule.as_str() {
        "its retention was over".to_owned()
    } else if Rule::ErasureOrdered == *rule.as_str() {
        "it was ordered before its time".to_owned()
    } else {
        text::line(rule)
    };
    format!("erased {}: {why} (record {record} of the ledger)", time(*at))
}

/// A table of messages.
pub(super) fn table() -> Table {
    output::table(["INDEX", "RECORDED", "PRIORITY", "FROM/TO", "KIND", "TLP", "STATE", "ID", "ABOUT"])
}

/// A message as a row of it.
pub(super) fn row(shown: &Shown) -> Vec<Cell> {
    vec![
        Cell::new(shown.index),
        Cell::new(time(shown.recorded_at)),
        priority(shown.priority),
        Cell::new(other_side(shown)),
        Cell::new(shown.kind),
        Cell::new(shown.handling.tlp()),
        Cell::new(state(shown)),
        Cell::new(shown.id),
        Cell::new(about(shown)),
    ]
}

/// A message as one line, where rows come one by one and no table can be laid out.
pub(super) fn line(shown: &Shown) -> String {
    format!(
        "{}  {:7}  {}  {}  {}  {}  {}",
        time(shown.recorded_at),
        shown.priority,
        other_side(shown),
        shown.kind,
        state(shown),
        shown.id,
        about(shown)
    )
}

fn other_side(shown: &Shown) -> String {
    match (shown.direction, shown.recipients.as_slice()) {
        (Direction::Received, _) => format!("from {}", shown.sender),
        (Direction::Sent, [one]) => format!("to {one}"),
        (Direction::Sent, recipients) => format!("to {} agencies", recipients.len()),
    }
}

fn state(shown: &Shown) -> String {
    let of_enclosed = || shown.forwarded.as_ref().and_then(|forwarded| forwarded.changed.as_ref());
    let changed = shown.changed.as_ref().or_else(of_enclosed);
    let mark = changed.map(|changed| format!("{}, ", change::mark(changed)));
    mark.unwrap_or_default() + &progress(shown)
}

fn progress(shown: &Shown) -> String {
    match shown.direction {
        Direction::Sent => {
            let total = shown.states.len();
            let delivered =
                |state: &DeliveryState| matches!(state, DeliveryState::Delivered | DeliveryState::Read);
            let delivered = shown.states.iter().filter(|state| delivered(&state.state)).count();
            let overdue = shown.states.iter().any(|state| state.overdue);
            format!("{delivered}/{total} delivered{}", if overdue { ", OVERDUE" } else { "" })
        }
        Direction::Received => {
            let marks = [
                (!shown.read, "unread"),
                (shown.read, "read"),
                (shown.late, "LATE"),
                (shown.gap_before, "gap before"),
            ];
            let holding = marks.iter().filter(|(holds, _)| *holds).map(|(_, mark)| *mark);
            holding.collect::<Vec<_>>().join(", ")
        }
    }
}

fn about(shown: &Shown) -> String {
    let Some(alert) = &shown.alert else {
        return shown.erased.as_ref().map_or_else(|| NO_CONTENT.to_owned(), erased);
    };
    // What holds now, where it was amended.
    let replacement = shown.changed.as_ref().and_then(|changed| changed.replacement.as_ref());
    let forwarded = shown.forwarded.as_ref().map(|forwarded| forwarded.alert.content());
    let identifiers = replacement.or(forwarded).unwrap_or_else(|| alert.content()).identifiers();
    if identifiers.is_empty() {
        return text::line(alert.purpose().as_str());
    }
    let mut named: Vec<String> = identifiers
        .iter()
        .take(IDENTIFIERS_MAX)
        .map(|identifier| text::line(&identifier.to_string()))
        .collect();
    if identifiers.len() > IDENTIFIERS_MAX {
        named.push(format!("and {} more", identifiers.len() - IDENTIFIERS_MAX));
    }
    named.join(", ")
}
