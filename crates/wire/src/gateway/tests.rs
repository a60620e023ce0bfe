use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::fault::Collector;
use sealpost_domain::alert::{
    Alert, AlertParts, ComplianceAnswer, Content, Draft, DraftParts, Enclosed, Grading, GradingScale, List,
    Recall,
};
use sealpost_domain::answer::{Change, Effect};
use sealpost_domain::approval::Release;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::envelope::Signature;
use sealpost_domain::handling::{Handling, HandlingCode, Tlp};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::{Category, Kind, MessageId, Priority, SharingMode};
use sealpost_domain::statement::Signed;
use sealpost_domain::stats::{Counts, Dimension, Period};
use sealpost_domain::view::{
    Answered, Changed, Covered, DeliveryState, Direction, Erased, Event, Filter, Forwarded, Group, HubStatus,
    PeerStatus, Place, Published, Query, RecipientAnswer, RecipientState, Refusal, Sending, Shown,
    Statistics, Status, Tracked, Verification,
};
use sealpost_proto::v1 as pb;

use super::*;

fn agency(text: &str) -> AgencyId {
    text.parse().unwrap()
}

fn id(random: u8) -> MessageId {
    MessageId::new(1_700_000_000_000, [random; 10])
}

fn alert() -> Alert {
    let collector = Collector::default();
    let grading = Grading::read(&collector.root(), GradingScale::Europol, "B", 2).unwrap();
    Alert::new(AlertParts {
        grading,
        purpose: "prevention of smuggling".parse().unwrap(),
        handling_text: None,
        retention_until: "2027-01-31".parse().unwrap(),
        content: Content::Recall(Recall { reason: "sent to the wrong agency".parse().unwrap() }),
    })
    .unwrap()
}

fn draft() -> Draft {
    Draft::new(DraftParts {
        recipients: vec![agency("DE-ZKA"), agency("TH-TCD")],
        operation: Some("OP-MARKER-2023".parse().unwrap()),
        priority: Priority::Urgent,
        act_before: Some("2026-10-03T14:05:00Z".parse().unwrap()),
        category: Category::Narcotics,
        handling: Handling::new(Tlp::Amber, [HandlingCode::H0, HandlingCode::H2]),
        sharing: SharingMode::Spontaneous,
        in_reply_to: Some(id(1)),
        alert: alert(),
    })
    .unwrap()
}

fn states() -> Vec<RecipientState> {
    let refused = RecipientState {
        agency: agency("TH-TCD"),
        state: DeliveryState::Refused,
        since: Instant::from_millis(20),
        rule: Some("agreement.none".to_owned()),
        overdue: true,
        changed: None,
    };
    let read = RecipientState {
        agency: agency("DE-ZKA"),
        state: DeliveryState::Read,
        since: Instant::from_millis(10),
        rule: None,
        overdue: false,
        changed: Some(Change { effect: Effect::Recalled, sent_at: Instant::from_millis(30), by: id(7) }),
    };
    vec![read, refused]
}

fn sample() -> Shown {
    Shown {
        index: 17,
        direction: Direction::Sent,
        id: id(2),
        sender: agency("HK-CED"),
        recipients: vec![agency("DE-ZKA"), agency("TH-TCD")],
        operation: None,
        sent_at: Instant::from_millis(1),
        recorded_at: Instant::from_millis(2),
        kind: Kind::Recall,
        priority: Priority::Flash,
        act_before: Some(Instant::from_millis(3)),
        category: Category::Tobacco,
        mode: SharingMode::OnRequest,
        handling: Handling::new(Tlp::AmberStrict, [HandlingCode::H1]),
        in_reply_to: Some(id(1)),
        alert: Some(alert()),
        verification: Verification {
            signing_key: KeyId::new([7; 32]),
            header: Digest::new([8; 32]),
            directory_version: 3,
            link_number: 4,
            agreement: "CMAA-2023".to_owned(),
        },
        read: true,
        late: true,
        gap_before: true,
        states: states(),
        changed: Some(changed()),
        enclosed: Some(enclosed()),
        forwarded: Some(Box::new(forwarded())),
        erased: Some(Erased { record: 90, at: Instant::from_millis(60), rule: "erasure.ordered".to_owned() }),
        held: true,
    }
}

