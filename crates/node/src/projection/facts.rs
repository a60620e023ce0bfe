//! What is known of every message and not kept in memory, for the decisions of the core: see [`Fact`].

use sealpost_domain::digest::Digest;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Range as LinkRange;
use sealpost_domain::message::Priority;
use sealpost_domain::record::Record;
use sealpost_domain::view::DeliveryState;
use sealpost_ledger::History;
use sealpost_store::{Error, Keyspace, Projections, Range};

use super::{Changes, number, position};
use crate::core::Past;
use crate::core::facts::{Arrived, Chain, Fact, SettledBy};

/// A link towards this node, and a number of it → where what settled it lies, and the digest of its header.
const SETTLED: Keyspace = Keyspace::new("settled");
/// A link of this node, and a number of it → how the message stands that arrived, since when, and where it lies.
const ARRIVED: Keyspace = Keyspace::new("arrived");
/// A link of this node, and the last number of a range of it that was read after it had arrived → the first one, and since when.
const READ: Keyspace = Keyspace::new("read");
/// Digest of a publisher's key → where its message lies.
const KEYS: Keyspace = Keyspace::new("keys");

impl Changes<'_> {
    /// Notes what records say that were applied.
    pub fn note_facts(&mut self, facts: impl IntoIterator<Item = Fact>) {
        facts.into_iter().for_each(|fact| self.note_fact(fact));
    }

    // Nothing of the same batch asks for any of it: it need not be held for that.
    fn note_fact(&mut self, fact: Fact) {
        match fact {
            Fact::Settled { chain, number, by: SettledBy { digest, record } } => {
                let value = [&record.to_be_bytes()[..], digest.as_bytes()].concat();
                self.batch.put(SETTLED, number_key(&chain, number), value);
            }
            Fact::Arrived { chain, number, record, state, since } => {
                let value = written(&Arrived { record, state, since });
                self.batch.put(ARRIVED, number_key(&chain, number), value);
            }
            Fact::Read { chain, numbers: LinkRange { first, last }, since } => {
                let value = [first.to_be_bytes(), since.as_millis().to_be_bytes()].concat();
                self.batch.put(READ, number_key(&chain, last), value);
            }
            Fact::KeyUsed { key, record } => {
                self.batch.put(KEYS, key.as_bytes(), record.to_be_bytes());
            }
        }
    }
}

/// What settled a number of a link towards this node. That is in the index: something did, and the core let it go, so that an
/// index without it is broken, and is made anew at the next start.
pub(crate) fn settled(projections: &dyn Projections, chain: &Chain, number: u64) -> Result<SettledBy, Error> {
    let value = projections.get(SETTLED, &number_key(chain, number))?;
    value.as_deref().and_then(read_settled).ok_or_else(|| projections.distrust_lacking(SETTLED))
}

/// How the message stands that has a number of a link of this node. That is in the index: it arrived, and the core let it go,
/// so that an index without it is broken, and is made anew at the next start.
pub(crate) fn arrived(projections: &dyn Projections, chain: &Chain, number: u64) -> Result<Arrived, Error> {
    let arrived = arrived_first(projections, chain, number)?;
    let read = read_since(projections, chain, number)?;
    Ok(read.map_or(arrived, |since| Arrived { state: DeliveryState::Read, since, ..arrived }))
}

/// The same, but for whether it was read after the core had let it go.
fn arrived_first(projections: &dyn Projections, chain: &Chain, number: u64) -> Result<Arrived, Error> {
    let value = projections.get(ARRIVED, &number_key(chain, number))?;
    value.as_deref().and_then(read_arrived).ok_or_else(|| projections.distrust_lacking(ARRIVED))
}

/// Since when a message is read that was let go before; `None` where that is not known.
fn read_since(projections: &dyn Projections, chain: &Chain, number: u64) -> Result<Option<Instant>, Error> {
    let Some(before) = number.checked_sub(1) else { return Ok(None) };
    let (link, before) = (link_key(chain), number_key(chain, before));
    let found = projections.scan(READ, &Range::prefix(&link, 1).after(&before))?;
    let Some((_, value)) = found.first() else { return Ok(None) };
    let (first, since) = value.split_at_checked(8).unwrap_or_default();
    let is_in_it = self::number(first).is_some_and(|first| first <= number);
    let since = since.try_into().ok().map(i64::from_be_bytes).filter(|_| is_in_it);
    Ok(since.map(Instant::from_millis))
}

/// Where the message lies that was published under a key, by any digest of it.
pub fn message_of(projections: &dyn Projections, keys: &[Digest]) -> Result<Option<u64>, Error> {
    for key in keys {
        if let Some(value) = projections.get(KEYS, key.as_bytes())? {
            return Ok(number(&value));
        }
    }
    Ok(None)
}

/// The ledger and the index over it, as the core asks them.
pub struct Books<'a> {
    /// What is durable.
    pub history: &'a History,
    /// The index over it.
    pub index: &'a dyn Projections,
}

impl Past for Books<'_> {
    fn record(&self, index: u64) -> Option<(Record, usize)> {
        self.history.get(index).ok().map(|entry| (entry.leaf.record, entry.body.len()))
    }

    fn settled(&self, chain: &Chain, number: u64) -> Result<SettledBy, Error> {
        settled(self.index, chain, number)
    }

    fn sent(&self, chain: &Chain, number: u64) -> Result<u64, Error> {
        Ok(arrived_first(self.index, chain, number)?.record)
    }

    fn message_of(&self, keys: &[Digest]) -> Result<Option<u64>, Error> {
        message_of(self.index, keys)
    }
}

