//! From a draft to a sealed message: everything about it that can fail, before the core gives it its numbers.
//!
//! Called where blocking is allowed: sealing costs time, and the key file of a new bucket is written here. Nothing is
//! recorded; a message that is refused leaves nothing behind.

use sealpost_domain::rule::Rule;
use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_crypto::digest::plaintext_digest;
use sealpost_crypto::seal::{ContentKey, seal_content};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::{Content as Says, Draft, DraftParts};
use sealpost_domain::approval::{self, Release, Subject};
use sealpost_domain::decision::{self, Denial, Outline, Sealed};
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{Content, RECIPIENTS_MAX};
use sealpost_domain::instant::Instant;
use sealpost_domain::permission::{self, Question};
use sealpost_domain::record::StoredBody;
use sealpost_domain::time::OffsetTime;
use sealpost_domain::view::{IdempotencyKey, Refusal};
use sealpost_ledger::{Bucket, Buckets, bucket};
use sealpost_wire::alert::alert_to_bytes;
use sealpost_wire::envelope::content_to_bytes;

use crate::core::outbox::{HeaderParts, Idempotency, Keep, Prepared};
use crate::handle::{Publication, ViewError};
use crate::known::{Known, concerned, replacement};
use crate::retention::{self, MESSAGES};
use crate::verify::{approval_digest, open_enclosed, verify_approval};

/// Prepares messages of one agency.
pub struct Preparer {
    me: AgencyId,
    buckets: Arc<Buckets>,
    known: Arc<dyn Known>,
}

