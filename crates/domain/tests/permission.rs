//! Default deny: nothing passes without an agreement that covers it, and every refusal names its rule.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::{Agreement, Operation, Parties};
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::{AgencyRecord, Directory, HubRecord};
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::handling::{Handling, HandlingCode, Tlp};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{CLOCK_TOLERANCE, Instant, Period};
use sealpost_domain::message::{Category, OperationId, SharingMode};
use sealpost_domain::permission::{Question, choose_agreement, judge_agreement};
use sealpost_domain::rule::Rule;

const DAY: Duration = Duration::from_hours(24);
const NOW: Instant = Instant::from_millis(1_700_000_000_000);

fn agency(text: &str) -> AgencyId {
    text.parse().unwrap()
}

fn agreement(number: u8, parties: &[&str]) -> Agreement {
    Agreement {
        id: format!("SAMPLE-{number}").parse().unwrap(),
        digest: Digest::new([number; 32]),
        title: "A sample".into(),
        parties: Parties::new(parties.iter().map(|text| agency(text)).collect()).unwrap(),
        categories: BTreeSet::from([Category::Narcotics]),
        modes: BTreeSet::from([SharingMode::Spontaneous]),
        strictest_tlp: Tlp::Amber,
        handling_codes: BTreeSet::from([HandlingCode::H0]),
        retention_max: 365 * DAY,
        period: Period { from: NOW.minus(DAY), until: Some(NOW.plus(DAY)) },
    }
}

fn directory(agreements: Vec<Agreement>) -> Directory {
    let record = AgencyRecord {
        name: String::new(),
        signing_keys: vec![],
        sealing_keys: vec![],
        approval_rules: vec![],
    };
    let operation = Operation {
        id: "OP-SAMPLE".parse().unwrap(),
        digest: Digest::ZERO,
        lead: agency("HK-CED"),
        members: Parties::new(vec![agency("DE-ZKA"), agency("HK-CED")]).unwrap(),
        from: NOW.minus(DAY),
        until: NOW.plus(DAY),
    };
    Directory {
        network: NetworkName::parse("sample").unwrap(),
        version: DirectoryVersion { version: 1, digest: Digest::new([7; 32]) },
        previous: Digest::ZERO,
        issued_at: NOW,
        valid_until: NOW.plus(DAY),
        authority_keys: vec![],
        threshold: 1,
        hub: HubRecord { operator_root: vec![], signing_keys: vec![] },
        jurisdictions: BTreeMap::new(),
        agencies: ["DE-ZKA", "HK-CED", "TH-TCD"].map(|text| (agency(text), record.clone())).into(),
        agreements,
        operations: BTreeMap::from([(operation.id.clone(), operation)]),
        revocations: BTreeMap::new(),
        withdrawn: [].into(),
    }
}

struct Case {
    sender: AgencyId,
    recipient: AgencyId,
    category: Category,
    mode: SharingMode,
    handling: Handling,
    operation: Option<OperationId>,
    retention: Option<Duration>,
    now: Instant,
}

impl Case {
    fn good() -> Self {
        Self {
            sender: agency("HK-CED"),
            recipient: agency("DE-ZKA"),
            category: Category::Narcotics,
            mode: SharingMode::Spontaneous,
            handling: Handling::new(Tlp::Amber, [HandlingCode::H0]),
            operation: None,
            retention: Some(30 * DAY),
            now: NOW,
        }
    }

    fn question(&self) -> Question<'_> {
        Question {
            sender: &self.sender,
            category: self.category,
            mode: self.mode,
            handling: &self.handling,
            operation: self.operation.as_ref(),
            retention: self.retention,
            now: self.now,
        }
    }

    fn rule(&self, directory: &Directory) -> &'static str {
        choose_agreement(&self.question(), &self.recipient, directory)
            .map_or_else(|denial| denial.rule().as_str(), |_| "")
    }
}

