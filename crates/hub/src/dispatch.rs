//! What waits for a recipient, with its body and its own wrap: from memory where it can be, else from the journal.
//!
//! A body that is not there is passed over: its sender sends it again. One of which nobody can say whether it is there is not:
//! whoever asked is told that the journal cannot be reached, and goes on elsewhere.

use std::sync::Arc;

use sealpost_crypto::digest::sha256;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_domain::record::Cursor;
use sealpost_server::pool::{GivenUp, Lane, Pool};
use sealpost_wire::hub::{Delivery, Entry, Event, Payload, SubmittedEnvelope};

use crate::core::{Place, Waiting};
use crate::hot;
use crate::journal::{Read, ReadError};
use crate::lane::lane;
use crate::view::View;

/// How many places are looked at for one batch.
const PLACES_MAX: usize = 256;

/// Reads deliveries. Clones share everything.
#[derive(Clone)]
pub struct Dispatch {
    view: Arc<View>,
    reader: Arc<dyn Read>,
    pool: Pool,
    incarnation: Incarnation,
    batch_bytes: usize,
}

/// Why nothing can be read now.
#[derive(Debug, thiserror::Error)]
pub enum NotNow {
    /// The hub is stopping.
    #[error(transparent)]
    GivenUp(#[from] GivenUp),
    /// The journal is elsewhere.
    #[error("the hub cannot reach its journal")]
    Unreachable(#[source] ReadError),
}

/// A part of what waits.
pub struct Part {
    /// In order. Can be empty although something waits behind.
    pub deliveries: Vec<Delivery>,
    /// Up to where everything was looked at.
    pub up_to: Place,
}

impl Dispatch {
    /// Reads, on a pool of workers, for streams whose batches have at most so many bytes, or one envelope.
    pub fn new(
        view: Arc<View>,
        reader: Arc<dyn Read>,
        pool: Pool,
        incarnation: Incarnation,
        batch_bytes: usize,
    ) -> Self {
        Self { view, reader, pool, incarnation, batch_bytes }
    }

    /// The next envelopes for a recipient after a place, at most `count`; `None` when nothing waits there.
    pub async fn next(
        &self,
        recipient: &AgencyId,
        priority: Priority,
        after: Option<Place>,
        count: usize,
    ) -> Result<Option<Part>, NotNow> {
        let waiting = self.view.state().waiting(recipient, priority, after, count.min(PLACES_MAX));
        if waiting.is_empty() {
            return Ok(None);
        }
        let mut part = Gathering::new(recipient.clone(), self.batch_bytes);
        let mut cold = waiting.len();
        for (at, (place, _)) in waiting.iter().enumerate() {
            let Some(envelopes) = self.view.hot.get(*place) else {
                cold = at;
                break;
            };
            if !part.take_hot(*place, envelopes.get(place.position())) {
                return Ok(part.finish());
            }
        }
        if cold == waiting.len() {
            return Ok(part.finish());
        }
        let reader = Arc::clone(&self.reader);
        let read = move || {
            let mut entries = Entries { reader: &*reader, last: None };
            for (place, waiting) in waiting.into_iter().skip(cold) {
                let found = match entries.envelope(place, &waiting) {
                    Err(unreachable) if part.up_to.is_none() => return Err(NotNow::Unreachable(unreachable)),
                    Err(_) => break,
                    Ok(found) => found,
                };
                if !part.take_cold(place, found) {
                    break;
                }
            }
            Ok(part.finish())
        };
        self.pool.run(lane(priority), read).await?
    }

    /// The journal entry at an index.
    pub async fn entry(&self, index: u64) -> Result<Result<Entry, ReadError>, GivenUp> {
        let reader = Arc::clone(&self.reader);
        self.pool.run(Lane::Ordinary, move || reader.entry(index)).await
    }

    /// Whether a cursor is of this journal: then the envelope that was delivered there lies there.
    pub async fn knows(&self, priority: Priority, cursor: Cursor) -> Result<bool, NotNow> {
        if cursor.hub_incarnation != self.incarnation {
            return Ok(false);
        }
        let (reader, place) = (Arc::clone(&self.reader), Place::from_index(cursor.index));
        let lies_there = move || match reader.entry(place.entry()).map(|entry| entry.event) {
            Ok(Event::Batch { envelopes, .. }) => Ok(envelopes
                .get(place.position())
                .is_some_and(|envelope| sha256(&envelope.header) == cursor.entry_digest)),
            Err(error) if error.is_unreachable() => Err(NotNow::Unreachable(error)),
            _ => Ok(false),
        };
        // What was not applied here yet may come from another hub, or be invented: it takes nobody's FLASH the turn.
        let lane = if place.entry() < self.view.state().next() { lane(priority) } else { Lane::Ordinary };
        self.pool.run(lane, lies_there).await?
    }
}

/// Reads envelopes of journal entries, the last entry once for all of them.
struct Entries<'r> {
    reader: &'r dyn Read,
    last: Option<(u64, Entry)>,
}

impl Entries<'_> {
    /// An envelope with its body; `None` when one of them is not there; an error when nobody can say.
    fn envelope(
        &mut self,
        place: Place,
        waiting: &Waiting,
    ) -> Result<Option<(SubmittedEnvelope, Payload)>, ReadError> {
        if self.last.as_ref().is_none_or(|(index, _)| *index != place.entry()) {
            let read = there(self.reader.entry(place.entry()), place, "journal entry not readable")?;
            self.last = read.map(|entry| (place.entry(), entry));
        }
        let envelope = match self.last.as_ref().map(|(_, entry)| &entry.event) {
            Some(Event::Batch { envelopes, .. }) => envelopes.get(place.position()).cloned(),
            _ => None,
        };
        let Some(envelope) = envelope else { return Ok(None) };
        let payload = there(self.reader.payload(&waiting.payload), place, "body not readable, passed over")?;
        Ok(payload.map(|payload| (envelope, payload)))
    }
}

