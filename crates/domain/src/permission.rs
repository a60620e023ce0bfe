//! May this message go to that agency? Default deny: nothing is delivered without a live agreement that covers it.
//!
//! The same decision is taken three times: by the sender's node, which also chooses the agreement; by the hub, from
//! what the header shows; and by the recipient's node. Each refusal names its rule, as docs/rules.md lists them.

use crate::rule::Rule;
use std::time::Duration;

use crate::agency::AgencyId;
use crate::agreement::Agreement;
use crate::digest::Digest;
use crate::directory::Directory;
use crate::envelope::Header;
use crate::handling::Handling;
use crate::instant::Instant;
use crate::message::{Category, OperationId, SharingMode};

/// What decides about one message, besides its recipients.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Who sends.
    pub sender: &'a AgencyId,
    /// What it is about.
    pub category: Category,
    /// On whose initiative.
    pub mode: SharingMode,
    /// How it may be used.
    pub handling: &'a Handling,
    /// The operation to which it belongs.
    pub operation: Option<&'a OperationId>,
    /// How long it is to be kept from its sending; `None` where the body is not visible.
    pub retention: Option<Duration>,
    /// When it is judged, by the judge's clock.
    pub now: Instant,
}

impl<'a> Question<'a> {
    /// The question that a header asks at the hub or at a recipient.
    pub fn of_header(header: &'a Header, now: Instant) -> Self {
        Self {
            sender: &header.sender,
            category: header.category,
            mode: header.mode,
            handling: &header.handling,
            operation: header.operation.as_ref(),
            retention: None,
            now,
        }
    }
}

/// Why a message may not go to an agency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The directory does not list it.
    #[error("agency {agency} is not in the directory")]
    UnknownAgency {
        /// The agency.
        agency: AgencyId,
    },
    /// A message to oneself.
    #[error("{agency} cannot send to itself")]
    ToItself {
        /// The agency.
        agency: AgencyId,
    },
    /// The directory does not list it.
    #[error("operation {operation} is not in the directory")]
    UnknownOperation {
        /// The operation.
        operation: OperationId,
    },
    /// It is over, or has not begun.
    #[error("operation {operation} is not running at {now}")]
    OperationNotRunning {
        /// The operation.
        operation: OperationId,
        /// When it was judged.
        now: Instant,
    },
    /// An outsider.
    #[error("{agency} is not a member of operation {operation}")]
    NotAMember {
        /// The operation.
        operation: OperationId,
        /// The agency.
        agency: AgencyId,
    },
    /// Nothing connects the two.
    #[error("no agreement between {sender} and {recipient} is in force at {now}")]
    NoAgreement {
        /// Who sends.
        sender: AgencyId,
        /// Who would receive.
        recipient: AgencyId,
        /// When it was judged.
        now: Instant,
    },
    /// Agreements connect the two, but none covers this message.
    #[error("agreement {agreement} between {sender} and {recipient} does not cover {what}")]
    NotCovered {
        /// Who sends.
        sender: AgencyId,
        /// Who would receive.
        recipient: AgencyId,
        /// The agreement that comes closest.
        agreement: String,
        /// What it does not cover.
        what: Gap,
    },
    /// The agreement that the header cites is not in the directory.
    #[error("the cited agreement {digest} is not in the directory")]
    UnknownAgreement {
        /// Its digest.
        digest: Digest,
    },
}

/// What an agreement does not cover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// The subject.
    Category(Category),
    /// The initiative.
    Mode(SharingMode),
    /// The label or a handling code.
    Handling(Handling),
    /// The time for which it is to be kept.
    Retention(Duration),
}

impl std::fmt::Display for Gap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Category(category) => write!(f, "category {category}"),
            Self::Mode(mode) => write!(f, "mode {mode}"),
            Self::Handling(handling) => {
                write!(f, "handling TLP:{}", handling.tlp())?;
                handling.codes().iter().try_for_each(|code| write!(f, " {code}"))
            }
            Self::Retention(duration) => {
                write!(f, "a retention of {} days", duration.as_secs().div_ceil(86_400))
            }
        }
    }
}

impl Denial {
    /// The rule's name, as docs/rules.md lists it.
    pub fn rule(&self) -> Rule {
        match self {
            Self::UnknownAgency { .. } => Rule::AgencyUnknown,
            Self::ToItself { .. } => Rule::AgencyItself,
            Self::UnknownOperation { .. } => Rule::OperationUnknown,
            Self::OperationNotRunning { .. } => Rule::OperationNotRunning,
            Self::NotAMember { .. } => Rule::OperationNotAMember,
            Self::NoAgreement { .. } => Rule::AgreementNone,
            Self::NotCovered { what: Gap::Category(_), .. } => Rule::AgreementCategory,
            Self::NotCovered { what: Gap::Mode(_), .. } => Rule::AgreementMode,
            Self::NotCovered { what: Gap::Handling(_), .. } => Rule::AgreementHandling,
            Self::NotCovered { what: Gap::Retention(_), .. } => Rule::AgreementRetention,
            Self::UnknownAgreement { .. } => Rule::AgreementUnknown,
        }
    }
}

