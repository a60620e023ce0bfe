//! What of a ledger is left if the power fails at this very moment: what its node tells now has to be there.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::MessageId;
use sealpost_domain::record::{Record, Settlement};
use sealpost_ledger::History;
use sealpost_seglog::disk::Disk;
use sealpost_seglog::disk::sim::Sim;
use sealpost_wire::envelope::header_from_bytes;

/// The messages of a ledger, by their senders and ids.
#[derive(Default)]
pub(crate) struct Kept {
    sent: BTreeSet<String>,
    delivered: BTreeSet<(AgencyId, String)>,
}

impl Kept {
    /// Reads a copy of a disk of which nothing is left that was not synced; what cannot be read is not kept.
    pub(crate) fn on(disk: &Sim) -> Self {
        let copy = disk.fork();
        copy.lose_power_keeping(0);
        let mut kept = Self::default();
        let disk: Arc<dyn Disk> = Arc::new(copy);
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
