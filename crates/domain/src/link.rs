//! Links: the chains of messages from one agency to another, and how a recipient judges a position on one.

mod ranges;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use crate::agency::AgencyId;
use crate::digest::Digest;
use crate::message::Priority;
pub use ranges::{Range, Ranges, ranges};

/// How far beyond the last contiguous number a message may lie; what lies further is asked for again later.
pub const WINDOW: u64 = 1024;

/// The id of one life of a ledger: 16 random bytes, made when it is created.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub [u8; 16]);

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl TryFrom<&[u8]> for Incarnation {
    type Error = IncarnationError;

    fn try_from(bytes: &[u8]) -> Result<Self, IncarnationError> {
        bytes.try_into().map(Self).map_err(|_| IncarnationError { found: bytes.len() })
    }
}

impl FromStr for Incarnation {
    type Err = IncarnationTextError;

    fn from_str(text: &str) -> Result<Self, IncarnationTextError> {
        let written = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = u128::from_str_radix(text, 16).ok().filter(|_| written);
        number.map(|number| Self(number.to_be_bytes())).ok_or(IncarnationTextError)
    }
}

/// A text that names no incarnation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an incarnation is written as 32 hexadecimal digits")]
pub struct IncarnationTextError;

/// An incarnation of the wrong length.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an incarnation has 16 bytes, found {found}")]
pub struct IncarnationError {
    found: usize,
}

/// A chain of messages: everything of one priority from one agency to another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Who sends.
    pub sender: AgencyId,
    /// Who receives.
    pub recipient: AgencyId,
    /// The lane.
    pub priority: Priority,
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {} {}", self.sender, self.recipient, self.priority)
    }
}

/// A place on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The life of the sender's ledger.
    pub incarnation: Incarnation,
    /// Counted from 1.
    pub number: u64,
}

/// The end of a link: its last number and the digest of the header there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last number; 0 on a new link.
    pub number: u64,
    /// The digest of the header at that number; zeros on a new link.
    pub digest: Digest,
}

impl Head {
    /// The head of a link on which nothing was sent.
    pub const EMPTY: Self = Self { number: 0, digest: Digest::ZERO };

    /// The head after one more header.
    #[must_use]
    pub fn followed_by(self, digest: Digest) -> Self {
        Self { number: self.number + 1, digest }
    }
}

/// How one number of a link was settled at its recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// Verified, allowed and kept.
    Delivered,
    /// Not delivered, and the rule that decided.
    Excepted(Disposition, String),
    /// Filled by the sender without a message.
    Void,
}

/// How a number was settled without being delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    /// Verified, and not allowed.
    Refused,
    /// Not verified: kept as evidence, shown to nobody.
    Quarantined,
}

/// What a recipient makes of an envelope at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// New and next: the link is contiguous up to here.
    Next,
    /// New, and something before it has not arrived.
    AfterGap,
    /// The same header was settled at this position before.
    Duplicate,
    /// Another header was settled at this position: the sender contradicts itself.
    Equivocation {
        /// The digest of the header that came first.
        first: Digest,
    },
    /// Its predecessor is settled under another digest than the one it names: the sender contradicts itself.
    BrokenChain {
        /// The digest of the predecessor that was settled.
        settled: Digest,
    },
    /// Further ahead than [`WINDOW`]: not taken now.
    TooFarAhead {
        /// The last contiguous number.
        contiguous: u64,
    },
}

impl Arrival {
    /// What arrived at a number that a header settled before.
    pub fn of_settled(first: Digest, arrived: Digest) -> Self {
        if first == arrived { Self::Duplicate } else { Self::Equivocation { first } }
    }
}

/// What a recipient knows of one link in one incarnation of its sender.
///
/// Duplicates are decided by the digests of all settled numbers, for the whole retention and never by a time window. Where
/// they are kept elsewhere too, those before the last contiguous number can be [let go](Self::let_go) here. What was not
/// delivered stays, so that it can be told again to whoever lost what he knew of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    contiguous: u64,
    /// Every settled number that was not let go: those from the last contiguous one on at least.
    digests: BTreeMap<u64, Digest>,
    /// What an unsettled predecessor must be, as its successor names it.
    expected: BTreeMap<u64, Digest>,
    exceptions: BTreeMap<u64, (Disposition, String)>,
    voids: BTreeSet<u64>,
    read: Ranges,
}

impl Received {
    /// Judges an envelope by its position, its digest and the predecessor that it names. Changes nothing. `None` where the
    /// number was settled and let go: what is kept elsewhere [tells](Arrival::of_settled) what arrived. Nothing lies at 0, and
    /// whatever claims to contradicts the beginning of the link.
    pub fn judge(&self, number: u64, digest: Digest, previous: Digest) -> Option<Arrival> {
        match self.digests.get(&number) {
            _ if number == 0 => Some(Arrival::of_settled(Digest::ZERO, digest)),
            Some(first) => Some(Arrival::of_settled(*first, digest)),
            None if number <= self.contiguous => None,
            None => Some(self.judge_new(number, digest, previous)),
        }
    }

