//! Officers' approvals: which messages need how many, and what an approval binds.
//!
//! Who demands them is the sender's directory record; sender, recipients and, as far as the header shows it, the hub
//! ask for them. Whether an officer's signature holds is the caller's to verify.

use bytes::Bytes;

use crate::agency::AgencyId;
use crate::digest::{Digest, KeyId};
use crate::directory::{AgencyRecord, ApprovalRule};
use crate::envelope::Header;
use crate::handling::{Handling, Tlp};
use crate::instant::Instant;
use crate::message::{Category, Kind, MessageId, OperationId, Priority, SharingMode};
use crate::statement::{Approval, Signed};

/// What officers approved, as it is handed in: everything that their signatures bind is fixed.
#[derive(Clone, PartialEq, Eq)]
pub struct Release {
    /// The id that the message has to get.
    pub message: MessageId,
    /// The salt of its plaintext digest.
    pub salt: [u8; 32],
    /// The exact bytes of its alert.
    pub body: Bytes,
    /// The officers' statements; of type [`Approval`].
    pub approvals: Vec<Signed>,
}

impl std::fmt::Debug for Release {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Release({}, {} approvals)", self.message, self.approvals.len())
    }
}

/// The message that officers approve, as they see it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Which one.
    pub message: MessageId,
    /// Of which agency.
    pub sender: &'a AgencyId,
    /// To whom, ascending, as expanded from an operation.
    pub recipients: &'a [AgencyId],
    /// What it says.
    pub kind: Kind,
    /// How it may be used.
    pub handling: &'a Handling,
    /// When its window closes.
    pub act_before: Option<Instant>,
    /// The message that it answers or is about.
    pub in_reply_to: Option<MessageId>,
    /// What it is about.
    pub category: Category,
    /// On whose initiative it is shared.
    pub mode: SharingMode,
    /// The joint operation to which it belongs.
    pub operation: Option<&'a OperationId>,
    /// Its lane.
    pub priority: Priority,
    /// The salted digest of its body.
    pub plaintext_digest: Digest,
}

impl<'a> Subject<'a> {
    /// The message that a header announces to these recipients, who are the header's.
    pub fn of_header(header: &'a Header, recipients: &'a [AgencyId]) -> Self {
        Self {
            message: header.id,
            sender: &header.sender,
            recipients,
            kind: header.kind,
            handling: &header.handling,
            act_before: header.act_before,
            in_reply_to: header.in_reply_to,
            category: header.category,
            mode: header.mode,
            operation: header.operation.as_ref(),
            priority: header.priority,
            plaintext_digest: header.plaintext_digest,
        }
    }

    /// Whether an approval is of exactly this message; otherwise what it names differently.
    pub fn differs_from(&self, approval: &Approval) -> Option<&'static str> {
        let Approval {
            message,
            sender,
            recipients,
            kind,
            handling,
            act_before,
            in_reply_to,
            category,
            mode,
            operation,
            priority,
            plaintext_digest,
            approved_at: _,
        } = approval;
        let compared = [
            (*message == self.message, "message id"),
            (sender == self.sender, "sender"),
            (recipients == self.recipients, "recipients"),
            (*kind == self.kind, "kind"),
            (handling == self.handling, "handling"),
            (*act_before == self.act_before, "act_before"),
            (*in_reply_to == self.in_reply_to, "in_reply_to"),
            (*category == self.category, "category"),
            (*mode == self.mode, "sharing mode"),
            (operation.as_ref() == self.operation, "operation"),
            (*priority == self.priority, "priority"),
            (*plaintext_digest == self.plaintext_digest, "content"),
        ];
        compared.iter().find(|(same, _)| !same).map(|(_, what)| *what)
    }
}

/// Too few officers have approved a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("found the approvals of {found} officers, expected those of {required} for this {kind}")]
pub struct Missing {
    /// What it says.
    pub kind: Kind,
    /// How many are asked for.
    pub required: u32,
    /// How many there are.
    pub found: u32,
}

/// How many officers have to approve a message of an agency: the most that one of its rules asks for.
pub fn required(kind: Kind, label: Tlp, sender: &AgencyRecord) -> u32 {
    let applies = |rule: &&ApprovalRule| {
        (rule.kinds.is_empty() || rule.kinds.contains(&kind))
            && (rule.tlp.is_empty() || rule.tlp.contains(&label))
    };
    sender.approval_rules.iter().filter(applies).map(|rule| rule.approvals).max().unwrap_or(0)
}

/// How many officers have approved exactly this message. Each approval is given with the officer's key whose signature
/// over it was verified; one key counts once.
pub fn count(subject: &Subject<'_>, verified: &[(KeyId, Approval)]) -> u32 {
    let covering = verified.iter().filter(|(_, approval)| subject.differs_from(approval).is_none());
    let mut officers: Vec<KeyId> = covering.map(|(officer, _)| *officer).collect();
    officers.sort_unstable();
    officers.dedup();
    u32::try_from(officers.len()).unwrap_or(u32::MAX)
}

