//! Submit: batches in, signed acceptances out, in the same order.
//!
//! A few batches of a stream are verified at the same time, within its agency's quota of workers, and a few more may wait for
//! the disk; a client that goes on faster, or faster than its agency's budget, is slowed down by the transport. A batch is
//! charged as it came before anything of it is judged. What a refused batch leaves behind is nothing, and a recipient for
//! whom too much waits is refused alone.

use std::future::ready;
use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt as _};
use sealpost_crypto::digest::sha256;
use sealpost_crypto::dsse::{PayloadType, sign_statement};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::digest::Digest;
use sealpost_domain::envelope::{Envelope, Signature};
use sealpost_domain::statement::{Accepted, HubRefusal, Signed};
use sealpost_proto::v1 as pb;
use sealpost_server::pool::{Lane, Quota};
use sealpost_server::program::with_causes;
use sealpost_wire::envelope::{header_from_bytes, signed_message};
use sealpost_wire::hub::{Submission, submission};
use sealpost_wire::statement::Payload as _;
use sealpost_wire::status::Failure;
use tonic::{Status, Streaming};

use super::messages::Unpaid;
use super::room::{self, Candidate};
use super::{Parts, drain, given_up, refused};
use crate::core::{Acceptance, DELIVERY_BYTES_MIN};
use crate::lane::lane;
use crate::rates::Flow;
use crate::verify::{Sender, verify};
use crate::writer::Pending;

/// Batches of one stream that are verified at the same time.
const VERIFYING: usize = 4;
/// Batches of one stream that may wait for the disk.
const COMMITTING: usize = 32;

/// A batch as it came, within its sender's budget.
struct Read {
    batch: u64,
    lane: Lane,
    envelopes: Vec<Envelope>,
}

/// A batch after verification.
struct Checked {
    batch: u64,
    lane: Lane,
    headers: Vec<Digest>,
    /// Those that are sound, and that somebody may get.
    candidates: Vec<Candidate>,
    refusals: Vec<HubRefusal>,
}

/// A batch in the writer's queue.
struct Queued {
    batch: u64,
    lane: Lane,
    headers: Vec<Digest>,
    positions: Vec<u32>,
    refusals: Vec<HubRefusal>,
    pending: Pending,
}

/// Answers a stream of batches.
pub(super) fn stream(
    parts: Arc<Parts>,
    quota: Quota,
    sender: AgencyId,
    unpaid: Unpaid,
    incoming: Streaming<pb::SubmitRequest>,
) -> BoxStream<'static, Result<pb::SubmitResponse, Status>> {
    let (slowing, checking) = (Arc::clone(&parts), Arc::clone(&parts));
    let (queueing, answering) = (Arc::clone(&parts), Arc::clone(&parts));
    let (slowed_sender, checked_sender, queued_sender) = (sender.clone(), sender.clone(), sender.clone());
    let signing_quota = quota.clone();
    let stopping = parts.shutdown.token();
    let answers = incoming
        .take_until(stopping.cancelled_owned())
        .then(move |request| read(Arc::clone(&slowing), slowed_sender.clone(), unpaid.take(), request))
        .map(move |read| check(Arc::clone(&checking), quota.clone(), checked_sender.clone(), read))
        .buffered(VERIFYING)
        .then(move |checked| queue(Arc::clone(&queueing), queued_sender.clone(), checked))
        .map(move |queued| answer(Arc::clone(&answering), signing_quota.clone(), sender.clone(), queued))
        .buffered(COMMITTING);
    let farewell = async move { parts.shutdown.has_begun().then(farewell).map(Ok) };
    answers.chain(stream::once(farewell).filter_map(ready)).boxed()
}

fn farewell() -> pb::SubmitResponse {
    pb::SubmitResponse { event: Some(pb::submit_response::Event::Drain(drain())) }
}

/// Reads a batch of so many bytes, and then nothing more of its stream until its sender may go on.
async fn read(
    parts: Arc<Parts>,
    sender: AgencyId,
    bytes: usize,
    request: Result<pb::SubmitRequest, Status>,
) -> Result<Read, Status> {
    let Parts { pace, shutdown, .. } = &*parts;
    let request = match request {
        Ok(request) => request,
        Err(status) => return Err(parts.ended(&sender, Flow::Mail, bytes, status).await),
    };
    let count = request.envelopes.len();
    let deliveries: usize = request.envelopes.iter().map(|envelope| envelope.wraps.len()).sum();
    let bytes = bytes.max(deliveries * DELIVERY_BYTES_MIN as usize);
    let lane = lane_of(&request.envelopes);
    let flow = match lane {
        Some(Lane::Express) => Flow::Flash,
        Some(Lane::Ordinary) | None => Flow::Mail,
    };
    pace.keep(&sender, flow, count.max(1), bytes, shutdown).await?;
    let Submission { batch, envelopes } = submission(request)?;
    let lane = lane.ok_or_else(|| {
        Failure::Malformed.status(
            "SubmitRequest.envelopes: FLASH stands beside other mail; send FLASH in batches of its own, which have a budget of \
             their own",
        )
    })?;
    Ok(Read { batch, lane, envelopes })
}

