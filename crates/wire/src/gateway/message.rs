//! Messages as the node shows them, alone, in lists and in streams.

use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::view::{
    AGENCIES_MAX, Erased, Event, Filter, LIST_MAX, Page, Place, Query, Shown, Verification,
};
use sealpost_proto::v1 as pb;

use super::change;
use super::forwarded::{forwarded, forwarded_message};
use super::id_bytes;
use super::names::{direction, direction_number};
use super::status::{recipient_state, recipient_state_message};
use crate::Error;
use crate::alert;
use crate::envelope::key_id_bytes;
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;

/// The most values that a list of a filter may have, besides agencies.
const FILTER_VALUES_MAX: usize = 64;

/// Reads what a subscriber wants: from which place in the ledger on, and which messages.
pub fn subscribe_request(message: pb::SubscribeRequest) -> Result<(Place, Filter), Error> {
    let pb::SubscribeRequest { from_index, filter, ledger_incarnation } = message;
    let ledger = In("SubscribeRequest").bytes_optional("ledger_incarnation", &ledger_incarnation)?;
    Ok((Place { index: from_index, ledger }, optional_filter(filter)?))
}

/// Asks for messages from a place in the ledger on.
pub fn subscribe_request_message(from: Place, filter: &Filter) -> pb::SubscribeRequest {
    let Place { index, ledger } = from;
    pb::SubscribeRequest {
        from_index: index,
        filter: Some(filter_message(filter)),
        ledger_incarnation: ledger.map(incarnation_bytes).unwrap_or_default(),
    }
}

/// Reads what a subscriber is told, and in which life of the ledger where the node says so.
pub fn event(message: pb::SubscribeResponse) -> Result<(Event, Option<Incarnation>), Error> {
    let pb::SubscribeResponse { event, ledger_incarnation } = message;
    let at = In("SubscribeResponse");
    let ledger = at.bytes_optional("ledger_incarnation", &ledger_incarnation)?;
    let event = match at.required("event", event)? {
        pb::subscribe_response::Event::Message(message) => Event::Message(Box::new(shown(message)?)),
        pb::subscribe_response::Event::CaughtUp(pb::CaughtUp { next_index }) => {
            Event::CaughtUp { next_index }
        }
        pb::subscribe_response::Event::Heartbeat(pb::Heartbeat { next_index }) => {
            Event::Heartbeat { next_index }
        }
    };
    Ok((event, ledger))
}

/// Tells a subscriber, in the present life of the ledger.
pub fn event_message(event: &Event, ledger: Incarnation) -> pb::SubscribeResponse {
    let event = match event {
        Event::Message(shown) => pb::subscribe_response::Event::Message(shown_message(shown)),
        Event::CaughtUp { next_index } => {
            pb::subscribe_response::Event::CaughtUp(pb::CaughtUp { next_index: *next_index })
        }
        Event::Heartbeat { next_index } => {
            pb::subscribe_response::Event::Heartbeat(pb::Heartbeat { next_index: *next_index })
        }
    };
    pb::SubscribeResponse { event: Some(event), ledger_incarnation: incarnation_bytes(ledger) }
}

/// Reads which messages are to be listed.
pub fn query(message: pb::ListRequest) -> Result<Query, Error> {
    let at = In("ListRequest");
    let pb::ListRequest { filter, limit, before_index } = message;
    if limit > LIST_MAX {
        return Err(at.fault("limit", format!("is {limit}, allowed are {LIST_MAX}")));
    }
    Ok(Query { filter: optional_filter(filter)?, limit, before: (before_index > 0).then_some(before_index) })
}

/// Asks for a list of messages.
pub fn query_message(query: &Query) -> pb::ListRequest {
    pb::ListRequest {
        filter: Some(filter_message(&query.filter)),
        limit: query.limit,
        before_index: query.before.unwrap_or(0),
    }
}

/// Reads a list of messages.
pub fn page(message: pb::ListResponse) -> Result<Page, Error> {
    let pb::ListResponse { messages, more } = message;
    Ok(Page { messages: messages.into_iter().map(shown).collect::<Result<_, _>>()?, more })
}

/// Answers with a list of messages.
pub fn page_message(page: &Page) -> pb::ListResponse {
    pb::ListResponse { messages: page.messages.iter().map(shown_message).collect(), more: page.more }
}

/// Reads a message as the node shows it.
pub fn shown(message: pb::Message) -> Result<Shown, Error> {
    let at = In("Message");
    let pb::Message {
        ledger_index,
        direction: way,
        message_id,
        sender,
        recipients,
        operation_id,
        sent_at_ms,
        recorded_at_ms,
        kind,
        priority,
        act_before_ms,
        category,
        mode,
        tlp,
        handling_codes,
        in_reply_to,
        alert,
        verification: verified,
        read,
        late,
        gap_before,
        states,
        changed,
        enclosed,
        forwarded: within,
        erased,
        held,
    } = message;
    let alert = alert.map(alert::alert).transpose();
    Ok(Shown {
        index: ledger_index,
        direction: direction(at, "direction", way)?,
        id: at.bytes("message_id", &message_id)?,
        sender: at.agency("sender", &sender)?,
        recipients: recipients
            .iter()
            .map(|agency| at.agency("recipients", agency))
            .collect::<Result<_, _>>()?,
        operation: at.parse_optional("operation_id", &operation_id)?,
        sent_at: instant(sent_at_ms),
        recorded_at: instant(recorded_at_ms),
        kind: names::kind(at, "kind", kind)?,
        priority: names::priority(at, "priority", priority)?,
        act_before: act_before_ms.map(instant),
        category: names::category(at, "category", category)?,
        mode: names::mode(at, "mode", mode)?,
        handling: names::handling(at, tlp, &handling_codes)?,
        in_reply_to: at.bytes_optional("in_reply_to", &in_reply_to)?,
        alert: alert.map_err(|faults| at.fault("alert", faults))?,
        verification: verification(at.required("verification", verified)?)?,
        read,
        late,
        gap_before,
        states: states.into_iter().map(recipient_state).collect::<Result<_, _>>()?,
        changed: changed.map(change::changed).transpose()?,
        enclosed: enclosed.map(change::enclosed).transpose()?,
        forwarded: within.map(|within| forwarded(within).map(Box::new)).transpose()?,
        erased: erased.map(|pb::Erased { ledger_index, erased_at_ms, rule }| Erased {
            record: ledger_index,
            at: instant(erased_at_ms),
            rule,
        }),
        held,
    })
}