/// Why a message is not prepared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It may not be sent as it is.
    #[error("the message is refused by {} rules", .0.len())]
    Refused(Vec<Refusal>),
    /// The node's bucket keys could not be read or written.
    #[error("the bucket key of the message")]
    Bucket(#[from] bucket::Error),
    /// The node's ledger could not be read.
    #[error("the message that this one names")]
    Ledger(#[from] ViewError),
}

impl Preparer {
    /// Prepares messages of `me`, whose content keys are kept in `buckets` and whose ledger is `known`.
    pub fn new(me: AgencyId, buckets: Arc<Buckets>, known: Arc<dyn Known>) -> Self {
        Self { me, buckets, known }
    }

    /// Decides to whom a message may go, and seals it.
    pub fn prepare(
        &self,
        publication: &Publication,
        directory: &Directory,
        now: Instant,
        rng: &mut dyn CryptoRng,
    ) -> Result<Prepared, Error> {
        let draft = &publication.draft;
        let release = publication.release.as_ref();
        let content = content(publication, rng)?;
        let digest = plaintext_digest(&content.salt, &content.body);
        let recipients = self.decide(draft, release, digest, directory, now)?;

        let sealed = seal_content(rng, &content_to_bytes(&content))
            .map_err(|error| refused("alert", Rule::MessageTooLarge, error))?;
        let until = draft.parts().alert.retention_until();
        let bucket = Bucket::new(MESSAGES, until.month())?;
        // Makes the key file of a new bucket here, where blocking is allowed; what is kept is not used.
        self.buckets.keep(rng, &bucket, &sealed.key, &Digest::ZERO, Bytes::new())?;
        let idempotency = publication.idempotency_key.as_ref().map(|key| {
            let digest = self.buckets.idempotency_digest(&bucket, key.as_str())?;
            Ok::<_, bucket::Error>(Idempotency { digest, used_as: self.used_as(key)? })
        });
        let idempotency = idempotency.transpose()?;
        Ok(Prepared {
            id: release.map(|release| release.message),
            parts: header_parts(draft),
            recipients,
            directory: directory.version,
            sealed: sealed.bytes.into(),
            sealed_digest: sealed.digest,
            key_commitment: sealed.key_commitment,
            plaintext_digest: digest,
            approval_digest: approval_digest(&content.approvals),
            content_key: sealed.key,
            idempotency,
            bucket: Arc::new(InBucket { buckets: Arc::clone(&self.buckets), bucket }),
            publisher: publication.publisher,
        })
    }

    /// What the ledger may hold of a publisher's own name for a message.
    pub fn used_as(&self, key: &IdempotencyKey) -> Result<Vec<Digest>, bucket::Error> {
        self.buckets.idempotency_digests(key.as_str())
    }

    /// Every recipient with the agreement that covers it, ascending; or everything that speaks against sending.
    fn decide(
        &self,
        draft: &Draft,
        release: Option<&Release>,
        digest: Digest,
        directory: &Directory,
        now: Instant,
    ) -> Result<Vec<(AgencyId, Digest)>, Error> {
        let parts = draft.parts();
        let (paths, recipients): (Vec<String>, Vec<AgencyId>) =
            addressed(&self.me, parts, directory).into_iter().unzip();
        let count = recipients.len();
        let mut refusals = self.id_used(release)?;
        let opened = match parts.alert.content() {
            Says::Forward(forward) => Some(
                open_enclosed(forward, directory)
                    .map_err(|unproven| refused("content.forward", Rule::ForwardUnproven, unproven))?,
            ),
            _ => None,
        };
        let withdrawn = opened.as_ref().map(|opened| opened.withdrawn(self.known.as_ref())).transpose()?;
        let approvals =
            self.approvals(draft, release, (digest, &recipients), (directory, now), &mut refusals);
        let authors: Vec<&AgencyId> = std::iter::once(&self.me).chain(&recipients).collect();
        let known = concerned(self.known.as_ref(), draft.kind(), parts.in_reply_to, &authors)?;
        let way = (parts.category, &parts.handling);
        let sealed = Sealed {
            retention: retention::span(now, parts.alert.retention_until()),
            is_over: retention::is_over(now, parts.alert.retention_until()),
            approvals,
            onward: opened
                .as_ref()
                .map(|opened| opened.onward(&self.me, way, &parts.alert, withdrawn.unwrap_or_default(), now)),
            replacement: replacement(parts.alert.content()),
            known: &known,
        };
        let outline = self.outline(draft, &recipients, release.is_some(), now);
        let decided = decision::sender(&outline, &sealed, directory);
        let mut allowed: Vec<(AgencyId, Digest)> = match decided {
            Ok(agreements) => {
                recipients.iter().cloned().zip(agreements.iter().map(|agreement| agreement.digest)).collect()
            }
            Err(denials) => {
                for told in denials.iter().map(|denied| refusal(denied, &paths)) {
                    // What is wrong with the message itself is found for every recipient, and told once.
                    if !refusals.contains(&told) {
                        refusals.push(told);
                    }
                }
                Vec::new()
            }
        };
        if count == 0 || count > RECIPIENTS_MAX {
            refusals.push(no_recipients(parts, count, directory));
        }
        refusals.extend(unsealable(&paths, &recipients, directory, now));
        allowed.sort();
        if refusals.is_empty() { Ok(allowed) } else { Err(Error::Refused(refusals)) }
    }

    fn outline<'a>(
        &'a self,
        draft: &'a Draft,
        recipients: &'a [AgencyId],
        approved: bool,
        now: Instant,
    ) -> Outline<'a> {
        let parts = draft.parts();
        let question = Question {
            sender: &self.me,
            category: parts.category,
            mode: parts.sharing,
            handling: &parts.handling,
            operation: parts.operation.as_ref(),
            retention: None,
            now,
        };
        Outline { question, kind: draft.kind(), recipients, in_reply_to: parts.in_reply_to, approved }
    }

    /// How many officers have approved exactly this message; an approval of anything else is told.
    fn approvals(
        &self,
        draft: &Draft,
        release: Option<&Release>,
        (digest, recipients): (Digest, &[AgencyId]),
        (directory, now): (&Directory, Instant),
        refusals: &mut Vec<Refusal>,
    ) -> u32 {
        let Some(release) = release else { return 0 };
        let parts = draft.parts();
        let mut recipients = recipients.to_vec();
        recipients.sort();
        let subject = Subject {
            message: release.message,
            sender: &self.me,
            recipients: &recipients,
            kind: draft.kind(),
            handling: &parts.handling,
            act_before: parts.act_before.map(OffsetTime::instant),
            in_reply_to: parts.in_reply_to,
            category: parts.category,
            mode: parts.sharing,
            operation: parts.operation.as_ref(),
            priority: parts.priority,
            plaintext_digest: digest,
        };
        let mut verified = Vec::with_capacity(release.approvals.len());
        for (place, signed) in release.approvals.iter().enumerate() {
            let fault = match verify_approval(signed, &self.me, directory, now) {
                Err(fault) => Some(fault),
                Ok((officer, approval)) => {
                    let differs = subject.differs_from(&approval);
                    verified.push((officer, approval));
                    differs.map(|what| format!("it approves another {what}"))
                }
            };
            refusals.extend(fault.map(|fault| Refusal {
                path: format!("release.approvals[{place}]"),
                rule: Rule::ApprovalInvalid.to_string(),
                detail: format!(
                    "found {fault}, expected an approval of this message by an officer of {}",
                    self.me
                ),
            }));
        }
        approval::count(&subject, &verified)
    }

    /// A message that is released must not take the id of another one.
    fn id_used(&self, release: Option<&Release>) -> Result<Vec<Refusal>, Error> {
        let Some(release) = release else { return Ok(Vec::new()) };
        let used = self.known.named(release.message, &[&self.me])?;
        let used = used.iter().any(|named| named.author == self.me);
        let refusal = || Refusal {
            path: "release.message_id".to_owned(),
            rule: Rule::MessageIdUsed.to_string(),
            detail: format!("found {}, which another message has; release under a new id", release.message),
        };
        Ok(used.then(refusal).into_iter().collect())
    }
}

