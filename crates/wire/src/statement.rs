//! `envelope.proto`: the payloads of signed statements. Each is parsed only after its signatures were verified.

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::link::{Head, Range};
use sealpost_domain::statement::{
    Accepted, Activity, Approval, Exception, Heads, HubRefusal, LinkHead, LinkReceipt, NeedWrap, Proof,
    ProofRequest, Receipt, Resend, Resume, Void,
};
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::envelope::{directory_version, directory_version_message};
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;

/// The largest payload of a statement, in bytes.
pub const STATEMENT_BYTES_MAX: usize = 256 * 1024;
/// The most links, ranges or exceptions in one statement.
const ENTRIES_MAX: usize = 4096;

/// A statement whose payload can be parsed and written.
pub trait Payload: Sized {
    /// Parses the signed bytes.
    fn from_payload(bytes: &Bytes) -> Result<Self, Error>;
    /// The bytes to be signed.
    fn to_payload(&self) -> Bytes;
}

macro_rules! payload {
    ($domain:ident, $read:ident, $write:ident) => {
        impl Payload for $domain {
            fn from_payload(bytes: &Bytes) -> Result<Self, Error> {
                let at = In(stringify!($domain));
                $read(at, at.decode(bytes, STATEMENT_BYTES_MAX)?)
            }

            fn to_payload(&self) -> Bytes {
                $write(self).encode_to_vec().into()
            }
        }
    };
}
payload!(Accepted, accepted, accepted_message);
payload!(Receipt, receipt, receipt_message);
payload!(Heads, heads, heads_message);
payload!(Void, void, void_message);
payload!(Resend, resend, resend_message);
payload!(NeedWrap, need_wrap, need_wrap_message);
payload!(Resume, resume, resume_message);
payload!(ProofRequest, proof_request, proof_request_message);
payload!(Proof, proof, proof_message);
payload!(Approval, approval, approval_message);

fn accepted(at: In, message: pb::Accepted) -> Result<Accepted, Error> {
    let pb::Accepted {
        hub_incarnation,
        index,
        accepted_at_ms,
        sender,
        batch_digest,
        count,
        refusals,
    } = message;
    at.count("refusals", refusals.len(), ENTRIES_MAX)?;
    let refusal = |message: pb::HubRefusal| {
        let at = In("HubRefusal");
        let pb::HubRefusal {
            position,
            recipient,
            rule,
        } = message;
        Ok(HubRefusal {
            position,
            recipient: at.parse_optional("recipient", &recipient)?,
            rule,
        })
    };
    Ok(Accepted {
        hub_incarnation: at.bytes("hub_incarnation", &hub_incarnation)?,
        index,
        accepted_at: instant(accepted_at_ms),
        sender: at.agency("sender", &sender)?,
        batch_digest: at.bytes("batch_digest", &batch_digest)?,
        count,
        refusals: refusals.into_iter().map(refusal).collect::<Result<_, Error>>()?,
    })
}

fn accepted_message(accepted: &Accepted) -> pb::Accepted {
    let refusal = |refusal: &HubRefusal| pb::HubRefusal {
        position: refusal.position,
        recipient: refusal
            .recipient
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        rule: refusal.rule.clone(),
    };
    pb::Accepted {
        hub_incarnation: incarnation_bytes(accepted.hub_incarnation),
        index: accepted.index,
        accepted_at_ms: accepted.accepted_at.as_millis(),
        sender: accepted.sender.to_string(),
        batch_digest: digest_bytes(accepted.batch_digest),
        count: accepted.count,
        refusals: accepted.refusals.iter().map(refusal).collect(),
    }
}

fn receipt(at: In, message: pb::Receipt) -> Result<Receipt, Error> {
    let pb::Receipt {
        recipient,
        sender,
        recipient_incarnation,
        number,
        made_at_ms,
        links,
        checkpoint,
        directory,
    } = message;
    at.count("links", links.len(), ENTRIES_MAX)?;
    Ok(Receipt {
        recipient: at.agency("recipient", &recipient)?,
        sender: at.agency("sender", &sender)?,
        recipient_incarnation: at.bytes("recipient_incarnation", &recipient_incarnation)?,
        number,
        made_at: instant(made_at_ms),
        links: links.into_iter().map(link_receipt).collect::<Result<_, _>>()?,
        checkpoint,
        directory: directory_version(at, directory)?,
    })
}

fn receipt_message(receipt: &Receipt) -> pb::Receipt {
    pb::Receipt {
        recipient: receipt.recipient.to_string(),
        sender: receipt.sender.to_string(),
        recipient_incarnation: incarnation_bytes(receipt.recipient_incarnation),
        number: receipt.number,
        made_at_ms: receipt.made_at.as_millis(),
        links: receipt.links.iter().map(link_receipt_message).collect(),
        checkpoint: receipt.checkpoint.clone(),
        directory: Some(directory_version_message(receipt.directory)),
    }
}

