use super::*;

fn agency(text: &str) -> AgencyId {
    text.parse().unwrap()
}

fn id(number: u8) -> MessageId {
    MessageId::new(u64::from(number), [number; 10])
}

fn record(index: u64, message: MessageId, direction: Direction) -> Record {
    Record { index, message, direction, excepted: None, copy_of: None }
}

/// One message from Hong Kong to Germany and Thailand, read in Germany; everything as it should be.
fn history() -> (Expected, BTreeMap<AgencyId, Found>) {
    let (hk, de, th) = (agency("HK-CED"), agency("DE-ZKA"), agency("TH-TCD"));
    let addressees = [(de.clone(), Least::Read), (th.clone(), Least::Delivered)].into();
    let message = Message { name: "case-001/alert".to_owned(), sender: hk.clone(), addressees };
    let figures = [(hk.clone(), Statistics { counted: 1, ..Statistics::default() })].into();
    let expected = Expected { messages: [(id(1), message)].into(), figures };
    let states = [(de.clone(), DeliveryState::Read), (th.clone(), DeliveryState::Delivered)].into();
    let at_sender = Found {
        records: vec![record(2, id(1), Direction::Sent)],
        states: [(id(1), states)].into(),
        figures: Some(Statistics { counted: 1, ..Statistics::default() }),
        ..Found::default()
    };
    let at_recipient = Found { records: vec![record(4, id(1), Direction::Received)], ..Found::default() };
    (expected, [(hk, at_sender), (de, at_recipient.clone()), (th, at_recipient)].into())
}

/// The differences after a change of what was found at one agency.
fn told(at: &str, change: impl FnOnce(&mut Found)) -> Vec<String> {
    let (expected, mut found) = history();
    change(found.entry(agency(at)).or_default());
    differences(&expected, &found).iter().map(ToString::to_string).collect()
}

#[test]
fn what_should_have_happened_has_no_differences() {
    assert_eq!(told("HK-CED", |_| {}), [""; 0]);
}

#[test]
fn a_message_that_is_not_there_is_missing_at_the_sender_and_at_an_addressee() {
    let gone = |found: &mut Found| found.records.clear();
    assert_eq!(told("TH-TCD", gone), ["missing: case-001/alert is not in the ledger of TH-TCD"]);
    assert_eq!(told("HK-CED", gone), ["missing: case-001/alert is not in the ledger of HK-CED"]);
}

#[test]
fn an_agency_of_which_nothing_was_found_has_nothing() {
    let (expected, mut found) = history();
    found.remove(&agency("DE-ZKA"));
    assert_eq!(differences(&expected, &found).len(), 1);
}

#[test]
fn a_message_that_is_there_twice_is_repeated_under_its_id_and_under_another() {
    let text = ["repeated: case-001/alert is in the ledger of DE-ZKA 2 times, as records [4, 9]"];
    assert_eq!(told("DE-ZKA", |found| found.records.push(record(9, id(1), Direction::Received))), text);
    let copy = Record { copy_of: Some(id(1)), ..record(9, id(2), Direction::Received) };
    assert_eq!(told("DE-ZKA", |found| found.records.push(copy)), text);
}

#[test]
fn a_message_in_a_strange_ledger_was_not_addressed_to_it() {
    let text =
        ["not-addressed: case-001/alert is in the ledger of KR-KCS as record 7, and was not addressed to it"];
    assert_eq!(told("KR-KCS", |found| found.records.push(record(7, id(1), Direction::Received))), text);
    let sent_by_its_recipient = record(7, id(1), Direction::Sent);
    assert_eq!(told("DE-ZKA", |found| found.records.push(sent_by_its_recipient)).len(), 1);
}

#[test]
fn a_message_that_nobody_published_is_unknown() {
    let told = told("DE-ZKA", |found| found.records.push(record(7, id(3), Direction::Received)));
    assert!(told.len() == 1 && told[0].starts_with("unknown: record 7 in the ledger of DE-ZKA"), "{told:?}");
}

#[test]
fn a_message_that_was_kept_back_is_told_with_its_rule() {
    let told = told("DE-ZKA", |found| found.records[0].excepted = Some("signature.invalid".to_owned()));
    assert_eq!(
        told,
        ["kept-back: case-001/alert reached DE-ZKA and was kept back there by rule signature.invalid"]
    );
}

#[test]
fn a_receipt_that_is_not_back_is_told_with_the_state() {
    let set = |agency_id: &str, state| {
        let agency_id = agency(agency_id);
        move |found: &mut Found| {
            found.states.get_mut(&id(1)).unwrap().insert(agency_id, state);
        }
    };
    let thailand = "no-receipt: case-001/alert to TH-TCD should be DELIVERED at its sender HK-CED, ";
    assert_eq!(
        told("HK-CED", set("TH-TCD", DeliveryState::Accepted)),
        [format!("{thailand}and is ACCEPTED")]
    );
    let germany = "no-receipt: case-001/alert to DE-ZKA should be READ at its sender HK-CED, ";
    assert_eq!(
        told("HK-CED", set("DE-ZKA", DeliveryState::Delivered)),
        [format!("{germany}and is DELIVERED")]
    );
    assert_eq!(told("HK-CED", set("TH-TCD", DeliveryState::Read)), [""; 0], "more than the least");
    let forget = |found: &mut Found| found.states.clear();
    assert_eq!(
        told("HK-CED", forget),
        [
            format!("{germany}which knows of no such addressee"),
            format!("{thailand}which knows of no such addressee"),
        ]
    );
}

#[test]
fn a_ledger_with_a_fault_is_told_and_what_lies_behind_the_fault_is_not() {
    let told = told("DE-ZKA", |found| {
        found.fault = Some("record 3: checksum".to_owned());
        found.records.clear();
    });
    assert_eq!(told, ["ledger: the ledger of DE-ZKA does not verify: record 3: checksum"]);
}

#[test]
fn figures_that_differ_are_told_for_their_total_or_for_their_parts() {
    let wrong_total = |found: &mut Found| found.figures.as_mut().unwrap().total.cases = 2;
    let told_total = told("HK-CED", wrong_total);
    assert!(told_total[0].starts_with("figures: HK-CED counts 2 cases,"), "{told_total:?}");
    let wrong_parts = |found: &mut Found| found.figures.as_mut().unwrap().counted = 2;
    assert_eq!(
        told("HK-CED", wrong_parts),
        ["figures: the figures of HK-CED have the right total and wrong parts"]
    );
    assert_eq!(told("HK-CED", |found| found.figures = None).len(), 1);
}
