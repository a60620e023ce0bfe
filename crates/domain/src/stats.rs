//! The figures of the network, from the outcome messages in one node's ledger.
//!
//! A [`Tally`] is fed with every message in the order of the ledger. An outcome counts as its sender last amended it,
//! and not at all once its sender recalled it; amendments and recalls count even when they lie before their outcome.
//! Each outcome becomes one or more rows, and everything else (totals, groups) is a sum of rows, so that it cannot
//! disagree with them.
//!
//! An outcome may list seizures of several drugs. Weight and value stand in the row of their own drug; its cases,
//! arrests and false positives in the row of the seizure that is listed first, so that nothing is counted twice.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::agency::{AgencyId, JurisdictionCode};
use crate::alert::{Content, Outcome, OutcomeResult, SeizedItem, Stage};
use crate::identifier::{Concealment, Currency, DrugGroup, TransportMode};
use crate::instant::Instant;
use crate::message::MessageId;
use crate::names::named;
use crate::time::Month;

/// One message, as the tally needs to see it.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The message.
    pub id: MessageId,
    /// Who sent it.
    pub sender: &'a AgencyId,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// What it says.
    pub content: &'a Content,
}

/// Collects outcomes, amendments and recalls.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    outcomes: BTreeMap<MessageId, Report>,
    /// In the order of the ledger: the last one of a message holds.
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
                self.amendments.push(Amended { target, sender, facts });
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
        for amendment in &self.amendments {
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

/// What the things counted in one row have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// When it happened, by the calendar there.
    pub month: Month,
    /// Whose outcome it is.
    pub jurisdiction: JurisdictionCode,
    /// The drug; `None` for other goods and where nothing was seized.
    pub drug: Option<DrugGroup>,
    /// By which mode of transport.
    pub mode: TransportMode,
    /// At which stage of the journey.
    pub stage: Stage,
    /// How it was hidden; `None` where that was not reported.
    pub concealment: Option<Concealment>,
}

named! {
    /// By what the figures can be grouped.
    pub enum Dimension: "dimension" {
        /// By month.
        Month = "month",
        /// By the jurisdiction of the reporting agency.
        Jurisdiction = "jurisdiction",
        /// By drug.
        Drug = "drug",
        /// By mode of transport.
        Mode = "mode",
        /// By stage of the journey.
        Stage = "stage",
        /// By concealment.
        Concealment = "concealment",
    }
}

/// How a group is named whose outcomes say nothing of the dimension.
pub const NOT_REPORTED: &str = "none";

impl Key {
    /// The value of one dimension; [`NOT_REPORTED`] where there is none.
    pub fn value(&self, dimension: Dimension) -> String {
        let named = |name: Option<&'static str>| name.unwrap_or(NOT_REPORTED).to_owned();
        match dimension {
            Dimension::Month => self.month.to_string(),
            Dimension::Jurisdiction => self.jurisdiction.to_string(),
            Dimension::Drug => named(self.drug.map(DrugGroup::as_str)),
            Dimension::Mode => self.mode.to_string(),
            Dimension::Stage => self.stage.to_string(),
            Dimension::Concealment => named(self.concealment.map(Concealment::as_str)),
        }
    }
}

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cases.
    pub cases: u64,
    /// People arrested.
    pub arrests: u64,
    /// The lowest age among them, where ages were reported.
    pub youngest: Option<u32>,
    /// The highest.
    pub oldest: Option<u32>,
    /// Weight seized, where one was reported or derived. Each seizure is rounded to grams once.
    pub grams: u64,
    /// Estimated value by currency, in hundredths of its main unit. Currencies are never converted.
    pub money_hundredths: BTreeMap<Currency, u64>,
    /// Cases in transit; they are among `cases`.
    pub transit_cases: u64,
    /// Outcomes that report that an alert was wrong.
    pub false_positives: u64,
}

impl Counts {
    /// Adds others. Sums stop at the largest number, which no real figures come near.
    pub fn add(&mut self, other: &Self) {
        let Self {
            cases,
            arrests,
            youngest,
            oldest,
            grams,
            money_hundredths,
            transit_cases,
            false_positives,
        } = other;
        self.cases = self.cases.saturating_add(*cases);
        self.arrests = self.arrests.saturating_add(*arrests);
        self.youngest = self.youngest.into_iter().chain(*youngest).min();
        self.oldest = self.oldest.into_iter().chain(*oldest).max();
        self.grams = self.grams.saturating_add(*grams);
        for (currency, hundredths) in money_hundredths {
            let sum = self.money_hundredths.entry(*currency).or_default();
            *sum = sum.saturating_add(*hundredths);
        }
        self.transit_cases = self.transit_cases.saturating_add(*transit_cases);
        self.false_positives = self.false_positives.saturating_add(*false_positives);
    }
}

/// Rows of figures, and how many outcome messages are behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    rows: BTreeMap<Key, Counts>,
    /// Outcome messages that are counted.
    pub counted: u64,
    /// How many of them are counted as amended.
    pub amended: u64,
    /// Outcome messages that are left out because they were recalled, of whatever period.
    pub recalled: u64,
}

