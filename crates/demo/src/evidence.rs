//! Collects what `history` judges: expectations from the operation, facts from ledgers, nodes and their programs.
//!
//! Ledgers are read from their files, without the nodes that wrote them; whether they are whole, the nodes' own
//! program says (`sealpost-node ledger verify`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealpost_client::gateway::Gateway;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::alert::Content;
use sealpost_domain::message::MessageId;
use sealpost_domain::record::{Record as Recorded, Settlement};
use sealpost_domain::stats::{Entry, Period, Tally};
use sealpost_domain::view::{Direction, Statistics};
use sealpost_ledger::History;
use sealpost_ledger::tree::Files;
use sealpost_seglog::disk::{Disk, Real};
use sealpost_wire::envelope::header_from_bytes;

use crate::history::{Expected, Least, Message, Record};
use crate::operation::Operation;
use crate::play::is_read_at_once;

/// What should have happened: `published` gives the id of each message of the operation, by its place; `members` are
/// those of its joint operation.
pub fn expected(
    operation: &Operation,
    published: &BTreeMap<usize, MessageId>,
    members: &[AgencyId],
) -> Expected {
    let mut expected = Expected::default();
    let mut tallies: BTreeMap<AgencyId, Tally> =
        members.iter().map(|agency| (agency.clone(), Tally::default())).collect();
    for (place, message) in operation.messages.iter().enumerate() {
        let parts = message.draft.parts();
        let recipients: Vec<&AgencyId> = message.recipients(members).collect();
        for agency in recipients.iter().copied().chain([&message.from]) {
            tallies.entry(agency.clone()).or_default().add(Entry {
                id: message.id,
                sender: &message.from,
                sent_at: message.at.instant(),
                in_reply_to: parts.in_reply_to,
                content: parts.alert.content(),
            });
        }
        let least = if is_read_at_once(parts.priority) { Least::Read } else { Least::Delivered };
        if let Some(id) = published.get(&place) {
            expected.messages.insert(
                *id,
                Message {
                    name: message.reference.clone(),
                    sender: message.from.clone(),
                    addressees: recipients.into_iter().map(|agency| (agency.clone(), least)).collect(),
                },
            );
        }
    }
    let figures = |tally: &Tally| Statistics::from(&tally.figures(Period::default()));
    expected.figures = tallies.iter().map(|(agency, tally)| (agency.clone(), figures(tally))).collect();
    expected
}

/// The message records of a ledger, up to the first that cannot be read: then what is wrong there, too.
pub fn records(folder: &Path) -> (Vec<Record>, Option<String>) {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let mut records = Vec::new();
    let history = match History::open(&disk, folder, 0) {
        Ok((history, _)) => history,
        Err(error) => return (records, Some(chain(&error))),
    };
    for entry in history.scan(0) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return (records, Some(chain(&error))),
        };
        let (header, direction, settlement) = match &entry.leaf.record {
            Recorded::Sent(sent) => (&sent.header, Direction::Sent, &Settlement::Delivered),
            Recorded::Received(received) => (&received.header, Direction::Received, &received.settlement),
            _ => continue,
        };
        let excepted = match settlement {
            Settlement::Delivered => None,
            Settlement::Excepted(_, rule) => Some(rule.clone()),
        };
        match header_from_bytes(header) {
            Ok(header) => records.push(Record {
                index: entry.index,
                message: header.id,
                direction,
                excepted,
                copy_of: None,
            }),
            // Evidence of something that is no message: kept back, and nobody's.
            Err(_) if excepted.is_some() => {}
            Err(error) => return (records, Some(format!("record {}: {}", entry.index, chain(&error)))),
        }
    }
    (records, None)
}

/// Looks at the text of what nobody published under its id: it may repeat a message under another.
pub async fn name_copies(
    records: &mut [Record],
    gateway: &Gateway,
    operation: &Operation,
    published: &BTreeMap<usize, MessageId>,
) {
    for record in records.iter_mut().filter(|record| !published.values().any(|id| *id == record.message)) {
        // What the node does not show stays unknown, and is told as such.
        let Ok(shown) = gateway.get(record.message, None).await else { continue };
        let Some(alert) = shown.alert else { continue };
        let same = |content: &Content| content == alert.content();
        record.copy_of = published.iter().find_map(|(place, id)| {
            let original = operation.messages.get(*place)?;
            (original.from == shown.sender && same(original.draft.alert().content())).then_some(*id)
        });
    }
}

/// An error with everything that led to it.
pub fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// Whether the node's checkpoint covers all that lies in its ledger now.
pub fn is_covered(data: &Path) -> bool {
    let disk: Arc<dyn Disk> = Arc::new(Real);
    let Ok((history, _)) = History::open(&disk, &ledger_folder(data), 0) else { return false };
    let stored = Files::at(&data.join("tree")).checkpoint();
    matches!(stored, Ok(Some(signed)) if signed.checkpoint.size() >= history.durable())
}

/// Where a node keeps its ledger.
pub fn ledger_folder(data: &Path) -> PathBuf {
    data.join("ledger")
}
