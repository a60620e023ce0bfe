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
    fn exhaust(&self) {
        *self.lock() = Some(tokio::time::Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Option<tokio::time::Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which deliveries of a chunk may wait for a later directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MayWait {
    All,
    /// The first has waited: it is judged by what is in force now, newer or not.
    AllButFirst,
    None,
}

impl MayWait {
    fn allows(self, position: usize) -> bool {
        match self {
            Self::All => true,
            Self::AllButFirst => position > 0,
            Self::None => false,
        }
    }
}

/// Deliveries that one worker verifies, in their order.
pub(super) struct Chunk {
    deliveries: VecDeque<Received>,
    /// Tells of later directories, where the first delivery waits for one.
    awaits: Option<Listener>,
    origin: Origin,
}

/// What came of a chunk.
pub(super) struct Judged {
    /// In the order in which they came, with their indexes.
    pub(super) verified: Vec<(u64, Verified)>,
    /// Why nothing that follows could be judged, by this node's own fault.
    pub(super) failed: Option<String>,
    /// What follows: the first of it waits for a later directory.
    pub(super) rest: Option<Chunk>,
}

/// A delivery as it came.
struct Received {
    index: u64,
    /// What it is, or why it is none.
    delivery: Result<Delivery, Alarm>,
}

/// Judges deliveries by one version of the directory.
struct Judge {
    verifier: Arc<Verifier>,
    directory: Arc<Directory>,
    now: Instant,
}

impl Chunk {
    /// What came together, shared among the workers of a pool.
    pub(super) fn of(messages: Vec<pb::Delivery>, origin: Origin, pool: &Pool) -> impl Iterator<Item = Self> {
        pool.chunks(messages).map(move |messages| {
            let deliveries = messages.into_iter().map(Received::new).collect();
            Self { deliveries, awaits: None, origin }
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
pub(super) async fn verify(session: &Session, chunk: Chunk) -> Result<Judged, Ended> {
    let Chunk { deliveries, awaits, origin } = chunk;
    let may_wait = after_waiting(&session.directory_patience, awaits).await;
    // In this order, so that no change is missed.
    let listener = session.shared.directories.listen();
    let directory = session.shared.directory.borrow().clone();
    let directory = directory.ok_or_else(|| Ended::Own("no directory is installed".to_owned()))?;
    let judge = Judge { verifier: Arc::clone(&session.verifier), directory, now: session.shared.now() };
    let Pass { verified, failed, rest } =
        judge_on(&session.pool, judge, origin, deliveries, may_wait).await?;
    let rest = (!rest.is_empty()).then_some(Chunk { deliveries: rest, awaits: Some(listener), origin });
    Ok(Judged { verified, failed, rest })
}

/// Lets a chunk wait that waits for a later directory, unless somebody has just waited in vain. Which of its deliveries
/// may wait then. A delivery that no version settles comes again from its sender.
async fn after_waiting(patience: &Patience, awaits: Option<Listener>) -> MayWait {
    let has_waited = awaits.is_some();
    if let Some(mut directories) = awaits
        && patience.is_left()
        && tokio::time::timeout(DIRECTORY_WAIT, directories.changed()).await.is_err()
    {
        patience.exhaust();
    }
    match (patience.is_left(), has_waited) {
        (true, false) => MayWait::All,
        (true, true) => MayWait::AllButFirst,
        (false, _) => MayWait::None,
    }
}

/// What one pass over deliveries gave, by one version of the directory.
struct Pass {
    verified: Vec<(u64, Verified)>,
    /// Why it went no further, where this node is at fault.
    failed: Option<String>,
    /// What waits for a later directory.
    rest: VecDeque<Received>,
}

/// Verifies on the pool, in the lane in which the deliveries came: FLASH waits for no other mail.
async fn judge_on(
    pool: &Pool,
    judge: Judge,
    origin: Origin,
    mut deliveries: VecDeque<Received>,
    may_wait: MayWait,
) -> Result<Pass, GivenUp> {
    let work = move |rng: &mut dyn CryptoRng| {
        let (mut verified, mut failed) = (Vec::with_capacity(deliveries.len()), None);
        while let Some(received) = deliveries.pop_front() {
            match judge.judge(&received, origin, rng) {
                // The stream ends by it, and what follows is delivered again.
                Verified::Failed(error) => {
                    failed = Some(error.to_string());
                    deliveries.clear();
                }
                Verified::Early(_) if may_wait.allows(verified.len()) => {
                    deliveries.push_front(received);
                    break;
                }
                settled => verified.push((received.index, settled)),
            }
        }
        Pass { verified, failed, rest: deliveries }
    };
    pool.run(origin.lane, work).await
}

impl Judge {
    fn judge(&self, received: &Received, origin: Origin, rng: &mut dyn CryptoRng) -> Verified {
        match &received.delivery {
            Ok(delivery) => self.verifier.judge(delivery, origin, &self.directory, self.now, rng),
            Err(malformed) => Verified::Unproven(Box::new(malformed.clone())),
        }
    }
}

#[cfg(test)]
mod tests;
