//! `sealpost status`: how the node is.

use sealpost_client::gateway::Gateway;
use sealpost_domain::view::{Covered, PeerStatus, Sending, Status};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{self, Output, time};
use crate::text;

/// Shows how the node is.
pub(super) async fn run(gateway: &Gateway, out: &mut Output) -> Result<(), Failure> {
    let status = gateway.status().await?;
    if out.is_json() {
        return out.json(&document(&status).to_string());
    }
    let connected = if status.hub.connected { "connected" } else { "NOT CONNECTED" };
    let hub = format!("{connected} since {}: {}", time(status.hub.since), text::line(&status.hub.detail));
    let rows = [
        ("agency", status.agency.to_string()),
        ("network", status.network.to_string()),
        ("gateway", format!("{}, version {}", text::line(gateway.address()), text::line(&status.version))),
        ("hub", hub),
        (
            "ledger",
            format!("{} records, incarnation {}", status.ledger_next_index, status.ledger_incarnation),
        ),
        ("directory", directory(&status)),
        ("outstanding", format!("{} recipients have not receipted yet", status.outstanding)),
    ];
    out.table(&mut output::list(rows))?;
    if status.peers.is_empty() {
        return Ok(());
    }
    let mut table = output::table([
        "AGENCY",
        "SENT",
        "OUTSTANDING",
        "RECEIVED",
        "MISSING",
        "THEIR LEDGER KEPT",
        "OURS COSIGNED",
    ]);
    let mut awaited = Vec::new();
    for peer in &status.peers {
        let PeerStatus { agency, outstanding, sent, received, missing, kept, cosigned, .. } = peer;
        table.add_row([
            agency.to_string(),
            sent.to_string(),
            outstanding.to_string(),
            received.to_string(),
            missing.to_string(),
            up_to(*kept),
            up_to(*cosigned),
        ]);
        if peer.sending == Sending::AwaitsPeer {
            awaited.push(agency.to_string());
        }
    }
    out.line("")?;
    out.table(&mut table)?;
    if awaited.is_empty() {
        return Ok(());
    }
    out.line(&format!(
        "it is not proven that the ledger is the latest copy: what is for {} is sent once it has said what it has of ours (docs/links.md)",
        awaited.join(", ")
    ))
}

/// Two agencies that see the same digest decide by the same directory.
fn directory(status: &Status) -> String {
    let (version, valid_until) = (status.directory_version, time(status.directory_valid_until));
    match status.directory_digest {
        Some(digest) => format!("version {version}, valid until {valid_until}, SHA-256 {digest}"),
        None => format!("version {version}, valid until {valid_until}"),
    }
}

fn up_to(covered: Option<Covered>) -> String {
    covered.map_or_else(|| "-".to_owned(), |Covered { records, at }| format!("{records} ({})", time(at)))
}

fn document(status: &Status) -> Value {
    let covered = |covered: Option<Covered>| {
        covered.map(|Covered { records, at }| json!({ "records": records, "at": at.to_string() }))
    };
    let peer = |peer: &PeerStatus| {
        json!({
            "agency": peer.agency.to_string(),
            "sent": peer.sent,
            "received": peer.received,
            "outstanding": peer.outstanding,
            "missing": peer.missing,
            "awaited": peer.sending == Sending::AwaitsPeer,
            "kept": covered(peer.kept),
            "cosigned": covered(peer.cosigned),
            "directory_version": peer.directory_version,
        })
    };
    json!({
        "agency": status.agency.to_string(),
        "network": status.network.to_string(),
        "version": status.version,
        "hub": {
            "connected": status.hub.connected,
            "since": status.hub.since.to_string(),
            "detail": status.hub.detail,
        },
        "ledger": {
            "next_index": status.ledger_next_index,
            "incarnation": status.ledger_incarnation.to_string(),
        },
        "directory": {
            "version": status.directory_version,
            "digest": status.directory_digest.map(|digest| digest.to_string()),
            "valid_until": status.directory_valid_until.to_string(),
        },
        "outstanding": status.outstanding,
        "peers": status.peers.iter().map(peer).collect::<Vec<_>>(),
    })
}
