//! The command line.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};

use crate::workload::{ALL, Workload};

/// All workloads, one after the other.
const EVERY: &str = "all";

/// Measures workloads, each beside its reference in the same run on the same disk.
///
/// Exit codes: 0 everything was measured, whether or not targets were met; 1 a workload failed or lost something, 2 wrong
/// arguments.
#[derive(Debug, Parser)]
#[command(name = "sealpost-bench", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Which workload.
    #[arg(required_unless_present = "child", value_parser = names())]
    pub(crate) workload: Option<String>,
    /// Less of everything: under a minute for all, once the ledgers are made.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Writes the figures to this file, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Where files are written and ledgers kept; a real disk. Default: `bench` beside the folder of the program, which
    /// is in the target directory, or the folder for temporary files.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Does a part that needs a process of its own.
    #[arg(long, value_enum, hide = true)]
    pub(crate) child: Option<Child>,
}

/// What runs in a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Child {
    /// Appends until it is killed.
    Append,
    /// Opens a ledger and tells what that took.
    Open,
}

impl Arguments {
    /// What is to be measured, in its order.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = &'static Workload> {
        let chosen = self.workload.as_deref().unwrap_or(EVERY);
        ALL.iter().filter(move |workload| chosen == EVERY || chosen == workload.name)
    }
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(ALL.iter().map(|workload| workload.name).chain([EVERY]))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn a_workload_is_chosen_by_its_name_and_all_are_every_one() {
        Arguments::command().debug_assert();
        let chosen = |name| {
            let arguments = Arguments::parse_from(["sealpost-bench", name]);
            arguments.workloads().map(|workload| workload.name).collect::<Vec<_>>()
        };
        assert_eq!(chosen("open"), ["open"]);
        assert_eq!(chosen("all").len(), ALL.len());
        assert!(Arguments::try_parse_from(["sealpost-bench", "opne"]).is_err());
        assert!(Arguments::try_parse_from(["sealpost-bench"]).is_err());
    }
}
