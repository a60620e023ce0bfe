//! An agency's machine: its disk and folder, its clock, and the node on it while it runs.
//!
//! The node is the shipped one without its doors: opening and rebuilding, writer, publisher, session, keeper of the tree, views.
//! What is put together here and not there: the parts are the same as in `sealpost_node::run`, the ledger has no thread, and
//! what the file system knows of the ledger's files is known to the machine ([`Noted`]).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use sealpost_crypto::directory::trust_set;
use sealpost_crypto::dsse::{Signer, SigningKey};
use sealpost_domain::agency::AgencyId;
use sealpost_domain::instant::Instant;
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
use sealpost_node::run::continuity::{Continuity, Found, Standing};
use sealpost_node::run::rebuild::Opening;
use sealpost_node::run::{self, Places, checkpoints};
use sealpost_node::session::{self, Session};
use sealpost_node::shared::Shared;
use sealpost_node::verify::Verifier;
use sealpost_node::views::LedgerViews;
use sealpost_seglog::disk::Disk;
use sealpost_seglog::disk::sim::Sim;
use sealpost_server::clock::Clock;
use sealpost_server::pool::{Blocking, Pool as Workers};
use sealpost_server::roots::Roots;
use sealpost_store::{Batch, Keyspace, Memory, Pair, Projections, Range};
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::network::{BEGIN, Network};
use crate::wire::{Dialler, Wire};
use crate::world::Ended;

/// How much waits in each queue: little, so that some are full.
const QUEUE: usize = 64;

/// The machine.
pub(crate) struct Node {
    pub(crate) id: AgencyId,
    pub(crate) disk: Sim,
    pub(crate) program: Option<Program>,
    /// Under which it signs.
    pub(crate) signing: Arc<SigningKey>,
    /// The one after that, when the directory lists it already.
    pub(crate) next_key: Option<Arc<SigningKey>>,
    /// By how many milliseconds its clock is wrong.
    pub(crate) skew: Arc<AtomicI64>,
    folder: TempDir,
    dice: Dice,
    boot: u64,
    /// Which files of the ledger lie there, as the file system would tell.
    files: u64,
    noted: Option<Noted>,
    index: Option<(Kept, Incarnation, u64)>,
    starts: u64,
    began: tokio::time::Instant,
}

/// What the node noted of its ledger at its last start.
#[derive(Clone, Copy)]
struct Noted {
    standing: Standing,
    boot: u64,
    files: u64,
}

/// An index that a program leaves behind.
#[derive(Clone)]
struct Kept(Arc<Memory>);

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

/// A copy of all that lies on a machine.
pub(crate) struct Backup {
    disk: Sim,
    folder: TempDir,
    files: u64,
    noted: Option<Noted>,
}

impl Node {
    pub(crate) fn new(id: AgencyId, dice: Dice) -> Self {
        Self {
            signing: Arc::new(Network::get().signing(&id)),
            next_key: None,
            id,
            disk: Sim::new(),
            program: None,
            skew: Arc::default(),
            folder: crate::network::folder(),
            dice,
            boot: 1,
            files: 1,
            noted: None,
            index: None,
            starts: 0,
            began: tokio::time::Instant::now(),
        }
    }

    /// Its clock.
    pub(crate) fn clock(&self) -> Clock {
        let (skew, began) = (Arc::clone(&self.skew), self.began);
        Clock::new(move || {
            let passed = i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX);
            Instant::from_millis(BEGIN.as_millis() + passed + skew.load(Ordering::Relaxed))
        })
    }

    fn places(&self) -> Places {
        // The ledger lies on the disk in memory, all else in the folder.
        Places { ledger: PathBuf::from("ledger"), ..Places::under(self.folder.path()) }
    }

    fn examine(&self) -> Found {
        let unproven_from = self.noted.and_then(|noted| match noted.standing {
            Standing::Unproven(index) => Some(index),
            Standing::Proven => None,
        });
        let listed = self.disk.list(Path::new("ledger")).unwrap_or_default();
        let is_segment = |name: &String| Path::new(name).extension().is_some_and(|end| end == "seg");
        let continuity = match self.noted {
            _ if !listed.iter().any(is_segment) => Continuity::New,
            Some(noted) if noted.files != self.files => Continuity::Copied,
            Some(noted) if noted.boot == self.boot && unproven_from.is_none() => Continuity::Same,
            _ => Continuity::Unproven,
        };
        Found { continuity, unproven_from }
    }

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
        let buckets = run::bucket_keys(&places, &opened, self.dice.rng()).map_err(|error| told(&error))?;
        let buckets = Arc::new(buckets);
        let signer: Arc<dyn Signer> = Arc::clone(&self.signing) as Arc<dyn Signer>;
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
        let (inputs, taken) = mpsc::channel(QUEUE);
        let (commands, asked) = mpsc::channel(QUEUE);
        let (outgoing, said) = mpsc::channel(QUEUE);
        let pool = Pool::new(Workers::new(2).working(Blocking::Within), self.dice.source());
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
        let own_keys = OwnKeys {
            agency: self.id.clone(),
            signing: self.signing.key_id(),
            sealing: vec![sealing.public_key().key_id()],
        };
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
            settings(own_keys),
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

    /// Ends the program where it stands.
    pub(crate) fn kill(&mut self, wire: &Wire) {
        // Dropping the tasks ends them.
        drop(self.program.take());
        wire.cut(&self.id);
        self.disk.kill();
    }

    /// Ends the program, and of what was not synced some is lost.
    pub(crate) fn lose_power(&mut self, wire: &Wire) {
        self.kill(wire);
        self.disk.lose_power(self.dice.number());
        self.boot += 1;
        // Tiles are never synced.
        if self.dice.percent(30) {
            let _ = fs::remove_dir_all(self.places().tree.join("tile"));
        }
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

    /// Copies all that lies there, while the program runs.
    pub(crate) fn back_up(&self) -> Backup {
        let folder = crate::network::folder();
        copy(self.folder.path(), folder.path());
        Backup { disk: self.disk.fork(), folder, files: self.files, noted: self.noted }
    }

    /// Puts the files of a copy there.
    pub(crate) fn restore(&mut self, backup: &Backup) {
        self.set_back(backup);
        self.files = self.starts + 1000;
    }

    /// The whole machine is what it was.
    pub(crate) fn set_back(&mut self, backup: &Backup) {
        self.disk = backup.disk.fork();
        // Whoever held it then is gone.
        self.disk.kill();
        self.folder = crate::network::folder();
        copy(backup.folder.path(), self.folder.path());
        (self.files, self.noted, self.index) = (backup.files, backup.noted, None);
        self.boot += 1000;
    }

    /// All is lost but the keys.
    pub(crate) fn wipe(&mut self) {
        (self.disk, self.folder) = (Sim::new(), crate::network::folder());
        (self.noted, self.index) = (None, None);
        self.files = self.starts + 1000;
        self.boot += 1;
    }

    /// Where its tree and its checkpoint lie.
    pub(crate) fn tree(&self) -> PathBuf {
        self.places().tree
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

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
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
}
