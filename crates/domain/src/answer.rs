//! Messages about other messages: who may amend, withdraw, grant or answer what, and which of several changes holds.
//!
//! An id is chosen by its sender, so that a message is named by its author and its id together: a change concerns the
//! message of its own sender alone, whoever else used the same id.
//!
//! | kind | may be amended, by the same kind alone | may be recalled |
//! |---|---|---|
//! | suspect shipment, suspect traveller, transit case, request, reply, sighting, outcome | yes | yes |
//! | amendment | yes: that changes what it amends | yes: likewise |
//! | permission, forward | no: they are judged as they were signed | yes |
//! | recall, compliance | no | no: a recall holds for good, and of several answers the last one |

use crate::agency::AgencyId;
use crate::instant::Instant;
use crate::message::{Kind, MessageId};
use crate::names::named;
use crate::rule::Rule;

/// A message that lies in the judge's ledger, as far as messages about it are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Who sent it.
    pub author: AgencyId,
    /// What it says.
    pub kind: Kind,
    /// To whom it was sent.
    pub recipients: Vec<AgencyId>,
    /// For an amendment: the kind of the first message in its chain of amendments, where that lies there too.
    pub amends: Option<Kind>,
}

/// What a message says about another one, as its sender and its recipients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// What it says.
    pub kind: Kind,
    /// The message that it names.
    pub id: MessageId,
    /// For an amendment: the kind of what it puts in that message's place.
    pub replacement: Option<Kind>,
}

/// Why a message may not be about the one that it names.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// It names none.
    #[error("this {kind} names no message, expected the one that it is about")]
    Unnamed {
        /// What it says.
        kind: Kind,
    },
    /// Another agency's message alone has the id.
    #[error(
        "{id} is a message of {author}: only its originator, not {by}, may say that; the {kind} is refused"
    )]
    NotOriginator {
        /// What it says.
        kind: Kind,
        /// The message that it names.
        id: MessageId,
        /// Whose that is.
        author: AgencyId,
        /// Who is no originator of it.
        by: AgencyId,
    },
    /// It does not lie in the sender's own ledger.
    #[error("{by} sent no message {id} for this {kind} to be about")]
    Unknown {
        /// What it says.
        kind: Kind,
        /// The message that it names.
        id: MessageId,
        /// Who should have sent it.
        by: AgencyId,
    },
    /// An answer to a change that was never asked of the one who answers.
    #[error("{id} is no recall or amendment that {asks} sent to {answers}")]
    NotAsked {
        /// The message that it names.
        id: MessageId,
        /// Who should have asked.
        asks: AgencyId,
        /// Who answers.
        answers: AgencyId,
    },
    /// Of a kind that is not changed in that way.
    #[error("{id} is of kind {of}, and no {kind} of such a message is taken")]
    NotChangeable {
        /// Amendment or recall.
        kind: Kind,
        /// The message that it names.
        id: MessageId,
        /// What that says.
        of: Kind,
    },
    /// It puts another kind in the message's place.
    #[error(
        "{id} is of kind {of}, expected a replacement of the same kind; this one is of kind {replacement}"
    )]
    OtherKind {
        /// The message that it names.
        id: MessageId,
        /// What that says, or the first message of its chain of amendments.
        of: Kind,
        /// What would stand in its place.
        replacement: Kind,
    },
    /// It puts a kind in the message's place that replaces none.
    #[error("a message of kind {replacement} cannot stand in the place of another one")]
    ReplacesNone {
        /// What would stand there.
        replacement: Kind,
    },
}

impl Denial {
    /// The rule's name, as docs/rules.md lists it.
    pub fn rule(&self) -> Rule {
        match self {
            Self::Unnamed { .. } => Rule::AnswerUnnamed,
            Self::NotOriginator { .. } => Rule::AnswerNotOriginator,
            Self::Unknown { .. } => Rule::AnswerUnknown,
            Self::NotAsked { .. } => Rule::AnswerNotAsked,
            Self::NotChangeable { .. } => Rule::AnswerNotChangeable,
            Self::OtherKind { .. } | Self::ReplacesNone { .. } => Rule::AnswerOtherKind,
        }
    }
}

/// Who judges a message about another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// Its sender: what it is about lies in the own ledger.
    Sender,
    /// A recipient: what it is about may still be on its way.
    Recipient,
}

/// Whether a message of a kind is about another one and has to name it.
pub fn names_another(kind: Kind) -> bool {
    match kind {
        Kind::Amendment
        | Kind::Recall
        | Kind::Reply
        | Kind::Permission
        | Kind::Compliance
        | Kind::Sighting => true,
        Kind::SuspectShipment
        | Kind::SuspectTraveller
        | Kind::TransitCase
        | Kind::Request
        | Kind::Forward
        | Kind::Outcome => false,
    }
}

/// Whether a message of a kind changes an earlier one, so that its recipients have to answer.
pub fn is_change(kind: Kind) -> bool {
    Effect::of(kind).is_some()
}

