//! When, of what and how a run was measured.

use std::fmt::Write as _;
use std::process::Command;

use jiff::Timestamp;
use serde::Serialize;

use crate::arguments::Arguments;

/// What the figures of a run belong to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Run {
    /// UTC.
    date: String,
    /// Of the sources; with `+` where they were changed since, `unknown` outside a checkout.
    commit: String,
    /// What changes the figures of it.
    command: String,
    /// How many tasks wanted a core in the minute before: more than a few, and the machine does other things.
    load: Option<f64>,
}

impl Run {
    /// Of what was asked for.
    pub(crate) fn of(arguments: &Arguments) -> Self {
        let Arguments { workload, quick, minutes, .. } = arguments;
        let mut command = format!("sealpost-bench {}", workload.as_deref().unwrap_or_default());
        if *quick {
            command.push_str(" --quick");
        }
        if let Some(minutes) = minutes {
            // Writing to a text does not fail.
            let _ = write!(command, " --minutes {minutes}");
        }
        Self {
            date: Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            commit: commit().unwrap_or_else(|| "unknown".to_owned()),
            command,
            load: load(),
        }
    }

    #[cfg(test)]
    pub(crate) fn invented() -> Self {
        Self {
            date: "2026-01-15T08:00:00Z".to_owned(),
            commit: "0123456789ab".to_owned(),
            command: "sealpost-bench all".to_owned(),
            load: Some(0.5),
        }
    }
}

fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

fn commit() -> Option<String> {
    let head = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { head } else { head + "+" })
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").current_dir(env!("CARGO_MANIFEST_DIR")).args(arguments).output().ok()?;
    let told = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| told.trim().to_owned())
}
