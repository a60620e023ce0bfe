//! `envelope.proto`: envelopes, headers, sealed contents and wraps.

use std::collections::BTreeSet;

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::digest::KeyId;
use sealpost_domain::envelope::{
    Content, DirectoryVersion, Envelope, HEADER_BYTES_MAX, HEADER_VERSION, Header, OpenedCommitment,
    RECIPIENTS_MAX, Recipient, Recipients, SEALED_BYTES_MAX, Signature, Wrap,
};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Position;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;
use zeroize::Zeroizing;

use crate::Error;
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;
use crate::statement::STATEMENT_BYTES_MAX;

/// The most approvals of one message.
pub(crate) const APPROVALS_MAX: usize = 16;
/// The most signatures that an envelope, or a statement of one signer, may carry: a key and its successors.
pub(crate) const SIGNATURES_MAX: usize = 4;
/// The most signatures of a version of the directory, and of a statement in it: every party to an agreement signs it.
const PARTIES_MAX: usize = 256;
/// The most signatures of an approval.
const APPROVAL_SIGNATURES_MAX: usize = 64;
/// The longest signature, in bytes: that of ML-DSA-65. With the bounds on headers and payloads it keeps every leaf of a
/// ledger within its limit, whatever a peer sends.
const SIGNATURE_BYTES_MAX: usize = 3309;
/// The largest wrap content, in bytes.
const WRAP_CONTENT_BYTES_MAX: usize = 512;

/// Parses the signed bytes of a header. To be called only after its signature was verified, or to find the sender
/// whose key verifies it.
pub fn header_from_bytes(bytes: &Bytes) -> Result<Header, Error> {
    let at = In("EnvelopeHeader");
    let pb::EnvelopeHeader {
        version,
        id,
        sender,
        sent_at_ms,
        kind,
        priority,
        act_before_ms,
        category,
        mode,
        tlp,
        handling_codes,
        operation_id,
        in_reply_to,
        directory,
        recipients,
        sealed_digest,
        key_commitment,
        plaintext_digest,
        approval_digest,
    } = at.decode(bytes, HEADER_BYTES_MAX)?;
    if version != HEADER_VERSION {
        let problem = format!("is {version}, this program reads version {HEADER_VERSION}; update it");
        return Err(at.fault("version", problem));
    }
    let recipients = recipients.into_iter().map(recipient).collect::<Result<Vec<_>, _>>()?;
    Ok(Header {
        id: at.bytes("id", &id)?,
        sender: at.agency("sender", &sender)?,
        sent_at: instant(sent_at_ms),
        kind: names::kind(at, "kind", kind)?,
        priority: names::priority(at, "priority", priority)?,
        act_before: act_before_ms.map(instant),
        category: names::category(at, "category", category)?,
        mode: names::mode(at, "mode", mode)?,
        handling: names::handling(at, tlp, &handling_codes)?,
        operation: at.parse_optional("operation_id", &operation_id)?,
        in_reply_to: at.bytes_optional("in_reply_to", &in_reply_to)?,
        directory: directory_version(at, directory)?,
        recipients: Recipients::new(recipients).map_err(|error| at.fault("recipients", error))?,
        sealed_digest: at.bytes("sealed_digest", &sealed_digest)?,
        key_commitment: at.bytes("key_commitment", &key_commitment)?,
        plaintext_digest: at.bytes("plaintext_digest", &plaintext_digest)?,
        approval_digest: at.bytes_optional("approval_digest", &approval_digest)?,
    })
}

/// The bytes of a header, to be signed. They are made once, by the sender.
pub fn header_to_bytes(header: &Header) -> Bytes {
    let (tlp, handling_codes) = names::handling_numbers(&header.handling);
    let recipients = header.recipients.as_slice().iter().map(|recipient| pb::Recipient {
        agency: recipient.agency.to_string(),
        agreement_digest: digest_bytes(recipient.agreement),
        link_commitment: digest_bytes(recipient.link_commitment),
    });
    let header = pb::EnvelopeHeader {
        version: HEADER_VERSION,
        id: Bytes::copy_from_slice(header.id.as_bytes()),
        sender: header.sender.to_string(),
        sent_at_ms: header.sent_at.as_millis(),
        kind: names::kind_number(header.kind),
        priority: names::priority_number(header.priority),
        act_before_ms: header.act_before.map(Instant::as_millis),
        category: names::category_number(header.category),
        mode: names::mode_number(header.mode),
        tlp,
        handling_codes,
        operation_id: header.operation.as_ref().map(ToString::to_string).unwrap_or_default(),
        in_reply_to: header.in_reply_to.map(|id| Bytes::copy_from_slice(id.as_bytes())).unwrap_or_default(),
        directory: Some(directory_version_message(header.directory)),
        recipients: recipients.collect(),
        sealed_digest: digest_bytes(header.sealed_digest),
        key_commitment: digest_bytes(header.key_commitment),
        plaintext_digest: digest_bytes(header.plaintext_digest),
        approval_digest: header.approval_digest.map(digest_bytes).unwrap_or_default(),
    };
    header.encode_to_vec().into()
}

