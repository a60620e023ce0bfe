//! Submitting: batches from the ledger, wrapped on the pool, several in flight, answered in order by the hub's signed
//! promise.

use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt as _, stream};
use rand::CryptoRng;
use sealpost_crypto::dsse::Signer;
use sealpost_domain::digest::Digest;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::Envelope;
use sealpost_domain::instant::Instant;
use sealpost_domain::rule::Rule;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::submit_response::Event;
use sealpost_server::program::with_causes;
use sealpost_wire::envelope::{envelope_message, signed_by_one};
use tokio::sync::{Notify, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tracing::{error, warn};

use super::connection::Wire;
use super::pauses::Pauses;
use super::{Ended, Lanes, Session};
use crate::core::outbox::Submission;
use crate::engine::Input;
use crate::shared::Shared;
use crate::verify::statements;
use crate::wraps::{self, Wrapping};

/// How many batches are being wrapped at a time.
const WRAPPING: usize = 2;

/// A batch that was handed to the hub.
struct Sent {
    batch: u64,
    messages: Vec<u64>,
    headers: Vec<Digest>,
}

/// A batch that is ready to be handed to the hub.
struct Ready {
    envelopes: Vec<Envelope>,
    messages: Vec<u64>,
    headers: Vec<Digest>,
}

/// Submits what is in these lanes until the connection ends. A hub that is full, or for which this node is too fast, is
/// given the time that it asks for: what it did not answer stays in the ledger, goes back into its lane, and goes out
/// again by itself. Nothing else on the connection waits for that.
pub(super) async fn run(session: &Arc<Session>, wire: &Wire, lanes: Lanes) -> Result<(), Ended> {
    let mut pauses = Pauses::new(session, "Submit");
    while let Err(ended) = submit(session, wire, lanes, &mut pauses).await {
        session.shared.core_mut().outbox.requeue_lanes(lanes.priorities());
        pauses.sit_out(ended).await?;
    }
    Ok(())
}

/// Submits until the stream ends.
async fn submit(session: &Arc<Session>, wire: &Wire, lanes: Lanes, pauses: &mut Pauses) -> Result<(), Ended> {
    let (requests, outgoing) = mpsc::channel(1);
    let (sent, mut answered) = mpsc::channel::<Sent>(session.settings.batches_in_flight);
    let mut client = wire.client();
    let mut answers = client
        .submit(ReceiverStream::new(outgoing))
        .await
        .map_err(|status| wire.failed(status))?
        .into_inner();

    let sending = async {
        let (taking, wrapping) = (Arc::clone(session), Arc::clone(session));
        let next = move |session: Arc<Session>| async move { Some((take(&session, lanes).await, session)) };
        let batches = stream::unfold(taking, next)
            .map(move |batch| wrap(Arc::clone(&wrapping), lanes, batch))
            .buffered(WRAPPING);
        let mut batches = std::pin::pin!(batches);
        let mut number = 0;
        while let Some(ready) = batches.next().await {
            let Ready { envelopes, messages, headers } = ready?;
            if envelopes.is_empty() {
                continue;
            }
            number += 1;
            // In this order: an answer finds its batch.
            let batch = Sent { batch: number, messages, headers };
            sent.send(batch).await.map_err(|_| Ended::Stopping)?;
            let envelopes = envelopes.iter().map(envelope_message).collect();
            let request = pb::SubmitRequest { batch: number, envelopes };
            if requests.send(request).await.is_err() {
                // The answers say why.
                std::future::pending::<()>().await;
            }
        }
        Ok::<(), Ended>(())
    };
    let hearing = async {
        loop {
            let answer = answers.message().await.map_err(|status| wire.failed(status))?;
            match answer.and_then(|answer| answer.event) {
                Some(Event::Accepted(accepted)) => {
                    let batch = answered.try_recv().map_err(|_| {
                        Ended::Protocol("it accepts a batch that was not submitted".to_owned())
                    })?;
                    hear(session, lanes, accepted, batch).await?;
                    pauses.over();
                }
                Some(Event::Drain(pb::Drain { reconnect_after_ms })) => {
                    break Err::<(), Ended>(Ended::Drain(Duration::from_millis(reconnect_after_ms.into())));
                }
                None => break Err(Ended::Protocol("Submit ended".to_owned())),
            }
        }
    };
    tokio::try_join!(sending, hearing).map(drop)
}

/// The next batch of these lanes, as soon as there is one.
async fn take(session: &Session, lanes: Lanes) -> Vec<Submission> {
    let ready: &Notify = match lanes {
        Lanes::Flash => &session.shared.flash_ready,
        Lanes::Bulk => &session.shared.bulk_ready,
    };
    loop {
        // An answer to what is not in the index yet would be refused.
        let unindexed_from = *session.shared.next_index.borrow();
        let bytes = session.settings.batch_bytes;
        let batch = session.shared.core_mut().outbox.take(lanes.priorities(), bytes, unindexed_from);
        if !batch.is_empty() {
            return batch;
        }
        ready.notified().await;
    }
}

async fn wrap(session: Arc<Session>, lanes: Lanes, batch: Vec<Submission>) -> Result<Ready, Ended> {
    let directory = session.shared.directory.borrow().clone();
    let directory = directory.ok_or_else(|| Ended::Own("no directory is installed".to_owned()))?;
    let (shared, now, signer) = (Arc::clone(&session.shared), session.shared.now(), session.prover.signer());
    let pack = move |rng: &mut dyn CryptoRng| pack(&shared, batch, &directory, now, signer.as_ref(), rng);
    Ok(session.pool.run(lanes.pace(), pack).await?)
}

/// Makes envelopes of a batch. A message that cannot be read, or not be wrapped, is tried again later, and holds up none of
/// the others.
fn pack(
    shared: &Shared,
    batch: Vec<Submission>,
    directory: &Directory,
    now: Instant,
    signer: &dyn Signer,
    rng: &mut dyn CryptoRng,
) -> Ready {
    let mut ready = Ready { envelopes: Vec::new(), messages: Vec::new(), headers: Vec::new() };
    let by = Wrapping { buckets: &shared.buckets, directory, keys: &shared.sealing_keys, now, signer };
    let mut records = shared.history.pick();
    for Submission { index, recipients } in batch {
        let entry = records.get(index).map_err(|source| wraps::Error::Unreadable { index, source });
        let wrapped = entry.and_then(|entry| wraps::envelope(&entry, &recipients, by, &mut *rng));
        let later = match wrapped {
            Ok(wrapped) => {
                for recipient in &wrapped.without_key {
                    warn!(rule = %Rule::KeyNoSealingKey, %recipient, ledger_index = index, "sent later");
                }
                let later = wrapped.envelope.wraps.is_empty();
                if !later {
                    ready.envelopes.push(wrapped.envelope);
                    ready.messages.push(index);
                    ready.headers.push(wrapped.header);
                }
                later
            }
            Err(error) => {
                let is_gone = error.is_gone(&shared.core().erasures);
                if is_gone {
                    warn!(
                        ledger_index = index,
                        error = with_causes(&error),
                        "a message is gone: its number is filled"
                    );
                    shared.core_mut().outbox.body_lost(index);
                } else {
                    error!(ledger_index = index, error = with_causes(&error), "a message cannot be sent now");
                }
                true
            }
        };
        if later {
            shared.core_mut().outbox.defer(index, now);
        }
    }
    ready
}

async fn hear(session: &Session, lanes: Lanes, accepted: pb::BatchAccepted, sent: Sent) -> Result<(), Ended> {
    let pb::BatchAccepted { batch, statement } = accepted;
    if batch != sent.batch {
        return Err(Ended::Protocol(format!("it accepts batch {batch} where {} is next", sent.batch)));
    }
    let statement =
        statement.ok_or_else(|| Ended::Protocol("BatchAccepted.statement is missing".to_owned()))?;
    let statement = signed_by_one(statement)?;
    let directory = session.shared.directory.borrow().clone();
    let directory = directory.ok_or_else(|| Ended::Own("no directory is installed".to_owned()))?;
    let agency = session.shared.agency();
    let Sent { messages, headers, .. } = sent;
    let (verified, statement, headers) = session
        .pool
        .run(lanes.pace(), move |_| {
            let verified = statements::accepted(&statement, &agency, &headers, &directory);
            (verified, statement, headers)
        })
        .await?;
    let accepted = verified.map_err(|fault| Ended::Protocol(format!("its acceptance: {fault}")))?;
    let input = Input::Accepted { statement, accepted, headers, messages };
    session.engine.for_mail(lanes.pace()).send(input).await.map_err(|_| Ended::Stopping)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use sealpost_domain::message::Priority;

    use super::*;
    use crate::fixture::{NOW, Network};

    #[tokio::test]
    async fn what_the_index_does_not_have_yet_is_not_taken() {
        let network = Network::new();
        let [mut hong_kong, _] = network.nodes();
        (0..3).for_each(|_| hong_kong.publish(Priority::Urgent));
        let (shared, _) = hong_kong.shared(&network).await;
        let taken = |unindexed_from| {
            let batch = shared.core_mut().outbox.take(&[Priority::Urgent], 1 << 20, unindexed_from);
            batch.iter().map(|submission| submission.index).collect::<Vec<_>>()
        };
        let end = *shared.next_index.borrow();
        assert_eq!(taken(end - 1), [end - 3, end - 2]);
        assert!(taken(end - 1).is_empty());
        assert_eq!(taken(end), [end - 1]);
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_read_holds_up_none_of_the_others_and_goes_later() {
        let network = Network::new();
        let [mut hong_kong, _] = network.nodes();
        (0..3).for_each(|_| hong_kong.publish(Priority::Urgent));
        let signer = Arc::clone(&hong_kong.signing);
        let (shared, disk) = hong_kong.shared(&network).await;
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let mut next = |now| {
            let batch = shared.core_mut().outbox.take(&[Priority::Urgent], 1 << 20, u64::MAX);
            let taken: Vec<u64> = batch.iter().map(|submission| submission.index).collect();
            (taken, pack(&shared, batch, &network.directory, now, signer.as_ref(), &mut rng).messages)
        };
        disk.fail_read(disk.reads());
        let (taken, packed) = next(NOW);
        assert_eq!((taken.len(), packed.as_slice()), (3, &taken[1..]));

        let later = NOW.plus(Duration::from_hours(1));
        assert_eq!(shared.core_mut().outbox.send_due_again(later), 1);
        assert_eq!(next(later), (taken[..1].to_vec(), taken[..1].to_vec()));
    }
}
