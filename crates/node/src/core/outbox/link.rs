//! One link of the node's own: its numbers, and how far each message on it came.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Head, Range, Ranges};
use sealpost_domain::statement::{Delivered, Exception, Signed};
use sealpost_domain::view::DeliveryState;

use super::belief::Believed;
use super::entry::{Entry, LOST, Moved, Place, has_arrived, may_follow, state_of};

/// Every message on a link, by number.
#[derive(Default)]
pub(super) struct OutLink {
    /// But for those up to the last receipted number that are delivered or read: those the index has.
    entries: BTreeMap<u64, Entry>,
    /// The numbers that were delivered or read since the index was told.
    arrived: BTreeSet<u64>,
    head: Option<Head>,
    /// The end that is told to the recipient, where what lies beyond was withdrawn before anybody saw it.
    told: Option<Head>,
    open: u64,
    /// The recipient has settled every number up to and with this one.
    receipted: u64,
    /// The numbers that are known to be read.
    read: Ranges,
    /// The header digests from the last receipted number on.
    digests: BTreeMap<u64, Digest>,
    /// Numbers that the node filled without a message: a recipient that lost its ledger needs them again.
    voids: BTreeMap<u64, Signed>,
    /// Numbers beyond the receipted ones that the recipient excepted, or says were filled without a message.
    undelivered: BTreeSet<u64>,
    /// What its recipient excepted first at a number, where nothing proves yet that it is about these numbers.
    unproven: BTreeMap<u64, Exception>,
}

impl OutLink {
    /// The end of the link.
    pub(super) fn head(&self) -> Head {
        self.head.unwrap_or(Head::EMPTY)
    }

    /// The end of the link as its recipient may know it.
    pub(super) fn told_head(&self) -> Head {
        self.told.unwrap_or_else(|| self.head())
    }

    /// The end of the link as it was before a record; what the recipient has settled is not taken back.
    pub(super) fn head_before(&self, record: u64) -> Head {
        let told = self.told_head();
        let unreceipted = self.entries.range(self.receipted + 1..).rev().map(|(_, entry)| entry);
        let unsaid = unreceipted.take_while(|entry| entry.index != LOST && entry.index >= record);
        let before = self.head().number - unsaid.count() as u64;
        let number = before.max(self.receipted).min(told.number);
        self.digest(number).map_or(told, |digest| Head { number, digest })
    }

    /// Nobody has seen this number, which is the last that is told. Whether it is.
    pub(super) fn withdraw(&mut self, number: u64) -> bool {
        let before = number.checked_sub(1).and_then(|before| Some((before, self.digest(before)?)));
        match before {
            Some((before, digest)) if number == self.told_head().number => {
                self.told = Some(Head { number: before, digest });
                true
            }
            _ => false,
        }
    }

    /// The recipient has what was taken back, up to a number: that is told as the others are.
    pub(super) fn tell_up_to(&mut self, number: u64) {
        if let Some(told) = self.told
            && number > told.number
            && let Some(digest) = self.digest(number)
        {
            self.told = (number < self.head().number).then_some(Head { number, digest });
        }
    }

    /// Messages that are not settled.
    pub(super) fn open(&self) -> u64 {
        self.open
    }

    pub(super) fn receipted(&self) -> u64 {
        self.receipted
    }

