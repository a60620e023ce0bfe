//! Each rule between fields, broken once.

use super::fault::Collector;
use super::*;
use crate::handling::{HandlingCode, Tlp};
use crate::identifier::{Identifier, IdentifierType, TransportMode};
use crate::message::{Category, MessageId, Priority};

fn text(words: &str) -> Text {
    words.parse().unwrap()
}

fn grading() -> Grading {
    Grading::read(&Collector::default().root(), GradingScale::Europol, "B", 2).unwrap()
}

fn parts(content: Content) -> AlertParts {
    AlertParts {
        grading: grading(),
        purpose: "Customs enforcement (invented)".parse().unwrap(),
        handling_text: None,
        retention_until: "2027-12-31".parse().unwrap(),
        content,
    }
}

fn leg(from: &str, to: &str) -> Leg {
    Leg {
        mode: TransportMode::Air,
        from: from.parse().unwrap(),
        to: to.parse().unwrap(),
        departs: None,
        arrives: None,
        flight: None,
        conveyance: None,
    }
}

fn suspicion() -> Suspicion {
    Suspicion { drugs: List::empty(), concealment: List::empty(), reason: text("invented") }
}

fn transit() -> TransitCase {
    TransitCase {
        subject: TransitSubject::Goods(TransitGoods {
            description: "spare parts".parse().unwrap(),
            identifiers: List::empty(),
        }),
        transit_point: "DEFRA".parse().unwrap(),
        inbound: leg("THBKK", "DEFRA"),
        outbound: leg("DEFRA", "AUSYD"),
        window: Window {
            opens: "2026-10-03T05:00:00+02:00".parse().unwrap(),
            closes: "2026-10-03T11:30:00+02:00".parse().unwrap(),
        },
        instruction: Instruction::LetItRun,
        acts: List::new(vec!["AU-ABF".parse().unwrap()]).unwrap(),
        stands_off: List::new(vec!["DE-ZKA".parse().unwrap()]).unwrap(),
        suspicion: suspicion(),
    }
}

fn outcome() -> Outcome {
    Outcome {
        result: OutcomeResult::Found,
        occurred_at: "2026-10-03T14:05:00+08:00".parse().unwrap(),
        place: None,
        cases: 1,
        stage: Stage::Import,
        mode: TransportMode::Air,
        concealment: None,
        arrests: List::empty(),
        seizures: List::empty(),
        note: None,
    }
}

fn draft(content: Content) -> DraftParts {
    DraftParts {
        recipients: vec!["DE-ZKA".parse().unwrap()],
        operation: None,
        priority: Priority::Urgent,
        act_before: None,
        category: Category::Narcotics,
        handling: Handling::new(Tlp::Amber, []),
        sharing: Draft::default_sharing(content.kind()),
        in_reply_to: None,
        alert: Alert::new(parts(content)).unwrap(),
    }
}

/// The paths at which a content is refused.
fn refused_at(content: Content) -> Vec<String> {
    let faults = Alert::new(parts(content)).unwrap_err();
    faults.as_slice().iter().map(|fault| fault.path().to_owned()).collect()
}

fn draft_refused_at(parts: DraftParts) -> Vec<String> {
    let faults = Draft::new(parts).unwrap_err();
    faults.as_slice().iter().map(|fault| fault.path().to_owned()).collect()
}

#[test]
fn a_shipment_can_be_found() {
    let shipment = SuspectShipment {
        mode: TransportMode::Sea,
        identifiers: List::empty(),
        goods: List::empty(),
        consignor: None,
        consignee: None,
        route: List::new(vec![Leg {
            departs: Some("2026-10-03T10:00:00+08:00".parse().unwrap()),
            arrives: Some("2026-10-03T03:00:00+02:00".parse().unwrap()),
            ..leg("HKHKG", "DEHAM")
        }])
        .unwrap(),
        suspicion: suspicion(),
    };
    assert_eq!(
        refused_at(Content::SuspectShipment(shipment.clone())),
        ["content.suspect_shipment", "content.suspect_shipment.route[0].arrives"],
        "offsets count: it would arrive an hour before it left"
    );
    let container = Identifier::parse(IdentifierType::Container, "CSQU3054383").unwrap();
    let found = SuspectShipment {
        identifiers: List::new(vec![container.clone()]).unwrap(),
        route: List::empty(),
        ..shipment
    };
    let content = Content::SuspectShipment(found);
    assert_eq!(content.identifiers().into_iter().collect::<Vec<_>>(), [container]);
    assert!(Alert::new(parts(content)).is_ok());
}

#[test]
fn a_transit_has_a_window_and_nobody_acts_and_stands_off() {
    let mut case = transit();
    (case.window.opens, case.window.closes) = (case.window.closes, case.window.opens);
    case.stands_off = List::new(vec!["DE-ZKA".parse().unwrap(), "AU-ABF".parse().unwrap()]).unwrap();
    assert_eq!(
        refused_at(Content::TransitCase(case)),
        ["content.transit_case.window.closes", "content.transit_case.stands_off[1]"]
    );
}

#[test]
fn an_amendment_replaces_what_can_be_replaced() {
    let amendment = |replacement| {
        Content::Amendment(Amendment { replacement: Box::new(replacement), reason: text("corrected") })
    };
    let recall = Content::Recall(Recall { reason: text("wrong") });
    assert_eq!(refused_at(amendment(recall)), ["content.amendment.replacement"]);
    assert_eq!(
        refused_at(amendment(Content::Outcome(Outcome { cases: 0, ..outcome() }))),
        ["content.amendment.replacement.outcome.cases"]
    );
    assert!(Alert::new(parts(amendment(Content::Outcome(outcome())))).is_ok());
}

