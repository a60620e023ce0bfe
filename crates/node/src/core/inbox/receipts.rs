//! Our receipts: one per sender over all its links, made when the inbox is drained, repeated until its sender names
//! its number.
//!
//! What was not delivered is told until its sender names a receipt that told it, and left out from then on: a receipt has
//! not room for all of it for ever. But the sender may lose what it knew, and a count over what is left out would make it
//! look delivered. So each receipt names the one that it builds on; a sender that does not hold that takes nothing from it,
//! and says what it holds; from there on all is told again. So nothing that was not delivered is let go here.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::DirectoryVersion;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::{Head, Incarnation, Range, ranges};
use sealpost_domain::message::Priority;
use sealpost_domain::record::Record;
use sealpost_domain::statement::{
    ControlType, Delivered, Exception, Heads, HeldReceipt, LinkReceipt, Receipt, Signed,
};

use super::{InLink, Inbox, LinkKey};
use crate::core::{Core, Env, Error, Past, Round, sign};

/// What one receipt holds at most, so that its record stays below the largest leaf.
const EXCEPTIONS_MAX: usize = 256;
const DELIVERED_MAX: usize = 256;
const READ_MAX: usize = 512;
const FILLED_MAX: usize = 128;

/// By how much a sender may say that our receipts are ahead of what we know of them.
const AHEAD_MAX: u64 = 1 << 32;
/// Of how many receipts to one sender it is known which they were. One that holds none of those is told all again.
const SENT_MAX: usize = 64;

/// What is settled and not receipted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    /// Of all senders.
    pub(crate) all: u64,
    /// Of the sender of whom it is most.
    pub(crate) of_one: u64,
    /// A receipt that was made before has to go again.
    pub(crate) repeats: bool,
}

impl Owed {
    /// Whether anything has to be said.
    pub(crate) fn is_any(self) -> bool {
        self.all > 0 || self.repeats
    }

    /// Something is owed, and to nobody more than for one message.
    pub(crate) fn is_single(self) -> bool {
        self.of_one == 1 && !self.repeats
    }
}

/// What is told to one sender.
#[derive(Default)]
pub(super) struct Peer {
    /// Messages that came from it.
    pub(super) received: u64,
    /// The number of our last receipt in this life of the ledger.
    number: u64,
    latest: Option<Signed>,
    /// The last receipts in this life of the ledger, by the digests of their payloads.
    sent: BTreeMap<u64, Digest>,
    /// Numbers were passed over since the node began.
    went_on_behind: bool,
    /// Settled since that receipt.
    unreceipted: u64,
    /// It has to be sent again: the sender seems not to have it.
    repeat: bool,
    /// On which receipt that one builds.
    builds_on: u64,
    /// The number of the receipt that the sender says it holds.
    confirmed: u64,
    /// Since which receipt an exception, or a number that was filled, is in each one until the sender names one of them.
    told: BTreeMap<(Priority, Incarnation, u64), u64>,
}

impl Peer {
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.told.len()
    }

    /// The sender holds a receipt of this life of the ledger that is not in it: the ledger was set back. The next one has a
    /// number that was never used, so that it is news, and leaves out nothing. Once at most: a node is set back while it
    /// is down, and whoever names what was never made is not to make us speak.
    fn go_on_behind(&mut self, number: u64) {
        let is_possible = number >= self.number && number - self.number <= AHEAD_MAX;
        if is_possible && !std::mem::replace(&mut self.went_on_behind, true) {
            self.number = number;
            self.settle();
        }
    }

    /// There is something to tell.
    pub(super) fn settle(&mut self) {
        self.unreceipted += 1;
    }
}

impl Core {
    /// Records a receipt for every sender of whom something was settled since its last one, and repeats those that
    /// seem lost. Computed from what is durable: called first in a round.
    pub fn receipts(&mut self, env: &mut Env<'_>, round: &mut Round) -> Result<(), Error> {
        let Some(directory) = self.directory().map(|directory| directory.version) else { return Ok(()) };
        for sender in self.inbox.unreceipted() {
            let made_at = self.date(env.now);
            let checkpoint = env.checkpoint.clone();
            let mut receipt = self.inbox.receipt(env.past, &sender, directory, checkpoint, made_at)?;
            receipt.cosigned = self.witness.untold_of(&sender);
            let signed = sign(env, &receipt)?;
            round.record(env, Record::ReceiptSent(signed.clone()), Bytes::new());
            round.send(sender, ControlType::Receipt, signed);
        }
        for (sender, latest) in self.inbox.take_repeats() {
            let latest = self.told_again::<Receipt>(env, latest)?;
            round.send(sender, ControlType::Receipt, latest);
        }
        Ok(())
    }
}