impl Figures {
    /// The rows, ordered by month, jurisdiction, drug, mode, stage and concealment.
    pub fn rows(&self) -> impl Iterator<Item = (&Key, &Counts)> {
        self.rows.iter()
    }

    /// The sum of all rows.
    pub fn total(&self) -> Counts {
        sum(self.rows.values())
    }

    /// The sums of the rows that share a value of one dimension, ordered by that value.
    pub fn by(&self, dimension: Dimension) -> BTreeMap<String, Counts> {
        let mut groups: BTreeMap<String, Counts> = BTreeMap::new();
        for (key, counts) in &self.rows {
            groups.entry(key.value(dimension)).or_default().add(counts);
        }
        groups
    }
}

fn sum<'a>(counts: impl Iterator<Item = &'a Counts>) -> Counts {
    counts.fold(Counts::default(), |mut sum, counts| {
        sum.add(counts);
        sum
    })
}

impl fmt::Display for Counts {
    /// One line for logs and tests: what is zero is left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases, {} arrests, {} g", self.cases, self.arrests, self.grams)?;
        for (currency, hundredths) in &self.money_hundredths {
            write!(f, ", {currency} {}.{:02}", hundredths / 100, hundredths % 100)?;
        }
        write!(f, ", {} transit cases, {} false positives", self.transit_cases, self.false_positives)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Amendment, Arrest, List, Quantity, Recall, Residence, Seizure, Text, Unit};
    use proptest::prelude::*;

    fn agency(text: &str) -> AgencyId {
        text.parse().unwrap()
    }

    fn id(number: u8) -> MessageId {
        MessageId::new(1_760_000_000_000, [number; 10])
    }

    fn kilograms(drug: DrugGroup, amount: &str) -> Seizure {
        Seizure {
            item: SeizedItem::Drug(drug),
            description: None,
            quantity: Quantity { amount: amount.parse().unwrap(), unit: Unit::Kilogram },
            kilograms_per_unit: None,
            value: Some(crate::alert::Money::parse("1000.50", "HKD".parse().unwrap()).unwrap()),
        }
    }

    fn outcome(occurred_at: &str, stage: Stage, ages: &[u32], seizures: Vec<Seizure>) -> Outcome {
        let arrest = |age: &u32| Arrest {
            count: 1,
            age: Some(*age),
            nationality: None,
            residence: Residence::Unknown,
        };
        Outcome {
            result: OutcomeResult::Found,
            occurred_at: occurred_at.parse().unwrap(),
            place: None,
            cases: 1,
            stage,
            mode: TransportMode::Air,
            concealment: Some(Concealment::Baggage),
            arrests: List::new(ages.iter().map(arrest).collect()).unwrap(),
            seizures: List::new(seizures).unwrap(),
            note: None,
        }
    }

    fn amend(outcome: Outcome) -> Content {
        let reason: Text = "corrected".parse().unwrap();
        Content::Amendment(Amendment { replacement: Box::new(Content::Outcome(outcome)), reason })
    }

    fn recall() -> Content {
        Content::Recall(Recall { reason: "wrong".parse().unwrap() })
    }

    /// Feeds messages (number, sender, the number it answers, content) in that order.
    fn tally(messages: &[(u8, &str, Option<u8>, Content)]) -> Tally {
        let mut tally = Tally::default();
        for (number, sender, answers, content) in messages {
            let entry =
                Entry { id: id(*number), sender: &agency(sender), in_reply_to: answers.map(id), content };
            tally.add(entry);
        }
        tally
    }

    fn simple(cases: u32) -> Outcome {
        Outcome { cases, ..outcome("2026-10-03T14:00:00+08:00", Stage::Import, &[], vec![]) }
    }

    #[test]
    fn the_rows_of_every_dimension_sum_to_the_total() {
        let figures = tally(&[
            (
                1,
                "HK-CED",
                None,
                Content::Outcome(outcome(
                    "2026-10-31T23:30:00+08:00",
                    Stage::Import,
                    &[77, 19],
                    vec![kilograms(DrugGroup::Ketamine, "12.450"), kilograms(DrugGroup::Mdma, "0.5")],
                )),
            ),
            (
                2,
                "DE-ZKA",
                None,
                Content::Outcome(outcome(
                    "2026-11-01T00:30:00+01:00",
                    Stage::Transit,
                    &[40],
                    vec![kilograms(DrugGroup::Cocaine, "100")],
                )),
            ),
            (
                3,
                "DE-ZKA",
                None,
                Content::Outcome(Outcome {
                    result: OutcomeResult::FalsePositive,
                    concealment: None,
                    ..simple(0)
                }),
            ),
        ])
        .figures(Period::default());

        let total = figures.total();
        assert_eq!((total.cases, total.arrests, total.grams), (2, 3, 112_950));
        assert_eq!((total.youngest, total.oldest), (Some(19), Some(77)));
        assert_eq!((total.transit_cases, total.false_positives, figures.counted), (1, 1, 3));
        assert_eq!(total.money_hundredths.values().copied().collect::<Vec<_>>(), [300_150]);
        for dimension in Dimension::ALL {
            assert_eq!(sum(figures.by(*dimension).values()), total, "{dimension}");
        }
        let drugs = figures.by(Dimension::Drug);
        assert_eq!((drugs["ketamine"].cases, drugs["ketamine"].grams), (1, 12_450));
        assert_eq!((drugs["mdma"].cases, drugs["mdma"].grams), (0, 500), "a case is counted once");
        assert_eq!(figures.by(Dimension::Month).keys().collect::<Vec<_>>(), ["2026-10", "2026-11"]);
        assert_eq!(figures.by(Dimension::Concealment).keys().collect::<Vec<_>>(), ["baggage", NOT_REPORTED]);
    }

    #[test]
    fn the_last_amendment_counts_and_a_recall_ends_it_all() {
        let first = (1, "HK-CED", None, Content::Outcome(simple(1)));
        let amended = (2, "HK-CED", Some(1), amend(simple(5)));
        let amended_again = (3, "HK-CED", Some(2), amend(simple(7)));
        let cases = |messages: &[_]| {
            let figures = tally(messages).figures(Period::default());
            (figures.total().cases, figures.amended, figures.recalled)
        };
        assert_eq!(cases(&[first.clone(), amended.clone()]), (5, 1, 0));
        assert_eq!(cases(&[first.clone(), amended.clone(), amended_again.clone()]), (7, 1, 0));
        assert_eq!(cases(&[amended.clone(), first.clone()]), (5, 1, 0), "an amendment may come first");
        let recalled = (4, "HK-CED", Some(2), recall());
        assert_eq!(cases(&[first.clone(), amended, recalled.clone()]), (0, 0, 1));
        assert_eq!(cases(&[recalled, (2, "HK-CED", Some(1), amend(simple(5))), first]), (0, 0, 1));
    }

    #[test]
    fn nobody_amends_or_recalls_the_outcome_of_another() {
        let figures = tally(&[
            (1, "HK-CED", None, Content::Outcome(simple(1))),
            (2, "DE-ZKA", Some(1), amend(simple(9))),
            (3, "DE-ZKA", Some(1), recall()),
        ])
        .figures(Period::default());
        assert_eq!((figures.total().cases, figures.amended, figures.recalled), (1, 0, 0));
    }

    #[test]
    fn a_circle_of_amendments_ends() {
        let figures =
            tally(&[(2, "HK-CED", Some(3), amend(simple(9))), (3, "HK-CED", Some(2), amend(simple(9)))])
                .figures(Period::default());
        assert_eq!(figures, Figures::default());
    }

    #[test]
    fn a_period_counts_what_happened_in_it() {
        let tally = tally(&[(1, "HK-CED", None, Content::Outcome(simple(1)))]);
        let at = "2026-10-03T14:00:00+08:00".parse::<crate::time::OffsetTime>().unwrap().instant();
        let cases = |from, until| tally.figures(Period { from, until }).total().cases;
        assert_eq!(cases(Some(at), None), 1);
        assert_eq!(cases(None, Some(at)), 0, "the end is not in it");
        assert_eq!(cases(Some(Instant::from_millis(at.as_millis() + 1)), None), 0);
    }

    proptest! {
        #[test]
        fn whatever_is_counted_every_dimension_sums_to_the_total(
            outcomes in prop::collection::vec((0_usize..3, 0_usize..3, 0_usize..13, 0_usize..13, 0_u32..1_000_000, 1_u32..5), 0..40),
        ) {
            let mut tally = Tally::default();
            for (index, (place, stage, drug, other, grams, cases)) in outcomes.iter().enumerate() {
                let amount = format!("{}.{:03}", grams / 1000, grams % 1000);
                let seizures = vec![kilograms(DrugGroup::ALL[*drug], &amount), kilograms(DrugGroup::ALL[*other], &amount)];
                let outcome = outcome("2026-12-03T14:00:00+08:00", Stage::ALL[*stage], &[*cases], seizures);
                let content = Content::Outcome(Outcome { cases: *cases, ..outcome });
                let sender = agency(["HK-CED", "DE-ZKA", "TH-TCD"][*place]);
                let number = u8::try_from(index).unwrap();
                tally.add(Entry { id: id(number), sender: &sender, in_reply_to: None, content: &content });
            }
            let figures = tally.figures(Period::default());
            let total = figures.total();
            prop_assert_eq!(total.cases, outcomes.iter().map(|outcome| u64::from(outcome.5)).sum::<u64>());
            prop_assert_eq!(total.grams, outcomes.iter().map(|outcome| 2 * u64::from(outcome.4)).sum::<u64>());
            for dimension in Dimension::ALL {
                prop_assert_eq!(&sum(figures.by(*dimension).values()), &total);
            }
        }
    }
}
