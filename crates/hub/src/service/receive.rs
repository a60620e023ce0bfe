//! Receive: one stream for each priority, from a cursor on, no faster than the recipient gives credit.
//!
//! The queue in the state is the only queue: a stream reads from it after the last place that it sent, so that a slow
//! recipient holds up nobody and costs no memory.

use std::sync::Arc;

use sealpost_domain::agency::AgencyId;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_domain::record::Cursor;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::receive_request::Event as Asked;
use sealpost_proto::v1::receive_response::Event as Told;
use sealpost_wire::hub as wire;
use sealpost_wire::status::Failure;
use tokio::sync::Notify;
use tonic::{Status, Streaming};

use super::messages::Unpaid;
use super::seats::{Activity, Seat, Seats};
use super::served::Answers;
use super::{FAREWELL, Parts, drain, not_now, refused};
use crate::core::Place;
use crate::rates::Flow;

/// What a node may say for every envelope that it got, at no cost: it acknowledges it, and gives credit for another one.
const SAID_FOR_EACH: u32 = 2;
/// How long each of these may be: twice as long as any of this version.
const SAID_BYTES_MAX: usize = 32;

/// Serves one stream.
pub(super) async fn serve(
    parts: Arc<Parts>,
    seats: Seats,
    recipient: AgencyId,
    unpaid: Unpaid,
    mut incoming: Streaming<pb::ReceiveRequest>,
    told: Answers<pb::ReceiveResponse>,
) -> Result<(), Status> {
    let (parts, told) = (&*parts, &told);
    let first = tokio::select! {
        first = incoming.message() => first,
        () = told.closed() => return Ok(()),
    };
    let first = match first {
        Ok(first) => first,
        Err(status) => return Err(parts.ended(&recipient, Flow::Control, unpaid.take(), status).await),
    };
    // As a frame it was paid for with its stream.
    parts.pace.keep(&recipient, Flow::Control, 0, unpaid.take(), &parts.shutdown).await?;
    let Some(pb::ReceiveRequest { event: Some(Asked::Open(open)) }) = first else {
        return Err(Failure::Malformed.status("ReceiveRequest.event: expected `open` first"));
    };
    let priority = wire::priority(open.priority)?;
    let mut session = Session {
        parts,
        seat: seats.take(&recipient, priority),
        bell: parts.view.bell(&recipient, priority),
        recipient,
        unpaid,
        priority,
        credit: open.credit,
        sent: None,
        settled: None,
        more: Waiting::Perhaps,
        earned: 0,
    };
    let cursor = open.cursor.as_ref().map(wire::cursor).transpose()?;
    if let Some(cursor) = cursor {
        session.resume(cursor, told).await?;
    }
    session.run(incoming, told).await
}

/// Whether something may wait that was not sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Perhaps,
    Nothing,
}

struct Session<'p> {
    parts: &'p Parts,
    seat: Seat,
    bell: Arc<Notify>,
    recipient: AgencyId,
    unpaid: Unpaid,
    priority: Priority,
    credit: u32,
    /// The last place that was sent or passed over.
    sent: Option<Place>,
    settled: Option<Place>,
    more: Waiting,
    /// How many messages of the node are paid for, by what it got.
    earned: u32,
}

