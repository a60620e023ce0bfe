//! Where a message stands, and how the node is.

use sealpost_domain::identity::NetworkName;
use sealpost_domain::instant::Instant;
use sealpost_domain::view::{Covered, HubStatus, PeerStatus, RecipientState, Sending, Status, Tracked};
use sealpost_proto::v1 as pb;

use super::change;
use super::id_bytes;
use super::names::{delivery_state, delivery_state_number};
use crate::Error;
use crate::field::{In, digest_bytes, incarnation_bytes, instant};
use crate::names;

/// Reads where a message stands.
pub fn tracked(message: pb::TrackResponse) -> Result<Tracked, Error> {
    let at = In("TrackResponse");
    let pb::TrackResponse { message_id, kind, priority, sent_at_ms, act_before_ms, states, changed, answers } =
        message;
    Ok(Tracked {
        id: at.bytes("message_id", &message_id)?,
        kind: names::kind(at, "kind", kind)?,
        priority: names::priority(at, "priority", priority)?,
        sent_at: instant(sent_at_ms),
        act_before: act_before_ms.map(instant),
        states: states.into_iter().map(recipient_state).collect::<Result<_, _>>()?,
        changed: changed.map(change::changed).transpose()?,
        answers: answers.into_iter().map(change::answer).collect::<Result<_, _>>()?,
    })
}

/// Says where a message stands.
pub fn tracked_message(tracked: &Tracked) -> pb::TrackResponse {
    pb::TrackResponse {
        message_id: id_bytes(tracked.id),
        kind: names::kind_number(tracked.kind),
        priority: names::priority_number(tracked.priority),
        sent_at_ms: tracked.sent_at.as_millis(),
        act_before_ms: tracked.act_before.map(Instant::as_millis),
        states: tracked.states.iter().map(recipient_state_message).collect(),
        changed: tracked.changed.as_ref().map(change::changed_message),
        answers: tracked.answers.iter().map(change::answer_message).collect(),
    }
}

pub(super) fn recipient_state(message: pb::RecipientState) -> Result<RecipientState, Error> {
    let at = In("RecipientState");
    let pb::RecipientState { agency, state, since_ms, rule, overdue, changed } = message;
    Ok(RecipientState {
        agency: at.agency("agency", &agency)?,
        state: delivery_state(at, "state", state)?,
        since: instant(since_ms),
        rule: (!rule.is_empty()).then_some(rule),
        overdue,
        changed: changed.map(|changed| change::change(&changed)).transpose()?,
    })
}

pub(super) fn recipient_state_message(state: &RecipientState) -> pb::RecipientState {
    pb::RecipientState {
        agency: state.agency.to_string(),
        state: delivery_state_number(state.state),
        since_ms: state.since.as_millis(),
        rule: state.rule.clone().unwrap_or_default(),
        overdue: state.overdue,
        changed: state.changed.as_ref().map(change::change_message),
    }
}

/// Reads how a node is.
pub fn status(message: pb::StatusResponse) -> Result<Status, Error> {
    let at = In("StatusResponse");
    let pb::StatusResponse {
        agency,
        network,
        version,
        hub_connected,
        hub_detail,
        hub_since_ms,
        ledger_next_index,
        ledger_incarnation,
        directory_version,
        directory_valid_until_ms,
        outstanding,
        peers,
        directory_digest,
    } = message;
    let network_name = NetworkName::parse(&network)
        .ok_or_else(|| at.fault("network", format!("`{network}` is not a network's name")))?;
    Ok(Status {
        agency: at.agency("agency", &agency)?,
        network: network_name,
        version,
        hub: HubStatus { connected: hub_connected, detail: hub_detail, since: instant(hub_since_ms) },
        ledger_next_index,
        ledger_incarnation: at.bytes("ledger_incarnation", &ledger_incarnation)?,
        directory_version,
        directory_digest: at.bytes_optional("directory_digest", &directory_digest)?,
        directory_valid_until: instant(directory_valid_until_ms),
        outstanding,
        peers: peers.into_iter().map(peer).collect::<Result<_, _>>()?,
    })
}

/// Says how a node is.
pub fn status_message(status: &Status) -> pb::StatusResponse {
    pb::StatusResponse {
        agency: status.agency.to_string(),
        network: status.network.to_string(),
        version: status.version.clone(),
        hub_connected: status.hub.connected,
        hub_detail: status.hub.detail.clone(),
        hub_since_ms: status.hub.since.as_millis(),
        ledger_next_index: status.ledger_next_index,
        ledger_incarnation: incarnation_bytes(status.ledger_incarnation),
        directory_version: status.directory_version,
        directory_valid_until_ms: status.directory_valid_until.as_millis(),
        outstanding: status.outstanding,
        peers: status.peers.iter().map(peer_message).collect(),
        directory_digest: status.directory_digest.map(digest_bytes).unwrap_or_default(),
    }
}

fn peer(message: pb::PeerStatus) -> Result<PeerStatus, Error> {
    let pb::PeerStatus {
        agency,
        outstanding,
        sent,
        received,
        kept_size,
        kept_at_ms,
        cosigned_size,
        cosigned_at_ms,
        directory_version,
        missing,
        awaited,
    } = message;
    Ok(PeerStatus {
        agency: In("PeerStatus").agency("agency", &agency)?,
        outstanding,
        sent,
        received,
        missing,
        sending: if awaited { Sending::AwaitsPeer } else { Sending::Open },
        kept: covered(kept_size, kept_at_ms),
        cosigned: covered(cosigned_size, cosigned_at_ms),
        directory_version: (directory_version > 0).then_some(directory_version),
    })
}

fn peer_message(peer: &PeerStatus) -> pb::PeerStatus {
    pb::PeerStatus {
        agency: peer.agency.to_string(),
        outstanding: peer.outstanding,
        sent: peer.sent,
        received: peer.received,
        missing: peer.missing,
        awaited: peer.sending == Sending::AwaitsPeer,
        kept_size: peer.kept.map_or(0, |kept| kept.records),
        kept_at_ms: peer.kept.map_or(0, |kept| kept.at.as_millis()),
        cosigned_size: peer.cosigned.map_or(0, |cosigned| cosigned.records),
        cosigned_at_ms: peer.cosigned.map_or(0, |cosigned| cosigned.at.as_millis()),
        directory_version: peer.directory_version.unwrap_or(0),
    }
}

fn covered(records: u64, at_ms: i64) -> Option<Covered> {
    (records > 0).then(|| Covered { records, at: instant(at_ms) })
}
