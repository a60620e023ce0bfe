//! `gateway.proto`: what an agency's own systems and officers exchange with its node.
//!
//! Both ends are in this project, so both directions are here. A message that is handed in is judged field by field
//! and every fault is told with its path; everything else is refused at the first fault.

mod change;
mod forwarded;
mod message;
mod names;
mod publish;
mod stats;
mod status;

pub use message::{
    event, event_message, page, page_message, query, query_message, shown, shown_message, subscribe_request,
    subscribe_request_message,
};
pub use publish::{
    Publication, answer, answer_message, publish_request, publish_request_message, release_request_message,
};
pub use stats::{period, period_message, statistics, statistics_message};
pub use status::{status, status_message, tracked, tracked_message};

use bytes::Bytes;
use sealpost_domain::agency::AgencyId;
use sealpost_domain::message::MessageId;
use sealpost_domain::view::Form;
use sealpost_proto::v1 as pb;

use crate::Error;
use crate::field::In;

/// The most messages that one call acknowledges.
pub const ACKNOWLEDGE_MAX: usize = 1000;

/// Reads which message is asked for, whose, and in which form.
pub fn get_request(message: &pb::GetRequest) -> Result<(MessageId, Option<AgencyId>, Form), Error> {
    let at = In("GetRequest");
    let pb::GetRequest { message_id, sender, enclose } = message;
    let form = if *enclose { Form::Enclosed } else { Form::Shown };
    Ok((at.bytes("message_id", message_id)?, at.parse_optional("sender", sender)?, form))
}

/// Asks for a message; without a sender, for whoever's it is.
pub fn get_request_message(id: MessageId, sender: Option<&AgencyId>, form: Form) -> pb::GetRequest {
    let enclose = form == Form::Enclosed;
    pb::GetRequest { message_id: id_bytes(id), sender: sender_text(sender), enclose }
}

/// Reads which message is to be tracked.
pub fn track_request(message: &pb::TrackRequest) -> Result<MessageId, Error> {
    In("TrackRequest").bytes("message_id", &message.message_id)
}

/// Asks where a message stands.
pub fn track_request_message(id: MessageId) -> pb::TrackRequest {
    pb::TrackRequest { message_id: id_bytes(id) }
}

/// Reads which messages were read, and whose they are.
pub fn acknowledge_request(
    message: &pb::AcknowledgeRequest,
) -> Result<(Vec<MessageId>, Option<AgencyId>), Error> {
    let at = In("AcknowledgeRequest");
    let pb::AcknowledgeRequest { message_ids, sender } = message;
    at.count("message_ids", message_ids.len(), ACKNOWLEDGE_MAX)?;
    let ids = message_ids.iter().map(|id| at.bytes("message_ids", id)).collect::<Result<_, _>>()?;
    Ok((ids, at.parse_optional("sender", sender)?))
}

/// Says that messages were read; without a sender, whoever's they are.
pub fn acknowledge_request_message(ids: &[MessageId], sender: Option<&AgencyId>) -> pb::AcknowledgeRequest {
    let message_ids = ids.iter().copied().map(id_bytes).collect();
    pb::AcknowledgeRequest { message_ids, sender: sender_text(sender) }
}

fn sender_text(sender: Option<&AgencyId>) -> String {
    sender.map_or_else(String::new, ToString::to_string)
}

fn id_bytes(id: MessageId) -> Bytes {
    Bytes::copy_from_slice(id.as_bytes())
}

#[cfg(test)]
mod tests;
