//! Whether the ledger in the data folder is the one that this node left there, or may be an older copy of it.
//!
//! A copy that gave out positions once more would contradict the messages of the life that it does not know of. The file
//! `life` beside the ledger names its segments as the file system knows them, and the machine's boot:
//!
//! * other files under their names: the ledger was put there from elsewhere, and goes on as a new life, with what of it was
//!   copied;
//! * some of the same files, but not all, or shorter ones: the ledger lost something here. It goes on as a new life, and not
//!   at all where its checkpoint says that it held more;
//! * the same files in the same boot: nothing came between, and the ledger goes on;
//! * the same files after another boot, or nothing to compare with: it may be a machine that was set back. The ledger
//!   goes on, and each peer is sent to only after it said what it has of ours. That stays so, over restarts, until all of
//!   them have.

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
pub enum Continuity {
    /// There is none yet.
    New,
    /// It is the same, untouched.
    Same,
    /// Nothing proves it.
    Unproven,
    /// It was put there from elsewhere: none of its files is one that the node left there.
    Copied,
    /// A file that the node left there is missing, was exchanged, or is shorter, and others are as they were.
    Shortened,
    /// Its operator asks for a new life of it.
    Asked,
}

/// What was found at a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// How it relates to that.
    pub continuity: Continuity,
    /// The record from which on nothing was proven, where that began at an earlier start.
    pub unproven_from: Option<u64>,
}

/// What is noted of a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is the latest, as of this boot of the machine.
    Proven,
    /// Nobody knows whether it is, from this record on.
    Unproven(u64),
}

/// A segment as the file system knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    name: String,
    inode: u64,
    /// When it was made, in nanoseconds; where the file system does not know, nothing is ever proven.
    made: Option<u128>,
    bytes: u64,
}

/// This boot of the machine.
pub(super) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string(BOOT_ID)?.trim().to_owned())
}

/// How the ledger relates to what was noted of it.
pub(super) fn examine(places: &Places, boot_id: &str) -> io::Result<Found> {
    let segments = segments(&places.ledger)?;
    let found = |continuity, unproven_from| Ok(Found { continuity, unproven_from });
    if segments.is_empty() {
        return found(Continuity::New, None);
    }
    let noted = match fs::read_to_string(&places.life) {
        Ok(noted) => noted,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return found(Continuity::Unproven, None),
        Err(error) => return Err(error),
    };
    let mut lines = noted.lines().peekable();
    let is_asked_for = lines.next_if_eq(&ANEW).is_some();
    let standing = lines.next().unwrap_or_default();
    let unproven_from = standing.strip_prefix("unproven ").and_then(|index| index.parse().ok());
    let noted: Vec<Segment> = lines.filter_map(Segment::parse).collect();
    let is_of = |now: &Segment, noted: &Segment| {
        (&now.name, now.inode, now.made) == (&noted.name, noted.inode, noted.made)
    };
    let is_here = |noted: &Segment| segments.iter().any(|now| is_of(now, noted));
    let is_same = |noted: &Segment| segments.iter().any(|now| is_of(now, noted) && now.bytes >= noted.bytes);
    if is_asked_for {
        return found(Continuity::Asked, unproven_from);
    }
    if noted.is_empty() || !noted.iter().all(is_same) {
        let is_own = noted.is_empty() || noted.iter().any(is_here);
        return found(if is_own { Continuity::Shortened } else { Continuity::Copied }, unproven_from);
    }
    let is_told_apart = noted.iter().all(|segment| segment.made.is_some());
    let is_same_boot = standing.strip_prefix("proven ") == Some(boot_id);
    let continuity = if is_same_boot && is_told_apart { Continuity::Same } else { Continuity::Unproven };
    found(continuity, unproven_from)
}

/// Notes that the ledger is the latest, as of this boot.
pub(super) fn note_proven(places: &Places) -> io::Result<()> {
    note(places, Standing::Proven, &boot_id()?)
}

/// Notes the ledger as it is, durably.
pub(super) fn note(places: &Places, standing: Standing, boot_id: &str) -> io::Result<()> {
    let mut text = match standing {
        Standing::Proven => format!("proven {boot_id}\n"),
        Standing::Unproven(index) => format!("unproven {index}\n"),
    };
    for segment in segments(&places.ledger)? {
        text.push_str(&segment.line());
    }
    write(&places.life, &text)
}

