//! A node from its configuration to its end.
//!
//! Order of the beginning: keys and certificate, ledger, core and index over it, revocation lists, tree, door. Order of
//! the end: stop accepting, let calls end, leave the hub, settle what was taken, close the ledger, sign a last
//! checkpoint over it, close the index. Everything that
//! was answered is on the disk at any moment, so that no end loses anything.

pub mod checkpoints;
pub mod continuity;
mod error;
mod files;
mod latest;
mod new_life;
pub mod rebuild;
mod settings;

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sealpost_crypto::dsse::Signer;
use sealpost_crypto::signing::Signing;
use sealpost_crypto::tls::Endpoint;
use sealpost_domain::directory::Directory;
use sealpost_ledger::{Buckets, Ledger, tree};
use sealpost_server::acceptor::{Acceptor, Protocols, Refused};
use sealpost_server::connection::Connections;
use sealpost_server::pool::{Blocking, Pool as Workers};
use sealpost_server::program::with_causes;
use sealpost_server::renewal::Renewal;
use sealpost_server::roots::Roots;
use sealpost_server::serve::Server;
use sealpost_server::shutdown::Shutdown;
use sealpost_store::{Projections, Store};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::NodeConfig;
use crate::doors;
use crate::engine::{self, Engine, Input};
use crate::erase;
use crate::gateway::{Audit, Gateway};
use crate::handle::Handle;
use crate::known::Known;
use crate::pool::{Pool, system_random};
use crate::prepare::Preparer;
use crate::proofs::Proofs;
use crate::publisher::Publisher;
use crate::queue::queue;
use crate::session::{self, Session};
use crate::shared::Shared;
use crate::verify::Verifier;
use crate::views::LedgerViews;
pub(crate) use checkpoints::NEW_RECORDS;
pub use error::Error;
pub use files::{Files, Places};
use sealpost_server::clock::Clock;

/// How much may wait in front of the writer, in each lane.
const INPUTS: usize = 512;
/// How much may wait in front of the publisher, in each lane.
const COMMANDS: usize = 512;
/// How many statements wait for their way out.
const OUTGOING: usize = 1024;
/// Who was refused at the gateway and is not recorded yet; more are in the log alone.
const REFUSED: usize = 16;
/// After the door is closed: how long each part may take to end.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// A node that is ready to serve.
pub struct Node {
    server: Server,
    address: SocketAddr,
    handle: Handle,
    shutdown: Shutdown,
    roots: Arc<Roots>,
    door: Endpoint,
    connections: Connections,
    renewal: Renewal,
    /// Who is refused at the gateway, and the writer that is told.
    refused: (mpsc::Receiver<Refused>, mpsc::Sender<Input>),
    parts: Parts,
}

/// What has to end in order.
struct Parts {
    ledger: Ledger,
    store: Arc<Store>,
    shared: Arc<Shared>,
    stop_session: CancellationToken,
    session: JoinHandle<()>,
    publisher: JoinHandle<()>,
    engine: JoinHandle<Result<(), engine::Error>>,
    keeper: JoinHandle<Result<(), Error>>,
    stop_keeper: CancellationToken,
    places: Places,
}

/// By which directory a node was judged that is looked at from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JudgedBy {
    /// The last version in its ledger.
    Ledger(u64),
    /// The version that is provisioned: the node has never run.
    Genesis(u64),
}

impl fmt::Display for JudgedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(version) => {
                write!(f, "judged by version {version} of the directory, the last in the ledger")
            }
            Self::Genesis(version) => write!(
                f,
                "judged by version {version} of the directory, of [directory] genesis: the node has not run yet"
            ),
        }
    }
}

/// Reads everything that a configuration names, as `check-config` does, and judges the keys by the directory that the
/// node goes by.
pub fn check(config: &NodeConfig) -> Result<JudgedBy, Error> {
    let clock = Clock::system();
    let files = Files::read(config, &clock)?;
    let latest = latest::directory(&Places::of(config).ledger)?;
    let judged_by = match &latest {
        Some(directory) => JudgedBy::Ledger(directory.version.version),
        None => JudgedBy::Genesis(files.directory.version.version),
    };
    files.own_keys().judge(latest.as_ref().unwrap_or(&files.directory), clock.now())?;
    Ok(judged_by)
}

