//! Times and dates as people report them: RFC 3339 with the offset kept, and calendar dates.
//!
//! The offset says what the clock showed where it was seen, which a court may ask. Order and duplicates never depend
//! on these values. This module reads no clock.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::tz::Offset;

use crate::instant::Instant;

/// An instant together with the offset of the clock that it was read from, written as in RFC 3339.
///
/// Ordered and compared as an instant first; two spellings of one instant differ only in their offsets.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct OffsetTime {
    instant: Timestamp,
    offset: Offset,
}

impl OffsetTime {
    /// Joins an instant and an offset in minutes east of UTC, from −1439 to 1439; years are 1 to 9999.
    pub fn new(instant: Timestamp, offset_minutes: i32) -> Result<Self, Error> {
        let refuse = || Error::offset_time(format!("{instant} with an offset of {offset_minutes} minutes"));
        if !(-1439..=1439).contains(&offset_minutes) {
            return Err(refuse());
        }
        let offset = Offset::from_seconds(offset_minutes * 60).map_err(|_| refuse())?;
        if !(1..=9999).contains(&offset.to_datetime(instant).year()) {
            return Err(refuse());
        }
        Ok(Self { instant, offset })
    }

    /// A moment of some clock, in UTC; `None` outside the years 1 to 9999.
    pub fn from_instant(instant: Instant) -> Option<Self> {
        let instant = Timestamp::from_millisecond(instant.as_millis()).ok()?;
        Self::new(instant, 0).ok()
    }

    /// The instant to the nanosecond.
    pub fn timestamp(self) -> Timestamp {
        self.instant
    }

    /// The moment to the millisecond, for comparison with clocks; fractions of a millisecond are dropped.
    pub fn instant(self) -> Instant {
        Instant::from_millis(self.instant.as_millisecond())
    }

    /// The offset in minutes east of UTC.
    pub fn offset_minutes(self) -> i32 {
        self.offset.seconds() / 60
    }

    /// The date that the clock showed.
    pub fn date(self) -> Date {
        Date(self.offset.to_datetime(self.instant).date())
    }
}

impl FromStr for OffsetTime {
    type Err = Error;

    /// Reads RFC 3339 and nothing else: a date, `T`, a time with seconds, and an offset or `Z`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::offset_time(text.to_owned());
        if text.len() > 35 || !has_shape(text, "dddd-dd-ddTdd:dd:dd") {
            return Err(refuse());
        }
        let (local, rest) = text.split_at_checked(19).ok_or_else(refuse)?;
        let fraction_len = rest
            .strip_prefix('.')
            .map_or(0, |fraction| 1 + fraction.bytes().take_while(u8::is_ascii_digit).count());
        let (fraction, offset) = rest.split_at_checked(fraction_len).ok_or_else(refuse)?;
        // The library reads second 60 as 59; a leap second is refused instead of being changed.
        if fraction == "." || fraction.len() > 10 || local.ends_with("60") {
            return Err(refuse());
        }
        let offset_minutes = offset_minutes(offset).ok_or_else(refuse)?;
        let local: jiff::civil::DateTime =
            format!("{local}{fraction}").to_uppercase().parse().map_err(|_| refuse())?;
        let shown = Offset::from_seconds(offset_minutes * 60).map_err(|_| refuse())?;
        Self::new(shown.to_timestamp(local).map_err(|_| refuse())?, offset_minutes)
    }
}

/// `Z`, or a sign, two digits of hours up to 23, a colon and two of minutes up to 59.
fn offset_minutes(text: &str) -> Option<i32> {
    if text.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, text.get(1..)?),
        b'-' => (-1, text.get(1..)?),
        _ => return None,
    };
    if rest.len() != 5 || !has_shape(rest, "dd:dd") {
        return None;
    }
    let (hours, minutes): (i32, i32) = (rest.get(..2)?.parse().ok()?, rest.get(3..)?.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// Whether a text begins with a shape in which `d` stands for a digit and other characters for themselves.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() >= shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, expected)| match expected {
            b'd' => byte.is_ascii_digit(),
            _ => byte.eq_ignore_ascii_case(&expected),
        })
}