/// Shows a message.
pub fn shown_message(shown: &Shown) -> pb::Message {
    let (tlp, handling_codes) = names::handling_numbers(&shown.handling);
    let verification = &shown.verification;
    pb::Message {
        ledger_index: shown.index,
        direction: direction_number(shown.direction),
        message_id: id_bytes(shown.id),
        sender: shown.sender.to_string(),
        recipients: shown.recipients.iter().map(AgencyId::to_string).collect(),
        operation_id: shown.operation.as_ref().map(ToString::to_string).unwrap_or_default(),
        sent_at_ms: shown.sent_at.as_millis(),
        recorded_at_ms: shown.recorded_at.as_millis(),
        kind: names::kind_number(shown.kind),
        priority: names::priority_number(shown.priority),
        act_before_ms: shown.act_before.map(Instant::as_millis),
        category: names::category_number(shown.category),
        mode: names::mode_number(shown.mode),
        tlp,
        handling_codes,
        in_reply_to: shown.in_reply_to.map(id_bytes).unwrap_or_default(),
        alert: shown.alert.as_ref().map(alert::alert_message),
        verification: Some(pb::Verification {
            signing_key_id: key_id_bytes(verification.signing_key),
            header_digest: digest_bytes(verification.header),
            directory_version: verification.directory_version,
            link_number: verification.link_number,
            agreement_id: verification.agreement.clone(),
        }),
        read: shown.read,
        late: shown.late,
        gap_before: shown.gap_before,
        states: shown.states.iter().map(recipient_state_message).collect(),
        changed: shown.changed.as_ref().map(change::changed_message),
        enclosed: shown.enclosed.as_ref().map(change::enclosed_message),
        forwarded: shown.forwarded.as_deref().map(forwarded_message),
        erased: shown.erased.as_ref().map(|Erased { record, at, rule }| pb::Erased {
            ledger_index: *record,
            erased_at_ms: at.as_millis(),
            rule: rule.clone(),
        }),
        held: shown.held,
    }
}

fn verification(message: pb::Verification) -> Result<Verification, Error> {
    let at = In("Verification");
    let pb::Verification { signing_key_id, header_digest, directory_version, link_number, agreement_id } =
        message;
    Ok(Verification {
        signing_key: at.bytes("signing_key_id", &signing_key_id)?,
        header: at.bytes("header_digest", &header_digest)?,
        directory_version,
        link_number,
        agreement: agreement_id,
    })
}

fn optional_filter(message: Option<pb::Filter>) -> Result<Filter, Error> {
    message.map_or_else(|| Ok(Filter::default()), filter)
}

fn filter(message: pb::Filter) -> Result<Filter, Error> {
    let at = In("Filter");
    let pb::Filter { kinds, categories, priorities, agencies, operation_id, direction: way, unread } =
        message;
    at.count("kinds", kinds.len(), FILTER_VALUES_MAX)?;
    at.count("categories", categories.len(), FILTER_VALUES_MAX)?;
    at.count("priorities", priorities.len(), FILTER_VALUES_MAX)?;
    at.count("agencies", agencies.len(), AGENCIES_MAX)?;
    let both = pb::Direction::Unspecified as i32;
    Ok(Filter {
        kinds: kinds.into_iter().map(|kind| names::kind(at, "kinds", kind)).collect::<Result<_, _>>()?,
        categories: categories
            .into_iter()
            .map(|category| names::category(at, "categories", category))
            .collect::<Result<_, _>>()?,
        priorities: priorities
            .into_iter()
            .map(|priority| names::priority(at, "priorities", priority))
            .collect::<Result<_, _>>()?,
        agencies: agencies.iter().map(|agency| at.agency("agencies", agency)).collect::<Result<_, _>>()?,
        operation: at.parse_optional("operation_id", &operation_id)?,
        direction: (way != both).then(|| direction(at, "direction", way)).transpose()?,
        unread,
    })
}

fn filter_message(filter: &Filter) -> pb::Filter {
    let Filter { kinds, categories, priorities, agencies, operation, direction, unread } = filter;
    pb::Filter {
        kinds: kinds.iter().copied().map(names::kind_number).collect(),
        categories: categories.iter().copied().map(names::category_number).collect(),
        priorities: priorities.iter().copied().map(names::priority_number).collect(),
        agencies: agencies.iter().map(AgencyId::to_string).collect(),
        operation_id: operation.as_ref().map(ToString::to_string).unwrap_or_default(),
        direction: direction.map_or(pb::Direction::Unspecified as i32, direction_number),
        unread: *unread,
    }
}
