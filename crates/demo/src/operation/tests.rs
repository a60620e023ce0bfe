//! The shipped sample: what it holds, that it is what the generator makes, and that it sums to its figures.

use std::collections::{BTreeMap, BTreeSet};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::identifier::{Identifier, IdentifierType};
use sealpost_domain::message::Kind;
use sealpost_domain::stats::{Entry, Period, Tally};

use super::generate::{SEED, generate};
use super::*;

const SHIPPED: &str = include_str!("../../../../sample/operation.jsonl");

#[test]
fn the_generator_makes_the_shipped_file() {
    let made = generate(SEED).unwrap().write().unwrap();
    let advice = "run `cargo run --bin sealpost-demo -- generate > sample/operation.jsonl`";
    let differs = made.lines().zip(SHIPPED.lines()).position(|(made, shipped)| made != shipped);
    assert_eq!(differs.map(|line| line + 1), None, "line differs; {advice}");
    assert_eq!(made.len(), SHIPPED.len(), "{advice}");
}

#[test]
fn what_is_written_is_read_back() {
    let made = generate(SEED).unwrap();
    assert_eq!(Operation::read(&made.write().unwrap()).unwrap(), made);
}

#[test]
fn a_file_that_was_cut_or_changed_is_refused_with_the_line() {
    let cut: String = SHIPPED.lines().take(3).flat_map(|line| [line, "\n"]).collect();
    assert!(matches!(Operation::read(&cut), Err(Error::Count { found: 2, .. })));
    let changed = SHIPPED.replacen("\"priority\":\"", "\"priority\":\"very ", 1);
    assert!(matches!(Operation::read(&changed), Err(Error::Draft { line: 2, .. })));
    assert!(matches!(Operation::read(""), Err(Error::Line { line: 1, .. })));
}

#[test]
fn outcomes_sum_to_the_figures_as_the_domain_counts() {
    let operation = Operation::sample().unwrap();
    let mut tally = Tally::default();
    for message in &operation.messages {
        tally.add(Entry {
            id: message.id,
            sender: &message.from,
            sent_at: message.at.instant(),
            in_reply_to: message.draft.parts().in_reply_to,
            content: message.draft.alert().content(),
        });
    }
    let figures = tally.figures(Period::default());
    assert!(figures.amended > 0 && figures.recalled > 0, "{} {}", figures.amended, figures.recalled);
    assert_eq!(Figures::of(&figures.total()), operation.figures);
    assert_eq!(operation.figures.to_string(), FIGURES);
}

const FIGURES: &str =
    "183 cases, 62 arrests aged 19 to 77, 1400.00 kg worth HK$431 million, 18 transit cases";

#[test]
fn the_lead_hears_of_every_outcome() {
    let lead: AgencyId = "HK-CED".parse().unwrap();
    for message in Operation::sample().unwrap().messages {
        if message.draft.kind() == Kind::Outcome {
            let hears = message.from == lead || message.draft.parts().recipients.contains(&lead);
            assert!(hears, "{}", message.reference);
        }
    }
}

#[test]
fn answers_follow_what_they_answer_and_go_to_those_concerned() {
    let mut earlier: BTreeMap<MessageId, Message> = BTreeMap::new();
    let members = members();
    for message in Operation::sample().unwrap().messages {
        if let Some(answered) = message.draft.parts().in_reply_to {
            let answered = &earlier[&answered];
            let knows =
                answered.from == message.from || answered.recipients(&members).any(|to| *to == message.from);
            assert!(knows, "{} answers a message that {} never had", message.reference, message.from);
            assert!(answered.at.timestamp() <= message.at.timestamp(), "{}", message.reference);
        }
        assert!(earlier.insert(message.id, message).is_none(), "an id stands there twice");
    }
}

#[test]
fn every_agency_sends_and_receives_every_kind_is_there_and_the_dates_are_those_of_autumn() {
    let operation = Operation::sample().unwrap();
    let members = members();
    let (mut senders, mut recipients, mut kinds) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut types = BTreeSet::new();
    for message in &operation.messages {
        senders.insert(message.from.clone());
        recipients.extend(message.recipients(&members).cloned());
        kinds.insert(message.draft.kind());
        types.extend(message.draft.alert().content().identifiers().iter().map(Identifier::identifier_type));
        let month = message.at.date().month().to_string();
        assert!(["2023-10", "2023-11", "2023-12"].contains(&month.as_str()), "{} {month}", message.reference);
    }
    let members: BTreeSet<AgencyId> = members.into_iter().collect();
    assert_eq!((&senders, &recipients), (&members, &members));
    // An enclosed message needs the signatures of a real one: none can stand in a file that is made beforehand.
    let missing: Vec<_> = Kind::ALL.iter().filter(|kind| !kinds.contains(kind)).collect();
    assert_eq!(missing, [&Kind::Forward]);
    assert_eq!(types.len(), IdentifierType::ALL.len(), "{types:?}");
}

#[test]
fn a_part_of_the_operation_stays_among_its_agencies_and_is_whole() {
    let agencies: BTreeSet<AgencyId> =
        ["AU-ABF", "HK-CED", "TH-TCD", "VN-GDVC"].iter().map(|agency| agency.parse().unwrap()).collect();
    let part = Operation::sample().unwrap().among(&agencies);
    let members: Vec<AgencyId> = agencies.iter().cloned().collect();
    let ids: BTreeSet<MessageId> = part.messages.iter().map(|message| message.id).collect();
    for message in &part.messages {
        assert!(
            agencies.contains(&message.from) && message.recipients(&members).all(|to| agencies.contains(to))
        );
        assert!(message.draft.parts().in_reply_to.is_none_or(|answered| ids.contains(&answered)));
    }
    assert!((40..150).contains(&part.messages.len()), "{}", part.messages.len());
}

/// The agencies of the sample roster.
fn members() -> Vec<AgencyId> {
    let roster = include_str!("../../../../certs/roster.toml");
    let ids =
        roster.lines().filter_map(|line| line.strip_prefix("id = \"")).map(|rest| rest.trim_end_matches('"'));
    let mut members: Vec<AgencyId> = ids.filter_map(|id| id.parse().ok()).collect();
    members.sort();
    assert_eq!(members.len(), 17);
    members
}