/// In which lane a batch goes, and so by which budget; `None` where FLASH stands beside other mail. What headers that cannot be
/// read would be is of no interest: their envelopes are refused.
fn lane_of(envelopes: &[pb::Envelope]) -> Option<Lane> {
    let headers = envelopes.iter().filter_map(|envelope| header_from_bytes(&envelope.header).ok());
    let mut lanes = headers.map(|header| lane(header.priority));
    let Some(first) = lanes.next() else { return Some(Lane::Ordinary) };
    lanes.all(|other| other == first).then_some(first)
}

async fn check(
    parts: Arc<Parts>,
    quota: Quota,
    sender: AgencyId,
    read: Result<Read, Status>,
) -> Result<Checked, Status> {
    let Read { batch, lane, envelopes } = read?;
    let directory = parts.view.directory();
    let directory = directory.ok_or_else(|| Failure::Unavailable.status("the hub has no directory yet"))?;
    let now = parts.clock.now();
    let work = move || {
        let headers = envelopes.iter().map(|envelope| sha256(&envelope.header)).collect();
        let (mut candidates, mut refusals) = (Vec::new(), Vec::new());
        let submitter = Sender::new(&sender, &directory, now);
        for (position, envelope) in (0..).zip(envelopes) {
            match verify(envelope, &submitter) {
                Ok(sound) => match Candidate::judge(position, sound, &sender, &directory, now) {
                    Ok(candidate) => candidates.push(candidate),
                    Err(denials) => refusals.extend(denials),
                },
                Err(rule) => {
                    tracing::warn!(%sender, batch, position, %rule, "envelope refused");
                    refusals.push(HubRefusal { position, recipient: None, rule: rule.to_string() });
                }
            }
        }
        Checked { batch, lane, headers, candidates, refusals }
    };
    parts.pool.run_within(&quota, lane, work).await.map_err(given_up)
}

async fn queue(
    parts: Arc<Parts>,
    sender: AgencyId,
    checked: Result<Checked, Status>,
) -> Result<Queued, Status> {
    let Checked { batch, lane, headers, mut candidates, mut refusals } = checked?;
    refusals.extend(room::leave_out_the_full(&parts.view.state(), parts.limits, &sender, &mut candidates));
    let candidates = candidates.into_iter().map(|candidate| (candidate.position, candidate.sound));
    let (positions, envelopes) = candidates.unzip();
    let pending = parts.writer.submit(sender, lane, envelopes).await.map_err(|error| refused(&error))?;
    Ok(Queued { batch, lane, headers, positions, refusals, pending })
}

async fn answer(
    parts: Arc<Parts>,
    quota: Quota,
    sender: AgencyId,
    queued: Result<Queued, Status>,
) -> Result<pb::SubmitResponse, Status> {
    let Queued { batch, lane, headers, positions, mut refusals, pending } = queued?;
    let Acceptance { index, at, refusals: judged, .. } =
        pending.accepted().await.map_err(|error| refused(&error))?;
    // The journal counts the sound envelopes alone, the sender all of them.
    let place = |refusal: HubRefusal| {
        let position = usize::try_from(refusal.position).ok().and_then(|at| positions.get(at));
        position.map(|position| HubRefusal { position: *position, ..refusal })
    };
    refusals.extend(judged.into_iter().filter_map(place));
    // To the journal, a recipient that is full has no wrap: the reason that was found first is told, and that alone.
    refusals.sort_by(|one, other| of(one).cmp(&of(other)));
    refusals.dedup_by(|later, first| of(later) == of(first));
    let accepted = Accepted {
        hub_incarnation: parts.incarnation,
        index,
        accepted_at: at,
        sender,
        batch_digest: batch_digest(&headers),
        count: u32::try_from(headers.len()).unwrap_or(u32::MAX),
        refusals,
    };
    let signer = Arc::clone(&parts.signer);
    let signed = parts.pool.run_within(&quota, lane, move || {
        let payload = accepted.to_payload();
        let signature = sign_statement(&*signer, PayloadType::Accepted, &payload)?;
        let bytes = bytes::Bytes::copy_from_slice(&signature.bytes);
        let signatures = vec![Signature { key_id: signature.key_id, bytes }];
        Ok::<_, sealpost_crypto::dsse::SignError>(Signed { payload, signatures })
    });
    let signed = signed.await.map_err(given_up)?.map_err(|error| {
        tracing::error!(error = with_causes(&error), "an acceptance could not be signed");
        Failure::Internal.status("the hub could not sign")
    })?;
    let accepted = pb::BatchAccepted { batch, statement: Some(signed_message(&signed)) };
    Ok(pb::SubmitResponse { event: Some(pb::submit_response::Event::Accepted(accepted)) })
}

/// What a refusal is about.
fn of(refusal: &HubRefusal) -> (u32, Option<&AgencyId>) {
    (refusal.position, refusal.recipient.as_ref())
}

/// SHA-256 over the header digests, in their order.
fn batch_digest(headers: &[Digest]) -> Digest {
    let bytes: Vec<u8> = headers.iter().flat_map(Digest::as_bytes).copied().collect();
    sha256(&bytes)
}
