//! What of a ledger or of the hub's journal is left if the power fails at this very moment: what is told now has to be there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::MessageId;
use sealpost_domain::record::{Record, Settlement};
use sealpost_domain::statement::Accepted;
use sealpost_ledger::History;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::submit_response::Event as Answered;
use sealpost_seglog::disk::Disk;
use sealpost_seglog::disk::sim::Sim;
use sealpost_seglog::{Location, Reader};
use sealpost_wire::envelope::header_from_bytes;
use sealpost_wire::hub::{BodyLocation, Entry, Event};
use sealpost_wire::statement::Payload as _;

use crate::hub;

/// The messages of a ledger, by their senders and ids.
#[derive(Default)]
pub(crate) struct Kept {
    sent: BTreeSet<String>,
    delivered: BTreeSet<(AgencyId, String)>,
}

impl Kept {
    /// Reads a copy of a disk of which nothing is left that was not synced; what cannot be read is not kept.
    pub(crate) fn on(disk: &Sim) -> Self {
        let (mut kept, disk) = (Self::default(), without_power(disk));
        let Ok((history, _)) = History::open(&disk, Path::new("ledger"), 0) else { return kept };
        for entry in history.scan(0).filter_map(Result::ok) {
            match entry.leaf.record {
                Record::Sent(sent) => {
                    kept.sent.extend(header_from_bytes(&sent.header).map(|header| header.id.to_string()));
                }
                Record::Received(received) if received.settlement == Settlement::Delivered => {
                    let header = header_from_bytes(&received.header);
                    kept.delivered.extend(header.map(|header| (header.sender, header.id.to_string())));
                }
                _ => {}
            }
        }
        kept
    }

    /// Whether the ledger's own agency sent a message.
    pub(crate) fn has_sent(&self, id: MessageId) -> bool {
        self.sent.contains(&id.to_string())
    }

    /// Whether a message was delivered there.
    pub(crate) fn has_delivered(&self, sender: &AgencyId, id: MessageId) -> bool {
        self.delivered.contains(&(sender.clone(), id.to_string()))
    }
}

/// Of the hub's answer to a submission: the entry of the journal that it promises, if that is not on the disk, or not with all
/// of its bodies.
pub(crate) fn promised_without(disk: &Sim, answer: &[u8]) -> Option<u64> {
    let answered = pb::SubmitResponse::decode(answer).ok()?;
    let Some(Answered::Accepted(pb::BatchAccepted { statement: Some(statement), .. })) = answered.event
    else {
        return None;
    };
    let Accepted { index, .. } = Accepted::from_payload(&statement.payload).ok()?;
    (!is_whole(&without_power(disk), index).unwrap_or(false)).then_some(index)
}

/// Whether an entry of the hub's journal is there with all of its bodies; those of a segment that was deleted were settled.
fn is_whole(disk: &Arc<dyn Disk>, index: u64) -> Option<bool> {
    let log = |name| Reader::open(disk, &Path::new(hub::FOLDER).join(name), 0).ok();
    let ((entries, _), (bodies, _)) = (log("journal")?, log("bodies")?);
    let entry = Entry::from_bytes(&entries.get(index).ok()?.record.body).ok()?;
    let Event::Batch { envelopes, .. } = entry.event else { return Some(false) };
    let is_there = |body: &BodyLocation| {
        let BodyLocation { segment, offset, length, checksum: crc, index } = *body;
        index < bodies.first() || bodies.read_at(&Location { segment, offset, length, crc }).is_ok()
    };
    Some(envelopes.iter().all(|envelope| is_there(&envelope.payload)))
}

/// A copy of a disk of which nothing is left that was not synced.
fn without_power(disk: &Sim) -> Arc<dyn Disk> {
    let copy = disk.fork();
    copy.lose_power_keeping(0);
    Arc::new(copy)
}
