//! What the node receives: how an envelope at its position is judged, what is receipted, and where each of the hub's
//! streams goes on.
//!
//! The chain never delays a delivery: what is verified is recorded at once, with or without a gap before it. Whether
//! an envelope is new is decided by its position and digest alone, for as long as the ledger lives; never by a time
//! window and never by the hub. An acknowledgement to the hub and a receipt to the sender follow only after the record
//! is durable.

mod arrivals;
mod receipts;
mod voids;

use std::collections::BTreeMap;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::link::{Arrival, Incarnation, Position, Received};
use sealpost_domain::message::Priority;
use sealpost_domain::record::Cursor;

pub use arrivals::{Arrived, Judged};
use receipts::Peer;
pub use voids::ReadMessage;

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
    links: BTreeMap<LinkKey, Received>,
    peers: BTreeMap<AgencyId, Peer>,
    cursors: BTreeMap<Priority, Cursor>,
    /// Decided in this round, not durable yet: header and predecessor, by number.
    tentative: BTreeMap<LinkKey, BTreeMap<u64, (Digest, Digest)>>,
}

impl Inbox {
    pub(super) fn new(me: AgencyId, incarnation: Incarnation) -> Self {
        Self {
            me,
            incarnation,
            links: BTreeMap::new(),
            peers: BTreeMap::new(),
            cursors: BTreeMap::new(),
            tentative: BTreeMap::new(),
        }
    }

    /// Drops what was decided since the last durable round.
    pub(super) fn forget(&mut self) {
        self.tentative.clear();
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
        self.links.get(&LinkKey { sender: sender.clone(), priority, incarnation: position.incarnation })
    }

    /// Whether a link is known, or its sender may begin another one.
    fn admits(&self, key: &LinkKey) -> bool {
        let of_sender = |other: &&LinkKey| other.sender == key.sender;
        let new = self.tentative.keys().filter(|other| !self.links.contains_key(*other));
        self.links.contains_key(key) || self.links.keys().chain(new).filter(of_sender).count() < LINKS_MAX
    }

    /// Judges a position, with what was decided in this round.
    fn judge(&self, key: &LinkKey, number: u64, digest: Digest, previous: Digest) -> Arrival {
        let pending = self.tentative.get(key);
        let at = |number: u64| pending.and_then(|pending| pending.get(&number));
        if let Some((first, _)) = at(number) {
            return if *first == digest {
                Arrival::Duplicate
            } else {
                Arrival::Equivocation { first: *first }
            };
        }
        let durable = match self.links.get(key) {
            Some(link) => link.judge(number, digest, previous),
            None => Received::default().judge(number, digest, previous),
        };
        if !matches!(durable, Arrival::Next | Arrival::AfterGap) {
            return durable;
        }
        if let Some((before, _)) = number.checked_sub(1).and_then(at)
            && *before != previous
        {
            return Arrival::BrokenChain { settled: *before };
        }
        match number.checked_add(1).and_then(at) {
            Some((_, named)) if *named != digest => Arrival::BrokenChain { settled: *named },
            _ => durable,
        }
    }

    fn hold(&mut self, key: LinkKey, number: u64, digest: Digest, previous: Digest) {
        self.tentative.entry(key).or_default().insert(number, (digest, previous));
    }
}
