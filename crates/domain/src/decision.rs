//! May this message be delivered? The one decision of sender, hub and recipient, each with what it sees.
//!
//! | decided by | sees |
//! |---|---|
//! | [`sender`] | everything; it also chooses the agreements, and refuses the whole message |
//! | [`hub`] | the header: [`Outline`] |
//! | [`recipient`] | everything, once it is opened and its signatures are verified |
//!
//! Default deny: what no rule allows is refused, and each refusal names its rule.

use std::time::Duration;

use crate::agency::AgencyId;
use crate::agreement::Agreement;
use crate::answer::{self, About, Judge, Named};
use crate::approval;
use crate::digest::Digest;
use crate::directory::Directory;
use crate::envelope::Header;
use crate::instant::Instant;
use crate::message::{Kind, MessageId};
use crate::permission::{self, Question, choose_agreement, judge_agreement, judge_group};
use crate::rule::Rule;
use crate::sharing::{self, Onward};

/// What everybody on the way sees of a message.
#[derive(Clone, Copy, Debug)]
pub struct Outline<'a> {
    /// Sender, category, mode, handling, operation, and when it is judged.
    pub question: Question<'a>,
    /// What it says.
    pub kind: Kind,
    /// To whom, as expanded.
    pub recipients: &'a [AgencyId],
    /// The message that it names.
    pub in_reply_to: Option<MessageId>,
    /// Whether officers' approvals are sealed with it.
    pub approved: bool,
}

impl<'a> Outline<'a> {
    /// What a header shows; `recipients` are the header's.
    pub fn of_header(header: &'a Header, recipients: &'a [AgencyId], now: Instant) -> Self {
        Self {
            question: Question::of_header(header, now),
            kind: header.kind,
            recipients,
            in_reply_to: header.in_reply_to,
            approved: header.approval_digest.is_some(),
        }
    }
}

/// What sender and recipients see besides.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a> {
    /// For how long it is to be kept from its sending.
    pub retention: Duration,
    /// Whether that is over by now: whoever kept it would have to destroy it at once.
    pub is_over: bool,
    /// How many officers have approved it, each signature verified.
    pub approvals: u32,
    /// What it forwards; exactly for a forward.
    pub onward: Option<Onward<'a>>,
    /// The kind of what it puts in the place of another message; exactly for an amendment.
    pub replacement: Option<Kind>,
    /// The messages in the judge's ledger that have the id which it names.
    pub known: &'a [Named],
}

/// Why a message is not delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// No agreement or operation allows it.
    #[error(transparent)]
    Permission(#[from] permission::Denial),
    /// Its originator's handling does not allow it to go on.
    #[error(transparent)]
    Sharing(#[from] sharing::Denial),
    /// It lacks officers' approvals.
    #[error(transparent)]
    Approval(#[from] approval::Missing),
    /// It may not be about the message that it names.
    #[error(transparent)]
    Answer(#[from] answer::Denial),
    /// Nobody may keep it any more.
    #[error("the last day on which it may be kept is over; expected is a later `retention_until`")]
    RetentionOver,
}

impl Denial {
    /// The rule's name, as docs/rules.md lists it.
    pub fn rule(&self) -> Rule {
        match self {
            Self::Permission(denial) => denial.rule(),
            Self::Sharing(denial) => denial.rule(),
            Self::Approval(_) => Rule::ApprovalMissing,
            Self::Answer(denial) => denial.rule(),
            Self::RetentionOver => Rule::RetentionOver,
        }
    }
}

/// A refusal, and whom it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The recipient, by its place in the list; `None` where it is the message itself.
    pub recipient: Option<usize>,
    /// Why.
    pub denial: Denial,
}

/// What the sender's node decides: the agreement for every recipient, in their order, or everything that speaks against
/// sending.
pub fn sender<'d>(
    outline: &Outline<'_>,
    sealed: &Sealed<'_>,
    directory: &'d Directory,
) -> Result<Vec<&'d Agreement>, Vec<Refused>> {
    let mut refused = Vec::new();
    let mut refuse = |recipient, denial| refused.push(Refused { recipient, denial });
    match header(outline, directory).and_then(|()| enough_approvals(outline, sealed, directory)) {
        // Told for each recipient below.
        Ok(()) | Err(Denial::Permission(_)) => {}
        Err(denial) => refuse(None, denial),
    }
    if let Err(denial) = in_time(sealed) {
        refuse(None, denial);
    }
    let question = Question { retention: Some(sealed.retention), ..outline.question };
    let mut agreements = Vec::with_capacity(outline.recipients.len());
    for (place, recipient) in outline.recipients.iter().enumerate() {
        match choose_agreement(&question, recipient, directory) {
            Ok(agreement) => agreements.push(agreement),
            Err(denial) => refuse(Some(place), denial.into()),
        }
        if let Err(denial) = content(outline, sealed, recipient, Judge::Sender) {
            refuse(Some(place), denial);
        }
    }
    if refused.is_empty() { Ok(agreements) } else { Err(refused) }
}

