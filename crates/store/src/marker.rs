//! The file that says whether the projections beside it can be believed.
//!
//! Written whole to a second file, synced, renamed, and its directory synced: what it says is on the disk before
//! anything happens that it speaks of.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;

const NAME: &str = "marker.json";
const NEW_NAME: &str = "marker.json.new";

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marker {
    /// Closed in order, with everything synced. False from the moment that the projections are opened.
    pub(crate) clean: bool,
    /// Which run of the machine's kernel had them open.
    pub(crate) boot_id: String,
    /// The ledger index that was applied when this was written.
    pub(crate) index: u64,
    /// Incarnation of the ledger, in hexadecimal.
    pub(crate) incarnation: String,
    /// Which layout of keys and values is in there.
    pub(crate) schema: u32,
}

impl Marker {
    /// `None` when there is none, or none that makes sense: it then says nothing.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, Error> {
        let path = dir.join(NAME);
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", path)(error)),
        }
    }

    pub(crate) fn write(&self, dir: &Path) -> Result<(), Error> {
        let new = dir.join(NEW_NAME);
        let open = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new);
        let mut file = open.map_err(Error::io("create", &new))?;
        // These types always have a JSON form; an error could only come from the file.
        let written = serde_json::to_writer(&mut file, self).map_err(std::io::Error::from);
        written.and_then(|()| file.flush()).map_err(Error::io("write", &new))?;
        file.sync_all().map_err(Error::io("sync", &new))?;
        fs::rename(&new, dir.join(NAME)).map_err(Error::io("rename", &new))?;
        sync(dir)
    }
}

/// Takes the marker away: what is there is not believed again.
pub(crate) fn remove(dir: &Path) -> Result<(), Error> {
    let path = dir.join(NAME);
    fs::remove_file(&path).map_err(Error::io("remove", path))?;
    sync(dir)
}

/// Makes a file, or the names in a directory, durable.
pub(crate) fn sync(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|file| file.sync_all()).map_err(Error::io("sync", path))
}