/// What is sealed: the bytes that were approved, or those of the alert under a new salt.
fn content(publication: &Publication, rng: &mut dyn CryptoRng) -> Result<Content, Error> {
    if let Some(Release { message: _, salt, body, approvals }) = &publication.release {
        return Ok(Content { salt: *salt, body: body.clone(), approvals: approvals.clone() });
    }
    let body = alert_to_bytes(publication.draft.alert())
        .map_err(|error| refused("alert", Rule::MessageTooLarge, error))?;
    let mut salt = [0; 32];
    rng.fill_bytes(&mut salt);
    Ok(Content { salt, body: body.into(), approvals: Vec::new() })
}

/// A refusal as the publisher is told it, with the field at fault.
fn refusal(denied: &decision::Refused, paths: &[String]) -> Refusal {
    let recipient = || denied.recipient.and_then(|place| paths.get(place).cloned()).unwrap_or_default();
    let path = match &denied.denial {
        Denial::Answer(_) => "in_reply_to".to_owned(),
        Denial::Sharing(denial) if !denial.is_of_a_recipient() => "content.forward".to_owned(),
        Denial::RetentionOver => "retention_until".to_owned(),
        Denial::Permission(_) | Denial::Sharing(_) | Denial::Approval(_) => recipient(),
    };
    Refusal { path, rule: denied.denial.rule().to_string(), detail: denied.denial.to_string() }
}

/// Recipients to whom nothing can be sealed. Those that the directory does not list at all are told by that.
fn unsealable(
    paths: &[String],
    recipients: &[AgencyId],
    directory: &Directory,
    now: Instant,
) -> Vec<Refusal> {
    let without_key = |(_, agency): &(&String, &AgencyId)| {
        directory.agencies.contains_key(*agency) && directory.sealing_key(agency, now).is_none()
    };
    let refusal = |(path, agency): (&String, &AgencyId)| Refusal {
        path: path.clone(),
        rule: Rule::KeyNoSealingKey.to_string(),
        detail: format!("{agency} has no sealing key that is valid at {now}: ask it to publish one"),
    };
    paths.iter().zip(recipients).filter(without_key).map(refusal).collect()
}

/// Who is addressed, and where the draft says so: the named agencies, or the members of its operation without us.
fn addressed(me: &AgencyId, parts: &DraftParts, directory: &Directory) -> Vec<(String, AgencyId)> {
    if !parts.recipients.is_empty() {
        let named = parts.recipients.iter().enumerate();
        return named.map(|(index, agency)| (format!("recipients[{index}]"), agency.clone())).collect();
    }
    let members = parts
        .operation
        .as_ref()
        .and_then(|operation| directory.operations.get(operation))
        .map_or(&[][..], |operation| operation.members.as_slice());
    let others: BTreeSet<&AgencyId> = members.iter().filter(|member| *member != me).collect();
    others.into_iter().map(|agency| ("operation".to_owned(), agency.clone())).collect()
}

fn no_recipients(parts: &DraftParts, count: usize, directory: &Directory) -> Refusal {
    match &parts.operation {
        Some(operation) if !directory.operations.contains_key(operation) => Refusal {
            path: "operation".to_owned(),
            ..Refusal::denied(&permission::Denial::UnknownOperation { operation: operation.clone() })
        },
        _ => Refusal {
            path: "recipients".to_owned(),
            rule: Refusal::MALFORMED.to_owned(),
            detail: format!("found {count} recipients, expected 1 to {RECIPIENTS_MAX}"),
        },
    }
}

fn header_parts(draft: &Draft) -> HeaderParts {
    let DraftParts {
        recipients: _,
        operation,
        priority,
        act_before,
        category,
        handling,
        sharing,
        in_reply_to,
        alert: _,
    } = draft.parts().clone();
    HeaderParts {
        kind: draft.kind(),
        priority,
        act_before: act_before.map(OffsetTime::instant),
        category,
        mode: sharing,
        handling,
        operation,
        in_reply_to,
    }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over where they arise")]
fn refused(path: &str, rule: Rule, error: impl ToString) -> Error {
    Error::Refused(vec![Refusal { path: path.to_owned(), rule: rule.to_string(), detail: error.to_string() }])
}

/// A bucket whose key file is there.
struct InBucket {
    buckets: Arc<Buckets>,
    bucket: Bucket,
}

impl Keep for InBucket {
    fn keep(
        &self,
        rng: &mut dyn CryptoRng,
        key: &ContentKey,
        header: &Digest,
        sealed: Bytes,
    ) -> Option<StoredBody> {
        self.buckets.keep(rng, &self.bucket, key, header, sealed).ok()
    }
}