/// Whether so many are enough.
pub fn judge(kind: Kind, label: Tlp, sender: &AgencyRecord, found: u32) -> Result<(), Missing> {
    let required = required(kind, label, sender);
    if found < required { Err(Missing { kind, required, found }) } else { Ok(()) }
}

/// Whether a header that names approvals, or none, can be of an approved message.
pub fn judge_header(kind: Kind, label: Tlp, sender: &AgencyRecord, named: bool) -> Result<(), Missing> {
    let required = required(kind, label, sender);
    if required > 0 && !named { Err(Missing { kind, required, found: 0 }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handling::HandlingCode;

    fn agencies(ids: &[&str]) -> Vec<AgencyId> {
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    fn approval() -> Approval {
        Approval {
            message: MessageId::new(1, [1; 10]),
            sender: "HK-CED".parse().unwrap(),
            recipients: agencies(&["DE-ZKA", "TH-TCD"]),
            kind: Kind::TransitCase,
            handling: Handling::new(Tlp::Red, [HandlingCode::H2]),
            act_before: Some(Instant::from_millis(7)),
            in_reply_to: Some(MessageId::new(1, [3; 10])),
            category: Category::Narcotics,
            mode: SharingMode::Spontaneous,
            operation: Some("OP-SAMPLE".parse().unwrap()),
            priority: Priority::Routine,
            plaintext_digest: Digest::new([1; 32]),
            approved_at: Instant::from_millis(5),
        }
    }

    #[test]
    fn an_approval_binds_every_field_and_an_officer_counts_once() {
        let good = approval();
        let subject = Subject {
            message: good.message,
            sender: &good.sender,
            recipients: &good.recipients,
            kind: good.kind,
            handling: &good.handling,
            act_before: good.act_before,
            in_reply_to: good.in_reply_to,
            category: good.category,
            mode: good.mode,
            operation: good.operation.as_ref(),
            priority: good.priority,
            plaintext_digest: good.plaintext_digest,
        };
        let [one, two] = [1, 2].map(|key| KeyId::new([key; 32]));
        let later = Approval { approved_at: Instant::from_millis(6), ..approval() };
        assert_eq!(count(&subject, &[(one, approval()), (one, later.clone()), (two, later)]), 2);

        let others = [
            ("message id", Approval { message: MessageId::new(2, [1; 10]), ..approval() }),
            ("sender", Approval { sender: "DE-ZKA".parse().unwrap(), ..approval() }),
            ("recipients", Approval { recipients: agencies(&["DE-ZKA"]), ..approval() }),
            ("kind", Approval { kind: Kind::Recall, ..approval() }),
            ("handling", Approval { handling: Handling::new(Tlp::Red, []), ..approval() }),
            ("act_before", Approval { act_before: None, ..approval() }),
            ("in_reply_to", Approval { in_reply_to: None, ..approval() }),
            ("category", Approval { category: Category::Revenue, ..approval() }),
            ("sharing mode", Approval { mode: SharingMode::OnRequest, ..approval() }),
            ("operation", Approval { operation: None, ..approval() }),
            ("priority", Approval { priority: Priority::Flash, ..approval() }),
            ("content", Approval { plaintext_digest: Digest::new([2; 32]), ..approval() }),
        ];
        for (what, other) in others {
            assert_eq!(subject.differs_from(&other), Some(what));
            assert_eq!(count(&subject, &[(one, other)]), 0, "{what}");
        }
    }

    #[test]
    fn the_strictest_rule_that_applies_counts() {
        let rule = |kinds: &[Kind], tlp: &[Tlp], approvals| ApprovalRule {
            kinds: kinds.to_vec(),
            tlp: tlp.to_vec(),
            approvals,
        };
        let record = AgencyRecord {
            name: String::new(),
            signing_keys: vec![],
            sealing_keys: vec![],
            approval_rules: vec![
                rule(&[Kind::TransitCase], &[], 1),
                rule(&[], &[Tlp::Red], 2),
                rule(&[Kind::TransitCase], &[Tlp::Red], 3),
            ],
        };
        assert_eq!(required(Kind::TransitCase, Tlp::Red, &record), 3);
        assert_eq!(required(Kind::TransitCase, Tlp::Amber, &record), 1);
        assert_eq!(required(Kind::Request, Tlp::Red, &record), 2);
        assert_eq!(required(Kind::Request, Tlp::Green, &record), 0);
        assert!(judge(Kind::TransitCase, Tlp::Red, &record, 3).is_ok());
        assert_eq!(judge(Kind::TransitCase, Tlp::Red, &record, 2).unwrap_err().required, 3);
        assert!(judge_header(Kind::TransitCase, Tlp::Amber, &record, true).is_ok());
        assert!(judge_header(Kind::TransitCase, Tlp::Amber, &record, false).is_err());
    }
}
