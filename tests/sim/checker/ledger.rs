//! What lies in the ledgers, read as anybody could read them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sealpost_crypto::digest::sha256;
use sealpost_crypto::directory;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::{Header, OpenedCommitment};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::record::{Record, Settlement};
use sealpost_domain::statement::Accepted;
use sealpost_hub::journal::Journal as _;
use sealpost_hub::journal::local::{Fresh, Local};
use sealpost_ledger::History;
use sealpost_ledger::tree::Files;
use sealpost_ledger::verify::{ByDirectory, verify};
use sealpost_seglog::disk::Disk;
use sealpost_wire::envelope::{header_from_bytes, signed_from_bytes};
use sealpost_wire::hub as hub_wire;
use sealpost_wire::statement::Payload as _;

use super::{Evidence, Violation};
use crate::history::Event;
use crate::hub;
use crate::network::Network;
use crate::plan::Plan;
use crate::world::World;

/// The largest directory.
const DIRECTORY_BYTES: usize = 4 << 20;

/// One ledger.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) sent: Vec<Sent>,
    pub(crate) received: Vec<Received>,
    /// Rules of security records.
    /// What the hub promised.
    pub(crate) promises: Vec<(Accepted, Vec<Digest>)>,
    /// How many versions of the directory are in it.
    pub(crate) versions: u64,
    pub(crate) alarms: Vec<(String, Option<AgencyId>)>,
}

/// A message of the ledger's own.
pub(crate) struct Sent {
    pub(crate) digest: Digest,
    pub(crate) header: Header,
    /// For each recipient, in the order of the header.
    pub(crate) places: Vec<OpenedCommitment>,
    pub(crate) index: u64,
    pub(crate) recorded_at: Instant,
    /// The directory in force there.
    pub(crate) directory: Arc<Directory>,
    /// Published while nothing proved that the ledger was the latest, which it was not: no peer was told of its numbers.
    pub(crate) given_up: bool,
}

/// A message of a peer.
pub(crate) struct Received {
    pub(crate) index: u64,
    pub(crate) digest: Digest,
    pub(crate) header: Header,
    pub(crate) place: Option<OpenedCommitment>,
    pub(crate) delivered: bool,
    pub(crate) recorded_at: Instant,
    /// The directory in force there.
    pub(crate) directory: Arc<Directory>,
}

/// Stops everything, and reads what is left.
pub(super) async fn gather(world: &mut World, plan: &Plan) -> Result<Evidence, Violation> {
    let mut books = BTreeMap::new();
    let ids: Vec<AgencyId> = world.nodes.keys().cloned().collect();
    for id in ids {
        world.close(&id);
        let node = world.nodes.get_mut(&id).expect("an agency of the network");
        node.stop(&world.wire).await;
        let disk: Arc<dyn Disk> = Arc::new(node.disk.clone());
        let opened = History::open(&disk, Path::new("ledger"), 0);
        let (history, _) = opened.map_err(|error| {
            Violation::of("Durable", format!("the ledger of {id} can be read"), format!("{error:?}"))
        })?;
        verified(&id, &history, &Files::at(&node.tree()))?;
        books.insert(id.clone(), read(&history, world)?);
    }
    world.hub.kill(&world.wire);
    let journal = journal(world)?;
    let mut hub_files = Vec::new();
    for log in ["journal", "bodies"] {
        let folder = Path::new(hub::FOLDER).join(log);
        let mut names = world.hub.disk.list(&folder).unwrap_or_default();
        names.sort();
        hub_files.extend(names.iter().filter_map(|name| world.hub.disk.contents(&folder.join(name))));
    }
    for file in &hub_files {
        world.history.bytes(file);
    }
    let journal_lost = seen_loss(world);
    let letters = plan.letters.iter().map(|letter| (letter.marker.clone(), letter.clone())).collect();
    Ok(Evidence {
        seen: world.history.seen(),
        letters,
        books,
        hub_files,
        overtakes: plan.overtakes.clone(),
        journal,
        journal_lost,
    })
}

