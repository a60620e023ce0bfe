//! A hub from its configuration to its end.
//!
//! Order of the beginning: keys and certificate, directory and revocation lists, journal, door. Order of the end: stop
//! accepting, tell the nodes, let streams end, commit what is queued, close the journal. Everything that was
//! acknowledged is on the disk at any moment, so that no end loses anything.

mod error;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use sealpost_crypto::directory;
use sealpost_crypto::dsse::Signer;
use sealpost_crypto::peer::{Admission, Admitted};
use sealpost_crypto::tls::{Credentials, Endpoint};
use sealpost_crypto::trust::{RootHolder, TrustSet, Usage};
use sealpost_domain::directory::Directory;
use sealpost_domain::identity::{Role, Subject};
use sealpost_domain::link::Incarnation;
use sealpost_domain::statement::Signed;
use sealpost_seglog::disk::{Disk, Real};
use sealpost_server::acceptor::{Acceptor, Protocols};
use sealpost_server::connection::Connections;
use sealpost_server::serve::{Health, Server};
use sealpost_server::shutdown::Shutdown;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::config::{self, HubConfig};
use crate::core::State;
use crate::dispatch::Dispatch;
use crate::hot::Hot;
use crate::journal::jetstream::check::Verdict;
use crate::journal::jetstream::{self, JetStream};
use crate::journal::local::{self, Local};
use crate::journal::{Journal, Neighbours, Said};
use crate::published::Published;
use crate::relay::Relay;
use crate::service::{Door, Limits, Pace, Parts, Service};
use crate::stale;
use crate::view::View;
use crate::writer::{Ending, Reserve, Writer};
pub use error::Error;
use sealpost_server::clock::Clock;
use sealpost_server::config::HostPort;
use sealpost_server::pool::Pool;
use sealpost_server::program::say;
use sealpost_server::renewal::Renewal;
use sealpost_server::roots::Roots;

/// The roots without whose revocation lists a hub could do nothing. Another one's absence stops its own holders alone.
const NEEDED_ROOTS: [RootHolder; 1] = [RootHolder::HubOperator];
/// Memory for the latest envelopes.
const HOT_BYTES: usize = 8 << 20;
/// Streams on one connection: a node has four on each of its two, and asks for health.
const STREAMS_MAX: u32 = 16;
/// Threads that wait for what they read, where the journal is on other machines.
const READERS: usize = 16;
/// How long the tasks of streams may take to notice that their connections are gone.
const STREAMS_TIMEOUT: Duration = Duration::from_secs(2);

/// The files that a configuration names, read and checked as far as they can be without the journal.
pub struct Files {
    signing: Arc<dyn Signer>,
    credentials: Credentials,
    genesis: Signed,
    directory: Directory,
}

impl Files {
    /// Reads and checks the files.
    pub fn read(config: &HubConfig) -> Result<Self, Error> {
        let unlock = config.passphrase.unlock();
        let signing = config.signing.open(&unlock).map_err(Error::Signing)?;
        let credentials = config.tls.credentials(&unlock)?;
        let is_named =
            matches!(credentials.identity().subject(), Subject::Hub(name) if name.as_str() == config.name);
        if !is_named {
            let found = credentials.identity().clone();
            return Err(Error::Name { found, expected: config.name.clone() });
        }
        let (genesis, directory) = directory::read(&config.genesis)?;
        Ok(Self { signing, credentials, genesis, directory })
    }
}

/// Reads everything that a configuration names, as `check-config` does.
pub fn check(config: &HubConfig) -> Result<(), Error> {
    let files = Files::read(config)?;
    listed(files.signing.as_ref(), &files.directory)?;
    if let config::Journal::JetStream(settings) = &config.journal {
        jetstream::check_files(settings).map_err(jetstream::Error::from)?;
    }
    Roots::check(trust_set(&files.directory)?, &NEEDED_ROOTS, &config.crls, &Clock::system())?;
    Ok(())
}

/// Looks at the servers that keep the journal, and tells how they are.
pub async fn check_journal(config: &HubConfig, monitors: &[HostPort]) -> Result<(), Error> {
    let config::Journal::JetStream(settings) = &config.journal else {
        say(
            "ok      the journal is kept on the disk of this machine: `sealpost-hub check-config` reads the rest",
        )?;
        return Ok(());
    };
    let findings = jetstream::check::check(settings, monitors).await.map_err(jetstream::Error::from)?;
    for finding in &findings {
        say(&finding.to_string())?;
    }
    match findings.iter().filter(|finding| finding.verdict == Verdict::Fault).count() {
        0 => Ok(()),
        faults => Err(Error::Unfit(faults)),
    }
}

