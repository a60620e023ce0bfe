//! The disk of the machine. `sync_data` is fdatasync, the lock is flock: the kernel gives it back when the process
//! ends, however it ends.

use std::fs::{self, DirBuilder, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use super::{Access, Disk, File, Lock};

/// Files for the owner alone: what lies in a segment is nobody else's business.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;

/// The machine's own file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Real;

impl Disk for Real {
    fn create_dir(&self, dir: &Path) -> io::Result<()> {
        let exists = |dir: &Path| dir.exists();
        let unsynced = parents(dir, exists);
        let existed = exists(dir);
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(dir)?;
        for parent in unsynced {
            match self.sync_dir(parent) {
                // Whoever made it before us, in a folder that we cannot even list, was not this program.
                Err(error) if existed && error.kind() == io::ErrorKind::PermissionDenied => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(path)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path, access: Access) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new().read(true).write(access == Access::Write).open(path)?;
        Ok(Arc::new(file))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        fs::File::open(dir)?.sync_all()
    }

    fn free(&self, dir: &Path) -> io::Result<u64> {
        // What is kept for root is not ours.
        let found = rustix::fs::statvfs(dir)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Box<dyn Lock>>> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(FILE_MODE).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl File for fs::File {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            match FileExt::read_at(self, &mut buffer[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(bytes) => read += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        fs::File::sync_data(self)
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }
}

impl Lock for fs::File {}

/// The folders that get a new name when `dir` is made, from the top. That of `dir` always: a process before this one may
/// have ended between making it and syncing the name.
fn parents(dir: &Path, exists: impl Fn(&Path) -> bool) -> Vec<&Path> {
    let mut parents = Vec::new();
    for child in dir.ancestors() {
        let Some(parent) = child.parent() else { break };
        let here = parent.as_os_str().is_empty();
        parents.push(if here { Path::new(".") } else { parent });
        if here || exists(parent) {
            break;
        }
    }
    parents.reverse();
    parents
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_folder_that_gets_a_new_name_is_synced_from_the_top() {
        let there = |dir: &Path| [Path::new("/"), Path::new("/var")].contains(&dir);
        let none = |_: &Path| false;
        let cases: [(&str, Vec<&str>); 2] = [("/var/a/b", vec!["/var", "/var/a"]), ("/var/a", vec!["/var"])];
        for (dir, expected) in cases {
            assert_eq!(parents(Path::new(dir), there), expected.iter().map(Path::new).collect::<Vec<_>>());
        }
        assert_eq!(parents(Path::new("log"), none), [Path::new(".")]);
        assert_eq!(parents(Path::new("a/log"), none), [Path::new("."), Path::new("a")]);
        assert!(parents(Path::new("/"), there).is_empty());
    }

    #[test]
    fn free_space_is_told_of_a_folder_that_exists() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Real.free(dir.path()).unwrap() > 0);
        assert!(Real.free(&dir.path().join("absent")).is_err());
    }

    #[test]
    fn folders_and_files_are_for_the_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/b");
        Real.create_dir(&dir).unwrap();
        Real.create_dir(&dir).unwrap();
        Real.create(&dir.join("file")).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(
            [mode(&dir), mode(&home.path().join("a")), mode(&dir.join("file"))],
            [0o700, 0o700, 0o600]
        );
    }
}
