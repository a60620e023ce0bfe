//! The folder of a ledger's tree: `tile/<level>/<n>[.p/<w>]` and `checkpoint`, as C2SP tlog-tiles names them.
//!
//! A file gets its name when it is whole. Tiles are not synced: whoever reads one checks it against a root. The
//! checkpoint is synced before it has its name. While all tiles are made anew, a file `distrusted` says so.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sealpost_merkle::Tile;
use sealpost_merkle::hash::LENGTH;
use sealpost_merkle::read::Tiles;
use sealpost_merkle::tile::{Bundle, WIDTH};
use sealpost_seglog::disk::{Disk as _, Real};

use super::{Error, Signed};

const CHECKPOINT: &str = "checkpoint";
const DISTRUSTED: &str = "distrusted";
/// A checkpoint with a handful of signatures has less than a kilobyte.
const CHECKPOINT_BYTES_MAX: u64 = 64 << 10;
const TILE_BYTES_MAX: u64 = WIDTH as u64 * LENGTH as u64;

/// The folder. It may not be there yet; writing makes it.
#[derive(Clone, Debug)]
pub struct Files {
    dir: PathBuf,
}

impl Files {
    /// The files in this folder.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Where the checkpoint lies.
    pub fn checkpoint_path(&self) -> PathBuf {
        self.dir.join(CHECKPOINT)
    }

    /// The stored checkpoint, its signature unchecked; `None` before the first.
    pub fn checkpoint(&self) -> Result<Option<Signed>, Error> {
        let path = self.checkpoint_path();
        let Some(note) = read(&path, CHECKPOINT_BYTES_MAX).map_err(io_error("read", &path))? else {
            return Ok(None);
        };
        Signed::parse(&note).map(Some).map_err(|source| Error::Checkpoint { path, source })
    }

    /// Makes the folder; its name is durable when this returns.
    pub(super) fn make_dir(&self) -> Result<(), Error> {
        Real.create_dir(&self.dir).map_err(io_error("make", &self.dir))
    }

    /// Makes everything durable that was written so far.
    pub(super) fn sync(&self) -> Result<(), Error> {
        let synced = File::open(&self.dir).and_then(|dir| Ok(rustix::fs::syncfs(dir)?));
        synced.map_err(io_error("sync", &self.dir))
    }