/// What the hub decides from the header for the whole message; for each recipient it then asks [`cited`].
pub fn hub(outline: &Outline<'_>, directory: &Directory) -> Result<(), Denial> {
    header(outline, directory)
}

/// Whether the agreement that a header cites for a recipient covers the message, as far as its judge sees it.
pub fn cited<'d>(
    outline: &Outline<'_>,
    recipient: &AgencyId,
    agreement: Digest,
    directory: &'d Directory,
) -> Result<&'d Agreement, Denial> {
    Ok(judge_agreement(&outline.question, recipient, agreement, directory)?)
}

/// What a recipient's node decides about a message that is opened and verified.
pub fn recipient(
    me: &AgencyId,
    outline: &Outline<'_>,
    agreement: Digest,
    sealed: &Sealed<'_>,
    directory: &Directory,
) -> Result<(), Denial> {
    header(outline, directory)?;
    in_time(sealed)?;
    let question = Question { retention: Some(sealed.retention), ..outline.question };
    judge_agreement(&question, me, agreement, directory)?;
    enough_approvals(outline, sealed, directory)?;
    content(outline, sealed, me, Judge::Recipient)
}

/// What everybody judges alike.
fn header(outline: &Outline<'_>, directory: &Directory) -> Result<(), Denial> {
    answer::judge_naming(outline.kind, outline.in_reply_to)?;
    judge_group(&outline.question, outline.recipients, directory)?;
    let sender = outline.question.sender;
    let record = directory
        .agencies
        .get(sender)
        .ok_or_else(|| permission::Denial::UnknownAgency { agency: sender.clone() })?;
    Ok(approval::judge_header(outline.kind, outline.question.handling.tlp(), record, outline.approved)?)
}

fn in_time(sealed: &Sealed<'_>) -> Result<(), Denial> {
    if sealed.is_over { Err(Denial::RetentionOver) } else { Ok(()) }
}

fn enough_approvals(outline: &Outline<'_>, sealed: &Sealed<'_>, directory: &Directory) -> Result<(), Denial> {
    let Some(record) = directory.agencies.get(outline.question.sender) else { return Ok(()) };
    Ok(approval::judge(outline.kind, outline.question.handling.tlp(), record, sealed.approvals)?)
}

/// What the content asks for, towards one recipient.
fn content(
    outline: &Outline<'_>,
    sealed: &Sealed<'_>,
    recipient: &AgencyId,
    judge: Judge,
) -> Result<(), Denial> {
    if let Some(id) = outline.in_reply_to {
        let parties = (outline.question.sender, recipient);
        let about = About { kind: outline.kind, id, replacement: sealed.replacement };
        answer::judge(&about, parties, sealed.known, judge)?;
    }
    if let Some(onward) = &sealed.onward {
        sharing::judge(onward, recipient)?;
    }
    Ok(())
}
