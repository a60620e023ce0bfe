//! Receipts of peers: what they have settled of ours.
//!
//! A receipt is recorded only when it says something that is not known of a message of ours, so that what a peer can
//! make us keep is bounded by what we sent to it: repeating itself under new numbers, or in ever new lives of its
//! ledger, costs nothing but the latest number.

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::record::Record;
use sealpost_domain::rule::Rule;
use sealpost_domain::statement::{Delivered, Exception, HeldReceipt, LinkReceipt, Receipt, Signed};
use sealpost_domain::view::DeliveryState;

use super::belief::{Believed, believed};
use super::entry::state_of;
use super::link::numbers;
use super::{LinkKey, Outbox};
use crate::core::facts::Fact;
use crate::core::{Alarm, Core, Env, Round};

/// How many receipts of one peer stand in one round: none of them is applied yet, so that each looks new. Those beyond
/// are repeated by their peer, which is not told that we have them.
const OF_PEER_IN_ROUND_MAX: usize = 4;

/// What a receipt of a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    /// It says more than what we hold.
    News,
    /// It is a later one, and says nothing that is not known.
    Repetition,
    /// What we hold, or older.
    Old,
    /// It speaks of a chain that is not ours.
    OtherChain,
    /// It speaks of more than we sent.
    Ahead,
    /// It builds on one that we do not hold.
    Incomplete,
}

impl Core {
    /// Records a receipt of a peer, if it says anything new. The caller has verified its signature, and that it is
    /// for this node.
    pub fn receipted(&mut self, env: &mut Env<'_>, round: &mut Round, statement: &Signed, receipt: &Receipt) {
        let (rule, detail) = match self.outbox.judge(receipt) {
            Judgement::News => {
                if self.outbox.hold_receipt(&receipt.recipient) {
                    round.record(env, Record::ReceiptReceived(statement.clone()), Bytes::new());
                }
                return;
            }
            Judgement::Repetition => {
                self.outbox.note_receipt(env.now, receipt, sha256(&statement.payload));
                return;
            }
            Judgement::Old => {
                self.outbox.heard_again(receipt);
                return;
            }
            Judgement::Incomplete => {
                self.outbox.miss_receipt(&receipt.recipient);
                return;
            }
            Judgement::OtherChain => (
                Rule::ReceiptOtherChain,
                "the receipt names a header that we did not send at its last contiguous number",
            ),
            Judgement::Ahead => {
                (Rule::ReceiptAhead, "the receipt settles numbers that this ledger never gave out")
            }
        };
        let alarm = Alarm {
            rule,
            peer: Some(receipt.recipient.clone()),
            header: Some(sha256(&statement.payload)),
            detail: detail.to_owned(),
            exhibits: vec![statement.payload.clone()],
        };
        self.alarm(env, round, alarm);
    }
}

impl Outbox {
    fn judge(&self, receipt: &Receipt) -> Judgement {
        let held = self.peers.get(&receipt.recipient).and_then(|peer| peer.receipt);
        let held = held.filter(|held| held.incarnation == receipt.recipient_incarnation);
        if held.is_some_and(|held| held.number >= receipt.number) {
            return Judgement::Old;
        }
        // Of no use from somebody to whom nothing was ever sent.
        if !self.links.keys().any(|link| link.recipient == receipt.recipient) {
            return Judgement::Old;
        }
        for link in &receipt.links {
            let own = self.links.get(&key_of(receipt, link));
            let sent = own.map_or(0, |own| own.told_head().number);
            let beyond =
                link.delivered.last().map_or(link.contiguous, |last| last.numbers.last.max(link.contiguous));
            if link.sender_incarnation != self.incarnation {
                continue;
            }
            if beyond > sent {
                return Judgement::Ahead;
            }
            // Below what was receipted before, the digest was compared then.
            let known = own.and_then(|own| own.digest(link.contiguous));
            if known.is_some_and(|digest| digest != link.chain_digest) {
                return Judgement::OtherChain;
            }
        }
        if receipt.builds_on > held.map_or(0, |held| held.number) {
            return Judgement::Incomplete;
        }
        let says_more = receipt
            .links
            .iter()
            .filter_map(|link| Some((self.links.get(&key_of(receipt, link))?, link)))
            .any(|(own, link)| own.learns(&believed(own, link, self.life)));
        if says_more { Judgement::News } else { Judgement::Repetition }
    }

