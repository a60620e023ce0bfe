//! Amendments and recalls, and the answers to them.

use sealpost_domain::answer::Effect;
use sealpost_domain::view::{Form, RecipientState};

use super::*;
use crate::handle::Views as _;

#[test]
fn a_change_is_applied_whenever_it_comes_and_the_last_one_holds() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    let by = agency("HK-CED");
    let (first, of_first) = send(&mut hong_kong, request(&["DE-ZKA"]));
    hong_kong.now = hong_kong.now.plus(std::time::Duration::from_secs(1));
    let (second, of_second) = send(&mut hong_kong, amendment(&["DE-ZKA"], first.id, "Once more?"));
    hong_kong.now = hong_kong.now.plus(std::time::Duration::from_secs(1));
    let (third, of_third) = send(&mut hong_kong, amendment(&["DE-ZKA"], second.id, "And again?"));
    // The last first: what it changes is not here yet.
    for deliveries in [&of_third, &of_first, &of_second] {
        assert_eq!(receive(&mut germany, deliveries), Settlement::Delivered);
    }
    for (station, who) in [(&hong_kong, "sender"), (&germany, "recipient")] {
        let change =
            |id| station.shelf.change_of(&by, id).map(|noted| (noted.change.effect, noted.change.by));
        assert_eq!(change(first.id), Some((Effect::Amended, third.id)), "{who}");
        assert_eq!(change(second.id), Some((Effect::Amended, third.id)), "{who}");
        assert_eq!(change(third.id), None, "{who}: it is what holds");
    }
    let (last, deliveries) = send(&mut hong_kong, recall(&["DE-ZKA"], first.id));
    receive(&mut germany, &deliveries);
    let (_, deliveries) = send(&mut hong_kong, amendment(&["DE-ZKA"], first.id, "Too late?"));
    receive(&mut germany, &deliveries);
    let holds = germany.shelf.change_of(&by, third.id).unwrap().change;
    assert_eq!((holds.effect, holds.by), (Effect::Recalled, last.id), "a recall holds for good");
}

#[test]
fn nobody_but_its_originator_changes_a_message_or_grants_its_sharing() {
    let (_, [mut hong_kong, mut germany, mut thailand], header) = scene();
    for draft in [
        recall(&["HK-CED"], header.id),
        amendment(&["HK-CED"], header.id, "Ours?"),
        permission("HK-CED", header.id, &["TH-TCD"], "seizure"),
    ] {
        assert_eq!(refused(&mut germany, draft), ["answer.not_originator"]);
    }
    assert_eq!(refused(&mut thailand, recall(&["HK-CED"], header.id)), ["answer.unknown"]);

    // Thailand's node lies: what it says concerns a message of its own that nobody has, and Hong Kong's stays as it was.
    let forged = recall(&["DE-ZKA", "HK-CED"], header.id);
    let (_, deliveries) = dishonest(&mut thailand, request(&["DE-ZKA", "HK-CED"]), &forged);
    for station in [&mut hong_kong, &mut germany] {
        assert_eq!(receive(station, &deliveries), Settlement::Delivered);
        assert_eq!(station.shelf.change_of(&agency("HK-CED"), header.id), None);
    }
}

#[test]
fn whoever_uses_the_id_of_a_message_first_does_not_keep_its_originator_from_recalling_it() {
    let network = Network::new();
    let [mut hong_kong, mut germany, mut thailand] = network.three_nodes();
    let (header, of_original) = send(&mut hong_kong, request(&["DE-ZKA", "TH-TCD"]));
    // Thailand has it; Germany gets Thailand's message of that id, then the recall, and the original last.
    let mut copied = thailand.prepared(request(&["DE-ZKA"]), None);
    copied.id = Some(header.id);
    let (_, deliveries) = place(&mut thailand, &copied);
    assert_eq!(receive(&mut germany, &deliveries), Settlement::Delivered);
    let (recalled, deliveries) = send(&mut hong_kong, recall(&["DE-ZKA", "TH-TCD"], header.id));
    assert_eq!(receive(&mut germany, &deliveries), Settlement::Delivered);
    assert_eq!(receive(&mut germany, &of_original), Settlement::Delivered);
    let change = |author: &str| germany.shelf.change_of(&agency(author), header.id);
    assert_eq!(change("HK-CED").map(|noted| noted.change.by), Some(recalled.id));
    assert_eq!(change("TH-TCD"), None);
}