    /// The first full tile of a tree of this size that is not there in its length. What is in them is not read: a wrong
    /// one shows when something is proved with it.
    pub(super) fn missing_tile(&self, size: u64) -> Result<Option<Tile>, Error> {
        for tile in Tile::all(size).filter(|tile| !tile.is_partial()) {
            let path = self.full_path(tile);
            match fs::metadata(&path) {
                Ok(file) if file.len() == TILE_BYTES_MAX => {}
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(io_error("read", &path)(error));
                }
                _ => return Ok(Some(tile)),
            }
        }
        Ok(None)
    }

    /// Whether the tiles were distrusted and not made anew since.
    pub(super) fn are_distrusted(&self) -> Result<bool, Error> {
        let path = self.dir.join(DISTRUSTED);
        path.try_exists().map_err(io_error("read", &path))
    }

    /// No tile is to be believed until all were made anew; durable when this returns.
    pub(super) fn distrust(&self) -> Result<(), Error> {
        self.write(&self.dir.join(DISTRUSTED), b"", Sync::Before)?;
        self.sync_dir()
    }

    /// All tiles were made anew.
    pub(super) fn trust(&self) -> Result<(), Error> {
        remove_file(&self.dir.join(DISTRUSTED))
    }

    /// The disk did not give a tile.
    pub(super) fn unread(&self, tile: Tile, source: io::Error) -> Error {
        io_error("read", &self.dir.join(tile.to_string()))(source)
    }

    /// Writes tiles. Narrower partial ones of the same place go: a wider one holds what they held.
    pub(super) fn write_tiles(&self, tiles: &[(Tile, Vec<u8>)]) -> Result<(), Error> {
        for (tile, hashes) in tiles {
            let path = self.dir.join(tile.to_string());
            self.write(&path, hashes, Sync::Never)?;
            let partials = partials_of(&self.full_path(*tile));
            if tile.is_partial() {
                remove_narrower(&partials, tile.width())?;
                // One that a crash left of records which no checkpoint covers may be torn, and would be read first.
                remove_file(&self.full_path(*tile))?;
            } else {
                remove_dir(&partials)?;
            }
        }
        Ok(())
    }

    /// Writes a bundle of entries.
    pub(super) fn write_bundle(&self, bundle: Bundle, entries: &[u8]) -> Result<(), Error> {
        self.write(&self.dir.join(bundle.to_string()), entries, Sync::Never)
    }

    pub(super) fn write_checkpoint(&self, note: &[u8]) -> Result<(), Error> {
        self.write(&self.checkpoint_path(), note, Sync::Before)?;
        self.sync_dir()
    }

    fn sync_dir(&self) -> Result<(), Error> {
        let synced = File::open(&self.dir).and_then(|dir| dir.sync_all());
        synced.map_err(io_error("sync", &self.dir))
    }

    /// Where the full tile in the place of this one lies, or would lie.
    fn full_path(&self, tile: Tile) -> PathBuf {
        let path = tile.to_string();
        self.dir.join(path.split_once(".p/").map_or(path.as_str(), |(full, _)| full))
    }

    fn look(&self, tile: Tile) -> io::Result<Vec<u8>> {
        let (full, wanted) = (self.full_path(tile), tile.byte_length());
        if let Some(bytes) = read(&full, TILE_BYTES_MAX)? {
            return cut(bytes, wanted, &full);
        }
        let exact = self.dir.join(tile.to_string());
        if let Some(bytes) = read(&exact, TILE_BYTES_MAX)? {
            return cut(bytes, wanted, &exact);
        }
        for width in widths(&partials_of(&full))? {
            let wider = partials_of(&full).join(width.to_string());
            if width > tile.width()
                && let Some(bytes) = read(&wider, TILE_BYTES_MAX)?
            {
                return cut(bytes, wanted, &wider);
            }
        }
        Err(io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", exact.display())))
    }

    fn write(&self, path: &Path, bytes: &[u8], sync: Sync) -> Result<(), Error> {
        let new = path.with_extension("new");
        let mut file = match create(&new) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parent = path.parent().unwrap_or(&self.dir);
                let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
                made.map_err(io_error("make", parent))?;
                create(&new)
            }
            // What a crash left, or a link that somebody laid: it goes, and nothing is written through it.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                remove_file(&new)?;
                create(&new)
            }
            outcome => outcome,
        }
        .map_err(io_error("make", &new))?;
        file.write_all(bytes).map_err(io_error("write", &new))?;
        if sync == Sync::Before {
            file.sync_data().map_err(io_error("sync", &new))?;
        }
        fs::rename(&new, path).map_err(io_error("rename", &new))
    }
}

impl Tiles for Files {
    type Error = io::Error;

    /// The tile, cut from a wider one where that took its place. Its hashes are whatever lies there.
    fn tile(&self, tile: Tile) -> io::Result<Vec<u8>> {
        match self.look(tile) {
            // A node may have put a wider one in its place between two looks.
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.look(tile),
            outcome => outcome,
        }
    }
}

/// When the bytes of a file are made durable.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    Never,
    Before,
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Whether a tile that was not read is itself at fault: missing, or of a length that it cannot have. Whatever else the
/// disk or the system says passes, and making the tile anew would mend nothing.
pub(crate) fn is_of_the_tile(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData)
}

/// The file's bytes; `None` when there is no file. A longer one than `limit` is none of ours.
fn read(path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        outcome => outcome?,
    };
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let text = format!("{} has more than {limit} bytes", path.display());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(Some(bytes))
}

fn cut(mut bytes: Vec<u8>, wanted: usize, path: &Path) -> io::Result<Vec<u8>> {
    if bytes.len() < wanted {
        let text = format!("{} has {} bytes, expected are {wanted}", path.display(), bytes.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    bytes.truncate(wanted);
    Ok(bytes)
}

/// The folder of the partial tiles in the place of a full one.
fn partials_of(full: &Path) -> PathBuf {
    let mut name = full.as_os_str().to_owned();
    name.push(".p");
    name.into()
}

/// The widths of the partial tiles in a folder.
fn widths(dir: &Path) -> io::Result<Vec<u16>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        outcome => outcome?,
    };
    let mut widths = Vec::new();
    for entry in entries {
        widths.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u16>().ok()));
    }
    Ok(widths)
}

fn remove_narrower(dir: &Path, width: u16) -> Result<(), Error> {
    for narrower in widths(dir).map_err(io_error("list", dir))? {
        let path = dir.join(narrower.to_string());
        if narrower < width {
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
    }
    Ok(())
}

fn remove_file(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", path)(error)),
        _ => Ok(()),
    }
}

fn remove_dir(dir: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error("remove", dir)(error)),
        _ => Ok(()),
    }
}

fn io_error(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { operation, path, source }
}
