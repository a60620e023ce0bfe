//! Loopback ports that are free.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Mutex, PoisonError};

use rand::RngExt as _;

/// Below those that the system gives to outgoing connections, so that none of them takes a port while its program is
/// down.
const RANGE: std::ops::Range<u16> = 12_000..32_000;

/// Those that a story of this process has.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Ports on which nobody listens, each given out once.
pub(crate) fn free(count: usize) -> Vec<u16> {
    let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut found = Vec::with_capacity(count);
    for _ in 0..10_000 {
        if found.len() == count {
            return found;
        }
        let port = rand::rng().random_range(RANGE);
        if !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            taken.insert(port);
            found.push(port);
        }
    }
    panic!("no {count} free loopback ports in {RANGE:?}");
}
