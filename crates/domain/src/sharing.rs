//! May this message go on to that agency? Onward sharing, as its originator's handling allows it.
//!
//! | the enclosed message | goes on to |
//! |---|---|
//! | any | its originator, and whoever it was sent to: they have it |
//! | of the forwarder itself | whom it chooses |
//! | GREEN or CLEAR, without H2 and H3, for the purpose that it was shared for | whoever an agreement covers |
//! | all else: RED, AMBER+STRICT, AMBER, H2, H3, or for another purpose | whom the originator has granted it to |
//!
//! H3 restricts in words that no program can judge, so that it asks for a grant. A grant is a permission of the
//! originator, bound to the message, to the one who forwards, to the new recipient and to the purpose. Whatever the
//! originator restricted stays restricted: a forward is never freer, longer kept or of another category.
//!
//! The signatures of the enclosed message and of the grant are verified before anything is asked here.

use crate::agency::AgencyId;
use crate::alert::{Alert, Content, Decision, Line, Permission, Text};
use crate::envelope::Header;
use crate::handling::{Handling, HandlingCode, Tlp};
use crate::instant::{CLOCK_TOLERANCE, Instant};
use crate::message::{Category, Kind, MessageId};
use crate::rule::Rule;
use crate::time::Date;

/// A message that goes on.
#[derive(Clone, Copy, Debug)]
pub struct Onward<'a> {
    /// Who forwards it.
    pub forwarder: &'a AgencyId,
    /// What the forward is about.
    pub category: Category,
    /// How the forward may be used.
    pub handling: &'a Handling,
    /// The forward's restrictions in words.
    pub handling_text: Option<&'a Text>,
    /// For what purpose it is forwarded.
    pub purpose: &'a Line,
    /// The last day on which the forward may be kept.
    pub retention_until: Date,
    /// The message that is enclosed: its originator's signature and its body are verified.
    pub enclosed: (&'a Header, &'a Alert),
    /// The grant that travels with it, verified likewise.
    pub grant: Option<(&'a Header, &'a Alert)>,
    /// Whether the judge knows that the originator has withdrawn the message, or the grant.
    pub withdrawn: Withdrawn,
    /// When it is judged, by the judge's clock.
    pub now: Instant,
}

/// What an originator has withdrawn, as far as the judge knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Withdrawn {
    /// The enclosed message.
    pub message: bool,
    /// The grant.
    pub grant: bool,
}

/// Why a message may not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// What it is about concerns nobody else.
    #[error("its kind is {kind}, which is not forwarded: forward the message that it is about")]
    Kind {
        /// What is enclosed.
        kind: Kind,
    },
    /// Its originator withdrew it.
    #[error("{originator} has recalled the enclosed message {id}")]
    Recalled {
        /// Whose it is.
        originator: AgencyId,
        /// Which one.
        id: MessageId,
    },
    /// Another subject.
    #[error("the enclosed message is about {enclosed}, the forward about {forward}")]
    Category {
        /// What it was shared as.
        enclosed: Category,
        /// What it would go on as.
        forward: Category,
    },
    /// A restriction was left out.
    #[error("the enclosed message is more restricted than its forward: {what}")]
    Freer {
        /// Which restriction.
        what: &'static str,
    },
    /// Kept for longer.
    #[error("the enclosed message may be kept until {enclosed}, its forward until {forward}")]
    Retention {
        /// The last day of the message.
        enclosed: Date,
        /// The last day of the forward.
        forward: Date,
    },
    /// The originator has to be asked.
    #[error("{recipient} gets it with a permission of {originator} alone, since {why}")]
    NoGrant {
        /// To whom it would go on.
        recipient: AgencyId,
        /// Whom to ask.
        originator: AgencyId,
        /// What asks for it.
        why: &'static str,
    },
    /// The permission is not the one that is needed.
    #[error("the permission of {by} does not hold: {mismatch}")]
    Grant {
        /// Who signed it.
        by: AgencyId,
        /// What does not fit.
        mismatch: Mismatch,
    },
}

/// What a grant does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Not the one who may grant it.
    #[error("the message is that of {originator}")]
    Originator {
        /// Who may.
        originator: AgencyId,
    },
    /// It says no.
    #[error("it refuses")]
    Refused,
    /// It is about another message.
    #[error("it is not about the enclosed message")]
    Message,
    /// It was given to somebody else.
    #[error("it was not given to {forwarder}")]
    Holder {
        /// Who forwards.
        forwarder: AgencyId,
    },
    /// It does not name the new recipient.
    #[error("it does not name {recipient}")]
    Recipient {
        /// Who would get it.
        recipient: AgencyId,
    },
    /// It is for something else.
    #[error("it is for another purpose than the forward")]
    Purpose,
    /// It is over.
    #[error("it ended with {until}")]
    Ended {
        /// Its last day.
        until: Date,
    },
    /// Its originator took it back.
    #[error("it was recalled")]
    Recalled,
}

impl Denial {
    /// Whether it may be another one for another recipient.
    pub fn is_of_a_recipient(&self) -> bool {
        matches!(self, Self::NoGrant { .. } | Self::Grant { .. })
    }

