//! The log: to stderr, for people or for machines.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts the log of the program; once. `level` is a directive list such as `info,sealpost_hub=debug`. There are colours
/// on a terminal alone.
pub fn init(format: Format, level: &str) -> Result<(), Error> {
    let filter =
        EnvFilter::try_new(level).map_err(|source| Error::Level { level: level.to_owned(), source })?;
    let colours = io::stderr().is_terminal();
    let lines = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        Format::Text => registry.with(lines).try_init()?,
        Format::Json => registry.with(lines.json().flatten_event(true)).try_init()?,
    }
    Ok(())
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not a directive list.
    #[error(
        "`{level}` is not a log level: expected error, warn, info, debug or trace, also per module (info,sealpost_hub=debug)"
    )]
    Level {
        /// What was given.
        level: String,
        /// Why not.
        source: ParseError,
    },
    /// Started before.
    #[error("the log was started before")]
    Started(#[from] TryInitError),
}

/// What is logged on this thread while something is done.
#[cfg(test)]
pub(crate) fn logged(work: impl FnOnce()) -> String {
    use std::sync::{Arc, Mutex, PoisonError};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let lines = Lines::default();
    let written = lines.clone();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || written.clone());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
    let bytes = std::mem::take(&mut *lines.0.lock().unwrap_or_else(PoisonError::into_inner));
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_that_is_none_is_refused_with_what_is_expected() {
        let error = init(Format::Json, "info,sealpost=loud").unwrap_err();
        assert!(error.to_string().contains("expected error, warn, info, debug or trace"), "{error}");
    }
}
