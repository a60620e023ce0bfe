//! Why a command failed: the error with everything behind it, what to do, and the exit code (docs/exit-codes.md).

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use sealpost_client::gateway;
use sealpost_client::{Error as ConnectionError, profile};
use tonic::Code;

use crate::text;

/// What the process ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// What was asked for did not succeed.
    Failed = 1,
    /// Arguments, profile or files.
    Usage = 2,
    /// No gateway, or none that takes work.
    Unreachable = 3,
    /// A certificate was refused, or its role does not suffice.
    NotAllowed = 4,
}

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Whoever read our output went away: that is their right.
    ReaderGone,
    /// Everything was told already.
    Told(Exit),
    /// To be told.
    Problem { error: Box<dyn Error + Send + Sync>, remedy: String, exit: Exit },
}

impl Failure {
    /// A failure with its remedy; an empty remedy says that there is nothing to add.
    pub(crate) fn new(
        exit: Exit,
        error: impl Into<Box<dyn Error + Send + Sync>>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::Problem { error: error.into(), remedy: remedy.into(), exit }
    }

    /// Writes to stdout that failed.
    pub(crate) fn output(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::ReaderGone;
        }
        Self::new(Exit::Failed, error, "the output could not be written; is the disk full?")
    }

    /// Tells the error, what is behind it and what to do. The exit code says the same to programs.
    pub(crate) fn tell(self, talk: &mut impl Write) -> ExitCode {
        let (error, remedy, exit) = match self {
            Self::ReaderGone => return ExitCode::SUCCESS,
            Self::Told(exit) => return ExitCode::from(exit as u8),
            Self::Problem { error, remedy, exit } => (error, remedy, exit),
        };
        // Where stderr is gone too, the exit code is all that is left.
        let _ = write_problem(talk, error.as_ref(), &remedy);
        ExitCode::from(exit as u8)
    }
}

fn write_problem(talk: &mut impl Write, error: &dyn Error, remedy: &str) -> io::Result<()> {
    writeln!(talk, "error: {}", text::paragraph(&error.to_string()))?;
    let mut last = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let shown = cause.to_string();
        // Some libraries repeat their source.
        if !last.ends_with(&shown) {
            writeln!(talk, "  because: {}", text::paragraph(&shown))?;
        }
        last = shown;
        source = cause.source();
    }
    if !remedy.is_empty() {
        writeln!(talk, "  what to do: {remedy}")?;
    }
    Ok(())
}

impl From<gateway::Error> for Failure {
    fn from(error: gateway::Error) -> Self {
        let (exit, remedy) = match &error {
            gateway::Error::Profile(error) => (Exit::Usage, of_profile(error)),
            gateway::Error::Connection(error) => of_connection(error),
            gateway::Error::Answer(_) | gateway::Error::OutOfOrder { .. } => {
                (Exit::Failed, "compare `sealpost --version` with the version that `sealpost status` shows")
            }
            gateway::Error::Unanswered { .. } => (Exit::Unreachable, "see `sealpost inbox --direction sent`"),
        };
        Self::new(exit, error, remedy)
    }
}

fn of_profile(error: &profile::Error) -> &'static str {
    match error {
        profile::Error::Read { what: "revocation list", .. } => {
            "`crls` is the folder with the revocation list of each root; fetch the current ones from the hub's operator"
        }
        profile::Error::Read { .. } => "check the path in the profile, and that you may read the file",
        profile::Error::Syntax { .. } | profile::Error::Values { .. } => {
            "docs/gateway.md shows a whole profile; `sealpost-admin network init` writes one for each agency"
        }
        profile::Error::Credentials(_) => {
            "`certificate` and `key` must belong together, the key file must have mode 0600, and an encrypted one needs its \
             passphrase: `passphrase_file` in the profile, SEALPOST_PASSPHRASE, or a terminal to ask at"
        }
        profile::Error::OtherAgency { .. } => {
            "correct `agency` in the profile, or name your own certificate there"
        }
        profile::Error::DirectoryForm { .. }
        | profile::Error::Directory { .. }
        | profile::Error::RootFile { .. }
        | profile::Error::Roots { .. } => "fetch the network's current directory and revocation lists again",
    }
}

fn of_connection(error: &ConnectionError) -> (Exit, &'static str) {
    match error {
        ConnectionError::Address { .. } => (Exit::Usage, "write `gateway` in the profile as host:port"),
        ConnectionError::Setup(_) => (Exit::Usage, "check `certificate` and `key` in the profile"),
        ConnectionError::Unreachable { .. }
        | ConnectionError::Timeout { .. }
        | ConnectionError::Http { .. } => {
            (Exit::Unreachable, "is your agency's node running, and is `gateway` in the profile its address?")
        }
        ConnectionError::Handshake { .. } => (
            Exit::Unreachable,
            "something answers at this address that is no gateway; correct `gateway` in the profile",
        ),
        ConnectionError::NotServing { .. } => (
            Exit::Unreachable,
            "the node starts, stops or has no room; repeat in a moment, and if that does not help tell whoever runs it: its log says whether its disk is full",
        ),
        ConnectionError::Lost { .. } => (Exit::Unreachable, "repeat; what was sent before is not sent twice"),
        ConnectionError::Refused { .. } => (
            Exit::NotAllowed,
            "the node's log names the reason; ask whoever issues your agency's certificates for a current one",
        ),
        ConnectionError::WrongPeer { .. } => (
            Exit::NotAllowed,
            "another program answers at this address, or `roots` and `crls` in the profile are not current",
        ),
        ConnectionError::Answer { status, .. } => of_answer(status.code()),
    }
}

fn of_answer(code: Code) -> (Exit, &'static str) {
    match code {
        Code::PermissionDenied | Code::Unauthenticated => {
            (Exit::NotAllowed, "use a certificate with a role that may do this: docs/gateway.md lists them")
        }
        Code::NotFound => (Exit::Failed, "`sealpost inbox --direction both` lists what there is"),
        Code::ResourceExhausted | Code::Unavailable => (Exit::Unreachable, "repeat in a moment"),
        _ => (Exit::Failed, ""),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_chain_and_the_remedy_are_told_and_a_repeated_source_is_not() {
        let refused = Arc::new(io::Error::other("connection refused"));
        let error = ConnectionError::Unreachable { address: "127.0.0.1:7401".to_owned(), source: refused };
        let mut talk = Vec::new();
        let exit = Failure::from(gateway::Error::from(error)).tell(&mut talk);
        assert_eq!(
            String::from_utf8(talk).unwrap(),
            "error: 127.0.0.1:7401 cannot be reached\n  because: connection refused\n  what to do: is your \
             agency's node running, and is `gateway` in the profile its address?\n"
        );
        assert_eq!(format!("{exit:?}"), format!("{:?}", ExitCode::from(3)));
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let mut talk = Vec::new();
        let exit = Failure::output(io::ErrorKind::BrokenPipe.into()).tell(&mut talk);
        assert_eq!((format!("{exit:?}"), talk.len()), (format!("{:?}", ExitCode::SUCCESS), 0));
    }
}