fn link_receipt(message: pb::LinkReceipt) -> Result<LinkReceipt, Error> {
    let at = In("LinkReceipt");
    let pb::LinkReceipt {
        priority,
        sender_incarnation,
        contiguous,
        chain_digest,
        delivered,
        exceptions,
        read,
    } = message;
    at.count("exceptions", exceptions.len(), ENTRIES_MAX)?;
    let exception = |message: pb::Exception| {
        let at = In("Exception");
        let pb::Exception {
            number,
            disposition,
            rule,
        } = message;
        Ok(Exception {
            number,
            disposition: names::disposition(at, "disposition", disposition)?,
            rule,
        })
    };
    Ok(LinkReceipt {
        priority: names::priority(at, "priority", priority)?,
        sender_incarnation: at.bytes("sender_incarnation", &sender_incarnation)?,
        contiguous,
        chain_digest: at.bytes("chain_digest", &chain_digest)?,
        delivered: ranges(at, "delivered", delivered)?,
        exceptions: exceptions
            .into_iter()
            .map(exception)
            .collect::<Result<_, Error>>()?,
        read: ranges(at, "read", read)?,
    })
}

fn link_receipt_message(link: &LinkReceipt) -> pb::LinkReceipt {
    let exception = |exception: &Exception| pb::Exception {
        number: exception.number,
        disposition: names::disposition_number(exception.disposition),
        rule: exception.rule.clone(),
    };
    pb::LinkReceipt {
        priority: names::priority_number(link.priority),
        sender_incarnation: incarnation_bytes(link.sender_incarnation),
        contiguous: link.contiguous,
        chain_digest: digest_bytes(link.chain_digest),
        delivered: range_messages(&link.delivered),
        exceptions: link.exceptions.iter().map(exception).collect(),
        read: range_messages(&link.read),
    }
}

/// Reads ranges: ascending, disjoint, none empty.
fn ranges(at: In, field: &'static str, messages: Vec<pb::Range>) -> Result<Vec<Range>, Error> {
    at.count(field, messages.len(), ENTRIES_MAX)?;
    let ranges: Vec<Range> = messages
        .into_iter()
        .map(|pb::Range { first, last }| Range { first, last })
        .collect();
    let ordered = ranges.iter().all(|range| range.first <= range.last)
        && ranges.windows(2).all(|pair| pair[0].last < pair[1].first);
    if ordered {
        Ok(ranges)
    } else {
        Err(at.fault(field, "has ranges that are empty, overlap or are out of order"))
    }
}

fn range_messages(ranges: &[Range]) -> Vec<pb::Range> {
    ranges
        .iter()
        .map(|range| pb::Range {
            first: range.first,
            last: range.last,
        })
        .collect()
}

fn heads(at: In, message: pb::Heads) -> Result<Heads, Error> {
    let pb::Heads {
        sender,
        recipient,
        made_at_ms,
        links,
        receipt_incarnation,
        receipt_number,
        checkpoint,
        directory,
    } = message;
    let receipt = at.bytes_optional("receipt_incarnation", &receipt_incarnation)?;
    Ok(Heads {
        sender: at.agency("sender", &sender)?,
        recipient: at.agency("recipient", &recipient)?,
        made_at: instant(made_at_ms),
        links: link_heads(at, "links", links)?,
        receipt: receipt.map(|incarnation| (incarnation, receipt_number)),
        checkpoint,
        directory: directory_version(at, directory)?,
    })
}

fn heads_message(heads: &Heads) -> pb::Heads {
    pb::Heads {
        sender: heads.sender.to_string(),
        recipient: heads.recipient.to_string(),
        made_at_ms: heads.made_at.as_millis(),
        links: link_head_messages(&heads.links),
        receipt_incarnation: heads
            .receipt
            .map(|(incarnation, _)| incarnation_bytes(incarnation))
            .unwrap_or_default(),
        receipt_number: heads.receipt.map_or(0, |(_, number)| number),
        checkpoint: heads.checkpoint.clone(),
        directory: Some(directory_version_message(heads.directory)),
    }
}

fn link_heads(at: In, field: &'static str, messages: Vec<pb::LinkHead>) -> Result<Vec<LinkHead>, Error> {
    at.count(field, messages.len(), ENTRIES_MAX)?;
    let read = |message: pb::LinkHead| {
        let at = In("LinkHead");
        let pb::LinkHead {
            priority,
            sender_incarnation,
            number,
            header_digest,
            last,
        } = message;
        Ok(LinkHead {
            priority: names::priority(at, "priority", priority)?,
            incarnation: at.bytes("sender_incarnation", &sender_incarnation)?,
            head: Head {
                number,
                digest: at.bytes("header_digest", &header_digest)?,
            },
            activity: if last { Activity::Last } else { Activity::Active },
        })
    };
    messages.into_iter().map(read).collect()
}

fn link_head_messages(links: &[LinkHead]) -> Vec<pb::LinkHead> {
    let write = |link: &LinkHead| pb::LinkHead {
        priority: names::priority_number(link.priority),
        sender_incarnation: incarnation_bytes(link.incarnation),
        number: link.head.number,
        header_digest: digest_bytes(link.head.digest),
        last: link.activity == Activity::Last,
    };
    links.iter().map(write).collect()
}

