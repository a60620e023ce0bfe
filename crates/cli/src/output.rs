//! Data to stdout, as tables for people or JSON for programs; talk to stderr. Colours only on a terminal.

use std::io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::view::DeliveryState;

use crate::arguments::Format;
use crate::failure::Failure;
use crate::text;

/// Where results go.
pub(crate) struct Output {
    stdout: BufWriter<StdoutLock<'static>>,
    format: Format,
    terminal: bool,
}

impl Output {
    pub(crate) fn new(format: Format) -> Self {
        let stdout = io::stdout();
        let terminal = stdout.is_terminal();
        Self { stdout: BufWriter::new(stdout.lock()), format, terminal }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// One JSON document on one line.
    pub(crate) fn json(&mut self, document: &str) -> Result<(), Failure> {
        self.raw_line(&text::json(document))
    }

    /// One line for people; the caller has made texts from elsewhere harmless.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.raw_line(line)
    }

    /// A table. On a terminal it fits the width; elsewhere every row is one line.
    pub(crate) fn table(&mut self, table: &mut Table) -> Result<(), Failure> {
        if self.terminal {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        if !self.terminal || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
            table.force_no_tty();
        }
        let shown: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        self.raw_line(&shown.join("\n"))
    }

    /// Everything written is on its way.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stdout.flush().map_err(Failure::output)
    }

    fn raw_line(&mut self, line: &str) -> Result<(), Failure> {
        writeln!(self.stdout, "{line}").map_err(Failure::output)
    }
}

/// Says something to the person, beside the data. A closed stderr is no reason to stop.
pub(crate) fn talk(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// A table with these columns.
pub(crate) fn table<'a>(columns: impl IntoIterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_header(columns.into_iter().map(|column| Cell::new(column).add_attribute(Attribute::Bold)));
    table
}

/// A table of names and values.
pub(crate) fn list<'a>(rows: impl IntoIterator<Item = (&'a str, String)>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    for (name, value) in rows {
        table.add_row([Cell::new(name).add_attribute(Attribute::Bold), Cell::new(value)]);
    }
    table
}

/// A time for people: UTC, to the second.
pub(crate) fn time(instant: Instant) -> String {
    match jiff::Timestamp::from_millisecond(instant.as_millis()) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => instant.to_string(),
    }
}

pub(crate) fn priority(priority: Priority) -> Cell {
    let cell = Cell::new(priority);
    match priority {
        Priority::Flash => cell.fg(Color::Red).add_attribute(Attribute::Bold),
        Priority::Urgent => cell.fg(Color::Yellow),
        Priority::Routine => cell,
    }
}

pub(crate) fn state(state: DeliveryState) -> Cell {
    let cell = Cell::new(state);
    match state {
        DeliveryState::Delivered | DeliveryState::Read => cell.fg(Color::Green),
        DeliveryState::Refused | DeliveryState::Quarantined | DeliveryState::Withdrawn => cell.fg(Color::Red),
        DeliveryState::Published | DeliveryState::Accepted => cell,
    }
}
