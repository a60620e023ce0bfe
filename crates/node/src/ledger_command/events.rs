//! `ledger events`: what was recorded as a security matter, told while it is read.

use std::io::{self, IsTerminal as _};

use clap::Args;
use sealpost_domain::instant::Instant;
use sealpost_domain::time::OffsetTime;
use sealpost_domain::view::harmless;
use sealpost_node::check::{Asked, Books, Kind, SecurityEvent};
use sealpost_server::program::say;

use super::progress::Progress;
use super::{Failure, Output, tell};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Those alone that were recorded then or later, by this node's clock: a day as YYYY-MM-DD, from its beginning in UTC, or
    /// a moment as in 2027-03-01T08:00:00+01:00.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<Instant>,
    /// Those of this rule alone (docs/rules.md), as in directory.fork; its first part takes all of a family, as in directory.
    /// Can be repeated.
    #[arg(long, value_name = "RULE")]
    kind: Vec<Kind>,
    /// How they are told; as JSON each is a document on a line of its own.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(super) fn list(books: &Books, arguments: Arguments) -> Result<(), Failure> {
    let Arguments { since, kind, output } = arguments;
    // Lines and a bar on one terminal would write over each other.
    let mut progress = (!io::stdout().is_terminal()).then(|| Progress::of(books.records()));
    let told = books.events(
        &Asked { since, kinds: kind },
        |done| {
            if let Some(progress) = &mut progress {
                progress.tell(done);
            }
        },
        |event| -> Result<(), Failure> {
            Ok(say(&match output {
                Output::Text => line(&event),
                Output::Json => document(&event),
            })?)
        },
    )?;
    if let Some(progress) = progress {
        progress.end();
    }
    if told == 0 {
        tell("nothing of what was asked for is recorded as a security matter");
    }
    Ok(())
}

fn line(event: &SecurityEvent) -> String {
    let SecurityEvent { index, recorded_at, kind, peer, header: _, detail, exhibits: _ } = event;
    let peer = peer.as_ref().map_or("-", |peer| peer.as_str());
    let detail = detail.as_deref().unwrap_or("(a disk damaged the evidence)");
    format!("{index} {recorded_at} {kind} {peer} {detail}")
}

fn document(event: &SecurityEvent) -> String {
    harmless::json(&serde_json::to_string(event).expect("numbers and texts have a JSON form"))
}

/// A moment, or the beginning of a day in UTC.
fn moment(text: &str) -> Result<Instant, String> {
    let begins = || format!("{text}T00:00:00Z").parse::<OffsetTime>();
    let moment = text.parse::<OffsetTime>().or_else(|_| begins());
    moment.map(OffsetTime::instant).map_err(|_| {
        "expected a day as YYYY-MM-DD, or a moment with its offset as in 2027-03-01T08:00:00Z".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_in_utc_and_a_moment_has_an_offset() {
        let day = moment("2027-03-01").unwrap();
        assert_eq!(day.to_string(), "2027-03-01T00:00:00Z");
        assert_eq!(moment("2027-03-01T01:00:00+01:00").unwrap(), day);
        for wrong in ["", "yesterday", "2027-02-30", "2027-03", "2027-03-01T01:00:00"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
