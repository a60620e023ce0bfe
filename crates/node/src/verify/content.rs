//! What is sealed in an envelope whose position is proven: does it open, is it what the header says, and may we have
//! it?

use bytes::Bytes;
use sealpost_crypto::digest::{plaintext_digest, sha256};
use sealpost_crypto::dsse::{PayloadType, VerifyingKey, verify_statement};
use sealpost_crypto::seal::{ContentKey, open_content};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Alert;
use sealpost_domain::digest::KeyId;
use sealpost_domain::directory::{AgencyRecord, ApprovalRule, Directory, KeyUse};
use sealpost_domain::envelope::{Content, Header};
use sealpost_domain::handling::Tlp;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Disposition;
use sealpost_domain::message::Kind;
use sealpost_domain::permission::{Question, judge_agreement};
use sealpost_domain::record::Settlement;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{Approval, Signed};
use sealpost_domain::time::Date;
use sealpost_wire::alert::alert_from_bytes;
use sealpost_wire::envelope::content_from_bytes;
use sealpost_wire::statement::Payload as _;

use crate::retention;

/// What came of opening.
pub(super) struct Opened {
    /// Delivered, or the rule that decided.
    pub(super) settlement: Settlement,
    /// The last day of its retention, where it could be read.
    pub(super) until: Option<Date>,
}

pub(super) fn quarantined(rule: Rule) -> Settlement {
    Settlement::Excepted(Disposition::Quarantined, rule.to_string())
}

pub(super) fn judge(
    me: &AgencyId,
    header: &Header,
    key: &ContentKey,
    sealed: &[u8],
    directory: &Directory,
    now: Instant,
) -> Opened {
    let (content, alert) = match open(header, key, sealed) {
        Ok(opened) => opened,
        Err(rule) => return Opened { settlement: quarantined(rule), until: None },
    };
    let until = alert.retention_until();
    let settlement = match permitted(me, header, &content, until, directory, now) {
        Ok(()) => Settlement::Delivered,
        Err(rule) => Settlement::Excepted(Disposition::Refused, rule.to_string()),
    };
    Opened { settlement, until: Some(until) }
}

/// Opens a content that was verified before, or is verified now.
pub(crate) fn open(header: &Header, key: &ContentKey, sealed: &[u8]) -> Result<(Content, Alert), Rule> {
    if key.commitment() != header.key_commitment {
        return Err(Rule::KeyCommitment);
    }
    let plain = open_content(key, sealed, &header.key_commitment).map_err(|_| Rule::SealedUnopened)?;
    let content = content_from_bytes(&Bytes::copy_from_slice(&plain)).map_err(|_| Rule::ContentMalformed)?;
    if plaintext_digest(&content.salt, &content.body) != header.plaintext_digest {
        return Err(Rule::PlaintextDigest);
    }
    let payloads: Vec<&[u8]> = content.approvals.iter().map(|signed| &signed.payload[..]).collect();
    let approvals = (!payloads.is_empty()).then(|| sha256(&payloads.concat()));
    if approvals != header.approval_digest {
        return Err(Rule::ApprovalDigest);
    }
    let alert = alert_from_bytes(&content.body).map_err(|_| Rule::AlertMalformed)?;
    alert.agrees_with(header.kind, &header.handling).map_err(|_| Rule::AlertContradictsHeader)?;
    Ok((content, alert))
}

fn permitted(
    me: &AgencyId,
    header: &Header,
    content: &Content,
    until: Date,
    directory: &Directory,
    now: Instant,
) -> Result<(), Rule> {
    // Counted from now at the latest: a time of sending in the future buys no longer retention.
    let retention = Some(retention::span(header.sent_at.min(now), until));
    let question = Question { retention, ..Question::of_header(header, now) };
    let cited =
        header.recipients.get(me).map(|recipient| recipient.agreement).ok_or(Rule::RecipientNotNamed)?;
    judge_agreement(&question, me, cited, directory).map_err(|denial| denial.rule())?;
    let sender = directory.agencies.get(&header.sender).ok_or(Rule::AgencyUnknown)?;
    let approved = approvals(header, content, sender, directory, now);
    if approved < required_approvals(header.kind, header.handling.tlp(), sender) {
        Err(Rule::ApprovalMissing)
    } else {
        Ok(())
    }
}

/// How many officers have to approve a message of an agency.
pub(crate) fn required_approvals(kind: Kind, label: Tlp, sender: &AgencyRecord) -> u32 {
    let applies = |rule: &&ApprovalRule| {
        (rule.kinds.is_empty() || rule.kinds.contains(&kind))
            && (rule.tlp.is_empty() || rule.tlp.contains(&label))
    };
    sender.approval_rules.iter().filter(applies).map(|rule| rule.approvals).max().unwrap_or(0)
}

/// How many officers of the sender have approved exactly this message.
fn approvals(
    header: &Header,
    content: &Content,
    sender: &AgencyRecord,
    directory: &Directory,
    now: Instant,
) -> u32 {
    let mut officers: Vec<KeyId> = content
        .approvals
        .iter()
        .filter_map(|signed| officer(header, signed, sender, directory, now))
        .collect();
    officers.sort_unstable();
    officers.dedup();
    u32::try_from(officers.len()).unwrap_or(u32::MAX)
}

fn officer(
    header: &Header,
    signed: &Signed,
    sender: &AgencyRecord,
    directory: &Directory,
    now: Instant,
) -> Option<KeyId> {
    let verified = signed.signatures.iter().find(|signature| {
        let record = sender.signing_keys.iter().find(|record| {
            record.key.id == signature.key_id
                && record.usage == KeyUse::Officer
                && record.period.holds_at(now)
                && !directory.revocations.contains_key(&record.key.id)
        });
        record.and_then(|record| VerifyingKey::from_bytes(&record.key.bytes).ok()).is_some_and(|key| {
            verify_statement(&key, PayloadType::Approval, &signed.payload, &signature.bytes).is_ok()
        })
    })?;
    let approval = Approval::from_payload(&signed.payload).ok()?;
    let covers = approval.message == header.id
        && approval.sender == header.sender
        && approval.recipients.iter().eq(header.recipients.agencies())
        && approval.kind == header.kind
        && approval.handling == header.handling
        && approval.act_before == header.act_before
        && approval.plaintext_digest == header.plaintext_digest;
    covers.then_some(verified.key_id)
}
