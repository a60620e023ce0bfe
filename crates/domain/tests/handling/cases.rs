//! Messages of every sort: mostly right, each wrong in few ways, so that many are permitted.

use proptest::prelude::*;
use proptest::sample::select;

use super::table::{Case, Forward, Grant};

/// Most often.
pub(crate) fn mostly<T: Clone + std::fmt::Debug + 'static>(
    usual: T,
    others: Vec<T>,
) -> impl Strategy<Value = T> + Clone {
    prop_oneof![24 => Just(usual), 1 => select(others)]
}

pub(crate) fn grant() -> impl Strategy<Value = Option<Grant>> {
    let yes = || mostly(true, vec![false]);
    let no = || mostly(false, vec![true]);
    let grant = (yes(), yes(), yes(), yes(), mostly(2_usize, vec![1, 0]), yes(), no(), no()).prop_map(
        |(by_originator, granted, this_message, to_forwarder, names, for_purpose, ended, recalled)| Grant {
            by_originator,
            granted,
            this_message,
            to_forwarder,
            names: if granted { names.max(1) } else { 0 },
            for_purpose,
            ended,
            recalled,
        },
    );
    prop::option::weighted(0.8, grant)
}

pub(crate) fn forwards() -> impl Strategy<Value = Forward> {
    let no = || mostly(false, vec![true]);
    let kinds = mostly("shipment", vec!["recall", "forward", "permission", "compliance"]);
    let restrictions = (0..5_usize, prop::collection::btree_set(0..4_usize, 0..3));
    let kept = (mostly(0_usize, vec![1, 2]), no(), no());
    let rest = (mostly(true, vec![false]), no(), prop::bool::weighted(0.9), no());
    let whose = (prop_oneof![5 => Just("another"), 1 => Just("forwarder")], any::<bool>());
    (kinds, whose, restrictions, kept, rest, grant()).prop_map(
        |(
            kind,
            (originator, sent_to_second),
            (label, codes),
            (freer, code_left_out, text_left_out),
            (same_category, longer, same_purpose, recalled),
            grant,
        )| Forward {
            kind,
            originator,
            sent_to_second,
            label,
            codes: codes.into_iter().collect(),
            goes_on_as: (label + freer).min(4),
            code_left_out,
            text_left_out,
            same_category,
            longer,
            same_purpose,
            recalled,
            grant,
        },
    )
}

pub(crate) fn cases() -> impl Strategy<Value = Case> {
    let kinds = select(vec![
        "request",
        "recall",
        "amendment",
        "permission",
        "compliance",
        "forward",
        "forward",
        "forward",
    ]);
    let agreements = prop::collection::vec(mostly("covers", vec!["narrow", "none"]), 2);
    let operations = prop_oneof![
        8 => Just("none"), 4 => Just("members"), 1 => Just("outsider"), 1 => Just("over"), 1 => Just("unknown")
    ];
    let ledger = prop_oneof![6 => Just("right"), 1 => Just("stranger"), 1 => Just("nobody")];
    let changeless = vec!["recall", "compliance", "permission", "forward"];
    let about = prop_oneof![12 => Just("request"), 3 => Just("amendment"), 2 => Just("sighting"), 3 => select(changeless)];
    let replacement = mostly("request", vec!["sighting", "amendment", "recall", "permission", "forward"]);
    let approvals = prop_oneof![6 => Just((0, 0)), 1 => (0..3_u32, 0..3_u32)];
    let days = mostly(30, vec![31, 400, 0]);
    (
        kinds,
        1..3_usize,
        agreements,
        operations,
        mostly(true, vec![false]),
        (ledger, about, replacement),
        approvals,
        days,
        forwards(),
    )
        .prop_map(
            |(kind, recipients, agreements, operation, named, lies, (required, found), days, forward)| {
                let (ledger, about, replacement) = lies;
                Case {
                    kind,
                    // Whoever answers answers one agency.
                    recipients: if kind == "compliance" && !forward.sent_to_second { 1 } else { recipients },
                    agreements,
                    operation,
                    names_another: named,
                    ledger: match (ledger, kind) {
                        ("right", "compliance") => "recall",
                        ("right", _) => "sender",
                        (other, _) => other,
                    },
                    about,
                    replacement,
                    approvals_required: required,
                    approvals: found,
                    kept_days: days,
                    forward,
                }
            },
        )
}
