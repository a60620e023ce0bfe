//! The messages of the table as the domain knows them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::agreement::{Agreement, Operation, Parties};
use sealpost_domain::alert::fault::Collector;
use sealpost_domain::alert::{
    Alert, AlertParts, Content, Decision, Grading, GradingScale, Line, List, Permission, Recall, Text,
};
use sealpost_domain::answer::Named;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::{AgencyRecord, ApprovalRule, Directory, HubRecord};
use sealpost_domain::envelope::{DirectoryVersion, Header, Recipient, Recipients};
use sealpost_domain::handling::{Handling, HandlingCode, Tlp};
use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::{Instant, Period};
use sealpost_domain::message::{Category, Kind, MessageId, Priority, SharingMode};
use sealpost_domain::sharing::{Onward, Withdrawn};

use super::table::{Case, Grant};

pub(crate) const DAY: Duration = Duration::from_hours(24);
pub(crate) const NOW: Instant = Instant::from_millis(1_790_000_000_000);
/// From the strictest to the freest.
pub(crate) const LABELS: [&str; 5] = ["RED", "AMBER+STRICT", "AMBER", "GREEN", "CLEAR"];
pub(crate) const CODES: [&str; 4] = ["H0", "H1", "H2", "H3"];
pub(crate) const ME: &str = "HK-CED";
pub(crate) const TO: [&str; 2] = ["DE-ZKA", "TH-TCD"];

pub(crate) fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

pub(crate) fn kind(name: &str) -> Kind {
    if name == "shipment" { Kind::SuspectShipment } else { name.parse().unwrap() }
}

pub(crate) fn handling(label: usize, codes: impl IntoIterator<Item = usize>) -> Handling {
    Handling::new(LABELS[label].parse().unwrap(), codes.into_iter().map(|code| CODES[code].parse().unwrap()))
}

pub(crate) fn id(seed: u8) -> MessageId {
    MessageId::new(1, [seed; 10])
}

pub(crate) fn directory(case: &Case) -> Directory {
    let everybody = [TO[0], ME, TO[1], "VN-GDVC"];
    let agreement = |(number, parties, covers): (u8, [&str; 2], &str)| Agreement {
        id: format!("SAMPLE-{number}").parse().unwrap(),
        digest: Digest::new([number; 32]),
        title: "A sample".into(),
        parties: Parties::new({
            let mut parties = parties.map(agency);
            parties.sort();
            parties.to_vec()
        })
        .unwrap(),
        categories: match covers {
            "narrow" => BTreeSet::from([Category::Revenue]),
            _ => BTreeSet::from([Category::Narcotics]),
        },
        modes: BTreeSet::from([SharingMode::Spontaneous]),
        strictest_tlp: Tlp::Red,
        handling_codes: HandlingCode::ALL.iter().copied().collect(),
        retention_max: 30 * DAY,
        period: Period { from: NOW.minus(DAY), until: Some(NOW.plus(DAY)) },
    };
    let concluded = (1..).zip(TO).zip(&case.agreements).filter(|(_, covers)| **covers != "none");
    let mut agreements: Vec<_> =
        concluded.map(|((number, to), covers)| agreement((number, [ME, to], covers))).collect();
    agreements.push(agreement((9, ["VN-GDVC", "DE-ZKA"], "covers")));
    let members = match case.operation {
        "outsider" => vec![agency(TO[0]), agency(ME)],
        _ => vec![agency(TO[0]), agency(ME), agency(TO[1])],
    };
    let operation = Operation {
        id: "OP-SAMPLE".parse().unwrap(),
        digest: Digest::ZERO,
        lead: agency(ME),
        members: Parties::new(members).unwrap(),
        from: NOW.minus(10 * DAY),
        until: if case.operation == "over" { NOW.minus(DAY) } else { NOW.plus(DAY) },
    };
    let rule = ApprovalRule { kinds: vec![], tlp: vec![], approvals: case.approvals_required };
    let record = AgencyRecord {
        name: String::new(),
        signing_keys: vec![],
        sealing_keys: vec![],
        approval_rules: vec![rule],
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
        agencies: everybody.map(|id| (agency(id), record.clone())).into(),
        agreements,
        operations: BTreeMap::from([(operation.id.clone(), operation)]),
        revocations: BTreeMap::new(),
        withdrawn: [].into(),
    }
}

pub(crate) fn header(
    sender: &str,
    recipients: &[&str],
    kind: Kind,
    handling: Handling,
    category: Category,
) -> Header {
    let mut listed: Vec<_> = recipients.iter().map(|id| agency(id)).collect();
    listed.sort();
    let listed = listed.into_iter().map(|agency| Recipient {
        agency,
        agreement: Digest::ZERO,
        link_commitment: Digest::ZERO,
    });
    Header {
        id: id(1),
        sender: agency(sender),
        sent_at: NOW.minus(DAY),
        kind,
        priority: Priority::Routine,
        act_before: None,
        category,
        mode: SharingMode::Spontaneous,
        handling,
        operation: None,
        in_reply_to: None,
        directory: DirectoryVersion { version: 1, digest: Digest::ZERO },
        recipients: Recipients::new(listed.collect()).unwrap(),
        sealed_digest: Digest::ZERO,
        key_commitment: Digest::ZERO,
        plaintext_digest: Digest::ZERO,
        approval_digest: None,
    }
}

