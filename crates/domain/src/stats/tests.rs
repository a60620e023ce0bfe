//! What is counted, what is not, and that it all adds up.

use super::figures::sum;
use super::*;
use crate::alert::{Amendment, Arrest, List, Quantity, Recall, Residence, Seizure, Text, Unit};
use crate::identifier::{Concealment, TransportMode};
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
    let arrest =
        |age: &u32| Arrest { count: 1, age: Some(*age), nationality: None, residence: Residence::Unknown };
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
        let sent_at = Instant::from_millis((*number).into());
        let (id, in_reply_to) = (id(*number), answers.map(id));
        let entry = Entry { id, sender: &agency(sender), sent_at, in_reply_to, content };
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
    let out_of_order = [amended_again.clone(), amended.clone(), first.clone()];
    assert_eq!(cases(&out_of_order), (7, 1, 0), "the last one is the one that was sent last");
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
            let sent_at = Instant::from_millis(number.into());
            let id = id(number);
            tally.add(Entry { id, sender: &sender, sent_at, in_reply_to: None, content: &content });
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
