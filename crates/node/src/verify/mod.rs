//! Is this envelope what it claims to be, and may we have it?
//!
//! Pure but for the bucket key that a verified body is kept under; called where blocking is allowed, never on the
//! threads that serve connections. Nothing is parsed before its signature was verified. Every refusal has a rule.
//!
//! The order decides who can settle a number: only what its sender signed. Before the position is proven an envelope
//! is unproven, settles nothing and is sent again by its sender; after that the envelope is the sender's own doing and
//! settles its number, delivered or not.

mod approvals;
mod content;
mod enclosed;
pub mod statements;

use sealpost_domain::rule::Rule;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rand::CryptoRng;
use sealpost_crypto::digest::{link_commitment, sha256};
use sealpost_crypto::dsse::PayloadType;
use sealpost_crypto::seal::ContentKey;
use sealpost_crypto::wrap::{self, SealingPrivateKey, WrapContext};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{Header, OpenedCommitment, Signature};
use sealpost_domain::instant::{CLOCK_TOLERANCE, Instant};
use sealpost_domain::link::{Disposition, Incarnation, Position};
use sealpost_domain::message::Priority;
use sealpost_domain::record::{Cursor, Settlement, StoredBody};
use sealpost_domain::time::Date;
use sealpost_ledger::{Bucket, Buckets, bucket};
use sealpost_wire::envelope::{WrapContent, header_from_bytes};
use sealpost_wire::hub::Delivery;

use crate::core::Alarm;
use crate::core::inbox::Arrived;
use crate::handle::ViewError;
use crate::known::Known;
use crate::retention::{self, EVIDENCE, MESSAGES};
pub(crate) use approvals::{digest as approval_digest, verify as verify_approval};
pub(crate) use content::open;
use content::{Bench, Breach, Opened};
pub(crate) use enclosed::open as open_enclosed;

/// How long after it was sent a message may wait for the directory that it names.
const EARLY_MAX: Duration = Duration::from_hours(24);

/// What verifying needs to know of its own node.
pub struct Verifier {
    me: AgencyId,
    keys: Vec<SealingPrivateKey>,
    buckets: Arc<Buckets>,
    known: Arc<dyn Known>,
}

/// Which stream of the hub delivered an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The life of the hub's journal.
    pub hub: Incarnation,
    /// The stream's priority.
    pub lane: Priority,
}

/// What came of verifying.
pub enum Verified {
    /// Its position is proven.
    Arrived(Box<Arrived>),
    /// Nothing is proven.
    Unproven(Box<Alarm>),
    /// It names a later version of the directory than the one in force, which may decide otherwise: nothing is settled
    /// before.
    Early(Box<Alarm>),
    /// Its header and content are its sender's, and its position cannot be read: another wrap is needed.
    Unopened(Box<Unopened>),
    /// The node's own keys or ledger could not be read or written: to be tried again.
    Failed(Failure),
}