fn seen_loss(world: &World) -> bool {
    world.history.seen().iter().any(|seen| matches!(seen.event, Event::JournalLost))
}

/// Which headers each entry of the hub's journal has.
fn journal(world: &World) -> Result<BTreeMap<u64, Vec<Digest>>, Violation> {
    let unreadable = |error: &dyn std::fmt::Debug| {
        Violation::of("Durable", "the hub's journal can be read", format!("{error:?}"))
    };
    let disk: Arc<dyn Disk> = Arc::new(world.hub.disk.clone());
    let fresh = Fresh { incarnation: Incarnation([0; 16]), entries_salt: [0; 8], bodies_salt: [0; 8] };
    let (journal, state) =
        Local::open(&disk, Path::new(hub::FOLDER), fresh).map_err(|error| unreadable(&error))?;
    let mut entries = BTreeMap::new();
    for index in 0..state.next() {
        let entry = journal.reader().entry(index).map_err(|error| unreadable(&error))?;
        if let hub_wire::Event::Batch { envelopes, .. } = entry.event {
            let headers = envelopes.iter().map(|envelope| sha256(&envelope.header)).collect();
            entries.insert(index, headers);
        }
    }
    Ok(entries)
}

/// As an auditor verifies it.
fn verified(id: &AgencyId, history: &History, tree: &Files) -> Result<(), Violation> {
    let mut directories = ByDirectory::anchored(Network::get().directory.version.digest);
    let report = verify(history, &mut directories, &[], tree, &mut |_| {});
    match report.fault {
        None => Ok(()),
        Some(fault) => {
            Err(Violation::of("Tamper-evident", format!("the ledger of {id} verifies"), format!("{fault:?}")))
        }
    }
}

fn read(history: &History, world: &World) -> Result<Book, Violation> {
    let unreadable = |error: &dyn std::fmt::Debug| {
        Violation::of("Durable", "every record of a ledger can be read", format!("{error:?}"))
    };
    let mut book = Book::default();
    let mut installed: Option<Arc<Directory>> = None;
    for entry in history.scan(0) {
        let entry = entry.map_err(|error| unreadable(&error))?;
        world.history.bytes(&entry.leaf_bytes);
        world.history.bytes(&entry.body);
        match entry.leaf.record {
            Record::Directory(_) => {
                book.versions += 1;
                let signed =
                    signed_from_bytes(&entry.body, DIRECTORY_BYTES).map_err(|error| unreadable(&error))?;
                let verified = directory::verify(&signed, installed.as_deref());
                installed = Some(Arc::new(verified.map_err(|error| unreadable(&error))?));
            }
            Record::Incarnation { unsent_from: Some(from), .. } => {
                for sent in book.sent.iter_mut().filter(|sent| sent.index >= from) {
                    sent.given_up = true;
                }
            }
            Record::Sent(sent) => book.sent.push(Sent {
                given_up: false,
                index: entry.index,
                recorded_at: entry.leaf.recorded_at,
                directory: installed.clone().ok_or_else(|| unreadable(&"no directory before a message"))?,
                digest: sha256(&sent.header),
                header: header_from_bytes(&sent.header).map_err(|error| unreadable(&error))?,
                places: sent.commitments,
            }),
            Record::Received(received) => {
                let directory =
                    installed.clone().ok_or_else(|| unreadable(&"no directory before a message"))?;
                book.received.push(Received {
                    index: entry.index,
                    digest: sha256(&received.header),
                    header: header_from_bytes(&received.header).map_err(|error| unreadable(&error))?,
                    place: received.commitment,
                    delivered: received.settlement == Settlement::Delivered,
                    recorded_at: entry.leaf.recorded_at,
                    directory,
                });
            }
            Record::Accepted { statement, headers } => {
                let accepted =
                    Accepted::from_payload(&statement.payload).map_err(|error| unreadable(&error))?;
                book.promises.push((accepted, headers));
            }
            Record::Security { rule, peer, .. } => book.alarms.push((rule, peer)),
            _ => {}
        }
    }
    Ok(book)
}