/// Lets the next start begin a new life of the ledger; the file that asks for it. On failure, which file and why.
pub fn begin_anew(config: &NodeConfig) -> Result<PathBuf, (PathBuf, std::io::Error)> {
    let places = Places::of(config);
    match continuity::ask_anew(&places) {
        Ok(()) => Ok(places.life),
        Err(error) => Err((places.life, error)),
    }
}

/// Runs a node until SIGTERM or SIGINT.
pub async fn run(config: &NodeConfig) -> Result<(), Error> {
    // Before the signals are taken over, so that Ctrl-C at a prompt ends the program.
    let clock = Clock::system();
    let files = Files::read(config, &clock)?;
    let shutdown = Shutdown::on_signals(config.ending.grace).map_err(Error::System)?;
    Node::open_with(config, files, shutdown, clock).await?.serve().await
}

/// The keys of the bodies, before anything is read: keys that were put back from a backup bring nothing back.
pub fn bucket_keys<S: Projections>(
    places: &Places,
    opened: &rebuild::Opened<S>,
    rng: &mut dyn rand::CryptoRng,
) -> Result<Buckets, Error> {
    let buckets = Buckets::open(&places.buckets)?;
    let missing = opened.without_keys(&buckets)?;
    if !missing.is_empty() {
        return Err(Error::KeysMissing { dir: places.buckets.clone(), buckets: missing });
    }
    let due = opened.core.due_to_be_destroyed(erase::present(&buckets));
    erase::carry_out_at_start(due, &buckets, opened.ledger.history(), rng)?;
    Ok(buckets)
}

/// The tree over the ledger, and whoever keeps it.
async fn tree(
    places: &Places,
    ledger: &Ledger,
    directory: &Directory,
    signer: &Arc<dyn Signer>,
) -> Result<tree::Keeper, Error> {
    checkpoints::open(&places.tree, ledger, directory, Arc::clone(signer), Blocking::Apart).await
}

/// What is proven to peers and auditors, out of that tree; who finds it broken says so.
fn proofs(shared: &Shared, places: &Places, broken: &Arc<Notify>) -> Proofs {
    let files = tree::Files::at(&places.tree);
    Proofs::new(shared.history.clone(), files, shared.checkpoint.clone(), Arc::clone(broken))
}

/// The writer at work. A token may take its time to sign: its writer keeps nobody else waiting.
fn written_by(engine: Engine, signing: &Signing) -> Result<JoinHandle<Result<(), engine::Error>>, Error> {
    match signing {
        Signing::File(_) => Ok(tokio::spawn(engine.run())),
        Signing::Token(_) => on_its_own_thread(engine.run()).map_err(Error::System),
    }
}

impl Node {
    /// Opens everything that a configuration names, and begins to work; the door opens with [`Node::serve`].
    pub async fn open(config: &NodeConfig, shutdown: Shutdown, clock: Clock) -> Result<Self, Error> {
        let files = Files::read(config, &clock)?;
        Self::open_with(config, files, shutdown, clock).await
    }

