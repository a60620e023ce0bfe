//! What the node receives: how an envelope at its position is judged, what is receipted, and where each of the hub's
//! streams goes on.
//!
//! The chain never delays a delivery: what is verified is recorded at once, with or without a gap before it. Whether
//! an envelope is new is decided by its position and digest alone, for as long as the ledger lives; never by a time
//! window and never by the hub. An acknowledgement to the hub and a receipt to the sender follow only after the record
//! is durable.

mod arrivals;
mod bodies;
mod gaps;
mod heads;
mod receipts;
mod resume;
mod voids;

use std::collections::{BTreeMap, BTreeSet};

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::link::{Arrival, Head, Incarnation, Position, Received, Settled};
use sealpost_domain::message::Priority;
use sealpost_domain::record::Cursor;

pub use arrivals::{Arrived, Judged};
use bodies::Bodies;
use gaps::Wanted;
use heads::Listening;
pub(crate) use receipts::Owed;
use receipts::Peer;
pub use voids::ReadMessage;

use super::facts::{Chain, Fact, SettledBy};
use super::past::Place;
use super::{Error, Past};

/// A link towards this node, in one life of its sender's ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LinkKey {
    sender: AgencyId,
    priority: Priority,
    incarnation: Incarnation,
}

impl LinkKey {
    fn chain(&self) -> Chain {
        Chain { peer: self.sender.clone(), priority: self.priority, incarnation: self.incarnation }
    }
}

/// In how many lanes and lives of its ledger a sender is heard: a receipt speaks of all of them.
const LINKS_MAX: usize = 96;

/// Everything about what the node receives.
pub struct Inbox {
    me: AgencyId,
    incarnation: Incarnation,
    links: BTreeMap<LinkKey, InLink>,
    peers: BTreeMap<AgencyId, Peer>,
    cursors: BTreeMap<Priority, Cursor>,
    /// What is known to exist and has not come.
    wanted: Wanted,
    /// What was lost of what came.
    bodies: Bodies,
    /// Of whom heads were heard in this connection.
    listening: BTreeMap<AgencyId, Listening>,
    /// Where senders said that links of earlier lives of theirs ended, if all of that is settled here.
    agreed: BTreeMap<LinkKey, Head>,
    /// Decided in this round, not durable yet, by number.
    tentative: BTreeMap<LinkKey, BTreeMap<u64, Tentative>>,
    /// Not handed on yet.
    facts: Vec<Fact>,
}

/// A link, and where what settled its numbers lies in the ledger; but for those before the last contiguous one, which the
/// index has.
#[derive(Default)]
struct InLink {
    received: Received,
    records: BTreeMap<u64, u64>,
    /// The numbers that were read and are in no receipt yet.
    read_untold: BTreeSet<u64>,
}

impl InLink {
    /// What settled a number; `None` where nothing did.
    fn settled_by(&self, past: &dyn Past, key: &LinkKey, number: u64) -> Result<Option<SettledBy>, Error> {
        if !self.received.is_settled(number) {
            return Ok(None);
        }
        match (self.received.digest_at(number), self.records.get(&number)) {
            (Some(digest), Some(record)) => Ok(Some(SettledBy { digest, record: *record })),
            _ => Ok(Some(past.settled(&key.chain(), number)?)),
        }
    }

    fn let_go(&mut self) {
        self.received.let_go();
        let contiguous = self.received.contiguous();
        if self.records.first_key_value().is_some_and(|(first, _)| *first < contiguous) {
            self.records = self.records.split_off(&contiguous);
        }
    }
}

/// How a number is settled once the round is durable.
struct Tentative {
    digest: Digest,
    previous: Digest,
    /// The record's place within the round.
    place: usize,
}

impl Inbox {
    pub(super) fn new(me: AgencyId, incarnation: Incarnation) -> Self {
        Self {
            me,
            incarnation,
            links: BTreeMap::new(),
            peers: BTreeMap::new(),
            cursors: BTreeMap::new(),
            wanted: Wanted::default(),
            bodies: Bodies::default(),
            listening: BTreeMap::new(),
            agreed: BTreeMap::new(),
            tentative: BTreeMap::new(),
            facts: Vec::new(),
        }
    }

    /// Drops what was decided since the last durable round.
    pub(super) fn forget(&mut self) {
        self.tentative.clear();
        self.bodies.forget();
    }

    pub(super) fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// The index has what was settled.
    pub(super) fn let_go(&mut self) {
        self.links.values_mut().for_each(InLink::let_go);
    }

