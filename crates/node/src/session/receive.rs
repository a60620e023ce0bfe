//! Receiving one priority: envelopes are verified on the pool in the order in which they came, acknowledged when they
//! are durable, and only then is there credit for more.

use sealpost_domain::rule::Rule;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesOrdered;
use sealpost_crypto::digest::sha256;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::HEADER_BYTES_MAX;
use sealpost_domain::instant::Instant;
use sealpost_domain::link::Incarnation;
use sealpost_domain::message::Priority;
use sealpost_proto::v1 as pb;
use sealpost_proto::v1::receive_request::Event as Ask;
use sealpost_proto::v1::receive_response::Event as Told;
use sealpost_server::pool::GivenUp;
use sealpost_wire::hub::{Delivery, cursor_message, delivery, priority_number};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{debug, info};

use super::connection::Wire;
use super::pauses::Pauses;
use super::{Ended, Session};
use crate::core::Alarm;
use crate::engine::{Broken, Input, Mark};
use crate::pool::Pool;
use crate::verify::{Origin, Verified, Verifier};

/// How long an envelope that names a later directory waits for it.
const DIRECTORY_WAIT: Duration = Duration::from_secs(10);
/// How long none waits after one has waited in vain: its sender names the version, and could hold up all mail by that.
const PATIENCE_PAUSE: Duration = Duration::from_mins(1);
/// Requests on their way to the transport.
const REQUESTS: usize = 16;

/// Whether it is worth waiting for a version of the directory.
#[derive(Default)]
pub(super) struct Patience(Mutex<Option<tokio::time::Instant>>);

impl Patience {
    fn is_left(&self) -> bool {
        self.lock().is_none_or(|in_vain| in_vain.elapsed() >= PATIENCE_PAUSE)
    }

    /// Somebody has waited in vain.
    fn is_over(&self) {
        *self.lock() = Some(tokio::time::Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Option<tokio::time::Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
            Some(verified) = verifying.next(), if !verifying.is_empty() => {
                let (index, verified) = verified?;
                let input = Input::Delivered { verified: Box::new(verified), index, mark: mark.clone() };
                session.engine.send(input).await.map_err(|_| Ended::Stopping)?;
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
                        for message in batch.deliveries {
                            unacknowledged.push_back(message.index);
                            verifying.push_back(verify(session, message, Origin { hub, lane: priority }));
                        }
                    }
                    Some(Told::Reset(pb::CursorReset { hub_incarnation })) => {
                        info!(%priority, "the hub does not know our cursor: it delivers everything that is unsettled");
                        let hub = incarnation(&hub_incarnation)?;
                        know(session, hub);
                        session.engine.send(Input::HubReset { hub }).await.map_err(|_| Ended::Stopping)?;
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

/// Verifies one delivery; one that names a later directory waits for it, for a while.
async fn verify(session: &Session, message: pb::Delivery, origin: Origin) -> Result<(u64, Verified), Ended> {
    let (index, header) = (message.index, message.header.clone());
    let delivery = match delivery(message) {
        Ok(delivery) => Arc::new(delivery),
        Err(error) => {
            let alarm = Alarm {
                rule: Rule::DeliveryMalformed,
                peer: None,
                header: Some(sha256(&header)),
                detail: error.to_string(),
                exhibits: vec![header.slice(..header.len().min(HEADER_BYTES_MAX))],
            };
            return Ok((index, Verified::Unproven(Box::new(alarm))));
        }
    };
    let mut directories = session.shared.directories.listen();
    let mut verified = judge(session, &delivery, origin).await?;
    if matches!(verified, Verified::Early(_)) && session.directory_patience.is_left() {
        // It is judged by what is installed then, newer or not. What is settled by neither comes again from its sender.
        match tokio::time::timeout(DIRECTORY_WAIT, directories.changed()).await {
            Ok(()) => verified = judge(session, &delivery, origin).await?,
            Err(_) => session.directory_patience.is_over(),
        }
    }
    match verified {
        Verified::Failed(error) => Err(Ended::Own(error.to_string())),
        verified => Ok((index, verified)),
    }
}

async fn judge(session: &Session, delivery: &Arc<Delivery>, origin: Origin) -> Result<Verified, Ended> {
    let directory = session.shared.directory.borrow().clone();
    let directory = directory.ok_or_else(|| Ended::Own("no directory is installed".to_owned()))?;
    let delivery = Arc::clone(delivery);
    Ok(judge_on(&session.pool, &session.verifier, delivery, origin, directory, session.shared.now()).await?)
}

/// Verifies on the pool, in the lane in which the delivery came: FLASH waits for no other mail.
async fn judge_on(
    pool: &Pool,
    verifier: &Arc<Verifier>,
    delivery: Arc<Delivery>,
    origin: Origin,
    directory: Arc<Directory>,
    now: Instant,
) -> Result<Verified, GivenUp> {
    let verifier = Arc::clone(verifier);
    pool.run(origin.lane, move |rng| verifier.judge(&delivery, origin, &directory, now, rng)).await
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use rand::{CryptoRng, SeedableRng as _};
    use rand_chacha::ChaCha20Rng;
    use sealpost_server::pool::Pool as Workers;

    use super::*;
    use crate::fixture::{HUB, NOW, Network};

    #[tokio::test(start_paused = true)]
    async fn after_one_has_waited_in_vain_for_a_directory_none_waits_for_a_while() {
        let patience = Patience::default();
        assert!(patience.is_left());
        patience.is_over();
        tokio::time::advance(PATIENCE_PAUSE / 2).await;
        assert!(!patience.is_left());
        tokio::time::advance(PATIENCE_PAUSE / 2).await;
        assert!(patience.is_left());
    }

    #[tokio::test]
    async fn flash_is_verified_while_every_worker_is_busy_with_other_mail() {
        let network = Network::new();
        let [mut hong_kong, germany] = network.nodes();
        hong_kong.publish(Priority::Flash);
        hong_kong.publish(Priority::Routine);
        let (_, deliveries) = hong_kong.submit();
        let [flash, routine] = [&deliveries[0], &deliveries[1]].map(|delivery| Arc::new(delivery.clone()));
        let (verifier, directory) = (Arc::new(germany.verifier), Arc::new(network.directory.clone()));
        let pool = Pool::new(Workers::new(1), Arc::new(|| Box::new(ChaCha20Rng::seed_from_u64(1))));

        let (hold, held) = mpsc::channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let busy = tokio::spawn({
            let pool = pool.clone();
            async move {
                let work = move |_: &mut dyn CryptoRng| {
                    let _ = begun.send(());
                    // Ends with the hold on it.
                    let _ = held.recv();
                };
                pool.run(Priority::Urgent, work).await
            }
        });
        begins.await.unwrap();
        let judge = |delivery: &Arc<Delivery>, lane| {
            let (delivery, directory) = (Arc::clone(delivery), Arc::clone(&directory));
            let (pool, verifier) = (pool.clone(), Arc::clone(&verifier));
            async move { judge_on(&pool, &verifier, delivery, Origin { hub: HUB, lane }, directory, NOW).await }
        };
        let waiting = tokio::spawn(judge(&routine, Priority::Routine));
        let verified = judge(&flash, Priority::Flash).await.unwrap();
        assert!(matches!(verified, Verified::Arrived(_)));
        assert!(!waiting.is_finished() && !busy.is_finished(), "the others still wait");
        drop(hold);
        assert!(matches!(waiting.await.unwrap().unwrap(), Verified::Arrived(_)));
        busy.await.unwrap().unwrap();
    }
}
