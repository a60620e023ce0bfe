//! `gateway.proto`: what an agency's own systems and officers exchange with its node.
//!
//! Both ends are in this project, so both directions are here. A message that is handed in is judged field by field
//! and every fault is told with its path; everything else is refused at the first fault.

mod message;
mod names;
mod publish;
mod stats;
mod status;

pub use message::{
    event, event_message, page, page_message, query, query_message, shown, shown_message, subscribe_request,
    subscribe_request_message,
};
pub use publish::{Publication, answer, answer_message, publish_request, publish_request_message};
pub use stats::{period, period_message, statistics, statistics_message};
pub use status::{status, status_message, tracked, tracked_message};

use bytes::Bytes;
use sealpost_domain::message::MessageId;
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::field::In;

/// The most messages that one call acknowledges.
pub const ACKNOWLEDGE_MAX: usize = 1000;

/// Reads which message is asked for.
pub fn get_request(message: &pb::GetRequest) -> Result<MessageId, Error> {
    In("GetRequest").bytes("message_id", &message.message_id)
}

/// Asks for a message.
pub fn get_request_message(id: MessageId) -> pb::GetRequest {
    pb::GetRequest { message_id: id_bytes(id) }
}

/// Reads which message is to be tracked.
pub fn track_request(message: &pb::TrackRequest) -> Result<MessageId, Error> {
    In("TrackRequest").bytes("message_id", &message.message_id)
}

/// Asks where a message stands.
pub fn track_request_message(id: MessageId) -> pb::TrackRequest {
    pb::TrackRequest { message_id: id_bytes(id) }
}

/// Reads which messages were read.
pub fn acknowledge_request(message: &pb::AcknowledgeRequest) -> Result<Vec<MessageId>, Error> {
    let at = In("AcknowledgeRequest");
    at.count("message_ids", message.message_ids.len(), ACKNOWLEDGE_MAX)?;
    message.message_ids.iter().map(|id| at.bytes("message_ids", id)).collect()
}

/// Says that messages were read.
pub fn acknowledge_request_message(ids: &[MessageId]) -> pb::AcknowledgeRequest {
    pb::AcknowledgeRequest { message_ids: ids.iter().copied().map(id_bytes).collect() }
}

fn id_bytes(id: MessageId) -> Bytes {
    Bytes::copy_from_slice(id.as_bytes())
}

#[cfg(test)]
mod tests;