    async fn open_with(
        config: &NodeConfig,
        files: Files,
        shutdown: Shutdown,
        clock: Clock,
    ) -> Result<Self, Error> {
        let places = Places::of(config);
        let random = system_random();
        let opened = rebuild::open_apart(config, &places, &clock, &files.genesis, &random).await?;
        let directory = opened.core.directory().cloned().ok_or(Error::Interrupted)?;
        let own_keys = files.own_keys();
        own_keys.judge(&directory, clock.now())?;
        let (set, needed) = (files::trust_set(&directory)?, files.needed_roots());
        let roots = Arc::new(Roots::open(set, &needed, &config.crls, &places.crls, clock.clone())?);
        let (buckets, signer) = (Arc::new(bucket_keys(&places, &opened, random().as_mut())?), files.signing);
        let keeper = tree(&places, &opened.ledger, &directory, &signer).await?;
        let shared = Arc::new(Shared::new(
            opened.core,
            directory.network.clone(),
            opened.ledger.history().clone(),
            Arc::clone(&opened.store) as Arc<dyn Projections>,
            Arc::clone(&buckets),
            clock.clone(),
            keeper.watch(),
        ));

        let (inputs, taken) = queue(INPUTS);
        let (commands, asked) = queue(COMMANDS);
        let (outgoing, said) = mpsc::channel(OUTGOING);
        let pool = Pool::new(Workers::of_cores().map_err(Error::System)?, random);
        let engine = Engine::new(
            Arc::clone(&shared),
            opened.ledger.clone(),
            taken,
            outgoing,
            Arc::clone(&signer),
            pool.random(),
        );
        let views = Arc::new(LedgerViews::new(Arc::clone(&shared)));
        let publisher = Publisher::new(
            Arc::clone(&shared),
            Arc::clone(&views),
            Preparer::new(config.agency.clone(), Arc::clone(&buckets), Arc::clone(&views) as Arc<dyn Known>),
            pool.clone(),
            inputs.clone(),
        );
        let broken = Arc::new(Notify::new());
        let proofs = proofs(&shared, &places, &broken);
        let prover = session::Prover::new(proofs.apart(), Arc::clone(&signer), clock.clone());
        let [to_hub, door] = settings::ends(config, &files.credentials, roots.trust(), &clock);
        let renewal = files::renewal(config, &door, to_hub.clone(), &roots);
        let session = Session::new(
            Arc::clone(&shared),
            inputs.clone(),
            Verifier::new(
                config.agency.clone(),
                files.sealing,
                buckets,
                Arc::clone(&views) as Arc<dyn Known>,
            ),
            prover,
            pool,
            Arc::new(session::dial::Tls::new(to_hub, Arc::clone(&roots))),
            Arc::clone(&roots),
            said,
            settings::session(config, own_keys),
        );

        let (refused, turned_away) = mpsc::channel(REFUSED);
        let acceptor = Acceptor::bind(config.listen, door.clone(), config.limits, Protocols::Http2)
            .await?
            .telling(refused);
        let (address, connections) = (acceptor.address().map_err(Error::System)?, acceptor.connections());
        let handle = Handle::new(commands, views, shared.next_index.subscribe());
        let gateway = Gateway::new(handle.clone(), config.agency.clone(), shutdown.token());
        let audit = Audit::new(config.agency.clone(), shared.history.clone(), proofs, shutdown.token());
        let server = Server::new(acceptor)
            .add_service(gateway.into_service())
            .add_service(audit.into_service())
            .reflect(sealpost_wire::DESCRIPTORS)?;

        let (stop_session, stop_keeper) = (CancellationToken::new(), CancellationToken::new());
        let durable = opened.ledger.watch();
        let parts = Parts {
            ledger: opened.ledger,
            store: opened.store,
            shared,
            session: tokio::spawn(session.run(stop_session.clone())),
            stop_session,
            publisher: tokio::spawn(publisher.run(asked)),
            engine: written_by(engine, &config.signing)?,
            keeper: tokio::spawn(checkpoints::keep(
                keeper,
                durable,
                broken,
                stop_keeper.clone(),
                Blocking::Apart,
            )),
            stop_keeper,
            places,
        };
        let refused = (turned_away, inputs.ordinary().clone());
        Ok(Self { server, address, handle, shutdown, roots, door, connections, renewal, refused, parts })
    }