#[test]
fn every_refusal_names_its_rule() {
    let directory = directory(vec![agreement(1, &["DE-ZKA", "HK-CED"])]);
    assert_eq!(Case::good().rule(&directory), "");
    let cases: [(&str, Case); 12] = [
        ("agency.unknown", Case { recipient: agency("XX-NONE"), ..Case::good() }),
        ("agency.unknown", Case { sender: agency("XX-NONE"), ..Case::good() }),
        ("agency.itself", Case { recipient: agency("HK-CED"), ..Case::good() }),
        ("agreement.none", Case { recipient: agency("TH-TCD"), ..Case::good() }),
        ("agreement.none", Case { now: NOW.plus(DAY).plus(CLOCK_TOLERANCE), ..Case::good() }),
        ("agreement.category", Case { category: Category::Weapons, ..Case::good() }),
        ("agreement.mode", Case { mode: SharingMode::Automatic, ..Case::good() }),
        ("agreement.handling", Case { handling: Handling::new(Tlp::Red, []), ..Case::good() }),
        (
            "agreement.handling",
            Case { handling: Handling::new(Tlp::Amber, [HandlingCode::H2]), ..Case::good() },
        ),
        ("agreement.retention", Case { retention: Some(366 * DAY), ..Case::good() }),
        ("operation.unknown", Case { operation: Some("OP-OTHER".parse().unwrap()), ..Case::good() }),
        (
            "operation.not_a_member",
            Case {
                operation: Some("OP-SAMPLE".parse().unwrap()),
                recipient: agency("TH-TCD"),
                ..Case::good()
            },
        ),
    ];
    for (rule, case) in cases {
        assert_eq!(case.rule(&directory), rule);
    }
}

#[test]
fn a_second_agreement_covers_what_the_first_does_not() {
    let narrow = agreement(1, &["DE-ZKA", "HK-CED"]);
    let wide = Agreement { strictest_tlp: Tlp::Red, ..agreement(2, &["DE-ZKA", "HK-CED", "TH-TCD"]) };
    let directory = directory(vec![narrow, wide]);
    let case = Case { handling: Handling::new(Tlp::Red, []), ..Case::good() };
    let chosen = choose_agreement(&case.question(), &case.recipient, &directory).unwrap();
    assert_eq!(chosen.digest, Digest::new([2; 32]));
}

#[test]
fn a_cited_agreement_has_to_exist_and_to_cover() {
    let directory = directory(vec![agreement(1, &["DE-ZKA", "HK-CED"])]);
    let case = Case::good();
    let judge =
        |digest| judge_agreement(&case.question(), &case.recipient, digest, &directory).map_err(|d| d.rule());
    assert!(judge(Digest::new([1; 32])).is_ok());
    assert_eq!(judge(Digest::new([9; 32])), Err(Rule::AgreementUnknown));
}

proptest! {
    /// An independent statement of the rule: allowed exactly when some agreement in force names both, the category,
    /// the mode, a label at least as free, every code, and a retention at least as long.
    #[test]
    fn allowed_exactly_when_an_agreement_says_so(
        category in prop::sample::select(Category::ALL),
        mode in prop::sample::select(SharingMode::ALL),
        tlp in prop::sample::select(Tlp::ALL),
        codes in prop::collection::vec(prop::sample::select(HandlingCode::ALL), 0..3),
        recipient in prop::sample::select(vec!["DE-ZKA", "TH-TCD"]),
        days in 1..800_u32,
        widths in prop::collection::vec((any::<bool>(), any::<bool>(), any::<bool>(), 0..5_usize, any::<bool>()), 0..4),
    ) {
        let agreements: Vec<Agreement> = widths.iter().zip(1..).map(|((three, all, codes, tlp, long), number)| {
            let parties: &[&str] = if *three { &["DE-ZKA", "HK-CED", "TH-TCD"] } else { &["DE-ZKA", "HK-CED"] };
            let mut made = agreement(number, parties);
            if *all {
                made.categories = Category::ALL.iter().copied().collect();
                made.modes = SharingMode::ALL.iter().copied().collect();
            }
            if *codes {
                made.handling_codes = HandlingCode::ALL.iter().copied().collect();
            }
            made.strictest_tlp = Tlp::ALL[*tlp];
            if *long {
                made.retention_max = 1000 * DAY;
            }
            made
        }).collect();
        let case = Case {
            recipient: agency(recipient), category, mode,
            handling: Handling::new(tlp, codes.clone()),
            retention: Some(days * DAY),
            ..Case::good()
        };
        let expected = agreements.iter().any(|a| {
            a.parties.as_slice().contains(&case.recipient)
                && a.categories.contains(&category)
                && a.modes.contains(&mode)
                && Tlp::ALL.iter().position(|t| *t == tlp) >= Tlp::ALL.iter().position(|t| *t == a.strictest_tlp)
                && codes.iter().all(|c| a.handling_codes.contains(c))
                && a.retention_max >= days * DAY
        });
        prop_assert_eq!(case.rule(&directory(agreements)).is_empty(), expected);
    }
}
