//! What people see while the demonstration runs: steps, bars and the live feed on stderr, the result on stdout.
//!
//! Where stderr is no terminal there is no feed and there are no bars, only the steps.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::Priority;
use sealpost_domain::view::Shown;

/// The screen.
pub(crate) struct Screen {
    begun: Instant,
    terminal: bool,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), terminal: io::stderr().is_terminal() }
    }

    /// How long the demonstration has taken so far.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// A step that begins, or something that happened.
    pub(crate) fn step(&self, text: &str) {
        say(&format!("[{:6.1} s] {text}", self.elapsed().as_secs_f64()));
    }

    /// A bar for a step with so many parts.
    pub(crate) fn bar(&self, len: usize, what: &str) -> Bar {
        let target = if self.terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(u64::try_from(len).ok(), target);
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg}") {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Bar(bar)
    }
}

/// A progress bar with a feed above it.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn set(&self, position: usize) {
        self.0.set_position(u64::try_from(position).unwrap_or(u64::MAX));
    }

    /// A line of the live feed: a message that arrived.
    pub(crate) fn arrived(&self, at: &AgencyId, name: &str, shown: &Shown) {
        let time = Timestamp::now().strftime("%H:%M:%S");
        let mark = if shown.priority == Priority::Flash { "!" } else { " " };
        let (priority, kind, from) = (shown.priority, shown.kind, &shown.sender);
        self.0.println(format!("{time} {mark} {priority:<7} {kind:<17} {from:>7} → {at:<7} {name}"));
    }

    /// A line of the feed that is no message; told without a terminal, too.
    pub(crate) fn note(&self, text: &str) {
        if self.0.is_hidden() { say(text) } else { self.0.println(text) }
    }

    pub(crate) fn end(self) {
        self.0.finish_and_clear();
    }
}

/// A line on stderr; a closed stderr is no failure.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// A line on stdout; a closed pipe is no failure.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