fn trust_set(directory: &Directory) -> Result<TrustSet, Error> {
    directory::trust_set(directory).map_err(Error::Root)
}

/// A hub that is ready to serve.
pub struct Hub {
    server: Server,
    shutdown: Shutdown,
    writer: Writer,
    ending: Ending,
    roots: Arc<Roots>,
    endpoint: Endpoint,
    connections: Connections,
    tasks: TaskTracker,
    address: std::net::SocketAddr,
    view: Arc<View>,
    clock: Clock,
    renewal: Renewal,
    published: Published,
    relay: Arc<Relay>,
    /// What other hubs say.
    heard: Option<mpsc::Receiver<Said>>,
}

impl Hub {
    /// Opens everything that a configuration names. The clock is passed in for tests.
    pub async fn open(config: &HubConfig, shutdown: Shutdown, clock: Clock) -> Result<Self, Error> {
        Self::open_with(config, Files::read(config)?, shutdown, clock).await
    }

    async fn open_with(
        config: &HubConfig,
        files: Files,
        shutdown: Shutdown,
        clock: Clock,
    ) -> Result<Self, Error> {
        let Files { signing, credentials, genesis, directory } = files;
        let (mut journal, state) = open_journal(config).await?;
        let neighbours = journal.neighbours();
        let (incarnation, reader) = (journal.incarnation(), journal.reader());
        tracing::info!(%incarnation, entries = state.next(), backlog = state.backlog(), "journal open");
        let view = Arc::new(View::new(state, Hot::new(HOT_BYTES)));
        let reserve = Reserve::of(config.limits.disk_reserve);
        let (writer, ending) =
            Writer::spawn(journal, Arc::clone(&view), clock.clone(), reserve).map_err(Error::System)?;
        let directory = provision(&writer, &view, genesis, directory, &config.data).await?;
        listed(signing.as_ref(), &directory)?;

        let (set, kept) = (trust_set(&directory)?, config.data.join("crls"));
        let roots = Arc::new(Roots::open(set, &NEEDED_ROOTS, &config.crls, &kept, clock.clone())?);
        let mut published = Published::new(&view, &reader, &roots);
        published.begin().await;
        let admission = Admission::new([Admitted::AnyAgency(Role::Node), Admitted::Operator]);
        let endpoint = Endpoint::new(credentials, roots.trust().clone(), admission, Arc::new(clock.clone()))
            .exchanging(config.tls.exchange);
        let acceptor =
            Acceptor::bind(config.listen, endpoint.clone(), config.limits.door, Protocols::Http2).await?;
        let (address, connections) = (acceptor.address().map_err(Error::System)?, acceptor.connections());

        let pool = Pool::of_cores().map_err(Error::System)?;
        let readers = match config.journal {
            config::Journal::Seglog => pool.clone(),
            config::Journal::JetStream(_) => Pool::new(READERS).map_err(Error::System)?,
        };
        let batch_bytes = config.limits.batch_bytes;
        let tasks = TaskTracker::new();
        let told = Arc::clone(&view);
        let (relay, heard) = match neighbours {
            None => (Relay::default(), None),
            Some(Neighbours { say, hear }) => (Relay::among(say), Some(hear)),
        };
        let relay = Arc::new(relay);
        let service = Service::new(Parts {
            dispatch: Dispatch::new(Arc::clone(&view), reader, readers, incarnation, batch_bytes),
            view,
            writer: writer.clone(),
            relay: Arc::clone(&relay),
            roots: Arc::clone(&roots),
            pool,
            signer: signing,
            clock: clock.clone(),
            incarnation,
            shutdown: shutdown.clone(),
            tasks: tasks.clone(),
            limits: Limits {
                backlog: config.limits.backlog_envelopes,
                sender_bytes: config.limits.sender_bytes,
            },
            pace: Pace::new(config.limits.rates()),
            connections: connections.clone(),
        });
        let renewal = Renewal::new(
            config.tls.clone(),
            config.passphrase.clone(),
            config.crls.clone(),
            vec![(endpoint.clone(), Usage::Server)],
            Arc::clone(&roots),
        );
        let server = Server::new(acceptor)
            .streams(STREAMS_MAX)
            .add_service(Door::new(service))
            .reflect(sealpost_wire::DESCRIPTORS)?;
        Ok(Self {
            server,
            shutdown,
            writer,
            ending,
            roots,
            endpoint,
            connections,
            tasks,
            address,
            view: told,
            clock,
            renewal,
            published,
            relay,
            heard,
        })
    }

