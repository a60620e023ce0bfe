//! What is believed of a receipt that speaks of an earlier life of this ledger.
//!
//! The ledger may have lost the end of that life, and a peer may have other messages of it under the same numbers. Only
//! what a digest proves to be about the numbers as this ledger knows them says anything of them: a header names the
//! one before it, so that an equal digest at one number proves everything up to there without a gap.

use std::borrow::Cow;

use sealpost_domain::link::{Head, Incarnation, Range};
use sealpost_domain::statement::{Delivered, Exception, LinkReceipt};

use super::link::OutLink;

/// What of a receipt is about the numbers of this ledger.
pub(super) struct Believed<'r> {
    pub(super) receipt: Cow<'r, LinkReceipt>,
    /// The last number of the link that is known to the recipient: also one that was taken back, since it seemed that
    /// nobody had seen it, where its digest shows that the recipient has it.
    pub(super) end: u64,
    /// Exceptions that nothing proves yet. They are told only once: they are kept until a later receipt does.
    pub(super) unproven: Vec<&'r Exception>,
}

/// What is believed of what a peer says of a link, where the ledger lives as `life`.
pub(super) fn believed<'r>(own: &OutLink, link: &'r LinkReceipt, life: Incarnation) -> Believed<'r> {
    let told = own.told_head().number;
    if link.sender_incarnation == life {
        return Believed { receipt: Cow::Borrowed(link), end: told, unproven: Vec::new() };
    }
    let settled = Head { number: link.contiguous, digest: link.chain_digest };
    let scattered = link
        .delivered
        .iter()
        .filter_map(|Delivered { numbers, digest }| Some(Head { number: numbers.last, digest: (*digest)? }));
    let shown = [Some(settled), link.agreed].into_iter().flatten().chain(scattered);
    let seen = shown.filter(|head| own.digest(head.number) == Some(head.digest)).map(|head| head.number);
    let end = seen.fold(told, u64::max);
    // Of what was receipted long ago no digest is kept: it was compared then.
    let is_ours = |head: &Head| {
        let known = own.digest(head.number);
        head.number <= end && known.map_or(head.number <= own.receipted(), |digest| digest == head.digest)
    };
    let proven = [Some(settled), link.agreed].into_iter().flatten().find(is_ours).unwrap_or(Head::EMPTY);
    let is_proven = |Delivered { numbers, digest }: &&Delivered| {
        digest.is_some_and(|digest| is_ours(&Head { number: numbers.last, digest }))
    };
    let clipped = |range: &Range| {
        (range.first <= proven.number)
            .then(|| Range { first: range.first, last: range.last.min(proven.number) })
    };
    let (exceptions, unproven): (Vec<&Exception>, Vec<&Exception>) = link
        .exceptions
        .iter()
        .filter(|exception| exception.number <= end)
        .partition(|exception| exception.number <= proven.number);
    let receipt = LinkReceipt {
        contiguous: proven.number,
        chain_digest: proven.digest,
        delivered: link.delivered.iter().filter(is_proven).copied().collect(),
        exceptions: exceptions.into_iter().cloned().collect(),
        read: link.read.iter().filter_map(clipped).collect(),
        ..link.clone()
    };
    Believed { receipt: Cow::Owned(receipt), end, unproven }
}
