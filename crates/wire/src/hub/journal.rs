//! The entries of the hub's journal, and what lies beside them.

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::envelope::{Signature, Wrap};
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::statement::Signed;
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::envelope::{self, signature_messages, signatures, signed, signed_message};
use crate::field::{In, instant};
use crate::names;

/// The largest entry of a hub's journal, in bytes.
pub(super) const ENTRY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// The version of groups, and of the rules that hubs apply to them.
const GROUP_VERSION: u32 = 1;

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
        let pb::JournalGroup { proposer, serial, entries, bodies_before, version } =
            at.decode(bytes, ENTRY_BYTES_MAX)?;
        if version != GROUP_VERSION {
            let problem = format!("is {version}, this hub reads version {GROUP_VERSION}; update it");
            return Err(at.fault("version", problem));
        }
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
            version: GROUP_VERSION,
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

pub(super) fn location(message: pb::BodyLocation) -> BodyLocation {
    let pb::BodyLocation { segment, offset, length, checksum, index } = message;
    BodyLocation { segment, offset, length, checksum, index }
}

pub(super) fn location_message(location: &BodyLocation) -> pb::BodyLocation {
    let BodyLocation { segment, offset, length, checksum, index } = *location;
    pb::BodyLocation { segment, offset, length, checksum, index }
}
