//! Why the revocation lists are not as they must be.

use std::io;
use std::path::{Path, PathBuf};

use sealpost_crypto::trust::{self, RootHolder};

/// Why the revocation lists are not as they must be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A folder or a file cannot be read or written.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is no list in DER, or its signature does not hold.
    #[error("{} is not a usable certificate revocation list", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: trust::Error,
    },
    /// A list that no root signed, or that does not go on with the present one.
    #[error("a revocation list is not taken")]
    List(#[source] trust::Error),
    /// A list that holds until the program ends.
    #[error("the revocation list holds, but cannot be kept in {}: after a restart the one before would be in force", path.display())]
    Unkept {
        /// Where it was to be kept.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A root without a list.
    #[error("no revocation list of {holder} was found in {}: nobody whom it vouches for could connect", folder.display())]
    Missing {
        /// Whose list.
        holder: RootHolder,
        /// Where it was looked for.
        folder: PathBuf,
    },
}

pub(super) fn io(operation: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io { operation, path: path.to_owned(), source }
}
