//! The node on an agency's machine: the shipped one without its doors. Opening and rebuilding, judging of its keys, writer,
//! publisher, session, keeper of the tree, views.
//!
//! What is put together here and not there: the parts are the same as in `sealpost_node::run`, and the ledger has no thread.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use sealpost_crypto::directory::trust_set;
use sealpost_crypto::dsse::Signer;
use sealpost_domain::directory::Directory;
use sealpost_domain::link::Incarnation;
use sealpost_ledger::{Buckets, Commits, Ledger, tree};
use sealpost_node::core::{Policies, outbox, witness};
use sealpost_node::engine::Engine;
use sealpost_node::handle::{Handle, Views};
use sealpost_node::known::Known;
use sealpost_node::own_keys::OwnKeys;
use sealpost_node::pool::Pool;
use sealpost_node::prepare::Preparer;
use sealpost_node::proofs::Proofs;
use sealpost_node::publisher::Publisher;
use sealpost_node::queue::queue;
use sealpost_node::run::continuity::Standing;
use sealpost_node::run::rebuild::Opening;
use sealpost_node::run::{self, checkpoints};
use sealpost_node::session::{self, Session};
use sealpost_node::shared::Shared;
use sealpost_node::verify::Verifier;
use sealpost_node::views::LedgerViews;
use sealpost_seglog::disk::Disk;
use sealpost_server::pool::{Blocking, Pool as Workers};
use sealpost_server::roots::Roots;
use sealpost_store::{Batch, Keyspace, Memory, Pair, Projections, Range};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Node, Noted};
use crate::network::Network;
use crate::wire::{Dialler, Wire};
use crate::world::Ended;

/// How much waits in each queue: little, so that some are full.
const QUEUE: usize = 64;

/// The node while it runs.
pub(crate) struct Program {
    pub(crate) start: u64,
    pub(crate) handle: Handle,
    pub(crate) views: Arc<LedgerViews>,
    pub(crate) shared: Arc<Shared>,
    ledger: Ledger,
    tasks: JoinSet<()>,
    stop_session: CancellationToken,
}

/// What a program works on.
struct Opened {
    ledger: Ledger,
    shared: Arc<Shared>,
    buckets: Arc<Buckets>,
    signer: Arc<dyn Signer>,
    keeper: tree::Keeper,
    roots: Arc<Roots>,
}

/// An index that a program leaves behind.
#[derive(Clone)]
pub(super) struct Kept(Arc<Memory>);

impl Node {
    /// Starts the program. On failure, why it does not start.
    pub(crate) async fn start(
        &mut self,
        wire: &Arc<Wire>,
        ended: mpsc::UnboundedSender<Ended>,
    ) -> Result<(), String> {
        let opened = self.open().await?;
        self.run(opened, wire, ended);
        Ok(())
    }

