//! `hub.proto`: what goes between node and hub, and the entries of the hub's journal.

mod journal;
pub mod snapshot;

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::envelope::{DirectoryVersion, Envelope, Signature, Wrap};
use sealpost_domain::message::Priority;
use sealpost_domain::record::Cursor;
use sealpost_domain::statement::{ControlType, Signed};
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::envelope::{self, signature_messages, signatures, signed, signed_by_one, signed_message};
use crate::field::{In, digest_bytes, incarnation_bytes};
use crate::names;
use journal::ENTRY_BYTES_MAX;
pub use journal::{BodyLocation, Entry, Event, Group, Payload, SubmittedEnvelope};

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
