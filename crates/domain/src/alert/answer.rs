//! Messages that answer, change or carry others. The message that they concern stands in the header (`in_reply_to`).

use bytes::Bytes;

use super::content::Content;
use super::text::{Line, List, Text};
use crate::agency::AgencyId;
use crate::envelope::Signature;
use crate::identifier::{Identifier, UnLocode};
use crate::message::MessageId;
use crate::names::named;
use crate::time::{Date, OffsetTime};

/// Replaces an earlier message of the same sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// What it should have said, whole.
    pub replacement: Box<Content>,
    /// Why it is replaced.
    pub reason: Text,
}

/// Withdraws an earlier message of the same sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recall {
    /// Why it is withdrawn.
    pub reason: Text,
}

/// A question to named agencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub question: Text,
    /// About which identifiers.
    pub identifiers: List<Identifier>,
    /// About which case, by its name at one of the agencies.
    pub case_reference: Option<Line>,
    /// By when an answer is needed.
    pub due: OffsetTime,
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What came of it.
    pub result: ReplyResult,
    /// The answer, in words.
    pub answer: Text,
    /// Identifiers that came to light.
    pub identifiers: List<Identifier>,
}

named! {
    /// What came of a request.
    pub enum ReplyResult: "result of a request" {
        /// Answered in full.
        Answered = "answered",
        /// Answered in part; more follows or is not known.
        Partly = "partly_answered",
        /// Searched, and nothing found.
        NothingFound = "nothing_found",
        /// Not answered, for the reason given.
        Declined = "declined",
    }
}

/// An originator's decision on onward sharing of its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Granted or not.
    pub decision: Decision,
    /// To whom the message may be forwarded; none when refused.
    pub agencies: List<AgencyId>,
    /// Until when.
    pub until: Option<Date>,
    /// Under which conditions.
    pub conditions: Option<Text>,
}

named! {
    /// A decision on a request for onward sharing.
    pub enum Decision: "decision" {
        /// The message may be forwarded.
        Granted = "granted",
        /// It may not.
        Refused = "refused",
    }
}

/// A recipient's answer to a recall or an amendment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compliance {
    /// What was done.
    pub answer: ComplianceAnswer,
    /// In words.
    pub note: Option<Text>,
}

named! {
    /// What a recipient did about a recall or an amendment.
    pub enum ComplianceAnswer: "answer to a recall" {
        /// Done as asked.
        Complied = "complied",
        /// It had been acted on before.
        AlreadyActedOn = "already_acted_on",
        /// It has to be kept for proceedings.
        LegalHold = "kept_under_legal_hold",
    }
}

/// An earlier message of any sender, enclosed exactly as it came, so that its authorship can be verified by those to
/// whom it is forwarded. Nothing in it is believed before that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// The exact bytes of its header.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: List<Signature>,
    /// The salt of its plaintext digest: the digest in the header covers salt and body.
    pub salt: [u8; 32],
    /// The exact bytes of its alert.
    pub body: Bytes,
    /// The permission under which it is forwarded, where one is needed.
    pub permission: Option<MessageId>,
    /// Why it is forwarded.
    pub note: Option<Text>,
    /// That permission itself.
    pub grant: Option<Enclosed>,
}

impl Forward {
    /// The message that is forwarded.
    pub fn enclosed(&self) -> Enclosed {
        let Self { header, signatures, salt, body, .. } = self;
        Enclosed { header: header.clone(), signatures: signatures.clone(), salt: *salt, body: body.clone() }
    }
}

/// A message as it can be shown to others: with it they verify that its sender signed it, and that it said this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enclosed {
    /// The exact bytes of its header.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: List<Signature>,
    /// The salt of its plaintext digest.
    pub salt: [u8; 32],
    /// The exact bytes of its alert.
    pub body: Bytes,
}

/// 'We saw it.'
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// When, by the clock there.
    pub seen_at: OffsetTime,
    /// Where.
    pub place: Place,
    /// Which identifiers matched.
    pub identifiers: List<Identifier>,
    /// What is being done.
    pub action: Action,
    /// In words.
    pub note: Option<Text>,
}

/// A place: by code, in words, or both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The port, airport or town.
    pub locode: Option<UnLocode>,
    /// In words.
    pub description: Option<Line>,
}

named! {
    /// What is being done about what was seen.
    pub enum Action: "action" {
        /// Nothing yet.
        NoneYet = "none_yet",
        /// It is being watched.
        Observing = "observing",
        /// It is being examined.
        Examining = "examining",
        /// Goods or a person are being held.
        Detained = "detained",
        /// It was let pass, as asked.
        LetPass = "let_pass",
    }
}