fn forwarded() -> Forwarded {
    Forwarded {
        id: id(10),
        sender: agency("TH-TCD"),
        recipients: vec![agency("HK-CED")],
        sent_at: Instant::from_millis(50),
        kind: Kind::Recall,
        category: Category::Wildlife,
        handling: Handling::new(Tlp::Red, [HandlingCode::H2]),
        in_reply_to: Some(id(11)),
        alert: alert(),
        changed: Some(changed()),
    }
}

fn changed() -> Changed {
    Changed {
        effect: Effect::Amended,
        by: id(7),
        sent_at: Instant::from_millis(30),
        recorded_at: Instant::from_millis(31),
        reason: Some("the number was read wrongly".parse().unwrap()),
        replacement: Some(Content::Recall(Recall { reason: "in its place".parse().unwrap() })),
    }
}

fn enclosed() -> Enclosed {
    let signature = Signature { key_id: KeyId::new([5; 32]), bytes: vec![6; 64].into() };
    let signatures = List::new(vec![signature]).unwrap();
    Enclosed { header: vec![1, 2].into(), signatures, salt: [4; 32], body: vec![3].into() }
}

fn release() -> Release {
    let signatures = vec![Signature { key_id: KeyId::new([5; 32]), bytes: vec![6; 64].into() }];
    Release {
        message: id(8),
        salt: [4; 32],
        body: crate::alert::alert_to_bytes(&alert()).unwrap().into(),
        approvals: vec![Signed { payload: vec![1].into(), signatures }],
    }
}

#[test]
fn a_released_message_is_read_with_the_bytes_that_were_approved_and_is_named_by_its_id() {
    let (sequence, publication) = publish_request(release_request_message(3, &draft(), &release()));
    let key = Some(id(8).to_string().parse().unwrap());
    assert_eq!(sequence, 3);
    assert_eq!(publication, Ok(Publication { key, draft: draft(), release: Some(release()) }));
}

#[test]
fn a_release_that_is_not_whole_is_refused_with_its_path() {
    let paths = |change: fn(&mut pb::PublishRequest)| {
        let mut message = release_request_message(1, &draft(), &release());
        change(&mut message);
        let refusals = publish_request(message).1.unwrap_err();
        refusals.into_iter().map(|refusal| refusal.path).collect::<Vec<_>>()
    };
    assert_eq!(paths(|message| message.idempotency_key = "case-117".to_owned()), ["idempotency_key"]);
    let alert = |message: &mut pb::PublishRequest| {
        message.draft.as_mut().unwrap().alert = Some(crate::alert::alert_message(&alert()));
    };
    assert_eq!(paths(alert), ["alert"]);
    assert_eq!(paths(|message| message.release.as_mut().unwrap().salt.clear()), ["release.salt"]);
    let unapproved = |message: &mut pb::PublishRequest| message.release.as_mut().unwrap().approvals.clear();
    assert_eq!(paths(unapproved), ["release.approvals"]);
    let other = |message: &mut pb::PublishRequest| message.release.as_mut().unwrap().body = vec![0xff].into();
    assert_eq!(paths(other), ["release.body", "alert"]);
}

fn answers() -> Vec<RecipientAnswer> {
    let answered = Answered {
        answer: Some(ComplianceAnswer::LegalHold),
        note: Some("part of a court file".parse().unwrap()),
        by: id(9),
        at: Instant::from_millis(40),
    };
    vec![
        RecipientAnswer { agency: agency("DE-ZKA"), answered: Some(answered), late: false },
        RecipientAnswer { agency: agency("TH-TCD"), answered: None, late: true },
    ]
}

#[test]
fn a_draft_is_read_as_it_was_handed_in() {
    let key = "case-117".parse().unwrap();
    let (sequence, publication) = publish_request(publish_request_message(9, Some(&key), &draft()));
    assert_eq!(sequence, 9);
    assert_eq!(publication, Ok(Publication { key: Some(key), draft: draft(), release: None }));
}

