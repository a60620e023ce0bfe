//! Control: signed statements between nodes, relayed as they are.

use std::sync::Arc;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::directory::Directory;
use sealpost_proto::v1 as pb;
use sealpost_wire::hub::{Control, control, control_message};
use sealpost_wire::status::Failure;
use tonic::{Status, Streaming};

use super::messages::Unpaid;
use super::served::Answers;
use super::{Parts, farewell};
use crate::rates::Flow;
use crate::relay::Seat;

/// Serves one stream.
pub(super) async fn serve(
    parts: Arc<Parts>,
    agency: AgencyId,
    unpaid: Unpaid,
    incoming: Streaming<pb::ControlFrame>,
    told: Answers<pb::ControlFrame>,
) -> Result<(), Status> {
    let seat = parts.relay.sit(&agency);
    tokio::select! {
        biased;
        ended = hear(&parts, &agency, &unpaid, incoming) => ended,
        ended = tell(&seat, &told) => ended,
        () = farewell(&parts.shutdown) => Ok(()),
    }
}

/// Posts what the node says. A frame that goes nowhere is dropped, and so is one that says what no frame may or is beyond the
/// agency's budget: nothing is promised about it, and the stream, with the node's FLASH beside it, goes on.
async fn hear(
    parts: &Parts,
    agency: &AgencyId,
    unpaid: &Unpaid,
    mut incoming: Streaming<pb::ControlFrame>,
) -> Result<(), Status> {
    loop {
        let frame = match incoming.message().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return Ok(()),
            Err(status) => return Err(parts.ended(agency, Flow::Control, unpaid.take(), status).await),
        };
        if !parts.pace.passes(agency, Flow::Control, 1, unpaid.take(), &parts.shutdown).await {
            continue;
        }
        let frame = match control(pb::ControlFrame { from: agency.to_string(), ..frame }) {
            Ok(frame) => Control { from: agency.clone(), ..frame },
            Err(error) => {
                tracing::warn!(from = %agency, %error, "control frame dropped");
                continue;
            }
        };
        let listed = relays(parts.view.directory().as_deref(), agency, &frame.to);
        if listed {
            parts.relay.post(frame);
        } else {
            tracing::debug!(from = %agency, to = %frame.to, "control frame between agencies that do not both take part dropped");
        }
    }
}

/// Whether the directory lets an agency speak, and has the other one listed. The stream of one that takes part no more ends as
/// well; what is still read of it goes nowhere.
fn relays(directory: Option<&Directory>, from: &AgencyId, to: &AgencyId) -> bool {
    directory.is_some_and(|directory| directory.takes_part(from) && directory.agencies.contains_key(to))
}

async fn tell(seat: &Seat, told: &Answers<pb::ControlFrame>) -> Result<(), Status> {
    while let Some(frame) = seat.next().await {
        if told.send(Ok(control_message(&frame))).await.is_err() {
            return Ok(());
        }
    }
    Err(Failure::Replaced.status("a newer call of this agency took the place of this one"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Network, agency};

    #[test]
    fn frames_go_from_who_takes_part_to_who_is_listed_alone() {
        let mut directory = sealpost_crypto::directory::verify(&Network::new().genesis(), None).unwrap();
        let (hk, de) = (agency("HK-CED"), agency("DE-ZKA"));
        assert!(relays(Some(&directory), &hk, &de));
        assert!(!relays(None, &hk, &de) && !relays(Some(&directory), &hk, &agency("ZZ-XXX")));
        directory.agencies.remove(&hk);
        assert!(!relays(Some(&directory), &hk, &de), "it was dropped");
    }
}