#[test]
fn a_recall_is_answered_by_those_who_got_it_and_by_nobody_else() {
    let (_, [mut hong_kong, mut germany, mut thailand], header) = scene();
    let (recalled, deliveries) = send(&mut hong_kong, recall(&["DE-ZKA"], header.id));
    // Germany cannot answer what it has not got.
    assert_eq!(refused(&mut germany, compliance("HK-CED", recalled.id)), ["answer.not_asked"]);
    receive(&mut germany, &deliveries);
    assert_eq!(refused(&mut germany, compliance("TH-TCD", recalled.id)), ["answer.not_asked"]);
    assert_eq!(refused(&mut germany, compliance("HK-CED", header.id)), ["answer.not_asked"]);

    let (_, deliveries) = send(&mut germany, compliance("HK-CED", recalled.id));
    assert_eq!(receive(&mut hong_kong, &deliveries), Settlement::Delivered);
    let lies = hong_kong.records.len() as u64 - 1;
    assert_eq!(hong_kong.shelf.answer_of(recalled.id, &agency("DE-ZKA")), Some(lies));

    let forged = compliance("HK-CED", recalled.id);
    let (_, deliveries) = dishonest(&mut thailand, request(&["HK-CED"]), &forged);
    assert_eq!(receive(&mut hong_kong, &deliveries), refusal("answer.not_asked"));
    assert_eq!(hong_kong.shelf.answer_of(recalled.id, &agency("TH-TCD")), None);
}

/// An amendment that puts a sighting in a message's place.
fn sighting_instead(to: &[&str], id: MessageId) -> AlertDraft {
    let sighting = json!({ "sighting": {
        "seen_at": "2026-09-30T12:00:00+02:00", "place": { "description": "Invented." }, "action": "none_yet", "note": "Invented.",
    } });
    draft(to, &json!({ "amendment": { "reason": "Invented.", "replacement": sighting } }), about(id))
}

#[test]
fn a_message_is_not_replaced_by_one_of_another_kind() {
    let (_, [mut hong_kong, mut germany, _], header) = scene();
    assert_eq!(refused(&mut hong_kong, sighting_instead(&["DE-ZKA"], header.id)), ["answer.other_kind"]);
    let (amended, deliveries) = send(&mut hong_kong, amendment(&["DE-ZKA"], header.id, "Once more?"));
    receive(&mut germany, &deliveries);
    assert_eq!(refused(&mut hong_kong, sighting_instead(&["DE-ZKA"], amended.id)), ["answer.other_kind"]);

    for target in [header.id, amended.id] {
        let forged = sighting_instead(&["DE-ZKA"], target);
        let (_, deliveries) = dishonest(&mut hong_kong, request(&["DE-ZKA"]), &forged);
        assert_eq!(receive(&mut germany, &deliveries), refusal("answer.other_kind"));
    }
    assert_eq!(alarms(&germany), ["answer.other_kind"; 2]);
    let holds = germany.shelf.change_of(&agency("HK-CED"), header.id).unwrap();
    assert_eq!(holds.change.by, amended.id);
}

#[test]
fn neither_a_recall_nor_an_answer_is_taken_back() {
    let (_, [mut hong_kong, mut germany, _], header) = scene();
    let (recalled, deliveries) = send(&mut hong_kong, recall(&["DE-ZKA"], header.id));
    receive(&mut germany, &deliveries);
    let (answered, _) = send(&mut germany, compliance("HK-CED", recalled.id));
    for draft in [recall(&["DE-ZKA"], recalled.id), amendment(&["DE-ZKA"], recalled.id, "Not recalled?")] {
        assert_eq!(refused(&mut hong_kong, draft.clone()), ["answer.not_changeable"]);
        let (_, deliveries) = dishonest(&mut hong_kong, request(&["DE-ZKA"]), &draft);
        assert_eq!(receive(&mut germany, &deliveries), refusal("answer.not_changeable"));
    }
    assert_eq!(refused(&mut germany, recall(&["HK-CED"], answered.id)), ["answer.not_changeable"]);
    let holds = germany.shelf.change_of(&agency("HK-CED"), header.id).unwrap();
    assert_eq!((holds.change.effect, holds.change.by), (Effect::Recalled, recalled.id));
}

