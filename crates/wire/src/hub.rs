//! `hub.proto`: what goes between node and hub, and the entries of the hub's journal.

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::envelope::{DirectoryVersion, Envelope, Signature, Wrap};
use sealpost_domain::instant::Instant;
use sealpost_domain::message::Priority;
use sealpost_domain::record::Cursor;
use sealpost_domain::statement::{ControlType, Signed};
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::envelope::{self, signature_messages, signatures, signed, signed_by_one, signed_message};
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;

/// The largest entry of a hub's journal, in bytes.
const ENTRY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A batch of envelopes as it was submitted.
pub struct Submission {
    /// The client's number for it.
    pub batch: u64,
    /// The envelopes; nothing in them is believed yet.
    pub envelopes: Vec<Envelope>,
}

/// Reads a submitted batch.
pub fn submission(message: pb::SubmitRequest) -> Result<Submission, Error> {
    let pb::SubmitRequest { batch, envelopes } = message;
    if envelopes.is_empty() {
        return Err(In("SubmitRequest").fault("envelopes", "is empty, expected one or more"));
    }
    Ok(Submission {
        batch,
        envelopes: envelopes.into_iter().map(envelope::envelope).collect::<Result<_, _>>()?,
    })
}

/// What the hub tells of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryNews {
    /// A version; nothing in it is believed yet.
    pub directory: Option<Signed>,
    /// The current revocation lists, DER.
    pub crls: Vec<Bytes>,
    /// The version that is in force at the hub; an older hub does not say.
    pub in_force: Option<DirectoryVersion>,
}

/// Reads what the hub tells of the directory.
pub fn directory_news(message: pb::DirectoryUpdate) -> Result<DirectoryNews, Error> {
    let pb::DirectoryUpdate { directory, crls, in_force } = message;
    let in_force = match in_force {
        Some(version) => Some(envelope::directory_version(In("DirectoryUpdate"), Some(version))?),
        None => None,
    };
    Ok(DirectoryNews { directory: directory.map(signed).transpose()?, crls, in_force })
}

/// One envelope as it is delivered to one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its place in the hub's journal.
    pub index: u64,
    /// The exact bytes of the header.
    pub header: Bytes,
    /// Over those bytes.
    pub signatures: Vec<Signature>,
    /// The sealed content.
    pub sealed: Bytes,
    /// The recipient's own wrap.
    pub wrap: Wrap,
}

/// Reads a delivery.
pub fn delivery(message: pb::Delivery) -> Result<Delivery, Error> {
    let at = In("Delivery");
    let pb::Delivery { index, header, signatures, sealed, wrap } = message;
    at.count("header", header.len(), sealpost_domain::envelope::HEADER_BYTES_MAX)?;
    at.count("sealed", sealed.len(), sealpost_domain::envelope::SEALED_BYTES_MAX)?;
    Ok(Delivery {
        index,
        header,
        signatures: self::signatures(at, signatures)?,
        sealed,
        wrap: envelope::wrap(at.required("wrap", wrap)?)?,
    })
}

/// The message for a delivery.
pub fn delivery_message(delivery: Delivery) -> pb::Delivery {
    let Delivery { index, header, signatures, sealed, wrap } = delivery;
    let wrap = Some(envelope::wrap_message(&wrap));
    pb::Delivery { index, header, signatures: signature_messages(&signatures), sealed, wrap }
}

/// Reads a cursor.
pub fn cursor(message: &pb::Cursor) -> Result<Cursor, Error> {
    let at = In("Cursor");
    let pb::Cursor { hub_incarnation, index, entry_digest } = message;
    Ok(Cursor {
        hub_incarnation: at.bytes("hub_incarnation", hub_incarnation)?,
        index: *index,
        entry_digest: at.bytes("entry_digest", entry_digest)?,
    })
}

/// The message for a cursor.
pub fn cursor_message(cursor: &Cursor) -> pb::Cursor {
    pb::Cursor {
        hub_incarnation: incarnation_bytes(cursor.hub_incarnation),
        index: cursor.index,
        entry_digest: digest_bytes(cursor.entry_digest),
    }
}

/// Reads a priority that a client asks for.
pub fn priority(number: i32) -> Result<Priority, Error> {
    names::priority(In("ReceiveOpen"), "priority", number)
}

/// The number of a priority.
pub fn priority_number(priority: Priority) -> i32 {
    names::priority_number(priority)
}

/// A signed statement on its way from one node to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control {
    /// Who sends it, as the hub knows from the connection.
    pub from: AgencyId,
    /// For whom.
    pub to: AgencyId,
    /// Which statement.
    pub kind: ControlType,
    /// The statement, not verified.
    pub statement: Signed,
}

/// Reads a control frame.
pub fn control(message: pb::ControlFrame) -> Result<Control, Error> {
    let at = In("ControlFrame");
    let pb::ControlFrame { from, to, r#type, statement } = message;
    Ok(Control {
        from: at.agency("from", &from)?,
        to: at.agency("to", &to)?,
        kind: names::control_type(at, "type", r#type)?,
        statement: signed_by_one(at.required("statement", statement)?)?,
    })
}

/// The message for a control frame.
pub fn control_message(control: &Control) -> pb::ControlFrame {
    pb::ControlFrame {
        from: control.from.to_string(),
        to: control.to.to_string(),
        r#type: names::control_type_number(control.kind),
        statement: Some(signed_message(&control.statement)),
    }
}

/// Parses a control frame that another hub passes on.
pub fn control_from_bytes(bytes: &Bytes) -> Result<Control, Error> {
    control(In("ControlFrame").decode(bytes, ENTRY_BYTES_MAX)?)
}

/// The bytes of a control frame for another hub.
pub fn control_to_bytes(frame: &Control) -> Bytes {
    control_message(frame).encode_to_vec().into()
}

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
    let pb::BodyLocation { segment, offset, length, checksum, index } = at.required("payload", payload)?;
    Ok(SubmittedEnvelope {
        header,
        signatures: self::signatures(at, signatures)?,
        payload: BodyLocation { segment, offset, length, checksum, index },
        wrapped,
    })
}

fn submitted_message(envelope: &SubmittedEnvelope) -> pb::SubmittedEnvelope {
    let BodyLocation { segment, offset, length, checksum, index } = envelope.payload;
    pb::SubmittedEnvelope {
        header: envelope.header.clone(),
        signatures: signature_messages(&envelope.signatures),
        payload: Some(pb::BodyLocation { segment, offset, length, checksum, index }),
        wrapped: envelope.wrapped,
    }
}
