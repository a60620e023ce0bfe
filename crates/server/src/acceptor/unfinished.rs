//! Handshakes that are not finished, and who gives way for a newcomer. Decided purely.
//!
//! Whoever has begun cannot hold the door: when it is full, the oldest handshake of the source that has most of them gives
//! way at once, and the newcomer counts. So two sources that hold all of it lose their own handshakes to each newcomer, and
//! one with a single handshake is the last to be cut off.

use std::net::{IpAddr, Ipv6Addr};

use crate::giving_way;

/// From where somebody comes, for counting: who has an IPv6 address has all of its /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
            address @ IpAddr::V4(_) => Self(address),
        }
    }
}

/// The handshakes that run, the oldest first, each with what it takes to end it.
#[derive(Debug)]
pub(super) struct Unfinished<H> {
    max: usize,
    per_address_max: usize,
    running: Vec<(Source, H)>,
}

impl<H> Unfinished<H> {
    pub(super) fn new(max: usize, per_address_max: usize) -> Self {
        Self { max, per_address_max, running: Vec::new() }
    }

    /// Which handshake has to be ended for a newcomer, which is off the list then; `None`: there is room.
    pub(super) fn make_room(&mut self, address: IpAddr) -> Option<H> {
        let newcomer = Source::from(address);
        let gives_way = giving_way::to_newcomer(self.sources(), &newcomer, self.max, self.per_address_max)?;
        Some(self.running.remove(gives_way).1)
    }

    /// Which handshake has to be ended where the system has no room for another one, which is off the list then; `None`: there
    /// is none.
    pub(super) fn give_way(&mut self) -> Option<H> {
        let gives_way = giving_way::of_heaviest(self.sources(), None)?;
        Some(self.running.remove(gives_way).1)
    }

    pub(super) fn begin(&mut self, address: IpAddr, handle: H) {
        self.running.push((address.into(), handle));
    }

    pub(super) fn end(&mut self, is: impl Fn(&H) -> bool) {
        self.running.retain(|(_, handle)| !is(handle));
    }

    fn sources(&self) -> impl Iterator<Item = &Source> + Clone {
        self.running.iter().map(|(source, _)| source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn filled(max: usize, per_address_max: usize, sources: &[u8]) -> Unfinished<usize> {
        let mut unfinished = Unfinished::new(max, per_address_max);
        for (handle, source) in sources.iter().enumerate() {
            unfinished.begin(address(*source), handle);
        }
        unfinished
    }

    #[test]
    fn at_a_full_door_the_source_that_has_most_gives_way_at_once() {
        let mut unfinished = filled(3, 3, &[1, 2, 2]);
        assert_eq!(unfinished.make_room(address(3)), Some(1), "the oldest of the source that has most");
        assert_eq!(unfinished.make_room(address(3)), None, "and there is room");
        unfinished.begin(address(3), 3);
        assert_eq!(unfinished.make_room(address(4)), Some(0), "of all the same: the oldest");
    }

    #[test]
    fn two_sources_that_hold_the_door_displace_each_other_and_no_third() {
        let mut unfinished = filled(8, 4, &[1, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(unfinished.make_room(address(3)), Some(0));
        unfinished.begin(address(3), 100);
        for handle in 200..300 {
            let gone = unfinished.make_room(address(1 + u8::try_from(handle % 2).unwrap()));
            assert_ne!(gone, Some(100), "newcomer {handle}");
            assert!(gone.is_some());
            unfinished.begin(address(1 + u8::try_from(handle % 2).unwrap()), handle);
        }
        assert!(unfinished.running.iter().any(|(_, handle)| *handle == 100));
    }

    #[test]
    fn one_source_takes_its_share_and_then_the_place_of_its_own() {
        let mut unfinished = filled(10, 2, &[1, 1]);
        assert_eq!(unfinished.make_room(address(2)), None);
        assert_eq!(unfinished.make_room(address(1)), Some(0), "its own oldest");
        assert_eq!(unfinished.make_room(address(1)), None);
        unfinished.end(|handle| *handle == 1);
        assert!(unfinished.running.is_empty());

        let mut full = filled(3, 3, &[1, 2, 2]);
        assert_eq!(full.make_room(address(1)), Some(0), "it would have as many as the other");
    }

    #[test]
    fn without_room_in_the_system_the_source_that_has_most_gives_way_to_whoever_comes() {
        let mut unfinished = filled(8, 8, &[1, 2, 2]);
        let gone = std::iter::from_fn(|| unfinished.give_way()).collect::<Vec<_>>();
        assert_eq!(gone, [1, 0, 2], "then of all the same the oldest, until there is none");
    }

    #[test]
    fn a_network_of_ipv6_is_one_source_and_a_mapped_address_is_its_own() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8:0:1::1"), source("2001:db8:0:1:ffff::2"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:2::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("::ffff:192.0.2.1"), source("::ffff:192.0.2.2"));
    }
}
