use std::sync::mpsc;

use rand::{CryptoRng, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use sealpost_domain::message::Priority;
use sealpost_server::changes::Changes;
use sealpost_server::pool::Pool as Workers;
use tokio::time::Instant;

use super::*;
use crate::fixture::{HUB, NOW, Network};

const ROUTINE: Origin = Origin { hub: HUB, lane: Priority::Routine };

fn pool() -> Pool {
    Pool::new(Workers::new(1).unwrap(), Arc::new(|| Box::new(ChaCha20Rng::seed_from_u64(1))))
}

fn received(delivery: &Delivery) -> Received {
    Received { index: delivery.index, delivery: Ok(delivery.clone()) }
}

fn malformed(index: u64) -> Received {
    Received::new(pb::Delivery { index, ..pb::Delivery::default() })
}

/// Three deliveries of Hong Kong to Germany.
struct Mail {
    network: Network,
    verifier: Arc<Verifier>,
    deliveries: Vec<Delivery>,
}

impl Mail {
    /// Germany's folder of bucket keys ends here, so that it can take in nothing.
    fn new() -> Self {
        let network = Network::new();
        let [mut hong_kong, germany] = network.nodes();
        (0..3).for_each(|_| hong_kong.publish(Priority::Routine));
        let (_, deliveries) = hong_kong.submit();
        Self { network, verifier: Arc::new(germany.verifier), deliveries }
    }

    fn all(&self) -> VecDeque<Received> {
        self.deliveries.iter().map(received).collect()
    }

    /// By a version of the directory before theirs, under which they may not be sent.
    async fn judged_early(&self, deliveries: VecDeque<Received>, may_wait: MayWait) -> Pass {
        let mut directory = self.network.directory.clone();
        directory.version.version -= 1;
        directory.agreements.clear();
        self.judged(directory, deliveries, may_wait).await
    }

    async fn judged(&self, directory: Directory, deliveries: VecDeque<Received>, may_wait: MayWait) -> Pass {
        let judge = Judge { verifier: Arc::clone(&self.verifier), directory: Arc::new(directory), now: NOW };
        judge_on(&pool(), judge, ROUTINE, deliveries, may_wait).await.unwrap()
    }
}

fn indexes(verified: &[(u64, Verified)]) -> Vec<u64> {
    verified.iter().map(|(index, _)| *index).collect()
}

#[tokio::test(start_paused = true)]
async fn after_one_has_waited_in_vain_for_a_directory_none_waits_for_a_while() {
    let (patience, directories) = (Patience::default(), Changes::default());
    let begun = Instant::now();
    assert_eq!(after_waiting(&patience, None).await, MayWait::All);
    assert_eq!(after_waiting(&patience, Some(directories.listen())).await, MayWait::None);
    assert_eq!(begun.elapsed(), DIRECTORY_WAIT);
    // Others that came before that was known, and those that come now.
    assert_eq!(after_waiting(&patience, Some(directories.listen())).await, MayWait::None);
    assert_eq!(after_waiting(&patience, None).await, MayWait::None);
    assert_eq!(begun.elapsed(), DIRECTORY_WAIT);
    tokio::time::advance(PATIENCE_PAUSE).await;
    assert_eq!(after_waiting(&patience, None).await, MayWait::All);
}

#[tokio::test(start_paused = true)]
async fn whoever_has_waited_is_judged_and_what_follows_may_wait() {
    let (patience, directories) = (Patience::default(), Changes::default());
    let listener = directories.listen();
    directories.tell();
    assert_eq!(after_waiting(&patience, Some(listener)).await, MayWait::AllButFirst);
}

#[tokio::test]
async fn what_waits_for_a_directory_stops_its_chunk_and_nothing_before_it() {
    let mail = Mail::new();
    let mut deliveries = mail.all();
    deliveries.push_front(malformed(1));
    let Pass { verified, failed, rest } = mail.judged_early(deliveries, MayWait::All).await;
    assert!(matches!(verified.as_slice(), [(1, Verified::Unproven(_))]) && failed.is_none());
    assert_eq!(rest.len(), 3);
    let Pass { verified, rest, .. } = mail.judged_early(rest, MayWait::AllButFirst).await;
    assert!(matches!(verified.as_slice(), [(_, Verified::Early(_))]));
    assert_eq!(rest.len(), 2);
    let Pass { verified, rest, .. } = mail.judged_early(rest, MayWait::None).await;
    assert_eq!((indexes(&verified).len(), rest.len()), (2, 0));
}

#[tokio::test]
async fn what_this_node_cannot_judge_ends_the_chunk_and_what_was_judged_before_is_kept() {
    let mail = Mail::new();
    let mut deliveries = mail.all();
    deliveries.push_front(malformed(1));
    let directory = mail.network.directory.clone();
    let Pass { verified, failed, rest } = mail.judged(directory, deliveries, MayWait::All).await;
    assert_eq!((indexes(&verified).as_slice(), rest.len()), ([1].as_slice(), 0));
    assert!(failed.is_some());
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
    let pool = pool();

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
    let judged = |delivery: &Delivery, lane| {
        let (deliveries, pool) = ([received(delivery)].into(), pool.clone());
        let judge = Judge { verifier: Arc::clone(&verifier), directory: Arc::clone(&directory), now: NOW };
        let origin = Origin { hub: HUB, lane };
        async move {
            judge_on(&pool, judge, origin, deliveries, MayWait::All).await.unwrap().verified.pop().unwrap().1
        }
    };
    let waiting = tokio::spawn(judged(routine, Priority::Routine));
    let verified = judged(flash, Priority::Flash).await;
    assert!(matches!(verified, Verified::Arrived(_)));
    assert!(!waiting.is_finished() && !busy.is_finished(), "the others still wait");
    drop(hold);
    assert!(matches!(waiting.await.unwrap(), Verified::Arrived(_)));
    busy.await.unwrap().unwrap();
}