    /// Where nodes connect.
    pub fn address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Serves until the shutdown, or until the disk fails.
    pub async fn serve(self) -> Result<(), Error> {
        let Self {
            server,
            shutdown,
            writer,
            ending,
            roots,
            endpoint,
            connections,
            tasks,
            address,
            view,
            clock,
            renewal,
            published,
            relay,
            heard,
        } = self;
        tracing::info!(%address, identity = %endpoint.identity(), "ready");
        let health = server.health();
        let served = tokio::select! {
            served = server.serve(&shutdown) => served.map_err(Error::from),
            failure = writer.failed() => Err(Error::Failed(failure)),
            () = connections.keep_closing_refused(&roots, &endpoint) => Ok(()),
            () = stale::warn(&view, &clock) => Ok(()),
            () = renewal.run() => Ok(()),
            () = published.follow() => Ok(()),
            () = hear(&relay, heard) => Ok(()),
            () = tell_health(&writer, &health) => Ok(()),
        };
        tasks.close();
        if tokio::time::timeout(STREAMS_TIMEOUT, tasks.wait()).await.is_err() {
            tracing::warn!(streams = tasks.len(), "streams did not end");
        }
        let closed = tokio::task::spawn_blocking(|| ending.close()).await;
        if closed.is_err() {
            tracing::error!("the journal was not closed in order");
        }
        served
    }
}

/// Tells that no work is taken while the journal cannot be reached.
async fn tell_health(writer: &Writer, health: &Health) {
    loop {
        writer.unreachable().await;
        health.not_serving().await;
        writer.reachable().await;
        health.serving().await;
    }
}

/// Takes what other hubs say.
async fn hear(relay: &Relay, heard: Option<mpsc::Receiver<Said>>) {
    if let Some(mut heard) = heard {
        while let Some(said) = heard.recv().await {
            relay.hear(said);
        }
    }
    std::future::pending::<()>().await;
}

/// Runs a hub until SIGTERM or SIGINT.
pub async fn run(config: &HubConfig) -> Result<(), Error> {
    // Before the signals are taken over, so that Ctrl-C at a prompt ends the program.
    let files = Files::read(config)?;
    let shutdown = Shutdown::on_signals(config.ending.grace).map_err(Error::System)?;
    let hub = tokio::select! {
        hub = Hub::open_with(config, files, shutdown.clone(), Clock::system()) => hub?,
        () = shutdown.begun() => return Ok(()),
    };
    hub.serve().await
}

async fn open_journal(config: &HubConfig) -> Result<(Box<dyn Journal>, State), Error> {
    let mut rng = UnwrapErr(SysRng);
    let incarnation = Incarnation(rng.random());
    match &config.journal {
        config::Journal::Seglog => {
            let (entries_salt, bodies_salt) = (rng.random(), rng.random());
            let disk: Arc<dyn Disk> = Arc::new(Real);
            let fresh = local::Fresh { incarnation, entries_salt, bodies_salt };
            let (journal, state) = Local::open(&disk, &config.data, fresh)?;
            Ok((Box::new(journal.syncing_together().map_err(Error::System)?), state))
        }
        config::Journal::JetStream(settings) => {
            let fresh = jetstream::Fresh { incarnation, proposer: rng.random() };
            let (journal, state) = JetStream::open(settings, fresh).await?;
            Ok((Box::new(journal), state))
        }
    }
}

/// The directory in force: the journal's, or for a new journal the one that the operator provisioned.
async fn provision(
    writer: &Writer,
    view: &View,
    genesis: Signed,
    provisioned: Directory,
    data: &Path,
) -> Result<Arc<Directory>, Error> {
    let Some(present) = view.directory() else {
        return writer.publish(genesis).await.map_err(Error::Publish);
    };
    if present.network != provisioned.network {
        return Err(Error::OtherNetwork {
            found: provisioned.network.to_string(),
            expected: present.network.to_string(),
            data: data.to_owned(),
        });
    }
    if provisioned.version.version > present.version.version {
        return writer.publish(genesis).await.map_err(Error::Publish);
    }
    Ok(present)
}

fn listed(signing: &dyn Signer, directory: &Directory) -> Result<(), Error> {
    let (key, version) = (signing.key_id(), directory.version.version);
    directory.hub_key(key).map(drop).ok_or(Error::UnlistedKey { key, version })
}
