//! The JSON form from the outside: the examples that are shipped, the published schemas, and what a user is told about
//! a wrong document.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};
use std::{env, fs};

use sealpost_domain::alert::{Draft, DraftParts, Faults};
use sealpost_domain::handling::Tlp;
use sealpost_domain::message::{Kind, SharingMode};
use sealpost_wire::{alert, json};
use serde_json::{Value, json};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn example(kind: &str) -> String {
    let path = project().join("sample/examples").join(kind).with_extension("json");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The example of a kind with one change.
fn changed(kind: &str, change: impl Fn(&mut Value)) -> Result<Draft, Faults> {
    let mut document: Value = serde_json::from_str(&example(kind)).unwrap();
    change(&mut document);
    json::parse_draft(document.to_string())
}

fn faults(result: Result<Draft, Faults>) -> Vec<String> {
    result.unwrap_err().as_slice().iter().map(ToString::to_string).collect()
}

#[test]
fn every_kind_has_an_example_that_survives_the_contract_unchanged() {
    for kind in Kind::ALL {
        let text = example(kind.as_str());
        let draft = json::parse_draft(&text).unwrap_or_else(|faults| panic!("{kind}: {faults}"));
        assert_eq!(draft.kind(), *kind);
        assert!(text.contains("nvented"), "{kind}: an example says that it is invented");

        let bytes = alert::alert_to_bytes(draft.alert()).unwrap();
        let read = alert::alert_from_bytes(&bytes).unwrap_or_else(|error| panic!("{kind}: {error}"));
        let again = Draft::new(DraftParts { alert: read, ..draft.parts().clone() }).unwrap();
        assert_eq!(again, draft, "{kind}");
        assert_eq!(json::draft_to_string_pretty(&again) + "\n", text, "{kind}: examples are canonical");
        assert_eq!(json::parse_draft(json::draft_to_string(&draft)).unwrap(), draft, "{kind}");
        assert!(!json::draft_to_string(&draft).contains('\n'), "{kind}: one document, one line");
    }
    let files = fs::read_dir(project().join("sample/examples")).unwrap().count();
    assert_eq!(files, Kind::ALL.len(), "one example for each kind, and nothing else");
}

/// `SEALPOST_REGENERATE=1 cargo test -p sealpost-wire --test json` writes them anew.
#[test]
fn the_published_schemas_are_those_of_the_code() {
    for (name, schema) in [("draft", json::draft_schema()), ("message", json::message_schema())] {
        let path = project().join("docs/schema").join(name).with_extension("schema.json");
        let generated = serde_json::to_string_pretty(schema).unwrap() + "\n";
        if env::var_os("SEALPOST_REGENERATE").is_some() {
            fs::write(&path, &generated).unwrap();
        }
        let published = fs::read_to_string(&path).unwrap();
        assert!(
            published == generated,
            "{} differs from the code; SEALPOST_REGENERATE=1 cargo test -p sealpost-wire --test json writes it anew",
            path.display()
        );
    }
}

#[test]
fn every_fault_of_the_structure_is_told_at_once() {
    let result = changed("suspect_shipment", |document| {
        document.as_object_mut().unwrap().remove("priority");
        document["colour"] = json!("red");
        document["grading"]["information"] = json!("2");
        document["content"]["suspect_shipment"]["identifiers"][1]["typ"] = json!("ucr");
        document["content"]["suspect_shipment"]["route"][0]["from"] = json!(7);
        document["content"]["suspect_shipment"]["suspicion"].as_object_mut().unwrap().remove("reason");
    });
    let faults = faults(result);
    for expected in [
        "priority: found nothing, expected one of FLASH, URGENT, ROUTINE",
        "grading.information: found `2`, expected a whole number, not negative",
        "content.suspect_shipment.identifiers[1]: found the unknown field `typ`, expected one of type, value",
        "content.suspect_shipment.route[0].from: found 7, expected a text such as `HKHKG`",
        "content.suspect_shipment.suspicion.reason: found nothing, expected a text",
    ] {
        assert!(faults.iter().any(|fault| fault == expected), "{expected}\n{faults:#?}");
    }
    assert!(faults.iter().any(|fault| fault.starts_with("found the unknown field `colour`")), "{faults:#?}");
    assert_eq!(faults.len(), 6, "{faults:#?}");
}

#[test]
fn every_wrong_value_is_told_at_once() {
    let result = changed("suspect_traveller", |document| {
        document["recipients"][0] = json!("Zoll");
        document["tlp"] = json!("amber");
        document["act_before"] = json!("2026-10-04T06:20:00");
        document["grading"]["source"] = json!("E");
        let traveller = &mut document["content"]["suspect_traveller"];
        traveller["flights"][0] = json!("CX289");
        traveller["person"]["nationality"] = json!("UK");
        traveller["person"]["documents"][0]["mrz"][1] = json!("X000000174UTO9103042M3109019<<<<<<<<<<<<<<00");
        traveller["companions"][0]["birth_date"] = json!("88");
        traveller["suspicion"]["drugs"][1] = json!("ecstasy");
        traveller["suspicion"]["reason"] = json!("\u{1b}[2J");
    });
    let paths: Vec<String> =
        result.unwrap_err().as_slice().iter().map(|fault| fault.path().to_owned()).collect();
    assert_eq!(
        paths,
        [
            "recipients[0]",
            "act_before",
            "tlp",
            "grading.source",
            "content.suspect_traveller.person.nationality",
            "content.suspect_traveller.person.documents[0].mrz",
            "content.suspect_traveller.suspicion.reason",
            "content.suspect_traveller.suspicion.drugs[1]",
            "content.suspect_traveller.flights[0]",
            "content.suspect_traveller.companions[0].birth_date",
        ]
    );
}

#[test]
fn every_broken_rule_is_told_at_once() {
    let result = changed("transit_case", |document| {
        document["handling"] = json!(["H3"]);
        document["act_before"] = json!("2026-10-04T12:00:00+02:00");
        document["content"]["transit_case"]["outbound"]["arrives"] = json!("2026-10-04T09:30:00Z");
    });
    assert_eq!(
        faults(result),
        [
            "content.transit_case.outbound.arrives: found 2026-10-04T09:30:00Z, expected a time after the departure, \
             2026-10-04T11:30:00+02:00",
            "handling_text: found nothing, expected the restrictions in words, since handling has H3",
            "act_before: found 2026-10-04T12:00:00+02:00, expected a time not after the window closes, \
             2026-10-04T11:30:00+02:00",
        ]
    );
}

#[test]
fn a_content_is_exactly_one_kind() {
    let two = changed("recall", |document| document["content"]["outcome"] = json!({}));
    assert!(
        faults(two)[0]
            .starts_with("content: found an object with 2 fields, expected an object with exactly one of")
    );
    let unknown = changed("recall", |document| document["content"] = json!({ "alarm": {} }));
    assert!(faults(unknown)[0].starts_with("content: found `alarm`, expected an object with exactly one of"));
    let listed = changed("recall", |document| document["content"]["recall"] = json!(["a list of values"]));
    assert_eq!(faults(listed), ["content.recall: found a list, expected an object"]);
    let nested = changed("amendment", |document| {
        document["content"]["amendment"]["replacement"] = document["content"].clone();
    });
    assert!(faults(nested)[0].starts_with("content.amendment.replacement: found amendment, expected"));
}

#[test]
fn what_is_not_one_document_is_refused_with_its_place() {
    let text = example("recall");
    for (document, found) in [
        (String::new(), "line 1 column 0"),
        (text.replacen(':', "", 1), "line 2"),
        (format!("{text}{text}"), "trailing characters"),
        (
            text.replacen("\"priority\"", "\"priority\": \"FLASH\", \"priority\"", 1),
            "duplicate field `priority`",
        ),
        ("[".repeat(1000), "recursion limit"),
    ] {
        let faults = faults(json::parse_draft(&document));
        assert!(faults.len() == 1 && faults[0].contains(found), "{found}: {faults:?}");
    }
    assert!(faults(json::parse_draft(b"\xff\xfe".as_slice()))[0].contains("line 1"));
    let huge = vec![b' '; json::DOCUMENT_BYTES_MAX + 1];
    assert!(faults(json::parse_draft(&huge))[0].contains("expected a document of at most"));
}

#[test]
fn spellings_are_normalised_and_white_is_clear() {
    let draft = changed("suspect_shipment", |document| {
        document["tlp"] = json!("WHITE");
        document["content"]["suspect_shipment"]["identifiers"][0]["value"] = json!(" slpu 304117-4 ");
        document["content"]["suspect_shipment"]["goods"][0]["hs"]["code"] = json!("690721");
        document["content"]["suspect_shipment"]["goods"][0]["value"]["amount"] = json!("210000");
    });
    let written = match draft {
        Ok(draft) => {
            assert_eq!(draft.parts().handling.tlp(), Tlp::Clear);
            json::draft_to_string_pretty(&draft) + "\n"
        }
        Err(faults) => panic!("{faults}"),
    };
    assert_eq!(written, example("suspect_shipment").replace("AMBER+STRICT", "CLEAR"));
}

#[test]
fn a_reply_is_on_request_and_all_else_spontaneous_unless_said() {
    let sharing = |kind| json::parse_draft(example(kind)).unwrap().parts().sharing;
    assert_eq!(sharing("reply"), SharingMode::OnRequest);
    assert_eq!(sharing("recall"), SharingMode::Spontaneous);
    assert_eq!(sharing("sighting"), SharingMode::Automatic);
    let said = changed("reply", |document| document["sharing_mode"] = json!("spontaneous")).unwrap();
    assert!(json::draft_to_string(&said).contains("spontaneous"), "what differs from the rule is written");
}

#[test]
fn too_many_entries_are_refused_and_so_are_too_many_faults() {
    let many = changed("request", |document| {
        let identifiers = document["content"]["request"]["identifiers"].as_array_mut().unwrap();
        *identifiers = vec![identifiers[0].clone(); 101];
    });
    assert_eq!(
        faults(many),
        ["content.request.identifiers: found 101 entries, expected at most 100 entries"]
    );
    let wrong = changed("request", |document| {
        let wrong = json!({ "type": "container", "value": "X", "x": 1 });
        document["content"]["request"]["identifiers"] = json!(vec![wrong; 10_000]);
    });
    assert_eq!(faults(wrong).len(), 100);
}