    /// Of how many numbers something is held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let links = self.links.values().map(|link| link.records.len() + link.received.held());
        links.chain(self.peers.values().map(Peer::held)).sum()
    }

    /// Where the hub's stream of a priority goes on.
    pub fn cursor(&self, priority: Priority) -> Option<Cursor> {
        self.cursors.get(&priority).copied()
    }

    /// Whether a message was read.
    pub fn is_read(&self, sender: &AgencyId, priority: Priority, position: Position) -> bool {
        self.link(sender, priority, position).is_some_and(|link| link.is_read(position.number))
    }

    /// Whether a number before this one on its link has not arrived yet.
    pub fn has_gap_before(&self, sender: &AgencyId, priority: Priority, position: Position) -> bool {
        self.link(sender, priority, position).is_some_and(|link| link.has_gap_before(position.number))
    }

    /// How many messages each agency has sent to us.
    pub fn traffic(&self) -> BTreeMap<AgencyId, u64> {
        self.peers.iter().map(|(agency, peer)| (agency.clone(), peer.received)).collect()
    }

    fn link(&self, sender: &AgencyId, priority: Priority, position: Position) -> Option<&Received> {
        let key = LinkKey { sender: sender.clone(), priority, incarnation: position.incarnation };
        self.links.get(&key).map(|link| &link.received)
    }

    /// Whether a link is known, or its sender may begin another one.
    fn admits(&self, key: &LinkKey) -> bool {
        let of_sender = |other: &&LinkKey| other.sender == key.sender;
        let new = self.tentative.keys().filter(|other| !self.links.contains_key(*other));
        let begun = self.links.keys().chain(new).filter(of_sender).count();
        self.links.contains_key(key) || begun + self.expected_beside(key) < LINKS_MAX
    }

    /// Judges a position, with what was decided in this round.
    fn judge(
        &self,
        past: &dyn Past,
        key: &LinkKey,
        number: u64,
        (digest, previous): (Digest, Digest),
    ) -> Result<Arrival, Error> {
        let pending = self.tentative.get(key);
        let at = |number: u64| pending.and_then(|pending| pending.get(&number));
        if let Some(Tentative { digest: first, .. }) = at(number) {
            return Ok(Arrival::of_settled(*first, digest));
        }
        let durable = match self.links.get(key) {
            Some(link) => link.received.judge(number, digest, previous),
            None => Received::default().judge(number, digest, previous),
        };
        let Some(durable) = durable else {
            return Ok(Arrival::of_settled(past.settled(&key.chain(), number)?.digest, digest));
        };
        if !matches!(durable, Arrival::Next | Arrival::AfterGap) {
            return Ok(durable);
        }
        if let Some(before) = number.checked_sub(1).and_then(at)
            && before.digest != previous
        {
            return Ok(Arrival::BrokenChain { settled: before.digest });
        }
        Ok(match number.checked_add(1).and_then(at) {
            Some(next) if next.previous != digest => Arrival::BrokenChain { settled: next.previous },
            _ => durable,
        })
    }

    fn hold(&mut self, key: LinkKey, number: u64, tentative: Tentative) {
        self.tentative.entry(key).or_default().insert(number, tentative);
    }

    /// What settled a number; `None` where nothing did, or it is not durable yet.
    fn settled_by(&self, past: &dyn Past, key: &LinkKey, number: u64) -> Result<Option<SettledBy>, Error> {
        self.links.get(key).map_or(Ok(None), |link| link.settled_by(past, key, number))
    }

    /// Where the record is that settled a number.
    fn settled_at(&self, past: &dyn Past, key: &LinkKey, number: u64) -> Result<Option<Place>, Error> {
        if let Some(pending) = self.tentative.get(key).and_then(|pending| pending.get(&number)) {
            return Ok(Some(Place::Round(pending.place)));
        }
        Ok(self.settled_by(past, key, number)?.map(|by| Place::Ledger(by.record)))
    }

    fn settle(
        &mut self,
        key: LinkKey,
        number: u64,
        (digest, previous): (Digest, Digest),
        settled: Settled,
        index: u64,
    ) {
        let by = SettledBy { digest, record: index };
        self.facts.push(Fact::Settled { chain: key.chain(), number, by });
        let link = self.links.entry(key).or_default();
        link.received.settle(number, digest, previous, settled);
        link.records.insert(number, index);
    }
}