fn link_key(Chain { peer, priority, incarnation }: &Chain) -> Vec<u8> {
    let lane = [0, position(Priority::ALL, priority)];
    [peer.as_str().as_bytes(), &lane, &incarnation.0].concat()
}

fn number_key(chain: &Chain, number: u64) -> Vec<u8> {
    let mut key = link_key(chain);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn read_settled(value: &[u8]) -> Option<SettledBy> {
    let (record, digest) = value.split_at_checked(8)?;
    let digest = Digest::new(digest.try_into().ok()?);
    Some(SettledBy { digest, record: number(record)? })
}

fn written(arrived: &Arrived) -> Vec<u8> {
    let Arrived { record, state, since } = arrived;
    let state = position(DeliveryState::ALL, state);
    [&[state][..], &record.to_be_bytes(), &since.as_millis().to_be_bytes()].concat()
}

fn read_arrived(value: &[u8]) -> Option<Arrived> {
    let (state, rest) = value.split_first()?;
    let (record, since) = rest.split_at_checked(8)?;
    let state = *DeliveryState::ALL.get(usize::from(*state))?;
    let since = Instant::from_millis(i64::from_be_bytes(since.try_into().ok()?));
    Some(Arrived { record: number(record)?, state, since })
}

#[cfg(test)]
mod tests {
    use sealpost_domain::link::Incarnation;
    use sealpost_store::Memory;

    use super::*;

    fn chain(peer: &str, priority: Priority, life: u8) -> Chain {
        Chain { peer: peer.parse().unwrap(), priority, incarnation: Incarnation([life; 16]) }
    }

    fn noted(facts: impl IntoIterator<Item = Fact>, index: &Memory) -> Result<(), Error> {
        let mut changes = Changes::new(index, index.applied() + 1);
        changes.note_facts(facts);
        changes.apply()
    }

    #[test]
    fn a_number_is_settled_on_its_own_link_alone() {
        let by = SettledBy { digest: Digest::new([4; 32]), record: 9 };
        let own = chain("DE-ZKA", Priority::Urgent, 1);
        for (other, number) in [
            (own.clone(), 4),
            (chain("DE-ZK", Priority::Urgent, 1), 3),
            (chain("DE-ZKA", Priority::Flash, 1), 3),
            (chain("DE-ZKA", Priority::Urgent, 2), 3),
        ] {
            let index = Memory::new();
            noted([Fact::Settled { chain: own.clone(), number: 3, by }], &index).unwrap();
            assert_eq!(settled(&index, &own, 3).unwrap(), by);
            let lacking = settled(&index, &other, number);
            assert!(matches!(lacking, Err(Error::Lacking { .. })), "{other:?} {number}: {lacking:?}");
        }
    }

    #[test]
    fn messages_that_are_read_lie_where_they_were_delivered_from() {
        let index = Memory::new();
        let (own, other) = (chain("DE-ZKA", Priority::Urgent, 1), chain("DE-ZKA", Priority::Flash, 1));
        let at = Instant::from_millis;
        let delivered = |chain: &Chain, number| Fact::Arrived {
            chain: chain.clone(),
            number,
            record: 100 + number,
            state: DeliveryState::Delivered,
            since: at(10),
        };
        let facts = (1..=9).flat_map(|number| [delivered(&own, number), delivered(&other, number)]);
        noted(facts, &index).unwrap();
        let read = |first, last, since| Fact::Read {
            chain: own.clone(),
            numbers: LinkRange { first, last },
            since: at(since),
        };
        noted([read(6, 8, 20)], &index).unwrap();
        noted([read(2, 4, 30), read(5, 5, 40)], &index).unwrap();
        for number in 1..=9 {
            let (state, since) = match number {
                1 | 9 => (DeliveryState::Delivered, at(10)),
                2..=4 => (DeliveryState::Read, at(30)),
                5 => (DeliveryState::Read, at(40)),
                _ => (DeliveryState::Read, at(20)),
            };
            assert_eq!(
                arrived(&index, &own, number).unwrap(),
                Arrived { record: 100 + number, state, since }
            );
            assert_eq!(arrived(&index, &other, number).unwrap().state, DeliveryState::Delivered, "{number}");
        }
    }

    #[test]
    fn an_index_that_lacks_what_was_delivered_says_so() {
        let index = Memory::new();
        let own = chain("DE-ZKA", Priority::Urgent, 1);
        let numbers = LinkRange { first: 3, last: 3 };
        noted([Fact::Read { chain: own.clone(), numbers, since: Instant::from_millis(1) }], &index).unwrap();
        assert!(matches!(arrived(&index, &own, 3), Err(Error::Lacking { .. })));
    }

    #[test]
    fn a_key_is_known_by_any_of_its_digests() {
        let index = Memory::new();
        noted([Fact::KeyUsed { key: Digest::new([2; 32]), record: 5 }], &index).unwrap();
        let keys = [1, 2].map(|byte| Digest::new([byte; 32]));
        assert_eq!(message_of(&index, &keys).unwrap(), Some(5));
        assert_eq!(message_of(&index, &keys[..1]).unwrap(), None);
    }
}
