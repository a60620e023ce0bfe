//! Where our links to a peer end, and how what the peer has of them differs.

use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::link::{Head, Incarnation, Position};
use sealpost_domain::message::Priority;
use sealpost_domain::record::Record;
use sealpost_domain::statement::{Activity, LinkHead, Resume};

use super::entry::Place;
use super::{LinkKey, OpenTo, OutLink, Outbox};
use crate::core::resume::Difference;
use crate::core::{Error, Past};

/// In how many lanes and lives a peer is told where our links end, the latest lives first.
const TOLD_MAX: usize = 96;

impl Outbox {
    /// Where our links to a peer end; to one that was not heard since the node began, where they ended then: what was
    /// given out since may contradict what a life that is forgotten gave out, and nobody has seen it.
    pub(in crate::core) fn heads_to(&self, peer: &AgencyId) -> Vec<LinkHead> {
        let links = self.links.iter().filter(|(key, _)| key.recipient == *peer);
        let mut heads: Vec<LinkHead> = links
            .map(|(key, link)| LinkHead {
                priority: key.priority,
                incarnation: key.incarnation,
                head: self.told_head(peer, key, link),
                activity: Activity::Active,
            })
            .collect();
        heads.sort_by_key(|head| head.incarnation != self.incarnation);
        heads.truncate(TOLD_MAX);
        heads
    }

    /// The end of a link as a peer may know it by now.
    pub(super) fn told_head(&self, peer: &AgencyId, key: &LinkKey, link: &OutLink) -> Head {
        match &self.open_to {
            OpenTo::Only { peers, heads } if !peers.contains(peer) => {
                heads.get(key).copied().unwrap_or(Head::EMPTY)
            }
            _ => link.told_head(),
        }
    }

    /// The last number that was given out on a link.
    fn last_number(&self, peer: &AgencyId, priority: Priority, life: Incarnation) -> u64 {
        let key = LinkKey { recipient: peer.clone(), priority, incarnation: life };
        self.links.get(&key).map_or(0, |link| link.head().number)
    }

    /// Whether this ledger gave out nothing at a position, or another header. What cannot be read proves nothing.
    pub(in crate::core) fn gave_out_another(
        &self,
        past: &dyn Past,
        peer: &AgencyId,
        priority: Priority,
        position: Position,
        shown: Digest,
    ) -> Result<bool, Error> {
        let key = LinkKey { recipient: peer.clone(), priority, incarnation: position.incarnation };
        let Some(link) = self.links.get(&key) else { return Ok(true) };
        let Some(place) = link.place(position.number) else { return Ok(true) };
        if let Some(digest) = link.digest(position.number) {
            return Ok(digest != shown);
        }
        let index = match place {
            Place::Here(entry) => entry.index,
            Place::LetGo(_) => past.sent(&key.chain(), position.number)?,
        };
        Ok(match past.record(index) {
            Some((Record::Sent(sent), _)) => sha256(&sent.header) != shown,
            _ => false,
        })
    }

    /// Whether a peer said before its last receipt what it has: that it has less than it receipted then says nothing.
    fn is_before_its_receipt(&self, resume: &Resume) -> bool {
        self.peers.get(&resume.from).is_some_and(|peer| {
            peer.receipt.is_some_and(|held| held.incarnation == resume.incarnation)
                && peer.receipt_made_at.is_some_and(|made_at| resume.made_at <= made_at)
        })
    }

    /// Compares what a peer has with what it receipted. What it lost is sent again.
    pub(in crate::core) fn compare(&mut self, resume: &Resume) -> Vec<Difference> {
        let Resume { from: peer, received, .. } = resume;
        let is_late = self.is_before_its_receipt(resume);
        let mut differences = Vec::new();
        let mut lost = Vec::new();
        for (key, link) in self.links.iter().filter(|(key, _)| key.recipient == *peer) {
            let of_link =
                |head: &&LinkHead| head.priority == key.priority && head.incarnation == key.incarnation;
            let has = received.iter().find(of_link).map_or(Head::EMPTY, |head| head.head);
            let (sent, had) = (link.told_head().number, link.receipted());
            let name = key.priority.to_string();
            if has.number < had && is_late {
                continue;
            }
            if has.number < had {
                lost.push((key.clone(), has.number + 1, had));
                differences.push(Difference::Lost { link: name, has: has.number, had });
            } else if has.number <= sent {
                if link.digest(has.number).is_some_and(|digest| digest != has.digest) {
                    let is_past = key.incarnation != self.incarnation;
                    differences.push(Difference::OtherChain { link: name, number: has.number, is_past });
                }
            } else if key.incarnation == self.incarnation {
                differences.push(Difference::Ahead { link: name, has: has.number, sent });
            }
        }
        for (key, next, last) in lost {
            self.lost(key, next, last);
        }
        for head in
            received.iter().filter(|head| head.incarnation == self.incarnation && head.head.number > 0)
        {
            if self.last_number(peer, head.priority, head.incarnation) == 0 {
                let (link, has) = (head.priority.to_string(), head.head.number);
                differences.push(Difference::Ahead { link, has, sent: 0 });
            }
        }
        differences
    }
}
