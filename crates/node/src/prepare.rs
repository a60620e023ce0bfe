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
use sealpost_domain::agreement::Agreement;
use sealpost_domain::alert::{Draft, DraftParts};
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{Content, RECIPIENTS_MAX};
use sealpost_domain::instant::Instant;
use sealpost_domain::permission::{Denial, Question, choose_agreement};
use sealpost_domain::record::StoredBody;
use sealpost_domain::view::Refusal;
use sealpost_ledger::{Bucket, Buckets};
use sealpost_wire::alert::alert_to_bytes;
use sealpost_wire::envelope::content_to_bytes;

use crate::core::outbox::{HeaderParts, Keep, Prepared};
use crate::handle::Publication;
use crate::retention::{self, MESSAGES};
use crate::verify::required_approvals;

/// Prepares messages of one agency.
pub struct Preparer {
    me: AgencyId,
    buckets: Arc<Buckets>,
}

/// Why a message is not prepared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It may not be sent as it is.
    #[error("the message is refused by {} rules", .0.len())]
    Refused(Vec<Refusal>),
    /// The node's bucket keys could not be read or written.
    #[error("the bucket key of the message")]
    Bucket(#[from] sealpost_ledger::bucket::Error),
}

impl Preparer {
    /// Prepares messages of `me`, whose content keys are kept in `buckets`.
    pub fn new(me: AgencyId, buckets: Arc<Buckets>) -> Self {
        Self { me, buckets }
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
        let parts = draft.parts();
        let recipients = self.recipients(draft, directory, now).map_err(Error::Refused)?;

        let body =
            alert_to_bytes(&parts.alert).map_err(|error| refused("alert", Rule::MessageTooLarge, error))?;
        let mut salt = [0; 32];
        rng.fill_bytes(&mut salt);
        let content = Content { salt, body: body.into(), approvals: Vec::new() };
        let sealed = seal_content(rng, &content_to_bytes(&content))
            .map_err(|error| refused("alert", Rule::MessageTooLarge, error))?;

        let until = parts.alert.retention_until();
        let bucket = Bucket::new(MESSAGES, until.month())?;
        // Makes the key file of a new bucket here, where blocking is allowed; what is kept is not used.
        self.buckets.keep(rng, &bucket, &sealed.key, &Digest::ZERO, Bytes::new())?;
        Ok(Prepared {
            parts: header_parts(draft),
            recipients,
            directory: directory.version,
            sealed: sealed.bytes.into(),
            sealed_digest: sealed.digest,
            key_commitment: sealed.key_commitment,
            plaintext_digest: plaintext_digest(&content.salt, &content.body),
            content_key: sealed.key,
            bucket: Arc::new(InBucket { buckets: Arc::clone(&self.buckets), bucket }),
            idempotency_key: publication.idempotency_key.clone(),
            publisher: publication.publisher,
        })
    }

    /// Every recipient with the agreement that covers it, ascending; or everything that speaks against sending.
    fn recipients(
        &self,
        draft: &Draft,
        directory: &Directory,
        now: Instant,
    ) -> Result<Vec<(AgencyId, Digest)>, Vec<Refusal>> {
        let parts = draft.parts();
        let question = Question {
            sender: &self.me,
            category: parts.category,
            mode: parts.sharing,
            handling: &parts.handling,
            operation: parts.operation.as_ref(),
            retention: Some(retention::span(now, parts.alert.retention_until())),
            now,
        };
        let mut refusals = self.unapproved(draft, directory);
        let named = addressed(&self.me, parts, directory);
        let count = named.len();
        let mut allowed = Vec::with_capacity(count);
        for (path, agency) in named {
            match judge(&question, &agency, directory, now) {
                Ok(agreement) => allowed.push((agency, agreement.digest)),
                Err(refusal) => refusals.push(Refusal { path, ..refusal }),
            }
        }
        if count == 0 || count > RECIPIENTS_MAX {
            refusals.push(no_recipients(parts, count, directory));
        }
        allowed.sort();
        if refusals.is_empty() { Ok(allowed) } else { Err(refusals) }
    }

    /// A message that needs officers' approvals cannot be published without them.
    fn unapproved(&self, draft: &Draft, directory: &Directory) -> Vec<Refusal> {
        let required = directory
            .agencies
            .get(&self.me)
            .map_or(0, |record| required_approvals(draft.kind(), draft.parts().handling.tlp(), record));
        if required == 0 {
            return Vec::new();
        }
        let detail =
            format!("found no approvals, expected those of {required} officers for a {}", draft.kind());
        vec![Refusal { path: String::new(), rule: Rule::ApprovalMissing.to_string(), detail }]
    }
}

fn judge<'d>(
    question: &Question<'_>,
    agency: &AgencyId,
    directory: &'d Directory,
    now: Instant,
) -> Result<&'d Agreement, Refusal> {
    let agreement =
        choose_agreement(question, agency, directory).map_err(|denial| Refusal::denied(&denial))?;
    if directory.sealing_key(agency, now).is_none() {
        return Err(Refusal {
            path: String::new(),
            rule: Rule::KeyNoSealingKey.to_string(),
            detail: format!("{agency} has no sealing key that is valid at {now}: ask it to publish one"),
        });
    }
    Ok(agreement)
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
            ..Refusal::denied(&Denial::UnknownOperation { operation: operation.clone() })
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
        act_before: act_before.map(sealpost_domain::time::OffsetTime::instant),
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
