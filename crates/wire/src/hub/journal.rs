//! The entries of the hub's journal, what lies beside them, and what is known after them.

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::{Signature, Wrap};
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::envelope::{self, signature_messages, signatures, signed, signed_message};
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;

/// The largest entry of a hub's journal, in bytes.
pub(super) const ENTRY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The largest snapshot: of some ten million envelopes that wait.
const SNAPSHOT_BYTES_MAX: usize = 1 << 30;

/// What lies in the hub's body segments: all of an envelope that its journal entry does not hold.
pub struct Payload {
    /// The sealed content.
    pub sealed: Bytes,
    /// The wraps, for all recipients.
    pub wraps: Vec<Wrap>,
}

impl Payload {
    /// Parses what was stored.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, Error> {
        let pb::StoredPayload { sealed, wraps } = In("StoredPayload").decode(bytes, ENTRY_BYTES_MAX)?;
        Ok(Self { sealed, wraps: wraps.into_iter().map(envelope::wrap).collect::<Result<_, _>>()? })
    }

    /// The bytes to be stored.
    pub fn to_bytes(&self) -> Bytes {
        let wraps = self.wraps.iter().map(envelope::wrap_message).collect();
        pb::StoredPayload { sealed: self.sealed.clone(), wraps }.encode_to_vec().into()
    }
}

/// Where a payload lies in the body segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyLocation {
    /// The segment, by its first index.
    pub segment: u64,
    /// The frame's offset in it.
    pub offset: u64,
    /// The frame's length.
    pub length: u32,
    /// The frame's CRC-32C.
    pub checksum: u32,
    /// The frame's index in the body log.
    pub index: u64,
}

/// An entry of the hub's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The hub's clock when it was made.
    pub at: Instant,
    /// What happened.
    pub event: Event,
}

/// What an entry of the hub's journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A new directory is in force.
    Directory(Signed),
    /// A node submitted a batch; its signatures were verified against the directory then in force.
    Batch {
        /// The node's agency, from its certificate.
        sender: AgencyId,
        /// The envelopes, without their bodies.
        envelopes: Vec<SubmittedEnvelope>,
    },
    /// A node has durably received everything of a priority up to an index.
    Settled {
        /// The node's agency.
        recipient: AgencyId,
        /// The lane.
        priority: Priority,
        /// The last entry that is settled.
        index: u64,
    },
    /// An operator published revocation lists, DER.
    Lists(Vec<Bytes>),
}

/// An envelope in the hub's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubmittedEnvelope {
    /// The exact bytes of the header.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: Vec<Signature>,
    /// Where the rest lies.
    pub payload: BodyLocation,
    /// Bit n is set where the payload holds a wrap for recipient n of the header.
    pub wrapped: u64,
}

impl Entry {
    /// Parses an entry.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, Error> {
        entry(In("JournalEntry").decode(bytes, ENTRY_BYTES_MAX)?)
    }

    /// The bytes of an entry.
    pub fn to_bytes(&self) -> Bytes {
        entry_message(self).encode_to_vec().into()
    }
}

/// Entries that were proposed at a time, as one message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Who proposed it.
    pub proposer: [u8; 16],
    /// Counts the groups of that proposer, from 1.
    pub serial: u64,
    /// In order.
    pub entries: Vec<Entry>,
    /// Bodies before this sequence are deleted.
    pub bodies_before: u64,
}

impl Group {
    /// Parses a group.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, Error> {
        let at = In("JournalGroup");
        let pb::JournalGroup { proposer, serial, entries, bodies_before } =
            at.decode(bytes, ENTRY_BYTES_MAX)?;
        let entries = entries.into_iter().map(entry).collect::<Result<_, _>>()?;
        Ok(Self { proposer: at.bytes("proposer", &proposer)?, serial, entries, bodies_before })
    }

    /// The bytes of a group.
    pub fn to_bytes(&self) -> Bytes {
        let Self { proposer, serial, entries, bodies_before } = self;
        pb::JournalGroup {
            proposer: Bytes::copy_from_slice(proposer),
            serial: *serial,
            entries: entries.iter().map(entry_message).collect(),
            bodies_before: *bodies_before,
        }
        .encode_to_vec()
        .into()
    }
}

