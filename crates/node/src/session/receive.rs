//! Receiving one priority: envelopes are verified on the pool in the order in which they came, acknowledged when they
//! are durable, and only then is there credit for more.

use std::collections::VecDeque;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::receive_request::Event as Ask;
use sealpost_proto::v1::receive_response::Event as Told;
use sealpost_wire::hub::{cursor_message, priority_number};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{debug, info};

use super::chunk::{Chunk, Judged, verify};
use super::connection::Wire;
use super::pauses::Pauses;
use super::{Ended, Session};
use crate::engine::{Broken, Input, Mark};
use crate::verify::Origin;

/// Requests on their way to the transport.
const REQUESTS: usize = 16;

/// Receives until the connection ends; a stream on which something was not kept since the directory changed is opened
/// anew, and so is one for which the hub was full.
pub(super) async fn run(session: &Session, wire: &Wire, priority: Priority) -> Result<(), Ended> {
    let mut pauses = Pauses::new(session, "Receive");
    loop {
        match receive(session, wire, priority, &mut pauses).await {
            Ok(()) => {
                debug!(%priority, "the directory changed: what was verified under the one before is fetched again");
            }
            Err(ended) => pauses.sit_out(ended).await?,
        }
    }
}

/// Receives until the stream ends, or has to be opened anew.
async fn receive(
    session: &Session,
    wire: &Wire,
    priority: Priority,
    pauses: &mut Pauses,
) -> Result<(), Ended> {
    let (requests, outgoing) = mpsc::channel(REQUESTS);
    let open = pb::ReceiveOpen {
        priority: priority_number(priority),
        cursor: session.shared.core().inbox.cursor(priority).as_ref().map(cursor_message),
        credit: session.settings.credit,
    };
    ask(&requests, Ask::Open(open)).await?;
    let mut client = wire.client();
    let answered = client.receive(ReceiverStream::new(outgoing)).await;
    let mut incoming = answered.map_err(|status| wire.failed(status))?.into_inner();

    let engine = session.engine.for_mail(priority);
    let (mark, mut settled) = Mark::new();
    let mut verifying = FuturesOrdered::new();
    let mut unacknowledged = VecDeque::new();
    let credit = usize::try_from(session.settings.credit).unwrap_or(usize::MAX);
    loop {
        tokio::select! {
            biased;
            changed = settled.changed() => {
                changed.map_err(|_| Ended::Stopping)?;
                let settled = *settled.borrow_and_update();
                match settled.broken {
                    Some(Broken::Refused) => {
                        return Err(Ended::Own("there is no space for what came".to_owned()));
                    }
                    Some(Broken::Outdated) => return Ok(()),
                    None => {}
                }
                acknowledge(&requests, &mut unacknowledged, settled.index).await?;
            }
            Some(judged) = verifying.next(), if !verifying.is_empty() => {
                let Judged { verified, failed, rest } = judged?;
                for (index, verified) in verified {
                    let input = Input::Delivered { verified: Box::new(verified), index, mark: mark.clone() };
                    engine.send(input).await.map_err(|_| Ended::Stopping)?;
                }
                if let Some(fault) = failed {
                    return Err(Ended::Own(fault));
                }
                if let Some(rest) = rest {
                    verifying.push_front(verify(session, rest));
                }
            }
            message = incoming.message() => {
                let message = message.map_err(|status| wire.failed(status))?;
                match message.and_then(|message| message.event) {
                    Some(Told::Batch(batch)) => {
                        pauses.over();
                        let hub = incarnation(&batch.hub_incarnation)?;
                        know(session, hub);
                        if unacknowledged.len() + batch.deliveries.len() > credit {
                            return Err(Ended::Protocol("more envelopes came than were asked for".to_owned()));
                        }
                        unacknowledged.extend(batch.deliveries.iter().map(|delivery| delivery.index));
                        let origin = Origin { hub, lane: priority };
                        for chunk in Chunk::of(batch.deliveries, origin, &session.pool) {
                            verifying.push_back(verify(session, chunk));
                        }
                    }
                    Some(Told::Reset(pb::CursorReset { hub_incarnation })) => {
                        info!(%priority, "the hub does not know our cursor: it delivers everything that is unsettled");
                        let hub = incarnation(&hub_incarnation)?;
                        know(session, hub);
                        engine.send(Input::HubReset { hub }).await.map_err(|_| Ended::Stopping)?;
                    }
                    Some(Told::Drain(pb::Drain { reconnect_after_ms })) => {
                        return Err(Ended::Drain(Duration::from_millis(reconnect_after_ms.into())));
                    }
                    None => return Err(Ended::Protocol("Receive ended".to_owned())),
                }
            }
        }
    }
}

fn incarnation(bytes: &[u8]) -> Result<Incarnation, Ended> {
    Incarnation::try_from(bytes).map_err(|error| Ended::Protocol(error.to_string()))
}

/// What another life of the hub had promised goes out again.
fn know(session: &Session, hub: Incarnation) {
    let again = session.shared.core_mut().outbox.hub_lives_as(hub);
    if again > 0 {
        info!(messages = again, "the hub's journal is a new one: what is not receipted is sent again");
        session.shared.notify_lanes();
    }
}

async fn ask(requests: &mpsc::Sender<pb::ReceiveRequest>, event: Ask) -> Result<(), Ended> {
    let request = pb::ReceiveRequest { event: Some(event) };
    requests.send(request).await.map_err(|_| Ended::Protocol("Receive takes no more requests".to_owned()))
}

/// Acknowledges everything up to an index, and lets as much more come.
async fn acknowledge(
    requests: &mpsc::Sender<pb::ReceiveRequest>,
    unacknowledged: &mut VecDeque<u64>,
    index: u64,
) -> Result<(), Ended> {
    let mut envelopes = 0;
    while unacknowledged.front().is_some_and(|first| *first <= index) {
        unacknowledged.pop_front();
        envelopes += 1;
    }
    if envelopes > 0 {
        ask(requests, Ask::Acknowledge(pb::ReceiveAcknowledge { index })).await?;
        ask(requests, Ask::Credit(pb::ReceiveCredit { envelopes })).await?;
    }
    Ok(())
}