impl Session<'_> {
    /// Goes on after a cursor: what lies before it is durable at the recipient. One of another journal is of no use.
    async fn resume(&mut self, cursor: Cursor, told: &Answers<pb::ReceiveResponse>) -> Result<(), Status> {
        if self.parts.dispatch.knows(self.priority, cursor).await.map_err(|error| not_now(&error))? {
            let place = Place::from_index(cursor.index);
            self.sent = Some(place);
            return self.settle(place).await;
        }
        tracing::warn!(recipient = %self.recipient, index = cursor.index, "cursor of another journal");
        let hub_incarnation = incarnation(self.parts.incarnation);
        tell(told, Told::Reset(pb::CursorReset { hub_incarnation })).await
    }

    async fn run(
        mut self,
        mut incoming: Streaming<pb::ReceiveRequest>,
        told: &Answers<pb::ReceiveResponse>,
    ) -> Result<(), Status> {
        loop {
            let ready = self.credit > 0 && self.more == Waiting::Perhaps;
            self.seat.tell(if ready { Activity::Sending } else { Activity::Idle });
            let sending = ready && self.seat.has_turn();
            tokio::select! {
                biased;
                () = self.seat.replaced() => {
                    return Err(Failure::Replaced.status("a newer call for this priority took the place of this one"));
                }
                () = told.closed() => return Ok(()),
                () = self.parts.shutdown.begun() => break,
                message = incoming.message() => match message {
                    Ok(Some(message)) => self.hear(message).await?,
                    Ok(None) => return Ok(()),
                    Err(status) => return Err(self.ended(status).await),
                },
                room = told.reserve(), if sending => {
                    let Ok(room) = room else { return Ok(()) };
                    if let Some(batch) = self.next_batch().await? {
                        room.send(Ok(pb::ReceiveResponse { event: Some(Told::Batch(batch)) }));
                    }
                }
                () = self.seat.turn(), if ready && !sending => {}
                () = self.bell.notified(), if self.more == Waiting::Nothing => self.more = Waiting::Perhaps,
            }
        }
        tell(told, Told::Drain(drain())).await?;
        let farewell = async {
            while let Some(message) = incoming.message().await? {
                self.hear(message).await?;
            }
            Ok(())
        };
        tokio::time::timeout(FAREWELL, farewell).await.unwrap_or(Ok(()))
    }

    async fn hear(&mut self, message: pb::ReceiveRequest) -> Result<(), Status> {
        self.pay().await?;
        match message.event {
            Some(Asked::Credit(pb::ReceiveCredit { envelopes })) => {
                self.credit = self.credit.saturating_add(envelopes);
                Ok(())
            }
            Some(Asked::Acknowledge(pb::ReceiveAcknowledge { index })) => {
                let place = Place::from_index(index);
                if self.sent.is_none_or(|sent| place > sent) {
                    let detail =
                        format!("ReceiveAcknowledge.index: {index} was not delivered on this stream");
                    return Err(Failure::Malformed.status(detail));
                }
                self.settle(place).await
            }
            Some(Asked::Open(_)) => Err(Failure::Malformed.status("ReceiveRequest.event: `open` comes once")),
            None => Err(Failure::Malformed.status("ReceiveRequest.event: is missing")),
        }
    }

    /// Whoever says more than its mail gives reason to, pays for it as for what nodes say to each other.
    async fn pay(&mut self) -> Result<(), Status> {
        let bytes = self.unpaid.take();
        if bytes <= SAID_BYTES_MAX
            && let Some(left) = self.earned.checked_sub(1)
        {
            self.earned = left;
            return Ok(());
        }
        let Parts { pace, shutdown, .. } = self.parts;
        pace.keep(&self.recipient, Flow::Control, 1, bytes, shutdown).await
    }

    async fn ended(&self, status: Status) -> Status {
        self.parts.ended(&self.recipient, Flow::Control, self.unpaid.take(), status).await
    }

    async fn settle(&mut self, place: Place) -> Result<(), Status> {
        if self.settled.is_some_and(|settled| settled >= place) {
            return Ok(());
        }
        self.settled = Some(place);
        let settled = self.parts.writer.settle(self.recipient.clone(), self.priority, place).await;
        settled.map_err(|error| refused(&error))
    }

    /// As much as there is credit for; `None` when nothing waits, or nothing that could be read.
    async fn next_batch(&mut self) -> Result<Option<pb::DeliveryBatch>, Status> {
        let count = usize::try_from(self.credit).unwrap_or(usize::MAX);
        let next = self.parts.dispatch.next(&self.recipient, self.priority, self.sent, count);
        let Some(part) = next.await.map_err(|error| not_now(&error))? else {
            self.more = Waiting::Nothing;
            return Ok(None);
        };
        self.sent = Some(part.up_to);
        if part.deliveries.is_empty() {
            return Ok(None);
        }
        let delivered = u32::try_from(part.deliveries.len()).unwrap_or(u32::MAX);
        self.credit = self.credit.saturating_sub(delivered);
        self.earned = self.earned.saturating_add(delivered.saturating_mul(SAID_FOR_EACH));
        Ok(Some(pb::DeliveryBatch {
            hub_incarnation: incarnation(self.parts.incarnation),
            deliveries: part.deliveries.into_iter().map(wire::delivery_message).collect(),
        }))
    }
}

fn incarnation(incarnation: Incarnation) -> bytes::Bytes {
    bytes::Bytes::copy_from_slice(&incarnation.0)
}

async fn tell(told: &Answers<pb::ReceiveResponse>, event: Told) -> Result<(), Status> {
    // A client that has gone shows as the end of its requests.
    let _ = told.send(Ok(pb::ReceiveResponse { event: Some(event) })).await;
    Ok(())
}
