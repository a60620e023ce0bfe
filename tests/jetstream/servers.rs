//! Servers, and journals on them.

use sealpost_domain::link::Incarnation;
use sealpost_hub::core::State;
use sealpost_hub::journal::Journal;
use sealpost_hub::journal::jetstream::{Fresh, JetStream, Settings};
use sealpost_testkit::nats::{self, Options, Server};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::suite::Subject;

/// One server, and what runs the hubs' clients.
pub(crate) struct One {
    runtime: Runtime,
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
