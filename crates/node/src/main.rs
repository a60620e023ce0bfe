//! The program `sealpost-node`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use sealpost_node::check::{self, Verified};
use sealpost_node::config::NodeConfig;
use sealpost_node::run::{self, Error};
use sealpost_server::program::{self, Program, say};

const PROGRAM: Program = Program::new("sealpost-node");
/// What takes longer shows its progress.
const PATIENCE: Duration = Duration::from_secs(1);

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

#[derive(Subcommand)]
enum LedgerCommand {
    /// Check checksums, indices, bodies, signatures and link chains; name the first thing that is wrong.
    Verify {
        /// How the result is told.
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For machines.
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let config: NodeConfig = match PROGRAM.load(&arguments.config) {
        Ok(config) => config,
        Err(code) => return code,
    };
    match arguments.command {
        Command::Run => PROGRAM.conclude(program::run(&config.log, run::run(&config), Error::System)),
        Command::CheckConfig => PROGRAM.conclude(run::check(&config).inspect(|()| {
            say(&format!("{}: sound", arguments.config.display()));
        })),
        Command::Ledger { command: LedgerCommand::Verify { output } } => verify(&config, output),
    }
}

fn verify(config: &NodeConfig, output: Output) -> ExitCode {
    let begun = Instant::now();
    let mut bar = None;
    let checked = check::ledger(config, |done, total| {
        if done % 256 == 0 && begun.elapsed() > PATIENCE {
            bar.get_or_insert_with(|| progress_bar(total)).set_position(done);
        }
    });
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let verified = match checked {
        Ok(verified) => verified,
        Err(check::Error::Directory(error)) => return PROGRAM.conclude(Err(error)),
        Err(error) => return PROGRAM.fail(&error),
    };
    match output {
        Output::Text => say(&text(&verified)),
        Output::Json => say(&serde_json::to_string_pretty(&verified).unwrap_or_default()),
    }
    if verified.verified { ExitCode::SUCCESS } else { PROGRAM.disappoint() }
}

/// On stderr, and only where that is a terminal.
fn progress_bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} records, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn text(verified: &Verified) -> String {
    let Verified { records, sent, received, accepted, receipts, voids, directories, signed, chains, .. } =
        verified;
    let counts = format!(
        "{records} records: {sent} sent, {received} received, {accepted} accepted batches, {receipts} receipts, \
         {voids} voids, {directories} directories\n{signed} signatures, {chains} chains"
    );
    match &verified.fault {
        None => format!("{counts}\nthe ledger holds"),
        Some(fault) => format!("{counts}\nrecord {} is wrong: {}", fault.index, fault.reason),
    }
}