    fn judge_new(&self, number: u64, digest: Digest, previous: Digest) -> Arrival {
        if number > self.contiguous.saturating_add(WINDOW) {
            return Arrival::TooFarAhead { contiguous: self.contiguous };
        }
        if let Some(named) = self.expected.get(&number)
            && *named != digest
        {
            return Arrival::BrokenChain { settled: *named };
        }
        let before = if number == 1 { Some(&Digest::ZERO) } else { self.digests.get(&(number - 1)) };
        match before {
            Some(settled) if *settled != previous => Arrival::BrokenChain { settled: *settled },
            _ if number == self.contiguous + 1 => Arrival::Next,
            _ => Arrival::AfterGap,
        }
    }

    /// Settles a number that [`judge`](Self::judge) called new.
    pub fn settle(&mut self, number: u64, digest: Digest, previous: Digest, settled: Settled) {
        self.digests.insert(number, digest);
        self.expected.remove(&number);
        if number > 1 && !self.digests.contains_key(&(number - 1)) {
            self.expected.insert(number - 1, previous);
        }
        match settled {
            Settled::Delivered => {}
            Settled::Excepted(disposition, rule) => {
                self.exceptions.insert(number, (disposition, rule));
            }
            Settled::Void => {
                self.voids.insert(number);
            }
        }
        while self.digests.contains_key(&(self.contiguous + 1)) {
            self.contiguous += 1;
        }
    }

    /// What settled the numbers before the last contiguous one is kept elsewhere: it is let go here.
    pub fn let_go(&mut self) {
        if self.digests.first_key_value().is_some_and(|(first, _)| *first < self.contiguous) {
            self.digests = self.digests.split_off(&self.contiguous);
        }
    }

    /// Of how many numbers and ranges something is held here.
    pub fn held(&self) -> usize {
        let numbers = [self.digests.len(), self.expected.len(), self.exceptions.len(), self.voids.len()];
        numbers.iter().sum::<usize>() + self.read.iter().count()
    }

    /// Whether a number is settled.
    pub fn is_settled(&self, number: u64) -> bool {
        (1..=self.contiguous).contains(&number) || self.digests.contains_key(&number)
    }

    /// Notes that a settled number was read; whether it was unread before.
    pub fn mark_read(&mut self, number: u64) -> bool {
        self.is_settled(number) && self.read.insert(number)
    }

    /// Whether a number was read.
    pub fn is_read(&self, number: u64) -> bool {
        self.read.contains(number)
    }

    /// Every number up to and with this one is settled.
    pub fn contiguous(&self) -> u64 {
        self.contiguous
    }

    /// The digest of the header at the last contiguous number.
    pub fn chain_digest(&self) -> Digest {
        self.digests.get(&self.contiguous).copied().unwrap_or(Digest::ZERO)
    }

    /// The digest of the header that settled a number; zeros before the first. `None` where it was let go, or nothing did.
    pub fn digest_at(&self, number: u64) -> Option<Digest> {
        if number == 0 { Some(Digest::ZERO) } else { self.digests.get(&number).copied() }
    }

    /// Whether a number before this one is still missing.
    pub fn has_gap_before(&self, number: u64) -> bool {
        number > self.contiguous
    }

    /// The highest settled number, and the digest of the header there.
    pub fn highest(&self) -> Head {
        self.digests
            .last_key_value()
            .map_or(Head::EMPTY, |(number, digest)| Head { number: *number, digest: *digest })
    }

    /// Whether a number was filled without a message.
    pub fn is_void(&self, number: u64) -> bool {
        self.voids.contains(&number)
    }

    /// The first ranges of numbers up to `last` that are not settled, within [`WINDOW`] of what is contiguous.
    pub fn missing(&self, last: u64, ranges_max: usize) -> Vec<Range> {
        let last = last.min(self.contiguous.saturating_add(WINDOW));
        let missing = (self.contiguous + 1..=last).filter(|number| !self.digests.contains_key(number));
        let mut missing = ranges(missing);
        missing.truncate(ranges_max);
        missing
    }

    /// The delivered numbers beyond the contiguous ones, with the digest of the header at the last of each range.
    pub fn delivered_beyond(&self) -> impl Iterator<Item = (Range, Digest)> {
        let beyond = self.digests.range(self.contiguous + 1..).map(|(number, _)| *number);
        let delivered =
            beyond.filter(|number| !self.exceptions.contains_key(number) && !self.voids.contains(number));
        // Every settled number has its digest.
        let ranges = ranges(delivered).into_iter();
        ranges.filter_map(|range| Some((range, *self.digests.get(&range.last)?)))
    }

    /// The numbers that were settled without being delivered, and why.
    pub fn exceptions(&self) -> impl Iterator<Item = (u64, Disposition, &str)> {
        self.exceptions.iter().map(|(number, (disposition, rule))| (*number, *disposition, rule.as_str()))
    }

    /// The numbers that were filled without a message.
    pub fn voids(&self) -> impl Iterator<Item = u64> {
        self.voids.iter().copied()
    }

    /// The numbers that were read.
    pub fn read(&self) -> Vec<Range> {
        self.read.iter().collect()
    }
}

#[cfg(test)]
mod tests;
