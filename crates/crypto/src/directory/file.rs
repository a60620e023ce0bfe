//! The file of a directory, as an operator provisions it: read up to the limit and no further, and verified by itself.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sealpost_domain::directory::Directory;
use sealpost_domain::statement::Signed;
use sealpost_wire::directory::{SIGNED_DIRECTORY_BYTES_MAX, signed_directory_from_bytes};

use super::{Error, verify};

/// Why the file of a directory is of no use.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file system refused.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Not a signed statement.
    #[error("{} does not hold a signed directory", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: sealpost_wire::Error,
    },
    /// A signature or a rule is not as it must be.
    #[error("{} is not believed, by rule {}", path.display(), source.rule())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: Box<Error>,
    },
}

/// Reads a directory and verifies it by itself: its chain to an earlier version is not checked.
pub fn read(path: &Path) -> Result<(Signed, Directory), FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // One byte more shows that there is too much.
    file.take(SIGNED_DIRECTORY_BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let signed = signed_directory_from_bytes(&bytes.into())
        .map_err(|source| FileError::Malformed { path: path.to_owned(), source })?;
    let directory = verify(&signed, None)
        .map_err(|source| FileError::Refused { path: path.to_owned(), source: Box::new(source) })?;
    Ok((signed, directory))
}