impl Inbox {
    /// What was settled and is not receipted, and whether a receipt has to be repeated.
    pub(crate) fn owed(&self) -> Owed {
        let unreceipted = || self.peers.values().map(|peer| peer.unreceipted);
        Owed {
            all: unreceipted().sum(),
            of_one: unreceipted().max().unwrap_or(0),
            repeats: self.peers.values().any(|peer| peer.repeat),
        }
    }

    /// A connection begins: every latest receipt that its sender has not named is sent again.
    pub fn repeat_unconfirmed(&mut self) {
        for peer in self.peers.values_mut() {
            peer.repeat = peer.latest.is_some() && peer.confirmed < peer.number;
        }
    }

    pub(super) fn repeat_receipt(&mut self, sender: &AgencyId) {
        if let Some(peer) = self.peers.get_mut(sender) {
            peer.repeat = peer.latest.is_some();
        }
    }

    /// Which of our receipts a sender says it holds.
    pub(super) fn confirm_receipt(&mut self, heads: &Heads) {
        let incarnation = self.incarnation;
        let Some(peer) = self.peers.get_mut(&heads.sender) else { return };
        let held = heads.receipt.filter(|held| held.incarnation == incarnation);
        let is_ours = |held: &HeldReceipt| peer.sent.get(&held.number) == Some(&held.digest);
        let named = held.filter(is_ours).map_or(0, |held| held.number);
        if let Some(held) = held
            && named == 0
        {
            peer.go_on_behind(held.number);
        }
        // It may be an older one than before: that of an older copy of its ledger.
        peer.confirmed = named;
        if named < peer.builds_on {
            // What we told last is of no use to it.
            peer.settle();
        } else {
            peer.repeat |= named < peer.number && peer.latest.is_some();
        }
    }

    fn unreceipted(&self) -> Vec<AgencyId> {
        let unreceipted = self.peers.iter().filter(|(_, peer)| peer.unreceipted > 0);
        unreceipted.map(|(agency, _)| agency.clone()).collect()
    }

    fn take_repeats(&mut self) -> Vec<(AgencyId, Signed)> {
        let mut repeats = Vec::new();
        for (agency, peer) in &mut self.peers {
            // A newer one is on its way in this very round.
            if std::mem::take(&mut peer.repeat) && peer.unreceipted == 0 {
                repeats.extend(peer.latest.clone().map(|latest| (agency.clone(), latest)));
            }
        }
        repeats
    }

    fn receipt(
        &self,
        past: &dyn Past,
        sender: &AgencyId,
        directory: DirectoryVersion,
        checkpoint: Bytes,
        made_at: Instant,
    ) -> Result<Receipt, Error> {
        let peer = self.peers.get(sender);
        let mut room = Room { exceptions: EXCEPTIONS_MAX, delivered: DELIVERED_MAX, filled: FILLED_MAX };
        let links = || self.links.iter().filter(|(key, _)| key.sender == *sender);
        let number = peer.map_or(0, |peer| peer.number).saturating_add(1);
        let read = links().map(|(_, link)| Reads { ranges: link.received.read(), untold: &link.read_untold });
        let read = told_of_read(read.collect(), number);
        Ok(Receipt {
            recipient: self.me.clone(),
            sender: sender.clone(),
            recipient_incarnation: self.incarnation,
            number,
            made_at,
            links: links()
                .zip(read)
                .map(|((key, link), read)| {
                    let known = (peer, self.agreed.get(key).copied());
                    let receipt = link_receipt(past, key, link, known, &mut room)?;
                    Ok::<_, Error>(LinkReceipt { read, ..receipt })
                })
                .collect::<Result<_, _>>()?,
            checkpoint,
            directory,
            cosigned: Bytes::new(),
            builds_on: peer.map_or(0, |peer| peer.confirmed),
        })
    }

    pub(in crate::core) fn apply_receipt(&mut self, receipt: &Receipt, statement: &Signed) {
        if receipt.recipient_incarnation != self.incarnation {
            return;
        }
        let peer = self.peers.entry(receipt.sender.clone()).or_default();
        peer.number = receipt.number;
        peer.latest = Some(statement.clone());
        peer.sent.insert(receipt.number, sha256(&statement.payload));
        if peer.sent.len() > SENT_MAX {
            peer.sent.pop_first();
        }
        let mut reads_left = false;
        for link in &receipt.links {
            let (sender, priority, incarnation) =
                (receipt.sender.clone(), link.priority, link.sender_incarnation);
            let key = LinkKey { sender, priority, incarnation };
            if let Some(own) = self.links.get_mut(&key) {
                own.read_untold.retain(|number| !is_in(&link.read, *number));
                reads_left |= !own.read_untold.is_empty();
            }
        }
        // What was read and found no room goes in the next one.
        peer.unreceipted = u64::from(reads_left);
        peer.builds_on = receipt.builds_on;
        // After a restart this is all that is known of it.
        peer.confirmed = receipt.builds_on;
        let told: BTreeSet<_> = receipt.links.iter().flat_map(not_delivered_in).collect();
        // For what there was no room this time, an earlier receipt may have been lost: it counts as told from the next one on.
        peer.told.retain(|place, since| *since <= receipt.builds_on || told.contains(place));
        for place in told {
            peer.told.entry(place).or_insert(receipt.number);
        }
    }
}