    /// What is known of a number; `None` where it was not given out.
    pub(super) fn place(&self, number: u64) -> Option<Place<'_>> {
        match self.entries.get(&number) {
            Some(entry) => Some(Place::Here(entry)),
            None if !(1..=self.receipted).contains(&number) => None,
            None if self.read.contains(number) => Some(Place::LetGo(DeliveryState::Read)),
            None => Some(Place::LetGo(DeliveryState::Delivered)),
        }
    }

    /// The index has what arrived.
    pub(super) fn let_go(&mut self) {
        let receipted = self.receipted;
        self.arrived.retain(|number| {
            let goes = *number <= receipted;
            if goes {
                self.entries.remove(number);
            }
            !goes
        });
    }

    /// The digest of the header at a number that is not before the last receipted one.
    pub(super) fn digest(&self, number: u64) -> Option<Digest> {
        if number == 0 { Some(Digest::ZERO) } else { self.digests.get(&number).copied() }
    }

    /// Of how many numbers something is held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let numbers = [self.entries.len(), self.arrived.len(), self.digests.len(), self.voids.len()];
        numbers.iter().sum::<usize>() + self.read.iter().count()
    }

    /// Adds the next message; false when its number is not the next one.
    pub(super) fn push(&mut self, number: u64, digest: Digest, index: u64, at: Instant) -> bool {
        if number != self.head().number + 1 {
            return false;
        }
        self.head = Some(self.head().followed_by(digest));
        self.digests.insert(number, digest);
        self.entries.insert(number, Entry::new(index, DeliveryState::Published, at));
        self.open += 1;
        true
    }

    /// Passes over the numbers before this one, where as many leaves are lost: nothing is known of them any more but the
    /// digest of the last.
    pub(super) fn pass_lost(&mut self, number: u64, previous: Digest, lost: u64, at: Instant) {
        let head = self.head().number;
        if number <= head + 1 || number - head - 1 > lost {
            return;
        }
        for lost in head + 1..number {
            let state = DeliveryState::Withdrawn;
            self.entries.insert(lost, Entry::new(LOST, state, at));
        }
        self.head = Some(Head { number: number - 1, digest: previous });
        self.digests.insert(number - 1, previous);
    }

    /// Moves a message on that was not let go, if its state allows it; `None` where it does not.
    pub(super) fn advance(
        &mut self,
        number: u64,
        state: DeliveryState,
        rule: Option<&str>,
        at: Instant,
    ) -> Option<Moved> {
        let entry = self.entries.get_mut(&number)?;
        let before = entry.state();
        if !may_follow(before, state) {
            return None;
        }
        let settled = state.is_settled() && !before.is_settled();
        self.open -= u64::from(settled);
        if state == DeliveryState::Read {
            self.read.insert(number);
        }
        entry.move_to(state, rule, at);
        if has_arrived(state) {
            self.arrived.insert(number);
        }
        Some(Moved { index: entry.index, settled })
    }

    /// The numbers in a range of which more than that they arrived is held, and that are not known to be read.
    pub(super) fn held_unread_in(&self, range: Range) -> Vec<u64> {
        let last = range.last.min(self.told_head().number);
        let held = self.entries.range(range.first..).map(|(number, _)| *number);
        held.take_while(|number| *number <= last).filter(|number| !self.read.contains(*number)).collect()
    }

    /// Of the numbers in a range, those were read that arrived and were let go: of which that was not known.
    pub(super) fn read_let_go(&mut self, range: Range) -> Vec<Range> {
        let mut news = Vec::new();
        for gap in self.read.gaps_in(range.first.max(1)..=range.last.min(self.receipted)) {
            let mut first = gap.first;
            for held in self.entries.range(gap.first..=gap.last).map(|(number, _)| *number) {
                news.extend((first < held).then(|| Range { first, last: held - 1 }));
                first = held + 1;
            }
            news.extend((first <= gap.last).then_some(Range { first, last: gap.last }));
        }
        for range in &news {
            self.read.insert_all(*range);
        }
        news
    }

    pub(super) fn keep_void(&mut self, number: u64, statement: Signed) {
        self.voids.insert(number, statement);
    }

    /// The voids of which it is not known that the recipient has them.
    pub(super) fn unconfirmed_voids(&self) -> impl Iterator<Item = &Signed> {
        self.voids.range(self.receipted + 1..).map(|(_, void)| void)
    }

    /// How a number was filled without a message.
    pub(super) fn void(&self, number: u64) -> Option<&Signed> {
        self.voids.get(&number)
    }

    /// Of the numbers that are not receipted: those that lie in these ranges.
    fn unreceipted_in<'r>(&self, ranges: &'r [Range]) -> impl Iterator<Item = u64> + use<'r> {
        let (first, last) = (self.receipted + 1, self.told_head().number);
        ranges.iter().flat_map(move |range| range.first.max(first)..=range.last.min(last))
    }

    /// The recipient says which numbers it excepted, or were filled without a message.
    pub(super) fn note_undelivered(&mut self, ranges: &[Range]) {
        let undelivered = self.unreceipted_in(ranges);
        self.undelivered.extend(undelivered);
    }

    /// Whether the recipient said so of a number that is receipted now.
    pub(super) fn take_undelivered(&mut self, number: u64) -> bool {
        self.undelivered.remove(&number)
    }

    /// The recipient has settled everything up to a number: the numbers that this is news about.
    pub(super) fn receipt_up_to(&mut self, contiguous: u64) -> RangeInclusive<u64> {
        let contiguous = contiguous.min(self.told_head().number);
        let news = self.receipted + 1..=contiguous;
        if contiguous > self.receipted {
            self.receipted = contiguous;
            self.digests = self.digests.split_off(&contiguous);
        }
        news
    }

    /// Whether a receipt says something of this link that is not known.
    pub(super) fn learns(&self, Believed { receipt, end, unproven }: &Believed<'_>) -> bool {
        let moves =
            |number: u64, state| self.place(number).is_some_and(|place| may_follow(place.state(), state));
        let excepted = |exception: &Exception| moves(exception.number, state_of(exception.disposition));
        let last = *end;
        let delivered = |Delivered { numbers, .. }: &Delivered| {
            (numbers.first.max(self.receipted + 1)..=numbers.last.min(last))
                .any(|number| moves(number, DeliveryState::Delivered))
        };
        let read = |range: &Range| {
            self.unread_in(range.first, range.last).any(|number| moves(number, DeliveryState::Read))
        };
        let is_news = |number| !self.undelivered.contains(&number);
        receipt.contiguous.min(last) > self.receipted
            || receipt.exceptions.iter().any(excepted)
            || unproven
                .iter()
                .any(|exception| excepted(exception) && !self.unproven.contains_key(&exception.number))
            || receipt.delivered.iter().any(delivered)
            || self.unreceipted_in(&receipt.filled).any(is_news)
            || self.unreceipted_in(&numbers(&receipt.exceptions)).any(is_news)
            || receipt.read.iter().any(read)
    }

    /// Keeps exceptions that nothing proves yet, the first of each number, and takes out those that a receipt up to a
    /// number proves.
    pub(super) fn except(&mut self, proven: u64, unproven: Vec<&Exception>) -> Vec<Exception> {
        for exception in unproven {
            self.unproven.entry(exception.number).or_insert_with(|| exception.clone());
        }
        let later = self.unproven.split_off(&(proven + 1));
        std::mem::replace(&mut self.unproven, later).into_values().collect()
    }

    /// The numbers in a range that are not known to be read.
    pub(super) fn unread_in(&self, first: u64, last: u64) -> impl Iterator<Item = u64> {
        self.read.missing_in(first.max(1)..=last.min(self.told_head().number))
    }
}