    /// Opens the ledger and all that lies beside it.
    async fn open(&mut self) -> Result<Opened, String> {
        let (places, clock, network) = (self.places(), self.clock(), Network::get());
        fs::create_dir_all(&places.buckets).unwrap();
        let (boot, files) = (self.boot, self.files);
        let kept = self.index.take();
        let index = |incarnation: Incarnation, next: u64| {
            let usable = kept
                .as_ref()
                .filter(|(kept, of, made)| (*of, *made) == (incarnation, boot) && kept.applied() <= next);
            Ok(usable.map_or_else(|| Kept(Arc::new(Memory::new())), |(kept, ..)| kept.clone()))
        };
        let opening = Opening {
            agency: &self.id,
            policies: policies(),
            disk: Arc::new(self.disk.clone()) as Arc<dyn Disk>,
            commits: Commits::Inline,
            places: &places,
            index: &index,
            now: clock.now(),
        };
        let noted = std::sync::Mutex::new(self.noted);
        let note = |standing| {
            *noted.lock().unwrap() = Some(Noted { standing, boot, files });
            Ok(())
        };
        let found = self.examine();
        let opened = opening.begin(found, &note, &network.genesis, self.dice.rng()).await;
        self.noted = noted.into_inner().unwrap();
        let opened = opened.map_err(|error| told(&error))?;
        let directory = opened.core.directory().cloned().ok_or("no directory")?;
        self.judge_keys(&directory)?;
        let buckets = run::bucket_keys(&places, &opened, self.dice.rng()).map_err(|error| told(&error))?;
        let buckets = Arc::new(buckets);
        let signer: Arc<dyn Signer> = Arc::clone(self.keys.given()) as Arc<dyn Signer>;
        let keeper = checkpoints::open(
            &places.tree,
            &opened.ledger,
            &directory,
            Arc::clone(&signer),
            Blocking::Within,
        )
        .await
        .map_err(|error| told(&error))?;
        let kept = Kept(Arc::clone(&opened.store.0));
        self.index = Some((kept.clone(), opened.ledger.incarnation(), self.boot));
        let shared = Arc::new(Shared::new(
            opened.core,
            directory.network.clone(),
            opened.ledger.history().clone(),
            Arc::new(kept),
            Arc::clone(&buckets),
            clock.clone(),
            keeper.watch(),
        ));
        let roots =
            Roots::open(trust_set(&directory).unwrap(), &[], network.crls(), &places.crls, clock.clone());
        let roots = Arc::new(roots.unwrap());
        Ok(Opened { ledger: opened.ledger, shared, buckets, signer, keeper, roots })
    }