    /// Whether one more receipt of a peer may stand in this round.
    fn hold_receipt(&mut self, peer: &AgencyId) -> bool {
        let count = self.tentative.receipts.entry(peer.clone()).or_default();
        *count += 1;
        *count <= OF_PEER_IN_ROUND_MAX
    }

    /// A receipt leaves out what this ledger never had, or has lost: its peer is told at once what we hold.
    fn miss_receipt(&mut self, recipient: &AgencyId) {
        let peer = self.peers.entry(recipient.clone()).or_default();
        peer.misses_receipt = true;
        peer.answered();
    }

    /// A receipt that we hold is repeated, since what it covers came once more: it need not go again.
    fn heard_again(&mut self, receipt: &Receipt) {
        let held = self.peers.get(&receipt.recipient).and_then(|peer| peer.receipt);
        if held.is_some_and(|held| {
            (held.incarnation, held.number) == (receipt.recipient_incarnation, receipt.number)
        }) {
            self.close_reopened(receipt, |open| open.accepted > 0);
        }
    }

    /// Remembers the latest receipt, so that heads name it: its peer then repeats it no more.
    fn note_receipt(&mut self, at: Instant, receipt: &Receipt, digest: Digest) {
        let peer = self.peers.entry(receipt.recipient.clone()).or_default();
        let (incarnation, number) = (receipt.recipient_incarnation, receipt.number);
        peer.receipt = Some(HeldReceipt { incarnation, number, digest });
        peer.receipt_made_at = Some(receipt.made_at);
        peer.touch(at);
        peer.answered();
        self.close_reopened(receipt, |_| true);
    }

    pub(in crate::core) fn apply_receipt(&mut self, at: Instant, receipt: &Receipt, digest: Digest) {
        self.note_receipt(at, receipt, digest);
        if let Some(peer) = self.peers.get_mut(&receipt.recipient) {
            peer.receipted_at = Some(at);
        }
        for link in &receipt.links {
            self.apply_link_receipt(receipt, link, at);
        }
    }

    fn apply_link_receipt(&mut self, receipt: &Receipt, link: &LinkReceipt, at: Instant) {
        let key = key_of(receipt, link);
        let life = self.life;
        let Some(own) = self.links.get_mut(&key) else { return };
        let Believed { receipt: link, end, unproven } = believed(own, link, life);
        own.tell_up_to(end);
        let of = (&receipt.recipient, link.priority, link.sender_incarnation);
        let mut exceptions = own.except(link.contiguous, unproven);
        exceptions.extend(link.exceptions.iter().cloned());
        own.note_undelivered(&numbers(&exceptions));
        own.note_undelivered(&link.filled);
        for Exception { number, disposition, rule } in &exceptions {
            self.settle(of, *number, state_of(*disposition), Some(rule), at);
        }
        let Some(own) = self.links.get_mut(&key) else { return };
        let last = own.told_head().number;
        let counted = own.receipt_up_to(link.contiguous);
        let own_receipted = own.receipted();
        for number in counted {
            let Some(own) = self.links.get_mut(&key) else { return };
            if own.place(number).is_none_or(|place| place.is_lost()) {
                continue;
            }
            // What the recipient neither excepts nor calls filled it has, also where we filled it since: the hub refused to carry
            // it again after it had come. What we do not know to have filled was filled by what this ledger lost.
            let state = if own.take_undelivered(number) {
                DeliveryState::Withdrawn
            } else {
                DeliveryState::Delivered
            };
            self.settle(of, number, state, None, at);
        }
        for Delivered { numbers, .. } in &link.delivered {
            let news = own_receipted + 1;
            for number in numbers.first.max(news)..=numbers.last.min(last) {
                self.settle(of, number, DeliveryState::Delivered, None, at);
            }
        }
        for range in &link.read {
            let Some(own) = self.links.get_mut(&key) else { return };
            for numbers in own.read_let_go(*range) {
                self.facts.push(Fact::Read { chain: key.chain(), numbers, since: at });
            }
            for number in own.held_unread_in(*range) {
                self.settle(of, number, DeliveryState::Read, None, at);
            }
        }
    }
}

pub(super) fn key_of(receipt: &Receipt, link: &LinkReceipt) -> LinkKey {
    LinkKey {
        recipient: receipt.recipient.clone(),
        priority: link.priority,
        incarnation: link.sender_incarnation,
    }
}
