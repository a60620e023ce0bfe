//! Whether the ledger in the data folder is the one that this node left there, or may be an older copy of it.
//!
//! A copy that gave out positions once more would contradict the messages of the life that it does not know of. A file
//! beside the ledger names the first segment as the file system knows it, and the machine's boot:
//!
//! * another file under its name: the ledger was put there from elsewhere, and goes on as a new life;
//! * the same file in the same boot: nothing came between, and the ledger goes on;
//! * the same file after another boot, or nothing to compare with: it may be a machine that was set back. The ledger
//!   goes on, and each peer is sent to only after it said what it has of ours.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::Places;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Asks the next start to begin a new life of the ledger, whatever it looks like.
const ANEW: &str = "anew";

/// How the ledger relates to what the node left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Continuity {
    /// There is none yet.
    New,
    /// It is the same, untouched.
    Same,
    /// Nothing proves it.
    Unproven,
    /// It was put there from elsewhere, or its operator says so.
    Copied,
}

/// This boot of the machine.
pub(super) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string(BOOT_ID)?.trim().to_owned())
}

/// How the ledger relates to what was noted of it.
pub(super) fn examine(places: &Places, boot_id: &str) -> io::Result<Continuity> {
    let Some(found) = first_segment(&places.ledger)? else { return Ok(Continuity::New) };
    let noted = match fs::read_to_string(&places.life) {
        Ok(noted) => noted,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Continuity::Unproven),
        Err(error) => return Err(error),
    };
    let mut lines = noted.lines();
    Ok(match (lines.next(), lines.next()) {
        (Some(ANEW), _) => Continuity::Copied,
        (Some(segment), _) if segment != found => Continuity::Copied,
        (Some(_), Some(boot)) if boot == boot_id => Continuity::Same,
        _ => Continuity::Unproven,
    })
}

/// Notes the ledger as it is, durably.
pub(super) fn note(places: &Places, boot_id: &str) -> io::Result<()> {
    let Some(found) = first_segment(&places.ledger)? else { return Ok(()) };
    write(&places.life, &format!("{found}\n{boot_id}\n"))
}

/// Asks the next start to begin a new life of the ledger.
pub(super) fn ask_anew(places: &Places) -> io::Result<()> {
    write(&places.life, &format!("{ANEW}\n"))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::File::open(&beside)?.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
}

/// What tells the first segment from a copy of it: its inode and, where the file system knows it, when it was made.
fn first_segment(dir: &Path) -> io::Result<Option<String>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            names.push(path);
        }
    }
    let Some(first) = names.into_iter().min() else { return Ok(None) };
    let metadata = fs::metadata(first)?;
    let made = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    Ok(Some(format!("{} {}", metadata.ino(), made.map_or(0, |made| made.as_nanos()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(data: &Path) -> Places {
        let place = |name: &str| data.join(name);
        Places {
            ledger: place("ledger"),
            buckets: place("buckets"),
            tree: place("tree"),
            index: place("index"),
            crls: place("crls"),
            life: place("life"),
        }
    }

    #[test]
    fn a_ledger_is_known_again_and_a_copy_of_it_is_not_taken_for_it() {
        let data = tempfile::tempdir().unwrap();
        let places = places(data.path());
        assert_eq!(examine(&places, "boot 1").unwrap(), Continuity::New);
        fs::create_dir(&places.ledger).unwrap();
        let segment = places.ledger.join("00000000000000000000.seg");
        fs::write(&segment, "records").unwrap();
        assert_eq!(examine(&places, "boot 1").unwrap(), Continuity::Unproven, "nothing was noted");

        note(&places, "boot 1").unwrap();
        assert_eq!(examine(&places, "boot 1").unwrap(), Continuity::Same);
        fs::write(&segment, "records and more").unwrap();
        assert_eq!(examine(&places, "boot 1").unwrap(), Continuity::Same, "it grows");
        assert_eq!(examine(&places, "boot 2").unwrap(), Continuity::Unproven);

        let copy = data.path().join("copy");
        fs::copy(&segment, &copy).unwrap();
        fs::rename(&copy, &segment).unwrap();
        assert_eq!(examine(&places, "boot 1").unwrap(), Continuity::Copied);
        note(&places, "boot 1").unwrap();
        ask_anew(&places).unwrap();
        assert_eq!(examine(&places, "boot 1").unwrap(), Continuity::Copied, "its operator says so");
    }
}
