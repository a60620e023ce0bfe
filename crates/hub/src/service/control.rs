//! Control: signed statements between nodes, relayed as they are.

use std::sync::Arc;

use futures::stream::{BoxStream, StreamExt as _};
use prost::Message as _;
use sealpost_domain::agency::AgencyId;
use sealpost_proto::v1 as pb;
use sealpost_wire::hub::{Control, control, control_message};
use sealpost_wire::status::Failure;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::{Parts, farewell};
use crate::rates::Flow;
use crate::relay::Seat;

/// Frames between a mailbox and the transport.
const FRAMES: usize = 16;

type Response = Result<pb::ControlFrame, Status>;

/// Serves one stream.
pub(super) fn stream(
    parts: Arc<Parts>,
    agency: AgencyId,
    incoming: Streaming<pb::ControlFrame>,
) -> BoxStream<'static, Response> {
    let (told, outgoing) = mpsc::channel(FRAMES);
    let tasks = parts.tasks.clone();
    // The task ends with the stream: when the client goes, when it is replaced or takes part no more, or with the
    // connection.
    tasks.spawn(async move {
        let seat = parts.relay.sit(&agency);
        let ended = tokio::select! {
            biased;
            ended = hear(&parts, &agency, incoming) => ended,
            ended = tell(&seat, &told) => ended,
            () = told.closed() => Ok(()),
            () = farewell(&parts.shutdown) => Ok(()),
        };
        if let Err(status) = ended {
            // The client may have gone.
            let _ = told.send(Err(status)).await;
        }
    });
    ReceiverStream::new(outgoing).boxed()
}

/// Posts what the node says. A frame that goes nowhere is dropped, and so is one that cannot be read or is beyond the
/// agency's budget: nothing is promised about it, and the stream, with the node's FLASH beside it, goes on.
async fn hear(
    parts: &Parts,
    agency: &AgencyId,
    mut incoming: Streaming<pb::ControlFrame>,
) -> Result<(), Status> {
    while let Some(frame) = incoming.message().await? {
        if !parts.pace.passes(agency, Flow::Control, 1, frame.encoded_len(), &parts.shutdown).await {
            continue;
        }
        let frame = match control(pb::ControlFrame { from: agency.to_string(), ..frame }) {
            Ok(frame) => Control { from: agency.clone(), ..frame },
            Err(error) => {
                tracing::warn!(from = %agency, %error, "control frame dropped");
                continue;
            }
        };
        let listed =
            parts.view.directory().is_some_and(|directory| directory.agencies.contains_key(&frame.to));
        if listed {
            parts.relay.post(frame);
        } else {
            tracing::debug!(from = %agency, to = %frame.to, "control frame to an unknown agency dropped");
        }
    }
    Ok(())
}

async fn tell(seat: &Seat, told: &mpsc::Sender<Response>) -> Result<(), Status> {
    while let Some(frame) = seat.next().await {
        if told.send(Ok(control_message(&frame))).await.is_err() {
            return Ok(());
        }
    }
    Err(Failure::Replaced.status("a newer call of this agency took the place of this one"))
}
