//! Free ports on the loopback.
//!
//! They lie below the range from which the system takes the ports of outgoing connections: otherwise a connection of
//! somebody else, or of a node that looks for its hub, could sit on a port while its program is being restarted.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use super::Error;

/// Ports below are for well-known services.
const LOWEST: u16 = 10_240;
/// Where outgoing connections begin unless the system says otherwise.
const OUTGOING: u16 = 32_768;
/// No port is given twice by one process, also while its program is away.
static GIVEN: AtomicU16 = AtomicU16::new(0);

/// Finds so many ports on which nobody listens.
pub(super) fn free(count: usize) -> Result<Vec<u16>, Error> {
    let span = first_outgoing().saturating_sub(LOWEST).max(1);
    // Processes that begin at the same time begin at different places.
    let begin = std::process::id().wrapping_mul(257) % u32::from(span);
    let begin = u16::try_from(begin).unwrap_or(0);
    let mut found = Vec::with_capacity(count);
    let mut held = Vec::with_capacity(count);
    for _ in 0..span {
        if found.len() == count {
            return Ok(found);
        }
        let step = u32::from(begin) + u32::from(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = LOWEST + u16::try_from(step % u32::from(span)).unwrap_or(0);
        if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push(listener);
            found.push(port);
        }
    }
    Err(Error::NoPorts { wanted: count, first: LOWEST, end: first_outgoing() })
}

fn first_outgoing() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let first = range.split_whitespace().next().and_then(|first| first.parse().ok());
    first.filter(|first| *first > LOWEST + 1000).unwrap_or(OUTGOING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_none_is_given_twice() {
        let mut ports = free(20).unwrap();
        ports.extend(free(20).unwrap());
        for port in &ports {
            assert!(*port >= LOWEST && *port < first_outgoing());
        }
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 40);
    }
}