fn entry(message: pb::JournalEntry) -> Result<Entry, Error> {
    let at = In("JournalEntry");
    let pb::JournalEntry { at_ms, event } = message;
    let event = match at.required("event", event)? {
        pb::journal_entry::Event::Directory(pb::DirectoryInstalled { directory }) => {
            Event::Directory(signed(at.required("directory", directory)?)?)
        }
        pb::journal_entry::Event::Batch(pb::BatchSubmitted { sender, envelopes }) => Event::Batch {
            sender: at.agency("sender", &sender)?,
            envelopes: envelopes.into_iter().map(submitted).collect::<Result<_, _>>()?,
        },
        pb::journal_entry::Event::Settled(pb::MailSettled { recipient, priority, index }) => Event::Settled {
            recipient: at.agency("recipient", &recipient)?,
            priority: names::priority(at, "priority", priority)?,
            index,
        },
        pb::journal_entry::Event::Lists(pb::ListsPublished { crls }) => Event::Lists(crls),
    };
    Ok(Entry { at: instant(at_ms), event })
}

fn entry_message(entry: &Entry) -> pb::JournalEntry {
    let event = match &entry.event {
        Event::Directory(directory) => pb::journal_entry::Event::Directory(pb::DirectoryInstalled {
            directory: Some(signed_message(directory)),
        }),
        Event::Batch { sender, envelopes } => pb::journal_entry::Event::Batch(pb::BatchSubmitted {
            sender: sender.to_string(),
            envelopes: envelopes.iter().map(submitted_message).collect(),
        }),
        Event::Lists(crls) => pb::journal_entry::Event::Lists(pb::ListsPublished { crls: crls.clone() }),
        Event::Settled { recipient, priority, index } => pb::journal_entry::Event::Settled(pb::MailSettled {
            recipient: recipient.to_string(),
            priority: names::priority_number(*priority),
            index: *index,
        }),
    };
    pb::JournalEntry { at_ms: entry.at.as_millis(), event: Some(event) }
}

fn submitted(message: pb::SubmittedEnvelope) -> Result<SubmittedEnvelope, Error> {
    let at = In("SubmittedEnvelope");
    let pb::SubmittedEnvelope { header, signatures, payload, wrapped } = message;
    Ok(SubmittedEnvelope {
        header,
        signatures: self::signatures(at, signatures)?,
        payload: location(at.required("payload", payload)?),
        wrapped,
    })
}

fn submitted_message(envelope: &SubmittedEnvelope) -> pb::SubmittedEnvelope {
    pb::SubmittedEnvelope {
        header: envelope.header.clone(),
        signatures: signature_messages(&envelope.signatures),
        payload: Some(location_message(&envelope.payload)),
        wrapped: envelope.wrapped,
    }
}

/// What a hub knows after a group of its journal's stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The sequence of the group.
    pub sequence: u64,
    /// The digest of its message.
    pub group_digest: Digest,
    /// Of which life of the hub.
    pub incarnation: Incarnation,
    /// Bodies before this sequence are deleted.
    pub bodies_before: u64,
    /// Whose groups are taken how far.
    pub proposers: Vec<Proposer>,
    /// What follows from the entries.
    pub state: State,
}

/// How far the groups of a proposer are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposer {
    /// Who it is.
    pub id: [u8; 16],
    /// The last serial that was taken.
    pub serial: u64,
    /// The sequence of that group.
    pub sequence: u64,
}

/// What a hub knows of its mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The least index that the next entry can have.
    pub next: u64,
    /// The directory in force.
    pub directory: Option<Signed>,
    /// Versions of it, each with the index of its entry.
    pub versions: Vec<(u64, u64)>,
    /// The entries with the latest revocation lists.
    pub lists: Vec<u64>,
    /// In the order in which the journal names them.
    pub agencies: Vec<AgencyId>,
    /// What waits, by recipient and priority, each in the order of the journal.
    pub waiting: Vec<Waiting>,
}

/// An envelope that waits for a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The recipient, by its position among the agencies.
    pub recipient: u32,
    /// The sender, by the same.
    pub sender: u32,
    /// In which lane.
    pub priority: Priority,
    /// Its place.
    pub index: u64,
    /// The digest of its header.
    pub header: Digest,
    /// Where the rest lies.
    pub payload: BodyLocation,
}

/// Which snapshot is the latest that is stored whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The sequence of the group after which it was taken.
    pub sequence: u64,
    /// In so many messages.
    pub parts: u32,
    /// The digest of all of it.
    pub digest: Digest,
}

