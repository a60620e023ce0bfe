//! What a sender hands in: an alert, to whom, and how it may be used. The sender's node adds the rest.

use super::content::Content;
use super::fault::{Collector, Faults, Place};
use super::{Alert, AlertParts, LIST_MAX, rules};
use crate::agency::AgencyId;
use crate::envelope::RECIPIENTS_MAX;
use crate::handling::{Handling, HandlingCode};
use crate::message::{Category, Kind, MessageId, OperationId, Priority, SharingMode};
use crate::time::OffsetTime;

/// The parts of a [`Draft`], while they are put together; the alert may still be in parts too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftParts<A = Alert> {
    /// Named agencies; may be empty when an operation is named, whose members are then addressed.
    pub recipients: Vec<AgencyId>,
    /// The joint operation that is addressed, or to which the message belongs.
    pub operation: Option<OperationId>,
    /// How urgent it is.
    pub priority: Priority,
    /// When the window in which to act closes: landing, departure of the transit leg.
    pub act_before: Option<OffsetTime>,
    /// What it is about.
    pub category: Category,
    /// How it may be used.
    pub handling: Handling,
    /// On whose initiative it is shared.
    pub sharing: SharingMode,
    /// The message that it answers.
    pub in_reply_to: Option<MessageId>,
    /// What it says.
    pub alert: A,
}

/// A message as its sender hands it in: every rule that can be judged without a directory and a clock holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft(DraftParts);

impl Draft {
    /// Joins the parts; all broken rules are told, each with its path in the JSON form.
    pub fn new(parts: DraftParts) -> Result<Self, Faults> {
        let collector = Collector::default();
        check(&parts, &collector.root());
        collector.finish(Some(Self(parts)))
    }

    /// Joins the parts of an alert and of its draft; the broken rules of both are told together.
    pub fn assemble(parts: DraftParts<AlertParts>) -> Result<Self, Faults> {
        let collector = Collector::default();
        rules::check(&parts.alert.content, &collector.root().field("content"));
        check(&parts, &collector.root());
        let DraftParts {
            recipients,
            operation,
            priority,
            act_before,
            category,
            handling,
            sharing,
            in_reply_to,
            alert,
        } = parts;
        let alert = Alert(alert);
        collector.finish(Some(Self(DraftParts {
            recipients,
            operation,
            priority,
            act_before,
            category,
            handling,
            sharing,
            in_reply_to,
            alert,
        })))
    }

    /// On whose initiative a kind is shared unless the sender says otherwise: a reply on request, all else of the
    /// sender's own accord.
    pub fn default_sharing(kind: Kind) -> SharingMode {
        match kind {
            Kind::Reply => SharingMode::OnRequest,
            _ => SharingMode::Spontaneous,
        }
    }

    /// The parts, to be read.
    pub fn parts(&self) -> &DraftParts {
        &self.0
    }

    /// The parts, to be taken over.
    pub fn into_parts(self) -> DraftParts {
        self.0
    }

    /// What it says.
    pub fn alert(&self) -> &Alert {
        &self.0.alert
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        self.0.alert.content().kind()
    }
}

fn check<A: AsRef<AlertParts>>(parts: &DraftParts<A>, at: &Place<'_>) {
    let alert = parts.alert.as_ref();
    check_recipients(parts, &at.field("recipients"));
    check_answer(alert.content.kind(), parts.in_reply_to, &at.field("in_reply_to"));
    check_handling_text(alert, &parts.handling, at);
    if let Some(act_before) = parts.act_before {
        check_act_before(act_before, alert, &at.field("act_before"));
    }
}

fn check_recipients<A>(parts: &DraftParts<A>, at: &Place<'_>) {
    let recipients = &parts.recipients;
    if recipients.is_empty() && parts.operation.is_none() {
        at.fault("none", format!("1 to {RECIPIENTS_MAX} agencies, or an operation"));
    }
    if recipients.len() > RECIPIENTS_MAX {
        at.fault(format!("{} agencies", recipients.len()), format!("at most {RECIPIENTS_MAX}"));
    }
    for (index, agency) in recipients.iter().enumerate().take(LIST_MAX) {
        if recipients.iter().take(index).any(|earlier| earlier == agency) {
            at.item(index).fault(format!("{agency} again"), "each agency once");
        }
    }
}

fn check_answer(kind: Kind, in_reply_to: Option<MessageId>, at: &Place<'_>) {
    let answers = match kind {
        Kind::Amendment => "the message that is amended",
        Kind::Recall => "the message that is withdrawn",
        Kind::Reply => "the request that is answered",
        Kind::Permission => "the message whose sharing is decided on",
        Kind::Compliance => "the recall or amendment that is answered",
        Kind::Sighting => "the alert that was matched",
        Kind::SuspectShipment
        | Kind::SuspectTraveller
        | Kind::TransitCase
        | Kind::Request
        | Kind::Forward
        | Kind::Outcome => return,
    };
    if in_reply_to.is_none() {
        at.fault("nothing", format!("the id of {answers}"));
    }
}

/// The text of H3 is sealed with the body while its code stands in the header: each needs the other.
pub(super) fn check_handling_text(alert: &AlertParts, handling: &Handling, at: &Place<'_>) {
    let at = at.field("handling_text");
    match (handling.has(HandlingCode::H3), &alert.handling_text) {
        (true, None) => at.fault("nothing", "the restrictions in words, since handling has H3"),
        (false, Some(_)) => at.fault("a text", "none, since handling has no H3"),
        (true, Some(_)) | (false, None) => {}
    }
}

fn check_act_before(act_before: OffsetTime, alert: &AlertParts, at: &Place<'_>) {
    let retention_until = alert.retention_until;
    if retention_until < act_before.date() {
        at.fault(
            act_before.to_string(),
            format!("a time not after the end of the retention, {retention_until}"),
        );
    }
    if let Content::TransitCase(case) = &alert.content {
        let closes = case.window.closes;
        if act_before.timestamp() > closes.timestamp() {
            at.fault(act_before.to_string(), format!("a time not after the window closes, {closes}"));
        }
    }
}
