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

use std::collections::BTreeMap;

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

use super::past::Place;

/// A link towards this node, in one life of its sender's ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct LinkKey {
    sender: AgencyId,
    priority: Priority,
    incarnation: Incarnation,
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
}

/// A link, and where what settled its numbers lies in the ledger.
#[derive(Default)]
struct InLink {
    received: Received,
    records: BTreeMap<u64, u64>,
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
        }
    }

    /// Drops what was decided since the last durable round.
    pub(super) fn forget(&mut self) {
        self.tentative.clear();
        self.bodies.forget();
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
    fn judge(&self, key: &LinkKey, number: u64, digest: Digest, previous: Digest) -> Arrival {
        let pending = self.tentative.get(key);
        let at = |number: u64| pending.and_then(|pending| pending.get(&number));
        if let Some(Tentative { digest: first, .. }) = at(number) {
            return if *first == digest {
                Arrival::Duplicate
            } else {
                Arrival::Equivocation { first: *first }
            };
        }
        let durable = match self.links.get(key) {
            Some(link) => link.received.judge(number, digest, previous),
            None => Received::default().judge(number, digest, previous),
        };
        if !matches!(durable, Arrival::Next | Arrival::AfterGap) {
            return durable;
        }
        if let Some(before) = number.checked_sub(1).and_then(at)
            && before.digest != previous
        {
            return Arrival::BrokenChain { settled: before.digest };
        }
        match number.checked_add(1).and_then(at) {
            Some(next) if next.previous != digest => Arrival::BrokenChain { settled: next.previous },
            _ => durable,
        }
    }

    fn hold(&mut self, key: LinkKey, number: u64, tentative: Tentative) {
        self.tentative.entry(key).or_default().insert(number, tentative);
    }

    /// Where the record is that settled a number.
    fn settled_at(&self, key: &LinkKey, number: u64) -> Option<Place> {
        if let Some(pending) = self.tentative.get(key).and_then(|pending| pending.get(&number)) {
            return Some(Place::Round(pending.place));
        }
        self.links.get(key)?.records.get(&number).copied().map(Place::Ledger)
    }

    fn settle(
        &mut self,
        key: LinkKey,
        number: u64,
        (digest, previous): (Digest, Digest),
        settled: Settled,
        index: u64,
    ) {
        let link = self.links.entry(key).or_default();
        link.received.settle(number, digest, previous, settled);
        link.records.insert(number, index);
    }
}