/// Chooses the agreement under which a message may go to a recipient: the first in the directory that covers it.
pub fn choose_agreement<'d>(
    question: &Question<'_>,
    recipient: &AgencyId,
    directory: &'d Directory,
) -> Result<&'d Agreement, Denial> {
    parties_known(question, recipient, directory)?;
    let mut closest = None;
    for agreement in &directory.agreements {
        match covers(agreement, question, recipient) {
            Coverage::Full => return Ok(agreement),
            Coverage::Missing(what) if closest.is_none() => closest = Some((agreement, what)),
            Coverage::Missing(_) | Coverage::Unrelated => {}
        }
    }
    Err(match closest {
        Some((agreement, what)) => not_covered(question, recipient, agreement, what),
        None => no_agreement(question, recipient),
    })
}

/// Judges the agreement that a header cites for a recipient.
pub fn judge_agreement<'d>(
    question: &Question<'_>,
    recipient: &AgencyId,
    cited: Digest,
    directory: &'d Directory,
) -> Result<&'d Agreement, Denial> {
    parties_known(question, recipient, directory)?;
    let agreement = directory.agreement(cited).ok_or(Denial::UnknownAgreement { digest: cited })?;
    match covers(agreement, question, recipient) {
        Coverage::Full => Ok(agreement),
        Coverage::Missing(what) => Err(not_covered(question, recipient, agreement, what)),
        Coverage::Unrelated => Err(no_agreement(question, recipient)),
    }
}

/// Judges the whole list of a message that belongs to an operation: the operation is running, and nobody outside it is
/// among sender and recipients.
pub fn judge_group(
    question: &Question<'_>,
    recipients: &[AgencyId],
    directory: &Directory,
) -> Result<(), Denial> {
    let Some(id) = question.operation else { return Ok(()) };
    let operation =
        directory.operations.get(id).ok_or_else(|| Denial::UnknownOperation { operation: id.clone() })?;
    if !operation.holds_at(question.now) {
        return Err(Denial::OperationNotRunning { operation: id.clone(), now: question.now });
    }
    let outsider =
        std::iter::once(question.sender).chain(recipients).find(|agency| !operation.members.contains(agency));
    match outsider {
        Some(agency) => Err(Denial::NotAMember { operation: id.clone(), agency: agency.clone() }),
        None => Ok(()),
    }
}

fn parties_known(question: &Question<'_>, recipient: &AgencyId, directory: &Directory) -> Result<(), Denial> {
    if question.sender == recipient {
        return Err(Denial::ToItself { agency: recipient.clone() });
    }
    for agency in [question.sender, recipient] {
        if !directory.agencies.contains_key(agency) {
            return Err(Denial::UnknownAgency { agency: agency.clone() });
        }
    }
    judge_group(question, std::slice::from_ref(recipient), directory)
}

enum Coverage {
    Full,
    Missing(Gap),
    Unrelated,
}

fn covers(agreement: &Agreement, question: &Question<'_>, recipient: &AgencyId) -> Coverage {
    let connects = agreement.parties.contains(question.sender) && agreement.parties.contains(recipient);
    if !connects || !agreement.period.holds_at(question.now) {
        return Coverage::Unrelated;
    }
    if !agreement.categories.contains(&question.category) {
        return Coverage::Missing(Gap::Category(question.category));
    }
    if !agreement.modes.contains(&question.mode) {
        return Coverage::Missing(Gap::Mode(question.mode));
    }
    if !agreement.covers_handling(question.handling) {
        return Coverage::Missing(Gap::Handling(question.handling.clone()));
    }
    match question.retention {
        Some(retention) if retention > agreement.retention_max => {
            Coverage::Missing(Gap::Retention(retention))
        }
        _ => Coverage::Full,
    }
}

fn not_covered(question: &Question<'_>, recipient: &AgencyId, agreement: &Agreement, what: Gap) -> Denial {
    Denial::NotCovered {
        sender: question.sender.clone(),
        recipient: recipient.clone(),
        agreement: agreement.id.to_string(),
        what,
    }
}

fn no_agreement(question: &Question<'_>, recipient: &AgencyId) -> Denial {
    Denial::NoAgreement { sender: question.sender.clone(), recipient: recipient.clone(), now: question.now }
}
