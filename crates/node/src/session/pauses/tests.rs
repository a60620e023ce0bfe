use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use sealpost_crypto::chains::{self, Root};
use sealpost_crypto::dsse::Signer;
use sealpost_crypto::trust::TrustSet;
use sealpost_domain::identity::NetworkName;
use sealpost_domain::message::Priority;
use sealpost_ledger::tree::Files;
use sealpost_server::clock::Clock;
use sealpost_server::pool::Pool as Workers;
use sealpost_server::roots::Roots;
use sealpost_wire::status::{self, Failure};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tonic::{Code, Status};

use super::super::connection::Wire;
use super::super::dial::{Calls, Dial, Line};
use super::super::{Lanes, Prover, Settings, control, directory, receive, submit};
use super::*;
use crate::fixture::{NOW, Network};
use crate::own_keys::OwnKeys;
use crate::proofs::Proofs;
use crate::queue::queue;

/// How often the hub takes no call, and for how long.
const FULL: usize = 3;
const HINT: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(10);

/// A hub that is full for the first calls, and then forbids them.
#[derive(Default)]
struct Hub {
    called: Arc<AtomicUsize>,
}

#[tonic::async_trait]
impl Line for Hub {
    fn hub(&self) -> String {
        "a hub".to_owned()
    }

    fn calls(&self) -> Calls {
        let called = Arc::clone(&self.called);
        Calls::new(tower::util::MapErr::new(
            tower::service_fn(move |_| {
                let full = called.fetch_add(1, Ordering::Relaxed) < FULL;
                let refused = if full {
                    status::full("too fast", HINT)
                } else {
                    Failure::Forbidden.status("no longer")
                };
                std::future::ready(Ok::<_, Infallible>(refused.into_http()))
            }),
            |never| match never {},
        ))
    }

    fn explain(&self, status: Status) -> sealpost_client::Error {
        sealpost_client::Error::Lost { address: self.hub(), source: Box::new(status) }
    }

    async fn refused(&self) -> sealpost_client::Error {
        std::future::pending().await
    }
}

#[tonic::async_trait]
impl Dial for Hub {
    async fn dial(&self, _: &str, _: Duration) -> Result<Arc<dyn Line>, sealpost_client::Error> {
        Ok(Arc::new(Self { called: Arc::clone(&self.called) }))
    }
}

async fn session(folder: &std::path::Path) -> Session {
    let network = Network::new();
    let [hong_kong, _] = network.nodes();
    let (shared, _) = hong_kong.shared(&network).await;
    let hk = Root::new("HK");
    std::fs::write(folder.join("HK.crl"), hk.crl(&[])).unwrap();
    let mut set = TrustSet::new(NetworkName::parse(chains::NETWORK).unwrap());
    set.add_root(hk.holder, &hk.certificate).unwrap();
    let clock = Clock::new(|| NOW);
    let roots = Roots::open(set, &[hk.holder], folder, &folder.join("kept"), clock.clone()).unwrap();
    let signer = Arc::clone(&hong_kong.signing) as Arc<dyn Signer>;
    let own_keys = OwnKeys { agency: shared.agency().clone(), signing: signer.key_id(), sealing: Vec::new() };
    let checkpoint = watch::Sender::new(None).subscribe();
    let proofs = Proofs::new(shared.history.clone(), Files::at(folder), checkpoint, Arc::default());
    let settings = Settings {
        own_keys,
        addresses: vec!["hub:1".to_owned()],
        connect_timeout: Duration::from_secs(1),
        retry_first: Duration::from_millis(100),
        retry_max: LONGEST,
        batch_bytes: 1 << 16,
        batches_in_flight: 2,
        credit: 8,
    };
    let pool = Pool::new(Workers::new(1).unwrap(), Arc::new(|| Box::new(ChaCha20Rng::seed_from_u64(1))));
    let prover = Prover::new(proofs, signer, clock);
    let (engine, outgoing) = (queue(1).0, mpsc::channel(1).1);
    let (dial, roots) = (Arc::new(Hub::default()), Arc::new(roots));
    Session::new(shared, engine, hong_kong.verifier, prover, pool, dial, roots, outgoing, settings)
}

#[tokio::test(start_paused = true)]
async fn whatever_stream_the_hub_is_full_for_is_opened_again_after_the_time_that_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let session = Arc::new(session(folder.path()).await);
    for stream in ["Submit", "Receive", "Control", "WatchDirectory"] {
        let hub = Hub::default();
        let called = Arc::clone(&hub.called);
        let (wire, began) = (Wire::over(Arc::new(hub)), Instant::now());
        let ended = match stream {
            "Submit" => submit::run(&session, &wire, Lanes::Bulk).await,
            "Receive" => receive::run(&session, &wire, Priority::Routine).await,
            "Control" => control::run(&session, &wire).await,
            _ => directory::run(&session, &wire).await,
        };
        let ended = ended.unwrap_err();
        let forbidden = matches!(
            &ended,
            Ended::Connection(sealpost_client::Error::Lost { source, .. }) if source.code() == Code::PermissionDenied
        );
        assert!(forbidden, "{stream}: {ended}");
        assert_eq!(called.load(Ordering::Relaxed), FULL + 1, "{stream}");
        let waited = began.elapsed();
        assert!(
            waited >= HINT * 3 && waited <= HINT * 3 * 3 / 2 + Duration::from_secs(1),
            "{stream}: {waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_bounded_whatever_the_hub_asks_for_and_other_ends_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let session = session(folder.path()).await;
    let mut pauses = Pauses::new(&session, "Submit");
    let began = Instant::now();
    let full = Ended::Full { retry_after: Duration::MAX, detail: "full".to_owned() };
    pauses.sit_out(full).await.unwrap();
    assert!(began.elapsed() >= LONGEST && began.elapsed() <= LONGEST * 3 / 2 + Duration::from_millis(10));
    assert!(matches!(pauses.sit_out(Ended::Stopping).await, Err(Ended::Stopping)));
}
