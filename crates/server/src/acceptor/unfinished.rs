//! Handshakes that are not finished: who may begin one, and who gives way for it. Decided purely, by a time that is passed in.
//!
//! Whoever has begun cannot hold the door: when it is full, the oldest handshake of the source that has most of them gives
//! way, once it took longer than an honest one does. So a source with a single handshake is the last to be cut off.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use tokio::time::Instant;

/// How long a handshake is let be in any case.
pub(super) const GIVES_WAY_AFTER: Duration = Duration::from_secs(2);

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
    running: Vec<Running<H>>,
}

#[derive(Debug)]
struct Running<H> {
    source: Source,
    began: Instant,
    handle: H,
}

/// Whether somebody may begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict<H> {
    /// There is room.
    Begins,
    /// There is, once this one has been ended; it is off the list.
    InPlaceOf(H),
    /// Its source has too many that began just now.
    Refused,
}

impl<H> Unfinished<H> {
    pub(super) fn new(max: usize, per_address_max: usize) -> Self {
        Self { max, per_address_max, running: Vec::new() }
    }

    /// From when on the next one can be judged; `None`: at once.
    pub(super) fn full_until(&self) -> Option<Instant> {
        if self.running.len() < self.max {
            return None;
        }
        self.heaviest().map(|oldest| oldest.began + GIVES_WAY_AFTER)
    }

    /// Judges a newcomer. To be asked when the list is not full, or when [`Self::full_until`] has passed.
    pub(super) fn judge(&mut self, address: IpAddr, now: Instant) -> Verdict<H> {
        let source = Source::from(address);
        let oldest = if self.count(source) >= self.per_address_max {
            self.running.iter().position(|running| running.source == source)
        } else if self.running.len() >= self.max {
            let heaviest = self.heaviest().map(|oldest| oldest.source);
            self.running.iter().position(|running| Some(running.source) == heaviest)
        } else {
            return Verdict::Begins;
        };
        match oldest {
            Some(at) if self.running[at].began + GIVES_WAY_AFTER <= now => {
                Verdict::InPlaceOf(self.running.remove(at).handle)
            }
            _ => Verdict::Refused,
        }
    }

    pub(super) fn begin(&mut self, address: IpAddr, handle: H, now: Instant) {
        self.running.push(Running { source: address.into(), began: now, handle });
    }

    pub(super) fn end(&mut self, is: impl Fn(&H) -> bool) {
        self.running.retain(|running| !is(&running.handle));
    }

    fn count(&self, source: Source) -> usize {
        self.running.iter().filter(|running| running.source == source).count()
    }

    /// The oldest of the source that has most; of several such sources, of the one that began first.
    fn heaviest(&self) -> Option<&Running<H>> {
        let mut counts = HashMap::<Source, usize>::new();
        for running in &self.running {
            *counts.entry(running.source).or_default() += 1;
        }
        let most = counts.values().max()?;
        self.running.iter().find(|running| counts.get(&running.source) == Some(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGE: Duration = GIVES_WAY_AFTER;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn filled(max: usize, per_address_max: usize, sources: &[u8], now: Instant) -> Unfinished<usize> {
        let mut unfinished = Unfinished::new(max, per_address_max);
        for (handle, source) in sources.iter().enumerate() {
            unfinished.begin(address(*source), handle, now + Duration::from_millis(handle as u64));
        }
        unfinished
    }

    #[test]
    fn a_full_door_waits_for_young_handshakes_and_takes_the_place_of_old_ones() {
        let now = Instant::now();
        let mut unfinished = filled(3, 3, &[1, 2, 2], now);
        let until = now + Duration::from_millis(1) + AGE;
        assert_eq!(unfinished.full_until(), Some(until));
        assert_eq!(unfinished.judge(address(3), now), Verdict::Refused);
        assert_eq!(unfinished.judge(address(3), until), Verdict::InPlaceOf(1), "of the source that has most");
        assert_eq!(unfinished.full_until(), None);
        assert_eq!(unfinished.judge(address(3), until), Verdict::Begins);
        unfinished.begin(address(3), 3, until);
        assert_eq!(unfinished.judge(address(4), until), Verdict::InPlaceOf(0), "of all the same: the oldest");
    }

    #[test]
    fn one_source_takes_its_share_and_no_more() {
        let now = Instant::now();
        let mut unfinished = filled(10, 2, &[1, 1], now);
        assert_eq!(unfinished.judge(address(1), now), Verdict::Refused);
        assert_eq!(unfinished.judge(address(2), now), Verdict::Begins);
        assert_eq!(unfinished.judge(address(1), now + AGE), Verdict::InPlaceOf(0), "its own oldest");
        unfinished.end(|handle| *handle == 1);
        assert_eq!(unfinished.judge(address(1), now), Verdict::Begins);
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
