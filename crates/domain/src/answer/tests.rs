use super::*;

fn agency(id: &str) -> AgencyId {
    id.parse().unwrap()
}

fn named(author: &str, kind: Kind) -> Named {
    let amends = (kind == Kind::Amendment).then_some(Kind::SuspectShipment);
    Named { author: agency(author), kind, recipients: vec![agency("DE-ZKA")], amends }
}

fn rule_of(about: &About, from: &str, to: &str, known: &[Named], by: Judge) -> &'static str {
    let judged = judge(about, (&agency(from), &agency(to)), known, by);
    judged.map_or_else(|denial| denial.rule().as_str(), |()| "")
}

fn rule(kind: Kind, from: &str, to: &str, known: &[Named], by: Judge) -> &'static str {
    let about = About { kind, id: MessageId::new(1, [1; 10]), replacement: None };
    rule_of(&about, from, to, known, by)
}

/// What Hong Kong's amendment meets, at itself and at Germany, when it replaces a message of its own.
fn amended(of: Option<&Named>, replacement: Kind) -> [&'static str; 2] {
    let id = MessageId::new(1, [1; 10]);
    let about = About { kind: Kind::Amendment, id, replacement: Some(replacement) };
    let known: Vec<Named> = of.into_iter().cloned().collect();
    [Judge::Sender, Judge::Recipient].map(|by| rule_of(&about, "HK-CED", "DE-ZKA", &known, by))
}

#[test]
fn a_message_is_replaced_by_one_of_its_own_kind_alone() {
    let shipment = named("HK-CED", Kind::SuspectShipment);
    let chained = named("HK-CED", Kind::Amendment);
    for of in [&shipment, &chained] {
        assert_eq!(amended(Some(of), Kind::SuspectShipment), ["", ""]);
        assert_eq!(amended(Some(of), Kind::Outcome), ["answer.other_kind"; 2]);
    }
    let of_unknown = Named { amends: None, ..chained };
    assert_eq!(amended(Some(&of_unknown), Kind::Outcome), ["", ""], "nothing speaks against it");
    // Not even before the message has come.
    for kind in [Kind::Amendment, Kind::Recall, Kind::Permission, Kind::Compliance, Kind::Forward] {
        assert_eq!(amended(Some(&named("HK-CED", kind)), kind), ["answer.other_kind"; 2], "{kind}");
        assert_eq!(amended(None, kind)[1], "answer.other_kind", "{kind}");
    }
    assert_eq!(amended(None, Kind::Outcome)[1], "", "it is kept");
}

#[test]
fn a_recall_holds_for_good_and_an_answer_is_given_again() {
    for kind in Kind::ALL {
        let recalled = match kind {
            Kind::Recall | Kind::Compliance => "answer.not_changeable",
            _ => "",
        };
        let amended = match kind {
            Kind::Permission | Kind::Forward => "answer.not_changeable",
            _ => recalled,
        };
        let known = [named("HK-CED", *kind)];
        for by in [Judge::Sender, Judge::Recipient] {
            assert_eq!(rule(Kind::Recall, "HK-CED", "DE-ZKA", &known, by), recalled, "{kind}");
            assert_eq!(rule(Kind::Amendment, "HK-CED", "DE-ZKA", &known, by), amended, "{kind}");
        }
    }
}

#[test]
fn only_the_originator_changes_a_message_or_grants_its_sharing() {
    let ours = [named("HK-CED", Kind::SuspectShipment)];
    for kind in [Kind::Amendment, Kind::Recall, Kind::Permission] {
        assert_eq!(rule(kind, "HK-CED", "DE-ZKA", &ours, Judge::Sender), "");
        assert_eq!(rule(kind, "HK-CED", "DE-ZKA", &ours, Judge::Recipient), "");
        assert_eq!(rule(kind, "TH-TCD", "DE-ZKA", &ours, Judge::Sender), "answer.not_originator");
        assert_eq!(rule(kind, "HK-CED", "DE-ZKA", &[], Judge::Sender), "answer.unknown");
        assert_eq!(rule(kind, "HK-CED", "DE-ZKA", &[], Judge::Recipient), "", "it is kept");
    }
    // Whoever copies an id takes nobody's right away, not even by being first.
    let copied = [named("TH-TCD", Kind::Request), named("HK-CED", Kind::Request)];
    for known in [&copied[..], &copied[..1]] {
        assert_eq!(rule(Kind::Recall, "HK-CED", "DE-ZKA", known, Judge::Recipient), "");
    }
}

#[test]
fn only_those_who_were_asked_answer_and_only_to_who_asked() {
    let recall = [named("HK-CED", Kind::Recall)];
    assert_eq!(rule(Kind::Compliance, "DE-ZKA", "HK-CED", &recall, Judge::Sender), "");
    assert_eq!(rule(Kind::Compliance, "DE-ZKA", "TH-TCD", &recall, Judge::Sender), "answer.not_asked");
    assert_eq!(rule(Kind::Compliance, "TH-TCD", "HK-CED", &recall, Judge::Recipient), "answer.not_asked");
    let request = [named("HK-CED", Kind::Request)];
    assert_eq!(rule(Kind::Compliance, "DE-ZKA", "HK-CED", &request, Judge::Sender), "answer.not_asked");
    assert_eq!(rule(Kind::Compliance, "DE-ZKA", "HK-CED", &[], Judge::Recipient), "answer.not_asked");
}

#[test]
fn what_holds_does_not_depend_on_the_order_of_arrival() {
    let change = |effect, at, by| Change {
        effect,
        sent_at: Instant::from_millis(at),
        by: MessageId::new(1, [by; 10]),
    };
    let ascending = [
        change(Effect::Amended, 1, 9),
        change(Effect::Amended, 2, 1),
        change(Effect::Amended, 2, 2),
        change(Effect::Recalled, 1, 1),
        change(Effect::Recalled, 3, 1),
    ];
    for (place, one) in ascending.iter().enumerate() {
        for (other_place, other) in ascending.iter().enumerate() {
            assert_eq!(one.prevails_over(other), place > other_place, "{place} over {other_place}");
        }
    }
}