pub(crate) fn alert(purpose: &str, text: Option<&str>, content: Content) -> Alert {
    let collector = Collector::default();
    Alert::new(AlertParts {
        grading: Grading::read(&collector.root(), GradingScale::Europol, "B", 2).unwrap(),
        purpose: purpose.parse().unwrap(),
        handling_text: text.map(|text| text.parse().unwrap()),
        retention_until: "2027-01-31".parse().unwrap(),
        content,
    })
    .unwrap()
}

pub(crate) fn recall() -> Content {
    Content::Recall(Recall { reason: "invented".parse().unwrap() })
}

/// What a forward encloses.
pub(crate) struct Scene {
    pub(crate) enclosed: (Header, Alert),
    pub(crate) grant: Option<(Header, Alert)>,
    pub(crate) handling: Handling,
    pub(crate) text: Option<Text>,
    pub(crate) purpose: Line,
}

impl Scene {
    pub(crate) fn of(case: &Case) -> Self {
        let it = &case.forward;
        let originator = if it.originator == "forwarder" { ME } else { "VN-GDVC" };
        let mut had_it = vec![if originator == ME { "VN-GDVC" } else { ME }];
        had_it.extend(it.sent_to_second.then_some(TO[1]));
        let category = if it.same_category { Category::Narcotics } else { Category::Tobacco };
        let enclosed =
            header(originator, &had_it, kind(it.kind), handling(it.label, it.codes.clone()), category);
        let text = it.codes.contains(&3).then_some("not to the press");
        let purpose = if it.same_purpose { "seizure" } else { "taxation" };
        let kept = it.codes.iter().copied().skip(usize::from(it.code_left_out));
        let said = if it.text_left_out { None } else { text.map(|text| format!("As before: {text}.")) };
        Self {
            enclosed: (enclosed, alert("seizure", text, recall())),
            grant: it.grant.as_ref().map(|grant| Self::grant(grant, originator, purpose)),
            handling: handling(it.goes_on_as, kept),
            text: said.map(|text| text.parse().unwrap()),
            purpose: purpose.parse().unwrap(),
        }
    }

    fn grant(grant: &Grant, originator: &str, purpose: &str) -> (Header, Alert) {
        let by = if grant.by_originator { originator } else { TO[0] };
        let to = if grant.to_forwarder { [ME] } else { [TO[1]] };
        let mut header = header(by, &to, Kind::Permission, handling(0, []), Category::Narcotics);
        header.in_reply_to = Some(if grant.this_message { id(1) } else { id(2) });
        let agencies = TO.iter().take(grant.names).map(|id| agency(id)).collect();
        let permission = Permission {
            decision: if grant.granted { Decision::Granted } else { Decision::Refused },
            agencies: List::new(agencies).unwrap(),
            until: grant.ended.then(|| "2026-09-01".parse().unwrap()),
            conditions: None,
        };
        let purpose = if grant.for_purpose { purpose } else { "statistics" };
        (header, alert(purpose, None, Content::Permission(permission)))
    }

    pub(crate) fn onward<'a>(&'a self, case: &Case, me: &'a AgencyId) -> Onward<'a> {
        let it = &case.forward;
        Onward {
            forwarder: me,
            category: Category::Narcotics,
            handling: &self.handling,
            handling_text: self.text.as_ref(),
            purpose: &self.purpose,
            retention_until: if it.longer { "2027-02-01" } else { "2027-01-31" }.parse().unwrap(),
            enclosed: (&self.enclosed.0, &self.enclosed.1),
            grant: self.grant.as_ref().map(|(header, alert)| (header, alert)),
            withdrawn: Withdrawn {
                message: it.recalled,
                grant: it.grant.as_ref().is_some_and(|grant| grant.recalled),
            },
            now: NOW,
        }
    }
}

pub(crate) fn known(case: &Case) -> Vec<Named> {
    let named = |author: &str, kind, recipients: &[&str]| Named {
        author: agency(author),
        kind,
        recipients: recipients.iter().map(|id| agency(id)).collect(),
        amends: (kind == Kind::Amendment).then_some(Kind::Request),
    };
    match case.ledger {
        "sender" => vec![named("VN-GDVC", Kind::Request, &[ME]), named(ME, kind(case.about), &TO)],
        "stranger" => vec![named("VN-GDVC", Kind::Request, &[ME])],
        "recall" => vec![named(TO[0], Kind::Recall, &[ME])],
        _ => Vec::new(),
    }
}
