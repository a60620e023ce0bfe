//! What became of a message later, and what the recipients of an amendment or a recall answered.

use crate::agency::AgencyId;
use crate::alert::{ComplianceAnswer, Content, Text};
use crate::answer::Effect;
use crate::instant::Instant;
use crate::message::MessageId;

/// What a later message of its sender did to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Amended or recalled.
    pub effect: Effect,
    /// By which message.
    pub by: MessageId,
    /// When its sender's node took that over.
    pub sent_at: Instant,
    /// When the node that shows it recorded it.
    pub recorded_at: Instant,
    /// Why; `None` where it is not shown, or was erased.
    pub reason: Option<Text>,
    /// What it says now, for an amendment; `None` as above.
    pub replacement: Option<Content>,
}

/// What one recipient answered to an amendment or a recall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientAnswer {
    /// The recipient.
    pub agency: AgencyId,
    /// Its answer; `None` while there is none.
    pub answered: Option<Answered>,
    /// Whether `act_before` passed before the answer was recorded, or without one.
    pub late: bool,
}

/// An answer to an amendment or a recall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What was done; `None` once the body was erased.
    pub answer: Option<ComplianceAnswer>,
    /// In words.
    pub note: Option<Text>,
    /// The message that says so.
    pub by: MessageId,
    /// When the node that asked recorded it.
    pub at: Instant,
}

impl RecipientAnswer {
    /// A recipient's answer, judged by when it was due and what time it is.
    pub fn new(
        agency: AgencyId,
        answered: Option<Answered>,
        act_before: Option<Instant>,
        now: Instant,
    ) -> Self {
        let by = answered.as_ref().map_or(now, |answered| answered.at);
        Self { agency, answered, late: act_before.is_some_and(|act_before| act_before < by) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_late_by_when_it_came_and_a_missing_one_by_the_clock() {
        let [before, due, after] = [1, 2, 3].map(Instant::from_millis);
        let answered = |at| {
            let by = MessageId::new(1, [1; 10]);
            Some(Answered { answer: Some(ComplianceAnswer::Complied), note: None, by, at })
        };
        let late = |answered, act_before, now| {
            RecipientAnswer::new("DE-ZKA".parse().unwrap(), answered, act_before, now).late
        };
        assert!(!late(None, Some(due), before));
        assert!(late(None, Some(due), after));
        assert!(!late(answered(before), Some(due), after));
        assert!(late(answered(after), Some(due), after));
        assert!(!late(None, None, after));
    }
}
