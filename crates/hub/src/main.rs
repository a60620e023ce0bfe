//! The program `sealpost-hub`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sealpost_hub::config::HubConfig;
use sealpost_hub::run::{self, Error};
use sealpost_server::config;

/// What was asked for did not succeed.
const FAILED: u8 = 1;
/// The command line, the configuration or a file that it names is at fault.
const MISCONFIGURED: u8 = 2;

/// The hub of a Sealpost network: it routes what it cannot read.
#[derive(Parser)]
#[command(name = "sealpost-hub", version, arg_required_else_help = true)]
struct Arguments {
    /// The configuration file.
    #[arg(long, value_name = "FILE", default_value = "hub.toml", global = true)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run until SIGTERM or SIGINT; a second one ends at once.
    Run,
    /// Read the configuration and tell all its faults, then every file that it names up to the first fault; change
    /// nothing.
    CheckConfig,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config = match config::load::<HubConfig>(&arguments.config) {
        Ok(config) => config,
        Err(error) => return end(&error, MISCONFIGURED),
    };
    let outcome = match arguments.command {
        Command::Run => run(&config),
        Command::CheckConfig => run::check(&config).map(|()| {
            let told = writeln!(std::io::stdout(), "{}: sound", arguments.config.display());
            // A closed pipe is no failure of the check.
            drop(told);
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_configuration() => end(&error, MISCONFIGURED),
        Err(error) => end(&error, FAILED),
    }
}

fn run(config: &HubConfig) -> Result<(), Error> {
    config.log.start()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Error::System)?;
    runtime.block_on(run::run(config))
}

/// Tells an error with everything that led to it.
fn end(error: &dyn std::error::Error, code: u8) -> ExitCode {
    let mut text = format!("sealpost-hub: {error}");
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}\n  because: {error}");
        source = error.source();
    }
    // With stderr closed there is nobody to tell.
    drop(writeln!(std::io::stderr(), "{text}"));
    ExitCode::from(code)
}
