//! What is measured. A new workload is a file here and a line in [`ALL`].

mod append;
mod catch_up;
mod cluster;
mod exchange;
mod fanout;
pub(crate) mod flood;
mod footprint;
mod lanes;
pub(crate) mod open;
mod restart;
mod scale;
mod soak;
mod verify;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use sealpost_testkit::{Made, Plan, cache};
use tokio::runtime::{self, Runtime};

use crate::place::Place;
use crate::report::Row;
use crate::samples::figure;
use crate::screen::Bar;

/// Every workload, in the order in which `all` runs them.
pub(crate) const ALL: &[Workload] = &[
    append::WORKLOAD,
    open::WORKLOAD,
    verify::WORKLOAD,
    fanout::WORKLOAD,
    cluster::WORKLOAD,
    exchange::WORKLOAD,
    lanes::WORKLOAD,
    catch_up::WORKLOAD,
    footprint::WORKLOAD,
    flood::WORKLOAD,
    restart::WORKLOAD,
    scale::WORKLOAD,
    soak::WORKLOAD,
];

/// Something that is measured.
pub(crate) struct Workload {
    /// As it is asked for.
    pub(crate) name: &'static str,
    /// In one line, for whoever waits.
    pub(crate) about: &'static str,
    pub(crate) needs: Needs,
    pub(crate) asked: Asked,
    /// Measures it; fails when anything was lost.
    pub(crate) run: fn(&Context) -> anyhow::Result<Outcome>,
}

/// What has to be there before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// Hub and node, beside this program.
    Programs,
}

/// When it is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Also with `all`.
    WithAll,
    /// By its name alone, since it takes long.
    ByName,
}

/// What workloads are given.
pub(crate) struct Context {
    /// Where they write.
    pub(crate) place: Place,
    /// Whether little is enough.
    pub(crate) quick: bool,
    /// How long a soak lasts, where that was said.
    pub(crate) lasting: Option<Duration>,
}

/// What a workload found.
pub(crate) struct Outcome {
    pub(crate) checked: Checked,
    /// What the figures do not say.
    pub(crate) notes: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// How many were looked for after they were written, and all found once.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) records: u64,
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records checked, none lost, none doubled", self.records)
    }
}

impl Context {
    /// One of two figures.
    pub(crate) fn either<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// A valid ledger of so many records, made once and kept.
    fn ledger(&self, records: u64) -> anyhow::Result<Made> {
        let bar = Bar::new(records, "records of a ledger are made, once");
        let plan = Plan { records, seed: 1, body_bytes: 64 };
        cache::ledger(&self.place.cache(), plan, &mut |made| bar.set(made)).context("cannot make a ledger")
    }
}

/// What the workloads with sockets run on.
fn runtime() -> anyhow::Result<Runtime> {
    let made = runtime::Builder::new_multi_thread().enable_all().build();
    made.context("no threads for the workload")
}

/// Bytes as a figure of MiB.
fn mib(bytes: u64) -> f64 {
    figure(bytes) / f64::from(1 << 20)
}

/// The segment files of a log, in their order.
fn segments(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed = || fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>();
    let mut files = listed().with_context(|| format!("cannot list {}", dir.display()))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "seg"));
    files.sort();
    Ok(files)
}