/// The numbers of exceptions.
pub(super) fn numbers(exceptions: &[Exception]) -> Vec<Range> {
    exceptions.iter().map(|&Exception { number, .. }| Range { first: number, last: number }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1);

    fn link(messages: u8) -> OutLink {
        let mut link = OutLink::default();
        for number in 1..=messages {
            assert!(link.push(number.into(), Digest::new([number; 32]), 10 + u64::from(number), NOW));
        }
        link
    }

    #[test]
    fn numbers_have_no_gaps() {
        let mut link = link(2);
        assert!(!link.push(2, Digest::ZERO, 0, NOW));
        assert!(!link.push(4, Digest::ZERO, 0, NOW));
        assert_eq!(link.head(), Head { number: 2, digest: Digest::new([2; 32]) });
    }

    #[test]
    fn the_recipients_word_beats_a_refusal_and_an_exception_stays() {
        let mut link = link(2);
        let settled = |moved: Option<Moved>| moved.filter(|moved| moved.settled).map(|moved| moved.index);
        let refused = link.advance(1, DeliveryState::Refused, Some("agreement.none"), NOW);
        assert_eq!(settled(refused), Some(11));
        assert!(link.advance(1, DeliveryState::Accepted, None, NOW).is_none());
        assert_eq!(link.entries[&1].standing().rule.as_deref(), Some("agreement.none"));
        assert_eq!(settled(link.advance(1, DeliveryState::Delivered, None, NOW)), None);
        assert_eq!(link.place(1).unwrap().state(), DeliveryState::Delivered);

        let quarantined = link.advance(2, DeliveryState::Quarantined, Some("alert.malformed"), NOW);
        assert_eq!(settled(quarantined), Some(12));
        link.advance(2, DeliveryState::Delivered, None, NOW);
        assert_eq!(link.place(2).unwrap().state(), DeliveryState::Quarantined);
        assert_eq!(link.open(), 0);
    }

    #[test]
    fn what_arrived_is_let_go_once_all_before_it_is_receipted_and_can_still_be_read() {
        let mut link = link(4);
        for number in [1, 2, 4] {
            link.advance(number, DeliveryState::Delivered, None, NOW);
        }
        link.advance(3, DeliveryState::Refused, Some("agreement.none"), NOW);
        link.let_go();
        assert_eq!(link.entries.len(), 4, "nothing is receipted");
        link.receipt_up_to(3).for_each(drop);
        link.let_go();
        assert_eq!(link.entries.keys().copied().collect::<Vec<_>>(), [3, 4], "and what was refused stays");
        assert!(link.advance(2, DeliveryState::Read, None, NOW).is_none(), "nothing is held of it");
        let two = Range { first: 2, last: 2 };
        assert_eq!(link.read_let_go(Range { first: 2, last: 9 }), [two], "the others are held");
        let states = [1, 2, 3, 4, 5].map(|number| link.place(number).map(|place| place.state()));
        let [delivered, read, refused] =
            [DeliveryState::Delivered, DeliveryState::Read, DeliveryState::Refused];
        assert_eq!(states, [Some(delivered), Some(read), Some(refused), Some(delivered), None]);
        assert_eq!(link.read_let_go(two), [], "that is known");
        assert_eq!(link.unread_in(0, 9).collect::<Vec<_>>(), [1, 3, 4]);
    }

    #[test]
    fn a_receipt_is_news_only_once_and_never_beyond_the_head() {
        let mut link = link(3);
        assert_eq!(link.receipt_up_to(2).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(link.receipt_up_to(u64::MAX).collect::<Vec<_>>(), [3]);
        assert!(link.receipt_up_to(3).is_empty());
        assert_eq!(link.digest(3), Some(Digest::new([3; 32])));
        assert_eq!(link.digest(2), None);
    }
}
