//! The program `sealpost-node`.

mod ledger_command;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sealpost_node::config::NodeConfig;
use sealpost_node::run::{self, Error};
use sealpost_server::config;

use ledger_command::LedgerCommand;

/// What was asked for did not succeed.
const FAILED: u8 = 1;
/// The command line, the configuration or a file that it names is at fault.
const MISCONFIGURED: u8 = 2;

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

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match config::load::<NodeConfig>(&arguments.config) {
        Ok(config) => config,
        Err(error) => return end(&error, MISCONFIGURED),
    };
    match arguments.command {
        Command::Run => conclude(run(&config)),
        Command::CheckConfig => conclude(run::check(&config).inspect(|()| {
            say(&format!("{}: sound", arguments.config.display()));
        })),
        Command::Ledger { command } => ledger_command::run(&config, command),
    }
}

fn conclude(outcome: Result<(), Error>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_configuration() => end(&error, MISCONFIGURED),
        Err(error) => end(&error, FAILED),
    }
}

fn run(config: &NodeConfig) -> Result<(), Error> {
    config.log.start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::System)?;
    runtime.block_on(run::run(config))
}

/// Tells a result; a closed pipe is no failure.
fn say(text: &str) {
    drop(writeln!(io::stdout(), "{text}"));
}

/// Tells an error with everything that led to it.
fn end(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let mut text = format!("sealpost-node: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}\n  because: {error}");
        source = error.source();
    }
    // With stderr closed there is nobody to tell.
    drop(writeln!(io::stderr(), "{text}"));
    ExitCode::from(code)
}
