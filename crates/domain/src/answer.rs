//! Messages about other messages: who may amend, withdraw, grant or answer what, and which of several changes holds.
//!
//! An id is chosen by its sender, so that a message is named by its author and its id together: a change concerns the
//! message of its own sender alone, whoever else used the same id.

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
}

impl Denial {
    /// The rule's name, as docs/rules.md lists it.
    pub fn rule(&self) -> Rule {
        match self {
            Self::Unnamed { .. } => Rule::AnswerUnnamed,
            Self::NotOriginator { .. } => Rule::AnswerNotOriginator,
            Self::Unknown { .. } => Rule::AnswerUnknown,
            Self::NotAsked { .. } => Rule::AnswerNotAsked,
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
    matches!(kind, Kind::Amendment | Kind::Recall)
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
    kind: Kind,
    (sender, recipient): (&AgencyId, &AgencyId),
    id: MessageId,
    known: &[Named],
    judge: Judge,
) -> Result<(), Denial> {
    match kind {
        Kind::Amendment | Kind::Recall | Kind::Permission => {
            if judge == Judge::Recipient || known.iter().any(|named| named.author == *sender) {
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

named! {
    /// What a later message of its sender did to a message; the stronger effect last.
    pub enum Effect: "effect of a change" {
        /// It says something else in its place.
        Amended = "amended",
        /// It withdrew it.
        Recalled = "recalled",
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
mod tests {
    use super::*;

    fn agency(id: &str) -> AgencyId {
        id.parse().unwrap()
    }

    fn named(author: &str, kind: Kind) -> Named {
        Named { author: agency(author), kind, recipients: vec![agency("DE-ZKA")] }
    }

    fn rule(kind: Kind, from: &str, to: &str, known: &[Named], by: Judge) -> &'static str {
        let id = MessageId::new(1, [1; 10]);
        let judged = judge(kind, (&agency(from), &agency(to)), id, known, by);
        judged.map_or_else(|denial| denial.rule().as_str(), |()| "")
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
}
