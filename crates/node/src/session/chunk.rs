//! Verifying what came, chunk by chunk on the pool: handing a delivery to a worker and back costs a part of what
//! verifying it does. What waits for a later directory stops its chunk, and nothing before it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::CryptoRng;
use sealpost_crypto::digest::sha256;
use sealpost_domain::directory::Directory;
use sealpost_domain::envelope::HEADER_BYTES_MAX;
use sealpost_domain::instant::Instant;
use sealpost_domain::rule::Rule;
use sealpost_proto::v1 as pb;
use sealpost_server::changes::Listener;
use sealpost_server::pool::GivenUp;
use sealpost_wire::hub::{Delivery, delivery};

use super::{Ended, Session};
use crate::core::Alarm;
use crate::pool::Pool;
use crate::verify::{Origin, Verified, Verifier};

/// How long an envelope that names a later directory waits for it.
const DIRECTORY_WAIT: Duration = Duration::from_secs(10);
/// How long none waits after one has waited in vain: its sender names the version, and could hold up all mail by that.
const PATIENCE_PAUSE: Duration = Duration::from_mins(1);
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

/// Deliveries that one worker verifies, in their order.
pub(super) struct Chunk {
    deliveries: VecDeque<Received>,
    /// Tells of later directories, where the first delivery waits for one.
    awaits: Option<Listener>,
}

/// What came of a chunk.
pub(super) struct Judged {
    /// In the order in which they came, with their indexes.
    pub(super) verified: Vec<(u64, Verified)>,
    /// What follows: the first of it waits for a later directory.
    pub(super) rest: Option<Chunk>,
    pub(super) origin: Origin,
}

/// A delivery as it came.
struct Received {
    index: u64,
    /// What it is, or why it is none.
    delivery: Result<Delivery, Alarm>,
}

/// By what deliveries are judged.
struct By {
    verifier: Arc<Verifier>,
    origin: Origin,
    directory: Arc<Directory>,
    now: Instant,
}

impl Chunk {
    /// What came together, shared among the workers of a pool.
    pub(super) fn of(messages: Vec<pb::Delivery>, pool: &Pool) -> impl Iterator<Item = Self> {
        let size = pool.share(messages.len());
        let mut messages = messages.into_iter().map(Received::new).peekable();
        std::iter::from_fn(move || {
            messages.peek()?;
            Some(Self { deliveries: messages.by_ref().take(size).collect(), awaits: None })
        })
    }
}

impl Received {
    fn new(message: pb::Delivery) -> Self {
        let (index, header) = (message.index, message.header.clone());
        let delivery = delivery(message).map_err(|error| Alarm {
            rule: Rule::DeliveryMalformed,
            peer: None,
            header: Some(sha256(&header)),
            detail: error.to_string(),
            exhibits: vec![header.slice(..header.len().min(HEADER_BYTES_MAX))],
        });
        Self { index, delivery }
    }
}

/// Verifies a chunk, up to a delivery that names a later directory: that waits for it, for a while.
pub(super) async fn verify(session: &Session, chunk: Chunk, origin: Origin) -> Result<Judged, Ended> {
    let Chunk { deliveries, awaits } = chunk;
    // Whoever has waited is judged by what is installed then, newer or not. What is settled by neither comes again from
    // its sender.
    let mut may_wait_from = 0;
    if let Some(mut directories) = awaits {
        may_wait_from = 1;
        if tokio::time::timeout(DIRECTORY_WAIT, directories.changed()).await.is_err() {
            session.directory_patience.is_over();
        }
    }
    if !session.directory_patience.is_left() {
        may_wait_from = usize::MAX;
    }
    // In this order, so that no change is missed.
    let listener = session.shared.directories.listen();
    let directory = session.shared.directory.borrow().clone();
    let directory = directory.ok_or_else(|| Ended::Own("no directory is installed".to_owned()))?;
    let by = By { verifier: Arc::clone(&session.verifier), origin, directory, now: session.shared.now() };
    let (verified, rest) = judge_on(&session.pool, by, deliveries, may_wait_from).await?;
    if let Some((_, Verified::Failed(error))) = verified.last() {
        return Err(Ended::Own(error.to_string()));
    }
    let rest = (!rest.is_empty()).then_some(Chunk { deliveries: rest, awaits: Some(listener) });
    Ok(Judged { verified, rest, origin })
}

/// Verifies on the pool, in the lane in which the deliveries came: FLASH waits for no other mail. Ends with one that could
/// not be judged, and before one that waits: from this position on each may. What is left comes back.
async fn judge_on(
    pool: &Pool,
    by: By,
    mut deliveries: VecDeque<Received>,
    may_wait_from: usize,
) -> Result<(Vec<(u64, Verified)>, VecDeque<Received>), GivenUp> {
    let By { verifier, origin, directory, now } = by;
    let judge = move |rng: &mut dyn CryptoRng| {
        let mut judged = Vec::with_capacity(deliveries.len());
        while let Some(received) = deliveries.pop_front() {
            let verified = match &received.delivery {
                Ok(delivery) => verifier.judge(delivery, origin, &directory, now, rng),
                Err(malformed) => Verified::Unproven(Box::new(malformed.clone())),
            };
            if judged.len() >= may_wait_from && matches!(verified, Verified::Early(_)) {
                deliveries.push_front(received);
                break;
            }
            let has_failed = matches!(verified, Verified::Failed(_));
            judged.push((received.index, verified));
            if has_failed {
                break;
            }
        }
        (judged, deliveries)
    };
    pool.run(origin.lane, judge).await
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use rand::{CryptoRng, SeedableRng as _};
    use rand_chacha::ChaCha20Rng;
    use sealpost_domain::message::Priority;
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
        let [flash, routine] = [&deliveries[0], &deliveries[1]];
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
        let judge = |delivery: &Delivery, lane| {
            let received = Received { index: delivery.index, delivery: Ok(delivery.clone()) };
            let (verifier, directory, pool) = (Arc::clone(&verifier), Arc::clone(&directory), pool.clone());
            let by = By { verifier, origin: Origin { hub: HUB, lane }, directory, now: NOW };
            async move { judge_on(&pool, by, [received].into(), 0).await.unwrap().0.pop().unwrap().1 }
        };
        let waiting = tokio::spawn(judge(routine, Priority::Routine));
        let verified = judge(flash, Priority::Flash).await;
        assert!(matches!(verified, Verified::Arrived(_)));
        assert!(!waiting.is_finished() && !busy.is_finished(), "the others still wait");
        drop(hold);
        assert!(matches!(waiting.await.unwrap(), Verified::Arrived(_)));
        busy.await.unwrap().unwrap();
    }
}
