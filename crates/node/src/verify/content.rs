//! What is sealed in an envelope whose position is proven: does it open, is it what the header says, and may we have
//! it?

use bytes::Bytes;
use sealpost_crypto::digest::plaintext_digest;
use sealpost_crypto::seal::{ContentKey, open_content};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Alert, Content as Says};
use sealpost_domain::approval::{self, Subject};
use sealpost_domain::decision::{self, Denial, Outline, Sealed};
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{Content, Header};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Disposition;
use sealpost_domain::record::Settlement;
use sealpost_domain::rule::Rule;
use sealpost_domain::sharing::Withdrawn;
use sealpost_domain::time::Date;
use sealpost_wire::alert::alert_from_bytes;
use sealpost_wire::envelope::content_from_bytes;

use super::{approvals, enclosed};
use crate::handle::ViewError;
use crate::known::{Known, concerned, replacement};
use crate::retention;

/// What came of opening.
pub(super) struct Opened {
    /// Delivered, or the rule that decided.
    pub(super) settlement: Settlement,
    /// The last day of its retention, where it could be read.
    pub(super) until: Option<Date>,
    /// What is recorded as a security matter: an agency's node should never have sent this.
    pub(super) breach: Option<Breach>,
    /// Why it is denied, where another version of the directory may decide otherwise.
    pub(super) by_directory: Option<Breach>,
}

/// A message by which its sender breaks faith.
pub(super) struct Breach {
    /// The rule.
    pub(super) rule: Rule,
    /// What happened, for people; nothing of the content.
    pub(super) detail: String,
}

/// What is decided about a content that opens.
struct Judgement {
    settlement: Settlement,
    breach: Option<Breach>,
    by_directory: Option<Breach>,
}

impl Judgement {
    fn plain(settlement: Settlement) -> Self {
        Self { settlement, breach: None, by_directory: None }
    }

    fn breach(rule: Rule, detail: String) -> Self {
        Self { breach: Some(Breach { rule, detail }), ..Self::plain(quarantined(rule)) }
    }
}

/// Who judges, and by what.
#[derive(Clone, Copy)]
pub(super) struct Bench<'a> {
    /// Whose node this is.
    pub(super) me: &'a AgencyId,
    /// The directory in force.
    pub(super) directory: &'a Directory,
    /// What lies in the ledger.
    pub(super) known: &'a dyn Known,
    /// The clock.
    pub(super) now: Instant,
}

pub(super) fn quarantined(rule: Rule) -> Settlement {
    Settlement::Excepted(Disposition::Quarantined, rule.to_string())
}

fn refused(rule: Rule) -> Settlement {
    Settlement::Excepted(Disposition::Refused, rule.to_string())
}

impl Bench<'_> {
    /// Judges a sealed content; fails only where the ledger cannot be read.
    pub(super) fn judge(
        &self,
        header: &Header,
        key: &ContentKey,
        sealed: &[u8],
    ) -> Result<Opened, ViewError> {
        let (content, alert) = match open(header, key, sealed) {
            Ok(opened) => opened,
            Err(rule) => {
                let settlement = quarantined(rule);
                return Ok(Opened { settlement, until: None, breach: None, by_directory: None });
            }
        };
        let Judgement { settlement, breach, by_directory } = self.permitted(header, &content, &alert)?;
        Ok(Opened { settlement, until: Some(alert.retention_until()), breach, by_directory })
    }

    fn permitted(&self, header: &Header, content: &Content, alert: &Alert) -> Result<Judgement, ViewError> {
        let Self { me, directory, known, now } = *self;
        let Some(recipient) = header.recipients.get(me) else {
            return Ok(Judgement::plain(refused(Rule::RecipientNotNamed)));
        };
        let opened = match alert.content() {
            Says::Forward(forward) => match enclosed::open(forward, directory) {
                Ok(opened) => Some(opened),
                Err(unproven) => {
                    let detail = unproven.to_string();
                    // The originator's key may be a new one that this directory does not list yet.
                    let by_directory = Some(Breach { rule: Rule::KeyUnknown, detail: detail.clone() });
                    return Ok(Judgement {
                        by_directory,
                        ..Judgement::breach(Rule::ForwardUnproven, detail)
                    });
                }
            },
            _ => None,
        };
        let withdrawn = match &opened {
            Some(opened) => opened.withdrawn(known)?,
            None => Withdrawn::default(),
        };
        let way = (header.category, &header.handling);
        let recipients: Vec<AgencyId> = header.recipients.agencies().cloned().collect();
        let subject = Subject::of_header(header, &recipients);
        let signed = approvals::verified(&content.approvals, &header.sender, directory, now);
        let named = concerned(known, header.kind, header.in_reply_to, &[&header.sender, me])?;
        let sealed = Sealed {
            // Counted from now at the latest: a time of sending in the future buys no longer retention.
            retention: retention::span(header.sent_at.min(now), alert.retention_until()),
            is_over: retention::is_over(now, alert.retention_until()),
            approvals: approval::count(&subject, &signed),
            onward: opened.as_ref().map(|opened| opened.onward(&header.sender, way, alert, withdrawn, now)),
            replacement: replacement(alert.content()),
            known: &named,
        };
        let outline = Outline::of_header(header, &recipients, now);
        let judged = decision::recipient(me, &outline, recipient.agreement, &sealed, directory);
        Ok(match judged {
            Ok(()) => Judgement::plain(Settlement::Delivered),
            Err(denial) => denied(&denial),
        })
    }
}

/// What the own node of its sender would have refused is more than a difference of directories.
fn denied(denial: &Denial) -> Judgement {
    let rule = denial.rule();
    let told = || Some(Breach { rule, detail: denial.to_string() });
    match denial {
        // The originator may have recalled it meanwhile: the one who forwards need not know that yet.
        Denial::Sharing(_) if matches!(rule, Rule::ForwardRecalled | Rule::GrantRecalled) => {
            Judgement::plain(refused(rule))
        }
        Denial::Sharing(_) => Judgement::breach(rule, denial.to_string()),
        Denial::Answer(_) => Judgement { breach: told(), ..Judgement::plain(refused(rule)) },
        // Agreements, members, officers and what they have to approve are what the directory lists.
        Denial::Permission(_) | Denial::Approval(_) => {
            Judgement { by_directory: told(), ..Judgement::plain(refused(rule)) }
        }
        // It may have been in time when it was sent.
        Denial::RetentionOver => Judgement::plain(refused(rule)),
    }
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
    if approvals::digest(&content.approvals) != header.approval_digest {
        return Err(Rule::ApprovalDigest);
    }
    let alert = alert_from_bytes(&content.body).map_err(|_| Rule::AlertMalformed)?;
    alert.agrees_with(header.kind, &header.handling).map_err(|_| Rule::AlertContradictsHeader)?;
    Ok((content, alert))
}
