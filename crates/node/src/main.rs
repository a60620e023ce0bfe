//! The program `sealpost-node`.

mod ledger_command;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sealpost_crypto::memory::{Wiping, forbid_dumps};
use sealpost_node::config::NodeConfig;
use sealpost_node::run::{self, Error};
use sealpost_server::program::{self, Program, say};

use ledger_command::LedgerCommand;

const PROGRAM: Program = Program::new("sealpost-node");

/// An agency's node of a Sealpost network: ledger, outbox, inbox, and the gateway for its own.
#[derive(Parser)]
#[command(name = "sealpost-node", version, arg_required_else_help = true)]
struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "node.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run until SIGTERM or SIGINT; a second one ends at once.
    Run,
    /// Look at the node's ledger, also while the node runs.
    Ledger {
        #[command(subcommand)]
        command: LedgerCommand,
    },
    /// Read the configuration and tell all its faults, then every file that it names up to the first fault; change
    /// nothing.
    CheckConfig,
}

/// Nothing of a message or a key stays behind in memory that was given back.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping::new();

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config: NodeConfig = match PROGRAM.load(&arguments.config) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Err(error) = forbid_dumps() {
        return PROGRAM.fail(&error);
    }
    match arguments.command {
        Command::Run => PROGRAM.conclude(program::run(&config.log, run::run(&config), Error::System)),
        Command::CheckConfig => {
            let checked = run::check(&config);
            if let Ok(judged_by) = &checked
                && let Err(error) = say(&judged_by.to_string())
            {
                return PROGRAM.fail(&error);
            }
            PROGRAM.conclude_check(checked.map(drop), &arguments.config)
        }
        Command::Ledger { command } => ledger_command::run(&config, command),
    }
}