    /// Where the agency's own connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the gateway works with.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Serves until the shutdown, or until the disk fails.
    pub async fn serve(self) -> Result<(), Error> {
        let Self { server, address, handle, shutdown, roots, door, connections, renewal, refused, mut parts } =
            self;
        let (refused, inputs) = refused;
        let status = handle.status();
        drop(handle);
        info!(
            %address,
            agency = %status.agency,
            ledger_next_index = status.ledger_next_index,
            directory = status.directory_version,
            "ready"
        );
        let mut ended_early = None;
        let serving = async { tokio::join!(server.serve(&shutdown), doors::tell(refused, inputs)).0 };
        let served = tokio::select! {
            served = serving => served.map_err(Error::from),
            ended = &mut parts.engine => {
                ended_early = Some(writer_end(ended));
                shutdown.begin();
                Ok(())
            }
            ended = &mut parts.keeper => {
                parts.keeper = tokio::spawn(std::future::ready(Ok(())));
                shutdown.begin();
                keeper_end(ended)
            }
            () = connections.keep_closing_refused(&roots, &door) => Ok(()),
            () = renewal.run() => Ok(()),
        };
        let ended = parts.end(ended_early).await;
        served.and(ended)
    }
}

impl Parts {
    /// The door is closed: nothing new comes from there.
    async fn end(self, engine_ended: Option<Result<(), Error>>) -> Result<(), Error> {
        let Self {
            ledger,
            store,
            shared,
            stop_session,
            session,
            publisher,
            engine,
            keeper,
            stop_keeper,
            places,
        } = self;
        stop_session.cancel();
        for (part, task) in [("session", session), ("publisher", publisher)] {
            let abort = task.abort_handle();
            if timeout(END_TIMEOUT, task).await.is_err() {
                error!(part, timeout = ?END_TIMEOUT, "did not end in time");
                abort.abort();
            }
        }
        let ended = match engine_ended {
            Some(ended) => ended,
            None => match timeout(END_TIMEOUT, engine).await {
                Ok(ended) => writer_end(ended),
                Err(_) => Err(Error::Stuck { part: "writer", timeout: END_TIMEOUT }),
            },
        };
        ended.and(ledger.close().await.map_err(|fatal| Error::Writer(fatal.into())))?;
        stop_keeper.cancel();
        match timeout(END_TIMEOUT, keeper).await {
            Ok(ended) => keeper_end(ended)?,
            Err(_) => return Err(Error::Stuck { part: "checkpoint", timeout: END_TIMEOUT }),
        }
        // Only now: a node that ends otherwise proves nothing new.
        if shared.core().has_heard_all()
            && let Err(error) = continuity::note_proven(&places)
        {
            warn!(error = with_causes(&error), "peers are asked at the next start what they have");
        }
        drop(shared);
        if let Some(store) = Arc::into_inner(store) {
            if let Err(error) = store.close() {
                warn!(
                    error = with_causes(&error),
                    "the index could not be written at the end; the ledger is safe, and the next start makes the index anew if it has to"
                );
            }
        } else {
            info!(
                "the index is in use to the end; the next start goes on from its file, or after a reboot makes it anew"
            );
        }
        info!("closed in order");
        Ok(())
    }
}

/// A token may take long to sign, which must not hold up whatever else runs on a worker.
fn on_its_own_thread<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> std::io::Result<JoinHandle<T>> {
    let (runtime, (done, ended)) = (tokio::runtime::Handle::current(), oneshot::channel());
    std::thread::Builder::new().name("writer".to_owned()).spawn(move || {
        // Nobody listens when the node has given up waiting.
        let _ = done.send(runtime.block_on(work));
    })?;
    Ok(tokio::spawn(async {
        ended.await.expect("the thread tells its end, unless it panicked, as this then does")
    }))
}

fn writer_end(ended: Result<Result<(), engine::Error>, tokio::task::JoinError>) -> Result<(), Error> {
    match ended {
        Ok(ended) => ended.map_err(Error::Writer),
        Err(_) => Err(Error::Interrupted),
    }
}

fn keeper_end(ended: Result<Result<(), Error>, tokio::task::JoinError>) -> Result<(), Error> {
    ended.map_err(|_| Error::Interrupted)?
}
