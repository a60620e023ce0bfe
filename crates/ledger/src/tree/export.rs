//! A ledger as a complete folder of C2SP tlog-tiles: checkpoint, tiles, and the leaves in entry bundles.
//!
//! Everything in it is made from the records and compared with the checkpoint, not copied from the stored tree. Bodies
//! are never exported. A leaf that is lost is an entry of no bytes, whose hash the tiles keep. A folder that is not there yet gets its name when it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sealpost_merkle::{Hash, Tile, Tree};

use super::{Files, Signed};
use crate::history::{History, ReadError};

/// Why a ledger was not exported.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is something in the folder.
    #[error("{} is not empty; name a new folder", dir.display())]
    Occupied {
        /// The folder.
        dir: PathBuf,
    },
    /// The folder cannot be looked at.
    #[error("cannot look into {}", dir.display())]
    Folder {
        /// The folder.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An export that was ended left its folder.
    #[error("{} was left by an export that did not end: delete it", dir.display())]
    Left {
        /// The folder.
        dir: PathBuf,
    },
    /// Part of it lies in a folder that was there before.
    #[error("the export in {} is incomplete and has no checkpoint: empty that folder before the next one", dir.display())]
    Incomplete {
        /// The folder.
        dir: PathBuf,
        /// Why it did not end.
        source: Box<Self>,
    },
    /// All of it lies beside the folder that was named.
    #[error("the export is whole, but could not be moved from {} to {}: move it", from.display(), to.display())]
    Unmoved {
        /// Where it lies.
        from: PathBuf,
        /// Where it belongs.
        to: PathBuf,
        /// Why it stays.
        source: io::Error,
    },
    /// A file was not written.
    #[error(transparent)]
    Write(#[from] super::Error),
    /// A record cannot be read.
    #[error("cannot read the ledger")]
    Read(#[from] ReadError),
    /// A record has no leaf that fits into a bundle.
    #[error("the leaf of record {index} has {bytes} bytes, at most 65,535 can be exported")]
    Leaf {
        /// The record.
        index: u64,
        /// Of its leaf.
        bytes: usize,
    },
    /// The ledger is shorter than its checkpoint.
    #[error("the ledger ends at record {records}, but its checkpoint covers {size}")]
    Shorter {
        /// Of the checkpoint.
        size: u64,
        /// How many records there are.
        records: u64,
    },
    /// The records are not those over which the checkpoint was signed.
    #[error(
        "the records lead to the root {found}, but {signed} was signed over them: nothing here is to be trusted"
    )]
    Rewritten {
        /// The root that was signed.
        signed: Hash,
        /// The root of the records.
        found: Hash,
    },
}

/// Exports what the checkpoint covers into a new or empty folder. `progress` is told how many records are done. After
/// an error a new folder is not there; one that was there has no checkpoint.
pub fn export(
    history: &History,
    signed: &Signed,
    dir: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let Some(beside) = place(dir)? else {
        return write_all(history, signed, dir, progress)
            .map_err(|error| Error::Incomplete { dir: dir.to_owned(), source: Box::new(error) });
    };
    if let Err(error) = write_all(history, signed, &beside, progress) {
        // What cannot be removed keeps a name that says what it is, and the next export asks for it to be deleted.
        drop(fs::remove_dir_all(&beside));
        return Err(error);
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let moved = fs::rename(&beside, dir).and_then(|()| File::open(parent)?.sync_all());
    moved.map_err(|source| Error::Unmoved { from: beside, to: dir.to_owned(), source })
}

/// Where a new folder is written before it gets its name; `None` for an empty one, which keeps its own.
fn place(dir: &Path) -> Result<Option<PathBuf>, Error> {
    let folder = |dir: &Path, source| Error::Folder { dir: dir.to_owned(), source };
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(Error::Occupied { dir: dir.to_owned() }),
            None => Ok(None),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // A path that names nothing cannot be made either.
            let Some(name) = dir.file_name() else { return Err(folder(dir, error)) };
            let mut name = name.to_owned();
            name.push(".incomplete");
            let beside = dir.with_file_name(name);
            match beside.try_exists() {
                Ok(false) => Ok(Some(beside)),
                Ok(true) => Err(Error::Left { dir: beside }),
                Err(error) => Err(folder(&beside, error)),
            }
        }
        Err(error) => Err(folder(dir, error)),
    }
}

fn write_all(
    history: &History,
    signed: &Signed,
    dir: &Path,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let (size, root) = (signed.checkpoint.size(), signed.checkpoint.root());
    let (files, mut tree, mut bundle) = (Files::at(dir), Tree::new(), Vec::new());
    let mut leaves = history.hashed(0);
    while tree.size() < size {
        let hashed = leaves.next().ok_or(Error::Shorter { size, records: tree.size() })??;
        push_entry(&mut bundle, tree.size(), &hashed.leaf)?;
        let filled = tree.append(hashed.hash);
        if !filled.is_empty() {
            write(&files, &filled, &bundle)?;
            bundle.clear();
            progress(tree.size());
        }
    }
    write(&files, &tree.partial(), &bundle)?;
    progress(size);
    if tree.root() != root {
        return Err(Error::Rewritten { signed: root, found: tree.root() });
    }
    files.sync()?;
    Ok(files.write_checkpoint(&signed.to_bytes())?)
}

/// Writes tiles, and the entries under the one of level 0 among them, if there is one.
fn write(files: &Files, tiles: &[(Tile, Vec<u8>)], entries: &[u8]) -> Result<(), super::Error> {
    if let Some(bundle) = tiles.iter().find_map(|(tile, _)| tile.bundle()) {
        files.write_bundle(bundle, entries)?;
    }
    files.write_tiles(tiles)
}

/// Adds an entry to a bundle: its length in two bytes, big-endian, and the leaf.
fn push_entry(bundle: &mut Vec<u8>, index: u64, leaf: &[u8]) -> Result<(), Error> {
    let length = u16::try_from(leaf.len()).map_err(|_| Error::Leaf { index, bytes: leaf.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(leaf);
    Ok(())
}
