//! The program `sealpost-hub`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sealpost_crypto::memory::{Wiping, forbid_dumps};
use sealpost_hub::config::HubConfig;
use sealpost_hub::run::{self, Error};
use sealpost_server::config::HostPort;
use sealpost_server::program::{self, Program};

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
    /// Look at the servers that keep the journal, where it is kept on NATS JetStream: whether they are as the hub needs them;
    /// change nothing.
    Check {
        /// The monitor of a server (its `http`), to see whether it syncs before it acknowledges; once for each server.
        #[arg(long, value_name = "HOST:PORT")]
        monitor: Vec<HostPort>,
    },
}

/// Nothing of a message or a key stays behind in memory that was given back.
#[global_allocator]
static ALLOCATOR: Wiping = Wiping::new();

fn main() -> ExitCode {
    const PROGRAM: Program = Program::new("sealpost-hub");
    let arguments = Arguments::parse();
    let config: HubConfig = match PROGRAM.load(&arguments.config) {
        Ok(config) => config,
        Err(code) => return code,
    };
    if let Err(error) = forbid_dumps() {
        return PROGRAM.fail(&error);
    }
    match arguments.command {
        Command::Run => PROGRAM.conclude(program::run(&config.log, run::run(&config), Error::System)),
        Command::Check { monitor } => {
            PROGRAM.conclude(program::run(&config.log, run::check_journal(&config, &monitor), Error::System))
        }
        Command::CheckConfig => PROGRAM.conclude_check(run::check(&config), &arguments.config),
    }
}