impl fmt::Display for OffsetTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.offset.to_datetime(self.instant);
        let minutes = self.offset_minutes();
        if minutes == 0 {
            return f.pad(&format!("{local}Z"));
        }
        let sign = if minutes < 0 { '-' } else { '+' };
        f.pad(&format!("{local}{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60))
    }
}

impl fmt::Debug for OffsetTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialOrd for OffsetTime {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OffsetTime {
    fn cmp(&self, other: &Self) -> Ordering {
        self.instant.cmp(&other.instant).then(self.offset.cmp(&other.offset))
    }
}

/// A calendar date, written `YYYY-MM-DD`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(jiff::civil::Date);

impl Date {
    /// A date of the years 1 to 9999.
    pub fn new(year: i16, month: i8, day: i8) -> Result<Self, Error> {
        let refuse = || Error::date(format!("{year}-{month}-{day}"));
        if !(1..=9999).contains(&year) {
            return Err(refuse());
        }
        jiff::civil::Date::new(year, month, day).map(Self).map_err(|_| refuse())
    }

    /// The date, for calculations.
    pub fn civil(self) -> jiff::civil::Date {
        self.0
    }

    /// The first moment after it, in UTC; the end of time where the calendar ends.
    pub fn ends_at(self) -> Instant {
        let next = self.0.tomorrow().ok().and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
        Instant::from_millis(next.map_or(i64::MAX, |day| day.timestamp().as_millisecond()))
    }

    /// The month that it falls into.
    pub fn month(self) -> Month {
        Month { year: self.0.year(), month: self.0.month() }
    }
}

impl FromStr for Date {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::date(text.to_owned());
        if text.len() != 10 || !has_shape(text, "dddd-dd-dd") {
            return Err(refuse());
        }
        let date: jiff::civil::Date = text.parse().map_err(|_| refuse())?;
        Self::new(date.year(), date.month(), date.day())
    }
}

/// A birth date as far as it is known, written `YYYY`, `YYYY-MM` or `YYYY-MM-DD`: documents of several countries
/// leave out day or month.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BirthDate {
    year: i16,
    month: Option<i8>,
    day: Option<i8>,
}

impl BirthDate {
    /// The year.
    pub fn year(self) -> i16 {
        self.year
    }

    /// The month from 1 to 12, if known.
    pub fn month(self) -> Option<i8> {
        self.month
    }

    /// The day of the month, if known.
    pub fn day(self) -> Option<i8> {
        self.day
    }
}

impl FromStr for BirthDate {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse =
            || Error { found: text.to_owned(), expected: "a birth date as YYYY, YYYY-MM or YYYY-MM-DD" };
        let complete = match text.len() {
            4 => format!("{text}-01-01"),
            7 => format!("{text}-01"),
            _ => text.to_owned(),
        };
        let date = complete.parse::<Date>().map_err(|_| refuse())?.civil();
        if date.year() < 1850 {
            return Err(refuse());
        }
        Ok(Self {
            year: date.year(),
            month: (text.len() >= 7).then(|| date.month()),
            day: (text.len() >= 10).then(|| date.day()),
        })
    }
}

/// A month of a year, written `YYYY-MM`: the period of the statistics.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The first moment after it, in UTC; the end of time where the calendar ends.
    pub fn ends_at(self) -> Instant {
        let first = Date::new(self.year, self.month, 1).ok();
        first.map_or(Instant::from_millis(i64::MAX), |first| Date(first.0.last_of_month()).ends_at())
    }
}

impl FromStr for Month {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let date = format!("{text}-01").parse::<Date>();
        date.map(Date::month).map_err(|_| Error { found: text.to_owned(), expected: "a month as YYYY-MM" })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day()))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:04}-{:02}", self.year, self.month))
    }
}

impl fmt::Display for BirthDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}", self.year)?;
        self.month.map_or(Ok(()), |month| write!(f, "-{month:02}"))?;
        self.day.map_or(Ok(()), |day| write!(f, "-{day:02}"))
    }
}

