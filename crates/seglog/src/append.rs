//! Why an append did not happen.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::frame::RECORD_BYTES_MAX;

/// Why nothing of an append was kept. Whatever the reason, no part of it will be found later.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The disk is full. Nothing queued behind this append was kept either; the log takes appends again, by itself,
    /// when there is space.
    #[error("no space left for {bytes} bytes in {}", dir.display())]
    NoSpace {
        /// What was to be written at once, by this append and those in its group.
        bytes: u64,
        /// The directory of the log.
        dir: PathBuf,
    },
    /// The queue in front of the log is full for now.
    #[error("the queue has no room for {bytes} bytes; it holds {limit}")]
    Full {
        /// What the append would take.
        bytes: usize,
        /// What the whole queue holds.
        limit: usize,
    },
    /// One record, or all of an append, is larger than will ever be taken.
    #[error("{bytes} bytes are more than the limit of {limit}")]
    TooLarge {
        /// What was given.
        bytes: usize,
        /// What is allowed: [`RECORD_BYTES_MAX`] for a record, the queue's size for an append.
        limit: usize,
    },
    /// The append was to start at an index that is not the next one.
    #[error("record {expected} was to be next, but {next} is")]
    Moved {
        /// What the caller expected.
        expected: u64,
        /// What is the next index to be given out.
        next: u64,
    },
    /// The log was closed, or is being closed.
    #[error("the log is closed")]
    Closed,
    /// The disk failed: the program must end.
    #[error(transparent)]
    Fatal(#[from] Fatal),
}

impl Error {
    pub(crate) fn record_too_large(bytes: usize) -> Self {
        Self::TooLarge { bytes, limit: RECORD_BYTES_MAX }
    }
}

/// The disk failed in a way after which nothing is known about what it holds. It is never tried again, since a second
/// sync may report success for data that the kernel gave up on. The program must end; the next [`crate::Log::open`]
/// finds out what is there.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot {operation} {}; the log is closed until it is opened anew", file.display())]
pub struct Fatal {
    /// What was tried: `write`, `sync`, `truncate`, `create`, `remove`.
    pub operation: &'static str,
    /// On which file or directory.
    pub file: PathBuf,
    /// What the disk said.
    #[source]
    pub source: Arc<io::Error>,
}
