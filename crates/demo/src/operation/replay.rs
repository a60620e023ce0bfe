//! Sends an old message anew: what lies ahead of it moves with the clock, what lies behind it stays.
//!
//! Deadlines (`act_before`, the window of a transit, the due time of a question) and the end of the retention keep
//! their distance from the moment of sending. Observations, journeys and outcomes keep their dates, so that the
//! statistics of the sample operation cover October to December 2023 whenever it is played.

use jiff::{SignedDuration, Timestamp};
use sealpost_domain::alert::{
    Alert, AlertParts, Amendment, Content, Draft, DraftParts, Faults, Request, TransitCase, Window,
};
use sealpost_domain::message::MessageId;
use sealpost_domain::time::{Date, OffsetTime};

use super::Message;

/// Why a message cannot be sent anew.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A deadline would lie beyond the years that can be written.
    #[error("{reference}: a deadline would lie beyond the year 9999")]
    Deadline {
        /// The message.
        reference: String,
    },
    /// The moved message breaks a rule.
    #[error("{reference}: the message is not valid when it is sent now")]
    Invalid {
        /// The message.
        reference: String,
        /// The rules.
        source: Faults,
    },
}

impl Message {
    /// The draft to send at a moment, in answer to the message that was published in place of the one it answers.
    pub fn sent_at(&self, now: Timestamp, answers: Option<MessageId>) -> Result<Draft, Error> {
        let by = SignedDuration::from_secs(now.as_second() - self.at.timestamp().as_second());
        let out_of_range = || Error::Deadline { reference: self.reference.clone() };
        let invalid = |source| Error::Invalid { reference: self.reference.clone(), source };
        let parts = self.draft.parts().clone();
        let act_before = parts.act_before.map(|time| moved(time, by).ok_or_else(out_of_range)).transpose()?;
        let alert = parts.alert.into_parts();
        let alert = AlertParts {
            retention_until: moved_date(alert.retention_until, by).ok_or_else(out_of_range)?,
            content: moved_content(alert.content, by).ok_or_else(out_of_range)?,
            ..alert
        };
        let alert = Alert::new(alert).map_err(invalid)?;
        Draft::new(DraftParts { act_before, in_reply_to: answers, alert, ..parts }).map_err(invalid)
    }
}

fn moved_content(content: Content, by: SignedDuration) -> Option<Content> {
    Some(match content {
        Content::TransitCase(case) => {
            let window =
                Window { opens: moved(case.window.opens, by)?, closes: moved(case.window.closes, by)? };
            Content::TransitCase(TransitCase { window, ..case })
        }
        Content::Request(request) => Content::Request(Request { due: moved(request.due, by)?, ..request }),
        Content::Amendment(amendment) => {
            let replacement = Box::new(moved_content(*amendment.replacement, by)?);
            Content::Amendment(Amendment { replacement, ..amendment })
        }
        other => other,
    })
}

fn moved(time: OffsetTime, by: SignedDuration) -> Option<OffsetTime> {
    OffsetTime::new(time.timestamp().checked_add(by).ok()?, time.offset_minutes()).ok()
}

/// By whole days, rounded up, so that a retention never ends before a deadline that it covered.
fn moved_date(date: Date, by: SignedDuration) -> Option<Date> {
    const DAY: i64 = 24 * 60 * 60;
    let days = by.as_secs().div_euclid(DAY) + i64::from(by.as_secs().rem_euclid(DAY) > 0);
    let moved = date.civil().checked_add(SignedDuration::from_hours(24 * days)).ok()?;
    moved.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::generate;

    /// The sample operation stays valid whenever it is played, and its outcomes keep their dates.
    #[test]
    fn every_message_can_be_sent_at_any_time() {
        let operation = generate::generate(generate::SEED).unwrap();
        for now in ["2023-10-01T00:00:00Z", "2026-02-28T23:59:59Z", "2031-07-01T12:34:56.789Z"] {
            let now: Timestamp = now.parse().unwrap();
            for message in &operation.messages {
                let sent = message.sent_at(now, message.draft.parts().in_reply_to).unwrap();
                let (old, new) = (message.draft.parts(), sent.parts());
                match (old.act_before, new.act_before) {
                    (Some(before), Some(after)) => assert_eq!(
                        after.timestamp().as_second() - now.as_second(),
                        before.timestamp().as_second() - message.at.timestamp().as_second(),
                    ),
                    (before, after) => assert_eq!(before, after),
                }
                if let Content::Outcome(outcome) = old.alert.content() {
                    assert_eq!(&Content::Outcome(outcome.clone()), new.alert.content());
                }
            }
        }
    }
}
