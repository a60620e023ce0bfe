//! The hub's machine: its disk, and the program on it while it runs.
//!
//! The program is the shipped one without its door: journal, writer, state, dispatch, relay and services. Its writer has no
//! thread; a group is committed whenever the disk of the simulation gets to it.

use std::path::Path;
use std::sync::Arc;

use rand::RngExt as _;
use sealpost_crypto::directory::trust_set;
use sealpost_domain::link::Incarnation;
use sealpost_hub::dispatch::Dispatch;
use sealpost_hub::hot::Hot;
use sealpost_hub::journal::Journal as _;
use sealpost_hub::journal::local::{Fresh, Local};
use sealpost_hub::rates::{Rate, Rates};
use sealpost_hub::relay::Relay;
use sealpost_hub::service::{Limits, Pace, Parts, Service};
use sealpost_hub::view::View;
use sealpost_hub::writer::{Reserve, Turns, Writer};
use sealpost_seglog::disk::Disk;
use sealpost_seglog::disk::sim::Sim;
use sealpost_server::clock::Clock;
use sealpost_server::connection::Connections;
use sealpost_server::pool::Pool;
use sealpost_server::roots::Roots;
use sealpost_server::shutdown::Shutdown;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use crate::dice::Dice;
use crate::network::Network;
use crate::wire::Wire;
use crate::world::Ended;

/// Where the journal lies.
pub(crate) const FOLDER: &str = "hub";
/// Envelopes in memory: few, so that some are read from the disk.
const HOT_BYTES: usize = 16 << 10;
/// The most in one delivered batch: little, so that a backlog takes several.
const BATCH_BYTES: usize = 8 << 10;
const BACKLOG: usize = 1000;
/// What mail leaves of the disk: less than a disk that fills up may have, so that it also gets full.
const RESERVE: u64 = 4 << 10;
/// How much of one sender's mail waits at most: more than there ever is.
const SENDER_BYTES: u64 = 64 << 20;
/// How fast each agency may go on: little enough that a burst is slowed down.
const RATES: Rates = {
    let mail = Rate { items: 10, bytes: 1 << 20 };
    Rates { flash: mail, mail, control: Rate { items: 1000, bytes: 1 << 20 } }
};

/// The machine.
pub(crate) struct Hub {
    pub(crate) disk: Sim,
    pub(crate) program: Option<Program>,
    folder: TempDir,
    dice: Dice,
    starts: u64,
}

/// The program while it runs.
pub(crate) struct Program {
    pub(crate) view: Arc<View>,
    pub(crate) start: u64,
    turns: AbortHandle,
}

impl Hub {
    pub(crate) fn new(dice: Dice) -> Self {
        Self { disk: Sim::new(), program: None, folder: crate::network::folder(), dice, starts: 0 }
    }

    /// Starts the program; false when the disk does not let it.
    pub(crate) async fn start(
        &mut self,
        wire: &Wire,
        clock: Clock,
        ended: mpsc::UnboundedSender<Ended>,
    ) -> bool {
        let network = Network::get();
        let rng = self.dice.rng();
        let fresh = Fresh {
            incarnation: Incarnation(rng.random()),
            entries_salt: rng.random(),
            bodies_salt: rng.random(),
        };
        let disk: Arc<dyn Disk> = Arc::new(self.disk.clone());
        let Ok((journal, state)) = Local::open(&disk, Path::new(FOLDER), fresh) else { return false };
        let (incarnation, reader) = (journal.incarnation(), journal.reader());
        let view = Arc::new(View::new(state, Hot::new(HOT_BYTES)));
        let (writer, turns) =
            Writer::by_turns(Box::new(journal), Arc::clone(&view), clock.clone(), Reserve::of(RESERVE));
        self.starts += 1;
        let turns =
            tokio::spawn(commit(turns, writer.clone(), self.dice.clone(), self.starts, ended)).abort_handle();
        self.dice.number();
        self.program = Some(Program { view: Arc::clone(&view), start: self.starts, turns });
        if view.directory().is_none() && writer.publish(network.genesis.clone()).await.is_err() {
            return false;
        }
        let Some(directory) = view.directory() else { return false };
        let roots = Roots::open(
            trust_set(&directory).unwrap(),
            &[],
            network.crls(),
            self.folder.path(),
            clock.clone(),
        );
        let roots = roots.unwrap();
        let pool = Pool::within(2);
        let service = Service::new(Parts {
            dispatch: Dispatch::new(Arc::clone(&view), reader, pool.clone(), incarnation, BATCH_BYTES),
            view,
            writer,
            relay: Arc::new(Relay::default()),
            roots: Arc::new(roots),
            pool,
            signer: Arc::new(network.hub_key()),
            clock,
            incarnation,
            shutdown: Shutdown::new(std::time::Duration::from_secs(1)),
            tasks: TaskTracker::new(),
            limits: Limits { backlog: BACKLOG, sender_bytes: SENDER_BYTES },
            pace: Pace::new(RATES),
            connections: Connections::default(),
        });
        wire.hub(service, self.disk.clone());
        true
    }

    /// Ends the program where it stands.
    pub(crate) fn kill(&mut self, wire: &Wire) {
        wire.without_hub();
        if let Some(program) = self.program.take() {
            program.turns.abort();
        }
        self.disk.kill();
    }

    /// Another disk takes the place of this one: a copy, or an empty one.
    pub(crate) fn replace(&mut self, copy: Option<Sim>) {
        self.disk = copy.map_or_else(Sim::new, |copy| copy.fork());
        // Whoever held it then is gone.
        self.disk.kill();
    }

    /// Ends the program, and of what was not synced some is lost.
    pub(crate) fn lose_power(&mut self, wire: &Wire) {
        self.kill(wire);
        self.disk.lose_power(self.dice.number());
    }
}

/// Commits group after group; the disk takes its time.
async fn commit(
    mut turns: Turns,
    writer: Writer,
    mut dice: Dice,
    start: u64,
    ended: mpsc::UnboundedSender<Ended>,
) {
    let failed = writer.failed();
    tokio::pin!(failed);
    loop {
        tokio::select! {
            biased;
            failure = &mut failed => {
                // Nobody listens at the end of a run.
                let _ = ended.send(Ended::Hub { start, reason: failure.to_string() });
                return;
            }
            () = sleep(dice.millis(2, 20)) => turns.take(),
        }
    }
}