/// Asks the next start to begin a new life of the ledger.
pub(super) fn ask_anew(places: &Places) -> io::Result<()> {
    let noted = match fs::read_to_string(&places.life) {
        Ok(noted) => noted,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(error),
    };
    let noted = noted.strip_prefix(&format!("{ANEW}\n")).unwrap_or(&noted);
    write(&places.life, &format!("{ANEW}\n{noted}"))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, text)?;
    fs::File::open(&beside)?.sync_all()?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
}

impl Segment {
    fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let made = metadata.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        Ok(Self {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            inode: metadata.ino(),
            made: made.map(|made| made.as_nanos()),
            bytes: metadata.len(),
        })
    }

    fn line(&self) -> String {
        let Self { name, inode, made, bytes } = self;
        let made = made.map_or_else(|| "-".to_owned(), |made| made.to_string());
        format!("{name} {inode} {made} {bytes}\n")
    }

    fn parse(line: &str) -> Option<Self> {
        let [name, inode, made, bytes] = line.split(' ').collect::<Vec<_>>().try_into().ok()?;
        let (inode, bytes) = (inode.parse().ok()?, bytes.parse().ok()?);
        Some(Self { name: name.to_owned(), inode, made: made.parse().ok(), bytes })
    }
}

fn segments(dir: &Path) -> io::Result<Vec<Segment>> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "seg") {
            segments.push(Segment::of(&path)?);
        }
    }
    segments.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn found(places: &Places, boot_id: &str) -> Continuity {
        examine(places, boot_id).unwrap().continuity
    }

    /// A ledger of two segments, noted in a first boot.
    fn noted(data: &Path) -> (Places, [PathBuf; 2]) {
        let places = Places::under(data);
        assert_eq!(found(&places, "1"), Continuity::New);
        fs::create_dir(&places.ledger).unwrap();
        let segments =
            ["00000000000000000000.seg", "00000000000000000009.seg"].map(|name| places.ledger.join(name));
        for segment in &segments {
            fs::write(segment, "records").unwrap();
        }
        assert_eq!(found(&places, "1"), Continuity::Unproven, "nothing was noted");
        note(&places, Standing::Proven, "1").unwrap();
        (places, segments)
    }

    #[test]
    fn a_ledger_is_known_again_and_another_boot_proves_nothing() {
        let data = tempfile::tempdir().unwrap();
        let (places, [_, last]) = noted(data.path());
        assert_eq!(found(&places, "1"), Continuity::Same);
        fs::write(&last, "records and more").unwrap();
        fs::write(places.ledger.join("00000000000000000020.seg"), "a new one").unwrap();
        assert_eq!(found(&places, "1"), Continuity::Same, "it grows");
        assert_eq!(found(&places, "2"), Continuity::Unproven);
    }

    #[test]
    fn a_copy_of_any_segment_and_a_shorter_one_are_not_taken_for_it() {
        let exchange = |data: &Path, segment: &Path| {
            let copy = data.join("copy");
            fs::copy(segment, &copy).unwrap();
            fs::rename(&copy, segment).unwrap();
        };
        for replaced in 0..2 {
            let data = tempfile::tempdir().unwrap();
            let (places, segments) = noted(data.path());
            exchange(data.path(), &segments[replaced]);
            assert_eq!(found(&places, "1"), Continuity::Shortened, "segment {replaced}");
            exchange(data.path(), &segments[1 - replaced]);
            assert_eq!(found(&places, "1"), Continuity::Copied, "both");
        }
        let data = tempfile::tempdir().unwrap();
        let (places, [_, last]) = noted(data.path());
        fs::write(&last, "rec").unwrap();
        assert_eq!(found(&places, "1"), Continuity::Shortened, "it lost its end");
        fs::remove_file(&last).unwrap();
        assert_eq!(found(&places, "1"), Continuity::Shortened, "it lost a segment");
    }

    #[test]
    fn what_is_not_proven_stays_so_over_restarts_and_when_a_new_life_is_asked_for() {
        let data = tempfile::tempdir().unwrap();
        let (places, _) = noted(data.path());
        note(&places, Standing::Unproven(7), "1").unwrap();
        let unproven = |continuity| Found { continuity, unproven_from: Some(7) };
        assert_eq!(examine(&places, "1").unwrap(), unproven(Continuity::Unproven));
        for _ in 0..2 {
            ask_anew(&places).unwrap();
            assert_eq!(examine(&places, "1").unwrap(), unproven(Continuity::Asked));
        }
        note(&places, Standing::Proven, "1").unwrap();
        assert_eq!(
            examine(&places, "1").unwrap(),
            Found { continuity: Continuity::Same, unproven_from: None }
        );
    }
}
