//! From a record of our own to an envelope for the hub: the content key is taken from its bucket and wrapped anew for
//! each recipient that still needs the message; and where the key that signed it is believed no more, the present one
//! signs the same bytes beside it. Called where blocking is allowed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rand::CryptoRng;
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{PayloadType, SignError, Signer, sign_statement};
use sealpost_crypto::wrap::{self, SealingPublicKey, WrapContext};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::{Digest, KeyId};
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{Envelope, Header, Signature, Wrap};
use sealpost_domain::instant::Instant;
use sealpost_domain::record::{Record, Sent};
use sealpost_ledger::{Buckets, Entry, ReadError, bucket};
use sealpost_wire::envelope::{WrapContent, header_from_bytes};
use sealpost_wire::ledger::stored_body_from_bytes;
use zeroize::Zeroizing;

use crate::core::erasures::Erasures;
use crate::core::signature_of;

/// How many keys of recipients are kept: some 6 KiB each.
const SEALING_KEYS_MAX: usize = 64;

/// By what envelopes are made.
#[derive(Clone, Copy)]
pub struct Wrapping<'a> {
    /// The keys of the bodies.
    pub buckets: &'a Buckets,
    /// Who is believed, and under which keys the recipients are reached.
    pub directory: &'a Directory,
    /// Those of the keys that were read before.
    pub keys: &'a SealingKeys,
    /// When.
    pub now: Instant,
    /// The node's present key.
    pub signer: &'a dyn Signer,
}

/// Recipients' keys, read once: that costs a sixth of a wrap.
#[derive(Default)]
pub struct SealingKeys(Mutex<BTreeMap<Vec<u8>, Arc<SealingPublicKey>>>);

impl SealingKeys {
    fn read(&self, bytes: &[u8]) -> Result<Arc<SealingPublicKey>, wrap::Error> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(bytes) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(SealingPublicKey::from_bytes(bytes)?);
        // All of a network, unless it is very large; keys that were replaced go with the others.
        if keys.len() >= SEALING_KEYS_MAX {
            keys.clear();
        }
        keys.insert(bytes.to_vec(), Arc::clone(&key));
        Ok(key)
    }
}

/// An envelope that is ready to be submitted.
pub struct Wrapped {
    /// The envelope.
    pub envelope: Envelope,
    /// The digest of its header.
    pub header: Digest,
    /// The recipients that have no sealing key now: for them there is no wrap.
    pub without_key: Vec<AgencyId>,
}

/// Why a record gives no envelope.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ledger does not give it.
    #[error("record {index} cannot be read")]
    Unreadable {
        /// Which one.
        index: u64,
        /// Why.
        source: ReadError,
    },
    /// It is something else.
    #[error("record {index} is no message of this node")]
    NotSent {
        /// Which one.
        index: u64,
    },
    /// Its bytes are not what this node would have written.
    #[error("record {index} is not as this node would have written it")]
    Record {
        /// Which one.
        index: u64,
        /// What is wrong with it.
        source: sealpost_wire::Error,
    },
    /// Its body was damaged.
    #[error("the body of record {index} is lost; it can be sent once a backup of the ledger is in place")]
    BodyLost {
        /// Which one.
        index: u64,
    },
    /// Its content key is gone.
    #[error("the content key of record {index}")]
    Bucket {
        /// Which one.
        index: u64,
        /// Why.
        source: bucket::Error,
    },
    /// Nobody would believe it: neither the key that signed it nor the node's present one.
    #[error(
        "record {index}: the directory in force believes neither the key that signed it nor the node's own {key}; \
         give the node its next key ([keys] signing), once the directory lists it"
    )]
    NotBelieved {
        /// Which one.
        index: u64,
        /// The node's present key.
        key: KeyId,
    },
    /// The present key does not sign.
    #[error("record {index} cannot be signed again")]
    Sign {
        /// Which one.
        index: u64,
        /// Why.
        source: SignError,
    },
    /// A recipient's key is unusable.
    #[error("the wrap of record {index} for {recipient}")]
    Wrap {
        /// Which one.
        index: u64,
        /// For whom.
        recipient: AgencyId,
        /// Why.
        source: wrap::Error,
    },
}