    /// The rule's name, as docs/rules.md lists it.
    pub fn rule(&self) -> Rule {
        match self {
            Self::Kind { .. } => Rule::ForwardKind,
            Self::Recalled { .. } => Rule::ForwardRecalled,
            Self::Category { .. } => Rule::ForwardCategory,
            Self::Freer { .. } => Rule::ForwardFreer,
            Self::Retention { .. } => Rule::ForwardRetention,
            Self::NoGrant { .. } => Rule::ForwardNoGrant,
            Self::Grant { mismatch, .. } => match mismatch {
                Mismatch::Originator { .. } => Rule::GrantNotOriginator,
                Mismatch::Refused => Rule::GrantRefused,
                Mismatch::Message => Rule::GrantOtherMessage,
                Mismatch::Holder { .. } => Rule::GrantOtherHolder,
                Mismatch::Recipient { .. } => Rule::GrantOtherRecipient,
                Mismatch::Purpose => Rule::GrantOtherPurpose,
                Mismatch::Ended { .. } => Rule::GrantEnded,
                Mismatch::Recalled => Rule::GrantRecalled,
            },
        }
    }
}

/// Decides whether a forward may go to one recipient.
pub fn judge(onward: &Onward<'_>, recipient: &AgencyId) -> Result<(), Denial> {
    let (header, alert) = onward.enclosed;
    if matches!(header.kind, Kind::Forward | Kind::Permission | Kind::Compliance) {
        return Err(Denial::Kind { kind: header.kind });
    }
    if onward.withdrawn.message && header.kind != Kind::Recall {
        return Err(Denial::Recalled { originator: header.sender.clone(), id: header.id });
    }
    inherits(onward, header, alert)?;
    let Some(why) = asks_for_grant(onward, recipient, header, alert) else { return Ok(()) };
    let no_grant =
        || Denial::NoGrant { recipient: recipient.clone(), originator: header.sender.clone(), why };
    let (granted_by, granted) = onward.grant.ok_or_else(no_grant)?;
    let Content::Permission(permission) = granted.content() else { return Err(no_grant()) };
    match mismatch(onward, recipient, header, (granted_by, granted.purpose(), permission)) {
        Some(mismatch) => Err(Denial::Grant { by: granted_by.sender.clone(), mismatch }),
        None => Ok(()),
    }
}

/// Whatever the originator restricted stays restricted.
fn inherits(onward: &Onward<'_>, header: &Header, alert: &Alert) -> Result<(), Denial> {
    if onward.category != header.category {
        return Err(Denial::Category { enclosed: header.category, forward: onward.category });
    }
    if onward.handling.tlp() > header.handling.tlp() {
        return Err(Denial::Freer { what: "its TLP label" });
    }
    if let Some(code) = header.handling.codes().iter().find(|code| !onward.handling.has(**code)) {
        return Err(Denial::Freer { what: code.as_str() });
    }
    if let Some(text) = alert.handling_text() {
        let repeated = onward.handling_text.is_some_and(|own| own.as_str().contains(text.as_str()));
        if !repeated {
            return Err(Denial::Freer { what: "the restrictions of H3 in words" });
        }
    }
    let (enclosed, forward) = (alert.retention_until(), onward.retention_until);
    if forward > enclosed { Err(Denial::Retention { enclosed, forward }) } else { Ok(()) }
}

/// Why the originator has to be asked; `None` where it need not be.
fn asks_for_grant(
    onward: &Onward<'_>,
    recipient: &AgencyId,
    header: &Header,
    alert: &Alert,
) -> Option<&'static str> {
    let has_it = header.sender == *recipient || header.recipients.get(recipient).is_some();
    if has_it || header.sender == *onward.forwarder {
        return None;
    }
    match header.handling.tlp() {
        Tlp::Red => return Some("TLP:RED is for the named recipients only"),
        Tlp::AmberStrict => return Some("TLP:AMBER+STRICT is for the own organisation"),
        Tlp::Amber => return Some("TLP:AMBER is for the own organisation and its clients"),
        Tlp::Green | Tlp::Clear => {}
    }
    if header.handling.has(HandlingCode::H2) {
        return Some("H2 allows no dissemination without permission");
    }
    if header.handling.has(HandlingCode::H3) {
        return Some("H3 restricts it in words");
    }
    (onward.purpose != alert.purpose()).then_some("it was shared for another purpose")
}

fn mismatch(
    onward: &Onward<'_>,
    recipient: &AgencyId,
    enclosed: &Header,
    (grant, purpose, permission): (&Header, &Line, &Permission),
) -> Option<Mismatch> {
    if grant.sender != enclosed.sender {
        return Some(Mismatch::Originator { originator: enclosed.sender.clone() });
    }
    if permission.decision != Decision::Granted {
        return Some(Mismatch::Refused);
    }
    if grant.in_reply_to != Some(enclosed.id) {
        return Some(Mismatch::Message);
    }
    if grant.recipients.get(onward.forwarder).is_none() {
        return Some(Mismatch::Holder { forwarder: onward.forwarder.clone() });
    }
    if !permission.agencies.contains(recipient) {
        return Some(Mismatch::Recipient { recipient: recipient.clone() });
    }
    if purpose != onward.purpose {
        return Some(Mismatch::Purpose);
    }
    if let Some(until) = permission.until
        && onward.now >= until.ends_at().plus(CLOCK_TOLERANCE)
    {
        return Some(Mismatch::Ended { until });
    }
    onward.withdrawn.grant.then_some(Mismatch::Recalled)
}
