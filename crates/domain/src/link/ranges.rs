//! Numbers as ranges: of a link, most of what is said is said of many numbers in a row.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

/// Numbers from `first` to `last`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The lowest.
    pub first: u64,
    /// The highest.
    pub last: u64,
}

impl Range {
    /// Whether a number lies in it.
    pub fn contains(&self, number: u64) -> bool {
        (self.first..=self.last).contains(&number)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{} to {}", self.first, self.last)
        }
    }
}

/// Joins ascending numbers into ranges.
pub fn ranges(ascending: impl Iterator<Item = u64>) -> Vec<Range> {
    let mut ranges: Vec<Range> = Vec::new();
    for number in ascending {
        match ranges.last_mut() {
            Some(range) if range.last + 1 == number => range.last = number,
            _ => ranges.push(Range { first: number, last: number }),
        }
    }
    ranges
}

/// A set of numbers that takes as much memory as it has gaps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// The last number of each range, by its first. No two of them adjoin.
    lasts: BTreeMap<u64, u64>,
}

impl Ranges {
    /// Adds a number; whether it was not in it.
    pub fn insert(&mut self, number: u64) -> bool {
        if self.contains(number) {
            return false;
        }
        let before = self.lasts.range(..number).next_back().map(|(first, last)| (*first, *last));
        let first = match before {
            Some((first, last)) if last + 1 == number => first,
            _ => number,
        };
        let after = number.checked_add(1).and_then(|after| self.lasts.remove(&after));
        self.lasts.insert(first, after.unwrap_or(number));
        true
    }

    /// Whether a number is in it.
    pub fn contains(&self, number: u64) -> bool {
        self.holding(number).is_some()
    }

    /// Adds all numbers of a range, which is not empty.
    pub fn insert_all(&mut self, Range { first, last }: Range) {
        let mut joined = Range { first, last };
        if let Some((before, end)) = self.lasts.range(..=first).next_back()
            && *end >= first.saturating_sub(1)
        {
            joined.first = *before;
        }
        while let Some((next, end)) = self.lasts.range(joined.first..=joined.last.saturating_add(1)).next() {
            let (next, end) = (*next, *end);
            self.lasts.remove(&next);
            joined.last = joined.last.max(end);
        }
        self.lasts.insert(joined.first, joined.last);
    }

    /// The ranges, ascending.
    pub fn iter(&self) -> impl Iterator<Item = Range> {
        self.lasts.iter().map(|(first, last)| Range { first: *first, last: *last })
    }

    /// The numbers of a range that are not in it, ascending. What is in it costs nothing.
    pub fn missing_in(&self, numbers: RangeInclusive<u64>) -> impl Iterator<Item = u64> {
        let (first, last) = numbers.into_inner();
        let mut next = Some(first);
        std::iter::from_fn(move || {
            let next_one = next?;
            // No two ranges adjoin: what follows one is in no other.
            let number = self.holding(next_one).map_or(Some(next_one), |range| range.last.checked_add(1))?;
            next = number.checked_add(1);
            (number <= last).then_some(number)
        })
    }

    /// The same as ranges: it costs as much as there are of them.
    pub fn gaps_in(&self, numbers: RangeInclusive<u64>) -> impl Iterator<Item = Range> {
        let (first, last) = numbers.into_inner();
        let mut next = Some(first);
        std::iter::from_fn(move || {
            let next_one = next?;
            let from = self.holding(next_one).map_or(Some(next_one), |range| range.last.checked_add(1))?;
            if from > last {
                return None;
            }
            let following = self.lasts.range(from..).next();
            let until = following.map_or(last, |(first, _)| last.min(first - 1));
            next = until.checked_add(1);
            Some(Range { first: from, last: until })
        })
    }

    /// The range in which a number lies.
    fn holding(&self, number: u64) -> Option<Range> {
        let (first, last) = self.lasts.range(..=number).next_back()?;
        Some(Range { first: *first, last: *last }).filter(|range| range.contains(number))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Small numbers in an order that leaves gaps and closes them.
    fn scattered() -> impl Iterator<Item = u64> {
        (0..200_u64).map(|step| (step * step * 7 + step * 3) % 61)
    }

    #[test]
    fn it_holds_what_a_set_holds_whatever_the_order() {
        let (mut numbers, mut set) = (Ranges::default(), BTreeSet::new());
        for number in scattered() {
            assert_eq!(numbers.insert(number), set.insert(number), "{number}");
            assert_eq!(numbers.iter().collect::<Vec<_>>(), ranges(set.iter().copied()));
            for asked in 0..64 {
                assert_eq!(numbers.contains(asked), set.contains(&asked), "{asked}");
            }
            for (first, last) in [(0, 63), (5, 5), (10, 40), (40, 10), (62, 70)] {
                let missing: Vec<u64> = (first..=last).filter(|number| !set.contains(number)).collect();
                assert_eq!(numbers.missing_in(first..=last).collect::<Vec<_>>(), missing);
                assert_eq!(
                    numbers.gaps_in(first..=last).collect::<Vec<_>>(),
                    ranges(missing.iter().copied())
                );
            }
        }
    }

    #[test]
    fn a_range_is_added_as_its_numbers_are() {
        for (first, last) in [(0, 0), (0, 63), (5, 5), (10, 40), (30, 31), (60, 63), (70, 80)] {
            let (mut one_by_one, mut at_once) = (Ranges::default(), Ranges::default());
            for number in scattered().take(25) {
                one_by_one.insert(number);
                at_once.insert(number);
            }
            for number in first..=last {
                one_by_one.insert(number);
            }
            at_once.insert_all(Range { first, last });
            assert_eq!(at_once, one_by_one, "{first} to {last}");
        }
        let mut end = Ranges::default();
        end.insert_all(Range { first: 3, last: u64::MAX });
        end.insert_all(Range { first: 2, last: u64::MAX });
        assert_eq!(end.iter().collect::<Vec<_>>(), [Range { first: 2, last: u64::MAX }]);
        assert_eq!(end.gaps_in(0..=u64::MAX).collect::<Vec<_>>(), [Range { first: 0, last: 1 }]);
    }

    #[test]
    fn numbers_in_a_row_take_one_range() {
        let mut numbers = Ranges::default();
        for number in (1..=1000).rev() {
            numbers.insert(number);
        }
        assert_eq!(numbers.iter().collect::<Vec<_>>(), [Range { first: 1, last: 1000 }]);
    }
}