impl Error {
    /// Whether the message is gone: its body is damaged, or was erased.
    pub fn is_gone(&self, erasures: &Erasures) -> bool {
        match self {
            Self::BodyLost { .. } => true,
            // By the ledger's word: a folder of keys that is not there proves nothing. A bucket may go on under another key.
            Self::Bucket {
                index,
                source: bucket::Error::Erased { bucket } | bucket::Error::Kept { bucket, .. },
            } => erasures.of(*index, &bucket.to_bytes()).is_some(),
            _ => false,
        }
    }
}

/// Makes the envelope of a record for some of its recipients.
pub fn envelope(
    entry: &Entry,
    recipients: &[AgencyId],
    by: Wrapping<'_>,
    rng: &mut dyn CryptoRng,
) -> Result<Wrapped, Error> {
    let Wrapping { buckets, directory, keys, now, signer } = by;
    let index = entry.index;
    let Record::Sent(sent) = &entry.leaf.record else { return Err(Error::NotSent { index }) };
    let unreadable = |source| Error::Record { index, source };
    let header = header_from_bytes(&sent.header).map_err(unreadable)?;
    if entry.body_lost {
        return Err(Error::BodyLost { index });
    }
    let stored = stored_body_from_bytes(&entry.body).map_err(unreadable)?;
    let digest = sha256(&sent.header);
    let signatures = believed(index, sent, &header, directory, now, signer)?;
    let key = buckets.content_key(&stored, &digest).map_err(|source| Error::Bucket { index, source })?;

    let (mut wraps, mut without_key) = (Vec::with_capacity(recipients.len()), Vec::new());
    for (recipient, commitment) in header.recipients.agencies().zip(&sent.commitments) {
        if !recipients.contains(recipient) {
            continue;
        }
        let Some(record) = directory.sealing_key(recipient, now) else {
            without_key.push(recipient.clone());
            continue;
        };
        let failed = |source| Error::Wrap { index, recipient: recipient.clone(), source };
        let public = keys.read(&record.key.bytes).map_err(failed)?;
        let context = WrapContext {
            message_id: header.id.as_bytes(),
            sender: &header.sender,
            recipient,
            header_digest: &digest,
        };
        let content = WrapContent { content_key: Zeroizing::new(*key.as_bytes()), commitment: *commitment };
        let wrapped = wrap::wrap(rng, &public, &context, &content.to_bytes()).map_err(failed)?;
        wraps.push(Wrap {
            recipient: recipient.clone(),
            key_id: public.key_id(),
            encapsulated_key: wrapped.encapsulated.into(),
            ciphertext: wrapped.ciphertext.into(),
        });
    }
    let envelope = Envelope { header: sent.header.clone(), signatures, sealed: stored.sealed, wraps };
    Ok(Wrapped { envelope, header: digest, without_key })
}

/// The signatures of a record, and one of the present key beside them where the directory believes none of theirs any
/// more. Number and digest stay: it is the same message.
fn believed(
    index: u64,
    sent: &Sent,
    header: &Header,
    directory: &Directory,
    now: Instant,
    signer: &dyn Signer,
) -> Result<Vec<Signature>, Error> {
    let listed = |key: KeyId| directory.node_key(&header.sender, key, now).is_some();
    let mut signatures = sent.signatures.clone();
    if signatures.iter().any(|signature| listed(signature.key_id)) {
        return Ok(signatures);
    }
    let key = signer.key_id();
    if !listed(key) {
        return Err(Error::NotBelieved { index, key });
    }
    let signed = sign_statement(signer, PayloadType::Header, &sent.header);
    signatures.push(signature_of(&signed.map_err(|source| Error::Sign { index, source })?));
    Ok(signatures)
}
