use super::*;

const SAMPLE: &str = include_str!("../../../../certs/roster.toml");

fn parse(text: &str) -> Result<Roster, Error> {
    Roster::parse(text, Path::new("roster.toml"))
}

fn faults(text: &str) -> Vec<String> {
    match parse(text).unwrap_err() {
        Error::Faults { faults, .. } => faults.iter().map(Fault::to_string).collect(),
        error => panic!("{error}"),
    }
}

const TWO: &str = r#"
network = "test.sealpost"
hub = { name = "main" }
jurisdictions = [{ code = "HK", name = "Hong Kong" }, { code = "DE", name = "Germany" }]
agencies = [{ id = "HK-CED", name = "One" }, { id = "DE-ZKA", name = "Two" }]
"#;

#[test]
fn the_sample_roster_has_seventeen_jurisdictions() {
    let roster = parse(SAMPLE).unwrap();
    assert_eq!(roster.jurisdictions.len(), 17);
    assert_eq!(roster.agencies.len(), 17);
    for agency in &roster.agencies {
        let people = [agency.systems.len(), agency.officers.len(), agency.auditors.len()];
        assert!(matches!(people, [1..=2, 2, 1]), "{}: {people:?}", agency.id);
    }
    assert_eq!(roster.agreements[0].id.as_str(), "SAMPLE-CMAA-2023");
    assert_eq!(roster.operations[0].id.as_str(), "OP-MARKER-2023");
}

#[test]
fn what_is_left_out_of_an_agreement_means_all() {
    let roster =
        parse(&format!("{TWO}[[agreements]]\nid = 'A'\ntitle = 'Invented'\nfrom = 2023-01-01T00:00:00Z\n"))
            .unwrap();
    let agreement = &roster.agreements[0];
    assert_eq!(agreement.parties, Members::All);
    assert_eq!(agreement.categories.len(), Category::ALL.len());
    assert_eq!(agreement.strictest_tlp, Tlp::Red);
    assert_eq!(agreement.period.until, None);
}

#[test]
fn every_fault_is_told_at_once_with_its_place() {
    let text = r#"
network = "Sample"
colour = "red"

[hub]
name = "main"
operator = ["ops"]

[[jurisdictions]]
code = "HK"

[[agencies]]
id = "HK-CED"
name = "Hong Kong Customs"
officers = ["desk-1", "Desk 2", "desk-1"]

[[agencies]]
id = "DE-ZKA"
name = 7

[[agreements]]
id = "A"
title = "Invented"
parties = ["HK-CED", "FR-DG"]
categories = ["drugs"]
from = "yesterday"

[[operations]]
id = "OP"
lead = "KR-KCS"
from = 2023-10-01T00:00:00Z
until = 2023-09-01T00:00:00Z
"#;
    insta::assert_snapshot!(faults(text).join("\n"), @r#"
    line 2: network is "Sample", expected 1 to 63 of a-z, 0-9, hyphen and dot, such as sample.sealpost
    line 3: colour is unknown, expected one of network, hub, authority, jurisdictions, agencies, agreements, operations
    line 7: hub.operator is unknown, expected one of name, operators
    line 9: jurisdictions[0].name is missing, expected 1 to 128 letters on one line
    line 15: agencies[0].officers[1] is "Desk 2", expected 1 to 63 of a-z, 0-9 and hyphen, such as desk-1
    line 15: agencies[0].officers[2] repeats desk-1
    line 18: agencies[1].id is DE-ZKA, and no [[jurisdictions]] has the code DE
    line 19: agencies[1].name is a value of type integer, expected 1 to 128 letters on one line
    line 24: agreements[0].parties[1] is FR-DG, who is not among the agencies
    line 25: agreements[0].categories[0] is "drugs", expected one of narcotics, precursors, tobacco, smuggling, intellectual_property, money_laundering, weapons, wildlife, currency, revenue, other
    line 26: agreements[0].from is "yesterday", expected a time with an offset, such as 2023-10-01T00:00:00Z
    line 30: operations[0].lead is KR-KCS, who is not a member
    line 32: operations[0].until is not after from = 2023-10-01T00:00:00Z
    "#);
}

#[test]
fn what_is_not_toml_is_told_with_its_line() {
    let error = parse("network = 'a'\nhub = {").unwrap_err();
    assert!(error.to_string().starts_with("roster.toml, line 2: this is not TOML"), "{error}");
}

#[test]
fn repeated_agencies_and_a_network_of_one_are_refused() {
    let twice = TWO.replace("DE-ZKA", "HK-CED");
    assert_eq!(faults(&twice), ["line 5: agencies[1].id repeats HK-CED"]);
    let one = TWO.replace(", { id = \"DE-ZKA\", name = \"Two\" }", "");
    assert_eq!(faults(&one), ["line 1: agencies are 1, expected two or more"]);
}

#[test]
fn members_are_those_of_the_agencies_that_take_part() {
    let ids: Vec<AgencyId> = ["HK-CED", "DE-ZKA", "AU-ABF"].map(|id| id.parse().unwrap()).into();
    assert_eq!(Members::All.among(&ids).first().unwrap().as_str(), "AU-ABF");
    let only = Members::Only([ids[0].clone()].into());
    assert_eq!(only.among(&ids), [ids[0].clone()]);
    assert!(only.among(&ids[1..]).is_empty());
}

#[test]
fn approvals_are_demanded_of_as_many_officers_as_there_are() {
    let with = |rule: &str| {
        TWO.replace(
            r#"{ id = "HK-CED", name = "One" }"#,
            &format!(r#"{{ id = "HK-CED", name = "One", officers = ["a", "b"], approvals = [{rule}] }}"#),
        )
    };
    let roster = parse(&with(r#"{ kinds = ["transit_case"], tlp = ["RED"], officers = 2 }, {}"#)).unwrap();
    let [rule, left_out] = roster.agencies[0].approvals.as_slice() else { panic!("{roster:?}") };
    assert_eq!(
        (&rule.kinds[..], &rule.tlp[..], rule.approvals),
        (&[Kind::TransitCase][..], &[Tlp::Red][..], 2)
    );
    assert!(left_out.kinds.is_empty() && left_out.tlp.is_empty() && left_out.approvals == 1);
    let faults = faults(&with(r#"{ kinds = ["alert"], officers = 3 }"#));
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(
        faults.iter().any(|fault| fault.ends_with("officers is 3, and the agency has 2 officers")),
        "{faults:?}"
    );
}
