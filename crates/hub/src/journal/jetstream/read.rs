//! Reads what the streams hold: by sequence, from any server that has it, and from the leader where that one does not.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use bytes::Bytes;
use sealpost_wire::hub::{BodyLocation, Entry, Group, Payload};
use tokio::runtime::Handle;

use super::engine::Engine;
use super::{position, sequence};
use crate::journal::{Read, ReadError};

/// Bytes of messages that are kept, for those who read the next part of them.
const KEPT_BYTES: usize = 16 << 20;
/// How often a message is asked for again that the leader says it has not.
const ASKED_MAX: u32 = 20;
/// Between two times.
const ASKED_APART: Duration = Duration::from_millis(100);

/// Both streams, for those who read. Blocks on the network; not to be called from a task.
pub(super) struct Reader {
    engine: Engine,
    runtime: Handle,
    entries: Kept,
    bodies: Kept,
}

/// The latest messages that were read, the oldest first.
#[derive(Default)]
struct Kept(Mutex<Messages>);

#[derive(Default)]
struct Messages {
    messages: VecDeque<(u64, Bytes)>,
    bytes: usize,
}

/// Why a message is not given.
#[derive(Debug)]
pub(super) enum NotGiven {
    /// It is not there.
    Missing,
    /// Nobody can say whether it is.
    Unreachable(String),
}

impl Reader {
    /// Reads on a runtime.
    pub(super) fn new(engine: Engine, runtime: Handle) -> Self {
        Self { engine, runtime, entries: Kept::default(), bodies: Kept::default() }
    }

    fn get(&self, stream: &Stream<()>, kept: &Kept, sequence: u64) -> Result<Bytes, ReadError> {
        if let Some(message) = kept.get(sequence) {
            return Ok(message);
        }
        let message =
            self.runtime.block_on(message(stream, sequence)).map_err(|not_given| match not_given {
                NotGiven::Missing => ReadError::Missing { sequence },
                NotGiven::Unreachable(reason) => ReadError::Unreachable { sequence, reason },
            })?;
        kept.put(sequence, message.clone());
        Ok(message)
    }
}

impl Read for Reader {
    fn entry(&self, index: u64) -> Result<Entry, ReadError> {
        let sequence = sequence(index);
        let message = self.get(&self.engine.journal, &self.entries, sequence)?;
        let group = Group::from_bytes(&message).map_err(|source| ReadError::Parse { index, source })?;
        group.entries.into_iter().nth(position(index)).ok_or(ReadError::Missing { sequence })
    }

    fn payload(&self, at: &BodyLocation) -> Result<Payload, ReadError> {
        let sequence = at.segment;
        let message = self.get(&self.engine.bodies, &self.bodies, sequence)?;
        let part = usize::try_from(at.offset).ok().and_then(|from| {
            let end = from.checked_add(usize::try_from(at.length).ok()?)?;
            (end <= message.len()).then(|| message.slice(from..end))
        });
        let part = part.filter(|part| crc32c::crc32c(part) == at.checksum);
        let part = part.ok_or(ReadError::Missing { sequence })?;
        Payload::from_bytes(&part).map_err(|source| ReadError::Parse { index: at.index, source })
    }
}

/// The message at a sequence. Any server may answer; that it is not there, only the leader can say, and one that was just elected
/// may not have applied all that it has.
pub(super) async fn message(stream: &Stream<()>, sequence: u64) -> Result<Bytes, NotGiven> {
    let mut asked = 0;
    loop {
        if let Ok(message) = stream.direct_get(sequence).await {
            return Ok(message.payload);
        }
        match leaders_message(stream, sequence).await {
            Err(NotGiven::Missing) if asked < ASKED_MAX => asked += 1,
            given => return given,
        }
        tokio::time::sleep(ASKED_APART).await;
    }
}

/// The message at a sequence, as the leader has it.
pub(super) async fn leaders_message(stream: &Stream<()>, sequence: u64) -> Result<Bytes, NotGiven> {
    match stream.get_raw_message(sequence).await {
        Ok(message) => Ok(message.payload),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Err(NotGiven::Missing),
        Err(error) => Err(NotGiven::Unreachable(error.to_string())),
    }
}

impl Kept {
    fn get(&self, sequence: u64) -> Option<Bytes> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.messages.iter().rev().find(|(at, _)| *at == sequence).map(|(_, message)| message.clone())
    }

    fn put(&self, sequence: u64, message: Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.messages.iter().any(|(at, _)| *at == sequence) {
            return;
        }
        kept.bytes += message.len();
        kept.messages.push_back((sequence, message));
        while kept.bytes > KEPT_BYTES {
            let Some((_, oldest)) = kept.messages.pop_front() else { break };
            kept.bytes -= oldest.len();
        }
    }
}