/// A message that has to name another one does.
pub fn judge_naming(kind: Kind, in_reply_to: Option<MessageId>) -> Result<(), Denial> {
    if names_another(kind) && in_reply_to.is_none() { Err(Denial::Unnamed { kind }) } else { Ok(()) }
}

/// Whether a sender may say this about the message that it names. `known` are the messages of that id that lie in the
/// judge's ledger.
///
/// A recipient takes every change and permission, and each concerns the message of its own sender alone, once that comes.
/// That the recipient knows only others' messages of the id speaks against nothing: whoever knows the id of a message can
/// use it first, and would else make its originator's recall bounce.
pub fn judge(
    about: &About,
    (sender, recipient): (&AgencyId, &AgencyId),
    known: &[Named],
    judge: Judge,
) -> Result<(), Denial> {
    let About { kind, id, replacement } = *about;
    if let Some(replacement) = replacement.filter(|kind| !replaces(*kind)) {
        return Err(Denial::ReplacesNone { replacement });
    }
    match kind {
        Kind::Amendment | Kind::Recall | Kind::Permission => {
            if let Some(named) = known.iter().find(|named| named.author == *sender) {
                return judge_change(about, named);
            }
            if judge == Judge::Recipient {
                return Ok(());
            }
            let by = sender.clone();
            Err(match known.first() {
                Some(other) => Denial::NotOriginator { kind, id, author: other.author.clone(), by },
                None => Denial::Unknown { kind, id, by },
            })
        }
        Kind::Compliance => {
            let asked = known.iter().any(|named| {
                named.author == *recipient && is_change(named.kind) && named.recipients.contains(sender)
            });
            let (asks, answers) = (recipient.clone(), sender.clone());
            if asked { Ok(()) } else { Err(Denial::NotAsked { id, asks, answers }) }
        }
        Kind::SuspectShipment
        | Kind::SuspectTraveller
        | Kind::TransitCase
        | Kind::Request
        | Kind::Reply
        | Kind::Forward
        | Kind::Sighting
        | Kind::Outcome => Ok(()),
    }
}

/// Whether a message may be changed in this way.
fn judge_change(about: &About, named: &Named) -> Result<(), Denial> {
    let About { kind, id, replacement } = *about;
    let Some(effect) = Effect::of(kind) else { return Ok(()) };
    if !effect.befalls(named.kind) {
        return Err(Denial::NotChangeable { kind, id, of: named.kind });
    }
    // Of a chain whose first message is not here, nothing says what it was.
    let replaced = if named.kind == Kind::Amendment { named.amends } else { Some(named.kind) };
    match (replaced, replacement) {
        (Some(of), Some(replacement)) if of != replacement => Err(Denial::OtherKind { id, of, replacement }),
        _ => Ok(()),
    }
}

/// Whether a content of a kind may stand in the place of an earlier message.
fn replaces(kind: Kind) -> bool {
    kind != Kind::Amendment && Effect::Amended.befalls(kind)
}

named! {
    /// What a later message of its sender did to a message; the stronger effect last.
    pub enum Effect: "effect of a change" {
        /// It says something else in its place.
        Amended = "amended",
        /// It withdrew it.
        Recalled = "recalled",
    }
}

impl Effect {
    /// What a message of a kind does to the one that it names.
    pub fn of(kind: Kind) -> Option<Self> {
        match kind {
            Kind::Amendment => Some(Self::Amended),
            Kind::Recall => Some(Self::Recalled),
            Kind::SuspectShipment
            | Kind::SuspectTraveller
            | Kind::TransitCase
            | Kind::Request
            | Kind::Reply
            | Kind::Permission
            | Kind::Compliance
            | Kind::Forward
            | Kind::Sighting
            | Kind::Outcome => None,
        }
    }

    /// Whether this may become of a message of a kind.
    pub fn befalls(self, kind: Kind) -> bool {
        match kind {
            Kind::Recall | Kind::Compliance => false,
            // What they enclose or grant is proven by its own signature: nobody would see that it says something else
            // by now, and a replacement is not judged as they are.
            Kind::Permission | Kind::Forward => self == Self::Recalled,
            Kind::SuspectShipment
            | Kind::SuspectTraveller
            | Kind::TransitCase
            | Kind::Amendment
            | Kind::Request
            | Kind::Reply
            | Kind::Sighting
            | Kind::Outcome => true,
        }
    }
}

/// A change of a message, by its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What became of it.
    pub effect: Effect,
    /// When the change was sent, by its sender's clock.
    pub sent_at: Instant,
    /// The amendment or the recall.
    pub by: MessageId,
}

impl Change {
    /// Whether this change holds and not the other one. All who know both agree, in whatever order they came: a recall
    /// holds for good, and of two alike the one that its sender sent later.
    pub fn prevails_over(&self, other: &Self) -> bool {
        (self.effect, self.sent_at, self.by) > (other.effect, other.sent_at, other.by)
    }
}

#[cfg(test)]
mod tests;
