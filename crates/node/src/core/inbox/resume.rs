//! What we have of a peer's links, and what we show it where it seems to have lost its own.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::link::{Head, Incarnation};
use sealpost_domain::record::Record;
use sealpost_domain::statement::{Activity, LinkHead, Resume, ReturnedHeader};

use super::{InLink, Inbox, LinkKey};
use crate::core::{Error, Past};

/// How many records are looked at to find a header.
const LOOKED_AT_MAX: usize = 8;
/// The most bytes of headers that are shown at a time.
const RETURNED_BYTES_MAX: usize = 32 << 10;

impl Inbox {
    /// What is settled without a gap of a peer's links.
    pub(in crate::core) fn heads_from(&self, peer: &AgencyId) -> Vec<LinkHead> {
        let links = self.links.iter().filter(|(key, _)| key.sender == *peer);
        let head = |(key, link): (&LinkKey, &InLink)| LinkHead {
            priority: key.priority,
            incarnation: key.incarnation,
            head: Head { number: link.received.contiguous(), digest: link.received.chain_digest() },
            activity: Activity::Active,
        };
        links.map(head).collect()
    }

    /// A peer says where its links ended, also in earlier lives of its ledger. It may have forgotten what came after: a
    /// receipt tells it how far that is what lies here.
    pub(in crate::core) fn agree(
        &mut self,
        past: &dyn Past,
        peer: &AgencyId,
        life: Incarnation,
        sent: &[LinkHead],
    ) -> Result<(), Error> {
        for LinkHead { priority, incarnation, head, .. } in
            sent.iter().filter(|link| link.incarnation != life)
        {
            let key = LinkKey { sender: peer.clone(), priority: *priority, incarnation: *incarnation };
            let Some(link) = self.links.get(&key) else { continue };
            let is_beyond = link.received.highest().number > head.number;
            if !is_beyond || head.number > link.received.contiguous() {
                continue;
            }
            let settled = link.settled_by(past, &key, head.number)?;
            let is_ours = settled.is_some_and(|by| by.digest == head.digest);
            if is_ours && self.agreed.insert(key, *head) != Some(*head) {
                self.peers.entry(peer.clone()).or_default().settle();
            }
        }
        Ok(())
    }

    /// The last headers that came from a peer's present life, where it names others as its own last ones.
    pub(in crate::core) fn returned(
        &self,
        past: &dyn Past,
        resume: &Resume,
    ) -> Result<Vec<ReturnedHeader>, Error> {
        let of_peer = |key: &&LinkKey| key.sender == resume.from && key.incarnation == resume.incarnation;
        let mut returned = Vec::new();
        let mut bytes = 0;
        for key in self.links.keys().filter(of_peer) {
            let says =
                |head: &&LinkHead| head.priority == key.priority && head.incarnation == key.incarnation;
            let said = resume.sent.iter().find(says).map_or(Head::EMPTY, |head| head.head);
            if let Some(shown) = self.last(past, key, said)? {
                bytes += shown.header.len();
                if bytes > RETURNED_BYTES_MAX || returned.len() == sealpost_wire::statement::RETURNED_MAX {
                    break;
                }
                returned.push(shown);
            }
        }
        Ok(returned)
    }

    /// The last header of a link, which is not a number that was filled without a message, unless it is the one that
    /// its sender names.
    fn last(&self, past: &dyn Past, key: &LinkKey, said: Head) -> Result<Option<ReturnedHeader>, Error> {
        let Some(link) = self.links.get(key) else { return Ok(None) };
        if link.received.highest() == said {
            return Ok(None);
        }
        let contiguous = link.received.contiguous();
        let beyond = link.records.range(contiguous + 1..).rev().map(|(number, _)| *number);
        for number in beyond.chain((1..=contiguous).rev()).take(LOOKED_AT_MAX) {
            let Some(by) = link.settled_by(past, key, number)? else { continue };
            if let Some((Record::Received(received), _)) = past.record(by.record)
                && let Some(commitment) = received.commitment
            {
                let (header, signatures) = (received.header, received.signatures);
                return Ok(Some(ReturnedHeader { commitment, header, signatures }));
            }
        }
        Ok(None)
    }
}
