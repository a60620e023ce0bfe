//! Which file system a folder lies on, as the kernel lists what is mounted.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

/// Where the kernel lists it (`man 5 proc_pid_mountinfo`).
const MOUNTS: &str = "/proc/self/mountinfo";

/// The type of the file system, such as `ext4`; `dir` has no links in it.
pub(crate) fn of(dir: &Path) -> anyhow::Result<String> {
    let mounts = fs::read_to_string(MOUNTS).with_context(|| format!("cannot read {MOUNTS}"))?;
    kind(&mounts, dir).with_context(|| format!("{} is on no file system that is mounted", dir.display()))
}

/// The deepest mount that holds the folder; of several at one place the last, which hides the others.
fn kind(mounts: &str, dir: &Path) -> Option<String> {
    let holding = mounts.lines().filter_map(mount).filter(|(point, _)| dir.starts_with(point));
    holding.max_by_key(|(point, _)| point.components().count()).map(|(_, kind)| kind.to_owned())
}

/// Mount point and type. The point is the fifth field, with blanks written as `\040`; the type follows a lone hyphen.
fn mount(line: &str) -> Option<(PathBuf, &str)> {
    let (place, device) = line.split_once(" - ")?;
    let point = place.split(' ').nth(4)?.replace("\\040", " ");
    Some((point.into(), device.split(' ').next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
40 27 0:30 / /tmp rw shared:1 - tmpfs tmpfs rw
41 40 254:3 / /tmp/a\\040disk rw - xfs /dev/vdb rw
";

    #[test]
    fn a_folder_is_on_the_deepest_mount_that_holds_it() {
        for (dir, expected) in [("/home/x", "ext4"), ("/tmp/x", "tmpfs"), ("/tmp/a disk/x", "xfs")] {
            assert_eq!(kind(LISTED, Path::new(dir)).as_deref(), Some(expected), "{dir}");
        }
        assert_eq!(kind(LISTED, Path::new("/tmpx")).as_deref(), Some("ext4"));
    }
}
