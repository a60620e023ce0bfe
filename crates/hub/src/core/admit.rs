//! To whom one envelope goes, by what its header shows: first the message is judged, then every recipient by itself,
//! and what is not allowed is denied.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::decision::{self, Outline};
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::Header;
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::rule::Rule;
use sealpost_wire::envelope::header_from_bytes;
use sealpost_wire::hub::SubmittedEnvelope;

/// What is decided about one envelope.
pub(super) enum Admission {
    /// Nobody gets it, by this rule.
    Refused(Rule),
    /// Some recipients get it, the others do not, each by a rule.
    Judged { priority: Priority, recipients: Vec<AgencyId>, refusals: Vec<(AgencyId, Rule)> },
}

/// Judges an envelope whose signatures and digests were verified before it came into the journal. What may have
/// changed since then, and costs little, is judged here once more: under this directory, at this time.
pub(super) fn admit(
    envelope: &SubmittedEnvelope,
    sender: &AgencyId,
    directory: Option<&Directory>,
    at: Instant,
) -> Admission {
    let Ok(header) = header_from_bytes(&envelope.header) else {
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

fn judge_recipients(
    envelope: &SubmittedEnvelope,
    header: &Header,
    directory: &Directory,
    at: Instant,
) -> Admission {
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
