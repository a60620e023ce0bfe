//! The program `sealpost-bench`: measures the workloads, each beside its reference in the same run, and says whether
//! the target was met. `docs/performance.md` says what is measured and how to read it.
//!
//! A workload is a file in `workload/` and a line in [`workload::ALL`]. Every workload checks that nothing it wrote was
//! lost; one that lost something has no figures. Never here: correctness tests, and figures that were typed in.

mod arguments;
mod machine;
mod net;
mod page;
mod place;
mod report;
mod run;
mod samples;
mod screen;
mod workload;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser as _;

use crate::arguments::{Arguments, Child};
use crate::machine::Machine;
use crate::place::Place;
use crate::report::Report;
use crate::run::Run;
use crate::screen::{say, tell};
use crate::workload::{Context, Needs, Workload};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.child {
        Some(child) => run_child(child, &arguments),
        None if !arguments.page.is_empty() => show_page(&arguments),
        None => measure(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        say(&failure(&error));
        ExitCode::FAILURE
    })
}

/// Runs in a process of its own, since what is measured there is the process.
fn run_child(child: Child, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let dir = arguments.dir.as_deref().context("a child needs the folder of its ledger")?;
    match child {
        Child::Append => workload::open::child::append_until_killed(dir)?,
        Child::Open => workload::open::child::measure_open(dir)?,
        Child::Flood => workload::flood::child::flood_until_killed(dir)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn show_page(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    tell(page::of_files(&arguments.page)?.trim_end());
    Ok(ExitCode::SUCCESS)
}

fn measure(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.workloads().any(|workload| workload.needs == Needs::Programs) {
        sealpost_demo::network::build()?;
    }
    let (begun, run) = (Instant::now(), Run::of(arguments));
    let place = Place::new(arguments.dir.as_deref())?;
    let machine = Machine::measure(&place, arguments.quick)?;
    tell(&format!("machine: {machine}"));
    if let Some(warning) = machine.warning() {
        say(&warning);
    }
    let lasting = arguments.minutes.map(Duration::from_mins);
    let context = Context { place, quick: arguments.quick, lasting };
    let mut report = Report::new(machine, run);
    let mut failed = false;
    for workload in arguments.workloads() {
        let Workload { name, about, run, .. } = workload;
        say(&format!("{name}: {about}"));
        match run(&context) {
            Ok(outcome) => {
                tell(&format!("\n{name}: {}", outcome.checked));
                outcome.notes.iter().for_each(|note| tell(&format!("{name}: {note}")));
                tell(&report::table::of(&outcome.rows));
                report.rows.extend(outcome.rows);
            }
            Err(error) => {
                failed = true;
                say(&failure(&error.context(format!("{name} failed, and has no figures"))));
            }
        }
    }
    if let Some(file) = &arguments.json {
        let written = std::fs::write(file, report.to_json()?);
        written.with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some(warning) = report.warning() {
        say(&warning);
    }
    tell(&format!("\n{} after {:.0} s", report.summary(), begun.elapsed().as_secs_f64()));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn failure(error: &anyhow::Error) -> String {
    let causes = error.chain().skip(1).map(|cause| format!("\n  because: {cause}"));
    format!("error: {error}{}", causes.collect::<String>())
}