/// What was read, if it is there. What is not was never acknowledged, or was lost with the journal: its sender sends it again.
fn there<T>(read: Result<T, ReadError>, place: Place, why: &str) -> Result<Option<T>, ReadError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(error) if error.is_unreachable() => Err(error),
        Err(error) => {
            tracing::error!(%place, %error, "{why}");
            Ok(None)
        }
    }
}

/// A batch for one recipient that is being put together.
struct Gathering {
    recipient: AgencyId,
    deliveries: Vec<Delivery>,
    bytes: usize,
    bytes_max: usize,
    up_to: Option<Place>,
}

impl Gathering {
    fn new(recipient: AgencyId, bytes_max: usize) -> Self {
        Self { recipient, deliveries: Vec::new(), bytes: 0, bytes_max, up_to: None }
    }

    fn take_hot(&mut self, place: Place, envelope: Option<&hot::Envelope>) -> bool {
        let found = envelope.and_then(|envelope| {
            self.delivery(place, &envelope.payload, || (envelope.header.clone(), envelope.signatures.clone()))
        });
        self.take(place, found)
    }

    fn take_cold(&mut self, place: Place, found: Option<(SubmittedEnvelope, Payload)>) -> bool {
        let found = found.and_then(|(envelope, payload)| {
            self.delivery(place, &payload, || (envelope.header, envelope.signatures))
        });
        self.take(place, found)
    }

    fn delivery(
        &self,
        place: Place,
        payload: &Payload,
        header: impl FnOnce() -> (bytes::Bytes, Vec<sealpost_domain::envelope::Signature>),
    ) -> Option<Delivery> {
        let wrap = payload.wraps.iter().find(|wrap| wrap.recipient == self.recipient)?.clone();
        let (header, signatures) = header();
        Some(Delivery { index: place.index(), header, signatures, sealed: payload.sealed.clone(), wrap })
    }

    /// Adds what was found at a place; false, and nothing added, when it has no room.
    fn take(&mut self, place: Place, found: Option<Delivery>) -> bool {
        if let Some(delivery) = found {
            let bytes = size(&delivery);
            if !self.deliveries.is_empty() && self.bytes + bytes > self.bytes_max {
                return false;
            }
            self.bytes += bytes;
            self.deliveries.push(delivery);
        }
        self.up_to = Some(place);
        true
    }

    fn finish(self) -> Option<Part> {
        self.up_to.map(|up_to| Part { deliveries: self.deliveries, up_to })
    }
}

fn size(delivery: &Delivery) -> usize {
    /// Tags, lengths, key ids and a signature.
    const OVERHEAD: usize = 200;
    let Delivery { index: _, header, signatures: _, sealed, wrap } = delivery;
    header.len() + sealed.len() + wrap.encapsulated_key.len() + wrap.ciphertext.len() + OVERHEAD
}
