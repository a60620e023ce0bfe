//! `sealpost`, the liaison officer's command: sends alerts through the own node's gateway and shows what came.
//!
//! | module | promises |
//! |---|---|
//! | `arguments` | the command line, and what `--help` says |
//! | `command` | one module for each command |
//! | `failure` | errors with their chain, the remedy, and the exit code |
//! | `output` | data to stdout, as tables or JSON; talk to stderr |
//! | `profile` | where the profile is |
//! | `text` | received text is shown without control over the terminal |
//!
//! Nothing is decided here: the node checks, signs and delivers. A runtime is made only by commands that talk to it.

mod arguments;
mod command;
mod failure;
mod output;
mod profile;
mod text;

use std::process::ExitCode;

use clap::Parser as _;
use failure::{Exit, Failure};
use sealpost_crypto::memory::forbid_dumps;

/// Runs the program with the arguments of this process.
pub fn run() -> ExitCode {
    let arguments = arguments::Arguments::parse();
    let forbidden = forbid_dumps().map_err(|error| {
        let remedy =
            "the system does not let a program forbid its own core dumps, which would hold keys and messages";
        Failure::new(Exit::Failed, error, remedy)
    });
    match forbidden.and_then(|()| command::run(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(&mut std::io::stderr().lock()),
    }
}
