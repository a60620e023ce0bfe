//! How long a message is kept: until the end of its last day, in UTC.

use std::time::Duration;

use jiff::tz::TimeZone;
use sealpost_domain::instant::Instant;
use sealpost_domain::time::{Date, Month};

/// The retention class of messages in the bucket keys.
pub const MESSAGES: &str = "message";
/// The retention class of what is kept as evidence and shown to nobody.
pub const EVIDENCE: &str = "evidence";

const EVIDENCE_DAYS: u64 = 365;

/// The time from a message's sending to the end of its last day; zero when it ended before.
pub fn span(sent_at: Instant, until: Date) -> Duration {
    until.ends_at().since(sent_at)
}

/// Whether the last day is over. Nobody keeps what he would have to destroy at once.
pub fn is_over(now: Instant, until: Date) -> bool {
    until.ends_at() <= now
}

/// The month in which evidence from now on ends.
pub fn evidence_month(now: Instant) -> Option<Month> {
    let end = now.plus(Duration::from_secs(EVIDENCE_DAYS * 86_400));
    let date = jiff::Timestamp::from_millisecond(end.as_millis()).ok()?.to_zoned(TimeZone::UTC).date();
    Date::new(date.year(), date.month(), date.day()).ok().map(Date::month)
}

/// Whether the month is over in which evidence from then on ends.
pub fn is_evidence_over(recorded_at: Instant, now: Instant) -> bool {
    evidence_month(recorded_at).is_none_or(|month| month.ends_at() <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_day_counts_to_its_end() {
        let sent_at = Instant::from_millis(1_700_000_000_000);
        let until: Date = "2023-11-14".parse().unwrap();
        assert_eq!(span(sent_at, until), Duration::from_secs(6_400));
        assert_eq!(span(sent_at, "2023-11-13".parse().unwrap()), Duration::ZERO);
        assert!(span(sent_at, "9999-12-31".parse().unwrap()) > Duration::from_hours(24 * 365 * 7000));
    }

    #[test]
    fn evidence_is_kept_for_a_year() {
        let month = evidence_month(Instant::from_millis(1_700_000_000_000)).unwrap();
        assert_eq!(month.to_string(), "2024-11");
        let recorded_at = Instant::from_millis(1_700_000_000_000);
        assert!(!is_evidence_over(recorded_at, month.ends_at().minus(Duration::from_secs(1))));
        assert!(is_evidence_over(recorded_at, month.ends_at()));
    }
}
