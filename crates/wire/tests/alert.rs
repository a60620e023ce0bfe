//! Bodies that no sender should have made: each is refused whole, none makes the reader panic.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use prost::Message as _;
use sealpost_domain::envelope::BODY_BYTES_MAX;
use sealpost_domain::message::Kind;
use sealpost_proto::v1 as pb;
use sealpost_wire::alert::{self, Error};
use sealpost_wire::json;

fn example(kind: Kind) -> pb::Alert {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sample/examples").join(format!("{kind}.json"));
    let draft = json::parse_draft(fs::read(path).unwrap()).unwrap();
    alert::alert_message(draft.alert())
}

fn refused_at(message: pb::Alert) -> Vec<String> {
    let faults = alert::alert(message).unwrap_err();
    faults.as_slice().iter().map(|fault| fault.path().to_owned()).collect()
}

fn outcome(change: impl FnOnce(&mut pb::Outcome)) -> pb::Alert {
    let mut message = example(Kind::Outcome);
    if let Some(pb::alert_content::Kind::Outcome(outcome)) = message.content.as_mut().unwrap().kind.as_mut() {
        change(outcome);
    }
    message
}

#[test]
fn an_empty_message_is_told_what_it_lacks() {
    assert_eq!(refused_at(pb::Alert::default()), ["grading", "purpose", "retention_until", "content"]);
    assert!(matches!(alert::alert_from_bytes(&[]), Err(Error::Content(_))));
}

#[test]
fn an_enum_that_is_unspecified_or_unknown_refuses_the_alert() {
    let message = outcome(|outcome| {
        outcome.result = 0;
        outcome.stage = 77;
        outcome.mode = 7;
        outcome.concealment = -1;
        outcome.arrests[0].residence = 0;
        outcome.seizures[0].item = Some(pb::seizure::Item::Drug(0));
        outcome.seizures[1].quantity.as_mut().unwrap().unit = 4;
        outcome.seizures[2].item = None;
    });
    let expected = [
        "result",
        "stage",
        "mode",
        "concealment",
        "arrests[0].residence",
        "seizures[0].item.drug",
        "seizures[1].quantity.unit",
        "seizures[2].item",
    ];
    assert_eq!(refused_at(message), expected.map(|path| format!("content.outcome.{path}")));
    assert!(
        alert::alert(outcome(|outcome| outcome.concealment = 0)).is_ok(),
        "concealment may be unreported"
    );
}

#[test]
fn values_out_of_bounds_refuse_the_alert() {
    let message = outcome(|outcome| {
        outcome.note = "x".repeat(8001);
        outcome.seizures = vec![outcome.seizures[0].clone(); 101];
    });
    assert_eq!(refused_at(message), ["content.outcome.seizures", "content.outcome.note"]);
    let message = outcome(|outcome| {
        outcome.cases = 10_001;
        outcome.seizures[2].kilograms_per_unit = "0".to_owned();
    });
    assert_eq!(
        refused_at(message),
        ["content.outcome.cases", "content.outcome.seizures[2].kilograms_per_unit"]
    );
    let message = outcome(|outcome| outcome.seizures[0].value.as_mut().unwrap().minor_units = u64::MAX);
    assert_eq!(refused_at(message), ["content.outcome.seizures[0].value.minor_units"]);
}

#[test]
fn amendments_do_not_nest() {
    let mut message = example(Kind::Amendment);
    let inner = message.content.clone().unwrap();
    if let Some(pb::alert_content::Kind::Amendment(amendment)) =
        message.content.as_mut().unwrap().kind.as_mut()
    {
        amendment.replacement = Some(Box::new(inner));
    }
    assert_eq!(refused_at(message), ["content.amendment.replacement"]);
}

#[test]
fn a_body_larger_than_a_mebibyte_is_refused_both_ways() {
    assert!(matches!(
        alert::alert_from_bytes(&vec![0; BODY_BYTES_MAX + 1]),
        Err(Error::TooLarge { found }) if found == BODY_BYTES_MAX + 1
    ));
    let mut message = example(Kind::Forward);
    if let Some(pb::alert_content::Kind::Forward(forward)) = message.content.as_mut().unwrap().kind.as_mut() {
        forward.body = vec![7; BODY_BYTES_MAX].into();
    }
    let alert = alert::alert(message).unwrap();
    assert!(matches!(alert::alert_to_bytes(&alert), Err(Error::TooLarge { .. })));
}

proptest! {
    /// Whatever still parses after a change is a valid alert, and says the same when it is written and read again.
    #[test]
    fn changed_bytes_are_refused_or_make_another_valid_alert(
        kind in prop::sample::select(Kind::ALL), at in any::<prop::sample::Index>(), to in any::<u8>(),
    ) {
        let mut bytes = example(kind).encode_to_vec();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(read) = alert::alert_from_bytes(&bytes) {
            let again = alert::alert_from_bytes(&alert::alert_to_bytes(&read).unwrap()).unwrap();
            prop_assert_eq!(again, read);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = alert::alert_from_bytes(&bytes);
    }
}
