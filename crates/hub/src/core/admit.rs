//! To whom one envelope goes, by what its header shows: first the message is judged, then every recipient by itself,
//! and what is not allowed is denied.

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::decision::{self, Outline};
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{Header, Signature};
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::rule::Rule;
use sealpost_wire::envelope::header_from_bytes;

/// What an envelope shows to the hub.
pub struct Shown<'e> {
    /// The exact bytes of the header.
    pub header: &'e Bytes,
    /// Over those bytes.
    pub signatures: &'e [Signature],
    /// Bit n is set where there is a wrap for recipient n of the header.
    pub wrapped: u64,
}

/// What is decided about one envelope.
pub enum Admission {
    /// Nobody gets it, by this rule.
    Refused(Rule),
    /// Some recipients get it, the others do not, each by a rule.
    Judged {
        /// How urgent it is.
        priority: Priority,
        /// Who gets it.
        recipients: Vec<AgencyId>,
        /// Who does not.
        refusals: Vec<(AgencyId, Rule)>,
    },
}

/// Judges an envelope whose signatures and digests were verified before. What may have changed since then, and costs
/// little, is judged here once more: under this directory, at this time. It decides twice, by the same code: before
/// anything is written, so that what nobody may get is not, and when the journal's entry is applied, which alone counts.
pub fn admit(
    envelope: &Shown<'_>,
    sender: &AgencyId,
    directory: Option<&Directory>,
    at: Instant,
) -> Admission {
    let Ok(header) = header_from_bytes(envelope.header) else {
        return Admission::Refused(Rule::HeaderMalformed);
    };
    if header.sender != *sender {
        return Admission::Refused(Rule::SenderForged);
    }
    let Some(directory) = directory else {
        return Admission::Refused(Rule::DirectoryNone);
    };
    if !directory.agencies.contains_key(sender) {
        return Admission::Refused(Rule::AgencyUnknown);
    }
    let believed = envelope
        .signatures
        .iter()
        .any(|signature| directory.node_key(sender, signature.key_id, at).is_some());
    if !believed {
        return Admission::Refused(Rule::KeyUnknown);
    }
    judge_recipients(envelope, &header, directory, at)
}

fn judge_recipients(envelope: &Shown<'_>, header: &Header, directory: &Directory, at: Instant) -> Admission {
    let listed: Vec<AgencyId> = header.recipients.agencies().cloned().collect();
    let outline = Outline::of_header(header, &listed, at);
    if let Err(denial) = decision::hub(&outline, directory) {
        return Admission::Refused(denial.rule());
    }
    let (mut recipients, mut refusals) = (Vec::new(), Vec::new());
    for (position, recipient) in header.recipients.as_slice().iter().enumerate() {
        let agency = recipient.agency.clone();
        if envelope.wrapped & 1_u64.unbounded_shl(u32::try_from(position).unwrap_or(u32::MAX)) == 0 {
            refusals.push((agency, Rule::WrapMissing));
            continue;
        }
        match decision::cited(&outline, &agency, recipient.agreement, directory) {
            Ok(_) => recipients.push(agency),
            Err(denial) => refusals.push((agency, denial.rule())),
        }
    }
    Admission::Judged { priority: header.priority, recipients, refusals }
}

#[cfg(test)]
mod tests {
    use sealpost_crypto::chains::NOW;
    use sealpost_crypto::directory;
    use sealpost_domain::agreement::{Operation, Parties};
    use sealpost_domain::digest::Digest;
    use sealpost_domain::directory::ApprovalRule;
    use sealpost_domain::handling::Tlp;
    use sealpost_domain::message::{Kind, MessageId};
    use sealpost_wire::envelope::header_to_bytes;

    use super::*;
    use crate::fixture::{AGENCIES, Network, agency};

    /// Who gets Hong Kong's message to both others and who does not, after header and directory were changed.
    fn admitted(
        header: impl Fn(&mut Header),
        listed: impl Fn(&mut Directory),
    ) -> Result<(usize, usize), &'static str> {
        let network = Network::of_friends();
        let mut directory = directory::verify(&network.genesis(), None).unwrap();
        listed(&mut directory);
        let envelope = network.envelope("HK-CED", &["DE-ZKA", "TH-TCD"], Priority::Routine, 1);
        let mut changed = header_from_bytes(&envelope.header).unwrap();
        header(&mut changed);
        let header = header_to_bytes(&changed);
        let shown = Shown { header: &header, signatures: &envelope.signatures, wrapped: 0b11 };
        match admit(&shown, &agency("HK-CED"), Some(&directory), NOW) {
            Admission::Refused(rule) => Err(rule.as_str()),
            Admission::Judged { recipients, refusals, .. } => Ok((recipients.len(), refusals.len())),
        }
    }

    #[test]
    fn what_has_to_name_another_message_does_or_goes_to_nobody() {
        let recall = |header: &mut Header| header.kind = Kind::Recall;
        assert_eq!(admitted(recall, |_| {}), Err("answer.unnamed"));
        let named = |header: &mut Header| {
            recall(header);
            header.in_reply_to = Some(MessageId::new(1, [9; 10]));
        };
        assert_eq!(admitted(named, |_| {}), Ok((2, 0)));
    }

    #[test]
    fn a_header_without_approvals_goes_to_nobody_where_its_sender_demands_them() {
        let demanding = |directory: &mut Directory| {
            let rule = ApprovalRule { kinds: vec![], tlp: vec![Tlp::Amber], approvals: 2 };
            directory.agencies.get_mut(&agency("HK-CED")).unwrap().approval_rules.push(rule);
        };
        assert_eq!(admitted(|_| {}, demanding), Err("approval.missing"));
        let approved = |header: &mut Header| header.approval_digest = Some(Digest::new([1; 32]));
        assert_eq!(admitted(approved, demanding), Ok((2, 0)));
    }

    #[test]
    fn a_list_that_is_not_within_its_operation_goes_to_nobody() {
        let of_operation = |header: &mut Header| header.operation = Some("OP-TEST".parse().unwrap());
        let with = |members: &'static [&'static str]| {
            move |directory: &mut Directory| {
                let operation = Operation {
                    id: "OP-TEST".parse().unwrap(),
                    digest: Digest::ZERO,
                    lead: agency("HK-CED"),
                    members: Parties::new(members.iter().map(|id| agency(id)).collect()).unwrap(),
                    from: NOW,
                    until: directory.valid_until,
                };
                directory.operations.insert(operation.id.clone(), operation);
            }
        };
        assert_eq!(admitted(of_operation, with(&AGENCIES)), Ok((2, 0)));
        assert_eq!(admitted(of_operation, with(&["DE-ZKA", "HK-CED"])), Err("operation.not_a_member"));
        assert_eq!(admitted(of_operation, |_| {}), Err("operation.unknown"));
    }
}
