//! Files that are carried from machine to machine: read up to a limit, written whole or not at all.
//!
//! What is written stands beside its place until it is synced, and gets its name in one step, which is synced too. So
//! after a fault or a crash there is the whole file, or what was there before. Private keys have a module of their own,
//! [`sealpost_crypto::keyfile`].

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sealpost_crypto::{file, revocation};
use tempfile::NamedTempFile;

/// Reads a file of at most `max` bytes.
pub fn read(path: &Path, max: usize) -> Result<Vec<u8>, Error> {
    file::read(path, max as u64).map_err(unreadable(path))
}

/// Reads a revocation list, DER.
pub fn read_list(path: &Path) -> Result<Vec<u8>, Error> {
    revocation::read_file(path).map_err(unreadable(path))
}

/// Writes a file that must not be there yet.
pub fn create(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = beside(path, bytes)?;
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(path),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Error::Exists { path: path.to_owned() })
        }
        Err(error) => Err(unwritable(path)(error.error)),
    }
}

/// Writes a file in the place of the one that is there, or where none is.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = beside(path, bytes)?;
    file.persist(path).map_err(|error| unwritable(path)(error.error))?;
    sync_folder(path)
}

/// The synced content, under a name of its own; it goes when it is dropped.
fn beside(path: &Path, bytes: &[u8]) -> Result<NamedTempFile, Error> {
    let written = tempfile::Builder::new()
        .prefix(".sealpost-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(folder(path))
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        });
    written.map_err(unwritable(path))
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(folder(path)).and_then(|folder| folder.sync_all()).map_err(unwritable(path))
}

/// Where a file lies.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { action: "read", path: path.to_owned(), source }
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Io { action: "write", path: path.to_owned(), source }
}

/// Why a file is not read or written. All of them are for whoever named the file to mend.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is overwritten.
    #[error("{} exists already and is never overwritten: give another name, or move it away", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

impl Error {
    /// Whether there is no such file.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Io { action: "read", source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn a_file_is_whole_or_as_it_was_and_nothing_else_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.crl");
        create(&path, b"the first").unwrap();
        assert!(matches!(create(&path, b"another"), Err(Error::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"the first");
        replace(&path, b"the second").unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"the second");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777 & !0o644, 0);
        // In the place of a folder nothing can be put.
        let taken = folder.path().join("folder");
        fs::create_dir(&taken).unwrap();
        assert!(matches!(replace(&taken, b"bytes"), Err(Error::Io { action: "write", .. })));
        let mut found = names(folder.path());
        found.sort();
        assert_eq!(found, ["1.crl", "folder"]);
    }

    #[test]
    fn a_file_past_its_limit_is_refused_and_not_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("large");
        create(&path, &[7; 11]).unwrap();
        let error = read(&path, 10).unwrap_err();
        assert!(
            matches!(&error, Error::Io { action: "read", source, .. } if source.kind() == io::ErrorKind::FileTooLarge)
        );
        assert_eq!(read(&path, 11).unwrap().len(), 11);
        assert!(read(&folder.path().join("none"), 10).unwrap_err().is_absent());
    }
}
