//! The table: which rule speaks against which message, and who sees it. It knows nothing of the code.

use std::collections::BTreeSet;

/// A message, in the words of the table.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) kind: &'static str,
    /// How many of [`TO`] it goes to.
    pub(crate) recipients: usize,
    /// Towards each of them: "covers", "narrow", "none".
    pub(crate) agreements: Vec<&'static str>,
    /// "none", "members", "outsider", "over", "unknown".
    pub(crate) operation: &'static str,
    pub(crate) names_another: bool,
    /// Of whom the message that it names is, in the judge's ledger: "sender", "stranger", "nobody", "recall".
    pub(crate) ledger: &'static str,
    /// What that message says, where it is the sender's own; an amendment is one of a request.
    pub(crate) about: &'static str,
    /// What an amendment puts in its place.
    pub(crate) replacement: &'static str,
    pub(crate) approvals_required: u32,
    pub(crate) approvals: u32,
    /// From its sending; 0 where that is over.
    pub(crate) kept_days: u64,
    pub(crate) forward: Forward,
}

/// What a forward encloses, and how it goes on.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that may be wrong, on its own")]
pub(crate) struct Forward {
    pub(crate) kind: &'static str,
    /// "another", "forwarder".
    pub(crate) originator: &'static str,
    /// Which of the recipients had it from its originator.
    pub(crate) sent_to_second: bool,
    pub(crate) label: usize,
    pub(crate) codes: Vec<usize>,
    pub(crate) goes_on_as: usize,
    pub(crate) code_left_out: bool,
    pub(crate) text_left_out: bool,
    pub(crate) same_category: bool,
    pub(crate) longer: bool,
    pub(crate) same_purpose: bool,
    pub(crate) recalled: bool,
    pub(crate) grant: Option<Grant>,
}

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that may be wrong, on its own")]
pub(crate) struct Grant {
    pub(crate) by_originator: bool,
    pub(crate) granted: bool,
    pub(crate) this_message: bool,
    pub(crate) to_forwarder: bool,
    /// The first recipient, or both.
    pub(crate) names: usize,
    pub(crate) for_purpose: bool,
    pub(crate) ended: bool,
    pub(crate) recalled: bool,
}

/// Who sees the facts of a row.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Sees {
    Everybody,
    SenderAndRecipient,
    SenderAlone,
}

