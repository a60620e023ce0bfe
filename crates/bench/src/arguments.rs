//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};

use crate::workload::{ALL, Asked, Workload};

/// All workloads that do not take long, one after the other.
const EVERY: &str = "all";

/// Measures workloads, each beside its reference in the same run on the same disk.
///
/// Exit codes: 0 everything was measured, whether or not targets were met; 1 a workload failed or lost something, 2 wrong
/// arguments.
#[derive(Debug, Parser)]
#[command(name = "sealpost-bench", version, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Which workload.
    #[arg(required_unless_present_any = ["child", "page"], value_parser = names())]
    pub(crate) workload: Option<String>,
    /// Less of everything: some minutes for all, once the ledgers are made.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Writes the figures to this file, too.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Where files are written and ledgers kept; a real disk. Default: `bench` beside the folder of the program, which
    /// is in the target directory, or the folder for temporary files.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// How long `soak` lasts; 30 when it is not said, 1 with --quick.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_080))]
    pub(crate) minutes: Option<u64>,
    /// Writes to stdout the page of results that these files of --json give.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with = "workload")]
    pub(crate) page: Vec<PathBuf>,
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
    /// Floods a hub from one agency until it is killed.
    Flood,
}

impl Child {
    /// How this program is called to be the child.
    pub(crate) fn arguments(self, dir: &Path) -> Vec<OsString> {
        let name = self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        vec!["--child".into(), name.into(), "--dir".into(), dir.into()]
    }
}

impl Arguments {
    /// What is to be measured, in its order.
    pub(crate) fn workloads(&self) -> impl Iterator<Item = &'static Workload> {
        let chosen = self.workload.as_deref().unwrap_or(EVERY);
        let with_all = chosen == EVERY;
        ALL.iter()
            .filter(move |workload| chosen == workload.name || with_all && workload.asked == Asked::WithAll)
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
        let all = chosen("all");
        assert_eq!(all.len(), ALL.len() - 2);
        for left_out in ["soak", "cluster"] {
            assert!(!all.contains(&left_out), "{left_out} takes long, or needs servers");
            assert_eq!(chosen(left_out), [left_out]);
        }
        assert!(Arguments::try_parse_from(["sealpost-bench", "opne"]).is_err());
        assert!(Arguments::try_parse_from(["sealpost-bench"]).is_err());
    }
}