fn void(at: In, message: pb::Void) -> Result<Void, Error> {
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

fn void_message(void: &Void) -> pb::Void {
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

fn resend(at: In, message: pb::Resend) -> Result<Resend, Error> {
    let pb::Resend {
        recipient,
        sender,
        priority,
        sender_incarnation,
        numbers,
        made_at_ms,
    } = message;
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

fn resend_message(resend: &Resend) -> pb::Resend {
    pb::Resend {
        recipient: resend.recipient.to_string(),
        sender: resend.sender.to_string(),
        priority: names::priority_number(resend.priority),
        sender_incarnation: incarnation_bytes(resend.incarnation),
        numbers: range_messages(&resend.numbers),
        made_at_ms: resend.made_at.as_millis(),
    }
}

fn need_wrap(at: In, message: pb::NeedWrap) -> Result<NeedWrap, Error> {
    let pb::NeedWrap {
        recipient,
        sender,
        header_digests,
        made_at_ms,
    } = message;
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

fn need_wrap_message(need_wrap: &NeedWrap) -> pb::NeedWrap {
    pb::NeedWrap {
        recipient: need_wrap.recipient.to_string(),
        sender: need_wrap.sender.to_string(),
        header_digests: need_wrap.headers.iter().copied().map(digest_bytes).collect(),
        made_at_ms: need_wrap.made_at.as_millis(),
    }
}

fn resume(at: In, message: pb::Resume) -> Result<Resume, Error> {
    let pb::Resume {
        from,
        to,
        incarnation,
        sent,
        received,
        made_at_ms,
    } = message;
    Ok(Resume {
        from: at.agency("from", &from)?,
        to: at.agency("to", &to)?,
        incarnation: at.bytes("incarnation", &incarnation)?,
        sent: link_heads(at, "sent", sent)?,
        received: link_heads(at, "received", received)?,
        made_at: instant(made_at_ms),
    })
}

fn resume_message(resume: &Resume) -> pb::Resume {
    pb::Resume {
        from: resume.from.to_string(),
        to: resume.to.to_string(),
        incarnation: incarnation_bytes(resume.incarnation),
        sent: link_head_messages(&resume.sent),
        received: link_head_messages(&resume.received),
        made_at_ms: resume.made_at.as_millis(),
    }
}

fn proof_request(at: In, message: pb::ProofRequest) -> Result<ProofRequest, Error> {
    let pb::ProofRequest {
        from,
        to,
        origin,
        first_size,
        second_size,
        made_at_ms,
    } = message;
    Ok(ProofRequest {
        from: at.agency("from", &from)?,
        to: at.agency("to", &to)?,
        origin,
        first_size,
        second_size,
        made_at: instant(made_at_ms),
    })
}

fn proof_request_message(request: &ProofRequest) -> pb::ProofRequest {
    pb::ProofRequest {
        from: request.from.to_string(),
        to: request.to.to_string(),
        origin: request.origin.clone(),
        first_size: request.first_size,
        second_size: request.second_size,
        made_at_ms: request.made_at.as_millis(),
    }
}

fn proof(at: In, message: pb::Proof) -> Result<Proof, Error> {
    let pb::Proof {
        from,
        to,
        origin,
        first_size,
        second_size,
        hashes,
        made_at_ms,
    } = message;
    at.count("hashes", hashes.len(), 128)?;
    Ok(Proof {
        from: at.agency("from", &from)?,
        to: at.agency("to", &to)?,
        origin,
        first_size,
        second_size,
        hashes: hashes
            .iter()
            .map(|hash| at.bytes("hashes", hash))
            .collect::<Result<_, _>>()?,
        made_at: instant(made_at_ms),
    })
}

fn proof_message(proof: &Proof) -> pb::Proof {
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

fn approval(at: In, message: pb::Approval) -> Result<Approval, Error> {
    let pb::Approval {
        message_id,
        sender,
        recipients,
        kind,
        tlp,
        handling_codes,
        act_before_ms,
        plaintext_digest,
        approved_at_ms,
    } = message;
    Ok(Approval {
        message: at.bytes("message_id", &message_id)?,
        sender: at.agency("sender", &sender)?,
        recipients: recipients
            .iter()
            .map(|agency| at.agency("recipients", agency))
            .collect::<Result<_, _>>()?,
        kind: names::kind(at, "kind", kind)?,
        handling: names::handling(at, tlp, &handling_codes)?,
        act_before: act_before_ms.map(instant),
        plaintext_digest: at.bytes("plaintext_digest", &plaintext_digest)?,
        approved_at: instant(approved_at_ms),
    })
}

fn approval_message(approval: &Approval) -> pb::Approval {
    let (tlp, handling_codes) = names::handling_numbers(&approval.handling);
    pb::Approval {
        message_id: Bytes::copy_from_slice(approval.message.as_bytes()),
        sender: approval.sender.to_string(),
        recipients: approval.recipients.iter().map(AgencyId::to_string).collect(),
        kind: names::kind_number(approval.kind),
        tlp,
        handling_codes,
        act_before_ms: approval.act_before.map(|moment| moment.as_millis()),
        plaintext_digest: digest_bytes(approval.plaintext_digest),
        approved_at_ms: approval.approved_at.as_millis(),
    }
}
