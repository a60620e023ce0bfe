//! Files read up to a limit. More than that is a fault and never cut off, and what is no file is not waited for: opening a
//! pipe would hang until somebody writes to it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// The whole content of a regular file, `max` bytes at most.
pub fn read(path: &Path, max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    read_into(&open(path)?, max, &mut bytes)?;
    Ok(bytes)
}

/// Opens what must be a regular file.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    File::open(path)
}

/// The same, wiped when dropped: with room for all that may come from the start, since growing would leave copies.
pub(crate) fn read_secret(file: &File, max: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(max).unwrap_or(0).saturating_add(1)));
    read_into(file, max, &mut bytes)?;
    Ok(bytes)
}

fn read_into(file: &File, max: u64, bytes: &mut Vec<u8>) -> io::Result<()> {
    // One byte more shows that there is too much.
    file.take(max.saturating_add(1)).read_to_end(bytes)?;
    if bytes.len() as u64 > max {
        let text = format!("it has more than the {max} bytes that are read of such a file");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"12345").unwrap();
        assert_eq!(read(&path, 5).unwrap(), b"12345");
        assert_eq!(read(&path, 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(read_secret(&open(&path).unwrap(), 5).unwrap().as_slice(), b"12345");
        assert_eq!(read_secret(&open(&path).unwrap(), 4).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn what_is_no_file_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), folder.path()] {
            assert_eq!(read(path, 5).unwrap_err().to_string(), "it is no regular file");
        }
    }
}
