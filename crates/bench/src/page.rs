//! The page of results, made from the files of `--json` and from nothing else.
//!
//! Each file is a run: the machine and the run above, a table for each workload below. Where several files have figures of
//! one workload, each is shown; nothing is chosen here.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde::Deserialize;

use crate::machine::Machine;
use crate::report::table::figure;

const TITLE: &str = "# Results

Measured figures, made by `sealpost-bench --page` from the files in `docs/results/`; nothing here was typed in. What is
measured, how to repeat it and how to read it: [performance.md](performance.md). Above the tables of each run stand its command, the
machine and its load when it began: the average of the minute before, in which a build or another run counts too. Where something
else ran, the figures are preliminary.
";

/// What the first element of a file holds.
#[derive(Deserialize)]
struct Heading {
    machine: Machine,
    run: Run,
}

#[derive(Deserialize)]
struct Run {
    date: String,
    commit: String,
    command: String,
    load: Option<f64>,
    warning: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    workload: String,
    metric: String,
    value: f64,
    unit: String,
    reference: Option<String>,
    reference_value: Option<f64>,
    ratio: Option<f64>,
    target: Option<String>,
    met: Option<bool>,
    rounds: usize,
    spread: [f64; 2],
}

/// The page of these files, in their order.
pub(crate) fn of_files(files: &[PathBuf]) -> anyhow::Result<String> {
    let mut page = TITLE.to_owned();
    for file in files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let section = section(&text).with_context(|| format!("{} is no file of --json", file.display()))?;
        page.push_str(&section);
    }
    Ok(page)
}

fn section(text: &str) -> anyhow::Result<String> {
    let list: Vec<serde_json::Value> = serde_json::from_str(text)?;
    let (heading, rows) = list.split_first().context("the list is empty")?;
    let Heading { machine, run } = Heading::deserialize(heading)?;
    let rows = rows.iter().map(Row::deserialize).collect::<Result<Vec<_>, _>>()?;
    let mut section = format!("\n## {}, commit {}\n\n`{}`\n\n", run.date, run.commit, run.command);
    let _ = writeln!(section, "{machine}.");
    if let Some(load) = run.load {
        let _ = writeln!(section, "Load of the machine before it began: {load:.1}.");
    }
    if let Some(warning) = &run.warning {
        let _ = write!(section, "\n**{warning}**\n");
    }
    for of_one in rows.chunk_by(|one, next| one.workload == next.workload) {
        if let Some(first) = of_one.first() {
            let _ = write!(section, "\n### `{}`\n\n", first.workload);
        }
        section.push_str("| figure | value | rounds | beside | its value | ratio | target | met |\n");
        section.push_str("|---|---:|---:|---|---:|---:|---|---|\n");
        section.extend(of_one.iter().map(Row::told));
    }
    Ok(section)
}

impl Row {
    fn told(&self) -> String {
        let Self { metric, value, unit, rounds, spread: [low, high], .. } = self;
        let value = format!("{} {unit} ({}–{})", figure(*value), figure(*low), figure(*high));
        let cells = [
            metric.clone(),
            value,
            rounds.to_string(),
            self.reference.clone().unwrap_or_default(),
            self.reference_value.map(figure).unwrap_or_default(),
            self.ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            self.target.clone().unwrap_or_default(),
            self.met.map_or("", |met| if met { "yes" } else { "**no**" }).to_owned(),
        ];
        format!("| {} |\n", cells.join(" | "))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::report::{self, Report, Target};

    #[test]
    fn a_page_has_what_the_file_has() {
        let mut report = Report::new(Machine::invented(), crate::run::Run::invented());
        let samples = |value: f64| [value].into_iter().collect();
        let target = Some(Target::AtLeast(0.5));
        report.rows.push(report::Row::new("fanout", "bytes", "MB/s", &samples(40.0)).against(
            "TLS",
            &samples(100.0),
            target,
        ));
        let section = section(&report.to_json().unwrap()).unwrap();
        assert!(section.contains("## 2026-01-15T08:00:00Z, commit 0123456789ab"), "{section}");
        assert!(section.contains("### `fanout`"), "{section}");
        let row = "| bytes | 40.00 MB/s (40.00–40.00) | 1 | TLS | 100 | 0.40 | >= 0.5 | **no** |";
        assert!(section.contains(row), "{section}");
    }

    #[test]
    fn the_page_that_is_shipped_is_what_its_files_give() {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let listed = std::fs::read_dir(docs.join("results")).unwrap();
        let mut files: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        let shipped = std::fs::read_to_string(docs.join("results.md")).unwrap();
        let advice = "run `sealpost-bench --page docs/results/*.json > docs/results.md`";
        assert!(!files.is_empty() && shipped.trim_end() == of_files(&files).unwrap().trim_end(), "{advice}");
    }
}
