//! How many descriptors the system lets the program have. Each connection takes one, and so does each handshake; the usual soft
//! limit of 1024 is less than a door takes. What the system allows at most is taken at the start, and where that is too little
//! somebody is told what to do: nothing is refused for it.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{debug, warn};

/// What a program has open beside its connections: segments, index, log, and what it reads again while it runs.
const BESIDE: u64 = 256;

/// Raises the soft limit to the hard one.
pub(crate) fn raise() {
    let present = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: present.maximum, ..present };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => debug!(descriptors = ?raised.current, "as many descriptors as the system allows"),
        Err(error) => {
            warn!(%error, descriptors = ?present.current, "the limit of descriptors cannot be raised");
        }
    }
}

/// Tells when the limit is below what a door takes.
pub(crate) fn warn_if_few(connections: usize, handshakes: usize) {
    let limit = getrlimit(Resource::Nofile).current;
    if let Some(needed) = too_few(limit, connections, handshakes) {
        warn!(
            descriptors = limit,
            needed,
            "the system allows too few descriptors for [limits] connections and handshakes: set LimitNOFILE= of the service, or \
             `ulimit -n`, or lower [limits]"
        );
    }
}

/// Whether the system has no descriptor left, for this program or at all.
pub(crate) fn are_exhausted(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE))
}

/// How many descriptors a door needs, where the limit is less.
fn too_few(limit: Option<u64>, connections: usize, handshakes: usize) -> Option<u64> {
    let needed = (connections as u64).saturating_add(handshakes as u64).saturating_add(BESIDE);
    (limit? < needed).then_some(needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_too_low_when_connections_handshakes_and_files_do_not_fit() {
        assert_eq!(too_few(Some(1024), 4096, 64), Some(4416));
        assert_eq!(too_few(Some(4415), 4096, 64), Some(4416));
        assert_eq!(too_few(Some(4416), 4096, 64), None);
        assert_eq!(too_few(None, 65_536, 4096), None, "no limit");
    }

    #[test]
    fn the_soft_limit_is_what_the_hard_one_allows() {
        let before = getrlimit(Resource::Nofile);
        let lower = before.current.map(|limit| limit - 1);
        setrlimit(Resource::Nofile, Rlimit { current: lower, ..before }).unwrap();
        raise();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }

    #[test]
    fn no_descriptor_left_is_told_from_other_faults() {
        assert!(are_exhausted(&Errno::MFILE.into()) && are_exhausted(&Errno::NFILE.into()));
        assert!(!are_exhausted(&Errno::CONNABORTED.into()) && !are_exhausted(&io::ErrorKind::Other.into()));
    }
}