    /// Lets everything work.
    fn run(&mut self, opened: Opened, wire: &Arc<Wire>, ended: mpsc::UnboundedSender<Ended>) {
        let (places, clock, network) = (self.places(), self.clock(), Network::get());
        let Opened { ledger, shared, buckets, signer, keeper, roots } = opened;
        self.starts += 1;
        let start = self.starts;
        let (inputs, taken) = queue(QUEUE);
        let (commands, asked) = queue(QUEUE);
        let (outgoing, said) = mpsc::channel(QUEUE);
        let pool = Pool::new(Workers::within(2), self.dice.source());
        let engine = Engine::new(
            Arc::clone(&shared),
            ledger.clone(),
            taken,
            outgoing,
            Arc::clone(&signer),
            pool.random(),
        );
        let views = Arc::new(LedgerViews::new(Arc::clone(&shared)));
        let known = || Arc::clone(&views) as Arc<dyn Known>;
        let preparer = Preparer::new(self.id.clone(), Arc::clone(&buckets), known());
        let publisher =
            Publisher::new(Arc::clone(&shared), Arc::clone(&views), preparer, pool.clone(), inputs.clone());
        let broken = Arc::new(Notify::new());
        let proofs = Proofs::new(
            shared.history.clone(),
            tree::Files::at(&places.tree),
            shared.checkpoint.clone(),
            Arc::clone(&broken),
        );
        let proofs = proofs.working(Blocking::Within);
        let prover = session::Prover::new(proofs, Arc::clone(&signer), clock);
        let sealing = network.sealing(&self.id);
        let verifier = Verifier::new(self.id.clone(), vec![sealing], buckets, known());
        let dial = Dialler {
            wire: Arc::clone(wire),
            agency: self.id.clone(),
            certificate: network.certificate(&self.id),
        };
        let session = Session::new(
            Arc::clone(&shared),
            inputs,
            verifier,
            prover,
            pool,
            Arc::new(dial),
            roots,
            said,
            settings(self.keys.own()),
        );
        let handle =
            Handle::new(commands, Arc::clone(&views) as Arc<dyn Views>, shared.next_index.subscribe());
        let (stop_session, stop_keeper) = (CancellationToken::new(), CancellationToken::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(session.run(stop_session.clone()));
        tasks.spawn(publisher.run(asked));
        let (id, keeper_ended) = (self.id.clone(), ended.clone());
        tasks.spawn(async move {
            let reason = match engine.run().await {
                Ok(()) => "in order".to_owned(),
                Err(error) => told(&error),
            };
            // Nobody listens at the end of a run.
            let _ = ended.send(Ended::Node { id, start, reason });
        });
        let (id, durable) = (self.id.clone(), ledger.watch());
        tasks.spawn(async move {
            if let Err(error) =
                checkpoints::keep(keeper, durable, broken, stop_keeper, Blocking::Within).await
            {
                let _ = keeper_ended.send(Ended::Node { id, start, reason: told(&error) });
            }
        });
        self.program = Some(Program { start, handle, views, shared, ledger, tasks, stop_session });
    }

    /// Ends the program in order, as SIGTERM does.
    pub(crate) async fn stop(&mut self, wire: &Wire) {
        if let Some(Program { handle, views, shared, ledger, mut tasks, stop_session, .. }) =
            self.program.take()
        {
            stop_session.cancel();
            drop((handle, views));
            // Session, publisher and writer end one after the other; the keeper goes with the ledger.
            for _ in 0..3 {
                let _ = tokio::time::timeout(Duration::from_secs(10), tasks.join_next()).await;
            }
            if ledger.close().await.is_ok() && shared.core().has_heard_all() {
                self.noted = Some(Noted { standing: Standing::Proven, boot: self.boot, files: self.files });
            }
        }
        self.kill(wire);
    }

    /// The node does not start under a key that its ledger's directory does not list. Its operator reads that, and gives it
    /// the latest of its keys that is listed, for the next start.
    fn judge_keys(&mut self, directory: &Directory) -> Result<(), String> {
        let now = self.clock().now();
        self.keys.judge(directory, now).map_err(|unlisted| {
            self.keys.give_by(directory, now);
            told(&unlisted)
        })
    }

    /// Gives the node the latest of its keys that is listed in the directory that it installed, for its next start. Whether
    /// that is another one than it runs with.
    pub(crate) fn give_listed_key(&mut self) -> bool {
        let directory = self.program.as_ref().and_then(|program| program.shared.core().directory().cloned());
        let now = self.clock().now();
        directory.is_some_and(|directory| self.keys.give_by(&directory, now))
    }
}

/// When it tries and asks again: sooner than shipped, so that a run is short.
fn policies() -> Policies {
    let outbox = outbox::Policy {
        resend_after: Duration::from_secs(5),
        resend_after_max: Duration::from_secs(40),
        quiet: Duration::from_secs(1),
        heads_every: Duration::from_secs(5),
    };
    Policies { outbox, witness: witness::Policy { demand_every: Duration::from_secs(10) } }
}

fn settings(own_keys: OwnKeys) -> session::Settings {
    session::Settings {
        own_keys,
        addresses: vec!["hub:1".to_owned()],
        connect_timeout: Duration::from_secs(10),
        retry_first: Duration::from_millis(100),
        retry_max: Duration::from_secs(2),
        batch_bytes: 8 << 10,
        batches_in_flight: 4,
        credit: 6,
    }
}

fn told(error: &dyn std::error::Error) -> String {
    sealpost_server::program::with_causes(error)
}

impl Projections for Kept {
    fn applied(&self) -> u64 {
        self.0.applied()
    }

    fn get(&self, keyspace: Keyspace, key: &[u8]) -> Result<Option<Vec<u8>>, sealpost_store::Error> {
        self.0.get(keyspace, key)
    }

    fn scan(&self, keyspace: Keyspace, range: &Range<'_>) -> Result<Vec<Pair>, sealpost_store::Error> {
        self.0.scan(keyspace, range)
    }

    fn apply(&self, batch: Batch) -> Result<(), sealpost_store::Error> {
        self.0.apply(batch)
    }

    fn distrust_lacking(&self, keyspace: Keyspace) -> sealpost_store::Error {
        self.0.distrust_lacking(keyspace)
    }

    fn has_failed(&self) -> bool {
        self.0.has_failed()
    }
}