fn recipient(message: pb::Recipient) -> Result<Recipient, Error> {
    let at = In("Recipient");
    let pb::Recipient { agency, agreement_digest, link_commitment } = message;
    Ok(Recipient {
        agency: at.agency("agency", &agency)?,
        agreement: at.bytes("agreement_digest", &agreement_digest)?,
        link_commitment: at.bytes("link_commitment", &link_commitment)?,
    })
}

/// Reads an envelope: its parts have the right shape and size, nothing in it is verified.
pub fn envelope(message: pb::Envelope) -> Result<Envelope, Error> {
    let at = In("Envelope");
    let pb::Envelope { header, signatures, sealed, wraps } = message;
    sized(at, &header, HEADER_BYTES_MAX)?;
    sized(at, &sealed, SEALED_BYTES_MAX)?;
    at.count("wraps", wraps.len(), RECIPIENTS_MAX)?;
    Ok(Envelope {
        header,
        signatures: self::signatures(at, signatures)?,
        sealed,
        wraps: wraps.into_iter().map(wrap).collect::<Result<_, _>>()?,
    })
}

fn sized(at: In, bytes: &Bytes, max: usize) -> Result<(), Error> {
    if bytes.len() > max {
        return Err(Error::TooLarge { message: at.0, found: bytes.len(), max });
    }
    Ok(())
}

/// The message for an envelope; its parts share the envelope's memory.
pub fn envelope_message(envelope: &Envelope) -> pb::Envelope {
    pb::Envelope {
        header: envelope.header.clone(),
        signatures: signature_messages(&envelope.signatures),
        sealed: envelope.sealed.clone(),
        wraps: envelope.wraps.iter().map(wrap_message).collect(),
    }
}

/// Reads a wrap.
pub fn wrap(message: pb::Wrap) -> Result<Wrap, Error> {
    let at = In("Wrap");
    let pb::Wrap { recipient, key_id, encapsulated_key, ciphertext } = message;
    at.count("encapsulated_key", encapsulated_key.len(), 4096)?;
    at.count("ciphertext", ciphertext.len(), 1024)?;
    Ok(Wrap {
        recipient: at.agency("recipient", &recipient)?,
        key_id: at.bytes("key_id", &key_id)?,
        encapsulated_key,
        ciphertext,
    })
}

/// The message for a wrap.
pub fn wrap_message(wrap: &Wrap) -> pb::Wrap {
    pb::Wrap {
        recipient: wrap.recipient.to_string(),
        key_id: key_id_bytes(wrap.key_id),
        encapsulated_key: wrap.encapsulated_key.clone(),
        ciphertext: wrap.ciphertext.clone(),
    }
}

/// Reads signatures.
pub(crate) fn signatures(at: In, messages: Vec<pb::Signature>) -> Result<Vec<Signature>, Error> {
    signatures_of(at, messages, SIGNATURES_MAX)
}

fn signatures_of(at: In, messages: Vec<pb::Signature>, max: usize) -> Result<Vec<Signature>, Error> {
    at.count("signatures", messages.len(), max)?;
    let read = |message: pb::Signature| {
        let pb::Signature { key_id, signature } = message;
        if signature.len() > SIGNATURE_BYTES_MAX {
            let problem = format!("has {} bytes, allowed are {SIGNATURE_BYTES_MAX}", signature.len());
            return Err(at.fault("signatures.signature", problem));
        }
        Ok(Signature { key_id: at.bytes("signatures.key_id", &key_id)?, bytes: signature })
    };
    messages.into_iter().map(read).collect()
}

pub(crate) fn signature_messages(signatures: &[Signature]) -> Vec<pb::Signature> {
    let write = |signature: &Signature| pb::Signature {
        key_id: key_id_bytes(signature.key_id),
        signature: signature.bytes.clone(),
    };
    signatures.iter().map(write).collect()
}

pub(crate) fn key_id_bytes(key_id: KeyId) -> Bytes {
    Bytes::copy_from_slice(key_id.as_bytes())
}

/// Reads a statement that many may sign, each key once, a directory or one in it; nothing in it is verified.
pub fn signed(message: pb::SignedStatement) -> Result<Signed, Error> {
    signed_by_many(message, PARTIES_MAX)
}

fn signed_by_many(message: pb::SignedStatement, max: usize) -> Result<Signed, Error> {
    let at = In("SignedStatement");
    let pb::SignedStatement { payload, signatures } = message;
    Ok(Signed { payload, signatures: each_key_once(at, signatures_of(at, signatures, max)?)? })
}

