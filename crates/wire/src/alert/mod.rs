//! `alert.proto`: the body of a message.
//!
//! A body is parsed only after its envelope was verified, and is then refused whole if any part of it breaks a rule. It
//! is never encoded again: [`alert_to_bytes`] is for the sender, before the body is signed and sealed.

mod names;
mod read;
mod read_answers;
mod write;

use bytes::Bytes;
use prost::Message as _;
use sealpost_domain::alert::fault::{Collector, Place};
use sealpost_domain::alert::{Alert, Content, Enclosed, Fault, Faults};
use sealpost_domain::envelope::BODY_BYTES_MAX;
use sealpost_proto::v1 as pb;

/// Why bytes are not an alert.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More bytes than a body may have.
    #[error(
        "the alert has {found} bytes, allowed are {BODY_BYTES_MAX}; send what is too large by other means"
    )]
    TooLarge {
        /// How many there are.
        found: usize,
    },
    /// Not protobuf, or of other types.
    #[error("the alert cannot be parsed as protobuf")]
    Protobuf(#[from] prost::DecodeError),
    /// Fields that break their rules, all of them.
    #[error("the alert is not valid: {0}")]
    Content(#[from] Faults),
}

/// Parses the bytes of a body.
pub fn alert_from_bytes(bytes: &[u8]) -> Result<Alert, Error> {
    if bytes.len() > BODY_BYTES_MAX {
        return Err(Error::TooLarge { found: bytes.len() });
    }
    // `Bytes` fields share the copied buffer.
    Ok(alert(pb::Alert::decode(Bytes::copy_from_slice(bytes))?)?)
}

/// The bytes of a body, to be signed and sealed. They are made once, by the sender.
pub fn alert_to_bytes(alert: &Alert) -> Result<Vec<u8>, Error> {
    let message = alert_message(alert);
    match message.encoded_len() {
        found if found > BODY_BYTES_MAX => Err(Error::TooLarge { found }),
        _ => Ok(message.encode_to_vec()),
    }
}

/// Reads an alert that a service received in a message of its own; all faults are told.
pub fn alert(message: pb::Alert) -> Result<Alert, Faults> {
    let collector = Collector::default();
    let parts = read::alert(message, &collector.root());
    Alert::new(collector.finish(parts)?)
}

/// The message for an alert.
pub fn alert_message(alert: &Alert) -> pb::Alert {
    write::alert(alert)
}

/// Reads a content that stands by itself: the replacement in an amendment.
pub(crate) fn content(message: pb::AlertContent) -> Result<Content, Faults> {
    let collector = Collector::default();
    let content = read::content(message, &collector.root());
    collector.finish(content)
}

/// The message for a content.
pub(crate) fn content_message(content: &Content) -> pb::AlertContent {
    write::content(content)
}

/// Reads an enclosed message.
pub(crate) fn enclosed(message: pb::Enclosed, at: &Place<'_>) -> Option<Enclosed> {
    read_answers::enclosed(message, at)
}

/// The message for an enclosed message.
pub(crate) fn enclosed_message(enclosed: &Enclosed) -> pb::Enclosed {
    write::enclosed(enclosed)
}

/// A fault that is not about one field: the alert is missing altogether.
pub fn missing() -> Faults {
    Fault::new("alert", "nothing", "an alert").into()
}
