//! Handling as a table that knows nothing of the code: which rule speaks against which message, and who sees it. Whatever
//! is generated, sender, hub and recipient refuse exactly what the table refuses, each by a rule that the table names.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod cases;
mod scene;
mod table;

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::decision::{self, Outline, Sealed};
use sealpost_domain::digest::Digest;
use sealpost_domain::message::{Category, SharingMode};
use sealpost_domain::permission::Question;

use cases::cases;
use scene::{DAY, ME, NOW, Scene, TO, agency, directory, handling, id, kind, known};
use table::{Case, Sees, TABLE, against};

/// What the three decide: nothing, or the rule.
#[derive(Debug)]
struct Decided {
    sender: BTreeSet<&'static str>,
    hub: Vec<Option<&'static str>>,
    recipients: Vec<Option<&'static str>>,
}

fn decide(case: &Case) -> Decided {
    let (directory, scene, known, me) = (directory(case), Scene::of(case), known(case), agency(ME));
    let recipients: Vec<AgencyId> = TO.iter().take(case.recipients).map(|id| agency(id)).collect();
    let free = handling(4, []);
    let operation = match case.operation {
        "none" => None,
        "unknown" => Some("OP-OTHER".parse().unwrap()),
        _ => Some("OP-SAMPLE".parse().unwrap()),
    };
    let forwards = case.kind == "forward";
    let question = Question {
        sender: &me,
        category: Category::Narcotics,
        mode: SharingMode::Spontaneous,
        handling: if forwards { &scene.handling } else { &free },
        operation: operation.as_ref(),
        retention: None,
        now: NOW,
    };
    let outline = Outline {
        question,
        kind: kind(case.kind),
        recipients: &recipients,
        in_reply_to: case.names_another.then(|| id(1)),
        approved: case.approvals > 0,
    };
    let sealed = Sealed {
        retention: u32::try_from(case.kept_days).unwrap() * DAY,
        is_over: case.kept_days == 0,
        approvals: case.approvals,
        onward: forwards.then(|| scene.onward(case, &me)),
        replacement: (case.kind == "amendment").then(|| kind(case.replacement)),
        known: &known,
    };
    let sender = match decision::sender(&outline, &sealed, &directory) {
        Ok(_) => BTreeSet::new(),
        Err(refused) => refused.iter().map(|refused| refused.denial.rule().as_str()).collect(),
    };
    // Where there is no agreement, one of others is cited.
    let cited = |to: usize| Digest::new([if case.agreements[to] == "none" { 9 } else { [1, 2][to] }; 32]);
    let whole = decision::hub(&outline, &directory);
    let rule = |denial: decision::Denial| denial.rule().as_str();
    let hub = |(to, agency): (usize, &AgencyId)| {
        let judged = whole.clone().and_then(|()| decision::cited(&outline, agency, cited(to), &directory));
        judged.map_err(rule).err()
    };
    let recipient = |(to, agency): (usize, &AgencyId)| {
        decision::recipient(agency, &outline, cited(to), &sealed, &directory).map_err(rule).err()
    };
    let places = || recipients.iter().enumerate();
    Decided { sender, hub: places().map(hub).collect(), recipients: places().map(recipient).collect() }
}

/// Refused exactly where the table has something against it, and by one of its rules.
fn agrees(told: Option<&'static str>, expected: &BTreeSet<&'static str>) -> Result<(), TestCaseError> {
    prop_assert!(told.is_some() != expected.is_empty(), "told {told:?}, expected one of {expected:?}");
    if let Some(rule) = told {
        prop_assert!(expected.contains(rule), "told {rule}, expected one of {expected:?}");
    }
    Ok(())
}

#[test]
fn sender_hub_and_recipient_refuse_what_the_table_refuses_and_nothing_else() {
    // So many that each rule of the table, also the rarest, meets its case.
    const CASES: u32 = 24_576;
    let all = [Sees::Everybody, Sees::SenderAndRecipient, Sees::SenderAlone];
    let (permitted, met) = (RefCell::new(0_u32), RefCell::new(BTreeSet::new()));
    let mut runner = TestRunner::new(Config { cases: CASES, ..Config::default() });
    let judged = runner.run(&cases(), |case| {
        let decided = decide(&case);
        let mut expected_of_sender = BTreeSet::new();
        for to in 0..case.recipients {
            let everybody = against(&case, to, &all[..1]);
            let recipient = against(&case, to, &all[..2]);
            // The whole message goes to nobody when one of its recipients is outside the operation.
            agrees(decided.hub[to], &everybody)?;
            agrees(decided.recipients[to], &recipient)?;
            expected_of_sender.extend(against(&case, to, &all));
        }
        prop_assert_eq!(
            decided.sender.is_empty(),
            expected_of_sender.is_empty(),
            "told {:?}, expected {:?}",
            decided.sender,
            expected_of_sender
        );
        prop_assert!(
            decided.sender.is_subset(&expected_of_sender),
            "{:?} {:?}",
            decided.sender,
            expected_of_sender
        );
        // What its sender lets go is delivered: neither the hub nor a recipient sees anything that it did not.
        if decided.sender.is_empty() {
            prop_assert!(decided.hub.iter().chain(&decided.recipients).all(Option::is_none), "{decided:?}");
            *permitted.borrow_mut() += 1;
        }
        met.borrow_mut().extend(decided.sender);
        Ok(())
    });
    judged.unwrap_or_else(|fault| panic!("{fault}"));
    let (permitted, met) = (permitted.into_inner(), met.into_inner());
    assert!(permitted * 5 >= CASES, "only {permitted} of {CASES} are permitted");
    let named: BTreeSet<_> = TABLE.iter().map(|row| row.0).collect();
    assert_eq!(met, named, "every rule of the table refused something");
}
