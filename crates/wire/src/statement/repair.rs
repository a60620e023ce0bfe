//! What fills holes and proves that there are none: voids, resends, new wraps, consistency proofs.

use sealpost_domain::statement::{NeedWrap, Proof, ProofRequest, Resend, Void};
use sealpost_proto::v1 as pb;

use super::receipt::{range_messages, ranges};
use crate::Error;
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;

pub(super) fn void(at: In, message: pb::Void) -> Result<Void, Error> {
    let pb::Void {
        sender,
        recipient,
        priority,
        sender_incarnation,
        number,
        header_digest,
        previous_digest,
        reason,
        made_at_ms,
    } = message;
    if number == 0 {
        return Err(at.fault("number", "is 0, numbers count from 1"));
    }
    Ok(Void {
        sender: at.agency("sender", &sender)?,
        recipient: at.agency("recipient", &recipient)?,
        priority: names::priority(at, "priority", priority)?,
        incarnation: at.bytes("sender_incarnation", &sender_incarnation)?,
        number,
        header: at.bytes("header_digest", &header_digest)?,
        previous: at.bytes("previous_digest", &previous_digest)?,
        reason: names::void_reason(at, "reason", reason)?,
        made_at: instant(made_at_ms),
    })
}

pub(super) fn void_message(void: &Void) -> pb::Void {
    pb::Void {
        sender: void.sender.to_string(),
        recipient: void.recipient.to_string(),
        priority: names::priority_number(void.priority),
        sender_incarnation: incarnation_bytes(void.incarnation),
        number: void.number,
        header_digest: digest_bytes(void.header),
        previous_digest: digest_bytes(void.previous),
        reason: names::void_reason_number(void.reason),
        made_at_ms: void.made_at.as_millis(),
    }
}

pub(super) fn resend(at: In, message: pb::Resend) -> Result<Resend, Error> {
    let pb::Resend { recipient, sender, priority, sender_incarnation, numbers, made_at_ms } = message;
    at.count("numbers", numbers.len(), 64)?;
    Ok(Resend {
        recipient: at.agency("recipient", &recipient)?,
        sender: at.agency("sender", &sender)?,
        priority: names::priority(at, "priority", priority)?,
        incarnation: at.bytes("sender_incarnation", &sender_incarnation)?,
        numbers: ranges(at, "numbers", numbers)?,
        made_at: instant(made_at_ms),
    })
}

pub(super) fn resend_message(resend: &Resend) -> pb::Resend {
    pb::Resend {
        recipient: resend.recipient.to_string(),
        sender: resend.sender.to_string(),
        priority: names::priority_number(resend.priority),
        sender_incarnation: incarnation_bytes(resend.incarnation),
        numbers: range_messages(&resend.numbers),
        made_at_ms: resend.made_at.as_millis(),
    }
}

pub(super) fn need_wrap(at: In, message: pb::NeedWrap) -> Result<NeedWrap, Error> {
    let pb::NeedWrap { recipient, sender, header_digests, made_at_ms } = message;
    at.count("header_digests", header_digests.len(), 256)?;
    Ok(NeedWrap {
        recipient: at.agency("recipient", &recipient)?,
        sender: at.agency("sender", &sender)?,
        headers: header_digests
            .iter()
            .map(|digest| at.bytes("header_digests", digest))
            .collect::<Result<_, _>>()?,
        made_at: instant(made_at_ms),
    })
}

pub(super) fn need_wrap_message(need_wrap: &NeedWrap) -> pb::NeedWrap {
    pb::NeedWrap {
        recipient: need_wrap.recipient.to_string(),
        sender: need_wrap.sender.to_string(),
        header_digests: need_wrap.headers.iter().copied().map(digest_bytes).collect(),
        made_at_ms: need_wrap.made_at.as_millis(),
    }
}

pub(super) fn proof_request(at: In, message: pb::ProofRequest) -> Result<ProofRequest, Error> {
    let pb::ProofRequest { from, to, origin, first_size, second_size, made_at_ms } = message;
    Ok(ProofRequest {
        from: at.agency("from", &from)?,
        to: at.agency("to", &to)?,
        origin,
        first_size,
        second_size,
        made_at: instant(made_at_ms),
    })
}

pub(super) fn proof_request_message(request: &ProofRequest) -> pb::ProofRequest {
    pb::ProofRequest {
        from: request.from.to_string(),
        to: request.to.to_string(),
        origin: request.origin.clone(),
        first_size: request.first_size,
        second_size: request.second_size,
        made_at_ms: request.made_at.as_millis(),
    }
}

pub(super) fn proof(at: In, message: pb::Proof) -> Result<Proof, Error> {
    let pb::Proof { from, to, origin, first_size, second_size, hashes, made_at_ms } = message;
    at.count("hashes", hashes.len(), 128)?;
    Ok(Proof {
        from: at.agency("from", &from)?,
        to: at.agency("to", &to)?,
        origin,
        first_size,
        second_size,
        hashes: hashes.iter().map(|hash| at.bytes("hashes", hash)).collect::<Result<_, _>>()?,
        made_at: instant(made_at_ms),
    })
}

pub(super) fn proof_message(proof: &Proof) -> pb::Proof {
    pb::Proof {
        from: proof.from.to_string(),
        to: proof.to.to_string(),
        origin: proof.origin.clone(),
        first_size: proof.first_size,
        second_size: proof.second_size,
        hashes: proof.hashes.iter().copied().map(digest_bytes).collect(),
        made_at_ms: proof.made_at.as_millis(),
    }
}
