//! `envelope.proto`: the payloads of signed statements. Each is parsed only after its signatures were verified.

mod heads;
mod receipt;
mod repair;
mod resume;

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::statement::{
    Accepted, Approval, Heads, HubRefusal, NeedWrap, Proof, ProofRequest, Receipt, Resend, Resume, Void,
};
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;
use heads::{heads, heads_message};
use receipt::{receipt, receipt_message};
use repair::{
    need_wrap, need_wrap_message, proof, proof_message, proof_request, proof_request_message, resend,
    resend_message, void, void_message,
};
pub use resume::RETURNED_MAX;
use resume::{resume, resume_message};

/// The largest payload of a statement of one signer, in bytes: it becomes a leaf of a ledger, with its signatures.
pub const STATEMENT_BYTES_MAX: usize = 48 * 1024;
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
    let pb::Accepted { hub_incarnation, index, accepted_at_ms, sender, batch_digest, count, refusals } =
        message;
    at.count("refusals", refusals.len(), ENTRIES_MAX)?;
    let refusal = |message: pb::HubRefusal| {
        let at = In("HubRefusal");
        let pb::HubRefusal { position, recipient, rule } = message;
        Ok(HubRefusal { position, recipient: at.parse_optional("recipient", &recipient)?, rule })
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
        recipient: refusal.recipient.as_ref().map(ToString::to_string).unwrap_or_default(),
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
        in_reply_to,
        category,
        mode,
        operation_id,
        priority,
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
        in_reply_to: at.bytes_optional("in_reply_to", &in_reply_to)?,
        category: names::category(at, "category", category)?,
        mode: names::mode(at, "mode", mode)?,
        operation: at.parse_optional("operation_id", &operation_id)?,
        priority: names::priority(at, "priority", priority)?,
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
        act_before_ms: approval.act_before.map(Instant::as_millis),
        plaintext_digest: digest_bytes(approval.plaintext_digest),
        approved_at_ms: approval.approved_at.as_millis(),
        in_reply_to: approval.in_reply_to.map(|id| Bytes::copy_from_slice(id.as_bytes())).unwrap_or_default(),
        category: names::category_number(approval.category),
        mode: names::mode_number(approval.mode),
        operation_id: approval.operation.as_ref().map(ToString::to_string).unwrap_or_default(),
        priority: names::priority_number(approval.priority),
    }
}
