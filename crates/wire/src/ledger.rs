//! `ledger.proto`: the leaves and bodies of a node's ledger.

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::envelope::OpenedCommitment;
use sealpost_domain::link::{Disposition, Position};
use sealpost_domain::record::{
    Evidence, LEAF_BYTES_MAX, Leaf, Received, Record, Sent, Settlement, StoredBody, Witness,
};
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::envelope::{
    directory_version, directory_version_message, key_id_bytes, position, signature_messages, signatures,
    signed_by_one, signed_message,
};
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::hub;
use crate::names;

/// The largest body of a record, in bytes.
const RECORD_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Parses a leaf.
pub fn leaf_from_bytes(bytes: &Bytes) -> Result<Leaf, Error> {
    let at = In("LedgerLeaf");
    let pb::LedgerLeaf { recorded_at_ms, salt, body_digest, record } = at.decode(bytes, LEAF_BYTES_MAX)?;
    Ok(Leaf {
        recorded_at: instant(recorded_at_ms),
        salt: at.array("salt", &salt)?,
        body_digest: at.bytes_optional("body_digest", &body_digest)?,
        record: self::record(at, at.required("record", record)?)?,
    })
}

/// The bytes of a leaf. They are made once, when the record is appended.
pub fn leaf_to_bytes(leaf: &Leaf) -> Bytes {
    let message = pb::LedgerLeaf {
        recorded_at_ms: leaf.recorded_at.as_millis(),
        salt: Bytes::copy_from_slice(&leaf.salt),
        body_digest: leaf.body_digest.map(digest_bytes).unwrap_or_default(),
        record: Some(record_message(&leaf.record)),
    };
    message.encode_to_vec().into()
}

fn record(at: In, message: pb::ledger_leaf::Record) -> Result<Record, Error> {
    use pb::ledger_leaf::Record as P;
    Ok(match message {
        P::Incarnation(message) => incarnation(message)?,
        P::Directory(pb::DirectoryRecord { directory }) => {
            Record::Directory(directory_version(at, directory)?)
        }
        P::Sent(message) => Record::Sent(sent(message)?),
        P::Received(message) => Record::Received(received(message)?),
        P::Accepted(pb::AcceptedRecord { statement, header_digests }) => Record::Accepted {
            statement: signed_by_one(at.required("statement", statement)?)?,
            headers: header_digests
                .iter()
                .map(|digest| at.bytes("header_digests", digest))
                .collect::<Result<_, _>>()?,
        },
        P::ReceiptSent(pb::ReceiptRecord { statement }) => Record::ReceiptSent(statement_of(at, statement)?),
        P::ReceiptReceived(pb::ReceiptRecord { statement }) => {
            Record::ReceiptReceived(statement_of(at, statement)?)
        }
        P::Voided(pb::VoidRecord { statement }) => Record::Voided(statement_of(at, statement)?),
        P::Security(pb::SecurityRecord { rule, peer, header_digest }) => Record::Security {
            rule,
            peer: at.parse_optional("peer", &peer)?,
            header: at.bytes_optional("header_digest", &header_digest)?,
        },
        P::Access(pb::AccessRecord { key_id, action, message_id, rule }) => Record::Access {
            key: at.bytes("key_id", &key_id)?,
            action,
            message: at.bytes_optional("message_id", &message_id)?,
            refused_by: (!rule.is_empty()).then_some(rule),
        },
        P::Read(pb::ReadRecord { message_id, sender, priority, sender_incarnation, number, key_id }) => {
            Record::Read {
                message: at.bytes("message_id", &message_id)?,
                sender: at.agency("sender", &sender)?,
                priority: names::priority(at, "priority", priority)?,
                position: position(at, &sender_incarnation, number)?,
                key: at.bytes("key_id", &key_id)?,
            }
        }
        P::Erasure(pb::ErasureRecord { bucket, rule, index, key_id }) => {
            Record::Erasure { bucket, rule, index, key: at.bytes("key_id", &key_id)? }
        }
        P::Hold(pb::HoldRecord { index, bucket, held }) => Record::Hold { index, bucket, held },
        P::Body(pb::BodyRecord { index, header_digest }) => {
            Record::Body { index, header: at.bytes("header_digest", &header_digest)? }
        }
        P::Loss(pb::LossRecord { index, leaf_hash }) => {
            Record::Loss { index, leaf_hash: at.bytes("leaf_hash", &leaf_hash)? }
        }
        P::Witness(message) => Record::Witness(witness(message)?),
        P::Cosigned(pb::CosignedRecord { peer, note }) => {
            Record::Cosigned { peer: In("CosignedRecord").agency("peer", &peer)?, note }
        }
    })
}

fn statement_of(at: In, message: Option<pb::SignedStatement>) -> Result<Signed, Error> {
    signed_by_one(at.required("statement", message)?)
}