#[tokio::test]
async fn a_change_that_came_before_its_message_and_does_not_fit_it_changes_nothing() {
    let network = Network::new();
    let [mut hong_kong, mut germany] = network.nodes();
    let (first, of_first) = send(&mut hong_kong, request(&["DE-ZKA"]));
    let (recalled, of_recall) = send(&mut hong_kong, recall(&["DE-ZKA"], first.id));
    let (second, of_second) = send(&mut hong_kong, request(&["DE-ZKA"]));
    let forged = recall(&["DE-ZKA"], recalled.id);
    let (_, of_forged) = dishonest(&mut hong_kong, request(&["DE-ZKA"]), &forged);
    let unfit = sighting_instead(&["DE-ZKA"], second.id);
    let (unfit, of_unfit) = dishonest(&mut hong_kong, request(&["DE-ZKA"]), &unfit);
    for deliveries in [&of_forged, &of_unfit, &of_first, &of_recall, &of_second] {
        assert_eq!(receive(&mut germany, deliveries), Settlement::Delivered);
    }
    let views = germany.views(&network).await;
    let changed = |id| {
        let shown = views.message(id, Some(&agency("HK-CED")), Form::Shown).unwrap().unwrap();
        shown.changed.map(|changed| (changed.effect, changed.by, changed.replacement))
    };
    assert_eq!(changed(recalled.id), None, "the recall stands");
    assert_eq!(changed(first.id), Some((Effect::Recalled, recalled.id, None)));
    assert_eq!(changed(second.id), Some((Effect::Amended, unfit.id, None)), "nothing stands in its place");
}

#[tokio::test]
async fn a_recall_that_goes_to_some_recipients_leaves_the_message_as_it_is_for_the_others() {
    let network = Network::new();
    let [mut hong_kong, ..] = network.three_nodes();
    let (first, _) = send(&mut hong_kong, request(&["DE-ZKA", "TH-TCD"]));
    let (amended, _) = send(&mut hong_kong, amendment(&["DE-ZKA"], first.id, "Once more?"));
    let (recalled, _) = send(&mut hong_kong, recall(&["DE-ZKA"], amended.id));
    let to_one = [("DE-ZKA", Some((Effect::Recalled, recalled.id))), ("TH-TCD", None)];
    assert_eq!(tracked(&hong_kong, &network, first.id).await, (None, told(to_one)));

    let (last, _) = send(&mut hong_kong, amendment(&["DE-ZKA", "TH-TCD"], first.id, "Other words?"));
    let to_both =
        [("DE-ZKA", Some((Effect::Recalled, recalled.id))), ("TH-TCD", Some((Effect::Amended, last.id)))];
    let weakest = Some((Effect::Amended, last.id));
    assert_eq!(tracked(&hong_kong, &network, first.id).await, (weakest, told(to_both)));
    // Of the amendment that went to one, that one's recall is all there is.
    let recalled = Some((Effect::Recalled, recalled.id));
    let of_amended = tracked(&hong_kong, &network, amended.id).await;
    assert_eq!(of_amended, (recalled, told([("DE-ZKA", recalled)])));
}

type Told = Vec<(String, Option<(Effect, MessageId)>)>;

fn told<const N: usize>(expected: [(&str, Option<(Effect, MessageId)>); N]) -> Told {
    expected.map(|(agency, change)| (agency.to_owned(), change)).into()
}

/// What became of a message of a station's own: as a whole, and at each recipient.
async fn tracked(station: &Station, network: &Network, id: MessageId) -> (Option<(Effect, MessageId)>, Told) {
    let tracked = station.views(network).await.track(id).unwrap().unwrap();
    let at = |state: &RecipientState| {
        (state.agency.to_string(), state.changed.map(|change| (change.effect, change.by)))
    };
    let whole = tracked.changed.map(|changed| (changed.effect, changed.by));
    (whole, tracked.states.iter().map(at).collect())
}