impl Stored {
    /// Parses it.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, Error> {
        let at = In("SnapshotStored");
        let pb::SnapshotStored { sequence, parts, digest } = at.decode(bytes, ENTRY_BYTES_MAX)?;
        Ok(Self { sequence, parts, digest: at.bytes("digest", &digest)? })
    }

    /// The bytes of it.
    pub fn to_bytes(&self) -> Bytes {
        let Self { sequence, parts, digest } = *self;
        pb::SnapshotStored { sequence, parts, digest: digest_bytes(digest) }.encode_to_vec().into()
    }
}

impl Snapshot {
    /// Parses a snapshot.
    pub fn from_bytes(bytes: &Bytes) -> Result<Self, Error> {
        let at = In("JournalSnapshot");
        let pb::JournalSnapshot { sequence, group_digest, incarnation, bodies_before, proposers, state } =
            at.decode(bytes, SNAPSHOT_BYTES_MAX)?;
        Ok(Self {
            sequence,
            group_digest: at.bytes("group_digest", &group_digest)?,
            incarnation: at.bytes("incarnation", &incarnation)?,
            bodies_before,
            proposers: proposers.into_iter().map(proposer).collect::<Result<_, _>>()?,
            state: state_of(at.required("state", state)?)?,
        })
    }

    /// The bytes of a snapshot.
    pub fn to_bytes(&self) -> Bytes {
        let proposer = |proposer: &Proposer| pb::KnownProposer {
            proposer: Bytes::copy_from_slice(&proposer.id),
            serial: proposer.serial,
            sequence: proposer.sequence,
        };
        pb::JournalSnapshot {
            sequence: self.sequence,
            group_digest: digest_bytes(self.group_digest),
            incarnation: incarnation_bytes(self.incarnation),
            bodies_before: self.bodies_before,
            proposers: self.proposers.iter().map(proposer).collect(),
            state: Some(state_message(&self.state)),
        }
        .encode_to_vec()
        .into()
    }
}

fn proposer(message: pb::KnownProposer) -> Result<Proposer, Error> {
    let pb::KnownProposer { proposer, serial, sequence } = message;
    Ok(Proposer { id: In("KnownProposer").bytes("proposer", &proposer)?, serial, sequence })
}

fn state_of(message: pb::HubState) -> Result<State, Error> {
    let at = In("HubState");
    let pb::HubState { next, directory, versions, lists, agencies, waiting } = message;
    Ok(State {
        next,
        directory: directory.map(signed).transpose()?,
        versions: versions.into_iter().map(|installed| (installed.version, installed.entry)).collect(),
        lists,
        agencies: agencies.iter().map(|agency| at.agency("agencies", agency)).collect::<Result<_, _>>()?,
        waiting: waiting.into_iter().map(waiting_of).collect::<Result<_, _>>()?,
    })
}

fn state_message(state: &State) -> pb::HubState {
    let version = |&(version, entry): &(u64, u64)| pb::InstalledVersion { version, entry };
    pb::HubState {
        next: state.next,
        directory: state.directory.as_ref().map(signed_message),
        versions: state.versions.iter().map(version).collect(),
        lists: state.lists.clone(),
        agencies: state.agencies.iter().map(ToString::to_string).collect(),
        waiting: state.waiting.iter().map(waiting_message).collect(),
    }
}

fn waiting_of(message: pb::WaitingEnvelope) -> Result<Waiting, Error> {
    let at = In("WaitingEnvelope");
    let pb::WaitingEnvelope { recipient, sender, priority, index, header_digest, payload } = message;
    Ok(Waiting {
        recipient,
        sender,
        priority: names::priority(at, "priority", priority)?,
        index,
        header: at.bytes("header_digest", &header_digest)?,
        payload: location(at.required("payload", payload)?),
    })
}

fn waiting_message(waiting: &Waiting) -> pb::WaitingEnvelope {
    pb::WaitingEnvelope {
        recipient: waiting.recipient,
        sender: waiting.sender,
        priority: names::priority_number(waiting.priority),
        index: waiting.index,
        header_digest: digest_bytes(waiting.header),
        payload: Some(location_message(&waiting.payload)),
    }
}

fn location(message: pb::BodyLocation) -> BodyLocation {
    let pb::BodyLocation { segment, offset, length, checksum, index } = message;
    BodyLocation { segment, offset, length, checksum, index }
}

fn location_message(location: &BodyLocation) -> pb::BodyLocation {
    let BodyLocation { segment, offset, length, checksum, index } = *location;
    pb::BodyLocation { segment, offset, length, checksum, index }
}