macro_rules! debug_as_shown {
    ($($type:ty),+) => {
        $(impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        })+
    };
}
debug_as_shown!(Date, Month, BirthDate);

/// A text that is not a time or date of the expected form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found `{found}`, expected {expected}")]
pub struct Error {
    found: String,
    expected: &'static str,
}

impl Error {
    fn offset_time(found: String) -> Self {
        Self { found, expected: "a time of RFC 3339 with its offset, such as 2026-10-03T14:05:00+08:00" }
    }

    fn date(found: String) -> Self {
        Self { found, expected: "a date as YYYY-MM-DD" }
    }

    /// What was given.
    pub fn found(&self) -> &str {
        &self.found
    }

    /// What should have been given.
    pub fn expected(&self) -> &'static str {
        self.expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_offset_is_kept() {
        for text in [
            "2026-10-03T14:05:00+08:00",
            "2026-10-03T14:05:00.25-03:30",
            "2026-10-03T06:05:00Z",
            "2026-10-03T14:05:00.000000001+05:45",
            "0001-01-01T00:00:00+14:00",
        ] {
            assert_eq!(text.parse::<OffsetTime>().unwrap().to_string(), text);
        }
        let (east, utc): (OffsetTime, OffsetTime) =
            ("2026-10-03T14:05:00+08:00".parse().unwrap(), "2026-10-03t06:05:00z".parse().unwrap());
        assert_eq!(east.instant(), utc.instant());
        assert_ne!(east, utc);
        let late: OffsetTime = "2026-10-01T00:30:00+08:00".parse().unwrap();
        assert_eq!(late.date().month().to_string(), "2026-10", "October where it was seen, September in UTC");
    }

    #[test]
    fn what_rfc_3339_does_not_allow_is_refused() {
        for text in [
            "2026-10-03T14:05:00",
            "2026-10-03 14:05:00+08:00",
            "2026-10-03T14:05+08:00",
            "2026-10-03T14:05:00+0800",
            "2026-10-03T14:05:00+24:00",
            "2026-10-03T14:05:00+08:60",
            "2026-10-03T14:05:60Z",
            "2026-02-29T14:05:00Z",
            "2026-10-03T14:05:00.Z",
            "2026-10-03T14:05:00.1234567890Z",
            "2026-10-03T14:05:00+08:00[Asia/Hong_Kong]",
            "20261003T140500Z",
            "2026-10-03T14:05:00é",
            "",
        ] {
            assert!(text.parse::<OffsetTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_whole_and_birth_dates_need_not_be() {
        assert!("2028-02-29".parse::<Date>().is_ok());
        for text in ["2026-02-29", "2026-1-01", "2026-10-03T", "26-10-03", "2026-10"] {
            assert!(text.parse::<Date>().is_err(), "{text}");
        }
        for text in ["1974", "1974-08", "1974-08-12"] {
            assert_eq!(text.parse::<BirthDate>().unwrap().to_string(), text);
        }
        for text in ["74", "1974-13", "1974-08-32", "1974-8-12", "1849", ""] {
            assert!(text.parse::<BirthDate>().is_err(), "{text}");
        }
        assert_eq!("2026-10".parse::<Month>().unwrap().to_string(), "2026-10");
        assert!("2026-13".parse::<Month>().is_err());
    }

    proptest! {
        #[test]
        fn every_time_is_read_back(seconds in -62_000_000_000_i64..253_000_000_000, nanos in 0_i32..1_000_000_000, offset in -1439..1440) {
            if let Ok(time) = OffsetTime::new(Timestamp::new(seconds, nanos).unwrap(), offset) {
                prop_assert_eq!(time.to_string().parse::<OffsetTime>().unwrap(), time);
            }
        }

        #[test]
        fn no_text_makes_a_reader_panic(text in "[-0-9T:.Z+é]{0,40}") {
            let _ = (text.parse::<OffsetTime>(), text.parse::<Date>(), text.parse::<BirthDate>(), text.parse::<Month>());
        }
    }
}
