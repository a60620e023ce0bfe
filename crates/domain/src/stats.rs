//! The figures of the network, from the outcome messages in one node's ledger.
//!
//! A [`Tally`] is fed with every message, in any order. An outcome counts as its sender last amended it, by the time of
//! sending, and not at all once its sender recalled it: what a reader of the message is shown
//! ([`Change`](crate::answer::Change)).
//! Each outcome becomes one or more rows, and everything else (totals, groups) is a sum of rows, so that it cannot
//! disagree with them.
//!
//! An outcome may list seizures of several drugs. Weight and value stand in the row of their own drug; its cases,
//! arrests and false positives in the row of the seizure that is listed first, so that nothing is counted twice.

mod figures;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use figures::{Counts, Dimension, Figures, Key, NOT_REPORTED};

use crate::agency::AgencyId;
use crate::alert::{Content, Outcome, OutcomeResult, SeizedItem, Stage};
use crate::identifier::DrugGroup;
use crate::instant::Instant;
use crate::message::MessageId;

/// One message, as the tally needs to see it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The message.
    pub id: MessageId,
    /// Who sent it.
    pub sender: &'a AgencyId,
    /// When it was sent, by its sender's clock.
    pub sent_at: Instant,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// What it says.
    pub content: &'a Content,
}

/// Collects outcomes, amendments and recalls.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    outcomes: BTreeMap<MessageId, Report>,
    amendments: Vec<Amended>,
    amended: BTreeMap<MessageId, MessageId>,
    recalls: Vec<Recalled>,
}

#[derive(Clone, Debug)]
struct Report {
    sender: AgencyId,
    facts: Facts,
}

#[derive(Clone, Debug)]
struct Amended {
    /// When it was sent, and its id: the last one of a message holds.
    order: (Instant, MessageId),
    target: MessageId,
    sender: AgencyId,
    /// `None` when the replacement is no outcome.
    facts: Option<Facts>,
}

#[derive(Clone, Debug)]
struct Recalled {
    target: MessageId,
    sender: AgencyId,
}

impl Tally {
    /// Takes a message into account; kinds that have no bearing on the figures are passed over.
    pub fn add(&mut self, entry: Entry<'_>) {
        let sender = entry.sender.clone();
        match (entry.content, entry.in_reply_to) {
            (Content::Outcome(outcome), _) => {
                let facts = Facts::of(outcome, entry.sender);
                self.outcomes.insert(entry.id, Report { sender, facts });
            }
            (Content::Amendment(amendment), Some(target)) => {
                let facts = match amendment.replacement.as_ref() {
                    Content::Outcome(outcome) => Some(Facts::of(outcome, entry.sender)),
                    _ => None,
                };
                self.amended.insert(entry.id, target);
                let order = (entry.sent_at, entry.id);
                self.amendments.push(Amended { order, target, sender, facts });
            }
            (Content::Recall(_), Some(target)) => self.recalls.push(Recalled { target, sender }),
            _ => {}
        }
    }

    /// The figures of everything that happened in a period.
    pub fn figures(&self, period: Period) -> Figures {
        let mut figures = Figures::default();
        let mut current: BTreeMap<MessageId, Option<&Facts>> =
            self.outcomes.iter().map(|(id, report)| (*id, Some(&report.facts))).collect();
        let mut amended: BTreeSet<MessageId> = BTreeSet::new();
        let mut amendments: Vec<&Amended> = self.amendments.iter().collect();
        amendments.sort_by_key(|amendment| amendment.order);
        for amendment in amendments {
            if let Some(id) = self.outcome_of(amendment.target, &amendment.sender) {
                current.insert(id, amendment.facts.as_ref());
                amended.insert(id);
            }
        }
        for recall in &self.recalls {
            if let Some(id) = self.outcome_of(recall.target, &recall.sender)
                && current.remove(&id).is_some()
            {
                figures.recalled += 1;
            }
        }
        for (id, facts) in current {
            let Some(facts) = facts.filter(|facts| period.has(facts.occurred_at)) else { continue };
            figures.counted += 1;
            figures.amended += u64::from(amended.contains(&id));
            facts.rows().for_each(|(key, counts)| figures.rows.entry(key).or_default().add(&counts));
        }
        figures
    }

    /// The outcome that a sender's amendment or recall is about: its own, named directly or through its amendments.
    fn outcome_of(&self, target: MessageId, sender: &AgencyId) -> Option<MessageId> {
        let mut id = target;
        // A chain has no more links than there are amendments; a circle ends here.
        for _ in 0..=self.amended.len() {
            if let Some(report) = self.outcomes.get(&id) {
                return (report.sender == *sender).then_some(id);
            }
            id = *self.amended.get(&id)?;
        }
        None
    }
}

/// When something has to have happened to be counted; either end may be open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Period {
    /// The first moment in it.
    pub from: Option<Instant>,
    /// The first moment after it.
    pub until: Option<Instant>,
}

impl Period {
    fn has(self, moment: Instant) -> bool {
        self.from.is_none_or(|from| from <= moment) && self.until.is_none_or(|until| moment < until)
    }
}

/// What an outcome says, as far as it is counted.
#[derive(Clone, Debug)]
struct Facts {
    occurred_at: Instant,
    key: Key,
    people_and_cases: Counts,
    seizures: Vec<(Option<DrugGroup>, Counts)>,
}

impl Facts {
    fn of(outcome: &Outcome, sender: &AgencyId) -> Self {
        let seizures: Vec<(Option<DrugGroup>, Counts)> = outcome
            .seizures
            .iter()
            .map(|seizure| {
                let drug = match seizure.item {
                    SeizedItem::Drug(drug) => Some(drug),
                    SeizedItem::Goods(_) => None,
                };
                let value = seizure.value.map(|value| (value.currency(), value.hundredths()));
                let counts = Counts {
                    grams: seizure.grams().unwrap_or(0),
                    money_hundredths: value.into_iter().collect(),
                    ..Counts::default()
                };
                (drug, counts)
            })
            .collect();
        let key = Key {
            month: outcome.occurred_at.date().month(),
            jurisdiction: sender.jurisdiction(),
            drug: seizures.first().and_then(|(drug, _)| *drug),
            mode: outcome.mode,
            stage: outcome.stage,
            concealment: outcome.concealment,
        };
        let ages = || outcome.arrests.iter().filter_map(|arrest| arrest.age);
        let cases = u64::from(outcome.cases);
        let people_and_cases = Counts {
            cases,
            arrests: outcome.arrests.iter().map(|arrest| u64::from(arrest.count)).sum(),
            youngest: ages().min(),
            oldest: ages().max(),
            transit_cases: if outcome.stage == Stage::Transit { cases } else { 0 },
            false_positives: u64::from(outcome.result == OutcomeResult::FalsePositive),
            ..Counts::default()
        };
        Self { occurred_at: outcome.occurred_at.instant(), key, people_and_cases, seizures }
    }

    fn rows(&self) -> impl Iterator<Item = (Key, Counts)> {
        let seized =
            self.seizures.iter().map(|(drug, counts)| (Key { drug: *drug, ..self.key }, counts.clone()));
        std::iter::once((self.key, self.people_and_cases.clone())).chain(seized)
    }
}
