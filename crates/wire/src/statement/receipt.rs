//! Receipts: what a recipient has settled.

use sealpost_domain::link::{Head, Range};
use sealpost_domain::statement::{Delivered, Exception, LinkReceipt, Receipt};
use sealpost_proto::v1 as pb;

use super::ENTRIES_MAX;
use crate::Error;
use crate::envelope::{directory_version, directory_version_message};
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;

pub(super) fn receipt(at: In, message: pb::Receipt) -> Result<Receipt, Error> {
    let pb::Receipt {
        recipient,
        sender,
        recipient_incarnation,
        number,
        made_at_ms,
        links,
        checkpoint,
        directory,
        cosigned,
        builds_on,
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
        cosigned,
        builds_on,
    })
}

pub(super) fn receipt_message(receipt: &Receipt) -> pb::Receipt {
    pb::Receipt {
        recipient: receipt.recipient.to_string(),
        sender: receipt.sender.to_string(),
        recipient_incarnation: incarnation_bytes(receipt.recipient_incarnation),
        number: receipt.number,
        made_at_ms: receipt.made_at.as_millis(),
        links: receipt.links.iter().map(link_receipt_message).collect(),
        checkpoint: receipt.checkpoint.clone(),
        directory: Some(directory_version_message(receipt.directory)),
        cosigned: receipt.cosigned.clone(),
        builds_on: receipt.builds_on,
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
        agreed_number,
        agreed_digest,
        filled,
    } = message;
    at.count("exceptions", exceptions.len(), ENTRIES_MAX)?;
    let exception = |message: pb::Exception| {
        let at = In("Exception");
        let pb::Exception { number, disposition, rule } = message;
        Ok(Exception { number, disposition: names::disposition(at, "disposition", disposition)?, rule })
    };
    Ok(LinkReceipt {
        priority: names::priority(at, "priority", priority)?,
        sender_incarnation: at.bytes("sender_incarnation", &sender_incarnation)?,
        contiguous,
        chain_digest: at.bytes("chain_digest", &chain_digest)?,
        delivered: stretches(at, &delivered)?,
        exceptions: exceptions.into_iter().map(exception).collect::<Result<_, Error>>()?,
        read: ranges(at, "read", read)?,
        agreed: at
            .bytes_optional("agreed_digest", &agreed_digest)?
            .map(|digest| Head { number: agreed_number, digest }),
        filled: ranges(at, "filled", filled)?,
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
        delivered: link.delivered.iter().map(delivered_message).collect(),
        exceptions: link.exceptions.iter().map(exception).collect(),
        read: range_messages(&link.read),
        agreed_number: link.agreed.map_or(0, |agreed| agreed.number),
        agreed_digest: link.agreed.map(|agreed| digest_bytes(agreed.digest)).unwrap_or_default(),
        filled: range_messages(&link.filled),
    }
}

/// Reads the stretches that were delivered: ranges with the digest of the last header.
fn stretches(at: In, messages: &[pb::Delivered]) -> Result<Vec<Delivered>, Error> {
    let numbers = messages.iter().map(|&pb::Delivered { first, last, .. }| pb::Range { first, last });
    let numbers = ranges(at, "delivered", numbers.collect())?;
    let digests =
        messages.iter().map(|delivered| In("Delivered").bytes_optional("digest", &delivered.digest));
    let both = numbers.into_iter().zip(digests);
    both.map(|(numbers, digest)| Ok(Delivered { numbers, digest: digest? })).collect()
}

fn delivered_message(delivered: &Delivered) -> pb::Delivered {
    let Delivered { numbers: Range { first, last }, digest } = delivered;
    pb::Delivered { first: *first, last: *last, digest: digest.map(digest_bytes).unwrap_or_default() }
}

/// Reads ranges: ascending, disjoint, none empty.
pub(super) fn ranges(at: In, field: &'static str, messages: Vec<pb::Range>) -> Result<Vec<Range>, Error> {
    at.count(field, messages.len(), ENTRIES_MAX)?;
    let ranges: Vec<Range> =
        messages.into_iter().map(|pb::Range { first, last }| Range { first, last }).collect();
    let ordered = ranges.iter().all(|range| 1 <= range.first && range.first <= range.last)
        && ranges.windows(2).all(|pair| pair[0].last < pair[1].first);
    if ordered {
        Ok(ranges)
    } else {
        Err(at.fault(field, "has ranges that begin at 0, are empty, overlap or are out of order"))
    }
}

pub(super) fn range_messages(ranges: &[Range]) -> Vec<pb::Range> {
    ranges.iter().map(|range| pb::Range { first: range.first, last: range.last }).collect()
}
