//! The journal on the disk of this machine: entries in one log, bodies with their wraps in another.
//!
//! Both logs are synced, at the same time, before a proposal comes back. What was settled alone is not synced. A crash between
//! the two can leave an entry whose body is missing: nobody was told that it was accepted, its sender sends it again, and
//! whoever reads its body finds that there is none. Body segments in which nothing waits any more are deleted whole.
//!
//! The hub's incarnation is that of the entries' log, made with the first start on an empty folder.

mod beside;

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use sealpost_domain::link::Incarnation;
use sealpost_seglog::append::{self, Fatal};
use sealpost_seglog::disk::Disk;
use sealpost_seglog::{Location, Log, Options, Record, open};
use sealpost_wire::hub::{BodyLocation, Entry, Payload};

use super::{Committed, Failed, Free, Journal, Proposal, ProposeError, Read, ReadError, Ticket, parse};
use crate::core::{Fault, State};
use beside::{Beside, Bodies};

/// Random bytes for logs that do not exist yet.
#[derive(Clone, Copy)]
pub struct Fresh {
    /// The hub's incarnation.
    pub incarnation: Incarnation,
    /// For the checksums of the entries' log.
    pub entries_salt: [u8; 8],
    /// For the checksums of the bodies' log.
    pub bodies_salt: [u8; 8],
}

/// Both logs, open for writing.
pub struct Local {
    entries: Log,
    bodies: Bodies,
    incarnation: Incarnation,
    /// The segment that bodies are written to; nothing at or behind it can be deleted.
    active: u64,
    /// The first body segment that was not deleted.
    kept: u64,
    /// `None`: one log is synced after the other.
    beside: Option<Beside>,
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// How many proposals were taken.
    proposed: u64,
    /// What was proposed and did not come back.
    written: VecDeque<Committed>,
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of the logs cannot be opened.
    #[error("cannot open the hub's {log}")]
    Open {
        /// `journal` or `bodies`.
        log: &'static str,
        /// Why not.
        source: open::Error,
    },
    /// An entry cannot be read.
    #[error("cannot read the hub's journal; restore {} from a backup, or move the data folder away and start empty: \
             the nodes send again what is not receipted", folder.display())]
    Read {
        /// Where the journal lies.
        folder: PathBuf,
        /// Why not.
        source: ReadError,
    },
    /// An entry that makes no sense at its place.
    #[error("the hub's journal does not hold together")]
    Fault(#[from] Fault),
}

impl Local {
    /// Opens the journal in a folder, or makes it, and applies all of its entries.
    pub fn open(disk: &Arc<dyn Disk>, folder: &Path, fresh: Fresh) -> Result<(Self, State), Error> {
        let open = |log, salt, incarnation: Incarnation| {
            let options = Options::new(incarnation.0, salt);
            Log::open(Arc::clone(disk), &folder.join(log), options)
                .map_err(|source| Error::Open { log, source })
        };
        let (entries, found) = open("journal", fresh.entries_salt, fresh.incarnation)?;
        let incarnation = Incarnation(found.incarnation);
        if let Some(torn) = &found.torn {
            tracing::warn!(file = %torn.file.display(), bytes = torn.bytes, "cut a torn tail off the journal");
        }
        let (bodies, _) = open("bodies", fresh.bodies_salt, incarnation)?;
        let kept = bodies.reader().first();
        let (bodies, of_logs) = (Bodies::new(bodies), folder.to_owned());
        let disk = Arc::clone(disk);
        let journal = Self {
            entries,
            bodies,
            incarnation,
            active: kept,
            kept,
            beside: None,
            disk,
            folder: of_logs,
            proposed: 0,
            written: VecDeque::new(),
        };
        let state = journal.replay(folder, found.first)?;
        Ok((journal, state))
    }

    fn replay(&self, folder: &Path, first: u64) -> Result<State, Error> {
        let unreadable = |source| Error::Read { folder: folder.to_owned(), source };
        let mut state = State::new(first);
        for found in self.entries.reader().scan(first) {
            let found = found.map_err(|source| unreadable(source.into()))?;
            let entry = parse(found.index, &found.record.body).map_err(unreadable)?;
            state.step(found.index, &entry)?;
        }
        Ok(state)
    }

    /// The same journal, with both logs synced at the same time, which takes a thread of its own: not for deterministic
    /// simulations.
    pub fn syncing_together(self) -> io::Result<Self> {
        Ok(Self { beside: Some(Beside::start(&self.bodies)?), ..self })
    }

