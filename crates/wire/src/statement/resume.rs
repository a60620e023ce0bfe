//! Resumptions: what two nodes know of their links, said when they meet again.

use bytes::Bytes;
use sealpost_domain::statement::{Greeting, Resume, ReturnedHeader};
use sealpost_proto::v1 as pb;

use super::heads::{link_head_messages, link_heads};
use crate::Error;
use crate::envelope::{signature_messages, signatures};
use crate::field::{In, incarnation_bytes, instant};
use crate::ledger::{commitment, commitment_message};

/// The most headers that are shown to their signer at a time.
pub const RETURNED_MAX: usize = 3;

pub(super) fn resume(at: In, message: pb::Resume) -> Result<Resume, Error> {
    let pb::Resume { from, to, incarnation, sent, received, made_at_ms, greeting, answers, returned } =
        message;
    at.count("returned", returned.len(), RETURNED_MAX)?;
    Ok(Resume {
        from: at.agency("from", &from)?,
        to: at.agency("to", &to)?,
        incarnation: at.bytes("incarnation", &incarnation)?,
        sent: link_heads(at, "sent", sent)?,
        received: link_heads(at, "received", received)?,
        made_at: instant(made_at_ms),
        greeting: nonce(at, "greeting", &greeting)?,
        answers: nonce(at, "answers", &answers)?,
        returned: returned.into_iter().map(returned_header).collect::<Result<_, _>>()?,
    })
}

pub(super) fn resume_message(resume: &Resume) -> pb::Resume {
    let nonce = |greeting: Option<Greeting>| {
        greeting.map(|greeting| Bytes::copy_from_slice(&greeting.0)).unwrap_or_default()
    };
    pb::Resume {
        from: resume.from.to_string(),
        to: resume.to.to_string(),
        incarnation: incarnation_bytes(resume.incarnation),
        sent: link_head_messages(&resume.sent),
        received: link_head_messages(&resume.received),
        made_at_ms: resume.made_at.as_millis(),
        greeting: nonce(resume.greeting),
        answers: nonce(resume.answers),
        returned: resume.returned.iter().map(returned_message).collect(),
    }
}

fn nonce(at: In, field: &'static str, bytes: &[u8]) -> Result<Option<Greeting>, Error> {
    if bytes.is_empty() { Ok(None) } else { Ok(Some(Greeting(at.array(field, bytes)?))) }
}

fn returned_header(message: pb::ReturnedHeader) -> Result<ReturnedHeader, Error> {
    let at = In("ReturnedHeader");
    let pb::ReturnedHeader { header, signatures: signed, commitment: opened } = message;
    Ok(ReturnedHeader {
        header,
        signatures: signatures(at, signed)?,
        commitment: commitment(at.required("commitment", opened)?)?,
    })
}

fn returned_message(returned: &ReturnedHeader) -> pb::ReturnedHeader {
    pb::ReturnedHeader {
        header: returned.header.clone(),
        signatures: signature_messages(&returned.signatures),
        commitment: Some(commitment_message(&returned.commitment)),
    }
}
