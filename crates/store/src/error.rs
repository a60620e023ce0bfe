//! Why projections could not be read or changed.

use std::io;
use std::path::PathBuf;

/// What went wrong. But for [`Error::Ahead`] none of it concerns the ledger: deleting the directory and starting again
/// rebuilds it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A batch that would go back in the ledger.
    #[error("a batch up to ledger index {asked} was applied after one up to {applied}")]
    Backwards {
        /// What is applied already.
        applied: u64,
        /// What the batch states.
        asked: u64,
    },
    /// The directory, the marker or the file beside it.
    #[error("cannot {operation} {}", file.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which file or directory.
        file: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// Another program has them open.
    #[error("the projections in {} are in use: another program works on them; end that first", dir.display())]
    InUse {
        /// Where they lie.
        dir: PathBuf,
    },
    /// The embedded store.
    #[error("cannot {operation} the projections in {}; {}", dir.display(), remedy(source))]
    Redb {
        /// What was tried.
        operation: &'static str,
        /// Where they lie.
        dir: PathBuf,
        /// What it said.
        source: Box<redb::Error>,
    },
    /// They lack something that must have been derived.
    #[error("the projections lack one of `{keyspace}`: the next start makes them anew from the ledger")]
    Lacking {
        /// Of which keyspace.
        keyspace: &'static str,
    },
    /// They failed before this, where whoever met it could not end the program.
    #[error("the projections failed before this, as was told then; the node has to be started again")]
    Failed,
    /// The ledger ends before what was applied: it never gave up a durable record by itself. Nothing was changed.
    #[error(
        "the projections in {} are at ledger index {applied}, but the ledger ends at {ledger_next}: acknowledged records \
         are missing, or an older copy was put in place; restore a newer one", dir.display()
    )]
    Ahead {
        /// Where the projections lie.
        dir: PathBuf,
        /// As the projections have it.
        applied: u64,
        /// As the ledger has it.
        ledger_next: u64,
    },
    /// The embedded store went down over its own file.
    #[error(
        "cannot {operation} the projections in {}: their file is damaged; the next start makes them anew from the ledger",
        dir.display()
    )]
    Unreadable {
        /// What was tried.
        operation: &'static str,
        /// Where they lie.
        dir: PathBuf,
    },
}

/// What comes of it, and what to do.
fn remedy(error: &redb::Error) -> &'static str {
    if spoils_nothing(error) {
        "nothing of them is lost: make room, then start again"
    } else {
        "the next start makes them anew from the ledger"
    }
}

fn spoils_nothing(error: &redb::Error) -> bool {
    match error {
        redb::Error::PreviousIo => true,
        redb::Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        ),
        _ => false,
    }
}

impl Error {
    /// Whether what lies in the file is as good as it was: there was only no room, or redb does nothing more since it met
    /// such an error, which was told to whoever met it.
    pub(crate) fn spoils_nothing(&self) -> bool {
        matches!(self, Self::Redb { source, .. } if spoils_nothing(source))
    }

    pub(crate) fn io(operation: &'static str, file: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let file = file.into();
        move |source| Self::Io { operation, file, source }
    }
}