fn record_message(record: &Record) -> pb::ledger_leaf::Record {
    use pb::ledger_leaf::Record as P;
    match record {
        Record::Incarnation { agency, incarnation, previous, unsent_from } => {
            P::Incarnation(pb::IncarnationRecord {
                agency: agency.to_string(),
                incarnation: incarnation_bytes(*incarnation),
                previous_incarnation: previous
                    .as_ref()
                    .map(|(incarnation, _)| incarnation_bytes(*incarnation))
                    .unwrap_or_default(),
                previous_checkpoint: previous
                    .as_ref()
                    .map(|(_, checkpoint)| checkpoint.clone())
                    .unwrap_or_default(),
                unsent_from: *unsent_from,
            })
        }
        Record::Directory(version) => {
            P::Directory(pb::DirectoryRecord { directory: Some(directory_version_message(*version)) })
        }
        Record::Sent(sent) => P::Sent(sent_message(sent)),
        Record::Received(received) => P::Received(received_message(received)),
        Record::Accepted { statement, headers } => P::Accepted(pb::AcceptedRecord {
            statement: Some(signed_message(statement)),
            header_digests: headers.iter().copied().map(digest_bytes).collect(),
        }),
        Record::ReceiptSent(statement) => P::ReceiptSent(receipt_message(statement)),
        Record::ReceiptReceived(statement) => P::ReceiptReceived(receipt_message(statement)),
        Record::Voided(statement) => P::Voided(pb::VoidRecord { statement: Some(signed_message(statement)) }),
        Record::Security { rule, peer, header } => P::Security(pb::SecurityRecord {
            rule: rule.clone(),
            peer: peer.as_ref().map(ToString::to_string).unwrap_or_default(),
            header_digest: header.map(digest_bytes).unwrap_or_default(),
        }),
        Record::Access { key, action, message, refused_by } => P::Access(pb::AccessRecord {
            key_id: key_id_bytes(*key),
            action: action.clone(),
            message_id: message.map(|id| Bytes::copy_from_slice(id.as_bytes())).unwrap_or_default(),
            rule: refused_by.clone().unwrap_or_default(),
        }),
        Record::Read { message, sender, priority, position, key } => P::Read(pb::ReadRecord {
            message_id: Bytes::copy_from_slice(message.as_bytes()),
            sender: sender.to_string(),
            priority: names::priority_number(*priority),
            sender_incarnation: incarnation_bytes(position.incarnation),
            number: position.number,
            key_id: key_id_bytes(*key),
        }),
        Record::Erasure { bucket, rule, index, key } => P::Erasure(pb::ErasureRecord {
            bucket: bucket.clone(),
            rule: rule.clone(),
            index: *index,
            key_id: key_id_bytes(*key),
        }),
        Record::Hold { index, bucket, held } => {
            P::Hold(pb::HoldRecord { index: *index, bucket: bucket.clone(), held: *held })
        }
        Record::Body { index, header } => {
            P::Body(pb::BodyRecord { index: *index, header_digest: digest_bytes(*header) })
        }
        Record::Loss { index, leaf_hash } => {
            P::Loss(pb::LossRecord { index: *index, leaf_hash: digest_bytes(*leaf_hash) })
        }
        Record::Witness(witness) => P::Witness(witness_message(witness)),
        Record::Cosigned { peer, note } => {
            P::Cosigned(pb::CosignedRecord { peer: peer.to_string(), note: note.clone() })
        }
    }
}

fn receipt_message(statement: &Signed) -> pb::ReceiptRecord {
    pb::ReceiptRecord { statement: Some(signed_message(statement)) }
}

fn incarnation(message: pb::IncarnationRecord) -> Result<Record, Error> {
    let at = In("IncarnationRecord");
    let pb::IncarnationRecord { agency, incarnation, previous_incarnation, previous_checkpoint, unsent_from } =
        message;
    let previous = at.bytes_optional("previous_incarnation", &previous_incarnation)?;
    Ok(Record::Incarnation {
        agency: at.agency("agency", &agency)?,
        incarnation: at.bytes("incarnation", &incarnation)?,
        previous: previous.map(|incarnation| (incarnation, previous_checkpoint)),
        unsent_from,
    })
}

fn sent(message: pb::SentRecord) -> Result<Sent, Error> {
    let at = In("SentRecord");
    let pb::SentRecord { header, signatures, commitments, idempotency_digest, publisher_key_id } = message;
    Ok(Sent {
        header,
        signatures: self::signatures(at, signatures)?,
        commitments: commitments.into_iter().map(commitment).collect::<Result<_, _>>()?,
        idempotency_digest: at.bytes_optional("idempotency_digest", &idempotency_digest)?,
        publisher: at.bytes("publisher_key_id", &publisher_key_id)?,
    })
}

fn sent_message(sent: &Sent) -> pb::SentRecord {
    pb::SentRecord {
        header: sent.header.clone(),
        signatures: signature_messages(&sent.signatures),
        commitments: sent.commitments.iter().map(commitment_message).collect(),
        idempotency_digest: sent.idempotency_digest.map(digest_bytes).unwrap_or_default(),
        publisher_key_id: key_id_bytes(sent.publisher),
    }
}

