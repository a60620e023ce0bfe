//! What was queued and waits until the journal is ready for it.

use std::sync::Arc;

use sealpost_server::pool::Lane;

use super::{Batch, Command, Settlement};
use crate::hot;
use crate::journal::{Draft, DraftEnvelope, PROPOSAL_BYTES_MAX, PROPOSAL_DRAFTS_MAX};
use crate::verify::Sound;

/// How many bytes of batches are proposed together, unless one is larger.
pub(super) const GROUP_BYTES: usize = PROPOSAL_BYTES_MAX;
/// How many batches are, and how many settlements beside them.
pub(super) const GROUP_BATCHES: usize = PROPOSAL_DRAFTS_MAX / 2;

/// What is proposed together.
#[derive(Default)]
pub(super) struct Gathered {
    pub(super) batches: Vec<Batch>,
    pub(super) settlements: Vec<Settlement>,
    pub(super) bytes: usize,
}

impl Gathered {
    /// Adds a command that can be proposed with others; gives back one that cannot.
    pub(super) fn add(&mut self, command: Command) -> Option<Command> {
        match command {
            Command::Batch(batch) => {
                self.bytes += batch.bytes;
                self.batches.push(batch);
                None
            }
            Command::Settle(settlement) => {
                self.settlements.push(settlement);
                None
            }
            alone @ (Command::Publish { .. }
            | Command::Lists { .. }
            | Command::Committed
            | Command::Close) => Some(alone),
        }
    }

    /// Takes out what is proposed next: all settlements, and batches of so many bytes, or one; FLASH first.
    pub(super) fn take(&mut self) -> (Vec<Batch>, Vec<Settlement>) {
        self.batches.sort_by_key(|batch| batch.lane == Lane::Ordinary);
        let mut bytes = 0;
        let fits = |batch: &&Batch| {
            let first = bytes == 0;
            bytes += batch.bytes;
            first || bytes <= GROUP_BYTES
        };
        let count = self.batches.iter().take(GROUP_BATCHES).take_while(fits).count();
        let batches: Vec<_> = self.batches.drain(..count).collect();
        self.bytes -= batches.iter().map(|batch| batch.bytes).sum::<usize>();
        (batches, std::mem::take(&mut self.settlements))
    }
}

/// What is proposed of a batch.
pub(super) fn draft(batch: &Batch) -> Draft {
    let envelope = |sound: &Sound| DraftEnvelope {
        header: sound.header.clone(),
        signatures: sound.signatures.clone(),
        wrapped: sound.wrapped,
        body: sound.payload.clone(),
    };
    Draft::Batch { sender: batch.sender.clone(), envelopes: batch.envelopes.iter().map(envelope).collect() }
}

/// What is kept in memory to be delivered.
pub(super) fn hot(envelopes: Vec<Sound>) -> Arc<[hot::Envelope]> {
    let envelope = |sound: Sound| hot::Envelope {
        header: sound.header,
        signatures: sound.signatures,
        payload: sound.content,
    };
    envelopes.into_iter().map(envelope).collect()
}
