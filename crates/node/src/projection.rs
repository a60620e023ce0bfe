//! The index over the ledger: which records are messages, where a message lies, which of them were replaced, and what the
//! core knows of every message without keeping it in memory.
//!
//! Derived from the records alone, in their order; it may be lost at any time and is then made anew.

mod change;
mod facts;

use std::collections::HashMap;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::answer::Effect;
use sealpost_domain::envelope::Header;
use sealpost_domain::message::{Kind, MessageId};
use sealpost_domain::record::{Record, Settlement};
use sealpost_domain::view::Direction;
use sealpost_store::{Batch, Error, Keyspace, Order, Projections, Range};
use sealpost_wire::envelope::header_from_bytes;

use crate::handle::Standing;
pub use change::{Noted, amended_kind, answer_of, change_at, change_of, named};
pub(crate) use facts::arrived;
#[cfg(test)]
pub(crate) use facts::settled;
pub use facts::{Books, message_of};

/// Which layout of keys and values this is; another one makes the index anew.
pub const SCHEMA: u32 = 8;

/// Message id, sender → ledger index of the sender's first message of that id. An id is chosen by its sender: that
/// another agency used it too, by chance or to hide a message, must not show anywhere but where an id alone is asked
/// for.
const MESSAGES: Keyspace = Keyspace::new("messages");
/// Ledger index → direction and kind, for every message that is shown.
const SHOWN: Keyspace = Keyspace::new("shown");

/// So many senders of one id are told apart. Two are enough to know that an id alone does not name a message.
const NAMESAKES_MAX: usize = 8;

/// A message in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Where it lies in the ledger.
    pub index: u64,
    /// Received or sent.
    pub direction: Direction,
    /// What it says.
    pub kind: Kind,
}

/// What a stretch of the ledger adds to the index; visible all at once.
pub struct Changes<'p> {
    projections: &'p dyn Projections,
    batch: Batch,
    /// What the batch holds, since it is not visible yet.
    pending: HashMap<(Keyspace, Vec<u8>), Vec<u8>>,
}

impl<'p> Changes<'p> {
    /// The changes after which every record below `applied` counts as indexed.
    pub fn new(projections: &'p dyn Projections, applied: u64) -> Self {
        Self { projections, batch: Batch::new(applied), pending: HashMap::new() }
    }

    /// Notes what one record adds.
    pub fn note(&mut self, index: u64, record: &Record) -> Result<(), Error> {
        let (header, direction) = match record {
            Record::Sent(sent) => (&sent.header, Direction::Sent),
            Record::Received(received) if received.settlement == Settlement::Delivered => {
                (&received.header, Direction::Received)
            }
            _ => return Ok(()),
        };
        let Ok(header) = header_from_bytes(header) else { return Ok(()) };
        self.put(SHOWN, index.to_be_bytes().into(), &[number_of(direction), kind_number(header.kind)]);
        let key = message_key(header.id, &header.sender);
        if self.get(MESSAGES, &key)?.is_none() {
            self.put(MESSAGES, key, &index.to_be_bytes());
        }
        self.note_change(index, &header, direction)
    }

    /// Makes the changes visible.
    pub fn apply(self) -> Result<(), Error> {
        self.projections.apply(self.batch)
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        match self.pending.get(&(keyspace, key.to_vec())) {
            Some(value) => Ok(Some(value.clone())),
            None => self.projections.get(keyspace, key),
        }
    }

    fn put(&mut self, keyspace: Keyspace, key: Vec<u8>, value: &[u8]) {
        self.batch.put(keyspace, key.clone(), value);
        self.pending.insert((keyspace, key), value.to_vec());
    }
}

/// Where a message of a sender lies in the ledger.
pub fn index_of(
    projections: &dyn Projections,
    id: MessageId,
    sender: &AgencyId,
) -> Result<Option<u64>, Error> {
    let value = projections.get(MESSAGES, &message_key(id, sender))?;
    Ok(value.and_then(|value| number(&value)))
}

/// What a message of a sender says, where it lies in the ledger and is shown.
fn kind_of(projections: &dyn Projections, id: MessageId, sender: &AgencyId) -> Result<Option<Kind>, Error> {
    let Some(index) = index_of(projections, id, sender)? else { return Ok(None) };
    let shown = projections.get(SHOWN, &index.to_be_bytes())?;
    Ok(shown.and_then(|shown| Kind::ALL.get(usize::from(*shown.get(1)?)).copied()))
}

/// Every message of an id: whose it is and where it lies, at most eight, in the order of the senders.
pub fn namesakes(projections: &dyn Projections, id: MessageId) -> Result<Vec<(AgencyId, u64)>, Error> {
    let found = projections.scan(MESSAGES, &Range::prefix(id.as_bytes(), NAMESAKES_MAX))?;
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let sender = key.strip_prefix(id.as_bytes()).and_then(|sender| std::str::from_utf8(sender).ok())?;
        Some((sender.parse().ok()?, number(&value)?))
    };
    Ok(found.into_iter().filter_map(read).collect())
}

/// Messages from an index on, ascending.
pub fn from(projections: &dyn Projections, first: u64, limit: usize) -> Result<Vec<Listed>, Error> {
    match first.checked_sub(1) {
        Some(before) => listed(projections, &Range::prefix(&[], limit).after(&before.to_be_bytes())),
        None => listed(projections, &Range::prefix(&[], limit)),
    }
}

/// Messages below an index, descending.
pub fn below(projections: &dyn Projections, end: u64, limit: usize) -> Result<Vec<Listed>, Error> {
    let range = Range::prefix(&[], limit).ordered(Order::Descending);
    listed(projections, &range.after(&end.to_be_bytes()))
}

/// Whether a message was later replaced or withdrawn by its sender; one of our own, at all its recipients.
pub fn standing(projections: &dyn Projections, me: &AgencyId, header: &Header) -> Result<Standing, Error> {
    Ok(match change_of(projections, me, header)?.map(|noted| noted.change.effect) {
        None => Standing::Valid,
        Some(Effect::Amended) => Standing::Amended,
        Some(Effect::Recalled) => Standing::Recalled,
    })
}

fn listed(projections: &dyn Projections, range: &Range<'_>) -> Result<Vec<Listed>, Error> {
    let read = |(key, value): (Vec<u8>, Vec<u8>)| {
        let [direction, kind] = value.as_slice() else { return None };
        let direction = *Direction::ALL.get(usize::from(*direction))?;
        let kind = *Kind::ALL.get(usize::from(*kind))?;
        Some(Listed { index: number(&key)?, direction, kind })
    };
    Ok(projections.scan(SHOWN, range)?.into_iter().filter_map(read).collect())
}

fn message_key(id: MessageId, sender: &AgencyId) -> Vec<u8> {
    [id.as_bytes(), sender.as_str().as_bytes()].concat()
}

fn authored_key(sender: &AgencyId, id: MessageId) -> Vec<u8> {
    [sender.as_str().as_bytes(), &[0], id.as_bytes()].concat()
}

fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

fn number_of(direction: Direction) -> u8 {
    position(Direction::ALL, &direction)
}

fn kind_number(kind: Kind) -> u8 {
    position(Kind::ALL, &kind)
}

/// The place of a value in the closed list of its kind.
fn position<T: PartialEq>(all: &[T], value: &T) -> u8 {
    let place = all.iter().position(|one| one == value);
    place.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX)
}