#[test]
fn a_false_positive_has_no_results_and_weights_have_one_source() {
    let arrest = Arrest { count: 0, age: Some(121), nationality: None, residence: Residence::Unknown };
    let seizure = Seizure {
        item: SeizedItem::Goods(Category::Tobacco),
        description: None,
        quantity: Quantity { amount: "0.0".parse().unwrap(), unit: Unit::Kilogram },
        kilograms_per_unit: Some("0.5".parse().unwrap()),
        value: None,
    };
    let outcome = Outcome {
        result: OutcomeResult::FalsePositive,
        arrests: List::new(vec![arrest]).unwrap(),
        seizures: List::new(vec![seizure]).unwrap(),
        ..outcome()
    };
    let expected = [
        "cases",
        "arrests",
        "seizures",
        "arrests[0].count",
        "arrests[0].age",
        "seizures[0].quantity.amount",
        "seizures[0].kilograms_per_unit",
    ];
    assert_eq!(refused_at(Content::Outcome(outcome)), expected.map(|path| format!("content.outcome.{path}")));
}

#[test]
fn an_answer_names_what_it_answers() {
    let sighting = |note: Option<&str>| {
        Content::Sighting(Sighting {
            seen_at: "2026-10-03T14:05:00+08:00".parse().unwrap(),
            place: Place { locode: Some("HKHKG".parse().unwrap()), description: None },
            identifiers: List::empty(),
            action: Action::Observing,
            note: note.map(text),
        })
    };
    assert_eq!(refused_at(sighting(None)), ["content.sighting"]);
    let answers = [
        Content::Recall(Recall { reason: text("wrong") }),
        Content::Amendment(Amendment {
            replacement: Box::new(Content::Outcome(outcome())),
            reason: text("corrected"),
        }),
        Content::Reply(Reply {
            result: ReplyResult::NothingFound,
            answer: text("no"),
            identifiers: List::empty(),
        }),
        Content::Permission(Permission {
            decision: Decision::Refused,
            agencies: List::empty(),
            until: None,
            conditions: None,
        }),
        Content::Compliance(Compliance { answer: ComplianceAnswer::Complied, note: None }),
        sighting(Some("seen")),
    ];
    for content in answers {
        let parts = draft(content);
        assert_eq!(draft_refused_at(parts.clone()), ["in_reply_to"]);
        assert!(Draft::new(DraftParts { in_reply_to: Some(MessageId::new(1, [1; 10])), ..parts }).is_ok());
    }
    assert!(Draft::new(draft(Content::Outcome(outcome()))).is_ok(), "an outcome may stand alone");
}

#[test]
fn the_words_of_h3_and_its_code_need_each_other() {
    let code_alone = DraftParts {
        handling: Handling::new(Tlp::Amber, [HandlingCode::H3]),
        ..draft(Content::Outcome(outcome()))
    };
    assert_eq!(draft_refused_at(code_alone.clone()), ["handling_text"]);

    let with_text = Alert::new(AlertParts {
        handling_text: Some(text("Not to be shown to third parties")),
        ..code_alone.alert.clone().into_parts()
    })
    .unwrap();
    let both = DraftParts { alert: with_text.clone(), ..code_alone.clone() };
    assert!(Draft::new(both).is_ok());
    let text_alone = DraftParts { handling: Handling::new(Tlp::Amber, []), alert: with_text, ..code_alone };
    assert_eq!(draft_refused_at(text_alone), ["handling_text"]);
}

#[test]
fn acting_is_possible_before_the_window_closes_and_the_retention_ends() {
    let draft = draft(Content::TransitCase(transit()));
    let late = |time: &str| DraftParts { act_before: Some(time.parse().unwrap()), ..draft.clone() };
    assert!(Draft::new(late("2026-10-03T17:30:00+08:00")).is_ok(), "the same moment by another clock");
    assert_eq!(draft_refused_at(late("2026-10-03T11:30:01+02:00")), ["act_before"]);
    assert_eq!(draft_refused_at(late("2028-01-01T00:00:00Z")), ["act_before", "act_before"]);
}

#[test]
fn recipients_are_named_once_each_or_by_an_operation() {
    let draft = draft(Content::TransitCase(transit()));
    let to = |recipients: &[&str]| DraftParts {
        recipients: recipients.iter().map(|agency| agency.parse().unwrap()).collect(),
        ..draft.clone()
    };
    assert_eq!(draft_refused_at(to(&[])), ["recipients"]);
    assert_eq!(draft_refused_at(to(&["DE-ZKA", "AU-ABF", "DE-ZKA"])), ["recipients[2]"]);
    let operation = DraftParts { operation: Some("OP-MARKER".parse().unwrap()), ..to(&[]) };
    assert!(Draft::new(operation).is_ok());
    let many: Vec<String> = (10..75).map(|number| format!("AA-{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(draft_refused_at(to(&many)), ["recipients"]);
}

#[test]
fn a_body_agrees_with_its_header() {
    let alert = Alert::new(parts(Content::Outcome(outcome()))).unwrap();
    assert!(alert.agrees_with(Kind::Outcome, &Handling::new(Tlp::Red, [])).is_ok());
    let faults = alert.agrees_with(Kind::Recall, &Handling::new(Tlp::Red, [HandlingCode::H3])).unwrap_err();
    assert_eq!(faults.as_slice().len(), 2, "{faults}");
}
