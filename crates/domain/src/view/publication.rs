//! What a publisher is told about a message that it handed in.

use crate::rule::Rule;
use std::fmt;
use std::str::FromStr;

use crate::agency::AgencyId;
use crate::alert::Fault;
use crate::instant::Instant;
use crate::message::MessageId;
use crate::permission::Denial;

/// A publisher's own name for a message: the same key names the same message for the whole retention, so that a
/// message that is handed in again is not sent again. 1 to 64 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = IdempotencyKeyError;

    fn from_str(text: &str) -> Result<Self, IdempotencyKeyError> {
        if (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(IdempotencyKeyError { length: text.len() })
        }
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is no idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found {length} bytes, expected 1 to 64 visible ASCII characters without blanks")]
pub struct IdempotencyKeyError {
    length: usize,
}

/// A message that is signed, numbered and durable in the node's ledger: the node delivers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The message.
    pub id: MessageId,
    /// Its place in the ledger.
    pub index: u64,
    /// When the node took it over.
    pub at: Instant,
    /// To whom it goes, ascending, as expanded from an operation.
    pub recipients: Vec<AgencyId>,
    /// Whether its key had been used: then this is the message of that time, and nothing was sent again.
    pub repeated_key: bool,
}

/// Why a message was not taken; a message that is refused has one or more, and nothing of it was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Where in the JSON form, such as `content.suspect_shipment.identifiers[0]`; empty for the whole.
    pub path: String,
    /// The rule, by its name in docs/rules.md.
    pub rule: String,
    /// What was found, what was expected and what to do.
    pub detail: String,
}

impl Refusal {
    /// The rule of everything that is wrong with a message in itself.
    pub const MALFORMED: &'static str = Rule::MessageMalformed.as_str();

    /// A message that may not go to a recipient.
    pub fn denied(denial: &Denial) -> Self {
        Self { path: "recipients".to_owned(), rule: denial.rule().to_string(), detail: denial.to_string() }
    }
}

impl From<&Fault> for Refusal {
    fn from(fault: &Fault) -> Self {
        Self {
            path: fault.path().to_owned(),
            rule: Self::MALFORMED.to_owned(),
            detail: format!("found {}, expected {}", fault.found(), fault.expected()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, rule, detail } = self;
        if !path.is_empty() {
            write!(f, "{path}: ")?;
        }
        write!(f, "{detail} ({rule})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_short_and_visible() {
        assert!("case-2023/117".parse::<IdempotencyKey>().is_ok());
        for text in ["", "two words", "line\nbreak", "schlüssel", &"x".repeat(65)] {
            assert!(text.parse::<IdempotencyKey>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_refusal_says_where_what_and_by_which_rule() {
        let refusal = Refusal::from(&Fault::new("act_before", "`soon`", "a time with an offset"));
        assert_eq!(
            refusal.to_string(),
            "act_before: found `soon`, expected a time with an offset (message.malformed)"
        );
    }
}