/// Reads a statement of one signer, as nodes and the hub make them and ledgers keep them: each of its keys once; nothing in it
/// is verified.
pub fn signed_by_one(message: pb::SignedStatement) -> Result<Signed, Error> {
    let at = In("SignedStatement");
    let pb::SignedStatement { payload, signatures } = message;
    sized(at, &payload, STATEMENT_BYTES_MAX)?;
    Ok(Signed { payload, signatures: each_key_once(at, self::signatures(at, signatures)?)? })
}

/// A second signature of a key says nothing more than its first, and would have each reader verify the payload once more.
fn each_key_once(at: In, signatures: Vec<Signature>) -> Result<Vec<Signature>, Error> {
    let mut keys = BTreeSet::new();
    match signatures.iter().find(|signature| !keys.insert(signature.key_id)) {
        Some(second) => Err(at.fault("signatures", format!("has a second one of key {}", second.key_id))),
        None => Ok(signatures),
    }
}

/// The message for a signed statement.
pub fn signed_message(signed: &Signed) -> pb::SignedStatement {
    pb::SignedStatement {
        payload: signed.payload.clone(),
        signatures: signature_messages(&signed.signatures),
    }
}

/// Parses a signed statement from bytes, as the directory is stored in files.
pub fn signed_from_bytes(bytes: &Bytes, max: usize) -> Result<Signed, Error> {
    signed(In("SignedStatement").decode(bytes, max)?)
}

/// The bytes of a signed statement.
pub fn signed_to_bytes(signed: &Signed) -> Vec<u8> {
    signed_message(signed).encode_to_vec()
}

pub(crate) fn directory_version(
    at: In,
    message: Option<pb::DirectoryVersion>,
) -> Result<DirectoryVersion, Error> {
    let pb::DirectoryVersion { version, digest } = at.required("directory", message)?;
    Ok(DirectoryVersion { version, digest: at.bytes("directory.digest", &digest)? })
}

/// A version, by number and content.
pub fn directory_version_message(version: DirectoryVersion) -> pb::DirectoryVersion {
    pb::DirectoryVersion { version: version.version, digest: digest_bytes(version.digest) }
}

/// Parses what was sealed.
pub fn content_from_bytes(bytes: &Bytes) -> Result<Content, Error> {
    let at = In("SealedContent");
    let pb::SealedContent { salt, body, approvals } = at.decode(bytes, SEALED_BYTES_MAX)?;
    sized(In("Alert"), &body, sealpost_domain::envelope::BODY_BYTES_MAX)?;
    at.count("approvals", approvals.len(), APPROVALS_MAX)?;
    let approval = |message| signed_by_many(message, APPROVAL_SIGNATURES_MAX);
    Ok(Content {
        salt: at.array("salt", &salt)?,
        body,
        approvals: approvals.into_iter().map(approval).collect::<Result<_, _>>()?,
    })
}

/// The bytes to be sealed.
pub fn content_to_bytes(content: &Content) -> Zeroizing<Vec<u8>> {
    let message = pb::SealedContent {
        salt: Bytes::copy_from_slice(&content.salt),
        body: content.body.clone(),
        approvals: content.approvals.iter().map(signed_message).collect(),
    };
    Zeroizing::new(message.encode_to_vec())
}

/// What a wrap hides: the content key and the recipient's position.
pub struct WrapContent {
    /// The key of the sealed content.
    pub content_key: Zeroizing<[u8; 32]>,
    /// What the header's link commitment hides.
    pub commitment: OpenedCommitment,
}

impl WrapContent {
    /// Parses what a wrap held.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let at = In("WrapContent");
        if bytes.len() > WRAP_CONTENT_BYTES_MAX {
            return Err(Error::TooLarge { message: at.0, found: bytes.len(), max: WRAP_CONTENT_BYTES_MAX });
        }
        let pb::WrapContent { content_key, incarnation, number, previous_digest, commitment_salt } =
            pb::WrapContent::decode(bytes).map_err(|source| Error::Protobuf { message: at.0, source })?;
        let position = position(at, &incarnation, number)?;
        Ok(Self {
            content_key: Zeroizing::new(at.array("content_key", &content_key)?),
            commitment: OpenedCommitment {
                position,
                previous: at.bytes("previous_digest", &previous_digest)?,
                salt: at.array("commitment_salt", &commitment_salt)?,
            },
        })
    }

    /// The bytes to be wrapped.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let OpenedCommitment { position, previous, salt } = &self.commitment;
        let message = pb::WrapContent {
            content_key: Bytes::copy_from_slice(self.content_key.as_slice()),
            incarnation: incarnation_bytes(position.incarnation),
            number: position.number,
            previous_digest: digest_bytes(*previous),
            commitment_salt: Bytes::copy_from_slice(salt),
        };
        Zeroizing::new(message.encode_to_vec())
    }
}

/// Reads a position; numbers count from 1.
pub(crate) fn position(at: In, incarnation: &[u8], number: u64) -> Result<Position, Error> {
    if number == 0 {
        return Err(at.fault("number", "is 0, numbers count from 1"));
    }
    Ok(Position { incarnation: at.bytes("incarnation", incarnation)?, number })
}
