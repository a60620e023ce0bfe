//! A bar for what takes long.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// What takes longer shows its progress.
const PATIENCE: Duration = Duration::from_secs(1);

/// A bar on stderr, where that is a terminal, once something takes long.
pub(super) struct Progress {
    /// `None` where nobody knows.
    total: Option<u64>,
    begun: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn of(total: u64) -> Self {
        Self { total: Some(total), begun: Instant::now(), bar: None }
    }

    pub(super) fn of_unknown() -> Self {
        Self { total: None, begun: Instant::now(), bar: None }
    }

    pub(super) fn tell(&mut self, done: u64) {
        if done.is_multiple_of(256) && self.begun.elapsed() > PATIENCE {
            self.bar.get_or_insert_with(|| bar(self.total)).set_position(done);
        }
    }

    pub(super) fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let (bar, shape) = match total {
        Some(total) => (ProgressBar::new(total), "{bar:40} {pos}/{len} records, {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {pos} records"),
    };
    if let Ok(style) = ProgressStyle::with_template(shape) {
        bar.set_style(style);
    }
    bar
}