    /// Writes payloads, all or none, and returns where they lie. Not synced.
    fn write_bodies(
        &mut self,
        payloads: impl Iterator<Item = Bytes>,
    ) -> Result<Vec<BodyLocation>, append::Error> {
        let mut bodies = self.bodies.lock();
        let first = bodies.next();
        let records: Vec<Record> = payloads.map(|payload| Record::new(Bytes::new(), payload)).collect();
        let locations = bodies.append(&records)?;
        self.active = locations.last().map_or(self.active, |last| last.segment);
        let place = |(index, location): (u64, Location)| BodyLocation {
            segment: location.segment,
            offset: location.offset,
            length: location.length,
            checksum: location.crc,
            index,
        };
        Ok((first..).zip(locations).map(place).collect())
    }

    /// Writes entries, all or none, and returns the index of the first. Not synced.
    fn write_entries(&mut self, entries: &[Entry]) -> Result<u64, append::Error> {
        let first = self.entries.next();
        let records: Vec<Record> =
            entries.iter().map(|entry| Record::new(Bytes::new(), entry.to_bytes())).collect();
        self.entries.append(&records)?;
        Ok(first)
    }

    /// Syncs both logs, as far as they were written to.
    fn sync(&mut self) -> Result<(), Fatal> {
        let Self { entries, bodies, beside, .. } = self;
        let mut written = bodies.lock();
        if written.durable() == written.next() {
            return entries.sync().map(drop);
        }
        match beside {
            None => written.sync().and_then(|_| entries.sync()).map(drop),
            Some(beside) => {
                drop(written);
                beside.sync_with(entries)
            }
        }
    }
}

impl Journal for Local {
    fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    fn reader(&self) -> Arc<dyn Read> {
        Arc::new(Logs { entries: self.entries.reader(), bodies: self.bodies.lock().reader() })
    }

    fn free(&self) -> io::Result<Free> {
        let bytes = self.disk.free(&self.folder)?;
        Ok(Free { entries: bytes, bodies: bytes })
    }

    /// Bodies first: the entries name where they lie.
    fn propose(&mut self, proposal: Proposal) -> Result<Ticket, ProposeError> {
        let bodies = self.write_bodies(proposal.bodies().cloned())?;
        let matters = proposal.matters();
        let entries = proposal.entries(bodies);
        let first = self.write_entries(&entries)?;
        if matters {
            self.sync().map_err(Failed::Disk)?;
        }
        let ticket = Ticket(self.proposed);
        self.proposed += 1;
        self.written.push_back(Committed { first, entries, ticket: Some(ticket) });
        Ok(ticket)
    }

    fn committed(&mut self) -> Result<Option<Committed>, Failed> {
        Ok(self.written.pop_front())
    }

    /// Deletes the body segments in which nothing waits any more.
    fn applied(&mut self, state: &State) -> Result<(), Failed> {
        let needed = state.first_body_segment().unwrap_or(self.active).min(self.active);
        if needed > self.kept {
            // That they are settled must be as durable as that they are gone.
            self.entries.sync()?;
            self.kept = self.bodies.lock().remove_segments_below(needed)?;
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failed> {
        Ok(self.sync()?)
    }
}

impl From<append::Error> for ProposeError {
    fn from(error: append::Error) -> Self {
        match error {
            append::Error::Fatal(fatal) => Self::Failed(fatal.into()),
            append::Error::NoSpace { .. } => Self::NoRoom(error.into()),
            _ => Self::Refused(error.into()),
        }
    }
}

/// Both logs, for those who read. Blocks on the disk.
struct Logs {
    entries: sealpost_seglog::Reader,
    bodies: sealpost_seglog::Reader,
}

impl Read for Logs {
    fn entry(&self, index: u64) -> Result<Entry, ReadError> {
        parse(index, &self.entries.get(index)?.record.body)
    }

    fn payload(&self, at: &BodyLocation) -> Result<Payload, ReadError> {
        let location =
            Location { segment: at.segment, offset: at.offset, length: at.length, crc: at.checksum };
        let record = self.bodies.read_at(&location)?;
        Payload::from_bytes(&record.body).map_err(|source| ReadError::Parse { index: at.index, source })
    }
}

#[cfg(test)]
mod tests;
