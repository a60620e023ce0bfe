//! The command line.

use clap::{Parser, Subcommand, ValueEnum};
use sealpost_demo::operation::generate;
use sealpost_domain::agency::AgencyId;

/// Runs a whole network on this machine, plays the sample operation through it and checks what became of it.
///
/// Exit codes: 0 all checks passed, 1 something differs or failed, 2 wrong arguments.
#[derive(Debug, Parser)]
#[command(name = "sealpost-demo", version, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    /// Kills the hub (SIGKILL) when half of the messages are published, and starts it again.
    #[arg(long)]
    pub(crate) hub_restart: bool,
    /// Leaves the network running after the checks, with commands to try, until Ctrl-C.
    #[arg(long)]
    pub(crate) keep: bool,
    /// Makes a fault on purpose: the checks must name it.
    #[arg(long, value_enum, hide = true)]
    pub(crate) sabotage: Option<Sabotage>,
    /// Only these agencies, separated by commas, and what goes between them alone.
    #[arg(long, value_name = "AGENCIES", value_delimiter = ',', hide = true)]
    pub(crate) agencies: Vec<AgencyId>,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// A fault on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sabotage {
    /// A message does not go to one of its addressees.
    Drop,
    /// A message goes out twice.
    Double,
    /// A message goes to an agency that has nothing to do with it.
    Misroute,
    /// A byte of a ledger is flipped.
    Flip,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Writes the sample operation to stdout.
    Generate {
        /// Makes another operation with the same figures.
        #[arg(long, default_value_t = generate::SEED)]
        seed: u64,
    },
}