fn received(message: pb::ReceivedRecord) -> Result<Received, Error> {
    let at = In("ReceivedRecord");
    let pb::ReceivedRecord { header, signatures, commitment, cursor, settlement, rule } = message;
    let settlement = match pb::Settlement::try_from(settlement) {
        Ok(pb::Settlement::Delivered) => Settlement::Delivered,
        Ok(pb::Settlement::Refused) => Settlement::Excepted(Disposition::Refused, rule),
        Ok(pb::Settlement::Quarantined) => Settlement::Excepted(Disposition::Quarantined, rule),
        Ok(pb::Settlement::Unspecified) | Err(_) => {
            return Err(at.fault("settlement", format!("has the unknown value {settlement}")));
        }
    };
    Ok(Received {
        header,
        signatures: self::signatures(at, signatures)?,
        commitment: commitment.map(self::commitment).transpose()?,
        cursor: hub::cursor(&at.required("cursor", cursor)?)?,
        settlement,
    })
}

fn received_message(received: &Received) -> pb::ReceivedRecord {
    let (settlement, rule) = match &received.settlement {
        Settlement::Delivered => (pb::Settlement::Delivered, ""),
        Settlement::Excepted(Disposition::Refused, rule) => (pb::Settlement::Refused, rule.as_str()),
        Settlement::Excepted(Disposition::Quarantined, rule) => (pb::Settlement::Quarantined, rule.as_str()),
    };
    pb::ReceivedRecord {
        header: received.header.clone(),
        signatures: signature_messages(&received.signatures),
        commitment: received.commitment.as_ref().map(commitment_message),
        cursor: Some(hub::cursor_message(&received.cursor)),
        settlement: settlement as i32,
        rule: rule.to_owned(),
    }
}

fn witness(message: pb::WitnessRecord) -> Result<Witness, Error> {
    let at = In("WitnessRecord");
    let pb::WitnessRecord { peer, note, proof, made_at_ms } = message;
    Ok(Witness {
        peer: at.agency("peer", &peer)?,
        note,
        proof: proof.iter().map(|hash| at.bytes("proof", hash)).collect::<Result<_, _>>()?,
        made_at: instant(made_at_ms),
    })
}

fn witness_message(witness: &Witness) -> pb::WitnessRecord {
    let Witness { peer, note, proof, made_at } = witness;
    pb::WitnessRecord {
        peer: peer.to_string(),
        note: note.clone(),
        proof: proof.iter().copied().map(digest_bytes).collect(),
        made_at_ms: made_at.as_millis(),
    }
}

pub(crate) fn commitment(message: pb::OpenedCommitment) -> Result<OpenedCommitment, Error> {
    let at = In("OpenedCommitment");
    let pb::OpenedCommitment { incarnation, number, previous_digest, salt } = message;
    Ok(OpenedCommitment {
        position: position(at, &incarnation, number)?,
        previous: at.bytes("previous_digest", &previous_digest)?,
        salt: at.array("salt", &salt)?,
    })
}

pub(crate) fn commitment_message(commitment: &OpenedCommitment) -> pb::OpenedCommitment {
    let OpenedCommitment { position: Position { incarnation, number }, previous, salt } = commitment;
    pb::OpenedCommitment {
        incarnation: incarnation_bytes(*incarnation),
        number: *number,
        previous_digest: digest_bytes(*previous),
        salt: Bytes::copy_from_slice(salt),
    }
}

/// Parses a message's body at rest.
pub fn stored_body_from_bytes(bytes: &Bytes) -> Result<StoredBody, Error> {
    let at = In("StoredBody");
    let pb::StoredBody { sealed, bucket, key_nonce, wrapped_key } =
        at.decode(bytes, RECORD_BODY_BYTES_MAX)?;
    Ok(StoredBody { sealed, bucket, key_nonce: at.array("key_nonce", &key_nonce)?, wrapped_key })
}

/// The bytes of a message's body at rest.
pub fn stored_body_to_bytes(body: &StoredBody) -> Bytes {
    let message = pb::StoredBody {
        sealed: body.sealed.clone(),
        bucket: body.bucket.clone(),
        key_nonce: Bytes::copy_from_slice(&body.key_nonce),
        wrapped_key: body.wrapped_key.clone(),
    };
    message.encode_to_vec().into()
}

/// Parses what a security event left behind.
pub fn evidence_from_bytes(bytes: &Bytes) -> Result<Evidence, Error> {
    let pb::SecurityEvidence { detail, exhibits } =
        In("SecurityEvidence").decode(bytes, RECORD_BODY_BYTES_MAX)?;
    Ok(Evidence { detail, exhibits })
}

/// The bytes of what a security event leaves behind.
pub fn evidence_to_bytes(evidence: &Evidence) -> Bytes {
    let Evidence { detail, exhibits } = evidence;
    pb::SecurityEvidence { detail: detail.clone(), exhibits: exhibits.clone() }.encode_to_vec().into()
}
