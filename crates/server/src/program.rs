//! The shell round a server program: its configuration, its runtime, and how it ends.
//!
//! Data goes to stdout, errors to stderr with everything that led to them. Exit codes: 0 done, 1 what was asked for did
//! not succeed, 2 the command line, the configuration or a file that it names is at fault.

use std::error::Error;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use crate::config::{self, Config};
use crate::descriptors;
use crate::settings::Log;
use crate::telemetry;

/// What was asked for did not succeed.
const FAILED: u8 = 1;
/// The command line, the configuration or a file that it names is at fault.
const MISCONFIGURED: u8 = 2;

/// Why a program did not do what was asked for.
pub trait Fault: Error {
    /// Whether the configuration, or a file that it names, is at fault.
    fn is_configuration(&self) -> bool;
}

/// A program, by its name.
#[derive(Clone, Copy, Debug)]
pub struct Program(&'static str);

impl Program {
    /// The program of that name.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Reads the configuration; otherwise tells all its faults, and with which code to end.
    pub fn load<C: Config>(self, path: &Path) -> Result<C, ExitCode> {
        config::load(path).map_err(|error| self.end(&error, MISCONFIGURED))
    }

    /// Ends as the work did.
    pub fn conclude(self, outcome: Result<(), impl Fault>) -> ExitCode {
        match outcome {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) if error.is_configuration() => self.end(&error, MISCONFIGURED),
            Err(error) => self.end(&error, FAILED),
        }
    }

    /// Ends as the check of a configuration did, and says so.
    pub fn conclude_check(self, outcome: Result<(), impl Fault>, path: &Path) -> ExitCode {
        match outcome {
            Ok(()) => match say(&format!("{}: sound", path.display())) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => self.fail(&error),
            },
            Err(error) => self.conclude(Err(error)),
        }
    }

    /// Ends without having done what was asked for.
    pub fn fail(self, error: &dyn Error) -> ExitCode {
        self.end(error, FAILED)
    }

    /// Ends with a result that was told, and says that something does not hold.
    pub fn end_with_finding(self) -> ExitCode {
        ExitCode::from(FAILED)
    }

    fn end(self, error: &dyn Error, code: u8) -> ExitCode {
        let mut text = format!("{}: {error}", self.0);
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}\n  because: {error}");
            source = error.source();
        }
        // With stderr closed there is nobody to tell.
        drop(writeln!(io::stderr(), "{text}"));
        ExitCode::from(code)
    }
}

/// Tells a result on stdout, whole; a reader who went away is no failure, a full disk is one.
pub fn say(text: &str) -> Result<(), Unsaid> {
    let mut out = io::stdout().lock();
    let said = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
    match said {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Unsaid(error)),
        _ => Ok(()),
    }
}

/// A result that could not be told.
#[derive(Debug, thiserror::Error)]
#[error("the output could not be written; is the disk full?")]
pub struct Unsaid(#[source] io::Error);

/// An error with everything that led to it, on one line.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// Starts the log, takes as many open files as the program may have, and runs the work on as many threads as the machine has cores.
pub fn run<E: From<telemetry::Error>>(
    log: &Log,
    work: impl Future<Output = Result<(), E>>,
    system: impl FnOnce(io::Error) -> E,
) -> Result<(), E> {
    log.start()?;
    descriptors::raise();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(system)?;
    runtime.block_on(work)
}