/// The numbers that a receipt says were not delivered.
fn not_delivered_in(link: &LinkReceipt) -> impl Iterator<Item = (Priority, Incarnation, u64)> {
    let excepted = link.exceptions.iter().map(|exception| exception.number);
    let filled = link.filled.iter().flat_map(|range| range.first..=range.last);
    excepted.chain(filled).map(|number| (link.priority, link.sender_incarnation, number))
}

/// What still fits into a receipt.
struct Room {
    exceptions: usize,
    delivered: usize,
    filled: usize,
}

fn link_receipt(
    past: &dyn Past,
    key: &LinkKey,
    own: &InLink,
    (peer, agreed): (Option<&Peer>, Option<Head>),
    room: &mut Room,
) -> Result<LinkReceipt, Error> {
    let link = &own.received;
    let confirmed = |number: u64| {
        peer.and_then(|peer| Some((peer.confirmed, peer.told.get(&(key.priority, key.incarnation, number))?)))
            .is_some_and(|(confirmed, told)| *told <= confirmed)
    };
    let mut exceptions = link
        .exceptions()
        .filter(|(number, ..)| !confirmed(*number))
        .map(|(number, disposition, rule)| Exception { number, disposition, rule: rule.to_owned() });
    let told: Vec<Exception> = exceptions.by_ref().take(room.exceptions).collect();
    room.exceptions -= told.len();
    let filled = ranges(link.voids().filter(|number| !confirmed(*number)));
    // A count over an exception that is not told would make it look delivered, and so would one over a number that was filled.
    let unfilled = filled.get(room.filled).map(|range| range.first);
    let untold = exceptions.next().map(|exception| exception.number).into_iter().chain(unfilled).min();
    let contiguous = untold.map_or(link.contiguous(), |number| link.contiguous().min(number - 1));
    let settled = own.settled_by(past, key, contiguous)?;
    let chain_digest = settled.map_or(Digest::ZERO, |by| by.digest);
    let delivered =
        link.delivered_beyond().map(|(numbers, digest)| Delivered { numbers, digest: Some(digest) });
    Ok(LinkReceipt {
        priority: key.priority,
        sender_incarnation: key.incarnation,
        contiguous,
        chain_digest,
        delivered: take(delivered.collect(), &mut room.delivered),
        exceptions: told,
        read: Vec::new(),
        agreed,
        filled: take(filled, &mut room.filled),
    })
}

/// What was read on one link.
struct Reads<'l> {
    ranges: Vec<Range>,
    /// The numbers that are in no receipt yet.
    untold: &'l BTreeSet<u64>,
}

impl Reads<'_> {
    fn is_untold(&self, range: Range) -> bool {
        self.untold.range(range.first..=range.last).next().is_some()
    }
}

/// What a receipt of this number tells of what was read on each link: all of it where there is room. Otherwise what no receipt
/// told yet, and of the rest other ranges in each receipt, since those that told it may have been lost.
fn told_of_read(links: Vec<Reads<'_>>, number: u64) -> Vec<Vec<Range>> {
    let all: usize = links.iter().map(|link| link.ranges.len()).sum();
    if all <= READ_MAX {
        return links.into_iter().map(|link| link.ranges).collect();
    }
    let portion = READ_MAX / 2;
    let turn = number % (all.div_ceil(portion) as u64);
    let (mut place, mut room) = (0, portion);
    let mut told_on = |link: &Reads<'_>| {
        let mut told = Vec::new();
        for range in &link.ranges {
            let is_its_turn = (place / portion) as u64 == turn;
            let is_news = !is_its_turn && room > 0 && link.is_untold(*range);
            room -= usize::from(is_news);
            place += 1;
            if is_its_turn || is_news {
                told.push(*range);
            }
        }
        told
    };
    links.iter().map(&mut told_on).collect()
}

/// Whether a number is in one of some ascending ranges.
fn is_in(ascending: &[Range], number: u64) -> bool {
    let place = ascending.partition_point(|range| range.last < number);
    ascending.get(place).is_some_and(|range| range.contains(number))
}

/// The first ranges for which there is room.
fn take<T>(mut ranges: Vec<T>, room: &mut usize) -> Vec<T> {
    ranges.truncate(*room);
    *room -= ranges.len();
    ranges
}

#[cfg(test)]
mod tests;