/// Why nothing can be said about an envelope. None of it is a peer's doing.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The key under which its body is kept.
    #[error(transparent)]
    Bucket(#[from] bucket::Error),
    /// The messages that it names.
    #[error(transparent)]
    Ledger(#[from] ViewError),
}

/// An envelope whose wrap does not open.
pub struct Unopened {
    /// Who signed it.
    pub sender: AgencyId,
    /// The digest of its header.
    pub header: Digest,
    /// What is recorded of it.
    pub alarm: Alarm,
}

/// An envelope whose sender and position are proven.
struct Proven {
    header: Header,
    wrapped: WrapContent,
    /// The one that holds; what else was sent along is not kept.
    signature: Signature,
}

/// Why nothing is proven.
struct Unproven {
    rule: Rule,
    detail: String,
    /// Whose wrap it is that does not open, where the rest is proven.
    wrap_of: Option<AgencyId>,
}

impl Verifier {
    /// A verifier with every sealing key that may still be used towards this agency.
    pub fn new(
        me: AgencyId,
        keys: Vec<SealingPrivateKey>,
        buckets: Arc<Buckets>,
        known: Arc<dyn Known>,
    ) -> Self {
        Self { me, keys, buckets, known }
    }

    /// Judges an envelope under a directory.
    pub fn judge(
        &self,
        delivery: &Delivery,
        origin: Origin,
        directory: &Directory,
        now: Instant,
        rng: &mut dyn CryptoRng,
    ) -> Verified {
        let digest = sha256(&delivery.header);
        let proven = self.prove(delivery, origin, digest, directory, now);
        let Proven { header, wrapped, signature } = match proven {
            Ok(proven) => proven,
            Err(unproven) => {
                let alarm = alarm(delivery, digest, &unproven);
                return match unproven.wrap_of {
                    Some(sender) => Verified::Unopened(Box::new(Unopened { sender, header: digest, alarm })),
                    None if alarm.rule == Rule::KeyUnknown && may_need_newer(delivery, directory) => {
                        Verified::Early(Box::new(alarm))
                    }
                    None => Verified::Unproven(Box::new(alarm)),
                };
            }
        };
        let cursor = Cursor { hub_incarnation: origin.hub, index: delivery.index, entry_digest: digest };
        let arrived = |settlement, [body, again]: [Option<StoredBody>; 2], alarm| Arrived {
            sender: header.sender.clone(),
            priority: header.priority,
            header: delivery.header.clone(),
            digest,
            signatures: vec![signature.clone()],
            commitment: wrapped.commitment,
            cursor,
            settlement,
            body,
            again,
            alarm,
            directory: directory.version,
        };
        let Ok(key) = ContentKey::from_bytes(wrapped.content_key.as_slice()) else {
            let settlement = content::quarantined(Rule::KeyCommitment);
            return Verified::Arrived(Box::new(arrived(settlement, [None, None], None)));
        };
        let bench = Bench { me: &self.me, directory, known: self.known.as_ref(), now };
        let Opened { settlement, until, breach, by_directory } =
            match bench.judge(&header, &key, &delivery.sealed) {
                Ok(opened) => opened,
                Err(error) => return Verified::Failed(error.into()),
            };
        let alarm = |Breach { rule, detail }| Alarm {
            rule,
            peer: Some(header.sender.clone()),
            header: Some(digest),
            detail,
            exhibits: vec![delivery.header.clone(), signature.bytes.clone()],
        };
        let (named, in_force) = (header.directory.version, directory.version.version);
        if let Some(Breach { rule, detail }) = by_directory
            && named > in_force
            && may_be_early(&header, now)
        {
            let detail = format!(
                "{detail}; it was sent under version {named} of the directory, and version {in_force} is in force here"
            );
            return Verified::Early(Box::new(alarm(Breach { rule, detail })));
        }
        let alarm = breach.map(alarm);
        let mut keep = |bucket: Bucket| {
            self.buckets.keep(rng, &bucket, &key, &digest, delivery.sealed.clone()).map(Some)
        };
        match self.keep(&settlement, until, now, &mut keep) {
            Ok(bodies) => Verified::Arrived(Box::new(arrived(settlement, bodies, alarm))),
            Err(error) => Verified::Failed(error.into()),
        }
    }

    /// Keeps a content in the bucket of what was decided about it; and where it is refused also in that of its own
    /// retention, for a message that was delivered before. No key is made for that.
    fn keep(
        &self,
        settlement: &Settlement,
        until: Option<Date>,
        now: Instant,
        keep: &mut dyn FnMut(Bucket) -> Result<Option<StoredBody>, bucket::Error>,
    ) -> Result<[Option<StoredBody>; 2], bucket::Error> {
        let own = until.and_then(|until| Bucket::new(MESSAGES, until.month()).ok());
        let evidence = || retention::evidence_month(now).and_then(|month| Bucket::new(EVIDENCE, month).ok());
        let (bucket, again) = match (settlement, own) {
            (Settlement::Delivered, Some(own)) => (Some(own), None),
            (Settlement::Excepted(Disposition::Refused, _), own) => (evidence(), own),
            _ => (evidence(), None),
        };
        let again = match again.map(|own| self.buckets.key_id(&own).map(|_| own)).transpose() {
            // It has ended, or nothing was ever delivered into it.
            Err(bucket::Error::Erased { .. }) => None,
            there => there?,
        };
        Ok([bucket.map_or(Ok(None), &mut *keep)?, again.map_or(Ok(None), keep)?])
    }

    fn prove(
        &self,
        delivery: &Delivery,
        origin: Origin,
        digest: Digest,
        directory: &Directory,
        now: Instant,
    ) -> Result<Proven, Unproven> {
        let refuse = |rule, detail: String| Unproven { rule, detail, wrap_of: None };
        let (signer, signature) =
            statements::signer(PayloadType::Header, &delivery.header, &delivery.signatures, directory, now)
                .map_err(|fault| refuse(fault.rule(), fault.to_string()))?;
        let header = header_from_bytes(&delivery.header)
            .map_err(|error| refuse(Rule::HeaderMalformed, format!("{error}, signed by {signer}")))?;
        if header.sender != *signer {
            return Err(refuse(Rule::SenderForged, format!("{} is named, {signer} signed", header.sender)));
        }
        let Some(recipient) = header.recipients.get(&self.me) else {
            return Err(refuse(Rule::RecipientNotNamed, format!("{} is not among the recipients", self.me)));
        };
        if header.priority != origin.lane {
            let detail = format!("a {} message came in the lane of {}", header.priority, origin.lane);
            return Err(refuse(Rule::LaneWrong, detail));
        }
        if sha256(&delivery.sealed) != header.sealed_digest {
            let detail = "the sealed content is not the one that the signed header names".to_owned();
            return Err(refuse(Rule::SealedDigest, detail));
        }
        let wrapped = self.unwrap(delivery, &header, &digest)?;
        let OpenedCommitment { position: Position { incarnation, number }, previous, salt } =
            wrapped.commitment;
        if link_commitment(&salt, &incarnation.0, number, &previous) != recipient.link_commitment {
            let detail = "the wrap names another position than the signed header commits to".to_owned();
            return Err(Unproven { wrap_of: Some(header.sender), ..refuse(Rule::LinkCommitment, detail) });
        }
        Ok(Proven { header, wrapped, signature: signature.clone() })
    }

    fn unwrap(&self, delivery: &Delivery, header: &Header, digest: &Digest) -> Result<WrapContent, Unproven> {
        let wrap_of = Some(header.sender.clone());
        let refuse = |detail: String| Unproven { rule: Rule::WrapUnopened, detail, wrap_of: wrap_of.clone() };
        let sealed = &delivery.wrap;
        if sealed.recipient != self.me {
            let detail = format!("the wrap is for {}", sealed.recipient);
            return Err(Unproven { rule: Rule::WrapRecipient, ..refuse(detail) });
        }
        let key = self.keys.iter().find(|key| key.public_key().key_id() == sealed.key_id);
        let key = key.ok_or_else(|| refuse(format!("this node has no sealing key {}", sealed.key_id)))?;
        let context = WrapContext {
            message_id: header.id.as_bytes(),
            sender: &header.sender,
            recipient: &self.me,
            header_digest: digest,
        };
        let plain = wrap::unwrap(key, &context, &sealed.encapsulated_key, &sealed.ciphertext)
            .map_err(|error| refuse(error.to_string()))?;
        WrapContent::from_bytes(&plain).map_err(|error| refuse(error.to_string()))
    }
}

/// Whether a message is new enough for its directory to be on its way. Nobody vouches for the version that a sender names:
/// whoever names one that never comes is settled, and blamed, after that time.
fn may_be_early(header: &Header, now: Instant) -> bool {
    header.sent_at <= now.plus(CLOCK_TOLERANCE) && now <= header.sent_at.plus(EARLY_MAX)
}

/// Whether an unproven envelope may be proven under a directory later than this one: it says so itself, which is not to be
/// believed, only worth waiting for.
fn may_need_newer(delivery: &Delivery, directory: &Directory) -> bool {
    header_from_bytes(&delivery.header)
        .is_ok_and(|header| header.directory.version > directory.version.version)
}

/// Names no peer: whom the header names has not done anything yet, and what is kept of others must not be counted
/// against him.
fn alarm(delivery: &Delivery, digest: Digest, unproven: &Unproven) -> Alarm {
    let claimed = header_from_bytes(&delivery.header).ok().map(|header| header.sender);
    let claimed = claimed.map(|sender| format!("claims to be from {sender}, ")).unwrap_or_default();
    let mut exhibits: Vec<Bytes> = vec![delivery.header.clone()];
    exhibits.extend(delivery.signatures.iter().map(|signature| signature.bytes.clone()));
    Alarm {
        rule: unproven.rule,
        peer: None,
        header: Some(digest),
        detail: format!("{} ({claimed}sealed content {})", unproven.detail, sha256(&delivery.sealed)),
        exhibits,
    }
}

#[cfg(test)]
mod tests;
