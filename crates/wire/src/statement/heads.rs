//! Heads: where links stand.

use sealpost_domain::link::Head;
use sealpost_domain::statement::{Activity, Heads, HeldReceipt, LinkHead};
use sealpost_proto::v1 as pb;

use super::ENTRIES_MAX;
use crate::Error;
use crate::envelope::{directory_version, directory_version_message};
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;

pub(super) fn heads(at: In, message: pb::Heads) -> Result<Heads, Error> {
    let pb::Heads {
        sender,
        recipient,
        made_at_ms,
        links,
        receipt_incarnation,
        receipt_number,
        checkpoint,
        directory,
        cosigned,
        receipt_digest,
    } = message;
    let incarnation = at.bytes_optional("receipt_incarnation", &receipt_incarnation)?;
    let digest = at.bytes_optional("receipt_digest", &receipt_digest)?;
    let held = |(incarnation, digest)| HeldReceipt { incarnation, number: receipt_number, digest };
    Ok(Heads {
        sender: at.agency("sender", &sender)?,
        recipient: at.agency("recipient", &recipient)?,
        made_at: instant(made_at_ms),
        links: link_heads(at, "links", links)?,
        receipt: incarnation.zip(digest).map(held),
        checkpoint,
        directory: directory_version(at, directory)?,
        cosigned,
    })
}

pub(super) fn heads_message(heads: &Heads) -> pb::Heads {
    pb::Heads {
        sender: heads.sender.to_string(),
        recipient: heads.recipient.to_string(),
        made_at_ms: heads.made_at.as_millis(),
        links: link_head_messages(&heads.links),
        receipt_incarnation: heads
            .receipt
            .map(|held| incarnation_bytes(held.incarnation))
            .unwrap_or_default(),
        receipt_number: heads.receipt.map_or(0, |held| held.number),
        checkpoint: heads.checkpoint.clone(),
        directory: Some(directory_version_message(heads.directory)),
        cosigned: heads.cosigned.clone(),
        receipt_digest: heads.receipt.map(|held| digest_bytes(held.digest)).unwrap_or_default(),
    }
}

pub(super) fn link_heads(
    at: In,
    field: &'static str,
    messages: Vec<pb::LinkHead>,
) -> Result<Vec<LinkHead>, Error> {
    at.count(field, messages.len(), ENTRIES_MAX)?;
    let read = |message: pb::LinkHead| {
        let at = In("LinkHead");
        let pb::LinkHead { priority, sender_incarnation, number, header_digest, last } = message;
        Ok(LinkHead {
            priority: names::priority(at, "priority", priority)?,
            incarnation: at.bytes("sender_incarnation", &sender_incarnation)?,
            head: Head { number, digest: at.bytes("header_digest", &header_digest)? },
            activity: if last { Activity::Last } else { Activity::Active },
        })
    };
    messages.into_iter().map(read).collect()
}

pub(super) fn link_head_messages(links: &[LinkHead]) -> Vec<pb::LinkHead> {
    let write = |link: &LinkHead| pb::LinkHead {
        priority: names::priority_number(link.priority),
        sender_incarnation: incarnation_bytes(link.incarnation),
        number: link.head.number,
        header_digest: digest_bytes(link.head.digest),
        last: link.activity == Activity::Last,
    };
    links.iter().map(write).collect()
}