#[test]
fn everything_that_is_wrong_with_a_draft_is_told_with_its_path() {
    let mut message = publish_request_message(5, None, &draft());
    message.idempotency_key = "two words".to_owned();
    let inner = message.draft.as_mut().unwrap();
    inner.recipients[1] = "Thailand".to_owned();
    inner.priority = 0;
    inner.category = 99;
    inner.in_reply_to = vec![1, 2].into();
    inner.act_before_ms = Some(i64::MAX);
    inner.alert.as_mut().unwrap().purpose = String::new();
    let (sequence, publication) = publish_request(message);
    let refusals = publication.unwrap_err();
    let paths: Vec<&str> = refusals.iter().map(|refusal| refusal.path.as_str()).collect();
    assert_eq!(sequence, 5);
    assert_eq!(
        paths,
        ["idempotency_key", "recipients[1]", "priority", "act_before", "category", "in_reply_to", "purpose"]
    );
    assert!(refusals.iter().all(|refusal| refusal.rule == Refusal::MALFORMED));
}

#[test]
fn a_draft_that_is_missing_or_breaks_a_rule_between_fields_is_refused() {
    let mut missing = publish_request_message(1, None, &draft());
    missing.draft = None;
    assert_eq!(publish_request(missing).1.unwrap_err()[0].path, "draft");
    let mut unaddressed = publish_request_message(1, None, &draft());
    let inner = unaddressed.draft.as_mut().unwrap();
    inner.recipients.clear();
    inner.operation_id.clear();
    assert_eq!(publish_request(unaddressed).1.unwrap_err()[0].path, "recipients");
}

#[test]
fn answers_are_read_as_they_were_given() {
    let published = Ok(Published {
        id: id(3),
        index: 12,
        at: Instant::from_millis(5),
        recipients: vec![agency("DE-ZKA")],
        repeated_key: true,
    });
    assert_eq!(answer(answer_message(1, &published)).unwrap(), (1, published));
    let refused = Err(vec![Refusal {
        path: "recipients".to_owned(),
        rule: "agreement.none".to_owned(),
        detail: "no agreement".to_owned(),
    }]);
    assert_eq!(answer(answer_message(2, &refused)).unwrap(), (2, refused));
    assert!(answer(pb::PublishResponse { sequence: 3, result: None }).is_err());
}

#[test]
fn events_and_lists_are_read_as_they_were_sent() {
    let erased = Shown { alert: None, in_reply_to: None, act_before: None, ..sample() };
    for event in [
        Event::Message(Box::new(sample())),
        Event::Message(Box::new(erased)),
        Event::CaughtUp { next_index: 18 },
        Event::Heartbeat { next_index: 19 },
    ] {
        let ledger = Incarnation([3; 16]);
        assert_eq!(super::event(event_message(&event, ledger)).unwrap(), (event, Some(ledger)));
    }
    let page = sealpost_domain::view::Page { messages: vec![sample()], more: true };
    assert_eq!(super::page(page_message(&page)).unwrap(), page);
}

#[test]
fn requests_are_read_as_they_were_asked() {
    let filter = Filter {
        kinds: vec![Kind::Recall, Kind::Outcome],
        categories: vec![Category::Weapons],
        priorities: vec![Priority::Flash],
        agencies: vec![agency("DE-ZKA")],
        operation: Some("OP-MARKER-2023".parse().unwrap()),
        direction: Some(Direction::Received),
        unread: true,
    };
    for filter in [filter.clone(), Filter::default()] {
        for ledger in [None, Some(Incarnation([3; 16]))] {
            let place = Place { index: 7, ledger };
            let asked = subscribe_request_message(place, &filter);
            assert_eq!(subscribe_request(asked).unwrap(), (place, filter.clone()));
        }
    }
    let query = Query { filter, limit: 10, before: Some(3) };
    assert_eq!(super::query(query_message(&query)).unwrap(), query);
    let sender = Some(agency("DE-ZKA"));
    for form in [Form::Shown, Form::Enclosed] {
        assert_eq!(get_request(&get_request_message(id(4), None, form)).unwrap(), (id(4), None, form));
        let message = get_request_message(id(4), sender.as_ref(), form);
        assert_eq!(get_request(&message).unwrap(), (id(4), sender.clone(), form));
    }
    assert_eq!(track_request(&track_request_message(id(4))).unwrap(), id(4));
    let ids = vec![id(4), id(5)];
    let message = acknowledge_request_message(&ids, sender.as_ref());
    assert_eq!(acknowledge_request(&message).unwrap(), (ids, sender));
}

