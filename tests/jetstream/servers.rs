//! Servers, and journals on them.

use async_nats::jetstream;
use async_nats::jetstream::stream::Info;
use sealpost_domain::link::Incarnation;
use sealpost_hub::core::State;
use sealpost_hub::journal::Journal;
use sealpost_hub::journal::jetstream::{Fresh, JetStream, Settings};
use sealpost_testkit::nats::{self, NAMES, Options, Server};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::harness::eventually;
use crate::suite::Subject;

/// One server, and what runs the hubs' clients.
pub(crate) struct One {
    pub(crate) runtime: Runtime,
    pub(crate) server: Server,
    _folder: TempDir,
}

impl One {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&program(), folder.path(), &Options::default()).unwrap();
        Self { runtime: Runtime::new().unwrap(), server, _folder: folder }
    }
}

impl Subject for One {
    fn open(&self) -> (Box<dyn Journal>, State) {
        open(&self.runtime, &settings(vec![self.server.url()], 1))
    }
}

/// The program that is tested with.
pub(crate) fn program() -> std::path::PathBuf {
    nats::program().expect("NATS_SERVER names no program: start these tests by tests/jetstream/run")
}

pub(crate) fn settings(servers: Vec<String>, replicas: usize) -> Settings {
    Settings {
        servers,
        name: "sealpost".to_owned(),
        replicas,
        domain: None,
        credentials: None,
        ca: None,
        identity: None,
    }
}

pub(crate) fn open(runtime: &Runtime, settings: &Settings) -> (Box<dyn Journal>, State) {
    let fresh = Fresh { incarnation: Incarnation(rand::random()), proposer: rand::random() };
    let (journal, state) = runtime.block_on(JetStream::open(settings, fresh)).unwrap();
    (Box::new(journal), state)
}

/// Which server of three leads the stream of entries.
pub(crate) async fn leader(settings: &Settings) -> usize {
    let name: String = eventually("the stream has a leader", async || {
        let cluster = info(settings, "journal").await?.cluster.ok_or("it is in no cluster")?;
        cluster.leader.ok_or_else(|| "it has none".to_owned())
    })
    .await;
    NAMES.iter().position(|server| *server == name).unwrap()
}

/// Waits until all replicas of both streams are there and have everything.
pub(crate) async fn in_step(settings: &Settings) {
    eventually("all replicas have everything", async || {
        for stream in ["journal", "bodies"] {
            let cluster = info(settings, stream).await?.cluster.ok_or("it is in no cluster")?;
            let replicas = cluster.replicas;
            if cluster.leader.is_none() || replicas.len() != 2 {
                return Err(format!("{stream} is not complete"));
            }
            if let Some(behind) = replicas.iter().find(|replica| replica.offline || !replica.current) {
                return Err(format!("{} is behind with {stream}", behind.name));
            }
        }
        Ok(())
    })
    .await;
}

async fn info(settings: &Settings, stream: &str) -> Result<Info, String> {
    let client = async_nats::connect(&settings.servers).await.map_err(|error| error.to_string())?;
    let stream = jetstream::new(client).get_stream(format!("{}-{stream}", settings.name)).await;
    stream.map(|stream| stream.cached_info().clone()).map_err(|error| error.to_string())
}
