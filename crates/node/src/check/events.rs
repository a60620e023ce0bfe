//! What the ledger holds as security matters: what should not have happened, by its rule, with what is told of it.

use std::fmt;
use std::str::FromStr;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_domain::view::harmless;
use sealpost_ledger::Entry;
use sealpost_wire::ledger::evidence_from_bytes;
use serde::{Serialize, Serializer};

use super::{Books, Error, as_text};

/// A security matter that the ledger holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecurityEvent {
    /// The record.
    pub index: u64,
    /// When it was made, by this node's clock.
    #[serde(serialize_with = "as_text")]
    pub recorded_at: Instant,
    /// The rule, by its name in docs/rules.md.
    pub kind: String,
    /// Against whom it is proven; `None` where it is proven against nobody.
    #[serde(serialize_with = "as_text_if_any")]
    pub peer: Option<AgencyId>,
    /// The digest of the header concerned, where there is one.
    #[serde(serialize_with = "as_text_if_any")]
    pub header: Option<Digest>,
    /// What happened, in one line; `None` where a disk damaged the evidence.
    pub detail: Option<String>,
    /// How many exhibits lie with it.
    pub exhibits: usize,
}

/// Which of them are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    /// Those that were recorded at this moment or later.
    pub since: Option<Instant>,
    /// Those of any of these kinds; of every kind where there is none.
    pub kinds: Vec<Kind>,
}

/// A rule's name, or what several begin with: `directory.fork`, or `directory` for all of its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kind(String);

/// A text that is the name of no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "found `{0}`, expected the name of a rule as docs/rules.md has it, such as `directory.fork`, or its first part for all \
     of a family, such as `directory`"
)]
pub struct UnknownKind(String);

impl Books {
    /// Tells `each` the security matters that are asked for, in order, and says how many there were; at most one is in
    /// memory. Reads every record; `progress` is told how many are done. Ends with the first failure of `each`.
    pub fn events<E: From<Error>>(
        &self,
        asked: &Asked,
        mut progress: impl FnMut(u64),
        mut each: impl FnMut(SecurityEvent) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut told = 0;
        for entry in self.entries() {
            let entry = entry.map_err(Error::from)?;
            progress(entry.index);
            if let Some(event) = event(entry, asked) {
                each(event)?;
                told += 1;
            }
        }
        Ok(told)
    }
}

fn event(entry: Entry, asked: &Asked) -> Option<SecurityEvent> {
    let Entry { index, leaf, body, .. } = entry;
    let Record::Security { rule, peer, header } = leaf.record else { return None };
    let is_of_a_kind = asked.kinds.is_empty() || asked.kinds.iter().any(|kind| kind.covers(&rule));
    if !is_of_a_kind || asked.since.is_some_and(|since| leaf.recorded_at < since) {
        return None;
    }
    let evidence = if body.is_empty() { None } else { evidence_from_bytes(&body).ok() };
    Some(SecurityEvent {
        index,
        recorded_at: leaf.recorded_at,
        kind: harmless::line(&rule),
        peer,
        header,
        detail: evidence.as_ref().map(|evidence| harmless::line(&evidence.detail)),
        exhibits: evidence.map_or(0, |evidence| evidence.exhibits.len()),
    })
}

impl Kind {
    fn covers(&self, rule: &str) -> bool {
        rule.strip_prefix(self.0.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        let kind = Self(text.to_owned());
        if Rule::ALL.iter().any(|rule| kind.covers(rule.as_str())) {
            Ok(kind)
        } else {
            Err(UnknownKind(kind.0))
        }
    }
}

#[expect(clippy::ref_option, reason = "serde hands over the field as it is")]
fn as_text_if_any<S: Serializer>(
    shown: &Option<impl fmt::Display>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match shown {
        Some(shown) => serializer.collect_str(shown),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sealpost_domain::record::{Evidence, Leaf};
    use sealpost_wire::ledger::evidence_to_bytes;

    use super::*;
    use crate::fixture::{NOW, agency};

    fn recorded(rule: &str, at: Instant, detail: &str) -> Entry {
        let record = Record::Security { rule: rule.to_owned(), peer: Some(agency("DE-ZKA")), header: None };
        let leaf = Leaf { recorded_at: at, salt: [0; 32], body_digest: None, record };
        let exhibits = vec![Bytes::from_static(b"an exhibit")];
        let body = evidence_to_bytes(&Evidence { detail: detail.to_owned(), exhibits });
        Entry { index: 7, leaf, leaf_bytes: Bytes::new(), body, body_lost: false, body_differs: false }
    }

    fn asked(since: Option<Instant>, kinds: &[&str]) -> Asked {
        Asked { since, kinds: kinds.iter().map(|kind| kind.parse().unwrap()).collect() }
    }

    #[test]
    fn an_event_is_told_with_its_evidence_in_one_harmless_line() {
        let told = event(recorded("directory.fork", NOW, "two\nlines \u{1b}[31m"), &Asked::default());
        let expected = SecurityEvent {
            index: 7,
            recorded_at: NOW,
            kind: "directory.fork".to_owned(),
            peer: Some(agency("DE-ZKA")),
            header: None,
            detail: Some("two lines \\u{1b}[31m".to_owned()),
            exhibits: 1,
        };
        assert_eq!(told, Some(expected));
        let mut lost = recorded("directory.fork", NOW, "");
        (lost.body, lost.body_lost) = (Bytes::new(), true);
        let told = event(lost, &Asked::default()).unwrap();
        assert_eq!((told.detail, told.exhibits), (None, 0), "its evidence was damaged");
    }

    #[test]
    fn what_is_not_asked_for_is_not_told() {
        let is_told = |rule, at, asked: &Asked| event(recorded(rule, at, "a detail"), asked).is_some();
        let before = Instant::from_millis(NOW.as_millis() - 1);
        assert!(is_told("directory.fork", NOW, &asked(Some(NOW), &[])));
        assert!(!is_told("directory.fork", before, &asked(Some(NOW), &[])));
        assert!(is_told("directory.fork", NOW, &asked(None, &["link.missing", "directory.fork"])));
        assert!(is_told("directory.fork", NOW, &asked(None, &["directory"])), "of its family");
        assert!(!is_told("directory.fork", NOW, &asked(None, &["link", "directory.stale"])));
        assert!(!is_told("directory.forked", NOW, &asked(None, &["directory.fork"])), "another name");
    }

    #[test]
    fn a_kind_that_no_rule_has_is_refused() {
        for unknown in ["", "director", "directory.", "directory.forks", "."] {
            let refused = unknown.parse::<Kind>().unwrap_err().to_string();
            assert!(refused.contains(&format!("found `{unknown}`")), "{refused}");
        }
        for rule in Rule::ALL {
            assert!(rule.as_str().parse::<Kind>().is_ok(), "{rule}");
        }
    }
}