#[test]
fn requests_are_bounded() {
    assert!(query(pb::ListRequest { limit: 1001, ..pb::ListRequest::default() }).is_err());
    let agencies = vec!["DE-ZKA".to_owned(); 257];
    let filter = Some(pb::Filter { agencies, ..pb::Filter::default() });
    assert!(subscribe_request(pb::SubscribeRequest { filter, ..pb::SubscribeRequest::default() }).is_err());
    let ledger_incarnation = vec![1; 15].into();
    let asked = pb::SubscribeRequest { ledger_incarnation, ..pb::SubscribeRequest::default() };
    assert!(subscribe_request(asked).is_err());
    let message_ids = vec![id_bytes(id(1)); ACKNOWLEDGE_MAX + 1];
    assert!(acknowledge_request(&pb::AcknowledgeRequest { message_ids, sender: String::new() }).is_err());
}

#[test]
fn states_and_the_node_are_read_as_they_were_told() {
    let told = Tracked {
        id: id(6),
        kind: Kind::Request,
        priority: Priority::Routine,
        sent_at: Instant::from_millis(1),
        act_before: None,
        states: states(),
        changed: Some(changed()),
        answers: answers(),
    };
    assert_eq!(tracked(tracked_message(&told)).unwrap(), told);
    let told = Status {
        agency: agency("HK-CED"),
        network: sealpost_domain::identity::NetworkName::parse("sample.sealpost").unwrap(),
        version: "0.1.0".to_owned(),
        hub: HubStatus { connected: false, detail: "refused".to_owned(), since: Instant::from_millis(4) },
        ledger_next_index: 40,
        ledger_incarnation: Incarnation([3; 16]),
        directory_version: 2,
        directory_digest: Some(Digest::new([7; 32])),
        directory_valid_until: Instant::from_millis(9),
        outstanding: 5,
        peers: vec![PeerStatus {
            agency: agency("DE-ZKA"),
            outstanding: 5,
            sent: 8,
            received: 2,
            missing: 3,
            sending: Sending::AwaitsPeer,
            kept: Some(Covered { records: 30, at: Instant::from_millis(7) }),
            cosigned: None,
            directory_version: Some(2),
        }],
    };
    assert_eq!(status(status_message(&told)).unwrap(), told);
}

#[test]
fn figures_are_read_as_they_were_answered() {
    let counts = Counts {
        cases: 183,
        arrests: 62,
        youngest: Some(19),
        oldest: Some(77),
        grams: 1_400_000,
        money_hundredths: [("HKD".parse().unwrap(), 43_100_000_000)].into(),
        transit_cases: 18,
        false_positives: 1,
    };
    let rows = vec![("cocaine".to_owned(), counts.clone()), ("none".to_owned(), Counts::default())];
    let figures = Statistics {
        total: counts,
        groups: vec![Group { dimension: Dimension::Drug, rows }],
        counted: 190,
        amended: 2,
        recalled: 1,
    };
    assert_eq!(statistics(statistics_message(&figures)).unwrap(), figures);
    let asked = Period { from: Some(Instant::from_millis(1)), until: Some(Instant::from_millis(2)) };
    assert_eq!(period(&period_message(asked)).unwrap(), asked);
    assert!(period(&pb::StatsRequest { from_ms: Some(2), until_ms: Some(2) }).is_err());
}