/// Rule, who sees it, and whether it speaks against delivery to the recipient at a place of the list.
pub(crate) type Row = (&'static str, Sees, fn(&Case, usize) -> bool);

pub(crate) const TABLE: &[Row] = &[
    ("agreement.none", Sees::Everybody, |case, to| case.agreements[to] == "none"),
    ("agreement.category", Sees::Everybody, |case, to| case.agreements[to] == "narrow"),
    ("agreement.retention", Sees::SenderAndRecipient, |case, to| {
        case.agreements[to] == "covers" && case.kept_days > 30
    }),
    ("retention.over", Sees::SenderAndRecipient, |case, _| case.kept_days == 0),
    ("operation.unknown", Sees::Everybody, |case, _| case.operation == "unknown"),
    ("operation.not_running", Sees::Everybody, |case, _| case.operation == "over"),
    ("operation.not_a_member", Sees::Everybody, |case, _| {
        case.operation == "outsider" && case.recipients == 2
    }),
    ("approval.missing", Sees::Everybody, |case, _| case.approvals_required > 0 && case.approvals == 0),
    ("approval.missing", Sees::SenderAndRecipient, |case, _| case.approvals < case.approvals_required),
    ("answer.unnamed", Sees::Everybody, |case, _| about(case) && !case.names_another),
    // A recipient may know another's message of the same id, and the sender's own not yet.
    ("answer.not_originator", Sees::SenderAlone, |case, _| {
        originators(case) && case.names_another && case.ledger == "stranger"
    }),
    ("answer.unknown", Sees::SenderAlone, |case, _| {
        originators(case) && case.names_another && case.ledger == "nobody"
    }),
    ("answer.not_asked", Sees::SenderAndRecipient, |case, to| {
        // The recall that lies there was the first recipient's.
        case.kind == "compliance" && case.names_another && !(case.ledger == "recall" && to == 0)
    }),
    ("answer.not_changeable", Sees::SenderAndRecipient, |case, _| {
        let never = ["recall", "compliance"].contains(&case.about);
        let only_recalled = ["permission", "forward"].contains(&case.about);
        about_own(case)
            && ((case.kind == "recall" && never) || (case.kind == "amendment" && (never || only_recalled)))
    }),
    ("answer.other_kind", Sees::SenderAndRecipient, |case, _| {
        let replaced = if case.about == "amendment" { "request" } else { case.about };
        let never =
            ["amendment", "recall", "compliance", "permission", "forward"].contains(&case.replacement);
        case.kind == "amendment"
            && case.names_another
            && (never || (about_own(case) && replaced != case.replacement))
    }),
    ("forward.kind", Sees::SenderAndRecipient, |case, _| {
        forward(case, |it| matches!(it.kind, "forward" | "permission" | "compliance"))
    }),
    ("forward.recalled", Sees::SenderAndRecipient, |case, _| {
        forward(case, |it| it.recalled && it.kind != "recall")
    }),
    ("forward.category", Sees::SenderAndRecipient, |case, _| forward(case, |it| !it.same_category)),
    ("forward.freer", Sees::SenderAndRecipient, |case, _| {
        forward(case, |it| {
            it.goes_on_as > it.label
                || (it.code_left_out && !it.codes.is_empty())
                || (it.text_left_out && it.codes.contains(&3))
        })
    }),
    ("forward.retention", Sees::SenderAndRecipient, |case, _| forward(case, |it| it.longer)),
    ("forward.no_grant", Sees::SenderAndRecipient, |case, to| {
        forward(case, |it| asks(it, to) && it.grant.is_none())
    }),
    ("grant.not_originator", Sees::SenderAndRecipient, |case, to| {
        granted(case, to, |grant| !grant.by_originator)
    }),
    ("grant.refused", Sees::SenderAndRecipient, |case, to| granted(case, to, |grant| !grant.granted)),
    ("grant.other_message", Sees::SenderAndRecipient, |case, to| {
        granted(case, to, |grant| !grant.this_message)
    }),
    ("grant.other_holder", Sees::SenderAndRecipient, |case, to| {
        granted(case, to, |grant| !grant.to_forwarder)
    }),
    ("grant.other_recipient", Sees::SenderAndRecipient, |case, to| {
        granted(case, to, |grant| grant.granted && grant.names <= to)
    }),
    ("grant.other_purpose", Sees::SenderAndRecipient, |case, to| {
        granted(case, to, |grant| !grant.for_purpose)
    }),
    ("grant.ended", Sees::SenderAndRecipient, |case, to| granted(case, to, |grant| grant.ended)),
    ("grant.recalled", Sees::SenderAndRecipient, |case, to| granted(case, to, |grant| grant.recalled)),
];

pub(crate) fn about(case: &Case) -> bool {
    ["recall", "amendment", "reply", "permission", "compliance", "sighting"].contains(&case.kind)
}

/// Whether it names a message of its sender's own that lies in the judge's ledger.
pub(crate) fn about_own(case: &Case) -> bool {
    case.names_another && case.ledger == "sender"
}

pub(crate) fn originators(case: &Case) -> bool {
    ["recall", "amendment", "permission"].contains(&case.kind)
}

pub(crate) fn forward(case: &Case, speaks: impl Fn(&Forward) -> bool) -> bool {
    case.kind == "forward" && speaks(&case.forward)
}

pub(crate) fn asks(it: &Forward, to: usize) -> bool {
    let has_it = to == 1 && it.sent_to_second;
    let restricted = it.label < 3 || it.codes.contains(&2) || it.codes.contains(&3);
    it.originator == "another" && !has_it && (restricted || !it.same_purpose)
}

pub(crate) fn granted(case: &Case, to: usize, speaks: impl Fn(&Grant) -> bool) -> bool {
    forward(case, |it| asks(it, to) && it.grant.as_ref().is_some_and(&speaks))
}

/// The rules that speak against a recipient, among those that somebody sees.
pub(crate) fn against(case: &Case, to: usize, sees: &[Sees]) -> BTreeSet<&'static str> {
    let speaks = |row: &&Row| sees.contains(&row.1) && (row.2)(case, to);
    TABLE.iter().filter(speaks).map(|row| row.0).collect()
}
